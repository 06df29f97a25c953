"""Who may decide nothing, on a real homeserver, though the room gives them the level: each command of each bot.

Their levels are those of vectors/bots/permissions.yaml, all of which `tests/unit/core/test_permissions.py` tries.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tchap_bridge_echo.server import EchoServer
from tchap_bridges.core.pace import COMMANDS_AT_ONCE
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import World
from tests.unit.core.test_permissions import BOTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

OWN = [f"!{command.words[0]}" for bot in BOTS for command in bot.commands]
BUILTIN = [
    "!bot",
    "!pont",
    "!pont etat",
    *(f"!bot {verb} {bot.name}" for bot in BOTS for verb in ("regler", "desactiver")),
]
SETS = [OWN, BUILTIN]


@dataclass
class Hall:
    world: World
    echo: EchoServer
    camille: Client

    async def room(self, who: Client, level: int = 100) -> str:
        """In which all bots are on, and ``who`` has this level."""
        room = await self.world.room(self.camille)
        await self.camille.set_state(room, "m.room.guest_access", {"guest_access": "can_join"})
        for bot in BOTS:
            await self.camille.send_text(room, f"!bot activer {bot.name}")
            await self.camille.wait_for_text(room, f"✓ {bot.name} est actif")
        await self.camille.invite(room, who.user_id)
        await who.join(room)
        await self.camille.set_power(room, who.user_id, level)
        return room

    async def refused(self, room: str, typed: Sequence[str], why: str, rule: str, who: str) -> None:
        """Each of them, politely, and it is in the audit."""
        async with asyncio.timeout(30):
            while len(found := await self._answers(room, why)) < len(typed):
                await asyncio.sleep(0.2)
        assert found == Counter(typed)
        with closing(sqlite3.connect(self.world.bridge.folder / "data" / "bridge.db")) as db:
            rows = db.execute(
                "SELECT detail, rule FROM audit WHERE what = 'denied' AND who = ? AND room = ?", (who, room)
            )
            kept = dict(rows.fetchall())
        assert set(kept) == {one.split()[0] for one in typed}
        assert all(told.startswith(rule) for told in kept.values()), kept

    async def _answers(self, room: str, why: str) -> Counter[str]:
        """Which commands were answered so."""
        events = await self.camille.timeline(room)
        said = {event["event_id"]: event["content"].get("body", "") for event in events}
        answers = [
            event for event in events if event["sender"] == self.world.bot and why in event["content"].get("body", "")
        ]
        return Counter(said[event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]] for event in answers)

    async def still_on(self, room: str) -> None:
        """And nothing that they said has done anything."""
        before = len(await self.camille.timeline(room))
        await self.camille.send_text(room, "!bot")
        told = await self.camille.wait_for(room, lambda e: e["content"].get("body", "").count("●") > 0)
        assert told["content"]["body"].count("●") == len(BOTS)
        assert len(await self.camille.timeline(room)) == before + 2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hall(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("permissions")
    async with EchoServer(channels=("#general",)) as echo:
        changes = {"bots": {bot.name: {} for bot in BOTS}, "bridges": {"echo": {"port": echo.port}}}
        guests = {"allow_guest_access": True}
        async with await World.start(folder, template=template, changes=changes, homeserver=guests) as world:
            yield Hall(world, echo, await world.agent())


async def test_there_are_commands_enough_and_no_more_than_one_may_give_in_a_row() -> None:
    assert all(15 <= len(each) <= COMMANDS_AT_ONCE for each in SETS), [len(each) for each in SETS]


@pytest.mark.parametrize("typed", SETS, ids=["bots", "builtin"])
async def test_a_guest(hall: Hall, typed: Sequence[str]) -> None:
    guest = await hall.world.guest()
    room = await hall.room(guest)
    for one in typed:
        await guest.send_text(room, one)
    await hall.refused(room, typed, "un compte invité ne donne pas de commandes", "guest", guest.user_id)
    await hall.still_on(room)


@pytest.mark.parametrize("typed", SETS, ids=["bots", "builtin"])
async def test_who_is_banned_before_it_is_read(hall: Hall, typed: Sequence[str]) -> None:
    banned = await hall.world.agent(f"banni-{len(typed)}", "Banni")
    room = await hall.room(banned, 99)  # who has no more than they bans nobody
    typed = [one for one in typed if one not in {"!bot", "!pont", "!pont etat"}]  # these only tell
    await hall.world.bridge.kill()
    for one in typed:
        await banned.send_text(room, one)
    await hall.camille.request("POST", f"/_matrix/client/v3/rooms/{room}/ban", json={"user_id": banned.user_id})
    await hall.world.bridge.start()
    await hall.refused(room, typed, "vous n'êtes pas dans ce salon", "level=99", banned.user_id)
    await hall.still_on(room)


async def test_a_ghost(hall: Hall) -> None:
    """Whoever has the token speaks as one, and is heard by nobody: ghosts say what people of networks have said."""
    ghost = hall.world.ghost("pont_echo_sam")
    async with aiohttp.ClientSession() as http:
        body = {"type": "m.login.application_service", "username": "pont_echo_sam", "inhibit_login": True}
        headers = {"Authorization": f"Bearer {ghost.token}"}
        async with http.post(f"{ghost.url}/_matrix/client/v3/register", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
    room = await hall.room(ghost)
    before = len(await hall.camille.timeline(room))
    for one in (*OWN, *BUILTIN):
        await ghost.send_text(room, one)
    await hall.still_on(room)
    assert len(await hall.camille.timeline(room)) == before + len(OWN) + len(BUILTIN) + 2


async def test_somebody_of_a_linked_network(hall: Hall) -> None:
    """Their ghost stands at 100: what a member gives is refused once, and kept under the ghost's name."""
    sam = hall.echo.person("sam", "Sam")
    room = await hall.world.room(hall.camille)
    for bot in BOTS:
        await hall.camille.send_text(room, f"!bot activer {bot.name}")
        await hall.camille.wait_for_text(room, f"✓ {bot.name} est actif")
    assert "✓" in await hall.world.link(hall.camille, room, "écho #general")
    sam.say("#general", "bonjour")
    said = await hall.camille.wait_for_text(room, "bonjour")
    await hall.camille.set_power(room, said["sender"], 100)
    linked = {f"!{command.words[0]}" for bot in BOTS for command in bot.commands if command.linked}
    typed = [one for one in (*OWN, *BUILTIN) if one not in linked]
    for one in typed:
        sam.say("#general", one)
    await hall.camille.wait_for_text(room, typed[-1], timeout=60)
    await hall.camille.wait_for_text(room, "✗ ce n'est une commande que pour les membres du salon, depuis ")
    assert [post.text for post in hall.echo.channel("#general").messages if "✗" in post.text]
    with closing(sqlite3.connect(hall.world.bridge.folder / "data" / "bridge.db")) as db:
        rows = db.execute(
            "SELECT detail, rule FROM audit WHERE what = 'denied' AND who = ?", (said["sender"],)
        ).fetchall()
    assert {detail for detail, _rule in rows} == {one.split()[0] for one in typed}
    assert {rule for _detail, rule in rows} == {"network=echo"}
    await hall.still_on(room)
