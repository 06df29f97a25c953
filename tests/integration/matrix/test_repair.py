"""What arrives although something broke: the homeserver, a transaction, a connection."""

import asyncio
import time

import pytest

from tchap_bridges.core.ports import GhostMoved, Gone, Invited, RoomChanged, Upgraded
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Message
from tchap_bridges.matrix import sync
from tchap_bridges.testing.process import eventually


async def until(check, seconds: float = 20) -> None:
    async def asked() -> bool:
        return bool(check())

    assert await eventually(asked, timeout=seconds, every=0.02), "not in time"


async def test_transactions_come_at_once_and_in_order(side, agent):
    room = await side.enter(agent)
    for number in range(20):
        await agent.send_text(room, f"message {number}")
    await until(lambda: len(side.inbox.bodies(room)) == 20, 2)
    assert side.inbox.bodies(room) == [f"message {number}" for number in range(20)]
    event = next(event for event in side.inbox.events.values() if event["content"].get("body") == "message 3")
    (message,) = side.read(event)
    assert isinstance(message, Message)
    assert (message.author.person, message.author.name, message.text.plain) == (agent.user_id, "", "message 3")
    await side.say(room, "à nous")
    await agent.send_text(room, "dernier")
    await until(lambda: "dernier" in side.inbox.bodies(room), 2)
    assert "à nous" not in str(side.inbox.events)  # our own words mean nothing and are not kept


async def test_a_homeserver_that_dies_with_our_200_held_back_is_repaired(make_side):
    async with make_side(sweep=2) as side, await side.synapse.register("agent", "x") as agent:
        room = await side.enter(agent)
        await agent.send_text(room, "avant")
        await until(lambda: "avant" in side.inbox.bodies())
        await side.homeserver.sweeper.sweep()
        side.inbox.hold = 8
        for number in range(30):
            await agent.send_text(room, f"message {number}")
        await side.synapse.kill()
        side.inbox.hold = 0
        with pytest.raises(NotReady):
            await side.say(room, "pendant l'absence")
        alive = len(side.alive)
        await side.synapse.restart()
        await agent.send_text(room, "après")  # its transaction comes before any sweep
        started = time.monotonic()
        await until(lambda: len(side.inbox.bodies()) == 32)
        assert time.monotonic() - started < 10
        assert side.inbox.bodies() == ["avant", *(f"message {number}" for number in range(30)), "après"]
        await until(lambda: len(side.alive) > alive)


async def test_a_gap_longer_than_a_sync_is_filled_in_order(make_side, monkeypatch):
    monkeypatch.setattr(sync, "_PAGE", 12)
    # No transactions here: nobody listens at that address.
    async with make_side(sweep=600, registration={"url": "http://127.0.0.1:9"}) as side:
        async with await side.synapse.register("agent", "x") as agent:
            one, two = await side.enter(agent), await side.enter(agent)
            await side.homeserver.sweeper.sweep()
            for number in range(60):
                await agent.send_text(one, f"message {number}")
            await agent.send_text(two, "ailleurs")
            await side.homeserver.sweeper.sweep()
            assert side.inbox.bodies(one) == [f"message {number}" for number in range(60)]
            assert side.inbox.bodies(two) == ["ailleurs"]
            writes = side.inbox.writes
            await side.homeserver.sweeper.sweep()
            assert side.inbox.writes == writes  # nothing new


async def test_what_was_said_before_the_bot_came_is_not_heard(make_side):
    async with make_side(sweep=600, registration={"url": "http://127.0.0.1:9"}) as side:
        async with await side.synapse.register("agent", "x") as agent:
            room = await agent.create_room(preset="public_chat")
            await agent.send_text(room, "!pont d'autrefois")
            await side.homeserver.sweeper.sweep()
            await agent.send_text(room, "!pont d'avant")
            await side.homeserver.join(room)
            await agent.send_text(room, "après")
            await side.homeserver.wear(room, "Autre nom")  # no second arrival
            await side.homeserver.sweeper.sweep()
            assert side.inbox.bodies() == ["après"]


async def test_the_token_is_kept_only_with_its_events(make_side):
    async with make_side(sweep=600, registration={"url": "http://127.0.0.1:9"}) as side:
        async with await side.synapse.register("agent", "x") as agent:
            room = await side.enter(agent)
            await side.homeserver.sweeper.sweep()
            await agent.send_text(room, "un")
            side.inbox.failing = True
            with pytest.raises(OSError, match="disk full"):
                await side.homeserver.sweeper.sweep()
            side.inbox.failing = False
            await side.homeserver.sweeper.sweep()
            assert side.inbox.bodies(room) == ["un"]


@pytest.mark.parametrize("way", ["transaction", "sync"])
async def test_invites_and_expulsions_by_either_way(make_side, way):
    registration = {"url": "http://127.0.0.1:9"} if way == "sync" else {}
    async with make_side(sweep=2, registration=registration) as side:
        async with await side.synapse.register("agent", "x") as agent:
            bot = side.homeserver.bot

            def facts(kind):
                return [
                    fact for event in side.inbox.events.values() for fact in side.read(event) if isinstance(fact, kind)
                ]

            room = await agent.create_room(invite=[bot])
            await until(lambda: facts(Invited))
            assert facts(Invited)[0] == Invited(room=room, by=agent.user_id, encrypted=False)
            await side.homeserver.leave(room, "non merci")
            await until(lambda: facts(Gone))
            await agent.invite(room, bot)
            await until(lambda: len(facts(Invited)) == 2)  # a second invite is another one
            await side.homeserver.join(room)
            await agent.kick(room, bot)
            await until(lambda: facts(Gone)[-1] == Gone(room=room, by=agent.user_id))
            secret = [{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]
            room = await agent.create_room(invite=[bot], initial_state=secret)
            await until(lambda: Invited(room=room, by=agent.user_id, encrypted=True) in facts(Invited))


async def test_an_invite_from_before_the_first_start_counts(make_side):
    async with make_side(sweep=600) as side, await side.synapse.register("agent", "x") as agent:
        room = await agent.create_room(invite=[side.homeserver.bot])

        def invites():  # the transaction tells it too, and may come after any of this
            return {key: event for key, event in side.inbox.events.items() if event["event_id"].startswith("$invite-")}

        await until(lambda: side.inbox.events)
        side.inbox.events.clear()
        sweeper = side.homeserver.sweeper
        sweeper._token = _none  # as on the first start
        sweeper._filters = (sync._filter(2), "")  # Synapse remembers its answer to a first sync for two minutes
        await sweeper.sweep()
        (event,) = invites().values()
        assert side.read(event) == (Invited(room=room, by=agent.user_id, encrypted=False),)
        again = invites()
        await side.homeserver.sweeper.sweep()
        assert invites() == again  # the same sync tells the same invite


async def _none() -> None:
    return None


async def test_a_key_shows_once_across_a_crash_of_the_homeserver(make_side):
    async with make_side() as side, await side.synapse.register("agent", "x") as agent:
        ghosts, spoken = await side.enter(agent), await side.enter_tchap(agent)
        messages = [side.message(ghosts, "une fois"), side.message(spoken, "une fois")]
        first = [await side.homeserver.rooms.send(message) for message in messages]
        await side.synapse.kill()
        await side.synapse.restart()
        assert [await side.homeserver.rooms.send(message) for message in messages] == first


async def test_a_homeserver_where_nobody_may_change_a_name_is_served(make_side):
    async with make_side(sweep=600, extra={"enable_set_displayname": False}) as side:
        async with await side.synapse.register("agent", "x") as agent:
            room = await side.enter(agent)
            await agent.send_text(room, "bonjour")
            await until(lambda: "bonjour" in side.inbox.bodies())
            seen = await agent.event(room, await side.say(room, "bonsoir"))
            assert seen["content"]["body"].endswith("bonsoir")


async def test_our_ping_has_the_homeserver_deliver_at_once(make_side):
    async with make_side(sweep=600) as side, await side.synapse.register("agent", "x") as agent:
        room = await side.enter(agent)
        side.inbox.failing = True
        await agent.send_text(room, "gardé")
        await asyncio.sleep(4)  # the homeserver is backing off by now
        side.inbox.failing = False
        assert await side.homeserver.sweeper.ping()
        await until(lambda: "gardé" in side.inbox.bodies(), 3)


async def test_a_limited_user_waits_as_long_as_told(make_side):
    limits = {"rc_message": {"per_second": 0.5, "burst_count": 3}}
    async with make_side(registration={"rate_limited": True}, extra=limits) as side:
        async with await side.synapse.register("agent", "x") as agent:
            room = await side.enter(agent)
            many = asyncio.gather(*(side.say(room) for _ in range(10)), return_exceptions=True)
            wait = max(error.retry_after for error in await many if isinstance(error, NotReady))
            assert 0 < wait <= 10
            asked = len(side.observed)
            with pytest.raises(NotReady):
                await side.say(room)  # refused by us, before any request
            assert len(side.observed) == asked
            message = side.message(room, "après")
            await asyncio.sleep(wait + 0.05)
            await side.homeserver.rooms.send(message)


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_facts_of_rooms(side, agent, version):
    other = f"@autre:{side.synapse.server_name}"
    room = await side.enter(agent, name="Réunions", room_version=version)
    facts = await side.homeserver.facts(room)
    assert (facts.name, facts.encrypted, facts.rule, facts.version) == ("Réunions", False, "", version)
    assert facts.level(agent.user_id) == (2**53 if version == "12" else 100)
    assert (facts.level(other), facts.users_default) == (0, 0)
    tchap = await side.enter_tchap(agent, room_version=version)
    facts = await side.homeserver.facts(tchap)
    assert (facts.rule, facts.invite_level, facts.public, facts.federates) == ("restricted", 50, False, True)
    assert facts.level(agent.user_id) >= 100

    ghost = (await agent.event(room, await side.say(room)))["sender"]
    new = await agent.upgrade(room, "12" if version == "12" else "11")
    await until(lambda: [fact for fact in told(side, room) if isinstance(fact, Upgraded)])
    (upgraded,) = [fact for fact in told(side, room) if isinstance(fact, Upgraded)]
    assert upgraded == Upgraded(room=room, to=new, by=agent.user_id)
    await agent.invite(new, side.homeserver.bot)
    await side.homeserver.join(new)
    assert (await side.homeserver.facts(new)).predecessor == room
    await agent.kick(tchap, side.homeserver.bot)
    assert GhostMoved(room=room, ghost=ghost, present=True) in told(side, room)
    await agent.set_state(new, "m.room.join_rules", {"join_rule": "public"})
    await until(lambda: RoomChanged(room=new, what="join", by=agent.user_id, value="public") in told(side, new))


def told(side, room) -> list:
    return [fact for event in side.inbox.events.values() if event["room_id"] == room for fact in side.read(event)]
