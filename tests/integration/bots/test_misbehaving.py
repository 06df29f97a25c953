"""Bots that misbehave, in a real process beside a real homeserver: contained, named, and off at the next start.

How long others take to answer meanwhile is measured by ``python -m bench --only bots``.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from bench.beside_bots import BAD, GOOD, Stage, stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def on(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("misbehaving")
    async with stage(folder, template=template, bots=(GOOD, *BAD, "bloque")) as found:
        yield found


def logged(on: Stage, event: str) -> list[dict[str, object]]:
    lines = on.world.bridge.log.read_text(encoding="utf-8").splitlines()
    found = (json.loads(line) for line in lines if line.startswith("{"))
    return [line for line in found if line["event"] == event]


async def test_beside_all_of_them_a_bot_answers_everything_once_and_in_order(on: Stage) -> None:
    room = await on.room(GOOD, *BAD)
    for n in range(6):
        await on.agent.send_text(room, f"ping {n}")
    await on.agent.wait_for_text(room, "pong 5", timeout=15)  # one that waits for ever is not even given up by then
    said = [str(e["content"].get("body", "")) for e in await on.agent.timeline(room)]
    assert [one for one in said if one.startswith("pong")] == [f"pong {n}" for n in range(6)]
    await on.agent.wait_for_text(room, "le robot bavard parle trop", timeout=30)
    said = [str(e["content"].get("body", "")) for e in await on.agent.timeline(room)]
    assert len([one for one in said if one.startswith("bla")]) <= 200, "not a thousand"


async def test_one_that_blocks_is_named_and_after_kill_9_it_is_off(on: Stage) -> None:
    bridge, camille = on.world.bridge, on.agent
    room, other = await on.room(GOOD, "bloque"), await on.room("bloque")
    await camille.send_text(room, "!bloque 600")
    async with asyncio.timeout(60):
        while not logged(on, "bot.blocks_the_loop"):
            await asyncio.sleep(0.1)
    (named,) = logged(on, "bot.blocks_the_loop")
    assert (named["bot"], named["handler"]) == ("bloque", "Blocks.block")
    assert re.fullmatch(r"misbehaving\.py:\d+", str(named["where"]))
    await bridge.kill()
    await bridge.start()
    for each in (room, other):
        told = await camille.wait_for_text(each, "Le robot bloque est arrêté dans ce salon", timeout=60)
        assert "il a empêché tout le pont de travailler (Blocks.block)" in told["content"]["body"]
        assert "alba, pour l'activer de nouveau : !bot activer bloque" in told["content"]["body"]
        assert told["content"]["m.mentions"] == {"user_ids": [camille.user_id]}, "its admin is called"
    assert (await bridge.health())["bots_stopped"] == [{"bot": "bloque", "why": "blocked", "rooms": 2}]
    await camille.send_text(room, "!bloque 0")
    await camille.wait_for_text(room, "actif", timeout=15)
    await on.ask(room, "après")
    await camille.send_text(room, "!bot activer bloque")
    await camille.wait_for_text(room, "✓ bloque est actif")
    await camille.send_text(room, "!bloque 0")
    await camille.wait_for_text(room, "fini")


async def test_whose_level_is_not_their_own_or_is_gone_decides_nothing(on: Stage) -> None:
    world, alba = on.world, on.agent
    member, boss = await world.agent("membre", "Membre"), await world.agent("chef", "Chef")
    room = await on.room()
    for one in (member, boss):
        await alba.invite(room, one.user_id)
        await one.join(room)
    await member.send_text(room, f"!bot activer {GOOD}")
    await member.wait_for_text(room, "au moins modérateur du salon (niveau 50 ; vous avez 0)")
    own = await world.room(member)
    await member.send_text(own, f"!bot activer {GOOD}")
    await member.wait_for_text(own, f"✓ {GOOD} est actif")
    await member.send_text(room, f"!bot desactiver {GOOD}")  # an admin there, and not here
    await member.wait_for_text(room, "vous avez 0")
    await alba.set_power(room, boss.user_id, 100)
    await world.bridge.kill()
    await boss.send_text(room, f"!bot activer {GOOD}")  # read when they are gone, and the room still gives them 100
    await boss.leave(room)
    await world.bridge.start()
    await alba.wait_for_text(room, "vous n'êtes pas dans ce salon", timeout=30)
    content = dict(await alba.state_content(room, "m.room.power_levels") or {})
    await alba.set_state(room, "m.room.power_levels", {**content, "users_default": 100})
    await member.send_text(room, f"!bot activer {GOOD}")
    await member.wait_for_text(room, "tout le monde est modérateur")


async def test_who_made_a_room_of_version_12_decides_there(on: Stage) -> None:
    room = await on.agent.create_room(name="douze", preset="private_chat", room_version="12", invite=[on.world.bot])
    await on.agent.wait_for(room, lambda e: e["type"] == "m.room.message" and e["sender"] == on.world.bot, timeout=30)
    await on.agent.send_text(room, f"!bot activer {GOOD}")
    await on.agent.wait_for_text(room, f"✓ {GOOD} est actif")
