"""Turns what is stored about a message into what one destination is asked to show, at the last moment.

Ids are the target's own, found through its copies; names are those of today; files are opened where they came from.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial

from tchap_bridges.bridge import Connection
from tchap_bridges.core import clock, codec, policy
from tchap_bridges.core.avatars import Avatars
from tchap_bridges.core.files import Files, SentFile, kept_back
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.mentions import Mentions
from tchap_bridges.core.outbox import ORIGIN, PENDING, THERE
from tchap_bridges.core.policy import Kind
from tchap_bridges.core.ports import Database, Homeserver, Row, Sealer, Snapshot
from tchap_bridges.core.screening import Also, Docket
from tchap_bridges.core.shares import TEXT, Shares
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author, Edit, Event, Message, Text
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, ConnectionName, MessageId, PersonId, RoomId, UserId
from tchap_bridges.outgoing import Outgoing

DEEPEST = 100  # answers to answers
SOON = 0.1  # seconds until what is on its way in another lane is looked for again
TITLE = 60  # characters, as a first mail is called by its own


class Pointless(Exception):
    """There is nothing left to do: what the row was about is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where a lane leads: the connection, the chat on it, and what it can do."""

    connection: Connection
    chat: ChatId
    link: Link | None

    @property
    def target(self) -> str:
        return self.link.target if self.link else self.chat

    @property
    def options(self) -> Mapping[str, str]:
        return self.link.options if self.link else {}


class RowSteps:
    """`outgoing.Steps` of one outbox row."""

    def __init__(self, db: Database, sealer: Sealer, row: Row) -> None:
        self._db = db
        self._sealer = sealer
        self._row = row
        self._steps: dict[str, str] = (
            json.loads(sealer.open(row["steps"], place="outbox.steps")) if row["steps"] else {}
        )

    def get(self, step: str) -> str | None:
        return self._steps.get(step)

    def note(self, step: str, result: str) -> None:
        """For this attempt only."""
        self._steps[step] = result

    async def done(self, step: str, result: str, *, also: Also | None = None) -> None:
        """``also`` writes in the same transaction."""
        self._steps[step] = result
        sealed = self._sealer.seal(json.dumps(self._steps).encode(), place="outbox.steps")
        async with self._db.transaction() as tx:
            await tx.run("outbox_begin", lane=self._row["lane"], seq=self._row["seq"], steps=sealed)
            if also is not None:
                await also(tx)


class Resolver:
    """``labels`` is how each connection's people are marked, ``home`` how the Matrix side is called.

    ``zone`` is by which clocks its people live.
    """

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        homeserver: Homeserver,
        links: Links,
        files: Files,
        shares: Shares,
        avatars: Avatars,
        mentions: Mentions,
        labels: Mapping[ConnectionName, str],
        home: str,
        zone: tzinfo,
        rules: policy.Rules,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._homeserver = homeserver
        self._links = links
        self._files = files
        self._shares = shares
        self._avatars = avatars
        self._mentions = mentions
        self._labels = labels
        self._home = home
        self._zone = zone
        self._rules = rules

    async def outgoing(self, row: Row, way: Way, message: Row, event: Message, steps: RowSteps) -> Outgoing:
        target = way.target
        async with self._db.snapshot() as tx:
            lineage = await self._lineage(tx, message, target) if message["root"] or message["parent"] else ()
            parent = await self.remote(tx, message["parent"], target)
            if way.link is None and parent is None:
                await self._await_parent(tx, message, target)
            answered = await self._answered(tx, message["parent"], target) if way.link else None
        title = await self._title(message, event, way) if way.link else self._own_title(message, event)
        network, author = await self.speaker(message, event.author, event.chat)
        return Outgoing(
            key=row["key"],
            chat=way.chat,
            author=author,
            network=network,
            at=clock.local(event.at, self._zone),
            text=await self.text(event.text, message, way),
            steps=steps,
            files=self._sent(message, event, way, await self._docket(way, message, event, steps)),
            avatar=self._files.portrait(message, author),
            thread=lineage,
            reply_to=parent,
            answered=answered,
            title=title,
            form=event.form,
            late=bool(message["late"]),
            past=event.past,
            in_thread=message["root"] is not None and bool(lineage),
            foreign=self.is_foreign(message, way),
            options=way.options,
            link_to_text=self.link_to_text(message["id"], way),
            link_to_avatar=self._avatars.linker(message, self._pictured(message, author, way), way.link),
        )

    def _sent(self, message: Row, event: Message, way: Way, docket: Docket) -> tuple[SentFile, ...]:
        files = self._files.of(message, event, partial(self._shares.link, message["id"], way.link), docket)
        decision = policy.may_tell(Kind.FILE, self._rules)
        if decision.allowed or not self._leaves(message, way):
            return files
        return kept_back(files, Undeliverable(decision.reason, remedy=decision.remedy))

    def _pictured(self, message: Row, author: Author | None, way: Way) -> Author | None:
        """Whose picture may be shown there."""
        if self._leaves(message, way) and not policy.may_tell(Kind.AVATAR, self._rules).allowed:
            return None
        return author

    @staticmethod
    def _leaves(message: Row, way: Way) -> bool:
        """Somebody of the room says it to another network."""
        origin = str(message["origin"])
        return way.link is not None and not origin.startswith("link:") and origin != "core"

    async def _docket(self, way: Way, message: Row, event: Message, steps: RowSteps) -> Docket:
        """What the audit says of a file that is held back: who sent it, and the link it came by or was to go by."""
        link, who = way.link, str(event.author.person or message["origin"])
        if message["origin"].startswith("link:"):
            label, _author = await self.speaker(message, event.author, event.chat)
            who = self._homeserver.ghost_of(label, event.author.person)
            async with self._db.snapshot() as tx:
                link = link or await self._links.get(tx, int(message["origin"].removeprefix("link:")))
        return Docket(
            steps=steps,
            who=who,
            room=message["room"],
            link=link.name if link else "",
            where=way.link.connection if way.link else "matrix",
        )

    async def text(self, text: Text, message: Row, way: Way) -> Text:
        """The words as they are read there: people named in them are those that the place knows."""
        return await self._mentions.told(text, message, way.link)

    @staticmethod
    def is_foreign(message: Row, way: Way) -> bool:
        """Whether it comes from one network and goes to another, by way of the room."""
        return way.link is not None and str(message["origin"]).startswith("link:")

    def link_to_text(self, message: int, way: Way) -> Callable[[], Awaitable[str]]:
        return partial(self._shares.link, message, way.link, TEXT, "message.txt")

    async def speaker(self, message: Row, author: Author, chat: ChatId) -> tuple[str, Author | None]:
        """The network's name for people, and who speaks; nobody when the bridge does."""
        origin = message["origin"]
        if origin == "core":
            return "", None
        if origin.startswith("link:"):
            async with self._db.snapshot() as tx:
                link = await self._links.get(tx, int(origin.removeprefix("link:")))
            return (self._labels.get(link.connection, link.connection) if link else ""), author
        if not policy.may_tell(Kind.NAME, self._rules).allowed:
            return self._home, replace(author, name=_("Un membre du salon"), person=PersonId(""))
        if not author.name:
            author = replace(author, name=await self._homeserver.display_name(RoomId(chat), UserId(author.person)))
        return self._home, author

    async def copies(self, message: Row, way: Way) -> Sequence[MessageId]:
        """The copies, on this target, of what an edit, a deletion or a reaction speaks of."""
        async with self._db.snapshot() as tx:
            copies = await tx.all("copies_on", message=message["parent"], target=way.target)
        if not copies:
            raise Pointless("it was never seen there")
        return [MessageId(copy["remote"]) for copy in copies]

    @staticmethod
    async def _await_parent(tx: Snapshot, message: Row, target: str) -> None:
        """In a room what is answered may be on its way in another lane: a bot has its own. Raises `NotReady`."""
        found = await tx.one("copy_on", message=message["parent"], target=target) if message["parent"] else None
        if found is not None and found["state"] == PENDING:
            raise NotReady(_("ce à quoi cela répond n'est pas encore là"), retry_after=SOON)

    async def remote(self, tx: Snapshot, message: int | None, target: str) -> MessageId | None:
        """The message's id on the target, if it is seen there."""
        if message is None:
            return None
        found = await tx.one("copy_on", message=message, target=target)
        return MessageId(found["remote"]) if found and found["remote"] else None

    async def before(self, edit: Row, way: Way) -> Text | None:
        """What the message that ``edit`` speaks of read until then; None when that is forgotten."""
        async with self._db.snapshot() as tx:
            body = await tx.value("words_before", message=edit["parent"], before=edit["id"])
        event = codec.load(self._sealer.open(body, place="message.body")) if body is not None else None
        return await self.text(event.text, edit, way) if isinstance(event, Message | Edit) else None

    async def _lineage(self, tx: Snapshot, message: Row, target: str) -> tuple[MessageId, ...]:
        """The thread in the target's own ids, root first, parent last; what it told us itself comes before."""
        if message["root"] is None:
            return () if target == message["room"] else await self._ancestors(tx, message, target)
        root = await self.remote(tx, message["root"], target)
        if root is None:
            return ()
        if target == message["room"]:
            return (root,)
        chain = await self._ancestors(tx, message, target)
        return chain if root in chain else (root, *chain)

    async def _ancestors(self, tx: Snapshot, message: Row, target: str) -> tuple[MessageId, ...]:
        chain: list[MessageId] = []
        for row in await tx.all("ancestry", message=message["id"], target=target):
            if row["state"] == ORIGIN:  # it came from there: it knows more of its own past than we have seen
                told = await self._event(tx, row["id"])
                chain += told.thread if isinstance(told, Message) else ()
            chain.append(MessageId(row["remote"]))
        return tuple(dict.fromkeys(chain))

    @staticmethod
    def _own_title(message: Row, event: Message) -> str | None:
        """What opens a conversation, also for an answer in one that nobody here has seen the beginning of."""
        return None if event.thread and (message["root"] or message["parent"]) else event.title

    async def _title(self, message: Row, event: Message, way: Way) -> str | None:
        """Its own; else that of the conversation, which a plain answer belongs to as much as one in the thread.

        A conversation that nobody has named is called by its first words. Not one that the target's readers were never
        shown (CVE-2024-32000): what an answer quotes of it is theirs to read only then.
        """
        if (own := self._own_title(message, event)) is not None:
            return own
        row: Row | None = message
        top: tuple[Row, Text] | None = None
        for _step in range(DEEPEST):
            above = row["root"] or row["parent"] if row is not None else None
            async with self._db.snapshot() as tx:
                row = await tx.one("message_get", id=above) if above is not None else None
                shown = await tx.one("copy_on", message=above, target=way.target) if above is not None else None
            if row is None or shown is None or shown["state"] not in {ORIGIN, THERE}:
                break
            first = self._opened(row)
            if not isinstance(first, Message):
                break
            if first.title is not None:
                return first.title
            top = row, first.text
        return first_words((await self.text(top[1], top[0], way)).plain) if top is not None else None

    async def _answered(self, tx: Snapshot, message: int | None, target: str) -> Author | None:
        """Who wrote the nearest message above that came from the target itself."""
        for _step in range(DEEPEST):
            row = await tx.one("message_get", id=message) if message is not None else None
            if row is None:
                return None
            if row["origin"] == target:
                event = await self._event(tx, row["id"])
                return event.author if isinstance(event, Message) else None
            message = row["parent"]
        return None

    async def _event(self, tx: Snapshot, message: int) -> Event | None:
        row = await tx.one("message_get", id=message)
        return self._opened(row) if row is not None else None

    def _opened(self, row: Row) -> Event | None:
        return codec.load(self._sealer.open(row["body"], place="message.body")) if row["body"] is not None else None


def first_words(text: str) -> str | None:
    """The first line with words in it, cut where it is long: what a conversation without a title is called."""
    line = next((words for line in text.splitlines() if (words := " ".join(line.split()))), "")
    if len(line) > TITLE:
        line = (line[:TITLE].rpartition(" ")[0] or line[:TITLE]).rstrip(" ,;:") + " …"
    return line or None
