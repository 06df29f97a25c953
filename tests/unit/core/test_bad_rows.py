"""One bad row stops neither the start nor anybody else's conversation (CVE-2025-23197)."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tchap_bridges.errors import NotReady

from .stage import stage

ROOM, OTHER = "!room:test", "!other:test"
SEALED_BY_A_LOST_KEY = "x'01deadbeef" + "00" * 40 + "'"
BAD = {
    "none at all": "UPDATE link SET name = name",
    "destination of a link": "UPDATE link SET destination = 'lune' WHERE chat = '#c'",
    "direction of a link": "UPDATE link SET direction = 'zigzag' WHERE chat = '#c'",
    "options of a link": f"UPDATE link SET options = {SEALED_BY_A_LOST_KEY} WHERE chat = '#c'",
    "state of a link": "UPDATE link SET state = 'perdu', held = 'perdu' WHERE chat = '#c'",
    "reason of a link": "UPDATE link SET reason = '[', waiting = '{\"' WHERE chat = '#c'",
    "connection of a link": "UPDATE link SET connection = 'partie' WHERE chat = '#c'",
    "body of a message": f"UPDATE message SET body = {SEALED_BY_A_LOST_KEY} WHERE room = '{ROOM}'",
    "steps of a row": f"UPDATE outbox SET steps = {SEALED_BY_A_LOST_KEY} WHERE state = 0",
    "action of a row": "UPDATE outbox SET action = 'danser' WHERE state = 0",
    "target of a lane": "UPDATE lane SET target = 'link:abc' WHERE target = 'link:1'",
    "target that is no room": "UPDATE lane SET target = '', room = '' WHERE target = 'link:1'",
    "what came": f"UPDATE inbox SET state = 0, raw = {SEALED_BY_A_LOST_KEY}",
    "what came, around it": f"UPDATE inbox SET state = 0, meta = {SEALED_BY_A_LOST_KEY}, kind = 'mystère'",
    "what the rules were": f"UPDATE kv SET value = {SEALED_BY_A_LOST_KEY}",
    "a room": f"UPDATE room SET voice = 'chantée', replaced = '{ROOM}', standing = '[' WHERE id = '{ROOM}'",
}


@pytest.mark.parametrize("sql", BAD.values(), ids=BAD)
async def test_cve_2025_23197_one_bad_row_stops_nobody_else(tmp_path: Path, sql: str) -> None:
    async with stage(tmp_path) as before:
        await before.link("#d", room=OTHER)
        before.net.shown.failures = [NotReady("plus tard", retry_after=3600)] * 9
        await before.say("en attente")
        async with asyncio.timeout(5):
            while len(before.net.shown.failures) == 9:
                await asyncio.sleep(0.01)
    with sqlite3.connect(tmp_path / "store.db") as db:
        assert db.execute(sql).rowcount > 0
        db.execute("UPDATE outbox SET due_at = 0 WHERE state = 0")
    db.close()
    async with stage(tmp_path, linked=False) as after:
        host = after.net.host
        assert host is not None
        assert "#d" in [linked.chat for linked in await host.chats()]
        await after.net.say("dedans", chat="#d", id="dedans")
        async with asyncio.timeout(10):
            while not any(one.chat == OTHER and one.text.plain == "dedans" for one in after.shown.log):
                await asyncio.sleep(0.01)
        await after.say("dehors", room=OTHER, id="$dehors")
        async with asyncio.timeout(10):
            while "dehors" not in after.net.shown.texts:
                await asyncio.sleep(0.01)
