"""A real Alertmanager, a real homeserver: what it tells in its own shape and in Slack's, as a room reads it."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridges.testing.alertmanager import PROMPT, Alertmanager, alert
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENCE = 30
MX1 = {"alertname": "DisquePlein", "severity": "critical", "instance": "mx1:9100"}
MX2 = {"alertname": "DisquePlein", "severity": "warning", "instance": "mx2:9100"}
FULL_1, FULL_2 = {"summary": "Disque de mx1 plein"}, {"summary": "Disque de mx2 plein"}


@dataclass
class Place:
    world: World
    camille: Client
    room: str
    folder: Path

    async def hook(self, scheme: str) -> tuple[str, str]:
        """A new address, and its secret where that is no part of it."""
        await self.camille.send_text(self.room, f"!bot webhook creer alertes prom {scheme}")
        direct = await self.camille.join(await self.camille.wait_for_invite())
        body = str((await self.camille.wait_for_text(direct, "« prom »"))["content"]["body"])
        address, secret = re.search(r"http://\S+/hook/\S+", body), re.search(r"Secret : (\S+)", body)
        assert address is not None
        return address[0], secret[1] if secret else ""

    def alertmanager(self, receiver: dict[str, Any], **route: Any) -> Alertmanager:
        config = {
            "route": {"receiver": "salon", "group_by": ["alertname"], **PROMPT, **route},
            "receivers": [{"name": "salon", **receiver}],
        }
        return Alertmanager(self.folder, config)

    async def said(self, words: str, *, edits: bool = True) -> list[str]:
        """The ids of the messages that hold these words."""
        events = [event for event in await self.camille.timeline(self.room) if words in body(event)]
        return [str(event["event_id"]) for event in events if edits or not edited(event)]

    async def reads(self, *words: str) -> dict[str, Any]:
        """Wait for a message, or an edit, that holds all of these."""
        return await self.camille.wait_for(
            self.room, lambda event: all(one in body(event) for one in words), timeout=PATIENCE
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    async with await World.start(tmp_path_factory.mktemp("alertmanager"), template=template) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def place(world: World, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    camille = await world.agent(f"camille-{request.node.name.replace('_', '-')[:40].lower()}", "Camille Martin")
    room = await world.room(camille)
    await camille.send_text(room, "!bot activer alertes")
    await camille.wait_for_text(room, "alertes est actif")
    return Place(world, camille, room, tmp_path)


def body(event: dict[str, Any]) -> str:
    return str(event["content"].get("body", ""))


def edited(event: dict[str, Any]) -> str:
    """The message that it is an edit of; "" for none."""
    return str(event["content"].get("m.relates_to", {}).get("event_id", ""))


async def sent(alertmanager: Alertmanager, integration: str, least: int) -> None:
    """Wait until it has sent so many, and see that it took none for failed."""
    async with asyncio.timeout(PATIENCE):
        while await alertmanager.counted("notifications_total", integration) < least:
            await asyncio.sleep(0.1)
    assert await alertmanager.counted("notifications_failed_total", integration) == 0


async def test_a_group_of_two_is_one_message_to_its_end(place: Place) -> None:
    """Alertmanager proves itself by a bearer token; what it repeats is not said again."""
    url, secret = await place.hook("authorization")
    receiver = {"webhook_configs": [{"url": url, "http_config": {"authorization": {"credentials": secret}}}]}
    async with place.alertmanager(receiver, group_wait="1s", repeat_interval="1s") as alertmanager:
        await alertmanager.post(alert(MX1, **FULL_1), alert(MX2, **FULL_2))
        told = await place.reads("Disque de mx1 plein", "Disque de mx2 plein")
        assert [line.partition(" (")[0] for line in body(told).split("\n")] == [
            "2 messages, alertes en cours : 2",
            "🔴 Disque de mx1 plein",
            "🟠 Disque de mx2 plein",
        ]
        await sent(alertmanager, "webhook", 4)
        assert await place.said("plein") == [told["event_id"]]

        await alertmanager.post(alert(MX1, over=True, **FULL_1))
        half = await place.reads("🟢 Disque de mx1 plein", "🟠 Disque de mx2 plein")
        await alertmanager.post(alert(MX2, over=True, **FULL_2))
        end = await place.reads("🟢 Disque de mx1 plein", "🟢 Disque de mx2 plein")
        assert edited(half) == edited(end) == told["event_id"]
    assert await place.said("plein", edits=False) == [told["event_id"]]


async def test_what_fires_while_the_bridge_is_dead_is_said_once(place: Place) -> None:
    url, _secret = await place.hook("path")
    async with place.alertmanager({"webhook_configs": [{"url": url}]}) as alertmanager:
        await place.world.bridge.kill()
        await alertmanager.post(alert(MX1, **FULL_1, description="Il reste 3 Go."))
        await asyncio.sleep(1)
        await place.world.bridge.start()
        told = await place.reads("🔴 Disque de mx1 plein")
        assert body(told).split("\n")[1:3] == ["DisquePlein", "Il reste 3 Go."]
        await alertmanager.post(alert(MX1, over=True, **FULL_1))
        end = await place.reads("🟢 Disque de mx1 plein", "terminé à")
        assert edited(end) == told["event_id"]
    assert await place.said("plein") == [told["event_id"], end["event_id"]]


async def test_what_it_tells_in_the_shape_of_slack_is_one_message_to_its_end(place: Place) -> None:
    """As a room has it that posted to Slack before, and changed nothing but the address."""
    url, _secret = await place.hook("path")
    text = "{{ range .Alerts }}*{{ .Annotations.summary }}* sur `{{ .Labels.instance }}`\n{{ end }}"
    plain = {"api_url": url, "channel": "#salon", "send_resolved": True}
    async with place.alertmanager({"slack_configs": [{**plain, "text": text}]}, group_wait="1s") as alertmanager:
        await alertmanager.post(alert(MX1, **FULL_1), alert(MX2, **FULL_2))
        told = await place.reads("🔴 DisquePlein")
        page = f"{alertmanager.url}/#/alerts?receiver=salon"
        assert body(told).split("\n")[:-1] == [
            f"🔴 DisquePlein ({page})",
            "2 alertes",
            "Disque de mx1 plein sur mx1:9100",
            "Disque de mx2 plein sur mx2:9100",
        ]
        await alertmanager.post(alert(MX2, over=True, **FULL_2))
        half = await place.reads("* 🔴 DisquePlein", "2 fois")
        await alertmanager.post(alert(MX1, over=True, **FULL_1))
        # Of one alert that is left, all labels are shared, so that Alertmanager's title is another.
        end = await place.reads("🟢 DisquePlein (mx1:9100 critical)", "terminé à")
        assert edited(half) == edited(end) == told["event_id"]
        await sent(alertmanager, "slack", 3)
    assert await place.said("DisquePlein", edits=False) == [told["event_id"]]
