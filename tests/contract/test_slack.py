"""The Slack bridge passes the contract suite on the stand-in of `tchap_bridges.testing.slack`."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tchap_bridge_slack import SlackBridge, SlackConfig
from tchap_bridge_slack.emoji import name_of, unicode_of
from tchap_bridges.ids import ChatId, MessageId
from tchap_bridges.testing.contract import BridgeContract
from tchap_bridges.testing.rig import Peer, Shown
from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.slack.composer import unescaped

ANSWERED = re.compile(r"/archives/\w+/p(\d+)(\d{6})")


class SlackPeer(Peer):
    """Alice, in #general."""

    argument = "#General"
    nowhere = "#nulle-part"
    vanished = ChatId("C000000000")
    empty_files = False

    def __init__(self, slack: Slack) -> None:
        self.slack = slack
        self.bridge = SlackBridge()
        settings = {
            "api": slack.api_url.rstrip("/"),
            "app_token": slack.app_token,
            "file_mb": 4,
            "pace": {"seconds": 0},
        }
        self.config = SlackConfig.model_validate({**settings, "bot_token": slack.bot_token})
        self.wrong = SlackConfig.model_validate({**settings, "bot_token": "xoxb-faux"})
        self.people = slack.workspace
        self.people.add_user("alice", display_name="Alice")
        self.people.add_channel("general", "alice")

    async def say(self, text: str, *, thread: Sequence[MessageId] = (), file: tuple[str, bytes] | None = None) -> None:
        files = [self.people.upload("alice", file[0], file[1])] if file else []
        self.people.say("#general", "alice", text, thread_ts=thread[0] if thread else "", files=files)

    def waiting(self) -> int:
        """People's messages; our own come back as events too, and joins."""
        return sum(
            event["type"] == "message" and "bot_id" not in event and event.get("subtype") != "channel_join"
            for event in (one.payload["event"] for one in self.slack.sockets.pending)
        )

    def shown(self) -> Sequence[Shown]:
        return [
            Shown(
                id=message.ts,
                author=message.username,
                text=unescaped(message.text) or _words(message.blocks),
                thread=message.thread_ts,
                reply_to=".".join(found.groups()) if (found := ANSWERED.search(message.text)) else "",
                files={self.people.files[one].name: self.people.files[one].data for one in message.files},
                reactions=[unicode_of(name) or name for name in message.reactions],
            )
            for message in self.people.channel("#general").messages.values()
            if message.bot_id == self.slack.app.bot.id
        ]

    async def cut(self) -> None:
        self.slack.sockets.cut()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        await self.slack.stop()
        yield
        await self.slack.start()

    def lose_answer(self) -> None:
        self.slack.faults.lose_answer("chat.postMessage")

    async def edit(self, message: MessageId, text: str) -> None:
        self.people.edit("#general", message, text)

    async def delete(self, message: MessageId) -> None:
        self.people.delete("#general", message)

    async def react(self, message: MessageId, symbol: str) -> None:
        self.people.react("#general", message, "alice", name_of(symbol) or "")

    async def unreact(self, message: MessageId, symbol: str) -> None:
        self.people.unreact("#general", message, "alice", name_of(symbol) or "")


def _words(value: object) -> str:
    """The words in blocks: a file's comment has no text of its own."""
    if isinstance(value, dict):
        own = value.get("text") if value.get("type") in {"text", "link"} else None
        return own if isinstance(own, str) else "".join(map(_words, value.values()))
    return "\n".join(map(_words, value)) if isinstance(value, list) else ""


@asynccontextmanager
async def slack_peer() -> AsyncIterator[Peer]:
    async with Slack() as slack:
        yield SlackPeer(slack)


class TestSlack(BridgeContract):
    def network(self) -> AbstractAsyncContextManager[Peer]:
        return slack_peer()
