"""A line that was read when we are stopped is kept, wherever its way to the disk had led until then."""

import asyncio

import pytest

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridges.bridge import Linked
from tchap_bridges.events import Message
from tchap_bridges.ids import ChatId
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.irc_line import Line as Heard
from tchap_bridges.testing.irc_script import ScriptedServer
from tchap_bridges.testing.rig import until

_SAID = ":zoe!u@h PRIVMSG #salon"


class Slow(FakeHost):
    """Its disk takes its time to say what is linked."""

    asked: asyncio.Event
    patience: float = 0.0

    async def linked(self, chat: ChatId) -> Linked | None:
        if self.patience:
            self.asked.set()
            await asyncio.sleep(self.patience)
        return await super().linked(chat)


@pytest.mark.parametrize("caps", ["multi-prefix", "server-time message-tags batch"])
async def test_a_line_is_kept_that_was_being_looked_at(caps: str) -> None:
    host = Slow()
    host.asked = asyncio.Event()
    host.link("#salon")
    async with ScriptedServer(caps=caps) as server:
        config = IrcConfig(
            host=server.host, port=server.port, security="none", nick="pont", flood=Flood(burst=1000, seconds=0)
        )
        async with IrcBridge().open(config, host) as connection:
            running = asyncio.create_task(connection.run())
            await asyncio.wait_for(host.is_up.wait(), 15)
            await asyncio.sleep(0.2)
            host.patience = 0.2
            server.say(":zoe!u@h PRIVMSG #salon :juste avant la fin")
            await asyncio.wait_for(host.asked.wait(), 5)
            running.cancel()
            await asyncio.wait({running})
    assert [one.text.plain for one in host.events if isinstance(one, Message)] == ["juste avant la fin"]


class Remembers:
    """Tells of the past between our joining and the answer to MODE, as InspIRCd does; then somebody speaks."""

    def __call__(self, line: Heard) -> list[str] | None:
        if line.command != "MODE":
            return None
        past = [f"@batch=1;time=2026-11-22T08:17:0{n}.000Z;msgid=m{n} {_SAID} :mot {n}" for n in range(5)]
        live = f"@time=2026-11-22T08:18:00.000Z;msgid=m5 {_SAID} :mot 5"
        return [":s BATCH +1 chathistory #salon", *past, ":s BATCH -1", ":s 324 pont #salon +H 50:1d", live]


async def test_what_a_history_tells_is_kept_to_its_end() -> None:
    """Else the line that came after it would move the cursor past what was not kept yet."""
    host = FakeHost(delay=0.05)
    host.link("#salon")
    await host.kv.set("cursor #salon", "2026-11-22T08:00:00.000Z")
    async with ScriptedServer(caps="server-time message-tags batch", answer=Remembers()) as server:
        config = IrcConfig(
            host=server.host, port=server.port, security="none", nick="pont", flood=Flood(burst=1000, seconds=0)
        )
        async with IrcBridge().open(config, host) as connection:
            running = asyncio.create_task(connection.run())
            await until(lambda: len(host.events) >= 2)
            running.cancel()
            await asyncio.wait({running})
    said = [one for one in host.events if isinstance(one, Message)]
    assert [one.text.plain for one in said] == [f"mot {n}" for n in range(6)]
    assert [one.past for one in said] == [True] * 5 + [False]
