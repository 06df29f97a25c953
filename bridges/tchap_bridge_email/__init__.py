"""The e-mail bridge: a mailing list, a mailbox or an address of its own, mirrored into a room."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from tchap_bridge_email.config import EmailConfig
from tchap_bridges.bridge import Bridge, Connection, Finding, Host, Item
from tchap_bridges.events import Event
from tchap_bridges.i18n import _
from tchap_bridges.ids import FileRef

__all__ = ["EmailBridge"]

# Whoever only reads mail (a process of its own) never loads the servers, and the servers never load the readers.
# ruff: noqa: PLC0415


class EmailBridge(Bridge[EmailConfig]):
    """SMTP, LMTP and IMAP in, SMTP submission out."""

    name = "email"
    words = ("courriel", "email", "mail")
    label = "courriel"
    Config = EmailConfig
    examples = (
        (
            _("!pont courriel liste@exemple.fr"),
            _("relie une liste : ses messages entrent, les réponses dans leurs fils sortent"),
        ),
        (_("!pont courriel liste@exemple.fr sens=deux-sens"), _("… et tout message du salon sort")),
        (_("!pont courriel adresse"), _("donne au salon une adresse à lui")),
    )
    same_people = True
    hostile = True

    @asynccontextmanager
    async def open(self, config: EmailConfig, host: Host) -> AsyncIterator[Connection]:
        from tchap_bridge_email.connection import EmailConnection

        yield EmailConnection(config, host)

    @classmethod
    def connection(cls) -> type[Connection]:
        from tchap_bridge_email.connection import EmailConnection

        return EmailConnection

    @classmethod
    def read(cls, item: Item, config: EmailConfig) -> Iterable[Event]:
        from tchap_bridge_email.addresses import ascii_domain, normalise
        from tchap_bridge_email.convert import Home, events
        from tchap_bridge_email.parse import parse

        home = Home(
            address=normalise(config.address) or "",
            domain=ascii_domain(config.domain) or "",
            returns=bool(config.listen.smtp or config.listen.lmtp),
        )
        return tuple(events(parse(item.raw), item, home))

    @classmethod
    def file_bytes(cls, item: Item, ref: FileRef) -> bytes:
        from tchap_bridge_email.parse import part_bytes

        return part_bytes(item.raw, int(ref))

    @classmethod
    def grace(cls, config: EmailConfig) -> float:
        return config.grace_seconds

    @classmethod
    def read_seconds(cls, config: EmailConfig) -> float:
        return config.read_seconds

    @classmethod
    async def check(cls, config: EmailConfig) -> Sequence[Finding]:
        from tchap_bridge_email.check import check

        return await check(config)
