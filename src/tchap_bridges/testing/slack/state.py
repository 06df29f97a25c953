"""Everything a workspace knows, in memory: its ids, its clock, who is in it, and whom to tell what happens."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tchap_bridges.testing.slack import shapes
from tchap_bridges.testing.slack.model import (
    SLACKBOT,
    Bot,
    Channel,
    Event,
    File,
    Json,
    Kind,
    Message,
    SlackError,
    Team,
    Upload,
    User,
    Usergroup,
)

T = TypeVar("T")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Slack's id of the kind of place where an event happened.
_CHANNEL_TYPES: dict[Kind, str] = {"public": "channel", "private": "group", "im": "im", "mpim": "mpim"}
_WITHOUT_TEAM = {"channel_topic", "channel_purpose", "file_share", "me_message", "thread_broadcast", "tombstone"}


class State:
    """The workspace at rest. `listeners` are told every event, at once and in order."""

    def __init__(self, *, name: str, domain: str, url: str = "", clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last_ts = 0
        self._made = 0
        self._change = asyncio.Event()
        self.url = url or f"https://{domain}.slack.example"
        self.team = Team(self.new_id("T"), name, domain)
        self.users: dict[str, User] = {}
        self.bots: dict[str, Bot] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.emoji: dict[str, str] = {}
        self.emoji_names: set[str] = set()  # the standard ones, if it matters; none: any name is one
        self.uploads: dict[str, Upload] = {}  # by ticket, until they are completed
        self.usergroups: dict[str, Usergroup] = {}
        self.ephemeral: list[tuple[str, Message]] = []  # (who alone sees it, it)
        self.listeners: list[Callable[[Event], None]] = []
        self.users[SLACKBOT] = User(SLACKBOT, "slackbot", "Slackbot", "Slackbot", f"{self.url}/avatar/{SLACKBOT}")

    # ---- ids and time

    def new_id(self, letter: str) -> str:
        """An id as Slack writes them: a letter for its kind, ten digits and capitals."""
        self._made += 1
        number, digits = self._made * 2_654_435_761 % 36**8, ""
        while number:
            number, digit = divmod(number, 36)
            digits = _DIGITS[digit] + digits
        return f"{letter}0{digits:0>9}"

    def new_ts(self) -> str:
        """A timestamp that no message and no event had: seconds, a point, six digits."""
        self._last_ts = max(self._last_ts + 1, int(self._clock() * 1_000_000))
        seconds, micro = divmod(self._last_ts, 1_000_000)
        return f"{seconds}.{micro:06d}"

    def now(self) -> int:
        return int(self._clock())

    # ---- finding

    def user(self, who: str | User) -> User:
        """By id or name. Raises SlackError("user_not_found")."""
        if isinstance(who, User):
            return who
        found = self.users.get(who) or next((one for one in self.users.values() if one.name == who), None)
        if found is None:
            raise SlackError("user_not_found")
        return found

    def channel(self, where: str | Channel) -> Channel:
        """By id, or by name with or without its #. Raises SlackError("channel_not_found")."""
        if isinstance(where, Channel):
            return where
        name = where.removeprefix("#")
        found = self.channels.get(where) or next((one for one in self.channels.values() if one.name == name), None)
        if found is None or not name:
            raise SlackError("channel_not_found")
        return found

    def message(self, channel: str | Channel, ts: str | Message) -> Message:
        """Raises SlackError("message_not_found")."""
        wanted = ts.ts if isinstance(ts, Message) else ts
        found = self.channel(channel).messages.get(wanted)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def file(self, file: str) -> File:
        """Raises SlackError("file_not_found"), ("file_deleted")."""
        found = self.files.get(file)
        if found is None:
            raise SlackError("file_not_found")
        if found.deleted:
            raise SlackError("file_deleted")
        return found

    # ---- telling

    def emit(self, type_: str, **body: object) -> None:
        """Tell an event of the whole workspace."""
        self.tell(Event({"type": type_, "event_ts": self.new_ts(), **body}))

    def tell_place(self, type_: str, channel: Channel, body: Mapping[str, Any], *, to_members: bool = True) -> None:
        """Tell an event of a channel: to those who are in it, or of a public one to everybody if not `to_members`."""
        told = {"type": type_, "event_ts": self.new_ts(), **body}
        self.tell(Event(told, channel.id, to_members=to_members or channel.kind != "public"))

    def tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)
        self.changed()

    def changed(self) -> None:
        """Wake those who wait in `wait_for`."""
        self._change.set()

    async def wait_for(self, true: Callable[[], T], *, timeout: float = 15) -> T:  # noqa: ASYNC109
        """Wait until ``true()`` is, and return it. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while not (result := true()):
                self._change.clear()
                await self._change.wait()
        return result

    # ---- Slack's JSON

    def channel_type(self, channel: Channel) -> str:
        return _CHANNEL_TYPES[channel.kind]

    def bot_of(self, user: User) -> Bot | None:
        return self.bots.get(user.bot_id)

    def user_json(self, user: User) -> Json:
        bot = self.bot_of(user)
        return shapes.user_json(user, self.team, bot.app_id if bot else "")

    def channel_json(self, channel: Channel, viewer: str) -> Json:
        return shapes.channel_json(channel, self.team, viewer)

    def file_json(self, file: File, *, long: bool = False) -> Json:
        shown = {one.id: one.kind if one.kind in {"public", "private"} else "im" for one in self.channels.values()}
        return (shapes.file_long if long else shapes.file_json)(file, self.team, self.url, shown)

    def message_json(self, message: Message, *, metadata: bool = True) -> Json:
        """A message without its channel, as history gives it. metadata: with what its app hid in it."""
        shape: Json = {"type": "message", "ts": message.ts, "text": message.text}
        bot = self.bots.get(message.bot_id)
        given = {
            "subtype": message.subtype,
            "user": message.user,
            "client_msg_id": message.client_msg_id,
            "bot_id": message.bot_id,
            "app_id": bot.app_id if bot and message.subtype != "me_message" else "",
            "username": message.username,
            "icons": message.icons,
            "blocks": message.blocks,
            "attachments": message.attachments,
            "metadata": message.metadata if metadata else None,
            "reactions": shapes.reactions_json(message),
            "files": [self.file_json(self.files[one]) for one in message.files],
        }
        shape |= {key: shapes.copied(value) for key, value in given.items() if value}
        if message.user and message.subtype not in _WITHOUT_TEAM:
            shape["team"] = self.team.id
        if bot and message.user and message.subtype != "me_message":
            shape["bot_profile"] = shapes.bot_profile(bot, self.team, self.url)
        if message.files:
            shape |= {"upload": False, "display_as_bot": False}
        if message.edited:
            shape["edited"] = {"user": message.edited[0], "ts": message.edited[1]}
        return shape | message.more | self._thread_json(message)

    def _thread_json(self, message: Message) -> Json:
        channel = self.channels[message.channel]
        if message.is_reply:
            shape: Json = {"thread_ts": message.thread_ts}
            root = channel.messages.get(message.thread_ts)
            if root is not None and root.user and message.subtype != "thread_broadcast":
                shape["parent_user_id"] = root.user
            if message.broadcast and root is not None:
                shape["root"] = self.message_json(root)
                shape["root"].pop("blocks", None)
            return shape
        replies = channel.replies(message.ts)
        if not replies and message.subtype != "tombstone":
            return {}
        authors = list(dict.fromkeys(one.user or one.bot_id for one in replies))
        return {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users_count": len(authors),
            "latest_reply": replies[-1].ts if replies else "0000000000.000000",
            "reply_users": authors[:5],
            "is_locked": False,
            "subscribed": False,
        }
