"""A result as text for the room: a bar, the votes and the share of each answer, then what was decided. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from html import escape
from typing import Final

from tchap_bot_polls.model import Outcome, Result
from tchap_bot_polls.signs import shown
from tchap_bot_polls.wording import Words, given, leaders, outcome, rounds, turnout, voters, warnings, whole
from tchap_bridges.events import Text
from tchap_bridges.i18n import Language

WIDTH: Final = 10
QUESTION_LENGTH: Final = 300
ANSWER_LENGTH: Final = 80
_NAME_LENGTH: Final = 40
_MOST_NAMES: Final = 12
_LARGEST: Final = 40_000
"""Bytes of both forms: an event has 65,536 (Matrix 1.17, Size limits), of which encryption takes a quarter."""
_YES, _MAYBE, _NONE = "█", "▒", "░"
"""Of one block of Unicode (Block Elements), so of one font and one width."""


@dataclass(frozen=True, slots=True)
class _Line:
    bar: str
    mark: str
    answer: str
    said: str
    names: str


def text_of(result: Result, language: Language, *, closed: bool = True) -> Text:
    """The result, to be said in the room. While the poll runs (not ``closed``) nothing is called decided.

    What would not fit into an event goes without its voters' names, then without its rounds.
    """
    words = Words(language)
    lines = list(_lines(words, result, closed=closed))
    end = outcome(words, result) if closed else words.gettext("Résultat provisoire : le vote est en cours")
    voted, told = ", ".join(turnout(words, result)), rounds(words, result)
    beware = warnings(words, result) if closed else []
    nameless = [replace(line, names="") for line in lines]
    text = Text()
    for some, below in (
        (lines, [voted, *beware, *told]),
        (nameless, [voted, *beware, *told]),
        (nameless, [voted, *beware]),
    ):
        text = _text(shown(result.question, QUESTION_LENGTH), some, end, below)
        if len(f"{text.plain}{text.html}".encode()) <= _LARGEST:
            break
    return text


def _text(question: str, lines: Sequence[_Line], end: str, below: Sequence[str]) -> Text:
    plain = [question, *(part for line in lines for part in _plain(line)), end, *below]
    html = [f"<p><strong>{_safe(question)}</strong></p>"]
    if lines:
        html.append(f"<p>{_broken(map(_html, lines))}</p>")
    html.append(f"<p><strong>{_safe(end)}</strong><br>{_broken(map(_safe, below))}</p>")
    return Text(plain="\n".join(plain), html="".join(html))


def bar(votes: int, maybe: int, most: int) -> str:
    """`WIDTH` blocks. Whatever is not nothing has one, and the last is full only where there was nobody else."""
    yes = _filled(votes, most)
    both = max(_filled(votes + maybe, most), min(yes + 1, WIDTH) if maybe else yes)
    return _YES * yes + _MAYBE * (both - yes) + _NONE * (WIDTH - both)


def _filled(part: int, most: int) -> int:
    if part <= 0 or most <= 0:
        return 0
    if part >= most:
        return WIDTH
    return min(max(int(Fraction(part * WIDTH, most) + Fraction(1, 2)), 1), WIDTH - 1)


def _lines(words: Words, result: Result, *, closed: bool) -> Iterator[_Line]:
    first = leaders(result) if closed else ()
    mark = "=" if result.outcome is Outcome.TIED else "✓"
    for count in result.counts:
        yield _Line(
            bar=bar(count.votes, count.maybe, whole(result)),
            mark=mark if count in first else "",
            answer=shown(count.option.text, ANSWER_LENGTH),
            said=given(words, result, count),
            names=words.listed([shown(name, _NAME_LENGTH) for name in voters(result, count)], _MOST_NAMES),
        )


def _plain(line: _Line) -> Iterator[str]:
    yield " ".join(part for part in (line.bar, line.mark, f"{line.answer} — {line.said}") if part)
    if line.names:
        yield f"↳ {line.names}"


def _html(line: _Line) -> str:
    answer = _safe(line.answer)
    parts = (f"<code>{line.bar}</code>", line.mark, f"<strong>{answer}</strong>" if line.mark else answer)
    names = f"<br>↳ <em>{_safe(line.names)}</em>" if line.names else ""
    return f"{' '.join(part for part in parts if part)} — {_safe(line.said)}{names}"


def _safe(text: str) -> str:
    return escape(text, quote=False)


def _broken(parts: Iterable[str]) -> str:
    return "<br>".join(parts)
