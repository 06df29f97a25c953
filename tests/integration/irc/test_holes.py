"""Holes that other IRC bridges had, tried on real servers: names that are two, and words that are for a few."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridge_irc.connection import IrcConnection
from tchap_bridges.bridge import Asker
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author, Form, Message, Text
from tchap_bridges.ids import ChatId, PersonId, UserId
from tchap_bridges.outgoing import Outgoing
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.rig import FakeSteps

pytestmark = pytest.mark.asyncio(loop_scope="session")

Person = Callable[..., Awaitable[IrcClient]]
ASKER = Asker(user=UserId("@jeanne:exemple.fr"), name="Jeanne", room_name="Essais")
_numbers = count(1)


@asynccontextmanager
async def bridge(host: FakeHost, server: Ngircd | Inspircd, /, **config: Any) -> AsyncIterator[IrcConnection]:
    """The bridge on a server; ``host`` may know it from before."""
    flood = Flood(burst=1000, seconds=0)
    made = IrcConfig(
        **{"host": server.host, "port": server.port, "security": "none", "flood": flood, "nick": "guet", **config}
    )
    host.is_up.clear()
    async with IrcBridge().open(made, host) as connection:
        assert isinstance(connection, IrcConnection)
        running = asyncio.create_task(connection.run())
        up = asyncio.create_task(host.is_up.wait())
        try:
            async with asyncio.timeout(30):
                await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            yield connection
        finally:
            for task in (running, up):
                task.cancel()
            await asyncio.wait({running, up})


async def link(connection: IrcConnection, host: FakeHost, name: str) -> ChatId:
    chat = await connection.find(name, {}, ASKER)
    host.link(chat.id, options=chat.options)
    return chat.id


def message(host: FakeHost, chat: ChatId, text: str) -> Outgoing:
    return Outgoing(
        key=f"k{next(_numbers)}",
        chat=chat,
        author=Author(person=PersonId("@jeanne:exemple.fr"), name="Jeanne"),
        network="Tchap",
        at=datetime.now(UTC),
        text=Text(plain=text),
        steps=FakeSteps(),
        options=host.links[chat].options,
    )


async def heard(host: FakeHost, words: str) -> Message:
    async with asyncio.timeout(30):
        while not (found := [e for e in host.events if isinstance(e, Message) and words in e.text.plain]):
            await asyncio.sleep(0.01)
    return found[0]


async def test_cve_2022_39203_a_network_that_compares_names_otherwise(
    inspircd: Inspircd, ngircd: Ngircd, irc_client: Person
) -> None:
    """Linked to #Deux[] and to Ami[ where [ is {; moved to a server where #deux{} and ami{ are somebody else's."""
    friend = await irc_client(inspircd, "Ami[")
    for channel in ("#Deux[]", "#un"):
        await friend.join(channel)
    host = FakeHost()
    async with bridge(host, inspircd) as before:
        chats = [await link(before, host, name) for name in ("#Deux[]", "#un", "Ami[")]
        assert chats == ["#deux{}", "#un", "ami{"]
        friend.say("#deux{}", "le même canal")
        assert (await heard(host, "le même canal")).chat == "#deux{}"
        await before.send(message(host, chats[0], "entre nous"))
        await friend.wait_for(lambda line: "entre nous" in line.text)
    stranger = await irc_client(ngircd, "ami{")
    for channel in ("#deux{}", "#un"):
        await stranger.join(channel)
    async with bridge(host, ngircd) as now:
        await stranger.wait_for(lambda line: line.command == "JOIN" and line.nick == "guet" and line.target == "#un")
        for chat in (chats[0], chats[2]):
            with pytest.raises(Undeliverable, match="comparer les noms"):
                await now.send(message(host, chat, "entre nous seuls"))
        stranger.say("guet", "je suis un autre")
        stranger.say("#un", "le même partout")
        await heard(host, "le même partout")
        await now.send(message(host, chats[1], "pour tous"))
        await stranger.wait_for(lambda line: "pour tous" in line.text)
        assert await stranger.names("#deux{}") == {"ami{"}
    assert "entre nous" not in "\n".join(line.text for line in stranger.lines)
    assert "je suis un autre" not in "\n".join(e.text.plain for e in host.events if isinstance(e, Message))
    notices = [e.chat for e in host.events if isinstance(e, Message) and e.form is Form.NOTICE]
    assert sorted(notices) == ["#deux{}", "ami{"]


async def test_libera_2023_what_is_for_operators_is_not_shown_to_a_room(inspircd: Inspircd, irc_client: Person) -> None:
    """People of the room are not on the channel's list: what is not for all of it is not for them."""
    host = FakeHost()
    zoe = await irc_client(inspircd, "zoeop")
    await zoe.join("#ops")
    async with bridge(host, inspircd) as connection:
        await link(connection, host, "#ops")
        zoe.raw("MODE #ops +o guet")
        await zoe.wait_for(lambda line: line.command == "MODE" and "guet" in line.params)
        zoe.say("@#ops", "SECRET des opérateurs")
        zoe.notice("@#ops", "SECRET en notice")
        zoe.say("#ops", "pour tous")
        await heard(host, "pour tous")
    assert [e.text.plain for e in host.events if isinstance(e, Message)] == ["pour tous"]


async def test_libera_2023_whoever_is_not_on_the_channel_hears_nothing_of_it(
    inspircd: Inspircd, irc_client: Person
) -> None:
    """A bridge that is thrown out, and banned, relays nothing in either direction, and says so."""
    host = FakeHost()
    zoe = await irc_client(inspircd, "zoeban")
    await zoe.join("#ferme")
    async with bridge(host, inspircd) as connection:
        chat = await link(connection, host, "#ferme")
        zoe.raw("MODE #ferme +bn guet!*@*")
        zoe.raw("KICK #ferme guet :dehors")
        await heard(host, "a exclu le pont")
        zoe.say("#ferme", "SECRET entre nous")
        await zoe.sync()
        with pytest.raises(NotReady):  # it is about to try
            await connection.send(message(host, chat, "toujours là ?"))
        await heard(host, "banni")
        with pytest.raises(Undeliverable):
            await connection.send(message(host, chat, "toujours là ?"))
    kicked, banned = [e.text.plain for e in host.events if isinstance(e, Message)]
    assert kicked.startswith("⚠ zoeban a exclu le pont de #ferme (dehors)")
    assert banned.startswith("⚠ le pont est banni de #ferme")
    assert "toujours là" not in "\n".join(line.text for line in zoe.lines)


async def test_cve_2022_45197_irc_under_another_name(irc_folder: Callable[[], Path], tmp_path: Path) -> None:
    """slixmpp checked who had signed a certificate, and not whose it was."""
    other, right = (Certificate.make(tmp_path / name, names=(name,)) for name in ("ailleurs.example", "localhost"))
    for certificate in (other, right):
        async with Ngircd(irc_folder(), certificate=certificate) as server:
            config = {
                "host": "localhost",
                "port": server.tls_port,
                "security": "tls",
                "tls_authority": str(certificate.certificate),
            }
            host = FakeHost()
            if certificate is right:
                async with bridge(host, server, **config):
                    continue
            with pytest.raises(NotReady, match="au nom d'un autre"):
                async with bridge(host, server, **config):
                    pass
