"""Reads SQL from .sql files: named queries compiled for one dialect, and scripts split into statements.

A query file holds blocks, each headed by its name, and optionally by marks in brackets:

    -- name: inbox_add
    INSERT INTO inbox (source, key) VALUES (:source, :key) ON CONFLICT DO NOTHING

    -- name: lane_claim [postgresql]
    SELECT … FOR UPDATE SKIP LOCKED

    -- name: lane_claim [sqlite]
    SELECT …

    -- name: audit_search [slow]
    SELECT … WHERE detail LIKE :pattern

`[sqlite]` or `[postgresql]` reserves a block for that dialect, where it wins over an unmarked block of the same name.
`[slow]` says that the query reads more than a handful of rows by index; SQLite then runs it off the event loop.

Parameters are written `:name`. They are compiled to `$1` for PostgreSQL and `?1` for SQLite, which takes `$2, $1` as
names and numbers them by appearance: the values would be swapped without a word. Text in quotes, comments, dollar
quotes, `::casts` and `[1:2]` slices are left alone.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from .errors import QueryMisused, StoreError

Dialect: TypeAlias = Literal["sqlite", "postgresql"]
DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgresql")

_SCHEMES: dict[str, Dialect] = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}

_LEXER = re.compile(
    r"""
      (?P<opaque>
          \b[eE]'(?:[^'\\]|\\.|'')*'          # PostgreSQL's escape string
        | '(?:[^']|'')*'                      # string
        | "(?:[^"]|"")*"                      # quoted identifier
        | --[^\n]*                            # comment
        | /\*.*?\*/
        | (?<!\w)\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$
        | ::                                  # PostgreSQL's cast
      )
    | (?<![:\w]):(?P<parameter>[A-Za-z_]\w*)
    | (?P<positional>(?<!\w)[$?]\d+)
    | \{(?P<token>\w+)\}
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_HEAD = re.compile(r"^--[ \t]*name:[ \t]*(?P<name>\w+)[ \t]*(?:\[(?P<marks>[a-z, ]*)\])?[ \t]*$", re.MULTILINE)
_MARKS = {*DIALECTS, "slow"}


def dialect_of(url: str) -> Dialect:
    """The SQL that the database at *url* speaks. Raises StoreError."""
    try:
        return _SCHEMES[url.partition(":")[0]]
    except KeyError:
        # The URL is not repeated: it may hold a password.
        raise StoreError("unknown database: write sqlite:////path/file.db or postgresql://user@host/name") from None


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement, ready for its dialect."""

    name: str
    text: str
    parameters: tuple[str, ...]  # in the order of their numbers
    slow: bool = False

    def bind(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values in the order of `parameters`. Raises QueryMisused when one is missing or too many."""
        if len(given) == len(self.parameters):
            try:
                return tuple([given[parameter] for parameter in self.parameters])
            except KeyError:
                pass
        missing = ", ".join(sorted(set(self.parameters) - set(given))) or "none"
        unknown = ", ".join(sorted(set(given) - set(self.parameters))) or "none"
        raise QueryMisused(f"query {self.name}: missing parameters: {missing}; unknown parameters: {unknown}")


def load(folder: Traversable, dialect: Dialect) -> Mapping[str, Query]:
    """Every query of the folder's .sql files, by name, compiled for *dialect*.

    Raises QueryMisused naming the file for a block that is a duplicate, misnamed, or has positional parameters.
    """
    return read(sorted(_sql_files(folder), key=lambda file: file.name), dialect)


def read(files: Iterable[Traversable], dialect: Dialect) -> Mapping[str, Query]:
    """The same of these files."""
    own: dict[str, Query] = {}
    shared: dict[str, Query] = {}
    seen: dict[tuple[str, Dialect | None], str] = {}  # → the file it was seen in
    for file in files:
        for name, marks, body in _blocks(file):
            reserved = next((mark for mark in DIALECTS if mark in marks), None)
            if (name, reserved) in seen:
                raise QueryMisused(f"{file.name}: query {name} is already defined in {seen[name, reserved]}")
            seen[name, reserved] = file.name
            query = compile_query(name, body, dialect, slow="slow" in marks, where=file.name)
            if reserved is None:
                shared[name] = query
            elif reserved == dialect:
                own[name] = query
    return MappingProxyType(shared | own)


def compile_query(name: str, body: str, dialect: Dialect, *, slow: bool = False, where: str = "") -> Query:
    """One statement with `:name` parameters, as *dialect* wants it. Raises QueryMisused for what it cannot carry."""
    numbers: dict[str, int] = {}
    sign = "?" if dialect == "sqlite" else "$"

    def number(match: re.Match[str]) -> str:
        if match["positional"]:
            raise QueryMisused(f"{where}: query {name}: write :name instead of {match[0]}")
        if (parameter := match["parameter"]) is None:
            return match[0]
        return f"{sign}{numbers.setdefault(parameter, len(numbers) + 1)}"

    texts = list(statements(_LEXER.sub(number, body), dialect))
    if len(texts) != 1:
        raise QueryMisused(f"{where}: query {name} holds {len(texts)} statements, expected one")
    return Query(name=name, text=texts[0], parameters=tuple(numbers), slow=slow)


def substitute(script: str, tokens: Mapping[str, str], *, where: str) -> str:
    """The script with each `{token}` outside quotes and comments replaced. Raises QueryMisused for an unknown one."""

    def replace(match: re.Match[str]) -> str:
        if (token := match["token"]) is None:
            return match[0]
        if token not in tokens:
            known = ", ".join(f"{{{known}}}" for known in sorted(tokens))
            raise QueryMisused(f"{where}: unknown token {match[0]}; there are {known}")
        return tokens[token]

    return _LEXER.sub(replace, script)


def bare(statement: str) -> str:
    """The statement without its comments and texts, its names without their quotes."""

    def plain(match: re.Match[str]) -> str:
        if not match["opaque"] or match[0] == "::":
            return match[0]
        return match[0][1:-1] if match[0].startswith('"') else " "

    return _LEXER.sub(plain, statement)


def statements(script: str, dialect: Dialect) -> Iterator[str]:
    """The script's statements, without their semicolons; what holds only comments is dropped.

    The body of an SQLite trigger keeps its inner semicolons (as sqlite3_complete does); PostgreSQL's function bodies
    are dollar quoted, hence opaque.
    """
    start = 0
    for match in _LEXER.finditer(script):
        if not match["end"]:
            continue
        if dialect == "sqlite" and not sqlite3.complete_statement(script[start : match.end()]):
            continue
        if not _is_blank(script[start : match.start()]):
            yield script[start : match.start()].strip()
        start = match.end()
    if not _is_blank(script[start:]):
        yield script[start:].strip()


def _is_blank(text: str) -> bool:
    return not _LEXER.sub(lambda match: "" if match[0].startswith(("--", "/*")) else match[0], text).strip()


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    if not folder.is_dir():
        raise QueryMisused(f"there is no folder of queries at {folder}: the installation is incomplete")
    return (file for file in folder.iterdir() if file.name.endswith(".sql"))


def _blocks(file: Traversable) -> Iterator[tuple[str, set[str], str]]:
    """Each block's name, marks and body."""
    text = file.read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    if stray := [line for line in re.findall(r"^--[ \t]*name:.*$", text, re.MULTILINE) if not _HEAD.match(line)]:
        raise QueryMisused(f"{file.name}: cannot read the heading {stray[0]!r}")
    if not _is_blank(text[: heads[0].start()] if heads else text):
        raise QueryMisused(f"{file.name}: a statement stands before the first '-- name: …' heading")
    for head, following in zip(heads, [*heads[1:], None][: len(heads)], strict=True):
        marks = set(re.findall(r"[a-z]+", head["marks"] or ""))
        if unknown := marks - _MARKS:
            raise QueryMisused(f"{file.name}: query {head['name']} has an unknown mark: {', '.join(sorted(unknown))}")
        yield head["name"], marks, text[head.end() : following.start() if following else len(text)]
