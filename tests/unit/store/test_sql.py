"""Named queries and scripts, as text."""

from pathlib import Path

import pytest

from tchap_bridges.store import sql
from tchap_bridges.store.errors import QueryMisused

COMPILED = {
    "by number, not by appearance": (
        "UPDATE t SET a = :b WHERE b = :a AND c = :b",
        "UPDATE t SET a = ?1 WHERE b = ?2 AND c = ?1",
        "UPDATE t SET a = $1 WHERE b = $2 AND c = $1",
        ("b", "a"),
    ),
    "casts": (
        "SELECT :a::text, b::bigint",
        "SELECT ?1::text, b::bigint",
        "SELECT $1::text, b::bigint",
        ("a",),
    ),
    "strings and names": (
        """SELECT ':x', 'it''s :y', ":z", E'\\':e', :a""",
        """SELECT ':x', 'it''s :y', ":z", E'\\':e', ?1""",
        """SELECT ':x', 'it''s :y', ":z", E'\\':e', $1""",
        ("a",),
    ),
    "comments": (
        "SELECT 1 -- :x; it's\n /* :y ; */ , :a",
        "SELECT 1 -- :x; it's\n /* :y ; */ , ?1",
        "SELECT 1 -- :x; it's\n /* :y ; */ , $1",
        ("a",),
    ),
    "slices and dollar quotes": (
        "SELECT c[1:n], $$ :x ; $$, $f$ ':y $f$, :a",
        "SELECT c[1:n], $$ :x ; $$, $f$ ':y $f$, ?1",
        "SELECT c[1:n], $$ :x ; $$, $f$ ':y $f$, $1",
        ("a",),
    ),
    "a last semicolon": ("SELECT 1;\n", "SELECT 1", "SELECT 1", ()),
    "a comment behind it": ("SELECT 1; -- done", "SELECT 1", "SELECT 1", ()),
}


@pytest.mark.parametrize("case", COMPILED)
def test_parameters_are_numbered(case: str) -> None:
    source, sqlite, postgresql, parameters = COMPILED[case]
    for dialect, expected in (("sqlite", sqlite), ("postgresql", postgresql)):
        query = sql.compile_query("q", source, dialect)
        assert (query.text, query.parameters) == (expected, parameters)


@pytest.mark.parametrize("body", ["SELECT $1", "SELECT ?2", "SELECT 1; SELECT 2", "", "-- nothing"])
def test_a_query_that_cannot_be_carried_is_refused(body: str) -> None:
    with pytest.raises(QueryMisused, match=r"here\.sql: query q"):
        sql.compile_query("q", body, "sqlite", where="here.sql")


def test_binding_wants_exactly_the_parameters() -> None:
    query = sql.compile_query("q", "SELECT :b, :a", "sqlite")
    assert query.bind({"a": 1, "b": 2}) == (2, 1)
    for given, message in (
        ({"a": 1}, "missing parameters: b; unknown parameters: none"),
        ({"a": 1, "c": 1}, "missing parameters: b; unknown parameters: c"),
        ({"a": 1, "b": 2, "c": 3}, "missing parameters: none; unknown parameters: c"),
    ):
        with pytest.raises(QueryMisused, match=message):
            query.bind(given)


def test_a_reserved_block_wins_in_its_dialect(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "-- what these are for\n"
        "-- name: both\nSELECT 1\n\n"
        "-- name: split\nSELECT 'shared'\n"
        "-- name: split [postgresql]\nSELECT 'pg'\n"
        "-- name: lite [sqlite, slow]\nSELECT 'lite'\n"
    )
    (tmp_path / "notes.txt").write_text("-- name: both\nSELECT 2")
    lite, pg = sql.load(tmp_path, "sqlite"), sql.load(tmp_path, "postgresql")
    assert {name: query.text for name, query in lite.items()} == {
        "both": "SELECT 1",
        "split": "SELECT 'shared'",
        "lite": "SELECT 'lite'",
    }
    assert {name: query.text for name, query in pg.items()} == {"both": "SELECT 1", "split": "SELECT 'pg'"}
    assert lite["lite"].slow
    assert not lite["both"].slow


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2", r"b\.sql: query a is already defined in b\.sql"),
        ("-- name: taken\nSELECT 1", r"b\.sql: query taken is already defined in a\.sql"),
        ("-- name: a [mysql]\nSELECT 1", "unknown mark: mysql"),
        ("-- name: two words\nSELECT 1", "cannot read the heading"),
        ("SELECT 1", "before the first"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.sql").write_text("-- name: taken\nSELECT 1")
    (tmp_path / "b.sql").write_text(text)
    with pytest.raises(QueryMisused, match=message):
        sql.load(tmp_path, "sqlite")


def test_a_script_is_split_into_statements() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = 1; DELETE FROM c; END"
    assert list(sql.statements(f"SELECT ';'; -- one;\n{trigger};\n/* the end; */", "sqlite")) == [
        "SELECT ';'",
        f"-- one;\n{trigger}",
    ]
    function = "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN NEW.a = 1; RETURN NEW; END $$ LANGUAGE plpgsql"
    hook = "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()"
    assert list(sql.statements(f"{function};\n{hook};", "postgresql")) == [function, hook]


def test_tokens_are_replaced_outside_quotes() -> None:
    script = "CREATE TABLE t (a {blob} DEFAULT '{blob}') -- {else}"
    assert sql.substitute(script, {"blob": "BYTEA"}, where="x") == (
        "CREATE TABLE t (a BYTEA DEFAULT '{blob}') -- {else}"
    )
    with pytest.raises(QueryMisused, match=r"x: unknown token \{bolb\}; there are \{blob\}"):
        sql.substitute("{bolb}", {"blob": "BYTEA"}, where="x")
