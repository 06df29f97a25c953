"""The link by which a room admin sets a bot on a page: made for one person, for an hour, and sent back once.

The link says it all, signed (`tokens`): nothing is kept of it but, once it is used, that it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tchap_bridges.bot import Bot, RoomConfig
from tchap_bridges.core import clock, policy, tokens
from tchap_bridges.core.bots.settings import Settings
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Tx
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.errors import BridgeError, Misconfigured
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import RoomId, UserId

LASTS: Final = 3600  # seconds
PATH: Final = "reglages"
_PURPOSE: Final = "bot settings"
_SPENT: Final = "spent"


class Over(Exception):
    """The link is none of ours, has expired, or was used; or whoever has it may no longer set anything."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link leads to."""

    bot: Bot
    config: RoomConfig
    room: str
    grant: tokens.Grant


class Forms:
    """``public_url`` is where the pages are, None where there are none."""

    def __init__(
        self,
        *,
        db: Database,
        secrets: Secrets,
        homeserver: Homeserver,
        outbox: Outbox,
        settings: Settings,
        bots: Mapping[str, Bot],
        public_url: str | None,
        words: Translator,
    ) -> None:
        self._db = db
        self._key = secrets.derive(_PURPOSE)
        self._homeserver = homeserver
        self._outbox = outbox
        self._settings = settings
        self._bots = bots
        self._url = public_url
        self._words = words

    def link(self, room: RoomId, bot: str, user: UserId) -> str | None:
        """An address for this user alone."""
        if self._url is None:
            return None
        token = tokens.make(_PURPOSE, tokens.Subject(room, bot, user), clock.now() // 1000 + LASTS, self._key)
        return f"{self._url.rstrip('/')}/{PATH}/{token}"

    async def open(self, token: str) -> Opened:
        """Raises `Over`, and `NotReady` while the store or the homeserver is away."""
        grant = tokens.read(token, _PURPOSE, clock.now() // 1000, self._key)
        if grant is None or grant.subject.bot not in self._bots:
            raise Over
        room, bot, user = grant.subject
        async with self._db.snapshot() as tx:
            if await tx.value("kv_get", space=_SPENT, key=grant.nonce.hex()):
                raise Over
            try:
                config = await self._settings.of(tx, room, bot)
            except Misconfigured as error:
                raise Over from error
        await self.allowed(room, user)
        facts = await self._homeserver.facts(room)
        return Opened(self._bots[bot], config, facts.name, grant)

    async def save(self, opened: Opened, config: RoomConfig) -> None:
        """Raises `Over` as well when the same link was sent meanwhile, or the right to set it is gone."""
        room, bot, user = opened.grant.subject
        rule, name = await self.allowed(room, user)
        async with self._db.transaction() as tx:
            nonce = opened.grant.nonce.hex()
            if not await tx.run("kv_add", space=_SPENT, key=nonce, value=str(opened.grant.expires).encode()):
                raise Over
            for row in await tx.all("kv_all", space=_SPENT):
                if int(row["value"]) * 1000 < clock.now():
                    await tx.run("kv_delete", space=_SPENT, key=row["key"])
            await self.change(tx, room, bot, user, config, name=name, rule=rule, cause=nonce)

    async def allowed(self, room: RoomId, user: UserId) -> tuple[str, str]:
        """The rule by which the user may set bots there, and what they are called. Raises `Over`."""
        try:
            members = await self._homeserver.members(room)
            decision = policy.may_command(await self._homeserver.facts(room), user)
        except BridgeError as error:
            raise Over from error
        if user not in members or not decision.allowed:
            raise Over
        return decision.rule, members[user]

    async def change(
        self, tx: Tx, room: RoomId, bot: str, user: UserId, config: RoomConfig, *, name: str, rule: str, cause: str
    ) -> None:
        """Set it, write down who did, and say so in the room. ``name``: what the user is called there."""
        await self._settings.set(tx, room, bot, config)
        await tx.run("audit_add", at=clock.now(), who=user, what="bot set", room=room, detail=bot, rule=rule)
        told = self._words(_("{name} a changé les réglages du robot {bot}.", name=name, bot=bot))
        await self._outbox.notice(tx, room, Text(plain=told), cause=f"settings {cause}")
