"""What is lost of devices and keys, and who reads what all the same."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tchap_bridges.matrix.crypto.accounts import DEVICE
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.nio_agent import NioAgent
from tests.integration.encryption.hall import Hall

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def devices(ours: Client) -> list[str]:
    """Those of our account that hold keys."""
    found = await ours.request("GET", "/_matrix/client/v3/devices")
    return [one["device_id"] for one in found["devices"] if one["device_id"].startswith(DEVICE)]


async def delete(ours: Client) -> None:
    """As an administrator might."""
    for device in await devices(ours):
        await ours.request("DELETE", f"/_matrix/client/v3/devices/{device}", json={})


def log(hall: Hall) -> list[str]:
    return hall.world.bridge.log.read_text(encoding="utf-8").splitlines()


async def test_a_message_that_comes_before_its_key_is_read_when_that_comes(hall: Hall, tmp_path: Path) -> None:
    world = hall.world
    await (await world.synapse.register("nina", "secret", display_name="Nina")).close()
    async with await NioAgent.start(tmp_path, world.synapse.url, "nina", "secret") as nina:
        await hall.alice.invite(hall.room, nina.user_id)
        await nina.join(hall.room)
        await nina.wait_for_member(hall.room, world.bot)
        nina.hold_keys()
        await nina.send_text(hall.room, "sans sa clé")
        await hall.alice.send_text(hall.room, "après elle")
        await hall.told("après elle")
        assert not [one for one in hall.echo.channel("#general").messages if "sans sa clé" in one.text]
        await nina.release_keys()
        await hall.told("sans sa clé")
        await hall.alice.kick(hall.room, nina.user_id)


async def test_a_ghost_whose_device_was_deleted_gets_another_one(hall: Hall) -> None:
    sam = hall.echo.person("sam", "Sam")
    sam.say("#general", "avec le premier appareil")
    seen = await hall.shown("avec le premier appareil")
    ghost = hall.world.ghost(seen.sender[1:].partition(":")[0])
    (first,) = await devices(ghost)
    await delete(ghost)
    async with asyncio.timeout(20):
        while not [one for one in log(hall) if "crypto.device_gone" in one and seen.sender in one]:
            await asyncio.sleep(0.1)
    sam.say("#general", "avec le deuxième")
    await hall.shown("avec le deuxième")
    (second,) = await devices(ghost)
    assert second != first, "an id is never used again"
    identity = await hall.alice.identity(seen.sender)
    assert (identity.known, identity.changed) == (True, False), "the same keys have signed it"


async def test_when_the_bot_s_device_was_deleted_it_hears_by_another_one(hall: Hall) -> None:
    bot = hall.world.ghost("pont")
    (first,) = await devices(bot)
    await delete(bot)
    await hall.alice.discard_session(hall.room)
    async with asyncio.timeout(20):
        while not [found for found in await devices(bot) if found != first]:
            await asyncio.sleep(0.1)
    async with asyncio.timeout(20):
        while first in await hall.alice.devices(hall.world.bot):
            await asyncio.sleep(0.1)
    await hall.alice.discard_session(hall.room)
    await hall.alice.send_text(hall.room, "entendu de nouveau ?")
    await hall.told("entendu de nouveau ?")
    await hall.alice.send_text(hall.room, "!pont")
    assert not (await hall.alice.identity(hall.world.bot)).changed


async def test_when_all_but_the_seeds_is_lost_nobody_is_asked_to_accept_anything(hall: Hall) -> None:
    sam, bridge = hall.echo.person("sam", "Sam"), hall.world.bridge
    await bridge.kill()
    with closing(sqlite3.connect(bridge.folder / "data" / "bridge.db")) as db:
        tables = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'crypto_%' AND type = 'table'")
        ]
        assert "crypto_seeds" in tables
        for table in set(tables) - {"crypto_seeds"}:
            db.execute(f"DELETE FROM {table}")
        db.commit()
    await bridge.start()
    sam.say("#general", "tout est perdu, sauf les graines")
    seen = await hall.shown("tout est perdu, sauf les graines")
    identity = await hall.alice.identity(seen.sender)
    assert (identity.known, identity.changed) == (True, False)
    ghost = hall.world.ghost(seen.sender[1:].partition(":")[0])
    assert len(await devices(ghost)) == 1, "the old one was deleted"
    await hall.alice.discard_session(hall.room)
    await hall.alice.send_text(hall.room, "lu par le nouvel appareil")
    await hall.told("lu par le nouvel appareil")
