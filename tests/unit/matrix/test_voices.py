"""A ghost enters once: what comes back of its own entering does not send it to the door again."""

from contextlib import asynccontextmanager

import pytest

from tchap_bridges.events import Author
from tchap_bridges.matrix.ghosts import Speaker
from tchap_bridges.matrix.voices import Voices

ROOM, BOT, GHOST = "!r:x", "@pont:x", "@pont_abc:x"
AUTHOR = Author(person="jean@exemple.fr", name="Jean")


class Store:
    """Which ghosts are inside."""

    def __init__(self) -> None:
        self.inside: set[str] = set()

    @asynccontextmanager
    async def transaction(self):
        yield self

    snapshot = transaction

    async def value(self, name, **values):
        return None

    async def one(self, name, **values):
        return {} if values["mxid"] in self.inside else None

    async def run(self, name, **values):
        if name == "ghost_room_add":
            self.inside.add(values["mxid"])
        if name == "ghost_room_remove":
            self.inside.discard(values["mxid"])


class Ghosts:
    async def of(self, author, network, *, anew=False):
        return Speaker(GHOST, "")

    def speaker(self, user):
        return Speaker(user, "") if user == GHOST else None

    def id_of(self, network, person):
        return GHOST


class Client:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def call(self, method, path, body=None, *, name, **more):
        self.asked.append(name)
        return {}


def member(membership: str):
    return {"type": "m.room.member", "room_id": ROOM, "state_key": GHOST, "content": {"membership": membership}}


@pytest.mark.parametrize(("membership", "joins"), [("invite", 1), ("join", 1), ("leave", 2), ("ban", 2)])
async def test_a_ghost_enters_again_only_after_it_was_out(membership, joins):
    client = Client()
    voices = Voices(client, Store(), Ghosts(), Speaker(BOT, ""))
    await voices.choose(ROOM, AUTHOR, "courriel")
    await voices.saw(member(membership))
    await voices.choose(ROOM, AUTHOR, "courriel")
    assert client.asked == ["join"] * joins
