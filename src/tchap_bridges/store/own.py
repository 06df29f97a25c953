"""The tables of bots' own: what a bot's package holds beside its code, read and held to names that are its own.

    tchap_bot_budget/migrations/0001_first.sql    numbered and written as ours are (`migrations`), with a version apart
    tchap_bot_budget/queries.sql                  named queries, as ours (`sql`)

Everything in them that is a table or an index is called ``bot_<name>_…``. That keeps authors from mistakes, as into
tables of the core; a bot is trusted code and could do anything.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import permutations
from typing import Final

from tchap_bridges.i18n import _

from . import migrations as migrating
from . import sql
from .errors import MigrationRefused
from .migrations import Migration
from .sql import Dialect, Query

LONGEST: Final = 63
"""Bytes of a name: PostgreSQL cuts longer ones short without a word."""
_CHANGES: Final = frozenset(("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "WITH"))
_ASKS: Final = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))
_WORD: Final = re.compile(r"\w+|\S")
_MADE: Final = frozenset(("TABLE", "INDEX", "VIEW", "UNIQUE"))
_FILLERS: Final = frozenset(("IF", "NOT", "EXISTS", "ONLY", "UNIQUE"))


@dataclass(frozen=True, slots=True)
class Own:
    """What a bot has of its own, for one database. ``queries``: by the names that the bot calls them."""

    migrations: Sequence[Migration]
    queries: Mapping[str, Query]


def prefix_of(bot: str) -> str:
    """What the names of the bot's tables begin with."""
    return f"bot_{re.sub('[^a-z0-9]', '_', bot)}_"


def folder_of(bot: type) -> Traversable | None:
    """The package of the bot's class; None for a module that is in none."""
    package = getattr(sys.modules.get(bot.__module__), "__package__", None)
    return resources.files(package) if package else None


def read(bot: str, folder: Traversable, dialect: Dialect) -> Own:
    """What the bot's package holds, perhaps nothing. Raises MigrationRefused and QueryMisused, naming bot and file."""
    steps, queries = folder / "migrations", folder / "queries.sql"
    found = Own(
        migrating.load(steps, dialect) if steps.is_dir() else (),
        sql.read([queries], dialect) if queries.is_file() else {},
    )
    for step in found.migrations:
        for statement in step.statements:
            _check(bot, f"{step.number:04}_{step.name}.sql", statement, _CHANGES)
    for name, query in found.queries.items():
        _check(bot, f"queries.sql, {name}", query.text, _ASKS)
    return found


def check_apart(bots: Sequence[str]) -> None:
    """Raises MigrationRefused when one bot's names could be another's."""
    for one, other in permutations(bots, 2):
        if prefix_of(other).startswith(prefix_of(one)):
            raise MigrationRefused(
                _("les tables des robots {one} et {other} pourraient porter les mêmes noms", one=one, other=other)
            )


def _check(bot: str, where: str, statement: str, may: frozenset[str]) -> None:
    words = _WORD.findall(sql.bare(statement))
    made = words[0].upper() not in {"CREATE", "ALTER", "DROP"} or {word.upper() for word in words[1:2]} <= _MADE
    if words[0].upper() not in may or not made:
        raise MigrationRefused(
            _("robot {bot}, {where} : « {word} » n'est pas permis ici", bot=bot, where=where, word=" ".join(words[:2]))
        )
    ways, prefix = frozenset(_with(words)), prefix_of(bot)
    for name in _named(words):
        if name not in ways and (not name.startswith(prefix) or len(name.encode()) > LONGEST):
            raise MigrationRefused(
                _(
                    "robot {bot}, {where} : « {name} » doit s'appeler {prefix}…, en {most} octets au plus",
                    bot=bot,
                    where=where,
                    name=name,
                    prefix=prefix,
                    most=LONGEST,
                )
            )


def _with(words: Sequence[str]) -> Iterator[str]:
    """What ``WITH`` calls so, within this statement alone."""
    if words[0].upper() == "WITH":
        for at, word in enumerate(words):
            after = _past(words, at + 1)
            if word.isidentifier() and [one.upper() for one in words[after : after + 2]] == ["AS", "("]:
                yield word


def _past(words: Sequence[str], at: int) -> int:
    """Where a bracket that opens there, if one does, has been closed."""
    depth = 0
    for n in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[n], 0)
        if depth <= 0:
            return n + 1 if n > at else at
    return len(words)


def _named(words: Sequence[str]) -> Iterator[str]:
    """The names of what the statement makes, changes, drops and reads."""
    upper = [word.upper() for word in words]
    for at, word in enumerate(upper):
        before, after = upper[at - 1] if at else "", upper[at + 1] if at + 1 < len(upper) else ""
        match word:
            case "TABLE" | "INDEX" | "VIEW" if upper[0] in {"CREATE", "ALTER", "DROP"} and at <= 2:
                yield from _name(words, at + 1)
            case "INTO" | "REFERENCES" | "JOIN":
                yield from _name(words, at + 1)
            case "UPDATE" if after != "SET" and before not in {"FOR", "ON"}:
                yield from _name(words, at + 1)
            case "ON" if upper[0] == "CREATE" and "INDEX" in upper[:3]:
                yield from _name(words, at + 1)
            case "TO" if upper[0] == "ALTER" and before == "RENAME":
                yield from _name(words, at + 1)
            case "FROM" | "USING" if before != "DISTINCT":
                yield from _listed(words, at + 1)


def _name(words: Sequence[str], at: int) -> Iterator[str]:
    """The name that stands there; none for a query in brackets, or for a function."""
    while at < len(words) and words[at].upper() in _FILLERS:
        at += 1
    if at < len(words) and words[at].isidentifier():
        following = words[at + 1] if at + 1 < len(words) else ""
        if following == ".":
            yield "".join(words[at : at + 3])
        elif following != "(" or words[at - 1].upper() in {"TABLE", "INTO", "REFERENCES", "ON", "EXISTS"}:
            yield words[at]


def _listed(words: Sequence[str], at: int) -> Iterator[str]:
    """The names that stand there, separated by commas."""
    yield from _name(words, at)
    at = _past(words, at) if words[at : at + 1] == ["("] else at + 1
    while at < len(words) and words[at].isidentifier() and not _ENDS.fullmatch(words[at]):
        at += 1
    if words[at : at + 1] == [","]:
        yield from _listed(words, at + 1)


_ENDS: Final = re.compile(
    r"WHERE|GROUP|ORDER|HAVING|LIMIT|JOIN|LEFT|RIGHT|INNER|OUTER|CROSS|FULL|ON|UNION|SET|RETURNING", re.IGNORECASE
)
