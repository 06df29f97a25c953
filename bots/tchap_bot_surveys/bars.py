"""What all have answered, as text: bars, means and medians, and for the owner what people wrote. Pure."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from html import escape
from typing import Final

from tchap_bot_polls.bars import ANSWER_LENGTH, QUESTION_LENGTH, bar
from tchap_bot_polls.signs import shown
from tchap_bot_polls.wording import Words
from tchap_bot_surveys import answering
from tchap_bot_surveys.model import Kind
from tchap_bot_surveys.summary import Count, Summary
from tchap_bridges.events import Text
from tchap_bridges.i18n import Language, Translator

_LARGEST: Final = 30_000
"""Bytes of both forms: an event has 65,536 (Matrix 1.17, Size limits), of which encryption takes a quarter."""
MOST_BARS: Final = 20
"""Of one question: dates may be many."""
_MOST_TEXTS: Final = 10
_TEXT_LENGTH: Final = 200


def texts_of(title: str, found: Sequence[Summary], language: Language, *, words_too: bool = False) -> list[Text]:
    """As many messages as it takes. ``words_too``: with what people wrote, for the owner."""
    words = Words(language)
    messages: list[Text] = []
    head = shown(title, QUESTION_LENGTH)
    plain, html = head, f"<p><strong>{_safe(head)}</strong></p>"
    for n, summary in enumerate(found, 1):
        first, *lines = _lines(words, n, summary, words_too=words_too)
        more = "\n".join(("", first, *lines))
        more_html = f"<p><strong>{_safe(first)}</strong><br>{'<br>'.join(map(_marked, lines))}</p>"
        if len((plain + html + more + more_html).encode()) > _LARGEST:
            messages.append(Text(plain=plain.strip(), html=html))
            plain, html = "", ""
        plain, html = f"{plain}\n{more}", html + more_html
    return [*messages, Text(plain=plain.strip(), html=html)]


def _lines(words: Words, n: int, summary: Summary, *, words_too: bool) -> Iterator[str]:
    yield f"{n}. {shown(summary.question.text, QUESTION_LENGTH)}"
    translator = Translator(words.language)
    for count in summary.counts[:MOST_BARS]:
        said = f"{shown(translator(count.text), ANSWER_LENGTH)} — {given(words, summary, count)}"
        yield f"{bar(count.votes, 0, summary.answered)} {said}"
    if len(summary.counts) > MOST_BARS:
        rest = len(summary.counts) - MOST_BARS
        yield words.ngettext("… et {n} autre réponse", "… et {n} autres réponses", rest)
    yield ", ".join(turnout(words, summary))
    if words_too:
        for text in summary.texts[:_MOST_TEXTS]:
            yield f"— {shown(text, _TEXT_LENGTH)}"
        if (rest := len(summary.texts) - _MOST_TEXTS) > 0:
            yield words.ngettext("… et {n} autre, dans le fichier", "… et {n} autres, dans le fichier", rest)


def given(words: Words, summary: Summary, count: Count) -> str:
    """What one answer was given: « 6 (60 %) »."""
    return f"{words.number(count.votes)} ({words.percent(count.votes, summary.answered)})"


def turnout(words: Words, summary: Summary) -> list[str]:
    """How many answered, how many did not, and what numbers come to: a phrase each."""
    found = [words.ngettext("{n} réponse", "{n} réponses", summary.answered)]
    if summary.skipped:
        found.append(words.ngettext("{n} passée", "{n} passées", summary.skipped))
    if summary.numbers is not None:
        found.append(words.gettext("moyenne {n}", n=_decimal(words, summary.numbers.mean)))
        found.append(words.gettext("médiane {n}", n=_decimal(words, summary.numbers.median)))
        if summary.question.kind is Kind.NUMBER:
            least, most = _decimal(words, summary.numbers.least), _decimal(words, summary.numbers.most)
            found.append(words.gettext("de {least} à {most}", least=least, most=most))
    return found


def _decimal(words: Words, number: Fraction) -> str:
    """With at most two places, rounded to even."""
    rounded = round(number, 2)
    return answering.decimal(f"{float(rounded):.2f}".rstrip("0").rstrip("."), words.language)


def _marked(line: str) -> str:
    """A bar in a face whose blocks are of one width."""
    first, _space, rest = line.partition(" ")
    return f"<code>{first}</code> {_safe(rest)}" if set(first) <= set("█░") else _safe(line)


def _safe(text: str) -> str:
    return escape(text, quote=False)
