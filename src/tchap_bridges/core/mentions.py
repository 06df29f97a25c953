"""People named in a text, on its way to one destination: whoever lives there is named so that they are called.

In `events.Text` a mention names somebody of the chat's own network. A room knows people of every network, by their
ghosts: one of the destination's network becomes that person again, everybody else a plain name. No Matrix id leaves.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from html import escape, unescape

from tchap_bridges.core import codec
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import Database, Ghost, Homeserver, Row, Sealer
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.events import PERSON, Message, Text, mention, mentioned
from tchap_bridges.ids import ConnectionName, PersonId, RoomId, UserId

_MENTION = re.compile(rf'<a href="({PERSON}[^"]*)">(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"(<[^>]*>)")
Rename = Callable[[PersonId, str], Awaitable[tuple[str, str]]]
"""Whom a mention names and in what words, to the HTML and the words that stand there instead."""


class Mentions:
    """``networks`` says which people each connection knows, ``labels`` how its ghosts are marked."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        secrets: Secrets,
        homeserver: Homeserver,
        links: Links,
        networks: Mapping[ConnectionName, str],
        labels: Mapping[ConnectionName, str],
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._secrets = secrets
        self._homeserver = homeserver
        self._links = links
        self._networks = networks
        self._labels = labels

    async def told(self, text: Text, message: Row, to: Link | None) -> Text:
        """The text as the destination reads it; ``to`` is None for the room, which knows its ghosts itself."""
        if to is None or text.html is None or PERSON not in text.html:
            return text
        if message["origin"] == message["room"]:
            return await self._from_room(text, RoomId(message["room"]), to)
        return await self._from_network(text, message["origin"], to)

    async def _from_network(self, text: Text, origin: str, to: Link) -> Text:
        async with self._db.snapshot() as tx:
            link = await self._links.get(tx, int(origin.removeprefix("link:"))) if origin.startswith("link:") else None
        same = link is not None and link.connection == to.connection

        async def rename(person: PersonId, name: str) -> tuple[str, str]:
            return mention(person, name) if same else escape(name, quote=False), name

        return await renamed(text, rename)

    async def _from_room(self, text: Text, room: RoomId, to: Link) -> Text:
        async def rename(person: PersonId, name: str) -> tuple[str, str]:
            user = UserId(person)
            ghost = await self._homeserver.ghost(user)
            if ghost is None:
                shown = name
                if not name or ("@" in name[:1] and ":" in name):  # an id, which is nobody's business there
                    shown = await self._homeserver.display_name(room, user)
                return escape(shown, quote=False), shown
            bare = (ghost.name or name).removesuffix(f" ({ghost.network})").lstrip("@")
            if self._labels.get(to.connection) == ghost.network:
                known = await self._known_as(room, to, ghost)
                if known is not None or self._is_alone(to.connection):
                    return mention(ghost.person, known or bare), known or bare
            return escape(f"@{bare}", quote=False), f"@{bare}"

        if text.html and "></a>" in text.html:  # somebody is called who is not named by a link
            text = await self._placed(text)
        return await renamed(text, rename)

    def _is_alone(self, connection: ConnectionName) -> bool:
        """Whether no other connection's people could be meant by the same id."""
        return sum(name == self._networks[connection] for name in self._networks.values()) == 1

    async def _known_as(self, room: RoomId, to: Link, ghost: Ghost) -> str | None:
        """What somebody who has spoken in this very chat was called there last."""
        author = self._secrets.person(self._networks[to.connection], ghost.person)
        async with self._db.snapshot() as tx:
            body = await tx.value("message_last_of", room=room, origin=to.target, author=author)
        event = codec.load(self._sealer.open(body, place="message.body")) if body is not None else None
        return event.author.name if isinstance(event, Message) else None

    async def _placed(self, text: Text) -> Text:
        """Whoever is called and not named stands where their name stands, or not at all."""
        html = text.html or ""
        for href, name in _MENTION.findall(html):
            if name:
                continue
            html = html.replace(f'<a href="{href}"></a>', "", 1)
            user = UserId(mentioned(href) or "")
            ghost = await self._homeserver.ghost(user)
            shown = ghost.name if ghost is not None else ""
            names = [shown, f"@{shown.removesuffix(f' ({ghost.network})')}"] if ghost is not None and shown else []
            html = next((found for each in names if (found := _linked(html, href, each)) is not None), html)
        return Text(plain=text.plain, html=html if html != as_html(text.plain) else None)


async def renamed(text: Text, rename: Rename) -> Text:
    """Every mention in the text put in other words, in the plain text too."""
    html, plain, at, rest = "", text.plain, 0, text.html or ""
    while found := _MENTION.search(rest):
        old, person = words_of(found[2]), mentioned(unescape(found[1]))
        new_html, new = await rename(person, old) if person else (found[2], old)
        place = _place(plain, old, at, words_of(rest[: found.start()]).count(old)) if old else -1
        html += rest[: found.start()] + new_html
        rest = rest[found.end() :]
        if place >= 0:
            plain = plain[:place] + new + plain[place + len(old) :]
            at = place + len(new)
    return Text(plain=plain, html=(html + rest) or None)


def _place(plain: str, name: str, at: int, before: int) -> int:
    """Where plain words name somebody, from ``at`` on: the HTML says the same ``before`` times without naming them."""
    first = place = plain.find(name, at)
    for _n in range(before):
        place = plain.find(name, place + len(name)) if place >= 0 else -1
    return place if place >= 0 else first


def words_of(html: str) -> str:
    """A fragment of HTML as words."""
    return unescape(_TAG.sub("", html))


def as_html(plain: str) -> str:
    return escape(plain, quote=False).replace("\n", "<br>")


def _linked(html: str, href: str, name: str) -> str | None:
    """The first place where the name stands as a word, and in no link, made a mention."""
    word = re.compile(rf"(?<!\w){re.escape(escape(name, quote=False))}(?!\w)")
    pieces, inside = _TAG.split(html), 0
    for n, piece in enumerate(pieces):
        if n % 2:
            inside += piece.startswith(("<a>", "<a ")) - (piece == "</a>")
        elif not inside and name and (found := word.search(piece)):
            pieces[n] = f'{piece[: found.start()]}<a href="{href}">{found[0]}</a>{piece[found.end() :]}'
            return "".join(pieces)
    return None
