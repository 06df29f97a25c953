"""The Echo bridge: a whole bridge to a small network that lives in this package. Read it to learn how one is written.

In this order, a few minutes each:

1. ``config.py``      what the operator writes in the configuration
2. ``wire.py``        what travels on the line: pure, no socket
3. ``convert.py``     the line's words as the core's events, and back: pure, no socket
4. ``session.py``     one TCP session: questions find their answers
5. ``connection.py``  what the core calls: the bridge proper

``network.py`` and ``server.py`` are the network itself; for another bridge that is Slack, or a mail server. To talk to
the bridge by hand, start the network with ``python -m tchap_bridge_echo.server`` and type.

Other bridges have the same file names where they have the same duties. The smallest possible bridge, in one file of
forty lines, is in ``docs/en/write-a-bridge.md``.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tchap_bridge_echo.config import EchoConfig
from tchap_bridge_echo.connection import EchoConnection
from tchap_bridges.bridge import Bridge, Connection, Finding, Host, Level
from tchap_bridges.i18n import _


class EchoBridge(Bridge[EchoConfig]):
    """What the entry point names. It holds no state: all that lives is in a connection, and there may be several."""

    name = "echo"
    words = ("écho", "echo")
    label = "écho"
    Config = EchoConfig
    examples = ((_("!pont écho #general"), _("relie un salon du réseau Écho")),)

    @asynccontextmanager
    async def open(self, config: EchoConfig, host: Host) -> AsyncIterator[Connection]:
        """Nothing is held open between two runs; a bridge with a client pool or a spool folder would hold it here."""
        yield EchoConnection(config, host)

    @classmethod
    def connection(cls) -> type[Connection]:
        """For documents: what can be done here is read off the class."""
        return EchoConnection

    @classmethod
    async def check(cls, config: EchoConfig) -> Sequence[Finding]:
        """For ``tchap-bridges check``: whether somebody listens there."""
        subject = f"{config.host}:{config.port}"
        try:
            async with asyncio.timeout(5):
                _reader, writer = await asyncio.open_connection(config.host, config.port)
        except (OSError, TimeoutError):
            detail, remedy = _("ne répond pas"), _("démarrez-le : python -m tchap_bridge_echo.server")
            return (Finding(subject=subject, level=Level.FAIL, detail=detail, remedy=remedy),)
        writer.close()
        return (Finding(subject=subject, level=Level.OK, detail=_("répond")),)
