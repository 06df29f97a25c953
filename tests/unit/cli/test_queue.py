"""``queue`` speaks of links by their names and of what they carry in French, and takes all of what it gives up."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tchap_bridges.cli import main
from tchap_bridges.config import load
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer

VECTORS = Path(__file__).parents[2] / "vectors" / "config"
T = TypeVar("T")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "config.yaml").write_text((VECTORS / "good.yaml").read_text())
    (tmp_path / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
    (tmp_path / "data").mkdir()
    return tmp_path / "config.yaml"


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


def store(config: Path, work: Callable[[Database, Sealer], Awaitable[T]]) -> T:
    settings = load(config)

    async def inside() -> T:
        db = await Database.open(settings.database)
        try:
            return await work(db, Sealer([settings.storage.key.get_secret_value()]))
        finally:
            await db.close()

    return asyncio.run(inside())


async def fail(db: Database, sealer: Sealer) -> None:
    """A dead letter to a link, one to the desk, and a mail in two pieces that nobody can read."""
    async with db.transaction() as tx:
        link = await tx.value(
            "link_add",
            correspondents=0,
            room="!r:t",
            connection="email",
            chat="c",
            name="projet@listes.test",
            direction="both",
            destination="état",
            state="active",
            waiting="",
            options=sealer.seal(b"{}", place="link.options"),
            moderated=0,
            created_by="@a:t",
            created_at=1,
            rule_then="",
        )
        for n, (target, action) in enumerate(((f"link:{link}", "edit"), ("desk", "command"), ("!r:t", "send"))):
            lane = await tx.one("lane_next", room="!r:t", target=target, whom="")
            assert lane is not None
            place = {"lane": lane["id"], "seq": lane["last_seq"]}
            await tx.run("outbox_add", **place, key=str(n), message=1, action=action, created_at=1, due_at=1)
            await tx.run("outbox_dead", **place, error="refusé [b]550[/]")
        row = await tx.value(
            "inbox_add",
            source="email",
            key="k",
            kind="raw",
            received_at=1,
            meta=b"who",
            raw=b"one",
            pieces=2,
        )
        await tx.run("inbox_piece_add", inbox=row, n=1, data=b"two")
        await tx.run("inbox_dead", id=row, error="no mail [at all]")


def test_a_link_has_its_name(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(config, fail)
    assert run("queue", "list", "-c", str(config)) == 0
    said = capsys.readouterr().out
    for word in (
        "projet@listes.test",
        "correction",
        "commande",
        "le pont",
        "!r:t",
        "message",
        "[b]550[/]",
        "[at all]",
    ):
        assert word in said
    for word in ("link:", "edit", "command ", "desk", "raw"):
        assert word not in said
    assert run("queue", "show", "1:1", "-c", str(config)) == 0
    assert "correction vers projet@listes.test (email) — refusé" in capsys.readouterr().out


def test_what_is_given_up_is_gone_whole(config: Path) -> None:
    async def left(db: Database, sealer: Sealer) -> list[object]:
        del sealer
        async with db.snapshot() as tx:
            row = await tx.one("inbox_get", id=1)
            assert row is not None
            return [row["raw"], row["meta"], await tx.value("inbox_piece", inbox=1, n=1)]

    store(config, fail)
    assert run("queue", "discard", "r1", "-c", str(config)) == 0
    assert store(config, left) == [None, None, None]


def test_restore_does_not_replace_a_base_unasked(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(config, fail)
    archive = tmp_path / "pont.tar"
    assert run("backup", str(archive), "-c", str(config)) == 0
    capsys.readouterr()
    assert run("restore", str(archive), "-c", str(config)) == 1
    said = capsys.readouterr().err
    assert "--overwrite" in said
    assert "déjà" in said
    assert str(tmp_path / "data" / "bridge.db") in said
    assert run("restore", str(archive), "-c", str(config), "--overwrite") == 0
