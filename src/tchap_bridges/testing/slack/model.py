"""What a Slack workspace is made of, as plain data; `shapes` writes it as Slack's JSON, `workspace` changes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["public", "private", "im", "mpim"]

SLACKBOT = "USLACKBOT"


class SlackError(Exception):
    """Slack's answer ``{"ok": false, "error": …}``. Raised also where a test acts as a person and Slack forbids it."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass(slots=True)
class Team:
    id: str
    name: str
    domain: str


@dataclass(slots=True)
class User:
    """A member of the workspace. `name` is the old handle, `display_name` (often empty) and `real_name` are shown."""

    id: str
    name: str
    real_name: str = ""
    display_name: str = ""
    image: str = ""  # the address of image_192; the other sizes are the same
    email: str = ""
    deleted: bool = False
    bot_id: str = ""  # for the user of a bot
    updated: int = 0

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.display_name or self.real_name or self.name


@dataclass(slots=True)
class Bot:
    """The bot of an app, which has a user too."""

    id: str
    user_id: str
    app_id: str
    name: str
    updated: int = 0
    deleted: bool = False


@dataclass(slots=True)
class Note:
    """A channel's topic or purpose."""

    value: str = ""
    creator: str = ""
    last_set: int = 0


@dataclass(slots=True)
class File:
    """An uploaded file. `shares`: (channel, ts) of the messages that show it."""

    id: str
    name: str
    title: str
    mimetype: str
    data: bytes
    user: str
    created: int
    shares: list[tuple[str, str]] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True)
class Upload:
    """An upload that was announced; `data` comes with the POST."""

    file_id: str
    name: str
    length: int
    alt_text: str = ""
    data: bytes | None = None


@dataclass(slots=True)
class Message:
    """A message as it is now; `more` holds what only its subtype has (topic, inviter, old_name …).

    own_blocks: its author gave the blocks; else Slack made them of the text.
    """

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    own_blocks: bool = False
    attachments: list[Json] = field(default_factory=list)
    subtype: str = ""
    thread_ts: str = ""
    broadcast: bool = False
    bot_id: str = ""
    username: str = ""
    icons: Json = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited: tuple[str, str] | None = None  # (user, ts)
    metadata: Json | None = None
    client_msg_id: str = ""
    more: Json = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        return bool(self.thread_ts) and self.thread_ts != self.ts


@dataclass(slots=True)
class Channel:
    """A conversation. `messages` by ts, oldest first, replies among them."""

    id: str
    name: str
    kind: Kind
    creator: str
    created: int
    topic: Note = field(default_factory=Note)
    purpose: Note = field(default_factory=Note)
    members: list[str] = field(default_factory=list)
    archived: bool = False
    is_general: bool = False
    previous_names: list[str] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    last_read: dict[str, str] = field(default_factory=dict)
    updated: int = 0

    def replies(self, ts: str) -> Sequence[Message]:
        """The replies to `ts`, oldest first, without it."""
        return [one for one in self.messages.values() if one.is_reply and one.thread_ts == ts]


@dataclass(slots=True)
class Usergroup:
    id: str
    handle: str
    name: str
    users: list[str]
    created: int
    created_by: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as the Events API tells it. `channel` is where, for what only its members are told."""

    body: Mapping[str, Any]
    channel: str = ""
    to_members: bool = False  # only to an app whose bot is in the channel

    @property
    def type(self) -> str:
        return str(self.body["type"])
