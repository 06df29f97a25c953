"""``queue`` speaks of links by their names and of what they carry in French, and takes all of what it gives up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from tchap_bridges.app import Application
from tchap_bridges.cli import main
from tchap_bridges.config import load
from tchap_bridges.core import clock
from tchap_bridges.core.links import standing_by
from tchap_bridges.core.strangers import held
from tchap_bridges.store.database import Database, Transaction
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


async def add_link(tx: Transaction, sealer: Sealer, name: str, state: str = "active") -> int:
    return int(
        await tx.value(
            "link_add",
            correspondents=0,
            room="!r:t",
            connection="email",
            chat=name,
            name=name,
            direction="both",
            destination="état",
            state=state,
            waiting="",
            options=sealer.seal(b"{}", place="link.options"),
            external=0,
            moderated=0,
            created_by="@a:t",
            created_at=1,
            rule_then="",
        )
    )


async def fail(db: Database, sealer: Sealer) -> None:
    """A dead letter to a link, one to the desk, and a mail in two pieces that nobody can read."""
    async with db.transaction() as tx:
        link = await add_link(tx, sealer, "projet@listes.test")
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


async def wait(db: Database, sealer: Sealer) -> None:
    """A message on its way; mails for a suspended link, for a message to come, for a decision, and one unread."""
    at = 1_764_547_200_000  # 1 December 2025, midnight UTC
    async with db.transaction() as tx:
        for name, state in (("equipe@listes.test", "suspended"), ("accueil@pont.test", "active")):
            await add_link(tx, sealer, name, state)
        lane = await tx.one("lane_next", room="!r:t", target="link:2", whom="")
        assert lane is not None
        place = {"lane": lane["id"], "seq": lane["last_seq"]}
        await tx.run("outbox_add", **place, key="k", message=1, action="send", created_at=at, due_at=at)
        arrived = {"source": "email", "kind": "raw", "received_at": at, "meta": b"m", "raw": b"r", "pieces": 1}
        for key, query, what in (
            ("1", "inbox_await", standing_by(1)),
            ("2", "inbox_await", "link:2 <parent@essai.test>"),
            ("3", "inbox_hold", held(2, "somebody")),
            ("4", "", ""),
        ):
            row = await tx.value("inbox_add", **arrived, key=key)
            due = {"due_at": at + 3_600_000} if query == "inbox_await" else {}
            if query:
                await tx.run(query, id=row, what=what, **due)


def test_what_waits_is_counted(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(config, wait)
    assert run("queue", "list", "-c", str(config)) == 0
    said = capsys.readouterr().out
    assert "Rien n'a échoué." in said
    assert "5 attendent leur tour" in said
    assert "--all" in said
    store(config, fail)
    assert run("queue", "list", "-c", str(config)) == 0
    said = capsys.readouterr().out
    assert "Rien n'a échoué" not in said
    assert "5 attendent leur tour" in said


@pytest.mark.parametrize(("zone", "time"), [("Pacific/Tahiti", "30/11 14:00"), ("Europe/Paris", "01/12 01:00")])
def test_what_waits_is_shown_with_its_reason(
    zone: str, time: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(f"timezone: {zone}\n{config.read_text()}")
    store(config, wait)
    assert run("queue", "list", "--all", "-c", str(config)) == 0
    said = capsys.readouterr().out
    lines = {line.split()[1]: line for line in said.splitlines() if line.startswith("│")}
    assert sorted(lines) == ["1:1", "r1", "r2", "r3", "r4"]
    for number, *words in (
        ("1:1", "attend", "message", "accueil@pont.test (email)"),
        ("r1", "attend", "equipe@listes.test (email)", "suspendu", "jusqu'au"),
        ("r2", "attend", "pas encore arrivé", "jusqu'au"),
        ("r3", "retenu", "accueil@pont.test (email)", "accepter"),
        ("r4", "attend", "pas encore lu"),
    ):
        assert [word for word in words if word not in lines[number]] == []
        assert f" {time} " in lines[number]
    assert "Rien" not in said
    assert "--all" not in said


def test_nothing_waits(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ((), ("--all",)):
        assert run("queue", "list", *more, "-c", str(config)) == 0
        assert capsys.readouterr().out.strip() == "Rien n'attend et rien n'a échoué."


def test_what_is_not_shown_is_counted(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tchap_bridges.cli.queue.MOST", 1)
    store(config, wait)
    assert run("queue", "list", "--all", "-c", str(config)) == 0
    assert "3 autres attendent." in capsys.readouterr().out


def test_english_for_who_asks(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("language: fr", "language: en"))
    store(config, wait)
    assert run("queue", "list", "--all", "-c", str(config)) == 0
    said = capsys.readouterr().out
    for word in ("number", "waits", "held", "suspended"):
        assert word in said
    assert "attend" not in said
    assert run("queue", "retry", "9:9", "-c", str(config)) == 2
    assert "no dead letter" in capsys.readouterr().err


def test_a_link_s_health_counts_the_mail_that_waits_for_it(config: Path) -> None:
    async def waiting(db: Database, sealer: Sealer) -> dict[str, int]:
        await wait(db, sealer)
        application = Application(load(config), db)
        try:
            return {id_: link["waiting"] for id_, link in (await application.links()).items()}
        finally:
            await application.matrix.close()

    assert store(config, waiting) == {"1": 1, "2": 1}


def test_the_readme_shows_what_it_prints(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def as_there(db: Database, sealer: Sealer) -> None:
        at = clock.milliseconds(datetime(2026, 11, 26, 17, 55, tzinfo=UTC))
        async with db.transaction() as tx:
            await add_link(tx, sealer, "projet@listes.tchap.localhost")
            for n in range(4):
                await tx.one("lane_next", room=f"!{n}:t", target="desk", whom="")
            error = "le serveur d'envoi a refusé le courriel : 550 5.7.1 Vous n'etes pas abonne a cette liste"
            for n in range(2):
                lane = await tx.one("lane_next", room="!r:t", target="link:1", whom="")
                assert lane is not None
                place = {"lane": lane["id"], "seq": lane["last_seq"]}
                await tx.run("outbox_add", **place, key=str(n), message=1, action="send", created_at=at, due_at=at)
                if n == 0:
                    await tx.run("outbox_dead", **place, error=error)

    monkeypatch.setenv("COLUMNS", "120")
    store(config, as_there)
    assert run("queue", "list", "-c", str(config)) == 0
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert f"$ tchap-bridges queue list\n{capsys.readouterr().out}```" in readme
