"""A result as a table for whoever owns the poll: CSV (RFC 4180) that French and English Excel open as it is.

UTF-8 with a byte order mark; ``;`` between cells in French, where the comma is in the numbers. A cell that a
spreadsheet would take for a formula, and that is no number, has an apostrophe before it (OWASP, CSV Injection). Of a
secret poll there are counts only, in the order of the question; of another, a line per voter in the order of names.
Neither has times. Pure.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import repeat
from typing import Final

from tchap_bot_polls.model import Count, Kind, Result
from tchap_bot_polls.signs import alphabetical, clean
from tchap_bot_polls.wording import Words, leaders, voters, whole
from tchap_bridges.i18n import Language

_FORMULA: Final = frozenset("=+-@＝＋－＠")
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?")
_CHOSEN: Final = "x"

Row = Sequence[str]


def table(result: Result, language: Language) -> bytes:
    """Who chose what; counts, when that is secret or nobody is named."""
    words = Words(language)
    named = any(voters(result, count) for count in result.counts)
    return csv_of(_voters(words, result) if named else _counts(words, result), language)


def counts(result: Result, language: Language) -> bytes:
    """What each answer was given: for a named poll, beside `table`."""
    return csv_of(_counts(Words(language), result), language)


def _voters(words: Words, result: Result) -> Iterator[Row]:
    """A column per answer, so that whoever chose several is one line still."""
    chosen = [Counter(voters(result, count)) for count in result.counts]
    yield [words.gettext("Votant"), *(_whole_text(count) for count in result.counts)]
    for name in sorted(set().union(*chosen), key=alphabetical):
        for ballot in _ballots(result.rules.kind, [one[name] for one in chosen]):
            yield [name, *(_CHOSEN if marked else "" for marked in ballot)]


def _ballots(kind: Kind, times: Sequence[int]) -> Iterator[list[bool]]:
    """The lines of one name that was found so many times at each answer.

    It is several people's when one could not choose so; where one could, they are told apart only if both chose the
    same.
    """
    if kind in {Kind.SINGLE, Kind.RANKED}:
        for place, many in enumerate(times):
            yield from repeat([other == place for other in range(len(times))], many)
    else:
        yield from ([many > nth for many in times] for nth in range(max(times)))


def _counts(words: Words, result: Result) -> Iterator[Row]:
    dates = result.rules.kind is Kind.DATE
    first = leaders(result)
    yield [
        words.gettext("Réponse"),
        words.gettext("Oui") if dates else words.gettext("Voix"),
        *([words.gettext("Si besoin")] if dates else []),
        "%",
        words.gettext("En tête"),
    ]
    for count in result.counts:
        share = f"{100 * count.votes / (whole(result) or 1):.1f}"
        yield [
            _whole_text(count),
            str(count.votes),
            *([str(count.maybe)] if dates else []),
            share.replace(".", ",") if words.language == "fr" else share,
            _CHOSEN if count in first else "",
        ]


def _whole_text(count: Count) -> str:
    return clean(count.option.text) or "…"


def csv_of(rows: Iterable[Row], language: Language) -> bytes:
    """Any rows, as a file that opens as a table and runs nothing."""
    out = StringIO(newline="")
    csv.writer(out, delimiter=";" if language == "fr" else ",").writerows(map(_harmless, rows))
    return out.getvalue().encode("utf-8-sig")


def _harmless(row: Row) -> list[str]:
    return [f"'{cell}" if cell.lstrip()[:1] in _FORMULA and not _NUMBER.fullmatch(cell) else cell for cell in row]
