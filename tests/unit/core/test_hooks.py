"""What is posted to a room: genuine or not, once however often it comes, and what becomes of it."""

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.bot import Bot, Posted, Room, command, webhook
from tchap_bridges.core.bots.deliveries import WAITING, Outcome
from tchap_bridges.core.bots.hooks import CROWDED, GRACE, Hook
from tchap_bridges.core.bots.limits import SAID_AT_ONCE
from tchap_bridges.errors import Misconfigured
from tchap_bridges.hooks import Scheme
from tchap_bridges.i18n import _
from tchap_bridges.ids import UserId
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom
from tchap_bridges.web.metrics import Metrics


class Duty(Bot):
    """Astreinte."""

    name = "astreinte"

    @webhook(verify="hmac-sha256", dedup="id")
    async def planning(self, room: Room, body: dict[str, Any]) -> str:
        if body.get("agent") == "personne":
            raise Misconfigured(_("il faut quelqu'un"))
        if body.get("agent") == "panne":
            raise RuntimeError("out of order")
        return f"{body['agent']} ({room.when:%H:%M})"

    @command("derniers")
    async def last(self, room: Room, words: str) -> str:
        """Les derniers."""
        del words
        return " ".join(f"{one.number}:{json.loads(one.body)['agent']}" for one in await room.posted(2)) or "rien"


class Raw(Bot):
    """Brut."""

    name = "brut"

    @webhook(raw=True)
    async def came(self, room: Room, posted: Posted) -> str:
        del room
        return f"{posted.hook} {posted.id} {sorted(posted.headers)} {posted.body!r}"


async def made(bench: Bench, room: BenchRoom, scheme: Scheme = Scheme.HMAC, bot: str = "astreinte") -> Hook:
    handler = {"astreinte": "planning", "brut": "came"}[bot]
    async with bench.db.transaction() as tx:
        hook = await bench.kernel.crew.hooks.make(tx, room.id, bot, handler, "essai", scheme, ADMIN)
    assert hook is not None
    return hook


def signed(secret: str, body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


async def post(bench: Bench, hook: Hook, body: Any, **headers: str) -> Outcome:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    outcome = await bench.kernel.crew.hooks.accept(hook.id, "", signed(hook.secret, data) | headers, data)
    await bench.settle()
    return outcome


async def test_what_is_posted_reaches_the_bot_and_its_room() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        assert await room.hook(Duty, {"id": 1, "agent": "Ana"}) == "Ana (09:30)"


async def test_a_repeat_calls_nobody_and_is_acknowledged() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        again = [await post(bench, hook, {"id": 1, "agent": name}) for name in ("Ana", "Bob")]
        assert again == [Outcome.TAKEN] * 2
        assert room.said == ["Ana (09:30)"]
        assert await post(bench, hook, {"id": 2, "agent": "Bob"}) is Outcome.TAKEN
        assert room.said[1:] == ["Bob (09:30)"]


async def test_many_at_once_of_the_same_are_one() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        await asyncio.gather(*(post(bench, hook, {"id": n % 5, "agent": f"n{n % 5}"}) for n in range(50)))
        assert sorted(room.said) == [f"n{n} (09:30)" for n in range(5)]
        async with bench.db.snapshot() as tx:
            (row,) = await tx.all("hooks_of", room=room.id)
        assert (row["deliveries"], row["repeated"]) == (5, 45)


async def test_the_senders_id_tells_a_repeat_where_the_body_does_not() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        for delivery in ("a", "a", "b"):
            await post(bench, hook, {"agent": "Ana"}, **{"X-GitHub-Delivery": delivery})
        assert len(room.said) == 2


async def test_the_same_bytes_are_a_repeat_for_a_while_only() -> None:
    async with Bench(Raw) as bench:
        room = await bench.room(Raw)
        assert await room.hook(Raw, "sauvegarde ratée")
        assert await room.hook(Raw, "sauvegarde ratée") == ""
        await bench.clock.forward(days=1)
        assert await room.hook(Raw, "sauvegarde ratée")
        assert await room.hook(Raw, "sauvegarde ratée") == ""


@pytest.mark.parametrize("change", ["secret", "body", "id", "nothing signed"])
async def test_forged_ones_are_told_apart_by_nobody(change: str) -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        body = b'{"id": 1, "agent": "Ana"}'
        headers = {} if change == "nothing signed" else signed("autre" if change == "secret" else hook.secret, body)
        id_ = "inconnu" if change == "id" else hook.id
        outcome = await bench.kernel.crew.hooks.accept(id_, "", headers, b"{}" if change == "body" else body)
        await bench.settle()
        assert outcome is Outcome.FORGED
        assert room.said == []


async def test_the_secret_of_an_address_that_bears_none_is_no_key() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        assert await bench.kernel.crew.hooks.accept(hook.id, hook.secret, {}, b"{}") is Outcome.FORGED


async def test_a_secret_that_was_replaced_opens_for_a_while() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        old = await made(bench, room)
        async with bench.db.transaction() as tx:
            new = await bench.kernel.crew.hooks.rotate(tx, old)
        assert old.secret != new.secret
        for n, hook in enumerate((old, new)):
            assert await post(bench, hook, {"id": n, "agent": "Ana"}) is Outcome.TAKEN
        await bench.clock.forward(seconds=GRACE.total_seconds())
        assert await post(bench, old, {"id": 3, "agent": "Ana"}) is Outcome.FORGED
        assert await post(bench, new, {"id": 4, "agent": "Ana"}) is Outcome.TAKEN


async def test_an_expired_hook_is_as_one_that_never_was() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        async with bench.db.transaction() as tx:
            fresh = await bench.kernel.crew.hooks.rotate(tx, hook)
            await bench.kernel.crew.hooks.expire(tx, fresh, bench.clock.at + timedelta(hours=1))
        assert await post(bench, fresh, {"id": 1, "agent": "Ana"}) is Outcome.TAKEN
        await bench.clock.forward(hours=1)
        for one in (hook, fresh):
            assert await post(bench, one, {"id": 2, "agent": "Ana"}) is Outcome.FORGED


async def test_a_bot_that_is_off_is_told_to_those_who_hold_the_secret_alone() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        await room.say(ADMIN, "!bot desactiver astreinte")
        assert await post(bench, hook, {"id": 1, "agent": "Ana"}) is Outcome.OFF
        assert await bench.kernel.crew.hooks.accept(hook.id, "", {}, b"{}") is Outcome.FORGED


@pytest.mark.parametrize("body", [b"", b"\xff", b"non", b"[" * 100_000, b"1" * 10_000, b'{"agent": "\\ud800"}'])
async def test_what_is_no_json_is_refused_where_json_is_wanted(body: bytes) -> None:
    async with Bench(Duty, Raw) as bench:
        room = await bench.room(Duty, Raw)
        assert await post(bench, await made(bench, room), body) is Outcome.UNREADABLE
        assert "brut" in await room.hook(Raw, body)


async def test_headers_with_secrets_or_addresses_reach_no_bot() -> None:
    async with Bench(Raw) as bench:
        room = await bench.room(Raw)
        headers = {
            "Authorization": "x",
            "X-Gitlab-Token": "x",
            "Cookie": "x",
            "X-Forwarded-For": "x",
            "X-Gitlab-Event": "Push Hook",
            "Idempotency-Key": "k1",
        }
        said = await room.hook(Raw, b"ok", headers=headers, name="depots")
        assert said == "depots k1 ['idempotency-key', 'x-gitlab-event'] b'ok'"


async def test_nothing_shows_a_secret_by_accident() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        async with bench.db.transaction() as tx:
            fresh = await bench.kernel.crew.hooks.rotate(tx, hook)
        assert hook.secret not in f"{hook!r} {fresh!r} {fresh.secrets()!r}"
        assert fresh.secret not in f"{fresh!r} {fresh.secrets()!r}"


async def test_a_flood_is_stopped_and_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        monkeypatch.setattr(bench.kernel.crew.hooks, "_per_minute", 4)
        hook = await made(bench, room)
        outcomes = [await post(bench, hook, {"id": n, "agent": "Ana"}) for n in range(6)]
        assert outcomes == [Outcome.TAKEN] * 4 + [Outcome.TOO_MANY] * 2
        assert bench.kernel.crew.hooks.wait(hook.id) == 15
        forged = [await bench.kernel.crew.hooks.accept(hook.id, "", {}, b"{}") for _n in range(5)]
        assert forged == [Outcome.FORGED] * 5
        await bench.clock.forward(seconds=15)
        again = [await post(bench, hook, {"id": n, "agent": "Ana"}) for n in (4, 5)]
        assert again == [Outcome.TAKEN, Outcome.TOO_MANY]


async def test_what_the_room_cannot_take_yet_waits_and_then_no_more_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        monkeypatch.setattr(bench.kernel.crew.hooks, "_per_minute", 1000)
        hook = await made(bench, room)
        body = [{"id": n, "agent": f"n{n}"} for n in range(SAID_AT_ONCE + WAITING + 1)]
        outcomes = [await post(bench, hook, one) for one in body]
        assert outcomes == [Outcome.TAKEN] * (SAID_AT_ONCE + WAITING) + [Outcome.TOO_MANY]
        assert bench.kernel.crew.hooks.wait(hook.id) == CROWDED
        assert len(room.said) == SAID_AT_ONCE
        await bench.clock.forward(seconds=10)
        assert len(room.said) == SAID_AT_ONCE + 10
        await bench.clock.forward(minutes=2)
        assert [said.partition(" ")[0] for said in room.said] == [one["agent"] for one in body[:-1]]
        assert await post(bench, hook, body[-1]) is Outcome.TAKEN
        assert len(room.said) == len(body)


async def test_what_became_of_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        for n, agent in enumerate(("Ana", "personne", "panne")):
            await post(bench, hook, {"id": n, "agent": agent})
        assert room.said == ["Ana (09:30)"]
        async with bench.db.snapshot() as tx:
            rows = await tx.all("deliveries_last", hook=hook.id, limit=10)
        assert [(row["n"], row["state"]) for row in rows] == [(3, 2), (2, 2), (1, 1)]


async def test_a_bot_looks_at_what_was_posted() -> None:
    async with Bench(Duty) as bench:
        room, other = await bench.room(Duty), await bench.room(Duty)
        assert await room.say("@a:x", "!derniers") == "rien"
        for n, agent in enumerate(("Ana", "Bob", "Cem")):
            await room.hook(Duty, {"id": n, "agent": agent})
        assert await room.say("@a:x", "!derniers") == "3:Cem 2:Bob"
        assert await other.say("@a:x", "!derniers") == "rien"


async def test_a_hook_follows_its_room() -> None:
    async with Bench(Duty) as bench:
        old, new = await bench.room(Duty), await bench.room()
        hook = await made(bench, old)
        async with bench.db.transaction() as tx:
            await bench.kernel.crew.hearing.move(tx, old.id, new.id)
            await bench.kernel.crew.hooks.move(tx, old.id, new.id)
        assert await post(bench, hook, {"id": 1, "agent": "Ana"}) is Outcome.TAKEN
        assert (old.said, new.said) == ([], ["Ana (09:30)"])


async def test_what_waits_when_the_room_is_replaced_is_said_in_the_new_one() -> None:
    async with Bench(Duty) as bench:
        old, new = await bench.room(Duty), await bench.room()
        hook = await made(bench, old)
        bench.kernel.lanes.close("bot:astreinte")
        body = b'{"id": 1, "agent": "Ana"}'
        assert await bench.kernel.crew.hooks.accept(hook.id, "", signed(hook.secret, body), body) is Outcome.TAKEN
        async with bench.db.transaction() as tx:
            await bench.kernel.crew.hearing.move(tx, old.id, new.id)
            await bench.kernel.crew.hooks.move(tx, old.id, new.id)
        bench.kernel.lanes.open("bot:astreinte")
        await bench.settle()
        assert (old.said, new.said) == ([], ["Ana (09:30)"])


async def test_a_hook_that_cannot_be_read_keeps_no_other_from_working(tmp_path: Path) -> None:
    async with Bench(Duty, folder=tmp_path) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        async with bench.db.transaction() as tx:
            row = {"room": room.id, "bot": "astreinte", "handler": "planning", "by": ADMIN, "at": 1}
            await tx.run("hook_add", id="a", name="a", scheme="hmac-sha256", secret=b"sealed by another key", **row)
            sealed = Sealer([bytes(range(32))]).seal(b"s", place="hook.secret")
            await tx.run("hook_add", id="b", name="b", scheme="to come", secret=sealed, **row)
    async with Bench(Duty, folder=tmp_path) as bench:
        room = bench.rejoin(room)
        assert set(bench.kernel.crew.hooks.of(room.id)) == {"essai"}
        assert await post(bench, hook, {"id": 1, "agent": "Ana"}) is Outcome.TAKEN
        assert await bench.kernel.crew.hooks.accept("a", "", {}, b"{}") is Outcome.FORGED


async def test_hooks_are_there_after_a_restart(tmp_path: Path) -> None:
    async with Bench(Duty, folder=tmp_path) as bench:
        room = await bench.room(Duty)
        hook = await made(bench, room)
        async with bench.db.transaction() as tx:
            fresh = await bench.kernel.crew.hooks.rotate(tx, hook)
            await bench.kernel.crew.hooks.expire(tx, fresh, bench.clock.at + timedelta(days=30))
        await post(bench, hook, {"id": 1, "agent": "Ana"})
    async with Bench(Duty, folder=tmp_path) as bench:
        room = bench.rejoin(room)
        assert bench.kernel.crew.hooks.of(room.id)["essai"] == next(iter(bench.kernel.crew.hooks.of(room.id).values()))
        assert await post(bench, hook, {"id": 1, "agent": "Ana"}) is Outcome.TAKEN
        assert room.said == []
        assert await post(bench, fresh, {"id": 2, "agent": "Bob"}) is Outcome.TAKEN
        assert room.said == ["Bob (09:30)"]


async def test_no_two_of_a_room_have_one_name() -> None:
    async with Bench(Duty) as bench:
        room, other = await bench.room(Duty), await bench.room(Duty)
        await made(bench, room)
        async with bench.db.transaction() as tx:
            again = await bench.kernel.crew.hooks.make(
                tx, room.id, "astreinte", "planning", "essai", Scheme.PATH, UserId("@a:x")
            )
        assert again is None
        assert (await made(bench, other)).name == "essai"


def test_a_scheme_that_there_is_not_is_refused_when_the_bot_is_written() -> None:
    with pytest.raises(TypeError, match="hmac-sha256"):
        webhook(verify="magie")


async def test_the_operator_sees_what_is_taken_and_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(Duty) as bench:
        hook = await made(bench, await bench.room(Duty))
        metrics = Metrics()
        monkeypatch.setattr(bench.kernel.crew.hooks, "_meter", metrics)
        for n in range(3):
            await post(bench, hook, {"id": n, "agent": "Ana"})
        await bench.kernel.crew.hooks.accept(hook.id, "", {}, b"{}")
        await bench.kernel.crew.hooks.accept("inconnu", "", {}, b"{}")
        page = metrics.page({}).decode()
        assert 'tchap_bridges_events_total{what="in",where="webhook"} 3.0' in page
        assert 'tchap_bridges_events_total{what="refused",where="webhook"} 2.0' in page
