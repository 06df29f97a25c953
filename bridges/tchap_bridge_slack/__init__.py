"""The Slack bridge: one app in one workspace relays for everybody of the rooms that are linked to its channels.

Words, both ways (pure): ``formatting`` and ``writing`` over ``document``, ``emoji``.

The network, in this order:

1. ``config.py``      what the operator writes; ``manifest.yaml`` and ``rights.py``: what the app may do
2. ``refusals.py``    Slack's error codes as the contract's errors
3. ``api.py``         the Web API: no retry of what may have been done, ``waits.py``: limits per method and channel
4. ``people.py``      who and what is called how
5. ``convert.py``     events and messages as the contract's; ``files.py`` the files among them
6. ``sockets.py``     Socket Mode: events come, and are acknowledged when they are kept; ``queues.py`` keeps their order
7. ``incoming.py``    from an event to the core; ``progress.py`` and ``catchup.py``: what came while we were away
8. ``composing.py``, ``posting.py``, ``uploads.py``: messages out, once; ``sent.py`` remembers them
9. ``rewording.py``   edits, deletions, reactions out
10. ``finding.py``    which channel a command means; ``challenge.py`` asks a private one's people
11. ``connection.py`` what the core calls
12. ``check.py``      what ``tchap-bridges check`` tells
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tchap_bridge_slack.config import SlackConfig
from tchap_bridges.bridge import Bridge, Connection, Finding, Host
from tchap_bridges.i18n import _

__all__ = ["SlackBridge", "SlackConfig"]


class SlackBridge(Bridge[SlackConfig]):
    """What the entry point names. slack_sdk is loaded when a session begins: whoever only validates needs none."""

    name = "slack"
    words = ("slack",)
    label = "slack"
    Config = SlackConfig
    examples = (
        (_("!pont slack #general"), _("relie un canal Slack ; tout passe dans les deux sens")),
        (_("!pont slack #general diffusion=oui"), _("montre aussi dans le canal ce qui est dit dans les fils")),
        (_("!pont slack qui"), _("dit qui est dans le canal")),
    )
    options = frozenset({"diffusion", "broadcast"})

    @asynccontextmanager
    async def open(self, config: SlackConfig, host: Host) -> AsyncIterator[Connection]:
        from tchap_bridge_slack.api import opened  # noqa: PLC0415
        from tchap_bridge_slack.connection import SlackConnection  # noqa: PLC0415

        async with opened(config, host.kv) as api:
            yield SlackConnection(config, host, api)

    @classmethod
    def connection(cls) -> type[Connection]:
        from tchap_bridge_slack.connection import SlackConnection  # noqa: PLC0415

        return SlackConnection

    @classmethod
    async def check(cls, config: SlackConfig) -> Sequence[Finding]:
        from tchap_bridge_slack.check import check  # noqa: PLC0415

        return await check(config)
