"""The relay between rooms and channels, live, on a plain server and on one that has most of IRCv3."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import IrcConfig
from tchap_bridges.errors import BadCredentials, Misconfigured, NotReady, Undeliverable, Unsupported
from tchap_bridges.events import Author, ChatChanged, Form, Message, Reaction, Text, Typing
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.outgoing import OutgoingDeletion, OutgoingEdit, OutgoingReaction, no_public_address
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.ngircd import Ngircd
from tests.integration.irc.relaying import ASKER, JEANNE, Person, Relay, hears, relay

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(params=["ngircd", "inspircd"])
def server(request: pytest.FixtureRequest, ngircd: Ngircd, inspircd: Inspircd) -> Ngircd | Inspircd:
    return {"ngircd": ngircd, "inspircd": inspircd}[request.param]


async def test_what_is_said_crosses_both_ways(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoe1")
    await zoe.join("#Essai1")
    async with relay(server, "#Essai1", "pont1") as r:
        await r.connection.send(r.message("Bonjour à tous 👋"))
        await hears(zoe, "<Jeanne Martin> Bonjour à tous 👋")
        zoe.say("#Essai1", "salut \x02Jeanne\x02 !")
        said = await r.heard(lambda event: isinstance(event, Message))
        assert (said.text.plain, said.text.html) == ("salut Jeanne !", "salut <b>Jeanne</b> !")
        assert (said.author.person, said.author.name, said.chat) == ("zoe1", "zoe1", "#essai1")
        zoe.action("#Essai1", "sourit")
        acted = await r.heard(lambda event: isinstance(event, Message) and event.form is Form.EMOTE)
        assert acted.text.plain == "sourit"


async def test_who_is_there(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoe2")
    await zoe.join("#essai2")
    async with relay(server, "#essai2", "pont2") as r:
        async with asyncio.timeout(5):
            while [one.name for one in await r.connection.members(r.channel)] != ["zoe2"]:
                await asyncio.sleep(0.05)


async def test_a_long_text_arrives_whole_and_in_order(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoe3")
    await zoe.join("#essai3")
    text = "\n".join(f"Ligne {n} : " + "é👩‍👩‍👧‍👦 " * 30 for n in range(4))
    async with relay(server, "#essai3", "pont3", lines=40) as r:
        await r.connection.send(r.message(text))
        await r.connection.send(r.message("fin"))
        await hears(zoe, "<Jeanne Martin> fin")
        got = [text.removeprefix("<Jeanne Martin> ") for _nick, text in zoe.said("#essai3")][:-1]
        assert "".join(got).replace(" ", "") == text.replace("\n", "").replace(" ", "")
        assert all("�" not in line for line in got)


async def test_what_is_too_long_ends_with_where_the_whole_is(server: Any, irc_client: Person) -> None:
    async def address() -> str:
        return "https://pont.exemple.fr/f/abc"

    zoe = await irc_client(server, "zoe14")
    await zoe.join("#essai14")
    text = "\n".join(f"ligne {n}" for n in range(50))
    async with relay(server, "#essai14", "pont14", lines=4) as r:
        await r.connection.send(whole := r.message(text, link_to_text=address))
        await r.connection.send(cut := r.message(text))  # without a public address
        await r.connection.send(r.message("fin"))
        await hears(zoe, "<Jeanne Martin> fin")
        said = [words for _nick, words in zoe.said("#essai14")]
        assert said[3] == "<Jeanne Martin> … https://pont.exemple.fr/f/abc"
        assert said[7] == "<Jeanne Martin> ligne 3 …"
        assert len(said) == 9
        assert whole.left_out(None) is None
        assert cut.left_out(None) is not None


async def test_no_words_make_a_second_line(server: Any, irc_client: Person) -> None:
    """CVE-2022-29166, CVE-2023-38690, CVE-2024-52505, CVE-2025-27146."""
    zoe = await irc_client(server, "zoe4")
    await zoe.join("#essai4")
    async with relay(server, "#essai4", "pont4") as r:
        evil = Author(person=PersonId("@e:x"), name="Eve\r\nQUIT :parti\0")
        await r.connection.send(r.message("un\r\nQUIT :parti\rJOIN #autre\0\nMODE +o", author=evil, title="t\r\nQUIT"))
        await r.connection.send(r.message("toujours là"))
        await hears(zoe, "<Jeanne Martin> toujours là")
        assert all(line.command == "PRIVMSG" for line in zoe.lines if line.nick == "pont4" and line.command != "JOIN")
        for argument in ("#a\r\nQUIT", "#a b", "#a,#b", "#a\0", "", "nick\nJOIN #x"):
            with pytest.raises(Misconfigured):
                await r.connection.find(argument, {}, ASKER)


async def test_an_edit_is_told_by_what_changed(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoe5")
    await zoe.join("#essai5")
    async with relay(server, "#essai5", "pont5") as r:
        edit = OutgoingEdit(
            key="e", chat=ChatId(r.channel), author=JEANNE, network="Tchap", at=datetime.now(UTC),
            target=MessageId("x"),
            before=Text(plain="La réunion est mardi à 15 h, salle Condorcet"),
            text=Text(plain="La réunion est jeudi à 15 h, salle Condorcet"),
            link_to_text=no_public_address,
        )  # fmt: skip
        await r.connection.edit(edit)
        await hears(zoe, "jeudi")
        _nick, said = zoe.said("#essai5")[-1]
        assert said.startswith("<Jeanne Martin> (corrigé)")
        assert "salle Condorcet" not in said


async def test_what_the_server_refuses_is_told(server: Any) -> None:
    async with relay(server, "#essai6", "pont6") as r:
        with pytest.raises(Undeliverable) as refused:
            await r.connection.send(r.message("à personne", chat=ChatId("nexistepas")))
        assert refused.value.certain
        assert refused.value.remedy


async def test_somebody_who_writes_to_us_alone_is_answered(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoe7")
    async with relay(server, "#essai7", "pont7") as r:
        zoe.say("pont7", "il y a quelqu'un ?")
        async with asyncio.timeout(5):
            while not any(line.command == "NOTICE" and line.nick == "pont7" for line in zoe.lines):
                await asyncio.sleep(0.02)
        assert r.host.events == []


async def test_a_direct_conversation(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "Zoe8")
    async with relay(server, "Zoe8", "pont8") as r:
        await r.connection.send(r.message("en privé"))
        await zoe.wait_for(lambda one: one.command == "PRIVMSG" and "en privé" in one.text)
        zoe.say("pont8", "bien reçu")
        said = await r.heard(lambda event: isinstance(event, Message))
        assert (said.chat, said.text.plain) == (r.channel, "bien reçu")


async def test_a_topic_is_told(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoe9")
    await zoe.join("#essai9")
    async with relay(server, "#essai9", "pont9") as r:
        zoe.raw("TOPIC #essai9 :Ordre du jour")
        changed = await r.heard(lambda event: isinstance(event, ChatChanged))
        assert (changed.topic, changed.author.name) == ("Ordre du jour", "zoe9")


# What IRCv3 adds


async def test_ids_replies_reactions_typing(inspircd: Inspircd, irc_client: Person) -> None:
    caps = ["message-tags", "server-time", "echo-message", "account-tag"]
    zoe = await irc_client(inspircd, "zoe10", caps=caps)
    await zoe.join("#essai10")
    async with relay(inspircd, "#essai10", "pont10") as r:
        (id_,) = await r.connection.send(r.message("racine"))
        line = await zoe.wait_for(lambda one: one.command == "PRIVMSG" and "racine" in one.text)
        assert line.tags["msgid"] == id_  # the very id that others see
        zoe.say("#essai10", "réponse", tags={"+draft/reply": id_})
        said = await r.heard(lambda event: isinstance(event, Message))
        assert said.reply_to == id_
        await r.connection.send(r.message("suite", reply_to=said.id, answered=said.author))
        line = await zoe.wait_for(lambda one: one.command == "PRIVMSG" and "suite" in one.text)
        assert line.tags["+draft/reply"] == said.id
        zoe.tagmsg("#essai10", {"+draft/reply": id_, "+draft/react": "👍"})
        reacted = await r.heard(lambda event: isinstance(event, Reaction))
        assert (reacted.target, reacted.key) == (id_, "👍")
        zoe.tagmsg("#essai10", {"+typing": "active"})
        assert (await r.heard(lambda event: isinstance(event, Typing))).active
        reaction = OutgoingReaction(
            key="r", chat=ChatId(r.channel), author=JEANNE, network="Tchap", target=said.id, symbol="🎉"
        )
        await r.connection.react(reaction)
        line = await zoe.wait_for(
            lambda one: one.command == "TAGMSG" and "+draft/react" in one.tags and one.nick == "pont10"
        )
        assert line.tags["+draft/react"] == "🎉"
        await r.connection.typing(ChatId(r.channel), JEANNE, active=True)
        await zoe.wait_for(lambda one: one.tags.get("+typing") == "active" and one.nick == "pont10")


async def test_what_answers_a_correction_is_about_the_message(inspircd: Inspircd, irc_client: Person) -> None:
    """The line that tells of it is the last one that people see, and no message of its own."""
    zoe = await irc_client(inspircd, "zoe15", caps=["message-tags"])
    await zoe.join("#essai15")
    async with relay(inspircd, "#essai15", "pont15") as r:
        (id_,) = await r.connection.send(r.message("à mardi"))
        edit = OutgoingEdit(
            key="e",
            chat=ChatId(r.channel),
            author=JEANNE,
            network="Tchap",
            at=datetime.now(UTC),
            target=id_,
            text=Text(plain="à jeudi"),
            before=Text(plain="à mardi"),
        )
        await r.connection.edit(edit)
        line = await zoe.wait_for(lambda one: one.command == "PRIVMSG" and "(corrigé)" in one.text)
        zoe.say("#essai15", "entendu", tags={"+reply": line.tags["msgid"]})
        said = await r.heard(lambda event: isinstance(event, Message))
        assert said.reply_to == id_
        zoe.tagmsg("#essai15", {"+reply": line.tags["msgid"], "+draft/react": "👍"})
        assert (await r.heard(lambda event: isinstance(event, Reaction))).target == id_


async def test_what_cannot_be_deleted_is_said(server: Any) -> None:
    async with relay(server, "#essai11", "pont11") as r:
        deletion = OutgoingDeletion(
            key="d", chat=ChatId(r.channel), author=JEANNE, network="Tchap", target=MessageId("x")
        )
        with pytest.raises(Unsupported):
            await r.connection.delete(deletion)


# Accounts and faults


async def test_sasl_plain_and_a_wrong_password(inspircd: Inspircd) -> None:
    async with relay(inspircd, "#essai12", "pont", sasl="plain", account="pont", password="secret") as r:
        await r.connection.send(r.message("identifié"))
    with pytest.raises(BadCredentials):
        async with relay(inspircd, "#essai12", "pont12", sasl="plain", account="pont", password="faux"):
            pass


async def test_nobody_there_is_not_ready(free_port: Callable[[], int]) -> None:
    host = FakeHost()
    config = IrcConfig(host="127.0.0.1", port=free_port(), security="none")
    async with IrcBridge().open(config, host) as connection:
        with pytest.raises(NotReady):
            await connection.run()
        with pytest.raises(NotReady):
            await connection.find("#x", {}, ASKER)


async def test_a_server_that_dies_leaves_nobody_waiting(irc_folder: Callable[[], Path]) -> None:
    async with Ngircd(irc_folder()) as server, relay(server, "#essai13", "pont13") as r:
        await r.connection.send(r.message("avant"))
        await server.kill()
        with pytest.raises((NotReady, Undeliverable)):
            async with asyncio.timeout(10):
                await r.connection.send(r.message("après"))


async def test_a_server_that_falls_silent_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has left may have been seen: the room is told so, and it is not sent again."""
    monkeypatch.setattr("tchap_bridge_irc.session.ANSWER_SECONDS", 0.3)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            if b"CAP LS" in data:
                writer.write(b":s 421 * CAP :Unknown command\r\n:s 001 pont :Welcome\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host = FakeHost()
    config = IrcConfig(host="127.0.0.1", port=server.sockets[0].getsockname()[1], security="none", nick="pont")
    async with IrcBridge().open(config, host) as connection:
        running = asyncio.create_task(connection.run())
        await host.is_up.wait()
        with pytest.raises(Undeliverable) as raised:
            await connection.send(Relay(connection, host, "zoe").message("dans le vide"))
        assert not raised.value.certain
        running.cancel()
        await asyncio.wait({running})
    server.close()
