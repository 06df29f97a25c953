"""Keys that a history tells again, and keys that are nobody else's; a core that is full, and one that is stopped."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tchap_bridge_irc import keeper as keeping
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.keeper import OUR_OWN, Keeper
from tchap_bridge_irc.wire import Line, Source
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Author, Message, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.testing.host import FakeHost

AT = datetime(2026, 11, 22, 8, 0, 0, 250_000, tzinfo=UTC)


class Named:
    """Of a session, only what it says of names."""

    def __init__(self, **tokens: str) -> None:
        self.support = Isupport(tokens)


def keeper(host: FakeHost | None = None, **tokens: str) -> Keeper:
    session: Any = Named(**tokens)
    return Keeper(host or FakeHost(), session)


def line(words: str = "ok", *, nick: str = "zoe", **tags: str) -> Line:
    return Line("PRIVMSG", ("#a", words), Source(nick, "u", "h"), tags)


def message(number: int, at: datetime = AT) -> Message:
    return Message(
        id=MessageId(f"m{number}"),
        chat=ChatId("#a"),
        author=Author(person=PersonId("zoe"), name="zoe"),
        at=at,
        text=Text(plain=f"mot {number}"),
    )


def test_the_network_s_own_id_is_the_key():
    assert keeper().key(line(msgid="x", time="2026-11-22T08:00:00.250Z")) == "x"


def test_what_a_history_tells_again_has_the_key_it_had():
    """Live to the millisecond, in the history to the second; twice the same in one second are two."""
    live, again = keeper(), keeper()
    times = ("2026-11-22T08:00:00.250Z", "2026-11-22T08:00:00.900Z")
    first = [live.key(line(time=time)) for time in times]
    page: Counter[str] = Counter()
    told = [again.key(line(time="2026-11-22T08:00:00.000Z"), page) for _time in times]
    assert first == told
    assert len(set(first)) == 2
    others = {again.key(line("ok", nick="max", time=times[0])), again.key(line("non", time=times[0]))}
    assert not others & set(first)


def test_without_a_time_every_line_is_its_own():
    one = keeper()
    assert one.key(line()) != one.key(line())


@pytest.mark.asyncio
async def test_a_core_that_is_full_is_asked_again():
    host = FakeHost(refusal=NotReady("full", retry_after=0.01))
    one = keeper(host)
    keep = asyncio.create_task(one.keep(message(1), "k"))
    await asyncio.sleep(0)
    assert not keep.done()
    host.refusal = None
    await asyncio.wait_for(keep, 10)
    assert host.events == [message(1)]


@pytest.mark.asyncio
async def test_what_was_being_kept_when_we_were_stopped_is_kept_once():
    host = FakeHost(delay=60)
    one = keeper(host)
    keep = asyncio.create_task(one.keep(message(1), "k"))
    await asyncio.sleep(0)
    keep.cancel()
    await asyncio.wait({keep})
    host.delay = 0
    await one.finish()
    await one.finish()
    assert host.events == [message(1)]


@pytest.mark.asyncio
async def test_a_cursor_follows_what_is_kept_and_not_our_own_words(monkeypatch: pytest.MonkeyPatch):
    """Nor does it go back; and what waits for its past is not written down."""
    host = FakeHost()
    one = keeper(host)
    await one.keep(message(1), "1")
    await one.keep(message(2, AT - timedelta(hours=1)), "2")
    await one.keep(message(3, AT + timedelta(days=1)), f"{OUR_OWN}3")
    await one.write_down(but={ChatId("#a")})
    assert await one.cursor(ChatId("#a")) is None
    assert not one.due
    monkeypatch.setattr(keeping, "CURSOR_SECONDS", 0.0)
    assert one.due
    await one.write_down()
    assert await one.cursor(ChatId("#a")) == AT
    assert (await one.seen()) is not None


@pytest.mark.asyncio
async def test_a_chat_that_the_network_may_take_for_another_is_not_linked():
    host = FakeHost()
    host.link("#a[1]", options={"casemapping": "rfc1459"})
    host.link("#b", options={"casemapping": "ascii"})
    one = keeper(host, CASEMAPPING="ascii")
    assert not await one.linked(ChatId("#a[1]"))
    assert await one.linked(ChatId("#b"))
