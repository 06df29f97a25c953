"""What an agent does and sees in encrypted rooms, with a client that is none of ours.

`js_agent.JsAgent` is matrix-js-sdk with rust crypto, as Element and Tchap's web client are built on it;
`nio_agent.NioAgent` is matrix-nio, which shares no line with it. `make agents` gets both. Apart from them, an ordinary
room needs no more than `matrix_client.Client`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tchap_bridges.testing import contents
from tchap_bridges.testing.contents import Content

MEGOLM = "m.megolm.v1.aes-sha2"


class AgentError(Exception):
    """The client could not do it, or saw nothing in time; the message is in its own words.

    What the homeserver refuses is a `MatrixError` instead.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """An event as it stands on a person's screen now: decrypted, edited, redacted."""

    event_id: str
    sender: str
    name: str | None  # the sender's, in that room
    kind: str  # its type; the one inside, where it could be decrypted
    content: Content  # with the new words, where it was edited
    encrypted: bool
    failure: str | None = None  # why it cannot be read; None where it can
    shield: str | None = None  # NONE, GREY or RED; None where it was not encrypted, cannot be read, or for matrix-nio
    reason: str | None = None  # why the shield is not NONE, such as UNSIGNED_DEVICE (the sdk's EventShieldReason)
    relation: Content | None = None  # its m.relates_to
    edited: bool = False
    redacted: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)  # key → user ids

    @property
    def body(self) -> str:
        """Its words; empty where it has none or cannot be read."""
        return "" if self.failure else str(self.content.get("body", ""))


class Agent(ABC):
    """One device of one user. Stop it, or use it in `async with`.

    Waiting is in seconds: `patience` for what is to come, in vain with an AgentError; `late` for the key of what has
    come, after which the event is shown without.
    """

    user_id: str
    device_id: str

    async def create_room(
        self, *, encrypted: bool = True, invite: Sequence[str] = (), rotation: int | None = None, **options: Any
    ) -> str:
        """A private room. `rotation`: after how many messages senders take a new key; `options` as in /createRoom."""
        state = list(options.pop("initial_state", ()))
        if encrypted:
            rule: Content = {"algorithm": MEGOLM} | ({"rotation_period_msgs": rotation} if rotation else {})
            state.append({"type": "m.room.encryption", "state_key": "", "content": rule})
        return await self._create({"preset": "private_chat", "invite": list(invite), "initial_state": state, **options})

    @abstractmethod
    async def _create(self, options: Content) -> str: ...

    @abstractmethod
    async def join(self, room: str) -> str: ...

    @abstractmethod
    async def invite(self, room: str, user: str) -> None: ...

    @abstractmethod
    async def kick(self, room: str, user: str, *, reason: str = "") -> None: ...

    @abstractmethod
    async def leave(self, room: str) -> None: ...

    @abstractmethod
    async def wait_for_member(self, room: str, user: str, membership: str = "join") -> None:
        """Until this client knows it, and therefore gives them its keys, or none any more."""

    @abstractmethod
    async def send_event(self, room: str, kind: str, content: Content) -> str:
        """Encrypted where the room is; returns the event's id. Waits for being in the room first."""

    async def send_text(
        self,
        room: str,
        body: str,
        *,
        html: str | None = None,
        thread: str | None = None,
        reply_to: str | None = None,
        mentions: Sequence[str] = (),
    ) -> str:
        """Say something: in the thread under the event `thread`, in answer to the event `reply_to`, or both."""
        content = contents.text(body, html=html, thread=thread, reply_to=reply_to, mentions=mentions)
        return await self.send_event(room, "m.room.message", content)

    @abstractmethod
    async def send_file(
        self, room: str, name: str, mime: str, data: bytes, *, thread: str | None = None, reply_to: str | None = None
    ) -> str:
        """An encrypted attachment where the room is encrypted."""

    async def edit(self, room: str, event_id: str, body: str) -> str:
        return await self.send_event(room, "m.room.message", contents.edit(event_id, body))

    async def react(self, room: str, event_id: str, key: str) -> str:
        """In clear in every room, as clients do."""
        return await self.send_event(room, "m.reaction", contents.reaction(event_id, key))

    @abstractmethod
    async def redact(self, room: str, event_id: str, *, reason: str | None = None) -> str: ...

    @abstractmethod
    async def typing(self, room: str, *, on: bool = True) -> None: ...

    @abstractmethod
    async def see(self, room: str, event_id: str, *, patience: float = 30, late: float = 15) -> Seen:
        """The event on the screen, as it stays there: bad news is told once it does not change any more."""

    @abstractmethod
    async def wait_for_text(self, room: str, words: str, *, patience: float = 30) -> Seen:
        """The first event whose body holds `words`, already there or still to come."""

    @abstractmethod
    async def download(self, room: str, event_id: str, *, patience: float = 30, late: float = 15) -> bytes:
        """The file that an event shows, decrypted and compared with its hash."""
