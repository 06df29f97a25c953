"""Four kinds of places that are one conversation, each driven and looked at as its own people do.

A step done in one place is found in another by its words: every text of a test is unique. What is there is told in the
same way for all (`Seen`), by what a person sees there and not by what our code meant to send.
"""

import asyncio
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from typing import Any

from tchap_bridge_echo.network import Person, Posted
from tchap_bridge_echo.server import EchoServer
from tchap_bridges.events import Form
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.irc_line import Line
from tchap_bridges.testing.mail_sink import Transmission
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

PATIENCE = 30.0
_CODES = re.compile(r"\x03(?:\d{1,2}(?:,\d{1,2})?)?|[\x02\x0f\x11\x16\x1d\x1e\x1f]")
File = tuple[str, str, bytes]
"""A name, a type, and what is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One message as it is there now. ``thread`` and ``answers`` are the words of the messages meant."""

    author: str
    text: str
    title: str = ""
    thread: str = ""
    answers: str = ""
    edited: bool = False
    gone: bool = False
    emote: bool = False
    notice: bool = False
    reactions: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()


class Place(ABC):
    """``me`` is the name of its person, ``label`` how others call the network. Ids are the place's own."""

    me: str
    label: str

    @abstractmethod
    async def seen(self) -> Sequence[Seen]:
        """Everything that was said here, in order."""

    @abstractmethod
    async def say(self, text: str, *, thread: str = "", answers: str = "", emote: bool = False) -> None:
        """``thread`` and ``answers`` are words of messages that are here."""

    async def send(self, file: File, text: str) -> None:
        raise NotImplementedError

    async def edit(self, text: str, new: str) -> None:
        raise NotImplementedError

    async def delete(self, text: str) -> None:
        raise NotImplementedError

    async def react(self, text: str, symbol: str) -> None:
        raise NotImplementedError

    async def unreact(self, text: str, symbol: str) -> None:
        raise NotImplementedError

    def hold(self) -> None:
        """What is done here next reaches the bridge only after `release`; people here see it at once."""
        raise NotImplementedError

    async def release(self) -> None:
        raise NotImplementedError

    async def find(self, text: str) -> Sequence[Seen]:
        """All that have these words; two where something was shown twice."""
        return [one for one in await self.seen() if text in one.text or text in one.files]

    async def until(self, text: str, check: Callable[[Seen], bool] = lambda _seen: True) -> Seen:
        """The message with these words, once it is so."""
        found: Sequence[Seen] = ()
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = await self.find(text)
                    for one in found:
                        if check(one):
                            return one
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.label}: no {text!r} as it should be, only {found}") from None


class Room(Place):
    """As a client shows it."""

    def __init__(self, client: Client, room: str, name: str, bot: str) -> None:
        self.client, self.room, self.me, self.label = client, room, name, "Tchap"
        self.bot = bot
        self._reactions: dict[tuple[str, str], str] = {}

    async def events(self) -> Sequence[Mapping[str, Any]]:
        return await self.client.timeline(self.room)

    async def seen(self) -> Sequence[Seen]:
        return list((await self._shown()).values())

    async def _shown(self) -> dict[str, Seen]:
        events = await self.events()
        names = {e["state_key"]: e["content"].get("displayname", "") for e in events if e["type"] == "m.room.member"}
        shown: dict[str, Seen] = {}
        related: dict[str, tuple[str, str]] = {}
        for event in events:
            content, relation = event["content"], event["content"].get("m.relates_to") or {}
            target, by = relation.get("event_id", ""), names.get(event["sender"]) or event["sender"]
            if event["type"] == "m.reaction" and target in shown and content:
                one = shown[target]
                shown[target] = replace(one, reactions=(*one.reactions, (by, relation["key"])))
            elif event["type"] == "m.room.message" and relation.get("rel_type") == "m.replace" and target in shown:
                new = content["m.new_content"]
                shown[target] = replace(shown[target], text=_unnamed(new), edited=True)
            elif event["type"] == "m.room.message":
                answered = (relation.get("m.in_reply_to") or {}).get("event_id", "")
                if relation.get("is_falling_back"):
                    answered = ""
                threaded = relation.get("rel_type") == "m.thread"
                file = content.get("url") is not None
                profile = content.get("com.beeper.per_message_profile") or {}
                shown[event["event_id"]] = Seen(
                    author=profile.get("displayname") or by,
                    text="" if file or not content else _unnamed(content),
                    gone=not content,
                    emote=content.get("msgtype") == "m.emote",
                    notice=content.get("msgtype") == "m.notice",
                    files=(content.get("filename") or content["body"],) if file else (),
                )
                related[event["event_id"]] = (target if threaded else "", answered)
        words = {id_: "(supprimé)" if one.gone else one.text for id_, one in shown.items()}
        return {
            id_: replace(one, thread=words.get(related[id_][0], ""), answers=words.get(related[id_][1], ""))
            for id_, one in shown.items()
        }

    async def id_of(self, text: str) -> str:
        await self.until(text)
        return next(id_ for id_, one in (await self._shown()).items() if text in one.text or text in one.files)

    async def say(self, text: str, *, thread: str = "", answers: str = "", emote: bool = False) -> None:
        await self.client.send_text(
            self.room,
            text,
            thread=await self.id_of(thread) if thread else None,
            reply_to=await self.id_of(answers) if answers else None,
            msgtype="m.emote" if emote else "m.text",
        )

    async def send(self, file: File, text: str) -> None:
        await self.client.send_file(self.room, *file)
        if text:
            await self.say(text)

    async def edit(self, text: str, new: str) -> None:
        await self.client.edit(self.room, await self.id_of(text), new)

    async def delete(self, text: str) -> None:
        await self.client.redact(self.room, await self.id_of(text))

    async def react(self, text: str, symbol: str) -> None:
        self._reactions[text, symbol] = await self.client.react(self.room, await self.id_of(text), symbol)

    async def unreact(self, text: str, symbol: str) -> None:
        await self.client.redact(self.room, self._reactions.pop((text, symbol)))


def _unnamed(content: Mapping[str, Any]) -> str:
    """Without the name that the bot says for those who cannot be in the room."""
    profile = content.get("com.beeper.per_message_profile") or {}
    body = str(content.get("body", ""))
    return body.removeprefix(f"{profile.get('displayname')}: ") if profile.get("has_fallback") else body


class MailingList(Place):
    """What a subscriber reads. Like Mailman, it sends every mail on to all, the bridge among them."""

    def __init__(self, world: World, name: str, subscription: str, person: str, address: str) -> None:
        self.world, self.name, self.subscription = world, name, subscription
        self.me, self.address, self.label = person, address, "courriel"
        self.post = f"{name}@{LIST_DOMAIN}"
        self._passed: set[int] = set()
        self._read = 0
        self._parsed: list[tuple[float, EmailMessage]] = []
        self._own: list[tuple[float, EmailMessage]] = []
        self._holding = False
        self._held: list[EmailMessage] = []

    def _letters(self) -> Sequence[EmailMessage]:
        for one in self.world.sink.mails[self._read :]:
            self._read += 1
            if self.post in one.recipients:
                self._parsed.append((one.at, one.message()))
        ours = self._parsed
        return [message for _at, message in sorted([*ours, *self._own], key=lambda each: each[0])]

    async def seen(self) -> Sequence[Seen]:
        await self.pass_on()
        return [_letter(one, self._letters()) for one in self._letters()]

    async def pass_on(self) -> None:
        """The list's copy of what the bridge has sent: news to nobody."""
        for n, one in enumerate(self.world.sink.mails):
            if n not in self._passed and self.post in one.recipients:
                self._passed.add(n)
                await asyncio.to_thread(self._hand_on, one)

    def _hand_on(self, one: Transmission) -> None:
        head = f"List-Id: <{self.name}.{LIST_DOMAIN}>\r\nPrecedence: list\r\n".encode()
        self.world.mail(head + one.data, sender=f"{self.name}-bounces@{LIST_DOMAIN}", to=self.subscription)

    async def say(self, text: str, *, thread: str = "", answers: str = "", emote: bool = False) -> None:
        await self.mail(text, thread or answers)

    async def send(self, file: File, text: str) -> None:
        await self.mail(text or "voici", "", file)

    async def mail(self, text: str, about: str = "", file: File | None = None, subject: str = "") -> None:
        parents: tuple[str, ...] = ()
        if about:
            await self.until(about)
            letter = next(one for one in self._letters() if about in _words(one))
            parents = (*str(letter["References"] or "").split(), str(letter["Message-ID"]))
            subject = subject or f"Re: {str(letter['Subject']).removeprefix('Re: ')}"
        message = list_mail(self.me, self.address, subject or "Nouvelles", text, list_name=self.name, parents=parents)
        if file is not None:
            name, mime, data = file
            kind, _slash, sub = mime.partition("/")
            message.add_attachment(data, maintype=kind, subtype=sub, filename=name)
        self._own.append((time.time(), message))
        if self._holding:
            self._held.append(message)
        else:
            await self._deliver(message)
        self._holding = False

    async def _deliver(self, message: EmailMessage) -> None:
        await asyncio.to_thread(
            self.world.mail, message, sender=f"{self.name}-bounces@{LIST_DOMAIN}", to=self.subscription
        )

    def hold(self) -> None:
        self._holding = True

    async def release(self) -> None:
        held, self._held = self._held, []
        for message in held:
            await self._deliver(message)


def _words(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    return str(body.get_content()).strip() if body is not None else ""


def _letter(one: EmailMessage, letters: Sequence[EmailMessage]) -> Seen:
    by_id = {str(each["Message-ID"]): each for each in letters}
    parents = str(one["References"] or "").split()
    answered = by_id.get(str(one["In-Reply-To"] or ""))
    root = next((by_id[id_] for id_ in parents if id_ in by_id), None)
    text = _words(one)
    return Seen(
        author=one["From"].addresses[0].display_name,
        text=text,
        title=str(one["Subject"]),
        thread=_words(root) if root is not None else "",
        answers=_words(answered) if answered is not None else "",
        emote=text.startswith("* "),
        files=tuple(str(part.get_filename()) for part in one.iter_attachments()),
    )


class IrcChannel(Place):
    """What somebody reads who has been there all the time, with a client of today."""

    def __init__(self, person: IrcClient, channel: str, pont: str = "pont") -> None:
        self.person, self.channel, self.me, self.label = person, channel, person.nick, "irc"
        self.pont = pont
        self._own: list[tuple[int, str, str, Mapping[str, str]]] = []

    @property
    def _tags(self) -> bool:
        return "message-tags" in self.person.enabled

    async def seen(self) -> Sequence[Seen]:
        await self.person.sync()
        return list(self._shown().values())

    def _shown(self) -> dict[str, Seen]:
        shown: dict[str, Seen] = {}
        for n, line in enumerate(self.person.lines):
            if line.command == "TAGMSG" and line.target == self.channel:
                target = line.tags.get("+draft/reply", line.tags.get("+reply", ""))
                if (symbol := line.tags.get("+draft/react")) and target in shown:
                    one = shown[target]
                    shown[target] = replace(one, reactions=(*one.reactions, (line.nick, symbol)))
                if (symbol := line.tags.get("+draft/unreact")) and target in shown:
                    one = shown[target]
                    kept = tuple(each for each in one.reactions if each != (line.nick, symbol))
                    shown[target] = replace(one, reactions=kept)
            elif line.command in {"PRIVMSG", "NOTICE"} and line.target == self.channel:
                shown[line.tags.get("msgid", f"line {n}")] = self._line(line, shown)
        return shown

    def _line(self, line: Line, shown: Mapping[str, Seen]) -> Seen:
        text = _CODES.sub("", line.text)
        emote = text.startswith("\x01ACTION ")
        text = text.removeprefix("\x01ACTION ").removesuffix("\x01")
        author = line.nick
        if line.nick == self.pont and (named := re.match(r"(?:<([^>]+)>|\* ([^*]+?)(?= \w)) ?", text)):
            if named[1]:
                author, text = named[1], text[named.end() :]
            else:
                author, emote = "", True
        answered = line.tags.get("+draft/reply", line.tags.get("+reply", ""))
        return Seen(
            author=author,
            text=text,
            answers=shown[answered].text if answered in shown else "",
            emote=emote,
            notice=line.command == "NOTICE",
        )

    def id_of(self, text: str) -> str:
        return next(id_ for id_, one in self._shown().items() if text in one.text)

    async def say(self, text: str, *, thread: str = "", answers: str = "", emote: bool = False) -> None:
        tags = {}
        if about := thread or answers:
            await self.until(about)
            tags = {"+draft/reply": self.id_of(about)} if self._tags else {}
        (self.person.action if emote else self.person.say)(self.channel, text, tags=tags)
        await self.person.sync()

    async def react(self, text: str, symbol: str) -> None:
        await self.until(text)
        self.person.tagmsg(self.channel, {"+draft/reply": self.id_of(text), "+draft/react": symbol})

    async def unreact(self, text: str, symbol: str) -> None:
        self.person.tagmsg(self.channel, {"+draft/reply": self.id_of(text), "+draft/unreact": symbol})


@dataclass
class Echo(Place):
    """The toy network, which can do everything."""

    server: EchoServer
    person: Person
    chat: str = "#general"
    label: str = "écho"
    _reactions: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.me = self.person.name

    async def seen(self) -> Sequence[Seen]:
        posts = {post.id: post for post in self.server.channel(self.chat).messages}
        return [self._post(post, posts) for post in posts.values()]

    @staticmethod
    def _post(post: Posted, posts: Mapping[str, Posted]) -> Seen:
        return Seen(
            author=post.name,
            text=post.text,
            thread=posts[post.thread].text if post.thread in posts else "",
            answers=posts[post.reply_to].text if post.reply_to in posts else "",
            edited=post.edited,
            emote=post.form is Form.EMOTE,
            notice=post.form is Form.NOTICE,
            reactions=post.reactions,
            files=tuple(file.name for file in post.files),
        )

    def _id(self, text: str) -> str:
        return next(post.id for post in self.server.channel(self.chat).messages if text in post.text)

    async def say(self, text: str, *, thread: str = "", answers: str = "", emote: bool = False) -> None:
        for about in filter(None, (thread, answers)):
            await self.until(about)
        self.person.say(
            self.chat,
            text,
            thread=self._id(thread) if thread else "",
            reply_to=self._id(answers) if answers else "",
            form=Form.EMOTE if emote else Form.TEXT,
        )

    async def send(self, file: File, text: str) -> None:
        self.person.say(self.chat, text, files=[file])

    async def edit(self, text: str, new: str) -> None:
        self.person.edit(self._id(text), new)

    async def delete(self, text: str) -> None:
        self.person.delete(self._id(text))

    async def react(self, text: str, symbol: str) -> None:
        await self.until(text)
        self._reactions[text, symbol] = self.person.react(self._id(text), symbol)

    async def unreact(self, text: str, symbol: str) -> None:
        self.person.unreact(self._reactions.pop((text, symbol)))
