"""The hub in an ordinary Tchap room: one account says it all, and people are told apart."""

import pytest

from .conftest import Hub
from .places import Seen

pytestmark = pytest.mark.asyncio(loop_scope="session")


def reactions(one: Seen) -> list[str]:
    return [symbol for _who, symbol in one.reactions]


async def test_who_says_what(ordinary: Hub) -> None:
    room, irc, echo, mails = (ordinary.places[name] for name in ("room", "irc", "echo", "list"))
    await irc.say("bonjour d'IRC")
    seen = await room.until("bonjour d'IRC")
    assert seen.author.startswith("zoe")
    assert seen.author.endswith("(irc)")
    await echo.say("bonjour d'Écho", answers="bonjour d'IRC")
    seen = await room.until("bonjour d'Écho")
    assert (seen.author, seen.answers) == ("Sam (écho)", "bonjour d'IRC")
    await echo.edit("bonjour d'Écho", "bonsoir d'Écho")
    seen = await room.until("bonsoir d'Écho")
    assert (seen.author, seen.edited) == ("Sam (écho)", True)
    assert (await mails.until("bonjour d'Écho")).author == "Sam (via écho)"
    await ordinary.settle()
    for place in (room, irc, echo, mails):
        assert len(await place.find("bonjour d'IRC")) == 1


async def test_a_reaction_stays_for_the_last_of_those_behind_it(ordinary: Hub) -> None:
    room, irc, echo = (ordinary.places[name] for name in ("room", "irc", "echo"))
    await room.say("qui est pour ?")
    for place in (irc, echo):
        await place.react("qui est pour ?", "👍")
        await ordinary.settle()
        await room.until("qui est pour ?", lambda one: reactions(one) == ["👍"])
    await irc.until("qui est pour ?", lambda one: len(one.reactions) == 2)
    await irc.unreact("qui est pour ?", "👍")
    await echo.until("qui est pour ?", lambda one: len(one.reactions) == 1)
    await ordinary.settle()
    assert [reactions(one) for one in await room.find("qui est pour ?")] == [["👍"]]
    await echo.unreact("qui est pour ?", "👍")
    await room.until("qui est pour ?", lambda one: not one.reactions)
