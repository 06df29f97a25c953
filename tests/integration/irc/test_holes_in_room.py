"""What other bridges let through, tried on the whole program: a real Synapse, a real ngIRCd, a list's mail.

Each test bears the number of the hole that it attacks; docs/security.md says what each was.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.matrix_http import MatrixError
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

pytestmark = pytest.mark.asyncio(loop_scope="session")

Person = Callable[..., Awaitable[IrcClient]]
ENDS = ["\r\n", "\n", "\r", "\u2028", "\u0085", "\x0b"]
EVIL = "".join(f"{end}QUIT :parti{end}JOIN #secret{end}PRIVMSG #secret :vol" for end in ENDS)
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ngircd: Ngircd, inspircd: Inspircd
) -> AsyncIterator[World]:
    flood = {"burst": 100, "seconds": 0}
    irc = {"bridge": "irc", "host": ngircd.host, "port": ngircd.port, "security": "none", "nick": "passe"}
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("holes")
    other = {**irc, "host": inspircd.host, "port": inspircd.port}
    changes = {"bridges": {"irc": {**irc, "flood": flood}, "autre": {**other, "flood": flood}}}
    async with await World.start(folder, template=template, changes=changes) as found:
        yield found


class Place:
    """A room and a channel that are one, a witness on the channel, and a stranger who may write in the room."""

    def __init__(self, world: World, room: str, channel: str, people: tuple[Client, Client], zoe: IrcClient) -> None:
        self.world, self.room, self.channel, self.zoe = world, room, channel, zoe
        self.camille, self.mallory = people

    async def settled(self) -> None:
        """All that was said in the room before has reached the channel."""
        words = f"fin {next(_numbers)}"
        await self.camille.send_text(self.room, words)
        await self.zoe.wait_for(lambda line: line.command == "PRIVMSG" and line.text.endswith(words), timeout=30)

    async def only_messages(self) -> None:
        """The bridge is still there, and has said nothing on the channel but messages, nowhere else anything."""
        await self.settled()
        done = {line.command for line in self.zoe.lines if line.nick == "passe"} - {"JOIN", "PRIVMSG"}
        assert done == set()
        assert await self.zoe.names("#secret") <= {"zoe"}
        assert all(line.params[0] == self.channel for line in self.zoe.lines if line.nick == "passe")

    @property
    def said(self) -> str:
        return "\n".join(text for nick, text in self.zoe.said(self.channel) if nick == "passe")


Open = Callable[..., Awaitable[Place]]


@pytest_asyncio.fixture(loop_scope="session")
async def place(world: World, ngircd: Ngircd, irc_client: Person) -> Open:
    async def make(**options: Any) -> Place:
        n = next(_numbers)
        channel = f"#trou{n}"
        zoe = await irc_client(ngircd, f"zoe{n}")
        await zoe.join(channel)
        camille = await world.agent(f"camille{n}", "Camille Martin")
        mallory = await world.agent(f"mallory{n}", "Mallory")
        room = await world.room(camille, f"Trou {n}", **options)
        await camille.invite(room, mallory.user_id)
        await mallory.join(room)
        assert "✓" in await world.link(camille, room, f"irc {channel}")
        return Place(world, room, channel, (camille, mallory), zoe)

    return make


# One line per command


async def test_cve_2022_29166_an_answer_to_a_crafted_message(place: Open) -> None:
    """node-irc cut the quoted words of the message answered into lines, and each was a command of the victim's."""
    p = await place()
    await p.mallory.set_display_name(f"Mallory{EVIL}"[:250])
    trap = await p.mallory.send_text(p.room, f"coucou{EVIL}")
    quoted = "".join(f"> <{p.mallory.user_id}> {line}\n" for line in f"coucou{EVIL}".split("\n"))
    reply = {"m.in_reply_to": {"event_id": trap}}
    body = f"{quoted}\nd'accord{EVIL}"
    await p.camille.send_event(p.room, "m.room.message", {"msgtype": "m.text", "body": body, "m.relates_to": reply})
    await p.camille.send_event(p.room, "m.room.message", {"msgtype": "m.emote", "body": f"rit{EVIL}"})
    html = f"<p>fort{EVIL}</p><pre><code>a{EVIL}</code></pre>"
    content = {"msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html", "formatted_body": html}
    await p.camille.send_event(p.room, "m.room.message", content)
    await p.only_messages()
    assert "d'accord" in p.said


@pytest.mark.parametrize(
    "what",
    [
        *(f"#trou{end}QUIT :parti" for end in ENDS),
        *(f'"#trou{end}JOIN #secret"' for end in ENDS),
        "#trou,#secret",
        '"#trou #secret"',
        "0",
        "passe\nQUIT",
        "#trou :x",
        "$*",
        "@#secret",
        "#trou clé=x\r\nQUIT",
    ],
)
async def test_cve_2023_38690_a_command_with_another_behind_it(place: Open, what: str) -> None:
    """Admin commands of matrix-appservice-irc passed the rest of the text on, line ends and all."""
    p = await place()
    answer = await p.world.link(p.camille, p.room, f"irc {what}")
    assert answer.startswith("✗"), answer
    await p.only_messages()


async def test_cve_2024_52505_a_provisioning_api(place: Open) -> None:
    """Its API put channel and user names into IRC commands as they came. There is none here, with or without token."""
    p = await place()
    token = registration(p.world)["hs_token"]
    ports = p.world.bridge.ports
    body = {"remote_room_server": "irc", "remote_room_channel": f"#a{EVIL}", "matrix_room_id": p.room, "op_nick": EVIL}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        for port, path in itertools.product(
            (ports.appservice, ports.operate, ports.web),
            ("/_matrix/provision/link", "/_matrix/provision/v1/link", "/v1/link", "/link", "/bridges/link"),
        ):
            async with http.post(f"http://127.0.0.1:{port}{path}", json=body) as answer:
                assert answer.status in {404, 405}, path
    await p.only_messages()


async def test_cve_2025_27146_topics_names_and_reasons(place: Open) -> None:
    """Whatever a room holds beside messages: its topic and name, people's names, reasons, the names of files."""
    p = await place()
    await p.camille.set_state(p.room, "m.room.topic", {"topic": f"sujet{EVIL}"})
    await p.camille.set_state(p.room, "m.room.name", {"name": f"nom{EVIL}"})
    await p.mallory.set_display_name(f"Mal{EVIL}"[:250])
    await p.mallory.send_text(p.room, "bonjour")
    file = await p.mallory.send_file(p.room, f"plan{EVIL}.txt", "text/plain", b"x")
    edited = await p.mallory.send_text(p.room, "avant")
    await p.mallory.edit(p.room, edited, f"après{EVIL}")
    await p.mallory.react(p.room, edited, f"👍{EVIL}")
    await p.mallory.redact(p.room, file, reason=f"raison{EVIL}")
    await p.settled()
    await p.camille.kick(p.room, p.mallory.user_id, reason=f"dehors{EVIL}")
    await p.only_messages()
    assert "bonjour" in p.said


# One name, one person


async def test_cve_2022_39203_one_nick_on_two_networks_is_two_people(
    place: Open, inspircd: Inspircd, irc_client: Person
) -> None:
    """Whoever takes the nick of somebody of another network does not speak with that one's face."""
    p = await place()
    assert "✓" in await p.world.link(p.camille, p.room, f"irc {p.channel} via=autre")
    impostor = await irc_client(inspircd, p.zoe.nick)
    await impostor.join(p.channel)
    p.zoe.say(p.channel, "la vraie")
    impostor.say(p.channel, "la fausse")
    said = [await p.camille.wait_for_text(p.room, words, timeout=30) for words in ("la vraie", "la fausse")]
    senders = [event["sender"] for event in said]
    assert senders[0] != senders[1]
    names = [(await p.camille.members(p.room))[sender]["displayname"] for sender in senders]
    assert names == [f"{p.zoe.nick} (irc)", f"{p.zoe.nick} (autre)"]


# What a reader may see


async def test_cve_2024_32000_an_answer_quotes_nothing_that_the_channel_was_not_shown(
    place: Open, world: World, ngircd: Ngircd, irc_client: Person
) -> None:
    """matrix-appservice-irc fetched the event answered, wherever it was, and quoted it on the channel."""
    other = await place()
    elsewhere = await other.camille.send_text(other.room, "SECRET d'un autre salon")
    await other.settled()
    n = next(_numbers)
    agent = await world.agent(f"agent{n}", "Agent")
    mallory = await world.agent(f"intrus{n}", "Intrus")
    room = await world.room(agent, "Histoire")
    answer = await world.link(agent, room, f"courriel secret{n}@{LIST_DOMAIN} sens=deux-sens")
    subscriber = next(word for word in answer.split() if word.startswith(f"secret{n}-"))
    before = await agent.send_text(room, "SECRET d'avant le lien")
    mail = list_mail("Ana", "ana@a.localhost", "SECRET du sujet", "SECRET du courriel", list_name=f"secret{n}")
    await asyncio.to_thread(world.mail, mail, sender=f"secret{n}-bounces@{LIST_DOMAIN}", to=subscriber)
    mailed = (await agent.wait_for_text(room, "SECRET du courriel", timeout=30))["event_id"]
    zoe = await irc_client(ngircd, f"lectrice{n}")
    await zoe.join(f"#histoire{n}")
    assert "✓" in await world.link(agent, room, f"irc #histoire{n}")
    await agent.invite(room, mallory.user_id)
    await mallory.join(room)
    for number, event in enumerate((elsewhere, before, mailed, "$inconnu")):
        relation = {"m.in_reply_to": {"event_id": event}}
        await mallory.send_event(
            room, "m.room.message", {"msgtype": "m.text", "body": f"réponse {number}", "m.relates_to": relation}
        )
        thread = {**relation, "rel_type": "m.thread", "event_id": event, "is_falling_back": False}
        with_thread = {"msgtype": "m.text", "body": f"fil {number}", "m.relates_to": thread}
        with suppress(MatrixError):  # the homeserver refuses some relations itself
            await mallory.send_event(room, "m.room.message", with_thread)
        replacing = {"rel_type": "m.replace", "event_id": event}
        edit = {"msgtype": "m.text", "body": "* x", "m.new_content": {"msgtype": "m.text", "body": f"faux {number}"}}
        with suppress(MatrixError):
            await mallory.send_event(room, "m.room.message", {**edit, "m.relates_to": replacing})
    await agent.send_text(room, "terminé")
    await zoe.wait_for(lambda line: line.text.endswith("terminé"), timeout=30)
    said = "\n".join(text for _nick, text in zoe.said(f"#histoire{n}"))
    assert "SECRET" not in said
    assert "faux" not in said
    assert all(f"<Intrus> réponse {number}" in said for number in range(4))


async def test_cve_2024_39691_a_forged_time_opens_nothing(place: Open) -> None:
    """The mending of the last one compared times that the other homeserver writes itself."""
    p = await place()
    hidden = await p.camille.send_text(p.room, "SECRET")
    await p.settled()
    shown = p.zoe.mark()
    for ts in (0, 1, 253_402_300_799_000, -1, 1 << 62):
        event = {
            "event_id": f"$forge{next(_numbers)}",
            "type": "m.room.message",
            "room_id": p.room,
            "sender": "@loin:ailleurs.localhost",
            "origin_server_ts": ts,
            "content": {
                "msgtype": "m.text",
                "body": f"daté {ts}",
                "m.relates_to": {"m.in_reply_to": {"event_id": hidden}},
            },
        }
        await transaction(p.world, event)
        await p.zoe.wait_for(lambda line, ts=ts: line.text.endswith(f"daté {ts}"), since=shown, timeout=30)
    assert "SECRET" not in "\n".join(line.text for line in p.zoe.lines[shown:])


# What somebody else may change


@pytest.mark.parametrize("version", ["9", "10", "11"])
async def test_only_whoever_may_redact_withdraws(place: Open, version: str) -> None:
    """``redacts`` moved in version 11: a bridge that reads it where the homeserver does not, obeys anybody."""
    p = await place(room_version=version)
    n = next(_numbers)
    assert "✓" in await p.world.link(p.camille, p.room, f"courriel retrait{n}@{LIST_DOMAIN} sens=deux-sens")
    said = await p.camille.send_text(p.room, f"mien{n}")
    await p.world.sink.wait_for(lambda one: f"mien{n}".encode() in one.data, timeout=60)
    mine = await p.mallory.send_text(p.room, "à l'intrus")
    await p.settled()
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", f"redact/{said}/a", {}),
        ("PUT", f"redact/{mine}/b", {"redacts": said}),
        ("PUT", "send/m.room.redaction/c", {"redacts": said}),
        ("PUT", "send/m.room.redaction/d", {"redacts": said, "content": {"redacts": said}}),
    ]
    for method, path, body in attempts:
        url = f"/_matrix/client/v3/rooms/{p.room}/{path.replace('$', '%24')}"
        with suppress(MatrixError):  # what the homeserver refuses is none of our business, what it takes is
            await p.mallory.request(method, url, json=body)
    edit = {"msgtype": "m.text", "body": "* volé", "m.new_content": {"msgtype": "m.text", "body": "mots volés"}}
    relation = {"rel_type": "m.replace", "event_id": said}
    await p.mallory.send_event(p.room, "m.room.message", {**edit, "m.relates_to": relation})
    await p.settled()
    assert "volé" not in p.said
    about = [one for one in await told(p) if one == said]
    assert about == []
    await p.camille.redact(p.room, said)  # whoever wrote it may: a mail that has left cannot go, and that is said
    await p.camille.wait_for(p.room, lambda event: answered(event) == said, timeout=30)


def answered(event: dict[str, Any]) -> str:
    relation = event["content"].get("m.relates_to", {})
    return str(relation.get("m.in_reply_to", {}).get("event_id", ""))


async def told(p: Place) -> list[str]:
    """What the bridge has spoken of in the room."""
    return [answered(one) for one in await p.camille.timeline(p.room) if one["sender"] == p.world.bot]


def registration(world: World) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(world.folder / "bridge" / "registration.yaml")
    return found


async def transaction(world: World, *events: dict[str, Any]) -> None:
    """As the homeserver hands events over."""
    url = f"http://127.0.0.1:{world.bridge.ports.appservice}/_matrix/app/v1/transactions/trou{next(_numbers)}"
    head = {"Authorization": f"Bearer {registration(world)['hs_token']}"}
    body = json.dumps({"events": events})
    async with aiohttp.ClientSession(headers=head) as http, http.put(url, data=body) as answer:
        assert answer.status == 200
