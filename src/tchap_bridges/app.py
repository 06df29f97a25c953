"""The composition root: the one file that sees everything, and joins it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from tchap_bridges import __version__
from tchap_bridges.antivirus import checks_of
from tchap_bridges.config import Settings
from tchap_bridges.core import clock, policy
from tchap_bridges.core.bots.frames import Grounds
from tchap_bridges.core.bots.watchdog import Marks, Watchdog
from tchap_bridges.core.inbox import MATRIX
from tchap_bridges.core.kernel import Edge, Kernel, Options
from tchap_bridges.core.outbox import DESK, REVIEW
from tchap_bridges.core.ports import Homeserver
from tchap_bridges.core.reseal import reseal
from tchap_bridges.development import Development
from tchap_bridges.errors import BadCredentials
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ConnectionName
from tchap_bridges.logs import harmless
from tchap_bridges.matrix import homeserver as matrix
from tchap_bridges.matrix.homeserver import MatrixHomeserver
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer, derive
from tchap_bridges.web.hooks import hook_routes
from tchap_bridges.web.lag import watch_lag
from tchap_bridges.web.metrics import Metrics
from tchap_bridges.web.settings import settings_routes
from tchap_bridges.web.shares import shares_site
from tchap_bridges.web.site import site

SOON = 5.0  # seconds in which a homeserver that is there answers

log = structlog.get_logger(__name__)


class Application:
    """A bridge as it is configured. `running` starts it; leaving the block stops it gracefully."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self.settings = settings
        self.metrics = Metrics()
        keys = [key.get_secret_value() for key in (settings.storage.key, *settings.storage.old_keys)]
        words = Translator(settings.language)
        self._sealer = sealer = Sealer(keys)
        bots = {name: each.bot() for name, each in settings.bots.items()}
        self._marks = Marks(settings.marks)
        made: list[MatrixHomeserver] = []
        self.homeserver_state = "connecting"
        self._found, self._missed = asyncio.Event(), asyncio.Event()  # the homeserver, once
        self.ready = False

        def homeserver(edge: Edge) -> Homeserver:
            def alive() -> None:
                self.homeserver_state = "up"
                self._found.set()
                edge.alive()

            def lost() -> None:
                self.homeserver_state = "retrying"
                self._missed.set()

            async def take(events: Sequence[tuple[str, bytes]]) -> None:
                new = int(await edge.take(events))
                self.metrics.count("in", MATRIX, new)
                self.metrics.count("again", MATRIX, len(events) - new)

            made.append(
                MatrixHomeserver(
                    matrix_settings(settings),
                    db=db,
                    sealer=sealer,
                    take=take,
                    on_passing=edge.passing,
                    on_alive=alive,
                    on_lost=lost,
                    is_encrypted=edge.is_encrypted,
                    on_keys=edge.keys,
                    translate=words,
                    observe=self.metrics.observe,
                )
            )
            return made[0]

        self.kernel = Kernel(
            db=db,
            sealer=sealer,
            key=derive(settings.storage.identity.get_secret_value(), "core"),
            homeserver=homeserver,
            bridges={name: (each.bridge, each.config) for name, each in settings.bridges.items()},
            bots=bots,
            blamed=self._marks.read(Grounds(bots)),
            options=Options(
                rules=policy_rules(settings),
                users=settings.policy.users,
                guests=settings.policy.guests,
                home="Tchap" if settings.homeserver.tchap else "Matrix",
                words=words,
                zone=settings.timezone,
                content_days=settings.storage.content_days,
                inbox_high=settings.limits.inbox_high,
                inbox_low=settings.limits.inbox_low,
                public_url=settings.web.public_url if settings.web else None,
                links_days=settings.web.links_days if settings.web else 0,
                hook_rate=settings.limits.webhooks,
                checks=checks_of(
                    settings.antivirus,
                    token=settings.registration.as_token.get_secret_value(),
                    deposit=lambda suspect: made[0].deposit(suspect),  # noqa: PLW0108 - the homeserver comes later
                ),
            ),
            meter=self.metrics,
        )
        self.matrix = made[0]
        self._watchdog = Watchdog(self.kernel.crew.bots, self._marks, self.kernel.crew.stops.blocked)
        folder = settings.development.bots
        self.development = Development(folder, self.kernel.crew.bots) if folder is not None else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self.settings.operate.listen is not None:
                application = site(self.metrics, health=self.health, links=self.links, figures=self.figures)
                await stack.enter_async_context(served(application, *self.settings.operate.listen))
            if self.settings.storage.old_keys:
                await reseal(self.kernel.db, self._sealer)
            for name, bot in self.settings.bots.items():
                log.info("bot.loaded", bot=name, version=bot.version)
            if self.development is not None:
                await self.development.look()
            stack.push_async_callback(self.matrix.close)  # last of all: what is in flight at a stop still needs it
            await stack.enter_async_context(self.kernel.running())
            self._marks.clear()  # whom the last process had named is off, and that is written
            await stack.enter_async_context(self._in_touch())
            if (own := self.settings.web) is not None:
                language = self.settings.language
                own_pages = (
                    *settings_routes(self.kernel.crew.forms, language=language),
                    *hook_routes(self.kernel.crew.hooks, language=language),
                )
                links = shares_site(self.kernel.shares, self.kernel.avatars, language=language, beside=own_pages)
                await stack.enter_async_context(served(links, *own.listen))
            self.ready = True
            try:
                yield
            finally:
                self.ready = False

    @asynccontextmanager
    async def _in_touch(self) -> AsyncIterator[None]:
        """Listening to the homeserver, and looking after what it may have lost."""
        await self.matrix.start()
        async with asyncio.TaskGroup() as group:
            works = [self._keep_in_touch(), self._announce(), watch_lag(self.metrics.late), self._watchdog.run()]
            if self.development is not None:
                works.append(self.development.run())
            tasks = [group.create_task(work) for work in works]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _keep_in_touch(self) -> None:
        try:
            await self.matrix.run()
        except BadCredentials as error:  # everything is kept and waits; to insist would lock the account
            self.homeserver_state = "bad credentials"
            log.critical("homeserver.refuses_us", remedy=error.remedy, **harmless(error))

    async def _announce(self) -> None:
        """Say that we are ready, once the homeserver has answered; if it does not, that we wait for it."""
        facts = {"version": __version__, "connections": list(self.settings.bridges)}
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(event.wait()) for event in (self._found, self._missed)]
            await asyncio.wait(waits, timeout=SOON, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        if not self._found.is_set():
            log.warning("started, waiting for the homeserver", state=self.homeserver_state, **facts)
            await self._found.wait()
        log.info("ready", **facts)

    async def health(self) -> Mapping[str, Any]:
        """``ready``: started, and every connection that can be up is."""
        connections = {
            name: {"state": watched.state, "reason": watched.reason, "since": clock.moment(watched.since).isoformat()}
            for name, watched in self.kernel.supervisor.watched.items()
        }
        async with self.kernel.db.snapshot() as tx:
            links: dict[str, dict[str, int]] = {}
            for row in await tx.all("links_states"):
                links.setdefault(row["connection"], {})[row["state"]] = row["count"]
            dead = sum(row["count"] for row in await tx.all("outbox_dead_count"))
            dead += sum(row["count"] for row in await tx.all("inbox_dead_count"))
        up = self.homeserver_state == "up" and all(each["state"] == "up" for each in connections.values())
        return {
            "live": True,
            "ready": self.ready and up,
            "version": __version__,
            "homeserver": self.homeserver_state,
            "connections": connections,
            "links": links,
            "dead_letters": dead,
            "bots_stopped": await self.kernel.crew.stops.everywhere(),
            "inbox_waiting": self.kernel.inbox.waiting,
        }

    async def links(self) -> Mapping[str, Any]:
        """Every link, its state, and what waits for it; no address and no name."""
        async with self.kernel.db.snapshot() as tx:
            rows = await tx.all("links_health")
        return {
            str(row["id"]): {
                "room": row["room"],
                "connection": row["connection"],
                "state": row["state"],
                "waiting": row["waiting"] or 0,
                "failed": row["failed"] or 0,
                "last_in": clock.moment(row["last_in"]).isoformat() if row["last_in"] else None,
                "last_out": clock.moment(row["last_out"]).isoformat() if row["last_out"] else None,
            }
            for row in rows
        }

    async def figures(self) -> Mapping[str, Mapping[str, float]]:
        """What `Metrics.page` shows, summed over lanes by where they lead."""
        async with self.kernel.db.snapshot() as tx:
            depths = await tx.all("lanes_depth")
            dead = await tx.all("outbox_dead_count")
            unread = await tx.all("inbox_dead_count")
        found: dict[str, dict[str, float]] = {"depth": {}, "age": {}, "dead": {}, "up": {}, "inbox": {}}
        now = clock.now()
        for row in depths:
            where = await self._where(row["target"])
            found["depth"][where] = found["depth"].get(where, 0) + row["depth"]
            found["age"][where] = max(found["age"].get(where, 0), (now - row["oldest"]) / 1000)
        for row in dead:
            where = await self._where(row["target"])
            found["dead"][where] = found["dead"].get(where, 0) + row["count"]
        for row in unread:
            found["dead"][row["source"]] = found["dead"].get(row["source"], 0) + row["count"]
        for name, watched in self.kernel.supervisor.watched.items():
            found["up"][name] = float(watched.state == "up")
        found["inbox"]["waiting"] = self.kernel.inbox.waiting
        return found

    async def _where(self, target: str) -> str:
        if not target.startswith("link:"):
            return target if target in {DESK, REVIEW} else "matrix"
        async with self.kernel.db.snapshot() as tx:
            link = await self.kernel.links.get(tx, int(target.removeprefix("link:")))
        return link.connection if link else "gone"


def policy_rules(settings: Settings) -> policy.Rules:
    """What the operator allows, and whether the bridge can encrypt: it makes devices of its own for that (MSC4190)."""
    said = settings.policy
    return policy.Rules(
        destinations=frozenset(said.destinations),
        restricted_rooms=said.restricted_rooms,
        agents_only=frozenset(map(ConnectionName, said.agents_only)),
        local_rooms=said.local_rooms,
        shared=frozenset(said.shared),
        operator=said.operator,
        encrypts=settings.registration.msc4190,
    )


def matrix_settings(settings: Settings) -> matrix.Settings:
    """What the Matrix side needs of the configuration."""
    registration = settings.registration
    return matrix.Settings(
        url=str(settings.homeserver.url),
        server=settings.homeserver.server_name,
        appservice=registration.id,
        as_token=registration.as_token.get_secret_value(),
        hs_token=registration.hs_token.get_secret_value(),
        bot=settings.appservice.bot.localpart,
        prefix=settings.appservice.ghosts,
        secret=derive(settings.storage.identity.get_secret_value(), "matrix"),
        listen=(settings.appservice.listen.host, settings.appservice.listen.port),
        name=settings.appservice.bot.name,
        tchap=settings.homeserver.tchap,
        devices=registration.msc4190,
        sends=settings.limits.sends,
        directory=settings.policy.directory,
        is_guest=partial(policy.is_guest, guests=settings.policy.guests),
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Application]:
    """The application on its store, not yet running. Whoever opens it has seen to the folder (`probe_storage`)."""
    db = await Database.open(settings.database)
    try:
        await db.adopt({name: each.bot for name, each in settings.bots.items()})
        application = Application(settings, db)
        try:
            yield application
        finally:
            await application.matrix.close()
    finally:
        await db.close()


@asynccontextmanager
async def served(application: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """An HTTP site for as long as the block lasts; what it is answering then has a moment to end.

    No access log: addresses hold secrets. Nothing is unpacked: what is signed is the bytes as they came.
    """
    runner = web.AppRunner(application, access_log=None, auto_decompress=False, shutdown_timeout=10)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with opened(settings) as application, application.running():
        await stop.wait()
        log.info("stopping")
