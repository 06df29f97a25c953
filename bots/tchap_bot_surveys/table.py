"""What all have answered as a table for the owner, a line each: CSV as of `tchap_bot_polls.table`. Pure.

Of a named survey the lines bear names, in their order; of an anonymous one they are sorted by what they say, and have
neither. No line has a time.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from tchap_bot_polls.signs import alphabetical, clean
from tchap_bot_polls.wording import Words
from tchap_bot_surveys import answering
from tchap_bot_surveys.keeping import Given
from tchap_bot_surveys.model import Answer, Kind, Question, Survey
from tchap_bot_surveys.summary import Entry
from tchap_bridges.i18n import Language
from tchap_bridges.sheet import csv_of

LARGEST: Final = 900_000
"""Bytes of one file: a bot may show a megabyte."""
_CHOSEN: Final = "x"


def tables(survey: Survey, given: Sequence[Given], language: Language) -> list[bytes]:
    """As many files as it takes, of at most `LARGEST` bytes."""
    words, head = Words(language), _head(survey.questions)
    if survey.anonymous:
        return _files(head, sorted(_row(survey.questions, one.answers, language) for one in given), language)
    ordered = sorted(given, key=lambda one: (alphabetical(one.name), one.person))
    rows = [[clean(one.name) or "…", one.person, *_row(survey.questions, one.answers, language)] for one in ordered]
    return _files([words.gettext("Nom"), words.gettext("Identifiant"), *head], rows, language)


def _files(head: list[str], rows: list[list[str]], language: Language) -> list[bytes]:
    whole = csv_of([head, *rows], language)
    if len(whole) <= LARGEST or len(rows) < 2:
        return [whole]
    half = len(rows) // 2
    return _files(head, rows[:half], language) + _files(head, rows[half:], language)


def _head(questions: Sequence[Question]) -> list[str]:
    """A column for each question; for each option of one that takes several."""
    return list(chain.from_iterable(_columns(n, question) for n, question in enumerate(questions, 1)))


def _columns(n: int, question: Question) -> Iterator[str]:
    text = f"{n}. {clean(question.text)}"
    if question.kind is Kind.SEVERAL:
        yield from (f"{text} — {clean(option)}" for option in question.options)
    else:
        yield text


def _row(questions: Sequence[Question], entry: Entry, language: Language) -> list[str]:
    pairs = zip(questions, entry, strict=True)
    return list(chain.from_iterable(_cells(question, answer, language) for question, answer in pairs))


def _cells(question: Question, answer: Answer, language: Language) -> Iterator[str]:
    match question.kind:
        case Kind.SEVERAL:
            yield from (_CHOSEN if str(n) in answer else "" for n in range(1, len(question.options) + 1))
        case _ if not answer:
            yield ""
        case Kind.ONE:
            yield clean(question.options[int(answer[0]) - 1])
        case Kind.SCALE | Kind.NUMBER:
            yield answering.decimal(answer[0], language)
        case Kind.DATE | Kind.TEXT:
            yield answer[0]
