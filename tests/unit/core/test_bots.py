"""Bots in the core: what they hear, say, keep and order for later becomes durable with the call, or not at all."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tchap_bridges.bot import Bot, Room, RoomConfig, command, field, on
from tchap_bridges.core.bots import runner
from tchap_bridges.events import Message, Reaction
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId
from tchap_bridges.outgoing import OutgoingEdit
from tchap_bridges.testing.bench import ADMIN, Bench

from .stage import Stage, stage


class Counter(Bot):
    """Compte."""

    name = "compte"

    @command("compte")
    async def count(self, room: Room, words: str) -> str:
        """Compte."""
        n = int(await room.kv.get("n") or 0) + 1
        await room.kv.set("n", str(n))
        if words == "rate":
            raise RuntimeError("after the fact")
        if words == "dort":
            await asyncio.sleep(60)
        return f"{await room.kv.get('n')}"

    @command("dis")
    async def tell(self, room: Room, words: str) -> None:
        """Dit, et se corrige plus tard."""
        said = await room.say(words, about=room.message)
        await room.kv.set("said", said)

    @command("corrige")
    async def mend(self, room: Room, words: str) -> None:
        """Corrige."""
        await room.edit(MessageId(await room.kv.get("said") or ""), words)

    @command("plus-tard")
    async def later(self, room: Room, words: str) -> None:
        """Plus tard."""
        await room.at(room.now + timedelta(milliseconds=int(words)), "due", f"après {words}", key="k")

    async def due(self, room: Room, words: str) -> str:
        return words

    @on(Message)
    async def hear(self, room: Room, event: Message) -> None:
        await room.kv.set(f"heard {event.id}", event.text.plain)

    @on(Reaction)
    async def reacted(self, room: Room, event: Reaction) -> str | None:
        return f"{room.caller.name} {event.key}" if event.target == await room.kv.get("said") else None


async def _on(s: Stage) -> None:
    before = len(s.shown.log)
    await s.say("!bot activer compte")
    log = await s.shown.until(before + 1)
    assert "✓" in log[-1].text.plain, log[-1].text.plain
    s.shown.log.clear()


async def _asked(s: Stage, words: str) -> str:
    before = len(s.shown.log)
    await s.say(words)
    return str((await s.shown.until(before + 1))[before].text.plain)


async def test_what_is_kept_is_there_at_the_next_call_and_after_a_restart(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"compte": Counter()}) as s:
        await _on(s)
        assert [await _asked(s, "!compte") for _ in range(2)] == ["1", "2"]
    async with stage(tmp_path, bots={"compte": Counter()}, linked=False) as s:
        s.count = 100  # no event of before comes again
        assert await _asked(s, "!compte") == "3"


async def test_a_call_that_breaks_has_done_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LONGEST", 0.2)
    async with stage(tmp_path, bots={"compte": Counter()}) as s:
        await _on(s)
        assert "erreur interne du robot compte" in await _asked(s, "!compte rate")
        assert "pas répondu à temps" in await _asked(s, "!compte dort")
        assert await _asked(s, "!compte") == "1"


async def test_what_was_said_can_be_said_otherwise(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"compte": Counter()}) as s:
        await _on(s)
        assert await _asked(s, "!dis bonjour") == "bonjour"
        await s.say("!corrige bonsoir")
        edit = (await s.shown.until(2))[1]
        assert isinstance(edit, OutgoingEdit)
        assert (edit.target, edit.text.plain) == (*s.shown.seen[s.shown.log[0].key], "bonsoir")


async def test_who_reacts_is_heard_under_the_id_that_was_given(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"compte": Counter()}) as s:
        await _on(s)
        await _asked(s, "!dis bonjour")
        (id_,) = s.shown.seen[s.shown.log[0].key]
        await s.event("reaction", target=id_, key="👍")
        assert (await s.shown.until(2))[1].text.plain == "Alice 👍"


async def test_a_time_comes_once_though_we_were_away(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"compte": Counter()}) as s:
        await _on(s)
        await s.say("!plus-tard 200")
        await s.shown.until(1)
        assert s.shown.texts == ["après 200"]
        await s.say("!plus-tard 400")
        while (await s.row("timer_next"))["due_at"] is None:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    async with stage(tmp_path, bots={"compte": Counter()}, linked=False) as s:
        await s.shown.until(1)
        await asyncio.sleep(0.1)
        assert s.shown.texts == ["après 400"]


async def test_where_it_is_off_it_hears_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"compte": Counter()}) as s:
        await s.say("avant")
        await _on(s)
        await s.say("pendant")
        assert await _asked(s, "!compte") == "1"
        await _asked(s, "!bot desactiver compte")
        await s.say("après")
        assert "pas actif" in await _asked(s, "!compte")
        async with s.db.snapshot() as tx:
            rows = await tx.all("kv_all", space="bot:compte !room:test")
        heard = [row["key"] for row in rows if row["key"].startswith("heard")]
        assert len(heard) == 1


class Duty(RoomConfig):
    team: str = field("ops", label=_("Équipe"))
    token: SecretStr = field(SecretStr(""), label=_("Jeton"))
    size: int = field(3, label=_("Effectif"), ge=1, le=9)


class OnDuty(Bot):
    """Dit qui est d'astreinte."""

    name = "astreinte"
    Config = Duty

    @command("astreinte")
    async def who(self, room: Room[Duty], words: str) -> str:
        """Dit l'équipe."""
        return f"{room.config.team} {room.config.size} {room.config.token.get_secret_value()}"


async def test_what_is_set_by_words_is_used_and_told() -> None:
    async with Bench(OnDuty) as bench:
        room = await bench.room(OnDuty)
        told = await room.say(ADMIN, "!bot regler astreinte")
        assert "team — Équipe : « ops »" in told
        assert "✓" in await room.say(ADMIN, '!bot regler astreinte équipe="nuit et jour" size=4')
        assert await room.say("@a:x", "!astreinte") == "nuit et jour 4 "
        assert "9 au plus" in await room.say(ADMIN, "!bot regler astreinte size=10")
        assert "secret" in await room.say(ADMIN, "!bot regler astreinte token=abc")
        assert "modér" in await room.say("@a:x", "!bot regler astreinte size=1")
        assert await room.say("@a:x", "!astreinte") == "nuit et jour 4 "


async def test_a_secret_is_kept_and_not_told() -> None:
    async with Bench(OnDuty) as bench:
        room = await bench.room(OnDuty, token=SecretStr("s3cret"))
        assert await room.say("@a:x", "!astreinte") == "ops 3 s3cret"
        assert "s3cret" not in await room.say(ADMIN, "!bot regler astreinte")


async def test_bots_follow_a_room_that_is_replaced() -> None:
    async with Bench(Counter) as bench:
        room = await bench.room(Counter)
        await room.say(ADMIN, "!compte")
        await room.say(ADMIN, "!plus-tard 60000")
        new = await bench.room()
        async with bench.db.transaction() as tx:
            await bench.kernel.crew.hearing.move(tx, room.id, new.id)
        assert await new.say(ADMIN, "!compte") == "2"
        assert "pas actif" in await room.say(ADMIN, "!compte")
        await bench.clock.forward(minutes=2)
        assert new.said[-1] == "après 60000"


async def test_one_that_talks_without_end_is_stopped(tmp_path: Path) -> None:
    class Talker(Bot):
        """Parle sans fin."""

        name = "bavard"

        @command("parle")
        async def talk(self, room: Room, words: str) -> None:
            """Parle."""
            for n in range(1000):
                await room.say(f"{words} {n}")

    async with Bench(Talker, folder=tmp_path) as bench:
        room = await bench.room(Talker)
        assert await room.say(ADMIN, "!parle bla") == "✗ ce robot en fait trop à la fois."


async def test_one_that_hangs_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LONGEST", 3.0)
    async with Bench(Counter, OnDuty) as bench:
        room = await bench.room(Counter, OnDuty)
        hanging = asyncio.create_task(room.say(ADMIN, "!compte dort"))
        await asyncio.sleep(0.2)
        await bench.kernel.inbox.take([("$other", _said(room.id, "!astreinte"))])
        async with asyncio.timeout(1):
            while "ops 3 " not in room.said:
                await asyncio.sleep(0.01)
        assert not hanging.done()
        await hanging


def _said(room: str, words: str) -> bytes:
    content = {"msgtype": "m.text", "body": words}
    event = {"event_id": "$other", "type": "m.room.message", "room_id": room, "sender": ADMIN, "content": content}
    return json.dumps({**event, "origin_server_ts": 1}).encode()


async def test_a_level_that_everybody_has_is_nobody_s_own() -> None:
    class Levels(Bot):
        """Dit les niveaux."""

        name = "niveaux"

        @command("niveaux")
        async def tell(self, room: Room, words: str) -> str:
            """Les dit."""
            return " ".join(f"{one.name}={one.level}" for one in await room.members())

    async with Bench(Levels) as bench:
        room = await bench.room(Levels)
        room.as_power("@ana:exemple.fr", 50)
        assert await room.say("@bob:exemple.fr", "!niveaux") == "Admin=100 ana=50 bob=0"
        room.users_default = 50
        assert await room.say("@bob:exemple.fr", "!niveaux") == "Admin=100 ana=0 bob=0"


async def test_two_edits_of_one_message_in_one_call() -> None:
    class Wavering(Bot):
        """Hésite."""

        name = "hesite"

        @command("hesite")
        async def waver(self, room: Room, words: str) -> None:
            """Hésite."""
            said = await room.say(words)
            for text in ("un", "deux"):
                await room.edit(said, text)

    async with Bench(Wavering) as bench:
        assert await (await bench.room(Wavering)).say(ADMIN, "!hesite zéro") == "deux"


async def test_a_time_that_cannot_be_read_stops_no_other() -> None:
    async with Bench(Counter) as bench:
        room = await bench.room(Counter)
        async with bench.db.transaction() as tx:
            await tx.run(
                "timer_set", room=room.id, bot="compte", key="broken", due_at=1, handler="due", words=b"not sealed"
            )
        await room.say(ADMIN, "!plus-tard 60000")
        await bench.clock.forward(minutes=2)
        assert room.said == ["après 60000"]
