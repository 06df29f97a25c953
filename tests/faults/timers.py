"""Times that come while the bridge is killed: schedules, orders and reminders, each said once and in a real room."""

import asyncio
import math
import random
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tchap_bridges.testing.process import ServerFailedError

from .clockwork import SPAN
from .ground import DRAIN, Bridge, Ground, Place
from .oracle import Ledger, Sighting, Verdict, tokens
from .scenario import Scale
from .storms import Progress, all_of, at_least, shown_in_rooms
from .traffic import say, shares

FAULTS = ("die-timer-calling", "die-timers-fired", "die-bot-called", "die-bot-done")
"""In the transaction that moves a time to its lane, after it, before the one that ends the call, and after that."""
BOTS: Mapping[str, Mapping[str, Any]] = {"bots": {"horloge": {}, "rappels": {}}}
_PARIS = ZoneInfo("Europe/Paris")
_TICK = re.compile(r"tic (\d+)")
_FAR = 6000  # milliseconds: so late at most an order is for
_PACE = (0.5, 2.5)  # seconds between two orders in a room
_AHEAD = 40  # orders that may wait for their time in all rooms together
_SOON = timedelta(seconds=15)


async def kills_while_firing(ground: Ground, scale: Scale) -> Verdict:
    """A bot is called by its schedule, by orders and reminders; kill -9 of the bridge at random, and while it fires."""
    ledger = Ledger()
    async with ground.running("clockwork", **BOTS):
        places = [await _place(ground) for _room in range(4 if scale.short else 6)]
        reminders = await _remind(ledger, places)
        parts = shares(scale.count, len(places))
        async with asyncio.TaskGroup() as group:
            progress = shown_in_rooms(places)
            orders = [_order(ledger, place, part, progress) for place, part in zip(places, parts, strict=True)]
            group.create_task(all_of(orders))
            group.create_task(_kill(ground, places, scale, reminders))
        await asyncio.sleep(max(_FAR / 1000, (reminders - datetime.now(UTC)).total_seconds()))
        verdict = await ground.judge(ledger, places, _seen)
        verdict.seconds = max(verdict.seconds, await _caught_up(places))
        for place in places:
            await _judge_ticks(place, verdict)
        verdict.notes.append(f"{ground.bridge.kills} kills")
        if verdict.seconds > DRAIN:
            verdict.wrong.append(f"not caught up within {DRAIN:.0f} s")
    return verdict


async def _place(ground: Ground) -> Place:
    """A room where both bots are on."""
    agent = ground.agents[0]
    room = await ground.world.room(agent)
    place = Place(f"m{random.randrange(10**6)}", room, "", [agent])
    for bot in BOTS["bots"]:
        await say(agent, place, f"!bot activer {bot}")
        await agent.wait_for_text(room, f"✓ {bot} est actif", timeout=30)
    return place


async def _remind(ledger: Ledger, places: Sequence[Place]) -> datetime:
    """Have the agent reminded in each room at the next whole minute that is not too near."""
    at = (datetime.now(UTC) + _SOON + timedelta(minutes=1)).replace(second=0, microsecond=0)
    when = f"{at.astimezone(_PARIS):%d/%m/%Y à %Hh%M}"
    for place in places:
        token = ledger.new(place.name, "rappel")
        await say(place.agents[0], place, f"!rappel le {when} {token}")
        await place.agents[0].wait_for_text(place.room, f": {token}", timeout=30)
        ledger.acknowledge(token)
    return at


async def _order(ledger: Ledger, place: Place, number: int, progress: Progress) -> None:
    """Orders of one agent, in the order of their tokens, and for times that follow one another closely.

    No faster than the homeserver shows them: what is measured is the bridge.
    """
    loop, due = asyncio.get_running_loop(), 0.0
    for _n in range(number):
        token = ledger.new(place.name, "ordre")
        due = max(due + random.uniform(0.05, 0.3), loop.time() + _FAR / 2000 * random.uniform(0.5, 1))
        await say(place.agents[0], place, f"!sonne {int((due - loop.time()) * 1000)} {token}")
        ledger.acknowledge(token)
        await asyncio.sleep(random.uniform(*_PACE))
        await at_least(progress, len(ledger.acknowledged) - _AHEAD)


async def _kill(ground: Ground, places: Sequence[Place], scale: Scale, reminders: datetime) -> None:
    """Half the kills at random moments, one of them when the reminders come; the others where it hurts most."""
    progress = shown_in_rooms(places)
    faults = [FAULTS[n % len(FAULTS)] for n in range(max(len(FAULTS), scale.kills // 2))]
    for n in range(scale.kills):
        await at_least(progress, min(await progress() + 1, scale.count // 2))
        await asyncio.sleep(0 if scale.short else random.uniform(0, 10))
        await asyncio.sleep(random.uniform(0, 1))
        await ground.bridge.kill()
        if n < len(faults):
            await _dies(ground, f"{faults[n]}:{random.randint(2, 9)}")
        await ground.bridge.start()
        await asyncio.sleep(random.uniform(0, _PACE[1]))
    for fault in faults[scale.kills :]:
        await _dies(ground, f"{fault}:{random.randint(2, 9)}")
        await ground.bridge.start()
    await asyncio.sleep(max(0.0, (reminders - datetime.now(UTC)).total_seconds() + random.uniform(0, 0.1)))
    await ground.bridge.kill()
    await ground.bridge.start()


async def _dies(ground: Ground, fault: str) -> None:
    """Started with this fault it kills itself, perhaps before it is ready; the next start is without it."""
    plain = ground.bridge
    await plain.end()
    doomed = Bridge(plain.folder, plain.ports, ("clockwork", fault))
    doomed.kills = plain.kills
    try:
        await doomed.start()
        await doomed.gone()
        plain.kills = doomed.kills
    except ServerFailedError as error:
        if "code -9" not in str(error):
            raise
        plain.kills += 1
    await doomed.end()


async def _seen(places: Sequence[Place]) -> dict[str, list[Sighting]]:
    """What was said when its time had come: not what a reminder says of itself when it is set."""
    return {
        place.name: [
            Sighting(id_, token)
            for id_, text in await _said(place)
            if "Rappel n°" not in text
            for token in tokens(text)
        ]
        for place in places
    }


async def _said(place: Place) -> list[tuple[str, str]]:
    """The id and the text of everything that the bridge has said in the room, read anew."""
    return [
        (event["event_id"], str(event["content"].get("body", "")))
        for event in await place.agents[0].timeline(place.room)
        if event["type"] == "m.room.message" and event["sender"].startswith("@pont")
    ]


async def _ticks(place: Place) -> list[int]:
    return [int(found[1]) for _id, text in await _said(place) if (found := _TICK.fullmatch(text))]


async def _caught_up(places: Sequence[Place]) -> float:
    """Seconds until every place has had the tick of now; infinite when it has not after `DRAIN`."""
    began = time.monotonic()
    behind = list(places)
    while behind and time.monotonic() - began < DRAIN:
        behind = [place for place in behind if time.time() * 1000 - (await _ticks(place))[-1] > 2 * SPAN]
        await asyncio.sleep(1)
    return math.inf if behind else time.monotonic() - began


async def _judge_ticks(place: Place, verdict: Verdict) -> None:
    """From the first to the last there is each one, once, in order."""
    ticks = await _ticks(place)
    verdict.sent += len(ticks)
    for before, after in pairwise(ticks):
        if after != before + SPAN:
            verdict.wrong.append(f"the tick after {before} is {after}")
    verdict.notes.append(f"{len(ticks)} ticks")
