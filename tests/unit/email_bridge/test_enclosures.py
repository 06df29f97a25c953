"""Memory for files that leave: bounded, in order, and given back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tchap_bridge_email.enclosures import Space, enclose, missing
from tchap_bridges.events import Text
from tchap_bridges.ids import ChatId
from tchap_bridges.outgoing import Attachment, Outgoing
from tchap_bridges.testing.rig import FakeAttachment, FakeSteps


@dataclass(frozen=True)
class _File:
    size: int | None
    name: str = "plan.pdf"
    mime: str = "application/pdf"
    data: bytes = b""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield self.data

        yield chunks()


async def _hold(space: Space, size: int | None, held: list[int | None], end: asyncio.Event) -> None:
    async with space.of([_File(size)]):
        held.append(size)
        await end.wait()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_is_held_at_once_than_two_mails_may_carry() -> None:
    space, held, end = Space(100), [], asyncio.Event()
    tasks = [asyncio.create_task(_hold(space, size, held, end)) for size in (100, 80, 60, 5)]
    await _settle()
    assert held == [100, 80]  # the third waits, and the fourth behind it: nobody is passed
    end.set()
    await asyncio.gather(*tasks)
    assert held == [100, 80, 60, 5]


@pytest.mark.parametrize("told", [None, 1, 0])
async def test_a_size_is_its_senders_word_and_counts_as_the_largest(told: int | None) -> None:
    space, held, end = Space(100), [], asyncio.Event()
    tasks = [asyncio.create_task(_hold(space, told, held, end)) for _ in range(3)]
    await _settle()
    assert held == [told, told]
    end.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("size", [0, 100, 1_000])
async def test_a_text_and_a_file_beyond_all_bounds_pass(size: int) -> None:
    async with asyncio.timeout(1), Space(100).of([_File(size)] if size else []):
        pass


async def test_who_gives_up_waiting_takes_nothing_along() -> None:
    space, held, end = Space(100), [], asyncio.Event()
    first, second = (asyncio.create_task(_hold(space, 100, held, end)) for _ in range(2))
    third = asyncio.create_task(_hold(space, 100, held, end))
    await _settle()
    third.cancel()
    await asyncio.wait({third})
    end.set()
    await asyncio.gather(first, second)
    async with asyncio.timeout(1), space.of([_File(100)]):
        pass


async def test_what_turned_out_smaller_makes_room_at_once() -> None:
    space = Space(100)
    async with asyncio.timeout(1), space.of([_File(None)]) as first, space.of([_File(None)]):
        first.keep(0)
        first.keep(50)  # it never grows again
        async with space.of([_File(99)]):
            pass


async def test_eight_mails_of_one_byte_hold_no_more_than_two_as_large_as_may_be() -> None:
    space, held, most, end = Space(100), 0, 0, asyncio.Event()

    async def send() -> None:
        nonlocal held, most
        message = _message(_File(1, data=b"x" * 90))
        async with space.of(message.files) as mine:
            size = sum(len(one.data) for one in (await enclose(message, budget=100)).values())
            mine.keep(size)
            held += size
            most = max(most, held)
            await end.wait()
        held -= size

    tasks = [asyncio.create_task(send()) for _ in range(8)]
    await _settle()
    assert held == 180
    end.set()
    async with asyncio.timeout(1):
        await asyncio.gather(*tasks)
    assert most <= 200


def _message(*files: Attachment) -> Outgoing:
    return Outgoing(
        key="k",
        chat=ChatId("liste@exemple.fr"),
        author=None,
        network="Tchap",
        at=datetime.now(UTC),
        text=Text(plain="voici"),
        steps=FakeSteps(),
        files=files,
    )


async def test_a_file_that_is_larger_than_it_said_is_told_and_not_held() -> None:
    message = _message(FakeAttachment("plan.pdf", b"x" * 50, size_known=False), FakeAttachment("note.txt", b"abc"))
    enclosures = await enclose(message, budget=10)
    assert {n: one.data for n, one in enclosures.items()} == {1: b"abc"}
    (note,) = missing(message)
    assert "plan.pdf" in note
    why = message.left_out(0)
    assert why is not None
    assert why.remedy
    assert message.left_out(1) is None
