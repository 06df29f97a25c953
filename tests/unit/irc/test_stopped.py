"""A line that was read when we are stopped is kept, wherever its way to the disk had led until then."""

import asyncio

import pytest

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridges.bridge import Linked
from tchap_bridges.events import Message
from tchap_bridges.ids import ChatId
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.irc_script import ScriptedServer


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
