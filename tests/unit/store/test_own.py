"""What a bot's package may say in SQL: only of what is called as its own."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tchap_bridges.store.errors import MigrationRefused, QueryMisused
from tchap_bridges.store.own import Own, check_apart, folder_of, prefix_of, read
from tchap_bridges.store.sql import DIALECTS, Dialect

MAY = (
    "CREATE TABLE bot_notes_note (id {serial}, room TEXT NOT NULL, body {blob}) {strict}",
    'CREATE TABLE IF NOT EXISTS "bot_notes_x" (a TEXT REFERENCES bot_notes_note (room) ON DELETE CASCADE)',
    "CREATE UNIQUE INDEX bot_notes_i ON bot_notes_note (room) WHERE room <> 'FROM message'",
    "ALTER TABLE bot_notes_note ADD COLUMN colour TEXT DEFAULT 'INTO kv' -- of message",
    "ALTER TABLE bot_notes_note RENAME COLUMN colour TO shade; ALTER TABLE bot_notes_x RENAME TO bot_notes_y",
    "INSERT INTO bot_notes_note (room) SELECT room FROM bot_notes_x /* JOIN message */",
    "DROP TABLE IF EXISTS bot_notes_x; DROP INDEX bot_notes_i",
)
MAY_NOT = (
    ("CREATE TABLE note (id {serial})", "note"),
    ("CREATE TABLE bot_note_note (id {serial})", "bot_note_note"),
    ("CREATE TABLE main.bot_notes_note (id {serial})", "main.bot_notes_note"),
    ("CREATE TABLE bot_notes_" + "x" * 60 + " (id {serial})", "octets"),
    ("CREATE INDEX i ON bot_notes_note (room)", "« i »"),
    ("CREATE INDEX bot_notes_i ON message (room)", "message"),
    ("CREATE TABLE bot_notes_note (id {bigint} REFERENCES message (id))", "message"),
    ("ALTER TABLE message ADD COLUMN x TEXT", "message"),
    ("ALTER TABLE bot_notes_note RENAME TO kv", "kv"),
    ("DROP TABLE kv", "kv"),
    ("INSERT INTO bot_notes_note SELECT key FROM kv", "kv"),
    ("DELETE FROM kv WHERE space IN (SELECT room FROM bot_notes_note)", "kv"),
    ("UPDATE kv SET value = '' WHERE key = 'x'", "kv"),
    ("CREATE TRIGGER bot_notes_t AFTER INSERT ON bot_notes_note BEGIN SELECT 1; END", "CREATE TRIGGER"),
    ("PRAGMA foreign_keys = OFF", "PRAGMA"),
    ("CREATE TEMP TABLE bot_notes_x (id TEXT)", "CREATE TEMP"),
)
MAY_ASK = (
    "SELECT sum(n) FROM bot_notes_note n, bot_notes_x AS x WHERE n.room = :room ORDER BY n.room",
    "SELECT * FROM (SELECT room FROM bot_notes_note) a JOIN bot_notes_x b ON a.room = b.room",
    "WITH RECURSIVE up (id) AS (SELECT id FROM bot_notes_x UNION SELECT id FROM up) SELECT id FROM up JOIN bot_notes_x",
    "INSERT INTO bot_notes_note (room) VALUES (:room) ON CONFLICT (room) DO UPDATE SET n = excluded.n RETURNING id",
    "SELECT room FROM bot_notes_note WHERE room IS DISTINCT FROM body",
    "DELETE FROM bot_notes_note WHERE room = :room",
)
WORDS = ("CREATE", "ALTER", "DROP", "TABLE", "UNIQUE", "INDEX", "ON", "FROM", "WITH", "AS", "(", ")", ",", ".", "a")
MAY_NOT_ASK = (
    ("SELECT * FROM message", "message"),
    ("SELECT * FROM bot_notes_note, kv", "kv"),
    ("SELECT * FROM bot_notes_note AS n, kv AS k", "kv"),
    ("SELECT * FROM (SELECT room FROM bot_notes_note) n, kv", "kv"),
    ("SELECT * FROM bot_notes_note LEFT JOIN kv ON kv.key = room", "kv"),
    ("SELECT (SELECT value FROM kv)", "kv"),
    ("SELECT * FROM public.kv", "public.kv"),
    ('SELECT * FROM "kv"', "kv"),
    ("WITH x AS (SELECT * FROM kv) SELECT * FROM x", "kv"),
    ("UPDATE kv SET value = :value", "kv"),
    ("DROP TABLE bot_notes_note", "DROP"),
    ("VACUUM", "VACUUM"),
)


def package(folder: Path, step: str = "", query: str = "", name: str = "0001_first.sql") -> Path:
    if step:
        (folder / "migrations").mkdir(exist_ok=True)
        (folder / "migrations" / name).write_text(step)
    if query:
        (folder / "queries.sql").write_text(f"-- name: asked\n{query}\n")
    return folder


def both(folder: Path, bot: str = "notes") -> list[Own]:
    return [read(bot, folder, dialect) for dialect in DIALECTS]


@pytest.mark.parametrize("step", MAY)
def test_what_a_migration_may(tmp_path: Path, step: str) -> None:
    assert all(len(own.migrations) == 1 for own in both(package(tmp_path, step)))


@pytest.mark.parametrize(("step", "named"), MAY_NOT)
def test_what_a_migration_may_not(tmp_path: Path, step: str, named: str) -> None:
    with pytest.raises(MigrationRefused) as error:
        both(package(tmp_path, f"CREATE TABLE bot_notes_ok (id {{serial}}); {step}"))
    assert "notes" in str(error.value)
    assert "0001_first.sql" in str(error.value)
    assert named in str(error.value)


@pytest.mark.parametrize("query", MAY_ASK)
def test_what_a_query_may(tmp_path: Path, query: str) -> None:
    assert all(set(own.queries) == {"asked"} for own in both(package(tmp_path, query=query)))


@pytest.mark.parametrize(("query", "named"), MAY_NOT_ASK)
def test_what_a_query_may_not(tmp_path: Path, query: str, named: str) -> None:
    with pytest.raises(MigrationRefused) as error:
        both(package(tmp_path, query=query))
    assert "queries.sql, asked" in str(error.value)
    assert named in str(error.value)


def test_each_database_may_have_its_own(tmp_path: Path) -> None:
    package(tmp_path, "CREATE TABLE bot_notes_a (x TEXT)", name="0001_a.sqlite.sql")
    (tmp_path / "queries.sql").write_text(
        "-- name: asked [sqlite]\nSELECT x FROM bot_notes_a\n\n-- name: asked [postgresql]\nSELECT x FROM kv\n"
    )
    found = read("notes", package(tmp_path), "sqlite")
    assert (len(found.migrations[0].statements), list(found.queries)) == (1, ["asked"])
    with pytest.raises(MigrationRefused, match="kv"):
        read("notes", tmp_path, "postgresql")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_package_may_hold_nothing(tmp_path: Path, dialect: Dialect) -> None:
    assert read("notes", tmp_path, dialect) == Own((), {})


def test_a_fault_in_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueryMisused, match=r"queries\.sql"):
        both(package(tmp_path, query="SELECT $1 FROM bot_notes_a"))
    with pytest.raises(MigrationRefused, match=r"without a gap"):
        both(package(tmp_path, "CREATE TABLE bot_notes_a (x TEXT)", name="0002_late.sql"))


def test_the_package_is_that_of_the_class() -> None:
    class Here: ...

    assert folder_of(Here) is not None
    Here.__module__ = "nowhere"
    assert folder_of(Here) is None


def test_no_bot_s_names_are_another_s() -> None:
    check_apart(["notes", "note", "compte-rendu", "gardé"])
    for rivals in (["notes", "notes-x"], ["a-b", "a_b"], ["gardé", "gardè"]):
        with pytest.raises(MigrationRefused):
            check_apart(rivals)


@given(st.lists(st.sampled_from(WORDS), min_size=1))
@example(["CREATE"])
@example(["WITH", "FROM", "a", "."])
def test_no_statement_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, words: list[str]) -> None:
    folder = package(tmp_path_factory.mktemp("own"), " ".join(words))
    try:
        read("notes", folder, "sqlite")
    except MigrationRefused:
        return


@given(st.text(min_size=1, max_size=20))
def test_a_prefix_is_always_a_name(bot: str) -> None:
    assert prefix_of(bot.lower()).isidentifier()


@given(st.text(alphabet="(),. \nabFROMJOINWITHASselect:\"'-1*", max_size=60))
def test_no_query_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = package(tmp_path_factory.mktemp("own"), query=f"SELECT {text}")
    try:
        read("notes", folder, "sqlite")
    except (MigrationRefused, QueryMisused):
        return


@pytest.mark.parametrize("text", ["", "\n", "-- none yet\n"])
def test_a_file_may_hold_no_query_yet(tmp_path: Path, text: str) -> None:
    (tmp_path / "queries.sql").write_text(text)
    assert both(tmp_path) == [Own((), {}), Own((), {})]
