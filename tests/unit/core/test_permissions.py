"""Nobody may do what is not theirs: every command of every bot, by everybody who might try (vectors/bots)."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tchap_bridges.bot import Bot, Power, Room, command
from tchap_bridges.core import denials
from tchap_bridges.errors import NotAllowed
from tchap_bridges.ids import PersonId
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ROOT = Path(__file__).parents[3]
WHO = YAML(typ="safe").load(ROOT / "tests" / "vectors" / "bots" / "permissions.yaml")
USERS = ("*:exemple.fr", "*:agent.externe.tchap.gouv.fr")
REFUSALS = ("au moins modérateur", "tout le monde est modérateur", "pas dans ce salon", "invité", "pas ouvert")


def _bots() -> Iterator[type[Bot]]:
    """Of this tree, whatever is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for where in project["entry-points"]["tchap_bridges.bots"].values():
        module, _, name = where.partition(":")
        yield getattr(import_module(module), name)


BOTS = list(_bots())


def _commands(bot: type[Bot]) -> Mapping[str, int]:
    """What is typed, and the level that it needs."""
    ways = {f"!{command.words[0]}": int(command.who) for command in bot.commands}
    return ways | {
        "!bot": -1,
        f"!bot aide {bot.name}": -1,
        f"!bot activer {bot.name}": 50,
        f"!bot regler {bot.name}": 50,
        "!bot webhook": 50,
        f"!bot webhook creer {bot.name}": 50,
        f"!bot regler {bot.name} cle=valeur": 50,
        f"!bot desactiver {bot.name}": 50,
    }


async def _room(bench: Bench, bot: type[Bot], who: Mapping[str, Any]) -> tuple[BenchRoom, str]:
    """A room in which the bot is on, and somebody has come to be what ``who`` says."""
    room, other = await bench.room(bot), await bench.room(bot)
    user = who["user"]
    if user == "ghost":
        user = bench.kernel.homeserver.ghost_of("echo", PersonId("sam"))
    room.as_power(user, who["level"])
    other.as_power(user, who.get("elsewhere", who["level"]))
    room.users_default = who.get("users_default", 0)
    if who.get("gone"):
        await room.leaves(user)
    room.timeline.clear()
    return room, user


async def _denied(bench: Bench) -> list[tuple[str, str, str, str]]:
    async with bench.db.snapshot() as tx:
        rows = await tx.all("audit_list", after=0, limit=1000)
    return [(row["who"], row["room"], row["detail"], row["rule"]) for row in rows if row["what"] == "denied"]


@pytest.mark.parametrize("bot", BOTS, ids=[bot.name for bot in BOTS])
@pytest.mark.parametrize("who", WHO, ids=[one["who"] for one in WHO])
async def test_each_command_is_answered_or_refused(bot: type[Bot], who: Mapping[str, Any]) -> None:
    async with Bench(bot, users=USERS) as bench:
        room, user = await _room(bench, bot, who)
        for typed, needed in _commands(bot).items():
            answer = await room.say(user, typed)
            if who.get("silent"):
                assert answer == "", typed
            elif needed <= who["may"]:
                assert not any(refusal in answer for refusal in REFUSALS), (typed, answer)
            else:
                assert answer.startswith("✗ "), (typed, answer)
                assert who["told"] in answer, (typed, answer)
                (row,) = [row for row in await _denied(bench) if row[2] == typed.split()[0]]
                assert row[:2] == (user, room.id)
                assert row[3].startswith(who["rule"]), (typed, row)
        if who.get("may", -2) < 50:
            room.users_default = 0
            assert f"● {bot.name}" in await room.say(ADMIN, "!bot"), "nothing they have said has switched it off"


class Decrees(Bot):
    """Décrète."""

    name = "decrets"

    @command("decret", who=Power.MODERATOR)
    async def decree(self, room: Room, words: str) -> str:
        """Décrète."""
        return f"{words}, décrète {room.caller.name}"

    @command("mien")
    async def mine(self, room: Room, words: str) -> str:
        """À qui est-ce ?"""
        if room.caller.person != "@ana:exemple.fr":
            raise NotAllowed("c'est à Ana")
        return "à vous"


async def test_who_is_demoted_between_the_desk_and_the_call_is_refused() -> None:
    async with Bench(Decrees) as bench:
        room = await bench.room(Decrees)
        room.as_power("@ana:exemple.fr", 50)
        assert "décrète ana" in await room.say("@ana:exemple.fr", "!decret oui")
        facts, asked = bench.kernel.homeserver.facts, 0

        async def demoted(where: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == 2:
                room.as_power("@ana:exemple.fr", 0)
            return await facts(where)

        bench.kernel.homeserver.facts = demoted
        assert "au moins modérateur" in await room.say("@ana:exemple.fr", "!decret oui")
        assert asked == 2
        assert [row[2:] for row in await _denied(bench)] == [("!decret", "level=0 needed=50 users_default=0")]


async def test_a_handler_s_own_refusal_is_in_the_audit_too() -> None:
    async with Bench(Decrees) as bench:
        room = await bench.room(Decrees)
        assert await room.say("@ana:exemple.fr", "!mien") == "à vous"
        assert await room.say("@bob:exemple.fr", "!mien, ou pas ?") != "à vous"
        assert await room.say("@bob:exemple.fr", "!mien") == "✗ c'est à Ana."
        assert [row[2] for row in await _denied(bench)] == ["!mien"]


async def test_a_word_that_is_corrected_into_a_command_is_none() -> None:
    """Nor is a reaction, nor a notice, nor what a bridge has brought."""
    async with Bench(Decrees) as bench:
        room = await bench.room(Decrees)
        said = await room.happens(ADMIN, "m.room.message", {"msgtype": "m.text", "body": "bonjour"})
        new = {"msgtype": "m.text", "body": "!decret oui"}
        relation = {"rel_type": "m.replace", "event_id": said}
        await room.happens(ADMIN, "m.room.message", {**new, "m.new_content": new, "m.relates_to": relation})
        await room.happens(
            ADMIN,
            "m.reaction",
            {"m.relates_to": {"rel_type": "m.annotation", "event_id": said, "key": "!decret oui"}},
        )
        await room.happens(ADMIN, "m.room.message", {"msgtype": "m.notice", "body": "!decret oui"})
        await room.happens(ADMIN, "m.room.message", {**new, "org.tchap_bridges.origin": "x"})
        assert room.said == []


async def test_what_somebody_decides_in_their_direct_conversation_is_decided_there_alone() -> None:
    """There they have a level; in the room that it came of they have none."""

    class Calls(Decrees):
        """Appelle."""

        @command("appelle")
        async def call(self, room: Room, words: str) -> None:
            """Appelle."""
            await room.tell(PersonId("@membre:exemple.fr"), "Bonjour")

    async with Bench(Calls) as bench:
        room = await bench.room(Calls)
        room.as_power("@membre:exemple.fr", 0)
        await room.say(ADMIN, "!appelle")
        direct = bench.direct("@membre:exemple.fr")
        assert "pas actif" in await direct.say("@membre:exemple.fr", "!decret oui")
        await direct.say("@membre:exemple.fr", "!bot desactiver decrets")
        await direct.say("@membre:exemple.fr", "!bot regler decrets")
        assert await room.say(ADMIN, "!decret oui") == "oui, décrète Admin"
        assert "au moins modérateur" in await room.say("@membre:exemple.fr", "!decret oui")


async def test_where_a_bot_is_off_its_commands_do_nothing_whoever_gives_them() -> None:
    async with Bench(Decrees) as bench:
        room = await bench.room()
        assert "pas actif" in await room.say(ADMIN, "!decret oui")
        await room.say(ADMIN, "!bot activer decrets")
        await room.say(ADMIN, "!bot desactiver decrets")
        assert "pas actif" in await room.say(ADMIN, "!decret oui")


async def test_a_room_that_replaces_another_has_levels_of_its_own() -> None:
    async with Bench(Decrees) as bench:
        room, new = await bench.room(Decrees), await bench.room()
        room.as_power("@ana:exemple.fr", 100)
        new.as_power("@ana:exemple.fr", 0)
        async with bench.db.transaction() as tx:
            await bench.kernel.crew.hearing.move(tx, room.id, new.id)
        assert "au moins modérateur" in await new.say("@ana:exemple.fr", "!decret oui")
        assert "pas actif" in await room.say("@ana:exemple.fr", "!decret oui")


async def test_refusals_do_not_fill_the_disk() -> None:
    async with Bench(Decrees, users=USERS) as bench:
        room = await bench.room(Decrees)
        for n in range(40):
            await room.say("@ana:exemple.fr", f"!decret {n}")
        assert len(await _denied(bench)) == 1, "the same refusal once an hour"
        await bench.clock.forward(minutes=61)
        await room.say("@ana:exemple.fr", "!decret encore")
        assert len(await _denied(bench)) == 2
        assert all("encore" not in str(row) for row in await _denied(bench)), "and no content"


async def test_one_person_s_refusals_in_many_rooms_are_bounded_and_so_are_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(denials, "OF_ALL", 70)
    async with Bench(Decrees) as bench:
        keep = bench.kernel.denials.keep
        for n in range(80):
            async with bench.db.transaction() as tx:
                await keep(tx, ADMIN, (await bench.room()).id if not n else f"!{n}:x", "decret", "")
        assert len(await _denied(bench)) == denials.OF_ONE
        for n in range(80):
            async with bench.db.transaction() as tx:
                await keep(tx, f"@u{n}:x", "!r:x", "decret", "")
        assert len(await _denied(bench)) == 70


async def test_what_is_not_committed_is_kept_the_next_time() -> None:
    async with Bench(Decrees) as bench:
        keep = bench.kernel.denials.keep
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the transaction is what must fail
            async with bench.db.transaction() as tx:
                await keep(tx, ADMIN, "!r:x", "decret", "")
                raise ZeroDivisionError
        async with bench.db.transaction() as tx:
            await keep(tx, ADMIN, "!r:x", "decret", "")
        assert len(await _denied(bench)) == 1
