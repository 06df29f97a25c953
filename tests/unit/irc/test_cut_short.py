"""A message of several lines whose connection breaks between two of them goes on where it stopped."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import pytest

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridge_irc.connection import IrcConnection
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author
from tchap_bridges.ids import PersonId
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.irc_line import Line
from tchap_bridges.testing.irc_script import MODERN, ScriptedServer
from tchap_bridges.testing.rig import FakeSteps, until

from .test_leaving import CHAT, edit, message


def without(*caps: str) -> str:
    return " ".join(cap for cap in MODERN.split() if not cap.startswith(caps))


LINE_BY_LINE = without("draft/multiline", "draft/relaymsg")
RELAYING = without("draft/multiline")
BATCHES = f"{LINE_BY_LINE} draft/multiline=max-bytes=4096,max-lines=2"
BARE = "multi-prefix"
SAID = {"PRIVMSG", "RELAYMSG"}
FIVE = "\n".join(f"ligne {n}" for n in range(5))


@dataclass(slots=True)
class Network:
    """A server that confirms what is said, and once, after ``patience`` of that, breaks the connection."""

    server: ScriptedServer
    connection: IrcConnection
    patience: int

    def answer(self, line: Line) -> Iterable[str] | None:
        ends_batch = line.command == "BATCH" and line.params[0].startswith("-")
        if not ends_batch and (line.command not in SAID or "batch" in line.tags):
            return ("",) if line.command == "BATCH" else None
        self.patience -= 1
        if self.patience == 0:
            asyncio.get_running_loop().call_later(0.1, self.server.hang_up)
        label = line.tags.get("label") or next(
            (one.tags["label"] for one in reversed(self.server.lines("BATCH")) if "label" in one.tags), ""
        )
        said = f":pont!u@h PRIVMSG {CHAT} :x"
        return (f"@msgid=m{len(self.server.received)};label={label} {said}",) if label else ("",)

    def numbers(self) -> list[str]:
        """Of the lines that were said."""
        return [line.text.rpartition("ligne ")[2] for line in self.server.lines() if line.command in SAID]

    async def is_up(self) -> None:
        await until(lambda: self.connection._live is not None)


@asynccontextmanager
async def network(caps: str, *, patience: int = 2) -> AsyncIterator[Network]:
    host = FakeHost()
    host.link(CHAT)
    async with ScriptedServer(caps=caps) as server:
        flood = Flood(burst=1, seconds=0.3)
        config = IrcConfig(host=server.host, port=server.port, security="none", nick="pont", flood=flood)
        async with IrcBridge().open(config, host) as connection:
            assert isinstance(connection, IrcConnection)
            made = Network(server, connection, patience)
            server.answer = made.answer
            running = asyncio.create_task(_run(connection))
            await asyncio.wait_for(host.is_up.wait(), 15)
            try:
                yield made
            finally:
                running.cancel()
                await asyncio.wait({running})


async def _run(connection: IrcConnection) -> None:
    while True:
        with suppress(NotReady):
            await connection.run()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(("caps", "patience"), [(LINE_BY_LINE, 2), (RELAYING, 2), (BATCHES, 1), (BARE, 2)])
async def test_no_line_is_said_twice(caps: str, patience: int) -> None:
    async with network(caps, patience=patience) as irc:
        said = message(FIVE)
        with pytest.raises(NotReady):
            await irc.connection.send(said)
        assert len(irc.numbers()) == 2
        await irc.is_up()
        ids = await irc.connection.send(said)
        assert irc.numbers() == list("01234")
        assert said.steps.get("event.0") == ids[0], "what is there can be withdrawn, though the rest never came"


async def test_a_store_that_is_away_makes_nobody_repeat_themselves() -> None:
    async with network(LINE_BY_LINE, patience=0) as irc:
        said = message(FIVE, steps=(steps := Forgetful()))
        await irc.connection.send(said)
        assert steps.refused == 2
        assert irc.numbers() == list("01234")


async def test_words_that_would_be_cut_otherwise_now_do_not_go_on() -> None:
    async with network(LINE_BY_LINE) as irc:
        said = message(FIVE)
        with pytest.raises(NotReady):
            await irc.connection.send(said)
        await irc.is_up()
        with pytest.raises(Undeliverable) as error:
            await irc.connection.send(replace(said, author=Author(person=PersonId("@j:x"), name="Jeanne renommée")))
        assert not error.value.certain
        assert irc.numbers() == list("01")


async def test_an_edit_of_several_lines_is_not_said_again() -> None:
    async with network(LINE_BY_LINE) as irc:
        with pytest.raises(Undeliverable) as error:
            await irc.connection.edit(edit(FIVE))
        assert not error.value.certain
        assert len(irc.numbers()) == 2


class Forgetful(FakeSteps):
    """The first two attempts to write down that a line is there fail."""

    refused = 0

    async def done(self, step: str, result: str) -> None:
        if step.startswith("event.") and self.refused < 2:
            self.refused += 1
            raise NotReady("the store is away", retry_after=0.01)
        await super().done(step, result)
