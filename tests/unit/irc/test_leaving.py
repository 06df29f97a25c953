"""All that leaves through the connection, on a server with everything of IRCv3 and on one with nothing.

No words, names, ids or commands from a room make a second line, a line that is too long, or a character cut in two.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridges.bridge import Asker
from tchap_bridges.errors import BridgeError
from tchap_bridges.events import Author, Form, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId, UserId
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction, no_public_address
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.irc_line import Line
from tchap_bridges.testing.irc_script import MODERN, ScriptedServer
from tchap_bridges.testing.rig import FakeAttachment, FakeSteps

_numbers = count(1)
EVIL = st.text(
    st.one_of(
        st.characters(codec=None, exclude_categories=()),
        st.sampled_from("\r\n\0\x01\x02\x03\x0f :@!,;\\\u2028é👩\u0301"),
    ),
    max_size=700,
)
CHAT = "#salon"


@asynccontextmanager
async def talking(**server: Any) -> AsyncIterator[tuple[ScriptedServer, Any]]:
    host = FakeHost()
    host.link(CHAT)
    async with ScriptedServer(**server) as script:
        config = IrcConfig(
            host=script.host, port=script.port, security="none", nick="pont", flood=Flood(burst=1000, seconds=0)
        )
        async with IrcBridge().open(config, host) as connection:
            running = asyncio.create_task(connection.run())
            await asyncio.wait_for(host.is_up.wait(), 15)
            try:
                yield script, connection
            finally:
                running.cancel()
                await asyncio.wait({running})


def message(words: str, **more: Any) -> Outgoing:
    return Outgoing(
        **{
            "key": f"k{next(_numbers)}",
            "chat": ChatId(CHAT),
            "author": Author(person=PersonId("@j:x"), name="Jeanne Martin"),
            "network": "Tchap",
            "at": datetime.now(UTC),
            "text": Text(plain=words),
            "steps": FakeSteps(),
            "link_to_text": no_public_address,
            **more,
        }
    )


def edit(words: str, before: str | None = None, **more: Any) -> OutgoingEdit:
    return OutgoingEdit(
        **{
            "key": f"e{next(_numbers)}",
            "chat": ChatId(CHAT),
            "author": Author(person=PersonId("@j:x"), name="Jeanne"),
            "network": "Tchap",
            "at": datetime.now(UTC),
            "target": MessageId("m1"),
            "text": Text(plain=words),
            "before": None if before is None else Text(plain=before),
            "link_to_text": no_public_address,
            **more,
        }
    )


async def everything(connection: Any, words: str, other: str) -> None:
    """Every way out, with these in every place that people write."""
    evil = Author(person=PersonId("@e:x"), name=other)
    same = {"author": evil, "network": other, "key": "k"}
    html = f"<b>{words}</b><br><span data-mx-spoiler='{other}'>{words}</span>"
    ways = [
        connection.send(message(words, author=evil, network=other, title=other)),
        connection.send(message(words, form=Form.EMOTE, author=evil)),
        connection.send(message(words, form=Form.NOTICE, author=None)),
        connection.send(message(words, text=Text(plain=words, html=html), reply_to=MessageId(other), answered=evil)),
        connection.send(message(words, chat=ChatId(other[:60]))),
        connection.send(message("", files=(FakeAttachment(other, b"", address=f"https://x/{len(words)}"),))),
        connection.edit(edit(words, other, author=evil, target=MessageId(other))),
        connection.edit(edit(words)),
        connection.delete(OutgoingDeletion(chat=ChatId(CHAT), target=MessageId(other), **same)),
        connection.react(OutgoingReaction(chat=ChatId(CHAT), target=MessageId(words), symbol=other, **same)),
        connection.typing(ChatId(other[:60]), evil, active=True),
        connection.find(words, {}, Asker(user=UserId("@e:x"), name=other, room_name=other)),
    ]
    for way in ways:
        with suppress(BridgeError):
            await asyncio.wait_for(way, 20)


COMMANDS = {"PRIVMSG", "RELAYMSG", "BATCH", "TAGMSG", "REDACT", "JOIN", "PING", "MODE", "NOTICE", "CHATHISTORY", "PART"}


def sound(octets: bytes) -> Iterable[Line]:
    """What left, and that each of it is one line that a server takes whole."""
    assert octets.endswith(b"\r\n") or not octets
    for raw in octets.split(b"\r\n")[:-1]:
        assert not {b"\r", b"\n", b"\0"} & {bytes([byte]) for byte in raw}
        raw.decode()
        tags, _, body = raw.partition(b" ") if raw.startswith(b"@") else (b"", b"", raw)
        assert len(tags) < 4096
        assert len(body) + 2 <= 512
        yield Line.read(raw)


@pytest.mark.parametrize("caps", [MODERN, ""], ids=["modern", "plain"])
def test_nothing_that_people_write_is_more_than_lines(caps: str):
    with asyncio.Runner() as runner:
        session = talking(caps=caps)
        script, connection = runner.run(session.__aenter__())

        seen: set[str] = set()

        @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
        @given(EVIL, EVIL)
        def check(words: str, other: str) -> None:
            del script.octets[:]
            runner.run(everything(connection, words, other))
            for line in sound(bytes(script.octets)):
                assert line.command in COMMANDS, line
                seen.add(line.command)
                if line.command == "PRIVMSG" and line.text.startswith("\x01"):
                    assert line.text.startswith("\x01ACTION ")

        try:
            check()
            assert seen >= ({"PRIVMSG", "RELAYMSG", "BATCH", "TAGMSG", "REDACT"} if caps else {"PRIVMSG", "PING"})
        finally:
            runner.run(session.__aexit__(None, None, None))


async def sent(words: str, *, caps: str = MODERN, answer: Any = None, **more: Any) -> tuple[list[str], list[Line]]:
    async with talking(caps=caps, answer=answer) as (script, connection):
        ids = await connection.send(message(words, **more))
        return list(ids), [line for line in script.lines() if line.command in {"PRIVMSG", "RELAYMSG", "BATCH"}]


NO_RELAY = MODERN.replace("draft/relaymsg=/ ", "")


@pytest.mark.asyncio
async def test_several_lines_stay_one_message():
    def answer(line: Line) -> list[str] | None:
        if line.command == "BATCH" and line.params[0].startswith("+"):
            return [f"@label={line.tags['label']};msgid=m7 :pont!u@h BATCH +9 draft/multiline #salon",
                    "@batch=9 :pont!u@h PRIVMSG #salon :x", ":pont!u@h BATCH -9"]  # fmt: skip
        return None

    ids, lines = await sent("un\ndeux\ntrois", caps=NO_RELAY, answer=answer, reply_to=MessageId("m1"))
    assert ids == ["m7"]
    assert [line.command for line in lines] == ["BATCH", "PRIVMSG", "PRIVMSG", "PRIVMSG", "BATCH"]
    assert lines[0].params[1:] == ("draft/multiline", "#salon")
    assert (lines[0].tags["+reply"], lines[0].tags["+draft/reply"]) == ("m1", "m1")
    reference = lines[0].params[0].removeprefix("+")
    assert [line.text for line in lines[1:4]] == ["<Jeanne Martin> un", "deux", "trois"]
    assert all(line.tags["batch"] == reference for line in lines[1:4])
    assert lines[4].params == (f"-{reference}",)


@pytest.mark.asyncio
async def test_a_line_that_is_too_long_goes_on_in_the_next():
    _ids, lines = await sent("mot " * 300, caps=NO_RELAY)
    texts = [line for line in lines if line.command == "PRIVMSG"]
    assert len(texts) == 3
    assert [("draft/multiline-concat" in line.tags) for line in texts] == [False, True, True]
    assert "".join(line.text for line in texts).rstrip() == "<Jeanne Martin> " + ("mot " * 300).rstrip()


@pytest.mark.asyncio
async def test_limits_of_a_batch_are_kept():
    caps = NO_RELAY.replace("max-bytes=4096,max-lines=24", "max-bytes=100,max-lines=3")
    _ids, lines = await sent("\n".join(f"ligne {n} " + "é" * 10 for n in range(8)), caps=caps)
    opened = [line for line in lines if line.command == "BATCH" and line.params[0].startswith("+")]
    assert len(opened) >= 3
    for one in opened:
        inner = [line.text for line in lines if line.tags.get("batch") == one.params[0][1:]]
        assert len(inner) <= 3
        assert len("\n".join(inner).encode()) <= 100


@pytest.mark.asyncio
async def test_under_ones_own_name_where_a_relay_may():
    def answer(line: Line) -> list[str] | None:
        if line.command == "RELAYMSG":
            tags = f"@label={line.tags['label']};msgid=m8;draft/relaymsg=pont"
            return [f"{tags} :{line.params[1]}!u@h PRIVMSG #salon :{line.text}"]
        return None

    ids, (line,) = await sent("bonjour", answer=answer, author=Author(person=PersonId("@j"), name="Zoé D'Œuf"))
    assert ids == ["m8"]
    assert (line.command, line.params) == ("RELAYMSG", ("#salon", "Zoe_D_OEuf/tchap", "bonjour"))


@pytest.mark.asyncio
async def test_without_the_right_to_relay_the_name_stands_in_brackets():
    """The words of Ergo; and it is not asked again in that channel."""

    def answer(line: Line) -> list[str] | None:
        if line.command == "RELAYMSG":
            return [":s FAIL RELAYMSG PRIVS_NEEDED :You cannot relay messages to this channel"]
        return None

    async with talking(answer=answer) as (script, connection):
        await connection.send(message("un"))
        await connection.send(message("deux"))
        assert [line.text for line in script.lines("PRIVMSG")] == ["<Jeanne Martin> un", "<Jeanne Martin> deux"]
        assert len(script.lines("RELAYMSG")) == 1


@pytest.mark.asyncio
async def test_an_edit_of_several_lines_is_several_lines():
    async with talking(caps="") as (script, connection):
        await connection.edit(edit("tout autre\nchose ici", "rien de cela"))
        assert [line.text for line in script.lines("PRIVMSG")] == [
            "<Jeanne> (corrigé) tout autre",
            "<Jeanne> chose ici",
        ]


@pytest.mark.asyncio
async def test_what_is_withdrawn_is_redacted_in_all_its_parts():
    async with talking() as (script, connection):
        parts = (MessageId("a"), MessageId("b"))
        await connection.delete(
            OutgoingDeletion(key="d", chat=ChatId(CHAT), author=None, network="", target=parts[0], parts=parts)
        )
        assert [line.params for line in script.lines("REDACT")] == [(CHAT, "a"), (CHAT, "b")]


@pytest.mark.asyncio
async def test_a_reaction_is_set_and_taken_back():
    async with talking() as (script, connection):
        for removed in (False, True):
            await connection.react(
                OutgoingReaction(
                    key="r",
                    chat=ChatId(CHAT),
                    author=None,
                    network="",
                    target=MessageId("m"),
                    symbol="👍",
                    removed=removed,
                )
            )
        first, second = script.lines("TAGMSG")
        assert first.tags["+draft/react"] == second.tags["+draft/unreact"] == "👍"
        assert first.tags["+reply"] == second.tags["+draft/reply"] == "m"
