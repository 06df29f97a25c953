"""A file that does not go along: its sender hears of it once, with the reason and a remedy, whatever happens then."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.core import lanes
from tchap_bridges.core.files import LeftOut, told
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import MessageId
from tchap_bridges.outgoing import Outgoing
from tchap_bridges.store.database import StoreUnavailable

from .network import NetConnection
from .stage import Stage, stage

HEAVY = "⚠ plan.pdf n'est pas parti vers #c : trop lourd. Envoyez un lien."


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A network that finds every file too heavy once it has it; what became of each opening."""
    seen: list[str] = []
    real = NetConnection.send

    async def send(self: NetConnection, message: Outgoing) -> Sequence[MessageId]:
        for n, file in enumerate(message.files):
            try:
                async with file.open() as chunks:
                    seen.append(b"".join([chunk async for chunk in chunks]).decode())
            except Undeliverable as error:
                seen.append(error.reason)
                await message.leave_out(n, error)
            else:
                await message.leave_out(n, Undeliverable("trop lourd", remedy="Envoyez un lien."))
        return await real(self, message)

    monkeypatch.setattr(NetConnection, "send", send)
    return seen


async def sent(s: Stage, *names: str) -> str:
    s.hs.rooms.files.update(dict.fromkeys(names, b"octets"))
    return await s.say("voici", files=names)


async def once(s: Stage, event: str, text: str = HEAVY) -> None:
    """The notice has come, in reply, and no second one does."""
    await s.shown.until(1)
    await asyncio.sleep(0.2)
    assert [(one.text.plain, one.reply_to) for one in s.shown.log] == [(text, event)]
    assert s.net.shown.texts == ["voici"]


async def test_who_sent_it_hears_why_and_what_to_do(tmp_path: Path, opened: list[str]) -> None:
    async with stage(tmp_path) as s:
        await once(s, await sent(s, "plan.pdf"))
        assert opened == ["octets"]


async def test_of_a_text_that_was_cut_its_author_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = NetConnection.send

    async def send(self: NetConnection, message: Outgoing) -> Sequence[MessageId]:
        await message.leave_out(None, Undeliverable("trop long", remedy="Dites-le en plusieurs."))
        return await real(self, message)

    monkeypatch.setattr(NetConnection, "send", send)
    async with stage(tmp_path) as s:
        await once(
            s, await s.say("voici"), "⚠ le reste du texte n'est pas parti vers #c : trop long. Dites-le en plusieurs."
        )


async def test_nobody_is_told_of_a_file_that_went_along(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await sent(s, "plan.pdf")
        await s.net.shown.until(1)
        await asyncio.sleep(0.2)
        assert s.shown.log == []


async def test_once_over_attempts_and_what_stays_out_cannot_be_opened_again(tmp_path: Path, opened: list[str]) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [NotReady("plus tard", retry_after=0.05)] * 2
        await once(s, await sent(s, "plan.pdf"))
        assert opened == ["octets", "trop lourd", "trop lourd"]


async def test_once_over_a_stop_between_the_sending_and_its_record(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "STOP", 0.05)
    async with stage(tmp_path) as s:

        async def never(*_: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(s.kernel.ends, "_there", never)
        event = await sent(s, "plan.pdf")
        await s.net.shown.until(1)
        assert s.shown.log == []
    async with stage(tmp_path, linked=False) as s:
        await once(s, event)
        assert opened == ["octets", "trop lourd"]


async def test_once_when_the_store_is_away_or_its_answer_is_lost(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as s:
        real, ends = s.kernel.ends._there, ["before", "after"]

        async def there(*args: Any) -> None:
            end = ends.pop(0) if ends else ""
            if end == "before":
                raise StoreUnavailable("away")
            await real(*args)
            if end == "after":
                raise StoreUnavailable("committed, and nobody heard")

        monkeypatch.setattr(s.kernel.ends, "_there", there)
        event = await sent(s, "plan.pdf")
        async with asyncio.timeout(5):
            while ends:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.2)
        await once(s, event)


async def test_several_files_are_one_notice(tmp_path: Path, opened: list[str]) -> None:
    async with stage(tmp_path) as s:
        event = await sent(s, "plan.pdf", "coupe.pdf")
        text = "⚠ plan.pdf, coupe.pdf ne sont pas partis vers #c : trop lourd. Envoyez un lien."
        await once(s, event, text)


def test_it_is_read_in_the_language_of_the_bridge() -> None:
    left = [
        LeftOut(name="plan.pdf", why=Undeliverable(_("son contenu ne peut pas être lu"))),
        LeftOut(
            name="film.mov", why=Undeliverable(_("le réseau ne répond plus"), remedy=_("Réessayez dans un moment."))
        ),
    ]
    first, second = told(left, "#c", Translator("en")).split("\n")
    assert first.startswith("⚠ plan.pdf was not sent to #c: its content cannot be read. ")
    assert "lien" not in first
    assert second.startswith("⚠ film.mov was not sent to #c: ")
    assert "Réessayez" not in second
