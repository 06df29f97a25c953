"""After a start with a new key before the old one, the old one is needed no more, and nobody has another name."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from tchap_bridges.app import Application, matrix_settings
from tchap_bridges.config import Settings, load
from tchap_bridges.core.bots.settings import CONFIG
from tchap_bridges.core.bots.turn import BLOB
from tchap_bridges.core.reseal import COLUMNS, reseal
from tchap_bridges.store.database import Database
from tchap_bridges.store.errors import UnknownKey
from tchap_bridges.store.sealing import Sealer

OLD, NEW, LOST = (bytes([n]) * 32 for n in (1, 2, 3))
VECTORS = Path(__file__).parents[2] / "vectors" / "config"
MANY = 450  # more than two batches
OTHERS = 23  # other values
SOURCE = Path(__file__).parents[3] / "src" / "tchap_bridges"


async def fill(db: Database, sealer: Sealer) -> None:
    """A value in each sealed column; ``many`` in one of them."""

    def sealed(place: str, data: bytes = b"secret") -> bytes:
        return sealer.seal(data, place=place)

    async with db.transaction() as tx:
        link = await tx.value(
            "link_add",
            correspondents=0,
            room="!r",
            connection="email",
            chat="c",
            name="n",
            direction="both",
            destination="état",
            state="active",
            waiting="",
            options=sealed("link.options"),
            external=0,
            moderated=0,
            created_by="@a:t",
            created_at=1,
            rule_then="",
        )
        await tx.run("link_proof", id=link, proof=sealed("link.proof"))
        await tx.run("sender_hold", link=link, person="p", name=sealed("sender.name"))
        await tx.run("ghost_add", mxid="@g:t", network="mail", person=sealed("ghost.person"), device="")
        await tx.run("kv_set", space="matrix", key="since", value=b"not sealed")
        await tx.run("crypto_seeds_add", mxid="@g:t", seeds=sealed("crypto_seeds.seeds"))
        account = sealed("crypto_account.pickle")
        await tx.run("crypto_account_put", mxid="@g:t", device="D", shared=1, pickle=account)
        session = {"mxid": "@g:t", "session": "s"}
        olm = sealed("crypto_olm.pickle")
        await tx.run("crypto_olm_put", **session, their_key="k", read_at=1, pickle=olm)
        heard = {"room": "!r", "sender_key": "k", "received_at": 1, "pickle": sealed("crypto_inbound.pickle")}
        await tx.run("crypto_inbound_put", **session, **heard)
        await tx.run("crypto_outbound_put", **session, room="!r", pickle=sealed("crypto_outbound.pickle"))
        for n in range(MANY):
            await tx.run("kv_set", space="connection:email", key=str(n), value=sealed("kv.value", str(n).encode()))
        await tx.run("kv_set", space="bot:rappels !r", key="1", value=sealed("kv.value"))
        await tx.run("kv_set", space="blob", key="1", value=sealed("blob"))
        await tx.run("room_bot_add", room="!r", bot="rappels", by="@a:t")
        await tx.run("room_bot_configure", room="!r", bot="rappels", config=sealed("room_bot.config"))
        await tx.run("timer_set", room="!r", bot="rappels", key="1", due_at=1, handler="h", words=sealed("timer.words"))
        asked = {"bot": "rappels", "room": "!r", "person": "@a:t", "key": "1", "private": 1, "handler": "h"}
        words = sealed("question.words")
        await tx.run("question_set", **asked, words=words, secret=0, language="fr", message=1, until=None)
        hook = {"id": "h", "room": "!r", "bot": "alertes", "handler": "h", "name": "n", "scheme": "path"}
        await tx.run("hook_add", **hook, secret=sealed("hook.secret"), by="@a:t", at=1)
        await tx.run("hook_rotate", id="h", secret=sealed("hook.secret"), former=sealed("hook.former"), until=2)
        delivery = {"hook": "h", "n": 1, "key": "k", "at": 1, "size": 1, "content": sealed("hook_delivery.content")}
        await tx.run(
            "delivery_end",
            id=await tx.value("delivery_add", **delivery),
            state=2,
            reason=sealed("hook_delivery.reason"),
        )
        inbox = await tx.value(
            "inbox_add",
            source="email",
            key="k",
            kind="raw",
            received_at=1,
            meta=sealed("inbox.meta"),
            raw=sealed("inbox.raw"),
            pieces=2,
        )
        await tx.run("inbox_piece_add", inbox=inbox, n=1, data=sealed("inbox.raw"))
        message = await tx.value(
            "message_add",
            room="!r",
            origin="core",
            kind="message",
            author=None,
            sent_at=1,
            inbox=inbox,
            parent=None,
            root=None,
            late=0,
            symbol=None,
            body=sealed("message.body"),
        )
        lane = await tx.one("lane_next", room="!r", target="!r", whom="")
        assert lane is not None
        place = {"lane": lane["id"], "seq": lane["last_seq"]}
        await tx.run("outbox_add", **place, key="o", message=message, action="send", created_at=1, due_at=1)
        await tx.run("outbox_begin", **place, steps=sealed("outbox.steps"))


async def values(db: Database) -> list[tuple[str, bytes]]:
    """Every sealed value, with its place."""
    found: list[tuple[str, bytes]] = []
    async with db.snapshot() as tx:
        for column in COLUMNS:
            rows = await tx.all(column.query, **column.start, mark=b"", limit=10_000)
            assert rows, column.place
            found += [(column.place, row["sealed"]) for row in rows]
    return found


async def test_the_old_key_can_be_forgotten(db: Database) -> None:
    await fill(db, Sealer([OLD]))
    counts = await reseal(db, Sealer([NEW, OLD]))
    assert (counts.resealed, counts.unreadable) == (MANY + OTHERS, 0)
    alone = Sealer([NEW])
    opened = [alone.open(value, place=place) for place, value in await values(db)]
    assert opened.count(b"secret") == OTHERS
    async with db.snapshot() as tx:
        sealed = await tx.value("kv_get", space="connection:email", key="7")
        assert alone.open(sealed, place="kv.value") == b"7"
        assert await tx.value("kv_get", space="matrix", key="since") == b"not sealed"


def test_no_place_is_forgotten() -> None:
    code = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    places = set(re.findall(r"""place="([a-z_.]+)\"""", code)) | {BLOB, CONFIG}
    assert places <= {column.place for column in COLUMNS}


async def test_a_second_time_there_is_nothing_to_do(db: Database) -> None:
    await fill(db, Sealer([OLD]))
    await reseal(db, Sealer([NEW, OLD]))
    before = await values(db)
    assert (await reseal(db, Sealer([NEW, OLD]))).resealed == 0
    assert await values(db) == before


async def test_killed_in_the_middle_it_goes_on(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(db, Sealer([OLD]))
    sealer = Sealer([NEW, OLD])
    seal, left = sealer.seal, [300]

    def dies(data: bytes, *, place: str) -> bytes:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return seal(data, place=place)

    monkeypatch.setattr(sealer, "seal", dies)
    with pytest.raises(KeyboardInterrupt):
        await reseal(db, sealer)
    for place, value in await values(db):
        Sealer([NEW, OLD]).open(value, place=place)
    counts = await reseal(db, Sealer([NEW, OLD]))
    assert 0 < counts.resealed < MANY + OTHERS
    for place, value in await values(db):
        Sealer([NEW]).open(value, place=place)


async def test_what_no_key_opens_is_left_and_stops_nothing(db: Database) -> None:
    await fill(db, Sealer([LOST]))
    before = await values(db)
    async with db.transaction() as tx:
        await tx.run(
            "ghost_add", mxid="@h:t", network="mail", person=Sealer([OLD]).seal(b"h", place="ghost.person"), device=""
        )
    counts = await reseal(db, Sealer([NEW, OLD]))
    assert (counts.resealed, counts.unreadable) == (1, MANY + OTHERS)
    after = await values(db)
    assert set(before) < set(after)
    with pytest.raises(UnknownKey):
        Sealer([NEW]).open(before[0][1], place=before[0][0])


def settings(folder: Path, **changes: Any) -> Settings:
    """The good configuration with other values under ``storage``, and no page for the operator."""
    yaml = YAML()
    config = yaml.load(VECTORS / "good.yaml")
    config["storage"].update(changes)
    config["operate"]["listen"] = None
    yaml.dump(config, folder / "config.yaml")
    (folder / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
    return load(folder / "config.yaml")


@pytest_asyncio.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    db = await Database.open(f"sqlite:///{tmp_path}/store.db")
    yield db
    await db.close()


async def test_nobody_changes_names_with_the_key(tmp_path: Path, sqlite: Database) -> None:
    async def names(**changes: Any) -> tuple[bytes, bytes]:
        given = settings(tmp_path, **changes)
        app = Application(given, sqlite)
        await app.matrix.close()
        return matrix_settings(given).secret, app.kernel.secrets.derive("connection:email")

    other = base64.b64encode(NEW).decode()
    before = await names()
    assert await names(key=other) == before
    assert not set(before) & set(await names(identity=other))


async def test_it_is_done_before_anything_runs(
    tmp_path: Path, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        """Here the core would start."""

    def running() -> None:
        raise Stop

    await fill(sqlite, Sealer([OLD]))
    given = settings(tmp_path, old_keys=[base64.b64encode(OLD).decode()])
    app = Application(given, sqlite)
    monkeypatch.setattr(app.kernel, "running", running)
    with pytest.raises(Stop):
        async with app.running():
            pass
    await app.matrix.close()
    alone = Sealer([given.storage.key.get_secret_value()])
    for place, value in await values(sqlite):
        alone.open(value, place=place)
