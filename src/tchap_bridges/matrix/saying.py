"""How one event is said in a room: by the voice that the room takes, and once, whatever broke meanwhile.

Said again, it is said by the voice that may have said it before; one whose fate is unknown is looked for by its mark.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import structlog

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId, RoomId, UserId
from tchap_bridges.matrix import compose
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of, text_of
from tchap_bridges.matrix.compose import Content
from tchap_bridges.matrix.ghosts import Profile, Speaker
from tchap_bridges.matrix.read import ORIGIN
from tchap_bridges.matrix.relations import Open
from tchap_bridges.matrix.voices import Voices
from tchap_bridges.outgoing import Steps

_SEARCHED: Final = 20  # pages of 100 events in which a message of unknown fate is looked for

Said = Callable[[Profile | None], Content]
"""The content, which differs with the voice."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One event to be sent for somebody."""

    room: RoomId
    kind: str
    key: str
    part: str
    author: Author | None
    network: str
    said: Said
    steps: Steps | None = None
    at: datetime | None = None  # to be shown as its time, instead of now


class Put(Protocol):
    """Sends content as somebody: the door by which all of it leaves."""

    async def __call__(
        self, room: RoomId, kind: str, content: Content, txn: str, speaker: Speaker, *, at: datetime | None = None
    ) -> MessageId: ...


class Saying:
    """``put`` is the one way out for content; ``opened`` gives an event of an encrypted room as it was said."""

    def __init__(self, client: MatrixClient, voices: Voices, put: Put, opened: Open) -> None:
        self._client = client
        self._voices = voices
        self._put = put
        self._opened = opened

    async def say(self, draft: Draft) -> MessageId:
        """Send it by the voice that the room takes."""
        speaker = await self._voices.choose(draft.room, draft.author, draft.network)
        try:
            return await self._say_as(draft, speaker)
        except MatrixRefused as error:
            if not about_sender(error):
                raise
            log.info("rooms.speaker_refused", errcode=error.errcode, spoken=speaker.profile is not None)
        if speaker.user == self._voices.bot.user:
            await self._voices.renew_bot()
        try:
            speaker = await self._voices.after_refusal(draft.room, draft.author, draft.network)
            try:
                return await self._say_as(draft, speaker)
            except MatrixRefused as error:
                if not about_sender(error) or draft.author is None or speaker.profile is not None:
                    raise
            # It is in the room and may not speak; perhaps the bot may.
            return await self._say_as(draft, self._voices.spoken(draft.author, draft.network))
        except MatrixRefused as error:
            if not about_sender(error):
                raise
            await self._voices.reset(draft.room)  # of a bot that is not in the room, its voice says nothing
            raise Undeliverable(
                _("le robot ne peut pas écrire dans ce salon"),
                remedy=_("Invitez-le dans le salon, ou donnez-lui le droit d'y écrire."),
            ) from error

    async def again(self, draft: Draft) -> MessageId | None:
        """By the voice that may have said it already, whatever the room takes now; None when none has.

        The homeserver knows its own answer by the id of the request, even for a sender who has been put out since.
        """
        attempted = draft.steps.get(f"voice.{draft.part}") if draft.steps is not None else None
        if attempted is None:
            return None
        speaker = self._voices.again(UserId(attempted), draft.author, draft.network)
        try:
            if speaker is not None:
                return await self._say_as(draft, speaker)
        except MatrixRefused as error:
            if not about_sender(error):
                raise
        try:
            return await self.find_sent(draft)
        except MatrixRefused as error:  # the bot is out too, and will say so
            log.info("rooms.look_refused", errcode=error.errcode)
            return None

    async def _say_as(self, draft: Draft, speaker: Speaker) -> MessageId:
        content = {**draft.said(speaker.profile), **compose.origin(draft.network, draft.key, draft.part)}
        txn = compose.txn_id(draft.key, draft.part, speaker.user)
        try:
            return await self._put(draft.room, draft.kind, content, txn, speaker, at=draft.at)
        except NotReady as error:
            step = f"voice.{draft.part}"
            unknown = error.retry_after is None  # who is told to wait has not been heard
            if unknown and draft.steps is not None and draft.steps.get(step) != speaker.user:
                await draft.steps.done(step, speaker.user)
            raise

    async def find_sent(self, draft: Draft) -> MessageId | None:
        """An event of ours by its mark, among the room's last ones; None when it is not there."""
        wanted = compose.mark(draft.key, draft.part)
        senders = [self._voices.bot.user]
        if draft.author is not None:
            senders.append(self._voices.ghost_of(draft.author, draft.network))
        params = {
            "dir": "b",
            "limit": "100",
            "filter": json.dumps({"types": [draft.kind, "m.room.encrypted"], "senders": senders}),
        }
        for _page in range(_SEARCHED):
            found = await self._client.call(
                "GET",
                path_of("rooms", draft.room, "messages"),
                name="messages",
                user=self._voices.bot.user,
                params=params,
            )
            for seen in _seen(found.get("chunk")):
                content = (await self._opened({**seen, "room_id": draft.room})).get("content")
                origin = content.get(ORIGIN) if isinstance(content, dict) else None
                if seen.get("sender") in senders and isinstance(origin, dict) and origin.get("key") == wanted:
                    return MessageId(text_of(seen, "event_id"))
            end = found.get("end")
            if not isinstance(end, str) or not end:
                return None
            params = {**params, "from": end}
        return None


def _seen(chunk: Any) -> list[Mapping[str, Any]]:
    return [event for event in chunk if isinstance(event, dict)] if isinstance(chunk, list) else []


def about_sender(error: MatrixRefused) -> bool:
    """The homeserver objects to who sends, and not to what is sent."""
    return error.status == 403 or error.errcode == "M_UNKNOWN_DEVICE"
