"""Slack at its limits: one channel is told to wait, and everything is told again and again."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle, islice

from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.slack.sockets import Delivery
from tchap_bridges.testing.slack.web_api import Asked

from .ground import Ground, Place
from .oracle import Verdict, tokens
from .scenario import Scale
from .slack import PEOPLE, Workspace, workspace
from .storms import all_of
from .traffic import say

_POST = "chat.postMessage"
_UNAFFECTED = 2.0  # seconds from a room to a channel that nobody limits
_PER_SECOND = 50
_AGAIN = 3
_ACK_P99 = 1.0
_BESIDE_OTHERS = 5  # in short other tests run beside it: so many times as long may it take


async def limited(ground: Ground, scale: Scale) -> Verdict:
    """Slack tells one channel to wait (30 s, 3 s in short): nothing is posted there earlier, the others go on."""
    wait = 3 if scale.short else 30
    async with workspace(ground) as slack:
        where = [await slack.place(ground, name) for name in ("l1", "l2", "l3")]
        held, *_others = where
        channel = slack.slack.workspace.channel(f"#{held.name}").id
        said: dict[str, float] = {}
        slack.slack.faults.ratelimit(_POST, channel, retry_after=wait)
        await all_of([_talk(slack, place, said, 0.8 * wait) for place in where])
        if not scale.short:  # there is time to be killed and come back: it still waits, whoever it is now

            async def others_arrived() -> bool:
                shown = (one for each in (await slack.seen(where)).values() for one in each)
                return all(token.place == held.name for token in slack.back.missing(shown))

            await eventually(others_arrived, timeout=_UNAFFECTED)
            await ground.bridge.kill()
            await ground.bridge.start()
        verdict = await ground.judge(slack.back, where, slack.seen)
        posts = [asked for asked in slack.slack.api.asked if asked.method == _POST]
        _obeyed(verdict, [asked for asked in posts if asked.arguments["channel"] == channel], wait)
        _unaffected(
            verdict,
            [asked for asked in posts if asked.arguments["channel"] != channel],
            said,
            limit=_UNAFFECTED * (_BESIDE_OTHERS if scale.short else 1),
        )
    return verdict


async def _talk(slack: Workspace, place: Place, said: dict[str, float], seconds: float) -> None:
    """The agent of a room talks for so long; ``said``: when each of its messages was taken."""
    agent, until = place.agents[0], time.monotonic() + seconds
    while time.monotonic() < until:
        token = slack.back.new(place.name, agent.user_id[1:].partition(":")[0])
        await say(agent, place, f"bonjour, {token}")
        said[str(token)] = time.monotonic()
        slack.back.acknowledge(token)
        await asyncio.sleep(0.3)


def _obeyed(verdict: Verdict, posts: Sequence[Asked], wait: int) -> None:
    (first, *others) = posts
    if first.status != 429 or any(asked.status == 429 for asked in others):
        verdict.wrong.append(f"limited {sum(asked.status == 429 for asked in posts)} times, not at the first post only")
    next_ = min(asked.at for asked in others) - first.at
    verdict.notes.append(f"asked to wait {wait} s, posted there after {next_:.2f} s")
    early = sum(asked.at - first.at < wait for asked in others)
    if early:
        verdict.wrong.append(f"{early} posts came earlier than the {wait} s that Slack asked for")


def _unaffected(verdict: Verdict, posts: Sequence[Asked], said: dict[str, float], *, limit: float) -> None:
    shown = {str(token): asked.at for asked in posts for token in tokens(str(asked.arguments["text"]))}
    lags = sorted(shown[token] - said[token] for token in said.keys() & shown.keys())
    verdict.notes.append(f"others: {len(lags)} posts, p50 {_part(lags, 0.5):.2f} s, slowest {lags[-1]:.2f} s")
    if lags[-1] > limit:
        verdict.wrong.append(f"another channel's post took {lags[-1]:.2f} s, more than {limit} s")


async def told_again(ground: Ground, scale: Scale) -> Verdict:
    """50 events a second, each told three times more, over two sockets: one message each, and acks within a second."""
    number = _PER_SECOND * (3 if scale.short else 20)
    async with workspace(ground) as slack:
        where = [await slack.place(ground, name) for name in ("r1", "r2", "r3", "r4", "r5")]
        sockets = slack.slack.sockets
        sockets.ack_within = 3.0
        sockets.disconnect("warning")  # a second socket opens beside the first

        async def both_open() -> bool:
            return len(sockets.open) == 2

        if not await eventually(both_open, timeout=30):
            raise AssertionError("no second socket was opened")
        slack.slack.faults.redeliver_all = _AGAIN
        began, before = time.monotonic(), len(sockets.deliveries)
        pairs = [(place, person) for person in PEOPLE for place in where]
        for n, (place, person) in enumerate(islice(cycle(pairs), number), 1):
            token = slack.ledger.new(place.name, person)
            slack.slack.workspace.say(f"#{place.name}", person, f"bonjour {token}")
            slack.ledger.acknowledge(token)
            await asyncio.sleep(began + n / _PER_SECOND - time.monotonic())
        seconds = time.monotonic() - began
        verdict = await ground.judge(slack.ledger, where, ground.seen_in_rooms)
        verdict.notes.append(f"{number} events at {number / seconds:.0f} a second")
        _acknowledged(verdict, sockets.deliveries[before:], limit=_ACK_P99 * (_BESIDE_OTHERS if scale.short else 1))
    return verdict


def _acknowledged(verdict: Verdict, deliveries: Sequence[Delivery], *, limit: float) -> None:
    sent = [sending for delivery in deliveries for sending in delivery.sent]
    waits = sorted(sending.acked_at - sending.at for sending in sent if sending.acked_at is not None)
    p50, p99, slowest = (1000 * seconds for seconds in (_part(waits, 0.5), _part(waits, 0.99), waits[-1]))
    verdict.notes.append(f"{len(waits)} of {len(sent)} envelopes acknowledged")
    verdict.notes.append(f"acks: p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {slowest:.0f} ms")
    if min(len(delivery.sent) for delivery in deliveries) <= _AGAIN:
        verdict.wrong.append(f"not every event was told {_AGAIN} times more")
    if any(len({sending.socket for sending in delivery.sent}) < 2 for delivery in deliveries):
        verdict.wrong.append("not every event was told over a second socket")
    if len(waits) < len(sent):
        verdict.wrong.append(f"{len(sent) - len(waits)} envelopes were never acknowledged")
    if p99 >= limit * 1000:
        verdict.wrong.append(f"p99 of the acks is {p99:.0f} ms, not below {limit} s")


def _part(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
