"""Many messages, and what carries them is killed: the bridge at random points, the homeserver with messages waiting."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from tchap_bridges.testing.process import eventually

from .ground import Ground, Place
from .oracle import Ledger, Verdict, tokens
from .scenario import Scale
from .traffic import shares, talk, write

AUTHORS = ("jean", "marie", "karim")
_STARTING = 0.3  # how often a start is killed too

Progress = Callable[[], Awaitable[int]]


def writers(ground: Ground, ledger: Ledger, where: Sequence[Place], number: int) -> list[Awaitable[None]]:
    """Every author writes to every list, all at once."""
    pairs = [(place, author) for place in where for author in AUTHORS]
    parts = shares(number, len(pairs))
    return [write(ground, ledger, place, author, part) for (place, author), part in zip(pairs, parts, strict=True)]


def talkers(ledger: Ledger, where: Sequence[Place], number: int) -> list[Awaitable[None]]:
    """Every agent talks in every room, all at once."""
    pairs = [(place, agent) for place in where for agent in place.agents]
    parts = shares(number, len(pairs))
    return [talk(ledger, place, agent, part) for (place, agent), part in zip(pairs, parts, strict=True)]


async def all_of(works: Sequence[Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(_as_coroutine(work))


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work


def shown_in_rooms(where: Sequence[Place]) -> Progress:
    """How many payloads an agent's client has seen."""
    agent = where[0].agents[0]

    async def progress() -> int:
        await agent.sync_once()
        found = {
            token
            for place in where
            for event in agent.seen(place.room)
            if event["sender"].startswith("@pont")
            for token in tokens(str(event.get("content", {}).get("body", "")))
        }
        return len({token for token in found if token.place in {place.name for place in where}})

    return progress


def shown_in_mails(ground: Ground, where: Sequence[Place]) -> Progress:
    async def progress() -> int:
        return len({sighting.token for place in where for sighting in ground.in_mail(place)})

    return progress


async def kill_at_random(ground: Ground, kills: int, total: int, progress: Progress) -> None:
    """kill -9 at random points of the way, and start again each time; some starts are killed too."""
    points = sorted(random.randrange(total * 19 // 20) for _ in range(kills))
    while points:
        await at_least(progress, points.pop(0))
        await asyncio.sleep(random.uniform(0, 0.2))
        await ground.bridge.kill()
        while points and random.random() < _STARTING:
            points.remove(random.choice(points))
            await ground.bridge.kill_starting(random.uniform(0.1, 3.0))
        await ground.bridge.start()
    await ground.bridge.stop()  # SIGTERM is as safe
    await ground.bridge.start()


async def kills_mail_to_room(ground: Ground, scale: Scale) -> Verdict:
    """Mails into four rooms; kill -9 of the bridge at random points."""
    ledger = Ledger()
    async with ground.running():
        where = await ground.places()
        async with asyncio.TaskGroup() as group:
            group.create_task(all_of(writers(ground, ledger, where, scale.count)))
            group.create_task(kill_at_random(ground, scale.kills, scale.count, shown_in_rooms(where)))
        verdict = await ground.judge(ledger, where, ground.seen_in_rooms)
        verdict.notes.append(f"{ground.bridge.kills} kills")
    return verdict


async def kills_room_to_mail(ground: Ground, scale: Scale) -> Verdict:
    """Agents talk in four rooms; kill -9 of the bridge at random points."""
    ledger = Ledger()
    async with ground.running():
        where = await ground.places()
        async with asyncio.TaskGroup() as group:
            group.create_task(all_of(talkers(ledger, where, scale.count)))
            group.create_task(kill_at_random(ground, scale.kills, scale.count, shown_in_mails(ground, where)))
        verdict = await ground.judge(ledger, where, ground.seen_in_mails)
        verdict.notes.append(f"{ground.bridge.kills} kills")
        if verdict.again > ground.bridge.kills:
            verdict.wrong.append(f"{verdict.again} retransmissions, more than {ground.bridge.kills} kills")
    return verdict


async def outages_mail_to_room(ground: Ground, scale: Scale) -> Verdict:
    """Mails into four rooms; kill -9 of the homeserver, twice, and what comes meanwhile waits."""
    ledger, slowest = Ledger(), 0.0
    async with ground.running():
        where = await ground.places()
        progress = shown_in_rooms(where)
        for half in shares(scale.count, 1 if scale.short else 2):
            before = await progress()
            async with asyncio.TaskGroup() as group:
                group.create_task(all_of(writers(ground, ledger, where, half)))
                await at_least(progress, before + half // 4)
                await ground.world.synapse.kill()
            await ground.world.synapse.restart()  # all mails are in, three quarters of them wait
            slowest = max(slowest, await ground.drained(ledger, where, ground.seen_in_rooms))
        return await ground.judge(ledger, where, ground.seen_in_rooms, earlier=slowest)


async def outages_room_to_mail(ground: Ground, scale: Scale) -> Verdict:
    """Agents talk in four rooms; kill -9 of the homeserver, twice, with events in its memory that we have not had."""
    ledger, slowest = Ledger(), 0.0
    async with ground.running() as bridge:
        where = await ground.places()
        progress = shown_in_mails(ground, where)
        for half in shares(scale.count, 1 if scale.short else 2):
            before = await progress()
            async with asyncio.TaskGroup() as group:
                group.create_task(all_of(talkers(ledger, where, half)))
                await at_least(progress, before + half // 4)
                with bridge.frozen():  # it answers nothing: the homeserver keeps in memory what agents say
                    await asyncio.sleep(1)
                    await ground.world.synapse.kill()
                await ground.world.synapse.restart()
            slowest = max(slowest, await ground.drained(ledger, where, ground.seen_in_mails))
        return await ground.judge(ledger, where, ground.seen_in_mails, earlier=slowest)


async def at_least(progress: Progress, number: int) -> None:
    async def reached() -> bool:
        return await progress() >= number

    if not await eventually(reached, timeout=60, every=0.05):
        raise AssertionError(f"nothing moves: {await progress()}, waiting for {number}")
