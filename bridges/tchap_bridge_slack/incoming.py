"""From an event of Slack to the core, and only then back to Slack as acknowledged."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tchap_bridge_slack import convert, values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.convert import TS, Json, Me, Told
from tchap_bridge_slack.people import Directory
from tchap_bridge_slack.progress import Marks
from tchap_bridge_slack.refusals import Refused, refusal
from tchap_bridge_slack.sent import Sent
from tchap_bridges.bridge import Host
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Author, Deletion, Edit, Membership, Message
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, PersonId
from tchap_bridges.logs import harmless

_LONGEST_PAUSE: Final = 5.0  # seconds between two attempts to hand something to the core
GREETING: Final = (
    "Je suis un pont vers Tchap : les messages que vous m'envoyez ici ne sont lus par personne.\n"
    "I am a bridge to Tchap: nobody reads what you write to me here."
)


class Incoming:
    """All that comes from one workspace."""

    def __init__(self, api: Api, host: Host, me: Me, people: Directory, marks: Marks, sent: Sent) -> None:
        self._api = api
        self._host = host
        self._me = me
        self._people = people
        self._marks = marks
        self._sent = sent
        self._moved: dict[str, str] = {}
        self._shut_out: set[str] = set()

    async def open(self) -> None:
        """Which channels have another id today than when they were linked."""
        self._moved = json.loads(await self._host.kv.get("moved") or "{}")

    def where(self, chat: str) -> str:
        """The id of a chat today; of many that it has had, the last."""
        return next((new for new, old in reversed(self._moved.items()) if old == chat), chat)

    def linked_as(self, channel: str) -> str:
        """The id under which a channel was linked first."""
        return self._moved.get(channel, channel)

    def chat_of(self, event: Json) -> str:
        """Where it happened, by the id under which that was linked; "" for what happens nowhere."""
        item = values.mapping(event.get("item"))
        channel = values.string(event, "channel") or values.string(item, "channel")
        return self.linked_as(channel)

    async def take(self, event: Json) -> None:
        """Returns once all that it means is kept. Raises `BadCredentials` when it says that we are cut off."""
        match values.string(event, "type"):
            case "message" | "reaction_added" | "reaction_removed":
                await self._insist(self._said, event)
            case "member_joined_channel" | "member_left_channel" as kind:
                await self._insist(self._moved_in_or_out, event, kind == "member_joined_channel")
            case "user_change" | "team_join":
                self._people.changed(event.get("user"))
            case "emoji_changed":
                self._people.emoji_changed()
            case "channel_rename" | "group_rename":
                channel = values.mapping(event.get("channel"))
                self._people.renamed(values.string(channel, "id"), values.string(channel, "name"))
            case "channel_id_changed":
                old, new = values.string(event, "old_channel_id"), values.string(event, "new_channel_id")
                await self._insist(self._changed_id, old, new)
            case "app_uninstalled" as kind:
                raise refusal(kind, {})
            case "tokens_revoked" as kind:
                if self._me.user in values.each(values.mapping(event.get("tokens")).get("bot")):
                    raise refusal(kind, {})
            case _other:
                pass

    async def _insist(self, do: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Until the core has taken it: what waits is not acknowledged, and what comes after it waits behind."""
        while True:
            try:
                return await do(*arguments)
            except NotReady as later:
                self._host.log.info("slack.waits", **harmless(later))
                await asyncio.sleep(min(later.retry_after or 1.0, _LONGEST_PAUSE))

    async def _said(self, event: Json) -> None:
        chat = self.chat_of(event)
        if await self._host.linked(ChatId(chat)) is None:
            if event.get("channel_type") == "im":
                await self._greet(event)
            return
        if event.get("channel"):
            event = {**event, "channel": chat}
        else:
            event = {**event, "item": {**values.mapping(event.get("item")), "channel": chat}}
        if (key := convert.key_of(event)) is not None and self._me.said(event):
            self._sent.note(*key, values.string(event, "ts"))
        await self._people.learn(event)
        for told in self._read(event):
            await self.tell(told)
            await self._note(chat, told, event)

    def _read(self, event: Json) -> list[Told]:
        try:
            return list(convert.told(event, self._people, self._me))
        except Exception:  # what breaks us must not come again and again: it is named, and passed over
            self._host.log.exception("slack.unreadable")
            return []

    async def history(self, chat: str, message: Json) -> None:
        """One message of the history: new, or reworded, or known."""
        mark = await self._marks.of(chat)
        ts, words = values.string(message, "ts"), convert.words_hash(message)
        seen = mark.seen.get(ts)
        if message.get("subtype") == "tombstone":
            if seen is not None:
                await self.tell(convert.deletion_of(chat, ts, _SLACK, convert.moment(ts)))
                mark.forget(ts)
            return
        if seen is not None and seen[0] == words:
            return
        await self._insist(self._people.learn, message)
        events = self._read({**message, "type": "message", "channel": chat})
        new = [await self.tell(told) for told in events]
        if events and not any(new) and message.get("edited") and not self._me.said(message):
            for told in convert.edit_of(chat, message, self._people):
                await self.tell(told)
        root = values.string(message, "thread_ts")
        mark.note(ts, "" if self._me.said(message) else words, root if root != ts else "")
        await self._marks.save(chat)

    async def tell(self, told: Told) -> bool:
        """Whether it was new. Returns once it is kept."""
        while True:
            try:
                return await self._host.receive(told.event, key=told.key)
            except NotReady as later:
                await asyncio.sleep(min(later.retry_after or 1.0, _LONGEST_PAUSE))

    async def _note(self, chat: str, told: Told, event: Json) -> None:
        mark = await self._marks.of(chat)
        match told.event:
            case Message(id=ts, echo=echo):
                root = values.string(event, "thread_ts")
                words = "" if echo else convert.words_hash(event)
                mark.note(ts, words, root if root != ts and TS.fullmatch(root) else "")
            case Edit(target=ts):
                if ts in mark.seen:
                    words = convert.words_hash(values.mapping(event.get("message")))
                    mark.seen[ts] = (words, mark.seen[ts][1])
            case Deletion(target=ts):
                mark.forget(ts)
            case _other:
                return
        await self._marks.save(chat)

    async def _moved_in_or_out(self, event: Json, present: bool) -> None:
        chat, user = self.chat_of(event), values.string(event, "user")
        if not user or await self._host.linked(ChatId(chat)) is None:
            return
        at = values.string(event, "event_ts")
        if user == self._me.user:
            self._people.forget(self.where(chat))
            if not present:
                self.shut_out(chat)
                said = _(
                    "⚠ Le pont a été retiré de ce canal Slack. Pour le remettre, écrivez-y : /invite @ suivi de son nom"
                )
                await self.tell(Told(convert.notice(chat, at, said, _SLACK), f"out {chat} {at}"))
            return
        await self._people.learn(event)
        moved = Membership(chat=ChatId(chat), author=self._people.author(user), present=present, at=convert.moment(at))
        await self.tell(Told(moved, f"member {chat} {user} {present} {at}"))

    def shut_out(self, chat: str) -> None:
        """What is said there does not come to us."""
        self._shut_out.add(chat)

    def back_in(self, event: Json) -> ChatId | None:
        """The channel that this lets us into again: what was said meanwhile has not come to us."""
        chat = self.chat_of(event)
        mine = event.get("type") == "member_joined_channel" and values.string(event, "user") == self._me.user
        if not mine or chat not in self._shut_out:
            return None
        self._shut_out.discard(chat)
        return ChatId(chat)

    async def _changed_id(self, old: str, new: str) -> None:
        """A channel keeps its links under the id that it was linked by (shared with another organisation, say)."""
        first = self.linked_as(old)
        if not new or old == new or await self._host.linked(ChatId(first)) is None:
            return
        others = {one: was for one, was in self._moved.items() if one != new}
        self._moved = {**others, new: first}  # the last one is today's
        await self._host.kv.set("moved", json.dumps(self._moved))

    async def _greet(self, event: Json) -> None:
        """Somebody writes to us alone, and no room is there to read it: told once to each."""
        user, channel = values.string(event, "user"), values.string(event, "channel")
        if not user or self._me.said(event) or event.get("bot_id") or values.string(event, "subtype"):
            return
        if await self._host.kv.get(f"greeted.{user}"):
            return
        await self._host.kv.set(f"greeted.{user}", "1")
        client = self._api.client
        try:
            await self._api.do(
                "chat.postMessage", lambda: client.chat_postMessage(channel=channel, text=GREETING), channel=channel
            )
        except (Refused, NotReady) as error:
            self._host.log.info("slack.not_greeted", **harmless(error))


_SLACK: Final = Author(person=PersonId("slack"), name="Slack")
