"""Beside a real homeserver: its own send rate and latency, and the bridge's, in turns."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from bench.backstage import Backstage, backstage
from bench.figures import Figures, quantile
from bench.letters import Address, Letter, letters
from bench.procs import Costs
from bench.smtp import session
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import LIST_DOMAIN, World

ROOMS = 16
_V3 = "/_matrix/client/v3"
_txn = itertools.count()


@dataclass(frozen=True, slots=True)
class Said:
    """An event as the bridge sent it, to be sent again raw: the same words by the same ghost as the same device."""

    id: str
    room: str
    sender: str
    device: str
    content: dict[str, Any]

    def again(self, ids: Mapping[str, str]) -> "Said":
        """The same in a thread of its own: ``ids`` are those of the events that were sent again before."""
        relation = self.content.get("m.relates_to")
        if relation is None:
            return self
        answered = relation["m.in_reply_to"]["event_id"]
        told = {
            **relation,
            "event_id": ids.get(relation["event_id"], relation["event_id"]),
            "m.in_reply_to": {"event_id": ids.get(answered, answered)},
        }
        return replace(self, content={**self.content, "m.relates_to": told})


class Stage:
    """A world with linked rooms, warm ghosts, and what the bridge says there."""

    def __init__(self, world: World, store: Backstage, agent: Client, lists: Sequence[Address], token: str) -> None:
        self.world, self.store, self.agent, self.lists = world, store, agent, lists
        self._token = token
        self.said: dict[str, list[Said]] = {}

    async def warm(self, number: int) -> None:
        """Let every ghost enter, and keep what the bridge says for so many mails in each room."""
        for address in self.lists:
            seen = await self._drain([*letters(address, number)])
            self.said[address.room] = [
                Said(
                    event["event_id"],
                    address.room,
                    event["sender"],
                    self.store.device(event["sender"]),
                    event["content"],
                )
                for event in seen[address.room]
            ]

    # Rates

    async def bridged(self, lists: Sequence[Address], number: int) -> tuple[float, Costs, Costs]:
        """Messages a second from a full inbox, the CPU before and after."""
        mails = list(itertools.chain(*zip(*(letters(address, number) for address in lists), strict=True)))
        before = Costs.of(self.world.bridge.pid)
        seen = await self._drain(mails)
        after = Costs.of(self.world.bridge.pid)
        for address in lists:
            _assert_all(address, mails, seen[address.room])
        return _rate(seen), before, after

    async def raw(self, lists: Sequence[Address], number: int) -> float:
        """The same traffic sent by nobody's bridge: one in flight for each room."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=len(lists))) as http:
            await asyncio.gather(*(self._send_raw(http, address, number) for address in lists))
        return _rate({address.room: await self._last(address.room, number) for address in lists})

    async def _send_raw(self, http: aiohttp.ClientSession, address: Address, number: int) -> None:
        said = self.said[address.room]
        ids: dict[str, str] = {}
        for n in range(number):
            one = said[n % len(said)]
            ids[one.id] = await self.put(http, one.again(ids))

    async def put(self, http: aiohttp.ClientSession, said: Said, **more: Any) -> str:
        """Returns the event's id."""
        path = f"{_V3}/rooms/{quote(said.room)}/send/m.room.message/raw-{next(_txn)}"
        params = {"user_id": said.sender, "device_id": said.device}
        headers = {"Authorization": f"Bearer {self._token}"}
        async with http.put(
            self.world.synapse.url + path, params=params, headers=headers, json={**said.content, **more}
        ) as answer:
            if answer.status != 200:
                raise RuntimeError(await answer.text())
            return str((await answer.json())["event_id"])

    async def _drain(self, mails: Sequence[Letter]) -> dict[str, list[dict[str, Any]]]:
        """Preload all but the last, which comes by the door and wakes the bridge; return what then is in the rooms."""
        *most, last = mails
        await self.store.preload(most)
        async with session(self.world.bridge.ports.smtp) as smtp:
            await smtp.send(last)
        while await self.store.waiting():
            await asyncio.sleep(0.05)
        rooms = [mail.to.room for mail in mails]
        return {room: await self._last(room, rooms.count(room)) for room in dict.fromkeys(rooms)}

    async def _last(self, room: str, number: int) -> list[dict[str, Any]]:
        """The last messages of a room, oldest first."""
        params = {"dir": "b", "limit": str(number), "filter": '{"types":["m.room.message"]}'}
        found = await self.agent.request("GET", f"{_V3}/rooms/{quote(room)}/messages", params=params)
        events: list[dict[str, Any]] = found["chunk"]
        return events[::-1]

    # Latency

    async def latencies(self, address: Address, number: int) -> tuple[list[float], list[float]]:
        """Seconds until a client's sync shows it: for mails from their final dot, and for raw sends, in turns."""
        ours: list[float] = []
        raw: list[float] = []
        async with aiohttp.ClientSession() as http, session(self.world.bridge.ports.smtp) as smtp:
            for n, mail in enumerate(letters(address, number)):
                async with self._watched(address.room, mail.mark) as seen:
                    began = await smtp.send(mail)
                    ours.append(await seen - began)
                said, mark = self.said[address.room][n % len(self.said[address.room])], f"[raw {next(_txn)}]"
                body = f"{mark} {said.content['body']}"
                async with self._watched(address.room, mark) as seen:
                    began = time.perf_counter()
                    await self.put(http, said, body=body)
                    raw.append(await seen - began)
        return ours, raw

    @asynccontextmanager
    async def _watched(self, room: str, words: str) -> AsyncIterator["asyncio.Task[float]"]:
        async def see() -> float:
            await self.agent.wait_for(room, lambda event: words in event["content"].get("body", ""))
            return time.perf_counter()

        await asyncio.sleep(0.1)  # at rest: what the last one set going has ended
        await self.agent.sync_once()
        task = asyncio.create_task(see())
        await asyncio.sleep(0.03)  # the long poll is there
        yield task
        await task


@asynccontextmanager
async def stage(folder: Path, *, rooms: int, warm: int, template: Path | None) -> AsyncIterator[Stage]:
    """A homeserver, a bridge, rooms that are linked, and ghosts inside."""
    async with await World.start(folder, template=template, changes={"bots": {}}) as world:
        agent = await world.agent()
        async with backstage(world.bridge.folder) as store:
            lists = []
            for n in range(rooms):
                room = await world.room(agent, f"Salon {n}")
                answer = await world.link(agent, room, f"courriel liste{n}@{LIST_DOMAIN}")
                address = store.address(room, f"liste{n}")
                if address.subscriber not in answer:
                    raise RuntimeError(f"expected {address.subscriber} in: {answer}")
                lists.append(address)
            registration = (world.bridge.folder / "registration.yaml").read_text()
            token = next(line.split()[1] for line in registration.splitlines() if line.startswith("as_token"))
            made = Stage(world, store, agent, lists, token)
            await made.warm(warm)
            yield made


async def measure_rates(on: Stage, figures: Figures, *, rounds: int, one: int, each: int) -> None:
    """``one`` messages in one room, ``each`` in every one of all rooms."""
    for lane_count, number, key in ((1, one, "core.ratio_1"), (ROOMS, each, "core.ratio_16")):
        lists = on.lists[:lane_count]
        for _round in range(rounds):
            raw = await on.raw(lists, number)
            ours, before, after = await on.bridged(lists, number)
            figures.note(key, ours / raw, ours=ours, raw=raw)
            if lane_count > 1:
                sent = number * len(lists)
                figures.note("core.cpu_ms_per_message", (after.cpu - before.cpu) / sent * 1000)
                worker = after.workers.cpu - before.workers.cpu
                figures.note("core.cpu_ms_per_message_worker", worker / sent * 1000)


async def measure_latency(on: Stage, figures: Figures, *, rounds: int, pairs: int) -> None:
    await on.latencies(on.lists[0], 2)
    for _round in range(rounds):
        ours, raw = await on.latencies(on.lists[0], pairs)
        for key, share in (("core.added_latency_ms_p50", 0.5), ("core.added_latency_ms_p99", 0.99)):
            of_ours, of_raw = (quantile(values, share) * 1000 for values in (ours, raw))
            figures.note(key, of_ours - of_raw, ours=of_ours, raw=of_raw)


def _rate(seen: dict[str, list[dict[str, Any]]]) -> float:
    """Events a second, by the homeserver's own clock, from the first to the last."""
    times = [event["origin_server_ts"] for events in seen.values() for event in events]
    return (len(times) - 1) / ((max(times) - min(times)) / 1000)


def _assert_all(address: Address, mails: Sequence[Letter], seen: Sequence[dict[str, Any]]) -> None:
    """A rate at which something is lost, doubled or out of order is no rate."""
    wanted = [mail.mark for mail in mails if mail.to == address]
    found = [f"[n° {event['content']['body'].partition('[n° ')[2].partition(']')[0]}]" for event in seen]
    if wanted != found:
        raise RuntimeError(f"{address.name}: sent {wanted}, saw {found}")
