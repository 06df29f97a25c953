"""What encryption costs: ghosts say the same in an encrypted room and in a plain one, in turns, on a real homeserver.

Ours is the bridge's Matrix side without its core. People are accounts whose devices have put their keys on the
homeserver, as many as a large room of agents has; nobody reads. All ghosts are in both rooms before anything is timed.
"""

import itertools
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figures
from tchap_bridges.events import Author, Text
from tchap_bridges.ids import ChatId, PersonId
from tchap_bridges.matrix.homeserver import MatrixHomeserver, Settings
from tchap_bridges.outgoing import Outgoing
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.agent import MEGOLM
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.nio_agent import NioAgent
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.synapse import Synapse
from tchap_bridges.testing.world import Ports, registration_of, write_yaml

SERVER = "bench.localhost"
PEOPLE, DEVICES = 20, 2
"""With the one of whoever made the room, 41 devices."""
_SECRET = b"b" * 32
_KEPT = ("crypto_account", "crypto_olm", "crypto_outbound")


class _Steps:
    """`outgoing.Steps` of a message that is tried once."""

    def get(self, step: str) -> str | None:
        del step
        return None

    async def done(self, step: str, result: str) -> None:
        del step, result


@dataclass
class Stage:
    """Ghosts speak by ``side``. ``encrypted``: the rooms that are, as the core would know."""

    side: MatrixHomeserver
    db: Database
    file: Path
    owner: Client
    people: Sequence[NioAgent]
    encrypted: set[str]
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def room(self) -> str:
        """Everybody is in it, and ghosts may enter."""
        levels = {"users": {self.owner.user_id: 100}, "invite": 0}
        others = {person.user_id: person for person in self.people if person.user_id != self.owner.user_id}
        room = await self.owner.create_room(
            preset="private_chat", invite=[self.side.bot, *others], power_level_content_override=levels
        )
        await self.side.join(room)
        for person in others.values():
            await person.join(room)
        return room

    async def encrypt(self, room: str) -> None:
        await self.owner.set_state(room, "m.room.encryption", {"algorithm": MEGOLM})
        self.encrypted.add(room)

    async def say(self, room: str, ghost: int) -> float:
        """Seconds."""
        message = Outgoing(
            key=f"bench {next(self._numbers)}",
            chat=ChatId(room),
            author=Author(person=PersonId(f"g{ghost}"), name=f"Fantôme {ghost}"),
            network="banc",
            at=datetime.now(UTC),
            text=Text(plain="Bonjour, une phrase de longueur ordinaire."),
            steps=_Steps(),
        )
        began = time.perf_counter()
        await self.side.rooms.send(message)
        return time.perf_counter() - began

    def size(self) -> int:
        """Bytes of all that is sealed for our accounts."""
        with closing(sqlite3.connect(self.file)) as db:
            counts = [db.execute(f"SELECT total(length(pickle)) FROM {table}").fetchone()[0] for table in _KEPT]
        return int(sum(counts))


@asynccontextmanager
async def stage(folder: Path, *, template: Path) -> AsyncIterator[Stage]:
    ports, registration = Ports.free(), folder / "registration.yaml"
    said = {**registration_of(SERVER, ports), "url": None}
    write_yaml(registration, said)
    encrypted: set[str] = set()
    async with AsyncExitStack() as stack:
        synapse = await stack.enter_async_context(
            await Synapse.start(folder / "synapse", registrations=[registration], server_name=SERVER, template=template)
        )
        file = folder / "bench.db"
        db = await Database.open(f"sqlite:///{file}")
        stack.push_async_callback(db.close)
        settings = Settings(
            url=synapse.url,
            server=SERVER,
            appservice=said["id"],
            as_token=said["as_token"],
            hs_token=said["hs_token"],
            bot="pont",
            prefix="pont_",
            secret=_SECRET,
            listen=("127.0.0.1", free_port()),
        )
        side = MatrixHomeserver(
            settings,
            db=db,
            sealer=Sealer([_SECRET]),
            take=_nothing,
            on_passing=lambda _passing: None,
            on_alive=lambda: None,
            is_encrypted=encrypted.__contains__,
        )
        stack.push_async_callback(side.close)
        await side.greet()
        owner = await stack.enter_async_context(await synapse.register("proprietaire", "secret"))
        people = []
        for n in range(PEOPLE):
            await (await synapse.register(f"agent{n}", "secret")).close()
            for _device in range(DEVICES):
                nio = await NioAgent.start(folder, synapse.url, f"agent{n}", "secret")
                people.append(await stack.enter_async_context(nio))
        people.append(
            await stack.enter_async_context(await NioAgent.start(folder, synapse.url, "proprietaire", "secret"))
        )
        yield Stage(side, db, file, owner, people, encrypted)


async def measure(on: Stage, figures: Figures, *, rounds: int, ghosts: int) -> None:
    """In each round other ghosts: their first encrypted words make their devices, the second ones do not.

    A device has put fifty one-time keys there, and each ghost takes one: that many ghosts there may be in all.
    """
    for n in range(rounds):
        own = range(n * ghosts, (n + 1) * ghosts)
        plain, secret = await on.room(), await on.room()
        for ghost in own:
            for room in (plain, secret):
                await on.say(room, ghost)
        await on.encrypt(secret)
        before = on.size()
        times: dict[str, list[float]] = {"plain": [], "first": [], "next": []}
        for ghost in own:
            times["plain"].append(await on.say(plain, ghost))
            times["first"].append(await on.say(secret, ghost))
            times["next"].append(await on.say(secret, ghost))
        raw = statistics.median(times["plain"])
        for name in ("first", "next"):
            ours = statistics.median(times[name])
            figures.note(f"encryption.ratio_{name}", ours / raw, ours=ours * 1000, raw=raw * 1000)
        figures.note("encryption.kb_per_ghost", (on.size() - before) / ghosts / 1000)


async def _nothing(events: Sequence[tuple[str, bytes]]) -> int:
    return len(events)
