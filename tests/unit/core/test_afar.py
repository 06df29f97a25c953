"""Commands of people of linked networks: those that are theirs too, and those that are not."""

import asyncio
from pathlib import Path

import pytest

from tchap_bridges.bot import Bot, Power, Room, command, on
from tchap_bridges.bridge import Direction
from tchap_bridges.events import Form, Message

from .stage import Stage, stage


class Orders(Bot):
    """Commande."""

    name = "ordres"

    @command("compte", linked=True)
    async def count(self, room: Room, n: int) -> str:
        """Compte."""
        return f"{room.caller.name} de {room.network or 'ici'} : {n}"

    @command("compté", linked=True, who=Power.MODERATOR)
    async def decree(self, room: Room, words: str) -> str:
        """Décrète."""
        return "décrété"

    @command("réservé")
    async def own(self, room: Room) -> str:
        """Pour qui est dans le salon."""
        return "fait"

    @on(Message)
    async def hear(self, room: Room, event: Message) -> None:
        await room.say(f"entendu {event.text.plain}")


async def denied(s: Stage) -> list[tuple[str, str, str]]:
    async with s.db.snapshot() as tx:
        rows = await tx.all("audit_list", after=0, limit=100)
    return [(row["who"], row["detail"], row["rule"]) for row in rows if row["what"] == "denied"]


async def switched(s: Stage) -> None:
    await s.say("!bot activer ordres")
    await s.shown.until(1)
    s.shown.log.clear()


async def after(s: Stage, said: str, *, rows: int, **more: object) -> list[tuple[str, str]]:
    """Where what is shown and which words, once there are ``rows`` of them; their order between places is free."""
    s.shown.log.clear()
    s.net.shown.log.clear()
    await s.net.say(said, **more)
    async with asyncio.timeout(5):
        while len(s.shown.log) + len(s.net.shown.log) < rows:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    here, there = ([one.text.plain for one in shown.log] for shown in (s.shown, s.net.shown))
    return sorted([("salon", text) for text in here] + [("net", text) for text in there])


async def test_a_command_that_is_theirs_too_is_answered_there_and_in_the_room(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"ordres": Orders()}) as s:
        await switched(s)
        assert await after(s, "!compte 3", rows=3) == [
            ("net", "Bob de net : 3"),
            ("salon", "!compte 3"),
            ("salon", "Bob de net : 3"),
        ]
        said = await after(s, "!ordres-compte trois", rows=3)
        assert sorted(where for where, text in said if text.startswith("✗")) == ["net", "salon"]
        assert await denied(s) == []


async def test_what_only_a_moderator_may_nobody_of_a_network_may(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"ordres": Orders()}) as s:
        await switched(s)
        said = await after(s, "!compté oui", rows=3)
        assert ("net", "✗ cela ne se fait que depuis le salon.") in said
        assert ("salon", "✗ cela ne se fait que depuis le salon.") in said
        assert [row[1:] for row in await denied(s)] == [("!compté", "network=net")]


@pytest.mark.parametrize(
    "typed", ["!bot activer ordres", "!pont", "!AIDE", "!réservé", "!reserve", "!ordres-réservé x"]
)
async def test_of_any_other_they_are_told_once_that_it_is_not_theirs(tmp_path: Path, typed: str) -> None:
    async with stage(tmp_path, bots={"ordres": Orders()}) as s:
        await switched(s)
        said = await after(s, typed, rows=4)
        refusal = "✗ ce n'est une commande que pour les membres du salon, depuis Tchap."
        assert [one for one in said if "✗" in one[1]] == [("net", refusal), ("salon", refusal)]
        assert not [one for one in said if one[1] == "fait"]
        (row,) = await denied(s)
        assert row[0] == s.hs.ghost_of("réseau", "bob")
        assert row[2] == "network=net"
        assert not [one for one in await after(s, typed, rows=2) if "✗" in one[1]]
        assert [one for one in await after(s, typed, rows=3, by="eve") if "✗" in one[1]], "each is told"


@pytest.mark.parametrize("typed", ["!seen bob", "!reserver", "bonjour !bot"])
async def test_words_of_somebody_elses_robots_are_none_of_ours(tmp_path: Path, typed: str) -> None:
    async with stage(tmp_path, bots={"ordres": Orders()}) as s:
        await switched(s)
        assert not [one for one in await after(s, typed, rows=2) if "✗" in one[1]]
        assert await denied(s) == []


async def test_a_bot_that_is_off_says_nothing_to_them(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"ordres": Orders()}) as s:
        for typed in ("!réservé", "!compte 3"):
            assert await after(s, typed, rows=1) == [("salon", typed)]
        assert await denied(s) == []


async def test_what_their_robots_say_calls_nobody(tmp_path: Path) -> None:
    async with stage(tmp_path, bots={"ordres": Orders()}) as s:
        await switched(s)
        for typed in ("!compte 3", "!pont"):
            said = await after(s, typed, rows=2, form=Form.NOTICE)
            assert sorted(text for where, text in said if where == "salon") == [typed, f"entendu {typed}"]
        assert await denied(s) == []


async def test_a_list_that_is_told_answers_only_is_not_written_to(tmp_path: Path) -> None:
    def replies(s: Stage) -> None:
        s.net.direction = Direction.REPLIES

    async with stage(tmp_path, bots={"ordres": Orders()}, prepare=replies) as s:
        await switched(s)
        said = await after(s, "!pont", rows=3)
        assert [where for where, text in said if "✗" in text] == ["salon"]
