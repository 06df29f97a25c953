"""A channel of the Slack stand-in, driven and looked at as one of its people does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tchap_bridges.testing.slack import Channel, Message, Slack, User

from .places import File, Place, Seen

Json = Mapping[str, Any]

EMOJI = {"👍": "+1", "👏": "clap", "🎉": "tada", "😍": "heart_eyes", "😂": "joy", "🚀": "rocket", "👀": "eyes"}
"""What people of these tests react with, by the names that Slack has for it."""
_SYMBOLS = {name: symbol for symbol, name in EMOJI.items()}


class SlackChannel(Place):
    """As Slack's own client shows it: of a message the blocks, of threads all answers, of edits the last."""

    def __init__(self, slack: Slack, person: User, channel: Channel, label: str = "slack") -> None:
        self.slack, self.person, self.channel = slack, person, channel
        self.me, self.label = person.shown, label

    async def seen(self) -> Sequence[Seen]:
        return [self._message(one) for one in self._messages()]

    def _messages(self) -> Sequence[Message]:
        return [one for one in self.channel.messages.values() if not one.subtype.startswith("channel_")]

    def _message(self, message: Message) -> Seen:
        head, words = _split(message.blocks)
        users, root = self.slack.workspace.users, self.channel.messages.get(message.thread_ts)
        name, answered = _head(head)
        return Seen(
            author=message.username or name or users[message.user].shown,
            text=self._words(words) or ("" if message.blocks else message.text),
            thread=self._said(root) if message.is_reply and root is not None else "",
            answers=next((self._said(one) for one in self._messages() if _link(one) == answered), ""),
            edited=message.edited is not None,
            gone=message.subtype == "tombstone",
            emote=message.subtype == "me_message" or any("emote" in one["block_id"] for one in words),
            reactions=tuple(
                (users[who].shown, _SYMBOLS[emoji]) for emoji, all_ in message.reactions.items() for who in all_
            ),
            files=tuple(self.slack.workspace.files[one].name for one in message.files),
        )

    def _said(self, message: Message) -> str:
        return self._words(_split(message.blocks)[1]) or message.text

    def _words(self, blocks: Sequence[Json]) -> str:
        return "\n".join(self._block(one) for one in blocks)

    def _block(self, block: Json) -> str:
        if block["type"] != "rich_text":
            raise AssertionError(f"people write no such block, nor should we for them: {block}")
        return "\n".join("".join(map(self._inline, one["elements"])) for one in block["elements"])

    def _inline(self, element: Json) -> str:
        match element:
            case {"type": "text", "text": text} | {"type": "link", "text": text}:
                return str(text)
            case {"type": "link", "url": url}:
                return str(url)
            case {"type": "emoji", "name": name}:
                return _SYMBOLS[name]
            case {"type": "user", "user_id": who}:
                return f"@{self.slack.workspace.users[who].shown}"
            case {"type": "date", "fallback": when}:
                return str(when)
            case _other:
                raise AssertionError(f"nothing is known of {element}")

    def _found(self, text: str) -> Message:
        """The message with these words, or that shows this file."""
        for one in self._messages():
            seen = self._message(one)
            if text in seen.text or text in seen.files:
                return one
        raise AssertionError(f"{self.label}: no {text!r}")

    async def say(self, text: str, *, thread: str = "", answers: str = "", emote: bool = False) -> None:
        """In Slack one answers in threads alone."""
        root = ""
        if about := thread or answers:
            await self.until(about)
            found = self._found(about)
            root = found.thread_ts or found.ts
        self.slack.workspace.say(self.channel, self.person, text, thread_ts=root, me=emote)

    async def send(self, file: File, text: str) -> None:
        name, mime, data = file
        uploaded = self.slack.workspace.upload(self.person, name, data, mime)
        self.slack.workspace.say(self.channel, self.person, text, files=[uploaded])

    async def edit(self, text: str, new: str) -> None:
        self.slack.workspace.edit(self.channel, self._found(text), new)

    async def delete(self, text: str) -> None:
        self.slack.workspace.delete(self.channel, self._found(text))

    async def react(self, text: str, symbol: str) -> None:
        await self.until(text)
        self.slack.workspace.react(self.channel, self._found(text), self.person, EMOJI[symbol])

    async def unreact(self, text: str, symbol: str) -> None:
        self.slack.workspace.unreact(self.channel, self._found(text), self.person, EMOJI[symbol])

    def hold(self) -> None:
        self.slack.faults.hold_back += 1

    async def release(self) -> None:
        """Returns once the bridge has taken it."""
        self.slack.sockets.release()
        await self.slack.workspace.wait_for(lambda: not self.slack.sockets.pending)


def _split(blocks: Sequence[Json]) -> tuple[Sequence[Json], Sequence[Json]]:
    """What the bridge puts above the words, and the words."""
    above = [one for one in blocks if one["block_id"] == "tchap-head"]
    return above, [one for one in blocks if one not in above]


def _elements(blocks: Sequence[Json]) -> Iterator[Json]:
    for block in blocks:
        for part in block["elements"]:
            yield from part["elements"]


def _head(blocks: Sequence[Json]) -> tuple[str, str]:
    """Whose file it is, and the end of the link to what is answered; "" for neither."""
    name = link = ""
    for element in _elements(blocks):
        match element:
            case {"type": "text", "text": text, "style": {"bold": True}}:
                name = text
            case {"type": "link", "url": url}:
                link = url.partition("/archives/")[2]
    return name, link


def _link(message: Message) -> str:
    return f"{message.channel}/p{message.ts.replace('.', '')}"
