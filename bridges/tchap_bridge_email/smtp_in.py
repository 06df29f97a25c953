"""The doors for mail: SMTP and LMTP in the running loop, until the bridge stops."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tchap_bridge_email.entrance import Entrance, House
from tchap_bridge_email.smtp_dialogue import Dialogue, LmtpDialogue
from tchap_bridges.bridge import Host
from tchap_bridges.errors import Misconfigured
from tchap_bridges.fields import Endpoint
from tchap_bridges.i18n import _


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where to listen, and which of the two protocols is spoken there. ``where`` is its key in the configuration."""

    endpoint: Endpoint
    lmtp: bool
    where: str


class _Full(asyncio.Protocol):
    """All sessions are taken: says so and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.7.0 Too many connections, please try again later\r\n")
        transport.close()


@asynccontextmanager
async def listening(doors: Sequence[Door], house: House, host: Host, *, patience: float = 10) -> AsyncIterator[None]:
    """Bound inside the block. On leaving, no new mail is taken and those being stored are stored.

    Raises `Misconfigured` when a port cannot be had.
    """
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd logs every command with its addresses
    entrance = Entrance(house, host)
    async with AsyncExitStack() as bound:
        servers = [await bound.enter_async_context(_bound(door, entrance)) for door in doors]
        async with asyncio.TaskGroup() as entrance.commits:
            for server in servers:
                await server.start_serving()
            try:
                yield
            finally:
                for server in servers:
                    server.close()
                for session in tuple(entrance.sessions):
                    session.hang_up()
                if entrance.storing:
                    await asyncio.wait(entrance.storing, timeout=patience)


@asynccontextmanager
async def _bound(door: Door, entrance: Entrance) -> AsyncIterator[asyncio.Server]:
    def greet() -> asyncio.Protocol:
        if len(entrance.sessions) >= entrance.house.sessions:
            return _Full()
        return LmtpDialogue(entrance) if door.lmtp else Dialogue(entrance)

    loop, endpoint = asyncio.get_running_loop(), door.endpoint
    try:
        if endpoint.unix:
            server = await loop.create_unix_server(greet, endpoint.host, start_serving=False)
        else:
            server = await loop.create_server(greet, endpoint.host, endpoint.port, start_serving=False)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise Misconfigured(
            _("impossible d'écouter sur {endpoint} : {why}", endpoint=endpoint.shown, why=why),
            where=door.where,
            remedy=_("Choisissez un autre port, ou arrêtez le programme qui l'occupe (ss -ltnp)."),
        ) from error
    try:
        yield server
    finally:
        server.close()
