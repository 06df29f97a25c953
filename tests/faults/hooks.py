"""What others post to webhooks, some of it again, some forged, some too large, and kill -9 of the bridge meanwhile."""

import asyncio
import contextlib
import hashlib
import hmac
import io
import json
import random
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from .ground import Ground, Place
from .oracle import Ledger, Token, Verdict
from .scenario import Scale
from .storms import Progress, all_of, at_least, shown_in_rooms
from .traffic import shares

BOT = Path(__file__).with_name("marks")
ROOMS, ROOMS_SHORT = 32, 2  # a bot says 60 things a minute in each: senders are told to wait, and nothing is lost
SENDERS = 2  # of each hook, side by side
AHEAD = 300  # messages that may wait for the homeserver before senders rest: it is what is slow, and not judged here
LARGEST = 1 << 20
_PAUSE = 0.1  # seconds between two attempts
_REPEATED, _FORGED, _OVERSIZED = 0.2, 0.05, 0.05


@dataclass(slots=True)
class Post:
    """One delivery that a sender makes; ``token`` is what it says."""

    token: Token
    body: bytes

    @classmethod
    def saying(cls, token: Token, padding: int = 0) -> "Post":
        return cls(token, json.dumps({"id": str(token), "text": f"alerte {token}", "more": "x" * padding}).encode())


@dataclass(slots=True)
class Tally:
    """What senders were told: how often each number. ``refused``: what must be seen nowhere."""

    told: Counter[str] = field(default_factory=Counter)
    refused: set[Token] = field(default_factory=set)
    taken: int = 0


@dataclass(slots=True)
class Hook:
    """An address of a room, as its moderator was told it in private."""

    place: Place
    url: str
    secret: str


class Sender:
    """Sends until it hears what it must hear, as senders do; whoever hears nothing tries again."""

    def __init__(self, hook: Hook, name: str, ledger: Ledger, tally: Tally) -> None:
        self._hook = hook
        self._name = name
        self._ledger = ledger
        self._tally = tally
        self._sent: list[Post] = []

    async def deliver(self, number: int, go: asyncio.Event) -> None:
        """``number`` deliveries, each when there is a ``go``."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            for _n in range(number):
                await go.wait()
                await self._one(http, random.random())

    async def _one(self, http: aiohttp.ClientSession, chance: float) -> None:
        if chance < _FORGED:
            await self._until(http, Post.saying(self._foreign()), self._hook.secret[::-1], 401)
        elif chance < _FORGED + _OVERSIZED:
            await self._until(http, Post.saying(self._foreign(), padding=LARGEST), self._hook.secret, 413)
        elif chance < _FORGED + _OVERSIZED + _REPEATED and self._sent:
            await self._until(http, random.choice(self._sent[-50:]), self._hook.secret, 202)
            self._tally.told["repeated"] += 1
        else:
            post = Post.saying(self._ledger.new(self._hook.place.name, self._name))
            await self._until(http, post, self._hook.secret, 202)
            self._ledger.acknowledge(post.token)
            self._tally.taken += 1
            self._sent.append(post)

    def _foreign(self) -> Token:
        """What nobody may see."""
        token = Ledger().new(self._hook.place.name, self._name)
        self._tally.refused.add(token)
        return token

    async def _until(self, http: aiohttp.ClientSession, post: Post, secret: str, expected: int) -> None:
        """The same bytes again until it is told what is expected. What it may be told meanwhile is "later"."""
        signature = hmac.new(secret.encode(), post.body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-Forwarded-For": f"192.0.2.{random.randrange(250)}"}
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with http.post(self._hook.url, data=io.BytesIO(post.body), headers=headers) as answer:
                    self._tally.told[str(answer.status)] += 1
                    if answer.status == expected:
                        return
                    if answer.status not in {429, 503}:
                        raise AssertionError(f"a delivery was told {answer.status}, not {expected}")
            await asyncio.sleep(_PAUSE)


async def kills(ground: Ground, scale: Scale) -> Verdict:
    """Webhooks: a fifth repeated, some forged, some too large; kill -9 of the bridge, twice."""
    number = scale.count if scale.short else 10 * scale.count
    ledger, tally = Ledger(), Tally()
    shutil.copytree(BOT, ground.world.bridge.folder, dirs_exist_ok=True)
    async with ground.running(bots={"marques": {}}, limits={"webhooks": 1_000_000}):
        hooks = await _hooks(ground, ROOMS_SHORT if scale.short else ROOMS)
        where = [hook.place for hook in hooks]
        senders = [Sender(hook, f"s{n}", ledger, tally) for hook in hooks for n in range(SENDERS)]
        parts = zip(senders, shares(number, len(senders)), strict=True)
        go, progress = asyncio.Event(), shown_in_rooms(where)
        async with asyncio.TaskGroup() as group:
            pacing = group.create_task(_pace(tally, progress, go))
            sending = group.create_task(all_of([sender.deliver(part, go) for sender, part in parts]))
            await _strike(ground, tally, number * 6 // 10)
            await sending
            pacing.cancel()
        await at_least(progress, tally.taken)  # to read all of many rooms takes longer than to fill them
        verdict = await ground.judge(ledger, where, ground.seen_in_rooms)
        shown = await ground.seen_in_rooms(where)
        leaked = {one.token for each in shown.values() for one in each} & tally.refused
        verdict.wrong += [f"{token} was refused, and shown" for token in sorted(leaked)[:5]]
        verdict.notes.append(f"{number} deliveries, {ground.bridge.kills} kills; senders were told {dict(tally.told)}")
    return verdict


async def _strike(ground: Ground, tally: Tally, most: int) -> None:
    """kill -9 twice, at random points; senders go on meanwhile."""
    for point in sorted(random.sample(range(most), 2)):
        while tally.taken < point:
            await asyncio.sleep(0.01)
        await asyncio.sleep(random.uniform(0, 0.05))
        await ground.bridge.kill()
        await asyncio.sleep(random.uniform(0, 1))
        await ground.bridge.start()


async def _pace(tally: Tally, progress: Progress, go: asyncio.Event) -> None:
    """As many as the homeserver shows, and some more for a kill to find."""
    while True:
        (go.set if tally.taken - await progress() < AHEAD else go.clear)()
        await asyncio.sleep(0.3)


async def _hooks(ground: Ground, number: int) -> Sequence[Hook]:
    """New rooms of a new moderator, each with the bot on and an address for it."""
    agent = await ground.world.agent(f"ops{secrets.token_hex(4)}", "Ops")
    found, direct = [], ""
    for n in range(number):
        room = await ground.world.room(agent)
        await agent.send_text(room, "!bot activer marques")
        await agent.wait_for_text(room, "marques est actif")
        await agent.send_text(room, f"!bot webhook creer marques h{n}")
        if not direct:
            direct = await agent.join(await agent.wait_for_invite())
        body = str((await agent.wait_for_text(direct, f"« h{n} »"))["content"]["body"])
        address, secret = re.search(r"https?://\S+", body), re.search(r"Secret : (\S+)", body)
        if address is None or secret is None:
            raise AssertionError("the moderator was told no address")
        found.append(Hook(Place(f"h{n}", room, "", [agent]), address[0], secret[1]))
    return found
