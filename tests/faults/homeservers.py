"""What a homeserver does to us: loses, repeats, reorders, refuses, and is away."""

import asyncio
import time
from collections.abc import Sequence

from aiohttp import web

from .ground import Ground
from .oracle import Ledger, Verdict, tokens
from .proxy import Proxy, Refusal
from .scenario import Scale
from .traffic import talk, write

QUIET = 2.0  # seconds in which something that should not happen would


async def queue_lost(ground: Ground, scale: Scale) -> Verdict:
    """The homeserver dies with our 200 held for 8 s and 30 events in its memory: repaired by one sweep."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        await ground.start(f"late-transaction:{3 if scale.short else 8}")
        await talk(ledger, place, place.agents[0], 1)
        await talk(ledger, place, place.agents[0], 30)
        await ground.world.synapse.kill()
        await ground.world.synapse.restart()
        began = time.monotonic()
        await talk(ledger, place, place.agents[0], 1)
        verdict = await ground.judge(ledger, [place], ground.seen_in_mails)
        verdict.notes.append(f"repaired {time.monotonic() - began:.1f} s after the homeserver was back")
    if verdict.seconds > 20:
        verdict.wrong.append(f"repaired after {verdict.seconds:.0f} s, which is more than a sweep")
    return verdict


async def old_transaction(ground: Ground, scale: Scale) -> Verdict:
    """An old transaction after a newer one, and both again: every event once."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        transactions = []
        for agent in place.agents:
            token = ledger.new(place.name, agent.user_id[1:].partition(":")[0])
            transactions.append([ground.event(place, agent, {"msgtype": "m.text", "body": f"Bonjour, {token}"})])
        old, middle, new = transactions
        order = (("90008", new), ("90007", old), ("90008", new), ("90006", middle), ("90007", [*old, *new]))
        codes = [await ground.transaction(number, events) for number, events in order]
        for token in ledger.issued:
            ledger.acknowledge(token)
        verdict = await ground.judge(ledger, [place], ground.seen_in_mails)
    if set(codes) != {200}:
        verdict.wrong.append(f"answers: {codes}")
    return verdict


async def same_transaction_at_once(ground: Ground, scale: Scale) -> Verdict:
    """A handler so slow that the homeserver sends the transaction again: one effect, 200 to both."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        await ground.start("late-transaction:3")
        agent = place.agents[0]
        found = [ledger.new(place.name, "camille") for _n in range(5)]
        events = [ground.event(place, agent, {"msgtype": "m.text", "body": str(token)}) for token in found]
        codes = await asyncio.gather(*(ground.transaction("91000", events) for _attempt in range(3)))
        for token in ledger.issued:
            ledger.acknowledge(token)
        verdict = await ground.judge(ledger, [place], ground.seen_in_mails)
    if set(codes) != {200}:
        verdict.wrong.append(f"answers: {codes}")
    return verdict


async def poison(ground: Ground, scale: Scale) -> Verdict:
    """One event of a hundred makes its reader fail: 200, 99 delivered, one dead letter with one notice, no loop."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        bridge = await ground.start("poison")
        agent, dead_before = place.agents[0], await bridge.unreadable()
        events = []
        for n in range(100):
            body = "poison-mortel" if n == 41 else str(ledger.new(place.name, "camille"))
            events.append(ground.event(place, agent, {"msgtype": "m.text", "body": body}))
        code = await ground.transaction("92000", events)
        for token in ledger.issued:
            ledger.acknowledge(token)
        verdict = await ground.judge(ledger, [place], ground.seen_in_mails)
        await ground.transaction("92000", events)
        await asyncio.sleep(QUIET)
        said = [str(event["content"].get("body", "")) for event in await agent.timeline(place.room)]
        notices = [body for body in said if "n'a pas pu être lu" in body]
        dead = await bridge.unreadable() - dead_before
        if (code, len(notices), dead) != (200, 1, 1):
            verdict.wrong.append(f"answered {code}, {len(notices)} notices, {dead} dead letters")
        await bridge.kill()
        await ground.start("poison")  # nor does it stop the start
        await talk(ledger, place, agent, 1)
        again = await ground.judge(ledger, [place], ground.seen_in_mails)
    verdict.wrong += again.wrong
    verdict.lost += again.lost
    return verdict


async def refusals(ground: Ground, scale: Scale) -> Verdict:
    """429, M_LIMIT_EXCEEDED, 502 and cut connections for a while: no call before its time, nothing lost or doubled."""
    ledger, wrong, slowest = Ledger(), [], 0.0
    async with Proxy(ground.world.synapse.url) as proxy:
        homeserver = {"homeserver": {"url": proxy.url}}
        async with ground.running(**homeserver):
            places = [await ground.place(), await ground.place(tchap=True)]
            await asyncio.gather(*(write(ground, ledger, place, "jean", 2) for place in places))
            await ground.drained(ledger, places, ground.seen_in_rooms)
            for name, refusal in REFUSALS[:: 3 if scale.short else 1]:
                limited = Limited(refusal)
                proxy.fault = limited
                await asyncio.gather(
                    *(write(ground, ledger, place, who, 4) for place in places for who in ("jean", "marie"))
                )
                await asyncio.sleep(QUIET)
                proxy.fault = lambda _request: None
                slowest = max(slowest, await ground.drained(ledger, places, ground.seen_in_rooms))
                if not limited.refused:
                    wrong.append(f"{name}: nothing was refused")
                wrong += [f"{name}: {words}" for words in limited.too_early(proxy)]
            verdict = await ground.judge(ledger, places, ground.seen_in_rooms, earlier=slowest)
    verdict.wrong += wrong
    return verdict


_WAIT = 2.0
_IN_FLIGHT = 0.05  # seconds in which a call that left before the refusal may still come
_LIMIT = {"errcode": "M_LIMIT_EXCEEDED", "error": "slow down"}
REFUSALS = (
    ("429 with retry_after_ms", Refusal(429, {**_LIMIT, "retry_after_ms": int(_WAIT * 1000)})),
    ("429 with Retry-After", Refusal(429, _LIMIT, {"Retry-After": str(int(_WAIT))})),
    ("429 of a proxy", Refusal(429, None, {"Retry-After": str(int(_WAIT))})),
    ("M_LIMIT_EXCEEDED", Refusal(400, {**_LIMIT, "retry_after_ms": int(_WAIT * 1000)})),
    ("502", Refusal(502)),
    ("504", Refusal(504)),
    ("cut after the work", Refusal(0)),
    ("500", Refusal(500, {"errcode": "M_UNKNOWN", "error": "internal"})),
)


class Limited:
    """Refuses each user's first two sends, and notes when."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.refused: list[tuple[float, str]] = []

    def __call__(self, request: web.Request) -> Refusal | None:
        user = request.query.get("user_id", "")
        if "/send/" not in request.path or [who for _at, who in self.refused].count(user) >= 2:
            return None
        self.refused.append((time.monotonic(), user))
        return self.refusal

    def too_early(self, proxy: Proxy) -> Sequence[str]:
        """Calls that a user made before the time it was told."""
        if "Retry-After" not in self.refusal.headers and "retry_after_ms" not in (self.refusal.body or {}):
            return []
        return [
            f"{call.user}: {call.path} {call.at - at:.2f} s after it was told to wait {_WAIT} s"
            for at, user in self.refused
            for call in proxy.calls
            if call.user == user and at + _IN_FLIGHT < call.at < at + _WAIT * 0.98
        ]


async def early_changes(ground: Ground, scale: Scale) -> Verdict:
    """An edit or a redaction before its original: applied at most 10 s after that lands."""
    ledger, kept = Ledger(), {}
    async with ground.running(**ground.email(grace_seconds=3)):
        place = await ground.place()
        agent = place.agents[0]
        withdrawn = []
        for n in range(6):
            first, second = ledger.new(place.name, "camille"), ledger.new(place.name, "camille")
            original = ground.event(place, agent, {"msgtype": "m.text", "body": f"Bonjour, {first}"})
            if n % 2:
                content = {"msgtype": "m.text", "body": f"Bonjour, {second}"}
                relation = {"rel_type": "m.replace", "event_id": original["event_id"]}
                edit = {**content, "body": f"* {second}", "m.new_content": content, "m.relates_to": relation}
                change = ground.event(place, agent, edit)
                kept[second] = first
            else:
                change = ground.event(place, agent, {"redacts": original["event_id"]})
                change |= {"type": "m.room.redaction", "redacts": original["event_id"]}
                withdrawn += [first, second]
            codes = [await ground.transaction(f"930{n}0", [change])]
            await asyncio.sleep(0.3)
            codes.append(await ground.transaction(f"930{n}1", [original]))
            if codes != [200, 200]:
                raise AssertionError(f"answers: {codes}")
        for second, first in kept.items():
            ledger.acknowledge(second)
            ledger.withdraw(first)
        verdict = await ground.judge(ledger, [place], ground.seen_in_mails)
        await asyncio.sleep(QUIET)
        seen = {token for mail in ground.world.sink.sent for token in tokens(mail.data.decode("latin-1"))}
    verdict.wrong += [f"{token} should have been withdrawn" for token in withdrawn if token in seen]
    verdict.wrong += [f"{first} should have been reworded" for first in kept.values() if first in seen]
    if verdict.seconds > 10:
        verdict.wrong.append(f"applied after {verdict.seconds:.0f} s")
    return verdict
