"""The whole program with an antivirus: what is infected stays where it is, both ways, and people know."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridge_echo.network import Person, Posted
from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.clamd import Clamd, eicar
from tchap_bridges.testing.content_scanner import ContentScanner
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

from .files import zipped

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAN = bytes(range(256)) * 500
PATIENCE = 60
HELD = "l'antivirus y a trouvé un programme malveillant"


@dataclass
class Place:
    """A room, a channel and a list that are one conversation, under the eyes of one kind of antivirus."""

    world: World
    camille: Client
    room: str
    echo: EchoServer
    sam: Person
    address: str
    scanner: Clamd | ContentScanner

    def posts(self) -> list[Posted]:
        return list(self.echo.channel("#general").messages)

    async def post(self, words: str) -> Posted:
        """The post on the network with these words, once it is there."""
        return await self.echo.until(
            lambda: next((post for post in self.posts() if words in post.text), None), seconds=PATIENCE
        )

    async def said(self, words: str) -> dict[str, Any]:
        return await self.camille.wait_for_text(self.room, words, timeout=PATIENCE)

    async def files(self) -> list[bytes]:
        """Every file of the room that is not Camille's."""
        return [
            await self.camille.download(event["content"]["url"])
            for event in await self.camille.timeline(self.room)
            if event["sender"] != self.camille.user_id and "url" in event["content"]
        ]

    async def mail(self, words: str, name: str, data: bytes) -> None:
        message = list_mail("Ana López", "ana@exemple.fr", words, words, list_name="projet")
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        sender = f"projet-bounces@{LIST_DOMAIN}"
        await asyncio.to_thread(self.world.mail, message, sender=sender, to=self.address)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["clamd", "content_scanner"])
async def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, irc_folder: Callable[[], Path]
) -> AsyncIterator[Place]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    async with AsyncExitStack() as stack:
        scanner: Clamd | ContentScanner
        if request.param == "clamd":
            scanner = await stack.enter_async_context(Clamd(irc_folder()))
            antivirus: dict[str, Any] = {"clamd": f"127.0.0.1:{scanner.port}"}
        else:
            scanner = await stack.enter_async_context(ContentScanner(""))
            antivirus = {"content_scanner": scanner.url}
        echo = await stack.enter_async_context(EchoServer())
        changes = {"antivirus": antivirus, "bridges": {"echo": {"port": echo.port}}}
        world = await World.start(tmp_path_factory.mktemp("antivirus"), template=template, changes=changes)
        await stack.enter_async_context(world)
        if isinstance(scanner, ContentScanner):
            scanner.homeserver = world.synapse.url
        camille = await world.agent()
        room = await world.room(camille, "Projet")
        told = await world.link(camille, room, f"courriel projet@{LIST_DOMAIN} sens=deux-sens")
        address = re.search(r"[\w.+-]+@pont\.tchap\.localhost", told)
        assert address, told
        assert "✓" in await world.link(camille, room, "écho #general")
        yield Place(world, camille, room, echo, echo.person("sam", "Sam"), address[0], scanner)


async def test_what_is_clean_goes_both_ways(place: Place) -> None:
    await place.camille.send_file(place.room, "plan-sain.bin", "application/octet-stream", PLAN)
    found = await place.echo.until(
        lambda: next((post for post in place.posts() if any(f.name == "plan-sain.bin" for f in post.files)), None),
        seconds=PATIENCE,
    )
    assert [file.data for file in found.files] == [PLAN]
    sent = await place.world.sink.wait_for(lambda mail: "plan-sain.bin" in mail.data.decode(), timeout=PATIENCE)
    assert [part.get_payload(decode=True) for part in sent.message().iter_attachments()] == [PLAN]
    place.sam.say("#general", "voici une réponse", files=[stored("reponse.bin", PLAN[::-1])])
    await place.camille.wait_for(
        place.room, lambda event: event["content"].get("filename") == "reponse.bin", timeout=PATIENCE
    )
    await place.mail("voici un courriel sain", "courrier.bin", PLAN[1:])
    await place.camille.wait_for(
        place.room, lambda event: event["content"].get("filename") == "courrier.bin", timeout=PATIENCE
    )
    assert await place.files() == [PLAN[::-1], PLAN[1:]]


@pytest.mark.parametrize("data", [eicar(), zipped(eicar(), deep=2)], ids=["eicar", "zip in zip"])
async def test_from_the_room_it_is_on_no_network_and_its_sender_is_told(place: Place, data: bytes) -> None:
    name = f"facture-{len(data)}.bin"
    event = await place.camille.send_file(place.room, name, "application/octet-stream", data)
    for where in ("#general", f"projet@{LIST_DOMAIN}"):
        notice = await place.said(f"⚠ {name} n'est pas parti vers {where} : {HELD}")
        assert notice["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == event
    post = await place.post(name)
    assert (post.files, HELD in post.text) == ((), True)
    sent = await place.world.sink.wait_for(lambda mail: name in str(mail.message()), timeout=PATIENCE)
    assert list(sent.message().iter_attachments()) == []
    assert "Pièce jointe non transmise" in sent.message().get_body().get_content()
    assert [file for file in place.echo._files.values() if file.name == name] == [], "nor is it there unseen"


@pytest.mark.parametrize(
    ("data", "who"), [(eicar(), "sam"), (zipped(eicar(), deep=2), "lea")], ids=["eicar", "zip in zip"]
)
async def test_from_a_network_it_is_not_in_the_room_and_its_sender_is_told_there(
    place: Place, data: bytes, who: str
) -> None:
    name = f"cadeau-{len(data)}.png"
    before = await place.files()
    id_ = place.echo.person(who, who.title()).say(
        "#general", f"un cadeau de {len(data)} octets", files=[stored(name, data)]
    )
    await place.said(f"un cadeau de {len(data)} octets")
    line = await place.said(f"{name} n'a pas pu être joint : {HELD}")
    assert line["sender"].startswith("@pont_")
    notice = await place.post(f"⚠ {name} n'est pas parti vers le salon : {HELD}")
    assert notice.reply_to == id_
    assert await place.files() == before


async def test_from_a_mail_its_text_is_in_the_room_and_it_is_not(place: Place) -> None:
    before = await place.files()
    await place.mail("voici la facture impayée", "impayee.zip", zipped(eicar()))
    await place.said("voici la facture impayée")
    await place.said(f"impayee.zip n'a pas pu être joint : {HELD}")
    assert await place.files() == before
    notice = await place.said(f"⚠ impayee.zip n'est pas parti vers #general : {HELD}")
    assert notice["sender"] == place.world.bot


async def test_a_scanner_that_is_away_is_waited_for_over_a_kill(place: Place) -> None:
    await place.scanner.stop()
    await place.camille.send_file(place.room, "attente.bin", "application/octet-stream", PLAN)
    place.sam.say("#general", "en attendant", files=[stored("attente-2.bin", PLAN)])
    await asyncio.sleep(1)
    await place.world.bridge.kill()
    await place.world.bridge.start()
    await asyncio.sleep(1)
    names = [file.name for post in place.posts() for file in post.files]
    assert "attente.bin" not in names
    assert not [event for event in place.camille.seen(place.room) if "attente-2.bin" in str(event["content"])]
    await place.scanner.start()
    await place.echo.until(
        lambda: any(file.name == "attente.bin" for post in place.posts() for file in post.files), seconds=PATIENCE
    )
    await place.camille.wait_for(
        place.room, lambda event: event["content"].get("filename") == "attente-2.bin", timeout=PATIENCE
    )
    await place.camille.send_text(place.room, "c'est la fin")
    await place.post("c'est la fin")
    assert [file.name for post in place.posts() for file in post.files].count("attente.bin") == 1
    found = await place.camille.timeline(place.room)
    assert sum(event["content"].get("filename") == "attente-2.bin" for event in found) == 1


async def test_killed_between_looking_and_sending_it_is_there_once_and_was_looked_at_once(place: Place) -> None:
    looked = re.compile(r'tchap_bridges_events_total\{what="clean",where="echo"\} ([0-9.]+)')

    async def clean() -> float:
        found = looked.search(await place.world.bridge.metrics())
        return float(found[1]) if found else 0

    before = await clean()
    place.echo.faults.delay = 3  # what is asked of the network now is on its way when we are killed
    await place.camille.send_file(place.room, "coupure.bin", "application/octet-stream", PLAN)
    async with asyncio.timeout(PATIENCE):
        while await clean() == before:
            await asyncio.sleep(0.05)
    await place.world.bridge.kill()
    place.echo.faults.delay = 0
    await place.world.bridge.start()
    await place.echo.until(
        lambda: any(file.name == "coupure.bin" for post in place.posts() for file in post.files), seconds=PATIENCE
    )
    await place.camille.send_text(place.room, "et voilà")
    await place.post("et voilà")
    assert [file.name for post in place.posts() for file in post.files].count("coupure.bin") == 1
    assert await clean() == 0, "the last process had looked at it"


async def test_metrics_count_it_and_the_log_names_no_file(place: Place) -> None:
    await place.camille.send_file(place.room, "nom-tres-secret.bin", "application/octet-stream", eicar())
    await place.said("nom-tres-secret.bin n'est pas parti vers #general")
    page = await place.world.bridge.metrics()
    assert re.search(r'tchap_bridges_events_total\{what="infected",where="echo"\} [1-9]', page)
    log = place.world.bridge.log.read_text()
    assert "screening.held" in log
    assert "nom-tres-secret" not in log


def stored(name: str, data: bytes) -> tuple[str, str, bytes]:
    return name, "image/png" if name.endswith(".png") else "application/octet-stream", data
