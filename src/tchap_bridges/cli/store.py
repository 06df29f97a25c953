"""The store of a configuration, for commands that look into it or mend it; the bridge may run meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from tchap_bridges.cli.failures import telling
from tchap_bridges.config import load, probe_storage
from tchap_bridges.core import clock
from tchap_bridges.i18n import Translator
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The store of a configuration, and how to speak of it."""

    db: Database
    sealer: Sealer
    say: Translator
    zone: ZoneInfo

    def when(self, at: int) -> str:
        return f"{clock.moment(at).astimezone(self.zone):%d/%m %H:%M}"


def with_store(config: Path, work: Callable[[Store], Awaitable[None]]) -> None:
    """Tells what goes wrong in the operator's language, and ends the command."""
    settings = load(config)
    probe_storage(settings)
    keys = [key.get_secret_value() for key in (settings.storage.key, *settings.storage.old_keys)]

    async def main() -> None:
        db = await Database.open(settings.database)
        try:
            say = Translator(settings.language)
            await work(Store(db=db, sealer=Sealer(keys), say=say, zone=settings.timezone))
        finally:
            await db.close()

    with telling(settings.language):
        asyncio.run(main())
