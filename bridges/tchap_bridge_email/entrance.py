"""Whose mail comes in, and how it is stored: in full, at once, and to its end. No protocol."""

import asyncio
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tchap_bridge_email import addresses
from tchap_bridge_email.incoming import IN_MEMORY, Incoming
from tchap_bridges.bridge import Host
from tchap_bridges.errors import NotReady
from tchap_bridges.ids import ChatId
from tchap_bridges.logs import harmless

LATER = "451 4.3.0 Not stored, please try again later"
STORED = "250 2.0.0 Stored"


class Open(Protocol):
    """A session that can be ended."""

    def hang_up(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What may come in. ``sender`` is the address that our mail shows: nobody reads it unless it is linked."""

    domain: str
    sender: str
    size: int
    tls: ssl.SSLContext | None = None
    recipients: int = 100
    refused_recipients: int = 50
    sessions: int = 200
    idle: float = 120
    data: float = 1800


@dataclass(slots=True)
class Entrance:
    """The sessions that are open and the mails that are being stored, the latter in ``commits``."""

    house: House
    host: Host
    commits: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    sessions: set[Open] = field(default_factory=set)
    storing: set[asyncio.Task[list[str]]] = field(default_factory=set)
    bulky: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def known(self, recipient: str) -> bool:
        """Raises `NotReady` when it cannot be told now."""
        ours = addresses.domain_of(recipient) == self.house.domain
        return ours and await self.host.linked(ChatId(recipient)) is not None

    def store(
        self, mail: Incoming, sender: str, recipients: Sequence[str], meta: dict[str, str]
    ) -> Awaitable[list[str]]:
        """Starts at once and goes on to its end, whatever becomes of the session that waits for it."""
        task = self.commits.create_task(self._store(mail, {**meta, "sender": sender}, recipients))
        self.storing.add(task)
        task.add_done_callback(self.storing.discard)
        return asyncio.shield(task)

    async def _store(self, mail: Incoming, meta: dict[str, str], recipients: Sequence[str]) -> list[str]:
        """One reply for each recipient. Raises nothing: a mail that could not be stored is a 451."""
        try:
            if mail.size <= IN_MEMORY:
                return await self._accept(mail.read(), mail, meta, recipients)
            async with self.bulky:  # one big mail in memory at a time, however many arrive
                return await self._accept(await asyncio.to_thread(mail.read), mail, meta, recipients)
        except OSError as error:
            self.host.log.warning("mail not stored", **harmless(error))
            return [LATER] * len(recipients)
        except Exception:  # to raise here would close the door to everybody
            self.host.log.exception("mail not stored")
            return [LATER] * len(recipients)
        finally:
            mail.close()

    async def _accept(self, raw: bytes, mail: Incoming, meta: dict[str, str], recipients: Sequence[str]) -> list[str]:
        replies = []
        for recipient in recipients:
            try:
                await self.host.accept(mail.key(recipient), raw, {**meta, "recipient": recipient, "chat": recipient})
                replies.append(STORED)
            except NotReady as error:
                self.host.log.warning("mail not stored", **harmless(error))
                replies.append(LATER)
            except Exception:  # a bug of ours must not make the sender give up: the mail is still there
                self.host.log.exception("mail not stored")
                replies.append(LATER)
        return replies
