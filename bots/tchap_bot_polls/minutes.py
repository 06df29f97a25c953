"""The minutes of a poll, in Markdown (CommonMark 0.31, tables as GitHub writes them). Pure.

People's words are escaped, so that a question makes no heading, link or picture of its own. Of a secret poll they say
what is known to whom, and claim no anonymity.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date

from tchap_bot_polls.model import Count, Kind, Result
from tchap_bot_polls.signs import clean, isolated
from tchap_bot_polls.wording import Words, given, leaders, left, outcome, rules, turnout, voters, whole
from tchap_bridges.i18n import Language

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|~&])")
"""What is markup within a line. What is only at its beginning (``1)``, ``#``, ``-``) never stands there."""

Lines = Iterator[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the minutes say beside the result. ``room``: its name, "" when it has none.

    Times are aware, and written as they were in ``zone``. ``closed_by``: None when the deadline closed it. Names are
    for eyes.
    """

    room: str
    opener: str
    opened_at: datetime
    closed_at: datetime
    closed_by: str | None = None
    language: Language
    zone: ZoneInfo


def minutes(result: Result, facts: Facts) -> str:
    """The whole document, its last line ended."""
    words = Words(facts.language)
    parts = [
        _head(words, result, facts),
        _rules(words, result),
        _votes(words, result),
        _rounds(words, result),
        _named(words, result),
        _secret(words, result),
    ]
    return "\n\n".join(text for text in ("\n".join(lines) for lines in parts) if text) + "\n"


def _head(words: Words, result: Result, facts: Facts) -> Lines:
    title = words.gettext("Procès-verbal de vote")
    yield f"# {title}"
    yield ""
    yield f"**{_safe(result.question)}**"
    yield ""
    opened, closed = (_when(words, at, facts.zone) for at in (facts.opened_at, facts.closed_at))
    if facts.room:
        yield _item(words.gettext("Salon : {room}", room=_safe(facts.room)))
    yield _item(words.gettext("Ouvert par {name} le {when}", name=_safe(facts.opener), when=opened))
    if facts.closed_by is None:
        yield _item(words.gettext("Clos à l'échéance, le {when}", when=closed))
    else:
        yield _item(words.gettext("Clos par {name} le {when}", name=_safe(facts.closed_by), when=closed))
    yield _item(words.gettext("Heures données dans le fuseau {zone}", zone=_safe(str(facts.zone))))


def _rules(words: Words, result: Result) -> Lines:
    yield from _title(words.gettext("Règles"))
    yield from map(_item, rules(words, result.rules))


def _votes(words: Words, result: Result) -> Lines:
    yield from _title(words.gettext("Participation"))
    if result.entitled is None:
        yield _item(words.gettext("On ne sait pas combien de personnes pouvaient voter"))
    yield from map(_item, turnout(words, result))
    yield ""
    yield from _title(words.gettext("Résultat"))
    first = leaders(result)
    dates = result.rules.kind is Kind.DATE
    heads = [words.gettext("Oui"), words.gettext("Si besoin")] if dates else [words.gettext("Voix")]
    yield from _table(
        [words.gettext("Réponse"), *heads, "%"],
        [[_answer(count, ahead=count in first), *_numbers(words, result, count)] for count in result.counts],
    )
    yield ""
    called = {count.option.id: _safe(count.option.text) for count in result.counts}
    yield f"**{outcome(words, result, called)}**"


def _numbers(words: Words, result: Result, count: Count) -> list[str]:
    if count.option.id in left(result) and not count.votes:
        return [given(words, result, count), ""]
    maybe = [words.number(count.maybe)] if result.rules.kind is Kind.DATE else []
    return [words.number(count.votes), *maybe, words.percent(count.votes, whole(result))]


def _answer(count: Count, *, ahead: bool) -> str:
    text = _safe(count.option.text)
    return f"**{text}**" if ahead else text


def _rounds(words: Words, result: Result) -> Lines:
    """A column for each round of a run-off, in it a dash for answers that were out before."""
    if not result.rounds:
        return
    yield from _title(words.gettext("Tours"))
    votes = [dict(one.votes) for one in result.rounds]
    rows = [
        [_safe(count.option.text), *(_or_dash(words, one.get(count.option.id)) for one in votes)]
        for count in result.counts
    ]
    if any(one.exhausted for one in result.rounds):
        rows.append([words.gettext("Bulletins épuisés"), *(words.number(one.exhausted) for one in result.rounds)])
    numbers = range(1, len(votes) + 1)
    yield from _table(
        [words.gettext("Réponse"), *(words.gettext("Tour {n}", n=words.number(n)) for n in numbers)], rows
    )


def _or_dash(words: Words, n: int | None) -> str:
    return "—" if n is None else words.number(n)


def _named(words: Words, result: Result) -> Lines:
    found = [(count, voters(result, count)) for count in result.counts]
    if not any(names for _count, names in found):
        return
    yield from _title(words.gettext("Qui a choisi quoi"))
    for count, names in found:
        said = ", ".join(map(_safe, names)) or "—"
        answer = f"**{_safe(count.option.text)}**"
        yield _item(words.gettext("{answer} : {names}", answer=answer, names=said))


def _secret(words: Words, result: Result) -> Lines:
    if not result.rules.secret:
        return
    yield from _title(words.gettext("Ce que vaut le secret"))
    yield _item(words.gettext("Le bot sait qui a voté ; il n'a gardé ni qui a choisi quoi, ni l'heure des votes."))
    yield _item(
        words.gettext(
            "Les votes lui ont été envoyés en message privé. Ces messages restent sur le serveur Matrix et dans les "
            "appareils des votants : qui peut les y lire peut savoir qui a choisi quoi."
        )
    )
    yield _item(
        words.gettext(
            "Le bot a lu chaque vote en le recevant : on fait confiance à qui l'exploite. "
            "Ce vote est donc secret, pas anonyme."
        )
    )
    yield _item(
        words.gettext("Quand peu de gens votent, ou tous de même, le résultat dit à lui seul qui a choisi quoi.")
    )


def _title(text: str) -> Lines:
    yield f"## {text}"
    yield ""


def _item(text: str) -> str:
    return f"- {text}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Lines:
    yield _cells(heads)
    yield _cells([":--", *["--:"] * (len(heads) - 1)])
    yield from map(_cells, rows)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _safe(text: str) -> str:
    """People's words on one line, none of their signs markup."""
    return isolated(_MARKUP.sub(r"\\\1", clean(text))) or "…"


def _when(words: Words, at: datetime, zone: ZoneInfo) -> str:
    there = at.astimezone(zone)
    day = format_date(there.date(), "EEEE d MMMM y", locale=words.language)
    if words.language == "fr" and there.day == 1:
        day = day.replace(" 1 ", " 1er ", 1)
    return words.gettext("{day} à {time}", day=day, time=f"{there:%H:%M}")
