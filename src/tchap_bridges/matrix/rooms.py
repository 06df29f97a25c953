"""All rooms as one connection: what the core sends is said here, by the right voice, once.

Every event with content leaves through `Rooms._put_event`, which refuses a room known to be encrypted; that is where
a later issue encrypts. A request's id is derived from the outbox key, the part and the sender, and sent as a device
of the sender's, so that a repeat after a crash, the homeserver's too, shows nothing twice (MATRIX.md, "Sending").
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any, Final

import structlog

from tchap_bridges.bridge import (
    Attachment,
    Connection,
    Deletes,
    Edits,
    Limits,
    OpensFiles,
    Outgoing,
    OutgoingDeletion,
    OutgoingEdit,
    OutgoingReaction,
    Reacts,
    ShowsTyping,
    Steps,
)
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import PERSON, Author, Text
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId, RoomId, UserId
from tchap_bridges.matrix import compose, pills
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of, text_of
from tchap_bridges.matrix.compose import Content, Translate
from tchap_bridges.matrix.ghosts import Profile, Speaker
from tchap_bridges.matrix.media import Media, Source, TooLarge, Whole, mime_of
from tchap_bridges.matrix.pictures import Pictures
from tchap_bridges.matrix.read import ORIGIN
from tchap_bridges.matrix.recent import Recent
from tchap_bridges.matrix.voices import Voices

_SEARCHED: Final = 20  # pages of 100 events in which a message of unknown fate is looked for
_TYPING_SECONDS: Final = 30

Said = Callable[[Profile | None], Content]
"""The content, which differs with the voice."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One event to be sent for somebody."""

    room: RoomId
    kind: str
    key: str
    part: str
    author: Author | None
    network: str
    said: Said
    steps: Steps | None = None


class Rooms(Connection, Edits, Deletes, Reacts, ShowsTyping, OpensFiles):
    """People whom an `Outgoing` names here are of its author's network, and shown as their ghosts.

    ``is_encrypted`` says what is known of a room; ``translate`` is for the few words that are ours, ``zone`` for the
    times in them.
    """

    limits = Limits(repeatable=True)

    def __init__(
        self,
        client: MatrixClient,
        voices: Voices,
        media: Media,
        *,
        is_encrypted: Callable[[RoomId], bool],
        pictures: Pictures | None = None,
        translate: Translate = str,
        zone: tzinfo = UTC,
    ) -> None:
        self._client = client
        self._voices = voices
        self._media = media
        self._is_encrypted = is_encrypted
        self._pictures = pictures
        self._translate = translate
        self._zone = zone
        self._senders: Recent[MessageId, UserId] = Recent(10_000)
        self._just_encrypted: Recent[RoomId, bool] = Recent(10_000)

    async def saw(self, event: Mapping[str, Any]) -> None:
        """Encryption counts from the moment it arrives, before the inbox has come to it."""
        room = event.get("room_id")
        if not isinstance(room, str):
            return
        try:
            encrypts = _encrypts(event)
        except Exception:  # not understood: rather refuse than tell
            self._just_encrypted.put(RoomId(room), True)
            raise
        if encrypts:
            self._just_encrypted.put(RoomId(room), True)

    async def run(self) -> None:
        """Nothing to serve: what arrives comes by the homeserver's transactions and syncs."""
        await asyncio.Event().wait()

    # Messages

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        room = RoomId(message.chat)
        message = replace(message, author=await self._pictured(message.author, message.network, message.avatar))
        text, users = await self._named(room, message.text, message.network)
        files: tuple[Source, ...] = message.files
        if not compose.fits(text):
            whole = Whole(f"{self._translate(_('texte complet'))}.txt", "text/plain", text.plain.encode())
            text, files = (
                compose.shortened(text, self._translate(_("[… suite dans le fichier joint]"))),
                (whole, *files),
            )
        ids: list[MessageId] = []
        if text or compose.has_heads(message) or not files:
            said: Said = lambda profile: compose.words(  # noqa: E731
                message, text, self._translate, profile, zone=self._zone, called=tuple(users.values())
            )
            ids.append(await self._part(message, 0, said, alone=not files))
        for part, attachment in enumerate(files, 1):
            ids.append(await self._file(message, room, part, attachment, first=not ids))
        return ids

    async def _pictured(self, author: Author | None, network: str, picture: Attachment | None = None) -> Author | None:
        """The author as everything here wants them: with a picture that the homeserver has, or none."""
        return await self._pictures.of(author, network, picture) if self._pictures is not None else author

    async def _named(self, room: RoomId, text: Text, network: str) -> tuple[Text, Mapping[PersonId, UserId]]:
        """The text with people of its author's network as pills, and who these are."""
        if text.html is None or PERSON not in text.html:
            return text, {}
        users = await self._voices.named(room, pills.people(text)[: pills.MOST], network)
        return pills.with_pills(text, users), users

    async def _file(self, message: Outgoing, room: RoomId, part: int, attachment: Source, *, first: bool) -> MessageId:
        """The file, or a line that says why it cannot be there: it never holds back what it came with."""
        self._refuse_encrypted(room)
        if (done := message.steps.get(f"event.{part}")) is not None:
            return MessageId(done)
        try:
            mxc, size = await self._media.put(
                attachment, message.steps, part, before=lambda: self._refuse_encrypted(room)
            )
        except TooLarge as error:
            reason = self._too_large(error)
        except Undeliverable as error:
            reason = error.reason
        else:
            mime = mime_of(attachment)
            return await self._part(
                message, part, lambda profile: compose.file(attachment.name, mime, size, mxc, profile), first=first
            )
        line = self._translate(
            _("📎 {name} n'a pas pu être joint : {reason}", name=compose.one_line(attachment.name), reason=reason)
        )
        return await self._part(message, part, lambda profile: compose.line(line, profile), first=first)

    @staticmethod
    def _too_large(error: TooLarge) -> str:
        if not error.limit:
            return _("il est trop grand ({size})", size=compose.octets(error.size))
        return _(
            "il est trop grand ({size}, le serveur accepte {limit})",
            size=compose.octets(error.size),
            limit=compose.octets(error.limit),
        )

    async def _part(
        self, message: Outgoing, part: int, said: Said, *, first: bool = True, alone: bool = False
    ) -> MessageId:
        """One of the events of a message, unless it is there already."""
        if (done := message.steps.get(f"event.{part}")) is not None:
            return MessageId(done)
        room, related = RoomId(message.chat), compose.relation(message.thread, message.reply_to, first=first)
        event = _Event(
            room=room,
            kind="m.room.message",
            key=message.key,
            part=str(part),
            author=message.author,
            network=message.network,
            said=lambda profile: {**said(profile), **related},
            steps=message.steps,
        )
        sent = await self.find_sent(event) if message.steps.get("suspect") else None
        if sent is None:
            try:
                sent = await self._again(event) or await self._say(event)
            except MatrixRefused as error:
                if error.status != 400 or not message.thread:
                    raise
                # The root has a relation of its own, and can bear no thread.
                log.info("rooms.no_thread_here", errcode=error.errcode)
                sent = await self._say(_outside_thread(event))
        if not alone:  # else the row itself is done at once
            await message.steps.done(f"event.{part}", sent)
        return sent

    # What is said about messages

    async def edit(self, edit: OutgoingEdit) -> None:
        room = RoomId(edit.chat)
        sender = await self._sender_of(room, edit.target)
        author = await self._pictured(edit.author, edit.network)
        speaker = self._voices.again(sender, author, edit.network) if sender else None
        if speaker is None:
            raise Undeliverable(_("le message d'origine n'est plus visible dans ce salon"))
        text, users = await self._named(room, edit.text, edit.network)
        before = {person for person, _name in pills.people(edit.before)} if edit.before else set()
        new = [user for person, user in users.items() if person not in before]
        content = compose.edited(
            replace(edit, text=text), self._translate, speaker.profile, called=tuple(users.values()), new=new
        )
        content |= compose.origin(edit.network, edit.key, "0")
        txn = compose.txn_id(edit.key, "0", speaker.user)
        try:
            await self._put_event(room, "m.room.message", content, txn, speaker)
        except MatrixRefused as error:
            if error.status != 403:
                raise
            raise Undeliverable(_("le message ne peut plus être modifié dans ce salon")) from error

    async def delete(self, deletion: OutgoingDeletion) -> None:
        refused: Undeliverable | None = None
        for target in dict.fromkeys((deletion.target, *deletion.parts)):
            try:
                await self._redact(RoomId(deletion.chat), target, deletion.key)
            except Undeliverable as error:  # the other parts may still go
                refused = error
        if refused is not None:
            raise refused

    async def _redact(self, room: RoomId, target: MessageId, key: str) -> None:
        """As who said it, and else as the bot, where it has the right."""
        sender = await self._sender_of(room, target)
        own = self._voices.again(sender, None, "") if sender else None
        for speaker in dict.fromkeys((own or self._voices.bot, self._voices.bot)):
            path = path_of("rooms", room, "redact", target, compose.txn_id(key, target, speaker.user))
            try:
                await self._client.call("PUT", path, {}, name="redact", user=speaker.user, device=speaker.device)
            except MatrixRefused as error:
                if error.status == 404:
                    return  # it is not there any more
                if not _about_sender(error):
                    raise
            else:
                return
        raise Undeliverable(
            _("le robot n'a pas le droit de supprimer ce message dans ce salon"),
            remedy=_("Une personne qui modère le salon peut le supprimer."),
        )

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        room = RoomId(reaction.chat)
        if reaction.removed:
            if reaction.reaction is not None:
                await self._redact(room, reaction.reaction, reaction.key)
            return None
        event = _Event(
            room=room,
            kind="m.reaction",
            key=reaction.key,
            part="0",
            author=await self._pictured(reaction.author, reaction.network),
            network=reaction.network,
            said=lambda _profile: compose.reaction(reaction),
        )
        try:
            return await self._say(event)
        except MatrixRefused as error:
            if error.errcode == "M_DUPLICATE_ANNOTATION":
                return None  # the bot has said it already for somebody else, or we have before a crash
            raise

    async def typing(self, chat: ChatId, author: Author, *, active: bool) -> None:
        """Shown for a ghost that has spoken lately; none is made, or enters, for this."""
        speaker = await self._voices.present(RoomId(chat), author)
        if speaker is None:
            return
        body = {"typing": True, "timeout": _TYPING_SECONDS * 1000} if active else {"typing": False}
        try:
            path = path_of("rooms", chat, "typing", speaker.user)
            await self._client.call("PUT", path, body, name="typing", user=speaker.user)
        except MatrixRefused as error:
            log.info("rooms.typing_refused", errcode=error.errcode)

    def open_file(self, ref: FileRef) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._media.open(ref)

    async def find_sent(self, event: _Event) -> MessageId | None:
        """An event of ours by its mark, among the room's last ones; None when it is not there."""
        wanted = compose.mark(event.key, event.part)
        senders = [self._voices.bot.user]
        if event.author is not None:
            senders.append(self._voices.ghost_of(event.author, event.network))
        params = {"dir": "b", "limit": "100", "filter": json.dumps({"types": [event.kind], "senders": senders})}
        for _page in range(_SEARCHED):
            found = await self._client.call(
                "GET",
                path_of("rooms", event.room, "messages"),
                name="messages",
                user=self._voices.bot.user,
                params=params,
            )
            for seen in _seen(found.get("chunk")):
                content = seen.get("content")
                origin = content.get(ORIGIN) if isinstance(content, dict) else None
                if seen.get("sender") in senders and isinstance(origin, dict) and origin.get("key") == wanted:
                    return MessageId(text_of(seen, "event_id"))
            end = found.get("end")
            if not isinstance(end, str) or not end:
                return None
            params = {**params, "from": end}
        return None

    # How it leaves

    async def _say(self, event: _Event) -> MessageId:
        """Send it by the voice that the room takes."""
        speaker = await self._voices.choose(event.room, event.author, event.network)
        try:
            return await self._say_as(event, speaker)
        except MatrixRefused as error:
            if not _about_sender(error):
                raise
            log.info("rooms.speaker_refused", errcode=error.errcode, spoken=speaker.profile is not None)
        if speaker.user == self._voices.bot.user:
            await self._voices.renew_bot()
        try:
            speaker = await self._voices.after_refusal(event.room, event.author, event.network)
            try:
                return await self._say_as(event, speaker)
            except MatrixRefused as error:
                if not _about_sender(error) or event.author is None or speaker.profile is not None:
                    raise
            # It is in the room and may not speak; perhaps the bot may.
            return await self._say_as(event, self._voices.spoken(event.author, event.network))
        except MatrixRefused as error:
            if not _about_sender(error):
                raise
            await self._voices.reset(event.room)  # of a bot that is not in the room, its voice says nothing
            raise Undeliverable(
                _("le robot ne peut pas écrire dans ce salon"),
                remedy=_("Invitez-le dans le salon, ou donnez-lui le droit d'y écrire."),
            ) from error

    async def _again(self, event: _Event) -> MessageId | None:
        """By the voice that may have said it already, whatever the room takes now; None when none has.

        The homeserver knows its own answer by the id of the request, even for a sender who has been put out since.
        """
        attempted = event.steps.get(f"voice.{event.part}") if event.steps is not None else None
        if attempted is None:
            return None
        speaker = self._voices.again(UserId(attempted), event.author, event.network)
        try:
            if speaker is not None:
                return await self._say_as(event, speaker)
        except MatrixRefused as error:
            if not _about_sender(error):
                raise
        try:
            return await self.find_sent(event)
        except MatrixRefused as error:  # the bot is out too, and will say so
            log.info("rooms.look_refused", errcode=error.errcode)
            return None

    async def _say_as(self, event: _Event, speaker: Speaker) -> MessageId:
        content = {**event.said(speaker.profile), **compose.origin(event.network, event.key, event.part)}
        txn = compose.txn_id(event.key, event.part, speaker.user)
        try:
            return await self._put_event(event.room, event.kind, content, txn, speaker)
        except NotReady as error:
            step = f"voice.{event.part}"
            unknown = error.retry_after is None  # who is told to wait has not been heard
            if unknown and event.steps is not None and event.steps.get(step) != speaker.user:
                await event.steps.done(step, speaker.user)
            raise

    async def _put_event(self, room: RoomId, kind: str, content: Content, txn: str, speaker: Speaker) -> MessageId:
        """The one way out for content. To encrypt, do it here."""
        found = await self._client.call(
            "PUT",
            path_of("rooms", room, "send", kind, txn),
            content,
            name="send",
            user=speaker.user,
            device=speaker.device,
            before=lambda: self._refuse_encrypted(room),
        )
        sent = MessageId(text_of(found, "event_id"))
        self._senders.put(sent, speaker.user)
        return sent

    def _refuse_encrypted(self, room: RoomId) -> None:
        if self._just_encrypted.get(room) or self._is_encrypted(room):
            raise Undeliverable(_("ce salon est chiffré et le pont ne sait pas encore chiffrer"))

    async def _sender_of(self, room: RoomId, event: MessageId) -> UserId | None:
        """Who sent an event that the bot can see."""
        if (known := self._senders.get(event)) is not None:
            return known
        try:
            found = await self._client.call(
                "GET", path_of("rooms", room, "event", event), name="event", user=self._voices.bot.user
            )
        except MatrixRefused as error:
            if error.status not in {403, 404}:
                raise
            return None
        sender = UserId(str(found.get("sender", "")))
        self._senders.put(event, sender)
        return sender


def _seen(chunk: Any) -> list[Mapping[str, Any]]:
    return [event for event in chunk if isinstance(event, dict)] if isinstance(chunk, list) else []


def _encrypts(event: Mapping[str, Any]) -> bool:
    return event.get("type") == "m.room.encryption" and event.get("state_key") == ""


def _about_sender(error: MatrixRefused) -> bool:
    """The homeserver objects to who sends, and not to what is sent."""
    return error.status == 403 or error.errcode == "M_UNKNOWN_DEVICE"


def _outside_thread(event: _Event) -> _Event:
    return replace(event, said=lambda profile: compose.answer_only(event.said(profile)))
