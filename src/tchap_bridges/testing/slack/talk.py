"""What is said in a workspace: messages, threads, edits, deletions, reactions, files. Anybody may act, an app too."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from tchap_bridges.testing.slack import shapes
from tchap_bridges.testing.slack.composer import escaped, rich_text
from tchap_bridges.testing.slack.model import SLACKBOT, Channel, File, Json, Message, SlackError, User
from tchap_bridges.testing.slack.state import State

_TOMBSTONE = "This message was deleted."  # Slack's words for a thread whose first message is gone

# Published events of these kinds lack what the same message has in the history: an app that needs it asks for that.
_UNPUBLISHED = {
    "bot_message": {"root", "parent_user_id", "metadata"},
    "file_share": {"bot_id", "app_id", "bot_profile"},
    "thread_broadcast": {"bot_id", "app_id", "bot_profile", "metadata"},
}


class Talk(State):
    """Raises SlackError wherever Slack would refuse."""

    # ---- messages

    def say(
        self,
        channel: str | Channel,
        user: str | User,
        text: str = "",
        *,
        blocks: Sequence[Json] | None = None,
        thread_ts: str = "",
        files: Sequence[str | File] = (),
        broadcast: bool = False,
        me: bool = False,
    ) -> Message:
        """Post as a person. text: in Slack's notation; without `blocks` it gets the block that Slack's editor makes.

        files: what `upload` gave. me: /me. Raises SlackError.
        """
        place, author = self.channel(channel), self.user(user)
        message = Message(
            self.new_ts(),
            place.id,
            author.id,
            escaped(text),
            blocks=self.blocks(text, blocks) if not me else [],
            own_blocks=bool(blocks),
            subtype="me_message" if me else "file_share" if files else "thread_broadcast" if broadcast else "",
            thread_ts=thread_ts,
            broadcast=broadcast and bool(thread_ts),
            files=[one if isinstance(one, str) else one.id for one in files],
            client_msg_id=str(uuid4()) if not me and not files else "",
        )
        return self.post(message)

    def blocks(self, text: str, blocks: Sequence[Json] | None) -> list[Json]:
        """The blocks of a message: those given, each with an id, or the one of its text."""
        if not blocks:
            return rich_text(escaped(text), self.new_id("")[-5:])
        return [{"block_id": self.new_id("")[-5:], **shapes.copied(one)} for one in blocks]

    def post(self, message: Message) -> Message:
        """Put a message in its place and tell it. Raises SlackError."""
        place = self.channel(message.channel)
        if place.archived:
            raise SlackError("is_archived")
        if message.user and message.user not in place.members and not message.bot_id:
            raise SlackError("not_in_channel")
        root = place.messages.get(message.thread_ts) if message.thread_ts else None
        if message.thread_ts and root is None:
            raise SlackError("thread_not_found")
        if root is not None and root.is_reply:
            message.thread_ts = root.thread_ts  # a reply to a reply stands in the same thread
        self.store(message)
        for file in message.files:
            self._share(self.file(file), message)
        return message

    def store(self, message: Message) -> Message:
        """Put a message in its place, whoever may, and tell it."""
        place = self.channel(message.channel)
        place.messages[message.ts] = message
        self._tell_message(place, self.message_json(message), message.ts)
        return message

    def _tell_message(self, place: Channel, body: Json, ts: str) -> None:
        where = {"channel": place.id, "channel_type": self.channel_type(place)}
        body = {key: one for key, one in body.items() if key not in _UNPUBLISHED.get(body.get("subtype", ""), ())}
        self.tell_place("message", place, {**body, **where, "event_ts": ts})

    def edit(
        self,
        channel: str | Channel,
        ts: str | Message,
        text: str | None = None,
        *,
        blocks: Sequence[Json] | None = None,
        user: str | User = "",
        attachments: Sequence[Json] | None = None,
        metadata: Json | None = None,
    ) -> Message:
        """Change a message's words; `user`: its author, unless given. Told as message_changed. Raises SlackError.

        blocks: None keeps those that were given, an empty list takes them away; the block that Slack made of a text
        follows its text (chat.update; python-slack-sdk issue 523).
        """
        place = self.channel(channel)
        message = self.message(place, ts)
        if message.subtype not in {"", "bot_message", "thread_broadcast", "file_share", "me_message"}:
            raise SlackError("cant_update_message")
        before = self.message_json(message)
        if text is not None:
            message.text = escaped(text)
        if blocks is not None or not message.own_blocks:
            message.blocks, message.own_blocks = self.blocks(message.text, blocks), bool(blocks)
        if attachments is not None:
            message.attachments = list(attachments)
        if metadata is not None:
            message.metadata = metadata
        by = self.user(user).id if user else message.user
        message.edited = (by or message.bot_id, f"{self.new_ts().partition('.')[0]}.000000")
        self._tell_changed(place, message, before)
        return message

    def _tell_changed(self, place: Channel, message: Message, before: Json) -> None:
        after, ts = self.message_json(message), self.new_ts()
        body = {"subtype": "message_changed", "hidden": True, "message": after, "previous_message": before, "ts": ts}
        self._tell_message(place, body, ts)

    def delete(self, channel: str | Channel, ts: str | Message) -> None:
        """Withdraw a message. One with replies leaves a tombstone, told as message_changed. Raises SlackError."""
        place = self.channel(channel)
        message = self.message(place, ts)
        if message.subtype == "tombstone":
            raise SlackError("message_not_found")
        before = self.message_json(message)
        for file in message.files:
            shares = self.files[file].shares
            self.files[file].shares = [one for one in shares if one != (place.id, message.ts)]
        if place.replies(message.ts):
            buried = Message(message.ts, place.id, SLACKBOT, _TOMBSTONE, subtype="tombstone")
            buried.thread_ts, buried.more = message.ts, {"hidden": True, "parent_user_id": SLACKBOT}
            place.messages[message.ts] = buried
            self._tell_changed(place, buried, before)
            return
        self._remove(place, message.ts, before)
        root = place.messages.get(message.thread_ts)
        if root is not None and root.subtype == "tombstone" and not place.replies(root.ts):
            self._remove(place, root.ts, self.message_json(root))

    def _remove(self, place: Channel, ts: str, before: Json) -> None:
        del place.messages[ts]
        at = self.new_ts()
        body = {"subtype": "message_deleted", "hidden": True, "deleted_ts": ts, "previous_message": before, "ts": at}
        self._tell_message(place, body, at)

    def unfurl(self, channel: str | Channel, ts: str | Message, attachment: Mapping[str, Any]) -> None:
        """What Slack itself does to a message with a link, some time after: a change without `edited`."""
        place = self.channel(channel)
        message = self.message(place, ts)
        before = self.message_json(message)
        message.attachments.append({"id": len(message.attachments) + 1, **attachment})
        self._tell_changed(place, message, before)

    # ---- reactions

    def react(self, channel: str | Channel, ts: str | Message, user: str | User, name: str) -> None:
        """name: an emoji's, without colons. Raises SlackError("already_reacted")."""
        place, who = self.channel(channel), self.user(user)
        message = self.message(place, ts)
        given = message.reactions.setdefault(name, [])
        if who.id in given:
            raise SlackError("already_reacted")
        given.append(who.id)
        self._tell_reaction("reaction_added", place, message, who, name)

    def unreact(self, channel: str | Channel, ts: str | Message, user: str | User, name: str) -> None:
        """Raises SlackError("no_reaction")."""
        place, who = self.channel(channel), self.user(user)
        message = self.message(place, ts)
        given = message.reactions.get(name, [])
        if who.id not in given:
            raise SlackError("no_reaction")
        given.remove(who.id)
        if not given:
            del message.reactions[name]
        self._tell_reaction("reaction_removed", place, message, who, name)

    def _tell_reaction(self, type_: str, place: Channel, message: Message, who: User, name: str) -> None:
        item = {"type": "message", "channel": place.id, "ts": message.ts}
        whose = {"item_user": message.user} if message.user else {}
        self.tell_place(type_, place, {"user": who.id, "reaction": name, "item": item, **whose})

    # ---- files

    def upload(
        self, user: str | User, name: str, data: bytes, mimetype: str = "application/octet-stream", *, title: str = ""
    ) -> File:
        """Store a file that no message shows yet; `say(…, files=[file])` shows it."""
        file = File(self.new_id("F"), name, title or name, mimetype, data, self.user(user).id, self.now())
        self.files[file.id] = file
        self.emit("file_created", file_id=file.id, user_id=file.user, file={"id": file.id})
        return file

    def _share(self, file: File, message: Message) -> None:
        first = not file.shares
        file.shares.append((message.channel, message.ts))
        place = self.channel(message.channel)
        known = {"file_id": file.id, "user_id": file.user, "file": {"id": file.id}}
        if first and place.kind == "public":
            self.tell_place("file_public", place, known)
        self.tell_place("file_shared", place, {**known, "channel_id": place.id})

    def delete_file(self, file: str | File) -> None:
        """Take a file away everywhere: messages keep a tombstone of it. Raises SlackError."""
        gone = self.file(file if isinstance(file, str) else file.id)
        gone.deleted, gone.data = True, b""
        channels = list(dict.fromkeys(channel for channel, _ in gone.shares))
        self.emit("file_deleted", file_id=gone.id, channel_ids=channels)
