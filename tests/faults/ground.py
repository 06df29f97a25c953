"""Where the scenarios take place: one small world, its bridge started as each scenario wants it, rooms of its own.

The bridge under test is a process; what a scenario does to it, it does from outside (signals, limits, cut
connections), or by starting it through `sabotage`.
"""

import asyncio
import contextlib
import math
import os
import re
import resource
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from ruamel.yaml import YAML

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.process import Daemon, ServerFailedError, eventually
from tchap_bridges.testing.world import LIST_DOMAIN, BridgeProcess, Ports, World, write_yaml

from .oracle import Ledger, Sighting, Verdict, tokens

ROOT = Path(__file__).parents[2]
DRAIN = 60.0
"""Seconds after healing in which everything that was acknowledged must be there."""
Seen = Callable[[Sequence["Place"]], Awaitable[dict[str, list[Sighting]]]]
_STRAY = 1.0  # seconds in which a second copy would show itself


class Bridge(BridgeProcess):
    """``tchap-bridges run``, perhaps with faults built in."""

    def __init__(self, folder: Path, ports: Ports, faults: Sequence[str] = ()) -> None:
        super().__init__(folder, ports)
        self.kills = 0
        self._faults = faults
        program = (
            [str(Path(__file__).with_name("sabotage.py")), *faults, "--"] if faults else ["-m", "tchap_bridges.cli"]
        )
        command = [sys.executable, *program, "run", "--config", str(folder / "config.yaml")]
        self._daemon = Daemon("tchap-bridges", command, log=folder / "bridge.log", ready=self._ready, cwd=folder)

    @property
    def plain(self) -> bool:
        """It runs, as an operator would have started it."""
        return bool(self.pid) and not self._faults and _lives(self.pid)

    async def kill(self) -> None:
        """kill -9."""
        self.kills += 1
        await super().kill()

    async def end(self) -> None:
        """The same, as a scenario's means and not as its blow."""
        await super().kill()

    async def kill_starting(self, after: float) -> None:
        """kill -9 in the middle of a start."""
        starting = asyncio.create_task(self.start())
        await asyncio.wait([starting], timeout=after)
        self.kills += 1
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, ServerFailedError):
            await starting
        await super().kill()

    async def unreadable(self) -> int:
        """How many dead letters of what arrived an operator is shown."""
        command = [sys.executable, "-m", "tchap_bridges.cli", "queue", "list", "-c", str(self.folder / "config.yaml")]
        listing = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        shown, _nothing = await listing.communicate()
        return len(re.findall(rb"\br\d+\b", shown))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It does nothing, and holds what it has."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    @contextlib.contextmanager
    def disk_full(self) -> Iterator[None]:
        """No file of it can grow, or even be written to."""
        _soft, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))

    async def gone(self, *, timeout: float = 30) -> None:
        """Wait until it has killed itself."""
        pid = self.pid

        async def dead() -> bool:
            return not _lives(pid)

        if not await eventually(dead, timeout=timeout):
            raise AssertionError("the fault that was to kill the bridge never happened")
        self.kills += 1


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@dataclass(slots=True)
class Place:
    """A room linked to a list both ways, and the agents in it. ``name`` is the list's local part."""

    name: str
    room: str
    subscriber: str
    agents: list[Client]

    @property
    def post(self) -> str:
        return f"{self.name}@{LIST_DOMAIN}"


class Ground:
    """One world for many scenarios. ``bridge`` is the one that runs now, or ran last."""

    def __init__(self, world: World, agents: list[Client]) -> None:
        self.world = world
        self.agents = agents
        self.bridge = Bridge(world.bridge.folder, world.bridge.ports)
        self._names = (f"l{number}" for number in count(1))
        self._sections = self._read()
        self._mails: dict[str, list[Sighting]] = {}  # by recipient, in the order of their arrival
        self._mails_read = 0

    @classmethod
    @asynccontextmanager
    async def laid(cls, **options: Any) -> AsyncIterator["Ground"]:
        """A world with no bridge running yet; ``options`` are `World.start`'s."""
        with tempfile.TemporaryDirectory(prefix="tchap-faults-", ignore_cleanup_errors=True) as folder:
            world = await World.start(Path(folder), template=ROOT / ".cache" / "synapse", run=False, **options)
            async with world:
                names = ("Camille Martin", "Dominique Petit", "Sacha Leroy")
                agents = [await world.agent(name.split()[0].lower(), name) for name in names]
                ground = cls(world, agents)
                try:
                    yield ground
                finally:
                    await ground.bridge.stop()

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = YAML(typ="safe").load(self.world.bridge.folder / "config.yaml")
        return found

    @asynccontextmanager
    async def running(self, *faults: str, **changes: Mapping[str, Any]) -> AsyncIterator[Bridge]:
        """The bridge with these faults and changes to its configuration; a plain one is left to the next scenario."""
        sections = {name: {**self._sections.get(name, {}), **more} for name, more in changes.items()}
        if faults or changes or not self.bridge.plain:
            write_yaml(self.world.bridge.folder / "config.yaml", {**self._sections, **sections})
            await self.start(*faults)
        self.bridge.kills = 0
        try:
            yield self.bridge
        finally:
            if changes or not self.bridge.plain:
                await self.bridge.stop()

    async def _relieve(self) -> None:
        """Let a bridge without faults take what the homeserver has left."""
        plain = Bridge(self.world.bridge.folder, self.world.bridge.ports)
        await plain.start()
        await asyncio.sleep(1)
        await plain.stop()

    async def start(self, *faults: str) -> Bridge:
        """Start it anew, with other faults or none, within `running`. It does not stop in order first."""
        kills = self.bridge.kills
        await self.bridge.end()
        for attempt in range(3):
            self.bridge = Bridge(self.world.bridge.folder, self.world.bridge.ports, faults)
            self.bridge.kills = kills
            try:
                await self.bridge.start()
                break
            except ServerFailedError:
                # The fault hit something of no interest: a transaction that the homeserver had left and repeats.
                if not faults or attempt == 2:
                    raise
                await self._relieve()
        return self.bridge

    def email(self, **more: Any) -> dict[str, Any]:
        """Changes to the e-mail section, as `start` takes them."""
        return {"bridges": {"email": {**self._sections["bridges"]["email"], **more}}}

    async def heal(self) -> None:
        """Everything but the bridge as it was."""
        self.world.sink.heal()
        if not self.world.synapse.pid:
            await self.world.synapse.restart()

    def keep_log(self, name: str) -> Path:
        """A copy of the bridge's log that outlives the world."""
        kept = Path(tempfile.gettempdir()) / f"tchap-faults-{name}.log"
        if self.bridge.log.exists():  # a scenario may have had bridges of its own
            kept.write_bytes(self.bridge.log.read_bytes())
        return kept

    async def places(self) -> list[Place]:
        """Two rooms where ghosts speak, two where the bot speaks for them."""
        return await asyncio.gather(*(self.place(tchap=tchap) for tchap in (False, True, False, True)))

    async def place(self, *, tchap: bool = False, direction: str = "deux-sens", agents: int = 3) -> Place:
        """A new room with its link. The bridge must run."""
        first, *others = self.agents[:agents]
        room = await self.world.room(first, tchap=tchap)
        for other in others:
            await first.invite(room, other.user_id)
            await other.join(room)
        name = next(self._names)
        answer = await self.world.link(first, room, f"courriel {name}@{LIST_DOMAIN} sens={direction}")
        return Place(name, room, self.subscriber_in(answer), [first, *others])

    @staticmethod
    def subscriber_in(answer: str) -> str:
        """The bridge's address for a list, out of what the bot answered to the command that links it."""
        found = re.search(r"[\w.+-]+@pont\.tchap\.localhost", answer)
        if found is None:
            raise AssertionError(f"the link was not made: {answer}")
        return found[0]

    # What the targets show

    async def in_room(self, place: Place) -> list[Sighting]:
        """Every payload that the bridge shows in the room, read anew by an agent."""
        return [
            Sighting(event["event_id"], token)
            for event in await place.agents[0].timeline(place.room)
            if event["type"] == "m.room.message" and event["sender"].startswith("@pont")
            for token in tokens(str(event["content"].get("body", "")))
        ]

    def in_mail(self, place: Place) -> list[Sighting]:
        """Every payload that reached the list's address, those too whose sender never heard the 250."""
        for mail in self.world.sink.sent[self._mails_read :]:
            self._mails_read += 1
            if mail.outcome in {"accepted", "dropped"}:
                found = [Sighting(mail.message_id, token) for token in dict.fromkeys(tokens(_text(mail.data)))]
                for recipient in mail.recipients:
                    self._mails.setdefault(recipient, []).extend(found)
        return list(self._mails.get(place.post, ()))

    async def seen_in_rooms(self, places: Sequence[Place]) -> dict[str, list[Sighting]]:
        return {place.name: await self.in_room(place) for place in places}

    async def seen_in_mails(self, places: Sequence[Place]) -> dict[str, list[Sighting]]:
        return {place.name: self.in_mail(place) for place in places}

    async def drained(self, ledger: Ledger, places: Sequence[Place], seen: Seen) -> float:
        """Seconds until nothing that was acknowledged is missing; infinite when something still is after `DRAIN`."""
        began = time.monotonic()
        while (looked := time.monotonic()) - began < DRAIN:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                shown = await seen(places)
                if not ledger.missing(sighting for each in shown.values() for sighting in each):
                    return time.monotonic() - began
            await asyncio.sleep(max(0.25, 3 * (time.monotonic() - looked)))  # to look must not slow what is looked at
        return math.inf

    async def judge(self, ledger: Ledger, places: Sequence[Place], seen: Seen, *, earlier: float = 0.0) -> Verdict:
        """Wait until nothing is missing, then a little more, and say what is there.

        ``earlier`` is the longest time that an earlier part of the scenario took to drain.
        """
        seconds = max(earlier, await self.drained(ledger, places, seen))
        await asyncio.sleep(_STRAY)
        verdict = ledger.judge(await seen(places))
        verdict.seconds = seconds
        if seconds > DRAIN:
            verdict.wrong.append(f"not drained within {DRAIN:.0f} s")
        return verdict

    # What a homeserver could say

    async def transaction(self, number: str, events: Sequence[Mapping[str, Any]]) -> int:
        """PUT it to the bridge as the homeserver would; returns the status, 0 when there was no answer."""
        registration = YAML(typ="safe").load(self.world.bridge.folder / "registration.yaml")
        url = f"http://127.0.0.1:{self.bridge.ports.appservice}/_matrix/app/v1/transactions/{number}"
        headers = {"Authorization": f"Bearer {registration['hs_token']}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http,
                http.put(url, json={"events": list(events)}, headers=headers) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def event(self, place: Place, agent: Client, content: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """A room event as a transaction brings it, with an id that no homeserver gave."""
        return {
            "event_id": f"$faux{secrets.token_hex(12)}",
            "type": "m.room.message",
            "room_id": place.room,
            "sender": agent.user_id,
            "origin_server_ts": int(time.time() * 1000),
            "content": dict(content),
            **more,
        }


def _text(data: bytes) -> str:
    """A payload is ASCII and shorter than a line: it stands in the mail as it is."""
    return data.replace(b"=\r\n", b"").decode("latin-1")
