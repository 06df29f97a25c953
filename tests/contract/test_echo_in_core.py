"""The Echo network through the real core and store: every ability both ways, and a session that is lost in between."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.core.homeserver import FakeHomeserver
from tests.unit.core.stage import KEY, Counts

from tchap_bridge_echo import EchoBridge, EchoConfig
from tchap_bridge_echo.server import EchoServer
from tchap_bridge_echo.wire import FILE_BYTES
from tchap_bridges.bridge import Destination
from tchap_bridges.core import policy
from tchap_bridges.core.kernel import Edge, Kernel, Options
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ConnectionName
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer


@dataclass
class World:
    """A room on one side, #general on the other."""

    network: EchoServer
    homeserver: FakeHomeserver
    kernel: Kernel

    async def room(self, kind: str, id: str, **data: Any) -> None:
        await self.kernel.inbox.take([(id, json.dumps({"kind": kind, **data}).encode())])

    async def shown(self, count: int) -> list[Any]:
        """What the room was made to show since the last time."""
        log = list(await self.homeserver.shown.until(count))
        self.homeserver.shown.log.clear()
        return log

    @property
    def posts(self) -> list[Any]:
        return [post for post in self.network.channel("#general").messages if post.nick == "pont"]


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made: list[FakeHomeserver] = []

    def homeserver(edge: Edge) -> FakeHomeserver:
        made.append(FakeHomeserver(edge))
        return made[0]

    async with EchoServer() as network:
        db = await Database.open(f"sqlite:///{folder}/store.db")
        rules = policy.Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False)
        kernel = Kernel(
            db=db,
            sealer=Sealer([KEY]),
            key=KEY,
            homeserver=homeserver,
            bridges={ConnectionName("echo"): (EchoBridge, EchoConfig(port=network.port))},
            bots={},
            options=Options(rules=rules, users=["@*:test"], home="Tchap", words=Translator("fr")),
            meter=Counts(),
        )
        try:
            async with kernel.running():
                made[0].edge.alive()
                await network.until(lambda: network.account("pont").session)
                here = World(network, made[0], kernel)
                await here.room("message", "$link", text="!pont écho #General")
                assert "✓" in (await here.shown(1))[0].text.plain
                yield here
        finally:
            await db.close()


async def test_every_ability_both_ways(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        network, alice = here.network, here.network.person("alice")
        said = alice.say("#general", "salut")
        (shown,) = await here.shown(1)
        assert (shown.author.name, shown.text.plain) == ("Alice", "salut")
        root = here.homeserver.shown.seen[shown.key][0]

        await here.room("message", "$answer", text="réponse", thread=[root], reply_to=root)
        post = (await network.until(lambda: here.posts))[0]
        assert (post.thread, post.reply_to, post.name) == (said, said, "Alice (Tchap)")
        await here.room("edit", "$edit", target="$answer", text="corrigée")
        await network.until(lambda: network.post(post.id).text == "corrigée")
        await here.room("reaction", "$react", target=root, key="👍")
        await network.until(lambda: network.post(said).reactions == (("Alice (Tchap)", "👍"),))
        await here.room("deletion", "$unreact", target="$react")
        await network.until(lambda: not network.post(said).reactions)
        await here.room("deletion", "$delete", target="$answer")
        await network.until(lambda: not here.posts)

        alice.edit(said, "salut !")
        reaction = alice.react(said, "🎉")
        log = await here.shown(2)
        alice.unreact(reaction)
        alice.rename("#general", "autre sujet")
        alice.delete(said)
        log += await here.shown(3)
        assert {type(entry) for entry in log} == {OutgoingEdit, OutgoingReaction, Outgoing, OutgoingDeletion}
        assert [entry.removed for entry in log if isinstance(entry, OutgoingReaction)] == [False, True]


async def test_a_session_lost_in_between(tmp_path: Path) -> None:
    """Nothing lost, nothing twice, in order, both ways; and our own copies never come back."""
    async with world(tmp_path) as here:
        network, alice = here.network, here.network.person("alice")
        network.faults.lose_answers = 1
        for n in range(10):
            await here.room("message", f"$n{n}", text=f"du salon {n}")
            alice.say("#general", f"du réseau {n}")
        await network.until(lambda: len(here.posts) == 10, seconds=20)
        await network.until(lambda: not network.account("pont").waiting, seconds=20)
        assert [post.text for post in here.posts] == [f"du salon {n}" for n in range(10)]
        assert [entry.text.plain for entry in await here.shown(10)] == [f"du réseau {n}" for n in range(10)]


async def test_a_file_that_is_too_large_is_told_to_both_sides(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.homeserver.rooms.files["film.mov"] = bytes(FILE_BYTES + 1)
        await here.room("message", "$film", text="voici", files=["film.mov"])
        (notice,) = await here.shown(1)
        assert notice.reply_to == "$film"
        assert notice.text.plain.startswith("⚠ film.mov n'est pas parti vers #general : ")
        (post,) = here.posts
        assert "voici" in post.text
        assert "film.mov" in post.text
