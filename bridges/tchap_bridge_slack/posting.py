"""Messages out: each part once, whatever broke meanwhile.

Before a part is posted that is written down (step ``tried.<n>``); after it, under which ts it stands (``event.<n>``).
A part that was tried and whose end is not known is looked for in the history, by the key in its metadata, before it is
posted again. What Slack has certainly not done (a limit, a refusal) is crossed out.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from tchap_bridge_slack import composing, values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.composing import Post
from tchap_bridge_slack.config import Pace as PaceSettings
from tchap_bridge_slack.convert import MARK, TS, Me, key_of
from tchap_bridge_slack.refusals import Doubtful, Refused
from tchap_bridge_slack.sent import Sent, mark_of
from tchap_bridge_slack.uploads import Uploads
from tchap_bridges.bridge import Logger
from tchap_bridges.errors import BadCredentials, NotReady, Undeliverable
from tchap_bridges.events import Form, Text
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId
from tchap_bridges.outgoing import Outgoing

_CLOCKS: Final = 300.0  # seconds by which Slack's clock and ours may differ unnoticed
_PAGE: Final = 200
BROADCAST: Final = "diffusion"
BROADCAST_EN: Final = "broadcast"
YES: Final = frozenset({"oui", "yes"})
"""The option of a link: answers in threads are shown in the channel too."""


class Pace:
    """How fast we post in one channel."""

    def __init__(self, settings: PaceSettings) -> None:
        self._settings = settings
        self._buckets: dict[str, tuple[float, float]] = {}

    async def turn(self, channel: str) -> None:
        """Wait for it."""
        if not self._settings.seconds:
            return
        burst, now = float(self._settings.burst), time.monotonic()
        left, since = self._buckets.get(channel, (burst, now))
        left = min(burst, left + (now - since) / self._settings.seconds) - 1
        self._buckets[channel] = (left, now)
        if left < 0:
            await asyncio.sleep(-left * self._settings.seconds)


class Posting:
    """For one session."""

    def __init__(self, api: Api, me: Me, sent: Sent, uploads: Uploads, pace: Pace, log: Logger) -> None:
        self._api = api
        self._me = me
        self._sent = sent
        self._uploads = uploads
        self._pace = pace
        self._log = log

    async def send(self, message: Outgoing, channel: str) -> Sequence[MessageId]:
        """The ts of each part. Raises as `bridge.Connection.send`."""
        posts = await self._posts(message)
        return [MessageId(await self._once(message, channel, n, post)) for n, post in enumerate(posts)]

    async def _posts(self, message: Outgoing) -> list[Post]:
        """Files stand under the last piece of the words, with their author's name, for Slack gives it nowhere else."""
        files, notes = await self._uploads.all_of(message)
        text = composing.words_of(message, notes)
        emoted = message.form is Form.EMOTE
        name = composing.username(message.author, message.network, foreign=message.foreign)
        if not files:
            posts = composing.posts_of(text, composing.head_of(message, self._me.url), emoted=emoted)
            return await self._shortened(posts, message)
        named = composing.head_of(message, self._me.url, name=name)
        posts = composing.posts_of(text, named, emoted=emoted)
        if len(posts) > 1:
            posts = composing.posts_of(text, composing.head_of(message, self._me.url), emoted=emoted)
            posts = await self._shortened(posts, message)
            posts += composing.posts_of(Text(), named)
        if not posts:
            return [Post("", [], tuple(files))]
        last = posts[-1]
        return [*posts[:-1], Post(last.text, last.blocks, tuple(files))]

    async def _shortened(self, posts: list[Post], message: Outgoing) -> list[Post]:
        """What would be too many posts ends with where the whole of it is, if it can be had."""
        if len(posts) <= composing.MOST_POSTS:
            return posts
        try:
            link = await message.link_to_text()
        except Undeliverable:
            return posts
        rest = composing.posts_of(Text(plain=f"… {link}"), ([], ""))
        return [*posts[: composing.MOST_POSTS - 1], *rest]

    async def _once(self, message: Outgoing, channel: str, part: int, post: Post) -> str:
        steps, mark = message.steps, mark_of(message.key)
        if ts := steps.get(f"event.{part}"):
            return ts
        ts = self._sent.get(mark, part) or ""
        tried = steps.get(f"tried.{part}")
        if not ts and tried:
            ts = await self._found(message, channel, post, (mark, part), float(tried))
        if not ts:
            if not tried:
                await steps.done(f"tried.{part}", f"{self._api.now():.0f}")
            try:
                ts = await self._post(message, channel, part, post)
            except Doubtful:
                raise
            except (NotReady, Undeliverable, BadCredentials):
                await steps.done(f"tried.{part}", "")
                raise
        self._sent.note(mark, part, ts)
        await steps.done(f"event.{part}", ts)
        return ts

    async def _post(self, message: Outgoing, channel: str, part: int, post: Post) -> str:
        await self._pace.turn(channel)
        thread = thread_of(message)
        try:
            return await self._show(message, channel, part, post, thread)
        except Refused as refused:
            match refused.code:
                case "not_in_channel":
                    await self.join(channel)
                case "thread_not_found":
                    thread = ""
                case "file_not_found" if post.files:
                    for n in range(len(message.files)):
                        await message.steps.done(f"file.{n}", "")
                    raise NotReady(refused.reason, retry_after=1.0) from refused
                case _other:
                    raise
        return await self._show(message, channel, part, post, thread)

    async def join(self, channel: str) -> None:
        """A public channel that we have been taken out of. Raises `Refused`."""
        client = self._api.client
        await self._api.do("conversations.join", lambda: client.conversations_join(channel=channel))

    async def _show(self, message: Outgoing, channel: str, part: int, post: Post, thread: str) -> str:
        if post.files:
            return await self._uploads.show(post, channel, thread)
        name = composing.username(message.author, message.network, foreign=message.foreign)
        arguments: dict[str, Any] = {
            "channel": channel,
            "text": post.text or " ",
            "metadata": {"event_type": MARK, "event_payload": {"key": mark_of(message.key), "part": part}},
        }
        if post.blocks:
            arguments["blocks"] = post.blocks
        if name:
            arguments["username"] = name
            if picture := await message.link_to_avatar():
                arguments["icon_url"] = picture
        if thread:
            arguments["thread_ts"] = thread
            if message.options.get(BROADCAST) == "oui":
                arguments["reply_broadcast"] = True
        client = self._api.client
        said = await self._api.do("chat.postMessage", lambda: client.chat_postMessage(**arguments), channel=channel)
        ts = values.string(said, "ts")
        if not TS.fullmatch(ts):
            raise Doubtful(_("Slack n'a pas dit où se trouve le message"))
        return ts

    # After a doubt

    async def _found(self, message: Outgoing, channel: str, post: Post, key: tuple[str, int], since: float) -> str:
        """The ts of a part that was tried, "" when it is not there. Raises `NotReady` when Slack cannot tell."""
        if post.files:
            return await self._uploads.shown(post.files, channel)
        places = dict.fromkeys((thread_of(message), ""))  # a thread that is gone has not held it
        for thread in places:
            try:
                if ts := await self._in_history(channel, thread, key, since - _CLOCKS):
                    self._log.info("slack.found_again")
                    return ts
            except Refused as refused:
                if refused.code not in {"thread_not_found", "channel_not_found", "not_in_channel"}:
                    raise
        return ""

    async def _in_history(self, channel: str, thread: str, key: tuple[str, int], oldest: float) -> str:
        client = self._api.client
        bounds: dict[str, Any] = {"oldest": f"{oldest:.6f}", "limit": _PAGE, "include_all_metadata": True}

        def page(cursor: str) -> Awaitable[Any]:
            if thread:
                return client.conversations_replies(channel=channel, ts=thread, cursor=cursor or None, **bounds)
            return client.conversations_history(channel=channel, cursor=cursor or None, **bounds)

        async for said in self._api.pages("conversations.replies" if thread else "conversations.history", page):
            for one in values.each(said.get("messages")):
                found = values.mapping(one)
                if self._me.said(found) and key_of(found) == key:
                    return values.string(found, "ts")
        return ""


def thread_of(message: Outgoing) -> str:
    """The root of the thread that it belongs to, "" for none: Slack takes a root's ts and no other."""
    if not message.in_thread or not message.thread:
        return ""
    root = message.thread[0]
    return root if TS.fullmatch(root) else ""
