"""Edits, deletions and reactions out.

A reaction is the bot's, one for each emoji: it is set with the first of our people and taken back with the last.
"""

import asyncio
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from tchap_bridge_slack import composing, values
from tchap_bridge_slack.api import Api, Json
from tchap_bridge_slack.convert import TS, Me
from tchap_bridge_slack.emoji import name_of
from tchap_bridge_slack.people import Directory
from tchap_bridge_slack.refusals import Refused
from tchap_bridges.bridge import Host
from tchap_bridges.errors import Undeliverable, Unsupported
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId
from tchap_bridges.outgoing import OutgoingDeletion, OutgoingEdit, OutgoingReaction

_GONE: Final = frozenset({"message_not_found", "thread_not_found", "no_reaction", "bad_timestamp"})
MOST_REACTED: Final = 500
"""Messages of a channel of which it is remembered who reacted; what is older has but one of us behind it."""
_REST: Final = "⋯"
"""What stands in a part whose words have moved up: it may be needed again."""


class Rewording:
    """For one session."""

    def __init__(self, api: Api, host: Host, me: Me, people: Directory) -> None:
        self._api = api
        self._host = host
        self._me = me
        self._people = people
        self._reacting = asyncio.Lock()  # a chat of two rooms has two hands at one count

    # Edits

    async def edit(self, edit: OutgoingEdit, channel: str) -> None:
        """The new words over all the parts; what is more than they hold ends with where the whole is."""
        parts = [one for one in dict.fromkeys((edit.target, *edit.parts)) if TS.fullmatch(one)]
        if not parts:
            raise Undeliverable(_("ce message n'est plus dans Slack"))
        head, emoted = await self._head(channel, parts[0])
        text = composing.emote(edit.text) if emoted else edit.text
        posts = composing.posts_of(text, head, emoted=emoted)
        if len(posts) > len(parts):
            try:
                link = await edit.link_to_text()
            except Undeliverable:
                link = ""
            posts = [*posts[: len(parts) - 1], composing.cut_short(posts[len(parts) - 1], link)]
        for n, part in enumerate(parts):
            post = posts[n] if n < len(posts) else composing.Post(_REST, [])
            await self._update(channel, part, post, main=n == 0)

    async def _update(self, channel: str, ts: str, post: composing.Post, *, main: bool) -> None:
        client = self._api.client
        # Without blocks the old ones would stay.
        blocks = post.blocks or [{"type": "section", "text": {"type": "mrkdwn", "text": post.text[:3000] or " "}}]
        try:
            await self._api.do(
                "chat.update",
                lambda: client.chat_update(channel=channel, ts=ts, text=post.text or " ", blocks=blocks),
                channel=channel,
            )
        except Refused as refused:
            if main or refused.code not in _GONE:
                raise

    async def _head(self, channel: str, ts: str) -> tuple[tuple[list[Json], str], bool]:
        """What stands before the words now, and whether they are something done."""
        message = await self._message(channel, ts)
        blocks = [dict(one) for one in values.each(message.get("blocks")) if isinstance(one, Mapping)]
        head = [one for one in blocks if one.get("block_id") == composing.HEAD]
        emoted = any(str(one.get("block_id", "")).startswith(composing.EMOTE) for one in blocks)
        lines = values.string(message, "text").split("\n")
        count = sum(len(values.each(one.get("elements"))) for one in head)
        return (head, "\n".join(lines[:count])), emoted

    async def _message(self, channel: str, ts: str) -> Mapping[str, Any]:
        """A message as it is now, also one in a thread; {} for none."""
        client = self._api.client
        try:
            said = await self._api.read(
                "conversations.replies",
                lambda: client.conversations_replies(channel=channel, ts=ts, limit=1, inclusive=True),
            )
        except Refused as refused:
            if refused.code in _GONE:
                return {}
            raise
        found = (values.mapping(one) for one in values.each(said.get("messages")))
        return next((one for one in found if one.get("ts") == ts), {})

    # Deletions

    async def delete(self, deletion: OutgoingDeletion, channel: str) -> None:
        """All the parts, and the files that they show: nobody is to find them again."""
        client = self._api.client
        for part in dict.fromkeys((deletion.target, *deletion.parts)):
            if not TS.fullmatch(part):
                continue
            files = [
                values.string(values.mapping(one), "id")
                for one in values.each((await self._message(channel, part)).get("files"))
                if values.mapping(one).get("user") == self._me.user
            ]
            for file in files:  # while the message is there it says which ones: a later attempt asks it again
                await self._gone_is_fine("files.delete", client.files_delete, file=file)
            await self._gone_is_fine("chat.delete", client.chat_delete, channel=channel, ts=part)

    async def _gone_is_fine(self, method: str, call: Any, **arguments: str) -> None:
        try:
            await self._api.do(method, lambda: call(**arguments), channel=arguments.get("channel", ""))
        except Refused as refused:
            if refused.code not in _GONE | {"file_not_found", "file_deleted", "already_reacted"}:
                raise

    # Reactions

    async def react(self, reaction: OutgoingReaction, channel: str) -> MessageId | None:
        """Its id is made of what it is: the same at a second attempt."""
        name = await self._name(reaction.symbol)
        ts = reaction.target
        if not TS.fullmatch(ts):
            raise Undeliverable(_("ce message n'est plus dans Slack"))
        async with self._reacting:
            await self._count(reaction, channel, ts, name)
        who = self._who(reaction.author.person if reaction.author else "")
        return None if reaction.removed else MessageId(f"reaction {ts} {name} {who}")

    async def _count(self, reaction: OutgoingReaction, channel: str, ts: str, name: str) -> None:
        key = f"reactions.{reaction.chat}"
        of_chat: dict[str, dict[str, list[str]]] = json.loads(await self._host.kv.get(key) or "{}")
        behind = of_chat.get(ts, {})
        who = self._who(reaction.author.person if reaction.author else "")
        people = [one for one in behind.get(name, []) if one != who]
        client, arguments = self._api.client, {"channel": channel, "name": name, "timestamp": ts}
        if reaction.removed:
            if not people:
                await self._gone_is_fine("reactions.remove", client.reactions_remove, **arguments)
        else:
            await self._gone_is_fine("reactions.add", client.reactions_add, **arguments)
            people = [*people, who]
        left = {one: many for one, many in {**behind, name: people}.items() if many}
        if left == behind:
            return
        kept = {one: names for one, names in {**of_chat, ts: left}.items() if names}
        await self._host.kv.set(key, json.dumps(dict(sorted(kept.items())[-MOST_REACTED:])))

    def _who(self, person: str) -> str:
        """Somebody, without saying who."""
        return hmac.new(self._host.secret, person.encode("utf-8", "replace"), "sha256").hexdigest()[:16]

    async def _name(self, symbol: str) -> str:
        """Raises `Unsupported` for what Slack has no emoji for."""
        name = name_of(symbol)
        if name is None and len(symbol) < 80 and symbol[:1] == symbol[-1:] == ":":
            await self._people.learn_emoji()
            custom = symbol.strip(":")
            name = custom if self._people.is_custom(custom) else None
        if name is None:
            raise Unsupported(
                "Reacts",
                _("Slack ne connaît pas cette réaction"),
                remedy=_("Choisissez un emoji, ou répondez par un message."),
            )
        return name
