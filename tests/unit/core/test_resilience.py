"""Nothing that a row, the store or a plugin does ends the bridge, and nothing forbidden slips out meanwhile."""

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.bridge import Direction
from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.ids import MessageId
from tchap_bridges.store.database import StoreUnavailable

from .homeserver import ALICE, ROOM
from .network import NetConnection
from .stage import Stage, stage
from .test_commands import answer, facts


async def until(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not check():
            await asyncio.sleep(0.01)


async def dead(s: Stage) -> list[Any]:
    async with s.db.snapshot() as tx:
        return list(await tx.all("inbox_dead_list", limit=9))


async def test_a_store_that_is_away_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(tmp_path) as s:
        real, failures = s.db.transaction, [True] * 6

        @asynccontextmanager
        async def flaky() -> AsyncIterator[Any]:
            async with real() as tx:
                yield tx
                if failures and failures.pop():
                    raise StoreUnavailable("away")

        monkeypatch.setattr(s.db, "transaction", flaky)
        for n in range(5):
            while True:
                try:
                    await s.say(str(n), id=f"$n{n}")
                except NotReady:
                    continue
                break
        await s.net.shown.until(5)
        assert s.net.shown.texts == [str(n) for n in range(5)]


async def test_an_unreadable_row_may_be_tried_again_and_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.event("broken")
        for tries in range(1, 4):
            await s.shown.until(tries)
            (row,) = await dead(s)
            async with s.db.transaction() as tx:
                await tx.run("inbox_retry", id=row["id"])
                tx.after_commit(lambda: s.kernel.inbox.wake("matrix"))
        await s.say("passe")
        await s.net.shown.until(1)


async def test_a_damaged_row_stops_nobody_not_even_the_start(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.kernel.lanes.close("net")
        await s.say("avant")
        await asyncio.sleep(0.1)
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.execute("UPDATE message SET body = x'00ff' WHERE origin = ?", (ROOM,))
        db.execute(
            "INSERT INTO inbox (source, key, kind, received_at, meta, raw) VALUES ('matrix','x','raw',0,x'00',x'00')"
        )

    def prepare(s: Stage) -> None:
        for shown in (s.shown, s.net.shown):  # ids that the first run has not given
            shown.seen.update({f"earlier {n}": () for n in range(99)})

    async with stage(tmp_path, linked=False, prepare=prepare) as s:
        await s.say("après", id="$after")
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["après"]
        assert len(await dead(s)) == 1


async def test_a_command_that_cannot_be_done_now_says_so_and_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise NotReady("le réseau ne répond pas")

    monkeypatch.setattr(NetConnection, "find", away)
    async with stage(tmp_path, linked=False) as s:
        assert "le réseau ne répond pas" in await answer(s, "!pont net #c")

        async def broken(*_: Any) -> Any:
            raise KeyError("bug")

        monkeypatch.setattr(NetConnection, "find", broken)
        assert "erreur interne" in await answer(s, "!pont net #c")


async def test_nothing_leaves_between_a_new_rule_and_the_check_of_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        gate = asyncio.Event()
        real = s.hs.facts

        async def slow(room: Any) -> Any:
            await gate.wait()
            return await real(room)

        s.hs.facts = slow
        s.hs.facts_of[ROOM] = facts(rule="restricted")
        await s.event("changed", what="access")
        said = await s.say("après la règle")
        await asyncio.sleep(0.2)
        assert s.net.shown.texts == []
        gate.set()
        await s.shown.until(2)
        assert s.net.shown.texts == []
        assert "est suspendu" in s.shown.texts[0]
        assert s.shown.log[1].reply_to == said
        s.hs.facts_of[ROOM] = facts(rule="unrestricted")
        await s.event("changed", what="access")
        await until(lambda: "reprend" in s.shown.texts[-1])
        await s.say("permis")
        await s.net.shown.until(1)


async def test_a_harmless_change_is_not_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.event("changed", what="access")
        await s.say("toujours permis")
        await s.net.shown.until(1, seconds=10)
        assert s.shown.log == []


async def test_a_machines_words_are_no_command(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.say("!pont retirer 1", form="notice")
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["!pont retirer 1"]


async def test_one_chat_in_two_rooms(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        other = "!other:test"
        s.hs.facts_of[other] = dataclasses.replace(facts(), room=other)
        await s.link("#c", room=other)
        await s.say("dit dans le premier")
        (sent,) = await s.net.shown.until(1)
        await s.net.say(sent.text.plain, id=s.net.shown.seen[sent.key][0], by="pont", echo=True)
        (shown,) = await s.shown.until(1)
        assert shown.chat == other


async def test_an_echo_that_comes_before_its_confirmation(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.net.say("parti", id="net0", by="pont", echo=True)
        await s.say("parti")
        await s.net.shown.until(1)
        await until(lambda: s.kernel.lanes.active == 0)
        await asyncio.sleep(0.1)
        assert s.shown.log == []


async def test_strangers_do_not_flood_the_room(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.moderated = True

    async with stage(tmp_path, prepare=prepare) as s:
        for n in range(60):
            await s.net.say("pub", by=f"spam{n}@a.fr")
        await until(lambda: s.kernel.inbox.waiting == 0)
        await asyncio.sleep(0.2)
        assert len(s.shown.log) == 21  # and once that no more are asked for


async def test_refused_credentials_are_not_shown_again_and_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [BadCredentials("mot de passe refusé")] * 99
        await s.say("un")
        await s.say("deux", room=ROOM)
        await until(lambda: len(s.net.shown.failures) < 99)
        await asyncio.sleep(0.5)
        assert len(s.net.shown.failures) == 98
        assert s.kernel.supervisor.watched["net"].state == "bad credentials"


async def test_only_a_moderator_lets_strangers_in(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.hs.facts_of[ROOM] = facts(levels={ALICE: 100})
        assert "modérateur" in await answer(s, "!pont accepter x@a.fr", by="@bob:test")


async def test_parts_that_were_seen_can_be_withdrawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(tmp_path) as s:

        async def half(self: Any, message: Any) -> Any:
            for n in range(12):
                await message.steps.done(f"event.{n}", f"net-part{n}")
            raise NotReady("le fichier attend", retry_after=0.3)

        monkeypatch.setattr(NetConnection, "send", half)
        event = await s.say("texte et fichier")
        await asyncio.sleep(0.1)
        await s.event("deletion", target=event)
        (deletion,) = await s.net.shown.until(1)
        assert deletion.parts == tuple(MessageId(f"net-part{n}") for n in range(12))


async def test_a_direction_that_makes_no_sense_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = NetConnection.find

    async def narrow(self: Any, *args: Any) -> Any:
        return dataclasses.replace(
            await real(self, *args), directions=frozenset({Direction.IN}), direction=Direction.IN
        )

    monkeypatch.setattr(NetConnection, "find", narrow)
    async with stage(tmp_path, linked=False) as s:
        assert "ne peut pas être relié ainsi" in await answer(s, "!pont net #c sens=deux-sens")
