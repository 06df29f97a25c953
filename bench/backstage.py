"""The bridge's store from behind: mails put into its inbox as its own door would, links and ghosts by the thousand.

Opened beside the running bridge, which finds what was put there at its next arrival.
"""

import asyncio
import os
import secrets as random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.letters import Address, Letter
from tchap_bridge_email.addresses import return_address, subscription_address
from tchap_bridge_email.incoming import delivery_key
from tchap_bridges.bridge import Chat, Destination, Direction
from tchap_bridges.config import Settings, load
from tchap_bridges.core import clock
from tchap_bridges.core.inbox import Inbox
from tchap_bridges.core.links import Links
from tchap_bridges.core.pieces import Pieces
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.hooks import Scheme, make_secret
from tchap_bridges.ids import ChatId, ConnectionName, PersonId, RoomId, UserId
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer, derive
from tchap_bridges.testing.world import LIST_DOMAIN, MAIL_DOMAIN

EMAIL = ConnectionName("email")
_TOGETHER = 100
_LABEL = "courriel"  # of which network ghosts are


class Backstage:
    """Made by `backstage`."""

    def __init__(self, settings: Settings, db: Database) -> None:
        identity = settings.storage.identity.get_secret_value()
        self._db = db
        self._sealer = Sealer([settings.storage.key.get_secret_value()])
        self._secrets = Secrets(derive(identity, "core"))
        self._connection_secret = self._secrets.derive(f"connection:{EMAIL}")
        self._links = Links(db, self._sealer)
        self._inbox = Inbox(db, Pieces(db, self._sealer), self._secrets, _never, _never, high=1_000_000)
        server = settings.homeserver.server_name
        self._ours = Namespace(
            server=server,
            prefix=settings.appservice.ghosts,
            bot=UserId(settings.bot),
            secret=derive(identity, "matrix"),
        )

    def device(self, user: str) -> str:
        """The device as which the bridge sends for this ghost."""
        return self._ours.device(UserId(user))

    def address(self, room: str, name: str) -> Address:
        """Where the mails of a linked list come in."""
        subscriber = subscription_address(f"{name}@{LIST_DOMAIN}", self._connection_secret, MAIL_DOMAIN)
        return Address(room=room, name=name, subscriber=subscriber)

    async def preload(self, letters: Sequence[Letter]) -> None:
        """On disk in the inbox, as if the bridge had taken them over SMTP."""
        for start in range(0, len(letters), _TOGETHER):
            await asyncio.gather(*map(self._accept, letters[start : start + _TOGETHER]))

    async def _accept(self, letter: Letter) -> None:
        recipient = letter.to.subscriber
        meta = {"via": "smtp", "peer": "127.0.0.1", "helo": "listes", "tls": "", "sender": letter.sender}
        await self._inbox.accept(
            EMAIL, delivery_key(letter.data, recipient), letter.data, {**meta, "recipient": recipient}
        )

    async def waiting(self) -> int:
        """Rows that have not left yet."""
        async with self._db.snapshot() as tx:
            unread = int(await tx.value("inbox_waiting") or 0)
            return unread + sum(row["depth"] for row in await tx.all("lanes_depth"))

    async def link(self, addresses: Sequence[Address]) -> None:
        """Tie lists to rooms, as a command in each room would."""
        async with self._db.transaction() as tx:
            for address in addresses:
                chat = f"{address.name}@{LIST_DOMAIN}"
                names = (address.subscriber, return_address(chat, self._connection_secret, MAIL_DOMAIN))
                await self._links.add(
                    tx,
                    RoomId(address.room),
                    EMAIL,
                    Chat(
                        id=ChatId(chat),
                        name=chat,
                        destination=Destination.STATE,
                        direction=Direction.REPLIES,
                        aliases=(*map(ChatId, names), ChatId(chat.replace("@", "."))),
                    ),
                    direction=Direction.REPLIES,
                    state="active",
                    by=UserId(f"@camille:{self._ours.server}"),
                    rule="unrestricted",
                )

    async def hook(self, room: str, bot: str, handler: str) -> tuple[str, str]:
        """Switch a bot on and make an address for it there, as commands would; its id and its secret."""
        id_, secret = random.token_urlsafe(16), make_secret(Scheme.HMAC)
        sealed = self._sealer.seal(secret.encode(), place="hook.secret")
        by = f"@camille:{self._ours.server}"
        async with self._db.transaction() as tx:
            await tx.run("room_bot_add", room=room, bot=bot, by=by)
            names = {"id": id_, "room": room, "bot": bot, "handler": handler, "name": bot, "scheme": Scheme.HMAC}
            await tx.run("hook_add", **names, secret=sealed, by=by, at=clock.now())
        return id_, secret

    async def ghosts(self, number: int, rooms: Sequence[str]) -> None:
        """So many ghosts, each in one of the rooms."""
        async with self._db.transaction() as tx:
            for n in range(number):
                person = f"personne.{n}@exemple.fr"
                user = self._ours.ghost_id(_LABEL, PersonId(person))
                sealed = self._sealer.seal(person.encode(), place="ghost.person")
                device = self.device(user)
                await tx.run("ghost_add", mxid=user, network=_LABEL, person=sealed, device=device)
                await tx.run("ghost_profile", mxid=user, profile=os.urandom(16).hex(), avatar=None)
                await tx.run("ghost_room_add", mxid=user, room=rooms[n % len(rooms)])


@asynccontextmanager
async def backstage(folder: Path) -> AsyncIterator[Backstage]:
    """The store of the bridge configured in this folder."""
    settings = await asyncio.to_thread(load, folder / "config.yaml")
    Path(settings.database.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    db = await Database.open(settings.database)
    try:
        yield Backstage(settings, db)
    finally:
        await db.close()


async def _never(*_parts: Any) -> None:
    raise AssertionError("nothing is routed here")
