"""A feed in a real room: followed by a command, said, corrected where it was said, and said once over a kill -9.

The bridge is a process of its own, and goes to public addresses only; that the site of this test is on loopback is a
bot of another distribution, which lies in a folder of the test.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import World
from tests.unit.feeds.site import Site, item, rss

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOT = '''
import socket

from tchap_bot_feeds.bot import FeedsBot


class LocalFeeds(FeedsBot):
    """Flux, aussi de cette machine."""

    name = "flux-local"

    @property
    def sockets(self):
        return lambda info: socket.socket(*info[:3])
'''


@dataclass
class Place:
    world: World
    site: Site
    camille: Client
    room: str

    async def types(self, words: str) -> None:
        await self.camille.send_text(self.room, words)

    async def told(self, words: str) -> list[str]:
        """The messages that hold these words."""
        bodies = [str(event["content"].get("body", "")) for event in await self.camille.timeline(self.room)]
        return [body for body in bodies if words in body]


def distribution(folder: Path) -> Path:
    """As pip would leave it."""
    info = folder / "local_feeds-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: local-feeds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tchap_bridges.bots]\nflux-local = local_feeds:LocalFeeds\n")
    (folder / "local_feeds.py").write_text(BOT)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("feeds")
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (str(distribution(folder / "site")), known)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        changes: dict[str, object] = {"bots": {"flux-local": {}}}
        async with await World.start(folder / "world", template=template, changes=changes) as found:
            yield found


@pytest_asyncio.fixture(loop_scope="session")
async def place(world: World, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    camille = await world.agent(f"camille-{request.node.name.replace('_', '-')[:40].lower()}", "Camille Martin")
    room = await world.room(camille)
    async with Site() as site:
        site.pages["/f"] = rss(item(1), title="Préfecture")
        await camille.send_text(room, "!bot activer flux-local")
        await camille.wait_for_text(room, "flux-local est actif")
        yield Place(world, site, camille, room)


async def test_followed_said_corrected(place: Place) -> None:
    await place.types(f"!flux {place.site.url}/f")
    await place.camille.wait_for_text(place.room, "✓ Flux n° 1 « Préfecture » : 1 entrée.")
    place.site.pages["/f"] = rss(
        item(2, "Un &lt;b&gt;arrêté&lt;/b&gt;", summary="&lt;p onclick='x'&gt;Le texte &amp;amp; plus&lt;/p&gt;"),
        item(1),
        title="Préfecture",
    )
    await place.types("!flux lire")
    said = await place.camille.wait_for_text(place.room, "Préfecture — Un arrêté")
    assert said["content"]["msgtype"] == "m.notice"
    assert said["content"]["formatted_body"] == (
        '<p>📰 <em>Préfecture</em> — <strong><a href="https://exemple.fr/2">Un arrêté</a></strong>'
        "<br>Le texte &amp; plus</p>"
    )
    await place.camille.wait_for_text(place.room, "1 nouvelle entrée")
    place.site.pages["/f"] = rss(item(2, "Un décret"), item(1), title="Préfecture")
    await place.types("!flux lire 1")
    edit = await place.camille.wait_for_text(place.room, "* 📰 Préfecture — Un décret")
    assert edit["content"]["m.relates_to"] == {"rel_type": "m.replace", "event_id": said["event_id"]}


async def test_said_once_over_a_kill(place: Place) -> None:
    await place.types(f"!flux {place.site.url}/f")
    await place.camille.wait_for_text(place.room, "✓ Flux n° 1")
    place.site.pages["/f"] = rss(item(3), item(2), item(1))
    await place.types("!flux lire")
    await place.camille.wait_for_text(place.room, "Je lis 1 flux")
    await place.world.bridge.kill()
    await place.world.bridge.start()
    await place.camille.wait_for_text(place.room, "Titre 3", timeout=30)
    await place.types("!flux lire 1")
    await place.camille.wait_for_text(place.room, "rien de nouveau", timeout=30)
    assert len(await place.told("— Titre 2")) == 1
    assert len(await place.told("— Titre 3")) == 1
