"""A result as a table for whoever owns the poll, in CSV.

Of a secret poll there are counts only, in the order of the question; of another, a line per voter in the order of
names. Neither has times. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Final

from tchap_bot_polls.model import Count, Kind, Result
from tchap_bot_polls.signs import alphabetical, clean
from tchap_bot_polls.wording import Words, leaders, voters, whole
from tchap_bridges.i18n import Language
from tchap_bridges.sheet import Row, csv_of

_CHOSEN: Final = "x"


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
