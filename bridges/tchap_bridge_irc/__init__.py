"""The IRC bridge: one nick of ours on a network relays for everybody of the rooms that are linked to its channels.

In this order:

1. ``wire.py``          a line: its tags, source, command and parameters; bytes to lines and back, never two for one
2. ``isupport.py``      what the server says of itself: which names are equal, what a channel is, how long things may be
3. ``names.py``         host names and masks
4. ``caps.py``          which of the server's abilities we ask for
5. ``sasl.py``          proving an account; ``scram.py`` without showing the password
6. ``nicks.py``         what else to be called when a nick is taken
7. ``registration.py``  the three together: from the open socket to the welcome, or to a reason why not
8. ``changes.py``       what happens in channels, as values
9. ``channels.py``      who is where: lines in, changes out
10. ``netsplit.py``     hundreds of quits as one event
11. ``batches.py``      lines that belong together
12. ``labels.py``       which answer belongs to which question
13. ``splitting.py``    a text as lines that arrive whole; ``multiline.py`` where they can stay together
14. ``flood.py``        in which order and how fast they leave
15. ``history.py``      what was said while we were away; ``people.py`` whose coming and going matters
16. ``relaying.py``     names that a server lends us
17. ``convert.py``      lines as events and messages as lines, with ``formatting``, ``markup`` and ``difference``
18. ``refusals.py``     what a network refuses, in words; ``notices.py`` what the bridge itself says

All these are pure. Around them: ``connecting.py`` opens a ``session.py``, which holds the socket; ``incoming.py`` takes
what comes, with ``keeper.py`` for the disk and ``presence.py`` for our own being in channels; ``outgoing.py`` says what
leaves; ``connection.py`` is what the core calls, ``check.py`` what ``tchap-bridges check`` does.

Facts are those of RFC 1459, RFC 2812, modern.ircdocs.horse and the IRCv3 specifications (https://ircv3.net/irc), each
named where it is used.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tchap_bridge_irc.config import IrcConfig
from tchap_bridges.bridge import Bridge, Connection, Finding, Host
from tchap_bridges.i18n import _

__all__ = ["IrcBridge"]


class IrcBridge(Bridge[IrcConfig]):
    """What the entry point names."""

    name = "irc"
    words = ("irc",)
    label = "irc"
    Config = IrcConfig
    examples = (
        (_("!pont irc #general"), _("relie un canal IRC ; tout passe dans les deux sens")),
        (_("!pont irc Zoe"), _("relie une personne d'IRC : une conversation privée avec elle")),
        (_("!pont irc qui"), _("dit qui est sur le canal")),
    )

    @asynccontextmanager
    async def open(self, config: IrcConfig, host: Host) -> AsyncIterator[Connection]:
        from tchap_bridge_irc.connection import IrcConnection  # noqa: PLC0415  whoever only validates loads no sockets

        yield IrcConnection(config, host)

    @classmethod
    def connection(cls) -> type[Connection]:
        from tchap_bridge_irc.connection import IrcConnection  # noqa: PLC0415  the same

        return IrcConnection

    @classmethod
    async def check(cls, config: IrcConfig) -> Sequence[Finding]:
        from tchap_bridge_irc.check import check  # noqa: PLC0415  the same

        return await check(config)
