"""Little room: long names of channels and people, reasons in colours, and many who write at once."""

import re

import pytest

from tchap_bridge_irc import convert, notices
from tchap_bridge_irc.splitting import LEAST_ROOM
from tchap_bridges.bridge import Asker
from tchap_bridges.events import Author
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ChatId, MessageId, PersonId, UserId
from tchap_bridges.testing.rig import until

from .test_leaving import CHAT, message, talking

ASKER = Asker(user=UserId("@j:x"), name="J", room_name="R")
LONG = Author(person=PersonId("@l:x"), name="Marie-Charlotte de La Rochefoucauld-Liancourt (Direction du numérique)")
HEADED = {
    "author": LONG,
    "network": "messagerie électronique",
    "foreign": True,
    "late": True,
    "reply_to": MessageId("m1"),
    "answered": LONG,
}


@pytest.mark.parametrize("length", [60, 120, 150, 180, 200])
async def test_a_long_channel_name_leaves_room_for_words(length: int) -> None:
    """Where the channel's name leaves little, who speaks is said in short, and the words pass."""
    channel = f"#{'c' * (length - 1)}"
    async with talking(support="CASEMAPPING=ascii CHANNELLEN=200") as (server, connection):
        await connection.find(channel, {}, ASKER)
        said = message("des mots, " * 10, chat=ChatId(channel), **HEADED)
        await connection.send(said)
        texts = [line.text for line in server.lines() if line.command in {"PRIVMSG", "RELAYMSG"}]
        assert "".join(texts).count("des mots,") == 10


@pytest.mark.parametrize("room", range(LEAST_ROOM, 400, 7))
def test_any_head_leaves_room(room: int) -> None:
    head = convert.said_by(message("x", **HEADED))
    lines, whole = convert.laid_out(head, ["é" * 40, "b"], room, most=8)
    assert whole
    assert all(len(line.encode()) <= room for line in lines)
    assert all(re.match("<Mar.*>", line) for line in lines), "who speaks is told in any case"


def test_a_reason_is_said_without_its_colours() -> None:
    words = Translator("fr")(notices.kicked("#a", "op", "\x0304,01dehors\x0f \x02maintenant\x1f", 30))
    assert "(dehors maintenant)" in words


async def test_typing_does_not_pile_up() -> None:
    """Many who write in a room tell it more often than lines may leave, and words leave by the same door."""
    async with talking() as (server, connection):
        await connection.send(message("bonjour"))
        for n in range(1000):
            await connection.typing(ChatId(CHAT), LONG, active=n % 2 == 0)
        await until(lambda: len(server.lines("TAGMSG")) > 1)
        await connection.send(message("au revoir"))
        assert [line.tags["+typing"] for line in server.lines("TAGMSG")] == ["active", "done"]
