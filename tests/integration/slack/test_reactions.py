"""Who stands behind the bot's reactions is remembered, and not for ever."""

import pytest

from tchap_bridge_slack import rewording
from tchap_bridges.testing.rig import JEANNE

from .conftest import World
from .test_out import KARIM, reaction


async def test_what_is_remembered_of_reactions_has_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewording, "MOST_REACTED", 5)
    connection = world.rig.connection

    def kept() -> list[str]:
        return [value for key, value in world.rig.host.kv.values.items() if key.startswith("reactions")]

    said = [world.people.say("#general", "alice", f"n° {n}") for n in range(12)]
    for one in said[:6]:
        await connection.react(reaction(world, one.ts, "👍", JEANNE))
    rows, size = len(kept()), len("".join(kept()))
    for one in said[6:]:
        await connection.react(reaction(world, one.ts, "👍", JEANNE))
    await connection.react(reaction(world, said[-1].ts, "👍", KARIM))
    assert len(kept()) == rows
    assert len("".join(kept())) <= size + 20, "one more of us, and not one message more"
    await connection.react(reaction(world, said[-1].ts, "👍", JEANNE, removed=True))
    assert said[-1].reactions, "Karim still stands behind it"
    await connection.react(reaction(world, said[-1].ts, "👍", KARIM, removed=True))
    assert not said[-1].reactions
    await connection.react(reaction(world, said[0].ts, "👍", JEANNE, removed=True))
    assert not said[0].reactions, "forgotten, it can be taken back all the same"
