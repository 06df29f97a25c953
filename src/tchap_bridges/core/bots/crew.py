"""All that bots need of the core, put together: what `kernel` does for the whole."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from tchap_bridges.bot import Bot
from tchap_bridges.core.bots import GUIDE
from tchap_bridges.core.bots.afar import Afar, GhostOf
from tchap_bridges.core.bots.conduct import Conduct
from tchap_bridges.core.bots.deliveries import Deliveries
from tchap_bridges.core.bots.effects import House
from tchap_bridges.core.bots.forms import Forms
from tchap_bridges.core.bots.guide import Guide
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.hook_words import HookWords
from tchap_bridges.core.bots.hooks import Hooks
from tchap_bridges.core.bots.limits import Limits
from tchap_bridges.core.bots.questions import Questions
from tchap_bridges.core.bots.registry import Bots
from tchap_bridges.core.bots.renewal import Renewal
from tchap_bridges.core.bots.runner import Runner
from tchap_bridges.core.bots.settings import Settings
from tchap_bridges.core.bots.stops import Blame, Stops
from tchap_bridges.core.bots.switch import Switch
from tchap_bridges.core.bots.timers import Timers
from tchap_bridges.core.builtin import BUILTIN
from tchap_bridges.core.denials import Denials
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.links import Links
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Meter, Sealer
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.i18n import Translator


class Crew:
    """``blamed``: whom the last process has named for holding it; they are off before anything calls them again."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        secrets: Secrets,
        homeserver: Homeserver,
        outbox: Outbox,
        links: Links,
        rooms: RoomDesk,
        directs: Directs,
        denials: Denials,
        meter: Meter,
        bots: Mapping[str, Bot],
        blamed: Sequence[Blame],
        ghost_of: GhostOf,
        home: str,
        hook_rate: int,
        public_url: str | None,
        zone: ZoneInfo,
        words: Translator,
    ) -> None:
        self._db = db
        self._blamed = blamed
        self.bots = Bots(bots, BUILTIN)
        self.hearing = Hearing(self.bots, outbox, db.queries_of)
        self.afar = Afar(
            bots=self.bots,
            hearing=self.hearing,
            outbox=outbox,
            denials=denials,
            ghost_of=ghost_of,
            home=home,
            words=words,
        )
        self.questions = Questions(directs, outbox)
        deliveries = Deliveries(db, sealer, secrets, outbox)
        self.hooks = Hooks(
            db=db,
            sealer=sealer,
            bots=self.bots,
            hearing=self.hearing,
            deliveries=deliveries,
            meter=meter,
            per_minute=hook_rate,
        )
        self.timers = Timers(db, sealer, outbox, zone)
        self.stops = Stops(
            db=db,
            outbox=outbox,
            hearing=self.hearing,
            rooms=rooms,
            homeserver=homeserver,
            timers=self.timers,
            words=words,
        )
        settings = Settings(sealer, self.bots, self.timers)
        self.renewal = Renewal(db, self.bots, settings)
        self.forms = Forms(
            db=db,
            secrets=secrets,
            homeserver=homeserver,
            outbox=outbox,
            settings=settings,
            bots=self.bots,
            public_url=public_url,
            words=words,
        )
        self.switch = Switch(
            db=db,
            settings=settings,
            directs=directs,
            homeserver=homeserver,
            outbox=outbox,
            bots=self.bots,
            hearing=self.hearing,
            hooks=HookWords(
                db=db,
                homeserver=homeserver,
                hearing=self.hearing,
                hooks=self.hooks,
                deliveries=deliveries,
                directs=directs,
                outbox=outbox,
                bots=self.bots,
                public_url=public_url,
                zone=zone,
            ),
            timers=self.timers,
        )
        self.runner = Runner(
            House(
                db=db,
                sealer=sealer,
                homeserver=homeserver,
                outbox=outbox,
                links=links,
                timers=self.timers,
                directs=directs,
                questions=self.questions,
                deliveries=deliveries,
                zone=zone,
                language=words.language,
            ),
            self.bots,
            Guide(db=db, homeserver=homeserver, settings=settings, forms=self.forms, bots=self.bots),
            self.hearing,
            Conduct(Limits(), self.stops),
            denials,
            ghost_of,
        )

    async def open(self) -> None:
        """Before anything is routed, or sent."""
        await self.hearing.open(self._db)
        await self.questions.open(self._db)
        await self.renewal.open()
        await self.hooks.open()
        for blame in self._blamed:
            await self.stops.blocked(blame)

    def work(self) -> Sequence[Any]:
        """What goes on for as long as the bridge runs."""
        return (self.timers.run(), self.renewal.run())

    def serves(self, bot: str) -> bool:
        """Whether there is somebody to be called."""
        return bot == GUIDE or bot in self.bots
