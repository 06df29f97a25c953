"""All rooms as one connection: what the core sends is said here, by the right voice, once.

Every event with content leaves through `Rooms._put_event`, which refuses a room known to be encrypted. The id of its
request is derived from the outbox key, the part and the sender, and sent as a device of the sender's, so that a repeat
after a crash, the homeserver's too, shows nothing twice (`saying`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog

from tchap_bridges.bridge import AsksPolls, Connection, Deletes, Edits, Limits, OpensFiles, Reacts, ShowsTyping
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import PERSON, Author, Text
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId, RoomId, UserId
from tchap_bridges.matrix import compose, pills, polls
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of, text_of
from tchap_bridges.matrix.compose import Content, Translate
from tchap_bridges.matrix.ghosts import Speaker
from tchap_bridges.matrix.media import Media, Source, TooLarge, Whole, mime_of
from tchap_bridges.matrix.names import is_user_id
from tchap_bridges.matrix.pictures import Pictures
from tchap_bridges.matrix.recent import Recent
from tchap_bridges.matrix.relations import Open, as_it_came
from tchap_bridges.matrix.saying import Draft, Said, Saying, about_sender
from tchap_bridges.matrix.voices import Voices
from tchap_bridges.outgoing import (
    Attachment,
    Outgoing,
    OutgoingDeletion,
    OutgoingEdit,
    OutgoingPoll,
    OutgoingPollEnd,
    OutgoingReaction,
)

_TYPING_SECONDS: Final = 30

ENCRYPTED: Final = "m.room.encrypted"

Seal = Callable[[RoomId, str, Mapping[str, Any], UserId], Awaitable[dict[str, Any]]]
"""The content of the event by which a user says something of this kind in an encrypted room."""

log = structlog.get_logger(__name__)


class Rooms(Connection, Edits, Deletes, Reacts, AsksPolls, ShowsTyping, OpensFiles):
    """People whom an `Outgoing` names here are of its author's network, and shown as their ghosts.

    ``is_encrypted`` says what is known of a room; ``translate`` is for the few words that are ours.
    """

    limits = Limits(repeatable=True)

    def __init__(
        self,
        client: MatrixClient,
        voices: Voices,
        media: Media,
        *,
        is_encrypted: Callable[[RoomId], bool],
        seal: Seal | None = None,
        opened: Open = as_it_came,
        pictures: Pictures | None = None,
        translate: Translate = str,
    ) -> None:
        self._client = client
        self._voices = voices
        self._media = media
        self._is_encrypted = is_encrypted
        self._seal = seal
        self._pictures = pictures
        self._translate = translate
        self._saying = Saying(client, voices, self._put_event, opened)
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
                message, text, self._translate, profile, called=tuple(users.values())
            )
            ids.append(await self._part(message, 0, said, alone=not files))
        for part, attachment in enumerate(files, 1):
            ids.append(await self._file(message, room, part, attachment, first=not ids))
        return ids

    async def _pictured(self, author: Author | None, network: str, picture: Attachment | None = None) -> Author | None:
        """The author as everything here wants them: with a picture that the homeserver has, or none."""
        return await self._pictures.of(author, network, picture) if self._pictures is not None else author

    async def _named(self, room: RoomId, text: Text, network: str) -> tuple[Text, Mapping[PersonId, UserId]]:
        """The text with people of its author's network as pills, and who these are; ours names people of the room."""
        if text.html is None or PERSON not in text.html:
            return text, {}
        people = pills.people(text)[: pills.MOST]
        if network:
            users: Mapping[PersonId, UserId] = await self._voices.named(room, people, network)
        else:
            users = {person: UserId(person) for person, _name in people if is_user_id(str(person))}
        return pills.with_pills(text, users), users

    async def _file(self, message: Outgoing, room: RoomId, part: int, attachment: Source, *, first: bool) -> MessageId:
        """The file, or a line that says why it cannot be there: it never holds back what it came with."""
        if self._seal is None:
            self._refuse_encrypted(room)
        if (done := message.steps.get(f"event.{part}")) is not None:
            return MessageId(done)
        where: str | Mapping[str, Any]
        try:
            if self._encrypts(room):
                where, size = await self._media.put_sealed(attachment, message.steps, part)
            else:
                where, size = await self._media.put(
                    attachment, message.steps, part, before=lambda: self._refuse_encrypted(room)
                )
        except TooLarge as error:
            reason = self._too_large(error)
        except Undeliverable as error:
            reason = error.reason
        else:
            mime = mime_of(attachment)
            return await self._part(
                message, part, lambda profile: compose.file(attachment.name, mime, size, where, profile), first=first
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
        draft = Draft(
            room=room,
            kind="m.room.message",
            key=message.key,
            part=str(part),
            author=message.author,
            network=message.network,
            said=lambda profile: {**said(profile), **related},
            steps=message.steps,
            at=message.at if message.past else None,
        )
        sent = await self._saying.find_sent(draft) if message.steps.get("suspect") else None
        if sent is None:
            try:
                sent = await self._saying.again(draft) or await self._saying.say(draft)
            except MatrixRefused as error:
                if error.status != 400 or not message.thread:
                    raise
                # The root has a relation of its own, and can bear no thread.
                log.info("rooms.no_thread_here", errcode=error.errcode)
                sent = await self._saying.say(_outside_thread(draft))
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
                if not about_sender(error):
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
        draft = Draft(
            room=room,
            kind="m.reaction",
            key=reaction.key,
            part="0",
            author=await self._pictured(reaction.author, reaction.network),
            network=reaction.network,
            said=lambda _profile: compose.reaction(reaction),
        )
        try:
            return await self._saying.say(draft)
        except MatrixRefused as error:
            if error.errcode == "M_DUPLICATE_ANNOTATION":
                return None  # the bot has said it already for somebody else, or we have before a crash
            raise

    # Polls

    async def ask(self, poll: OutgoingPoll) -> MessageId:
        content = polls.start(poll.question, poll.options, poll.most, disclosed=poll.disclosed)
        draft = Draft(
            room=RoomId(poll.chat),
            kind=polls.START,
            key=poll.key,
            part="0",
            author=None,
            network="",
            said=lambda _profile: content,
            steps=poll.steps,
        )
        sent = await self._saying.find_sent(draft) if poll.steps.get("suspect") else None
        return sent or await self._saying.again(draft) or await self._saying.say(draft)

    async def end_poll(self, end: OutgoingPollEnd) -> None:
        draft = Draft(
            room=RoomId(end.chat),
            kind=polls.END,
            key=end.key,
            part="0",
            author=None,
            network="",
            said=lambda _profile: polls.end(end.poll, end.text),
        )
        await self._saying.say(draft)

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

    # How it leaves

    async def _put_event(
        self, room: RoomId, kind: str, content: Content, txn: str, speaker: Speaker, *, at: datetime | None = None
    ) -> MessageId:
        """The one way out for content: sealed where the room is encrypted, and else not at all.

        ``at`` becomes its time (https://spec.matrix.org/v1.17/application-service-api/#timestamp-massaging).
        """
        sealed = self._seal is not None and self._encrypts(room)
        if self._seal is not None and sealed:
            kind, content = ENCRYPTED, await self._seal(room, kind, content, speaker.user)
        found = await self._client.call(
            "PUT",
            path_of("rooms", room, "send", kind, txn),
            content,
            name="send",
            user=speaker.user,
            device=speaker.device,
            params=_time(at),
            before=lambda: None if sealed else self._refuse_encrypted(room),
        )
        sent = MessageId(text_of(found, "event_id"))
        self._senders.put(sent, speaker.user)
        return sent

    def _encrypts(self, room: RoomId) -> bool:
        return bool(self._just_encrypted.get(room)) or self._is_encrypted(room)

    def _refuse_encrypted(self, room: RoomId) -> None:
        """Nothing goes into an encrypted room in clear. What was on its way when it became one is sealed next time."""
        if not self._encrypts(room):
            return
        if self._seal is None:
            raise Undeliverable(_("ce salon est chiffré, et ce pont est réglé pour ne pas chiffrer"))
        raise NotReady(_("ce salon vient d'être chiffré"))

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


def _time(at: datetime | None) -> Mapping[str, str] | None:
    """As the homeserver takes it; nothing that lies before 1970 or after now."""
    moment = int(at.timestamp() * 1000) if at is not None else 0
    return {"ts": str(moment)} if 0 < moment < time.time() * 1000 else None


def _encrypts(event: Mapping[str, Any]) -> bool:
    return event.get("type") == "m.room.encryption" and event.get("state_key") == ""


def _outside_thread(draft: Draft) -> Draft:
    return replace(draft, said=lambda profile: compose.answer_only(draft.said(profile)))
