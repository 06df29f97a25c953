"""What the operator sees of a bridge at work: its log and its figures."""

import json
import re
from typing import Any

import pytest

from tchap_bridges.testing.world import World

from .conftest import Linked, link

pytestmark = pytest.mark.asyncio(loop_scope="session")


def log_of(world: World) -> list[dict[str, Any]]:
    lines = world.bridge.log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


async def test_the_log_says_that_it_is_ready(world: World) -> None:
    """Others of this session may have started the bridge again."""
    ready = [line for line in log_of(world) if line["event"] == "ready"]
    assert ready
    assert all(line["connections"] == ["email"] for line in ready)


async def test_the_log_keeps_a_refusal_s_code_and_not_its_words(world: World) -> None:
    linked = await link(world, "sens=deux-sens")
    world.sink.refuse("451 4.2.1 Zephyrine <zephyrine@essai.test> is busy", times=1)
    world.sink.refuse("550 5.7.1 Zephyrine <zephyrine@essai.test> is not known", times=1)
    await linked.agent.send_text(linked.room, "Ceci attendra un quart d'heure")
    other = await link(world, "sens=deux-sens")
    await other.agent.send_text(other.room, "Ceci sera refusé")
    await other.said("zephyrine@essai.test")  # who it concerns reads all of it
    log = log_of(world)
    dead = next(line for line in log if line["event"] == "courier.dead_letter" and "550" in line["reason"])
    assert dead["reason"].endswith(": 550 5.7.1 …")
    assert dead["error"] == "Undeliverable"
    again = next(line for line in log if line["event"] == "courier.again" and "451" in line.get("reason", ""))
    assert again["reason"].endswith(": 451 4.2.1 …")
    assert "ephyrine" not in world.bridge.log.read_text(encoding="utf-8")


async def test_what_comes_from_the_homeserver_is_counted(linked: Linked) -> None:
    def read(page: str) -> float:
        (found,) = re.findall(r'^tchap_bridges_events_total{what="in",where="matrix"} (\S+)$', page, re.MULTILINE)
        return float(found)

    before = read(await linked.world.bridge.metrics())
    for _ in range(3):
        await linked.command("liste")
    assert read(await linked.world.bridge.metrics()) >= before + 3
