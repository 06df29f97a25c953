"""A folder of bots that are being written: seen when they change, and never a reason to stop."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from tchap_bot_echo import EchoBot
from tchap_bridges import development
from tchap_bridges.development import Development
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

BOT = '''
import asyncio
from tchap_bridges.bot import Bot, Room, RoomConfig, command, field

class Settings(RoomConfig):
    {setting}

class Dice(Bot):
    """Des dés {says}."""
    name = "{name}"
    Config = Settings

    @command("{word}")
    async def roll(self, room: Room, words: str) -> str:
        """Lance {says}."""
        if words == "attends":
            await asyncio.sleep(0.3)
        return f"{says} {{room.config.n}}"
'''


def source(
    says: str = "un", *, name: str = "dés", word: str = "dé", setting: str = 'n: int = field(6, label="n")'
) -> str:
    return BOT.format(says=says, name=name, word=word, setting=setting)


@pytest.fixture(autouse=True)
def _no_modules_stay() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("_developed_"):
            del sys.modules[name]


class Author:
    """Writes files, and looks."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder
        self.development = Development(folder, bench.kernel.crew.bots)
        self.count = 0

    async def saves(self, name: str, text: str) -> list[Any]:
        """Returns what is said in the log."""
        self.count += 1
        path = self.folder / name
        path.write_text(text, "utf-8")
        os.utime(path, ns=(self.count, self.count))  # however coarse the clock of the file system is
        return await self.looks()

    async def removes(self, name: str) -> list[Any]:
        (self.folder / name).unlink()
        return [*await self.looks(), *await self.looks()]

    async def looks(self) -> list[Any]:
        with capture_logs() as logs:
            await self.development.look()
        return [{key: entry[key] for key in entry if key != "log_level"} for entry in logs]

    async def room(self, *names: str) -> BenchRoom:
        room = await self.bench.room()
        for name in names:
            assert "✓" in await room.say(ADMIN, f"!bot activer {name}")
        return room


@pytest_asyncio.fixture
async def author(tmp_path: Path) -> AsyncIterator[Author]:
    (tmp_path / "bots").mkdir()
    async with Bench(EchoBot) as bench:
        yield Author(bench, tmp_path / "bots")


async def test_a_file_that_comes_is_a_bot(author: Author) -> None:
    (said,) = await author.saves("des.py", source(name="des"))
    assert said.pop("version")
    assert said == {"event": "bot.loaded", "bot": "des", "file": "des.py"}
    room = await author.room("des", "echo")
    assert await room.say(ADMIN, "!dé") == "un 6"
    assert await room.say(ADMIN, "!echo a") == "a", "those that are installed go on"
    assert "!dé — Lance un." in await room.say(ADMIN, "!aide")


async def test_a_change_serves_the_next_call(author: Author) -> None:
    await author.saves("des.py", source(name="des"))
    room = await author.room("des")
    (before,) = [one.version for one in author.development._sources.values()]
    (said,) = await author.saves("des.py", source("deux", name="des", word="jet"))
    assert said["version"] != before
    assert await room.say(ADMIN, "!jet") == "deux 6"
    assert "!jet — Lance deux." in await room.say(ADMIN, "!aide")
    assert await room.say(ADMIN, "!dé") == "", "no command any more"


async def test_a_call_in_flight_ends_with_the_old_code(author: Author) -> None:
    await author.saves("des.py", source(name="des"))
    room = await author.room("des")
    async with asyncio.TaskGroup() as group:
        call = group.create_task(room.say(ADMIN, "!dé attends"))
        await asyncio.sleep(0.1)
        await author.saves("des.py", source("deux", name="des"))
    assert call.result() == "un 6"
    assert await room.say(ADMIN, "!dé") == "deux 6"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (source(name="des") + "\n)\n", "des.py:20 : SyntaxError : unmatched ')'"),
        (source(name="des") + "\nnowhere()\n", "des.py:20 : NameError : name 'nowhere' is not defined"),
        (source(name="des") + "\nimport no_such_library\n", "des.py:20 : ModuleNotFoundError"),
        (source(name="des") + "\nraise SystemExit(3)\n", "des.py:20 : SystemExit : 3"),
        (source(name="des").replace("words: str", "words: list"), "des.py:13 : TypeError : Dice.roll: words cannot be"),
        (source(name="des", word="Dé!"), "des.py:13 : TypeError : @command('Dé!')"),
        (source(name="des", setting="n: int"), "des.py : ValidationError"),
        (
            source(name="des")
            .replace("@command", '@at("jamais")\n    async def m(self, room): ...\n\n    @command')
            .replace("import Bot", "import at, Bot"),
            "des.py : le robot des est mal écrit, m : « jamais »",
        ),
        (source(name="Des"), "« Des »"),
        (source(name="reglages"), "des.py : un robot ne peut pas s'appeler « reglages »"),
        (source(name="des").replace('"des"', "3"), "des.py : un robot ne peut pas s'appeler « 3 »"),
        (source(name="des") + "\nraise asyncio.CancelledError\n", "des.py:20 : CancelledError"),
        (
            source(name="des") + "\nclass More(Bot):\n    name = 'x'\n    def __init__(self, x): ...\n",
            "des.py : TypeError",
        ),
        ("from tchap_bridges.bot import Bot\n", "des.py : aucune classe de robot n'a de nom"),
        (source(name="des") + "\nclass Other(Dice):\n    pass\n", "des.py : deux robots ont le même nom"),
        (source(name="des") + "\nwhile True:\n    import time; time.sleep(0.01)\n", "pas fini de se charger"),
    ],
)
async def test_what_does_not_load_keeps_what_ran(
    author: Author, text: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(development, "LONGEST", 0.3)
    await author.saves("des.py", source(name="des"))
    room = await author.room("des")
    (said,) = await author.saves("des.py", text)
    assert (said["event"], said["file"]) == ("bot.not_loaded", "des.py")
    assert why in said["fault"]
    assert said["still_running"].startswith("des ")
    assert await room.say(ADMIN, "!dé") == "un 6"
    assert f"⚠ {said['fault']}" in await room.say(ADMIN, "!bot")
    assert await author.looks() == [], "said once"
    assert await author.saves("des.py", source(name="des")) == [], "it is what runs"
    assert "⚠" not in await room.say(ADMIN, "!bot")


async def test_a_first_version_that_does_not_load_is_told_too(author: Author) -> None:
    (said,) = await author.saves("des.py", "import tchap_bridges.bot\n1/0\n")
    assert said["fault"] == "des.py:2 : ZeroDivisionError : division by zero"
    assert said["still_running"] is None
    (said,) = await author.saves("des.py", source(name="des"))
    assert said["event"] == "bot.loaded"


async def test_a_file_that_goes_takes_its_bots_along(author: Author) -> None:
    await author.saves("des.py", source(name="des"))
    room = await author.room("des")
    assert await author.removes("des.py") == [{"event": "bot.gone", "bot": "des", "file": "des.py"}]
    assert await room.say(ADMIN, "!dé") == ""
    assert "des" not in await room.say(ADMIN, "!bot")
    await author.saves("des.py", source("trois", name="des"))
    assert await room.say(ADMIN, "!dé") == "trois 6", "it is on where it was on"


async def test_what_it_was_called_for_waits_for_it(author: Author) -> None:
    """As after a start without it: a reminder that came due is not lost."""
    await author.saves("des.py", source(name="des"))
    room = await author.room("des")
    async with asyncio.TaskGroup() as group:
        group.create_task(room.say(ADMIN, "!dé attends"))
        await asyncio.sleep(0.1)
        group.create_task(room.say(ADMIN, "!dé"))
        await asyncio.sleep(0.1)
        await author.removes("des.py")
        await asyncio.sleep(0.4)
        assert room.said[-1] == "un 6", "what had begun has ended"
        await author.saves("des.py", source("deux", name="des"))
    assert room.said[-2:] == ["un 6", "deux 6"]


async def test_an_editor_that_saves_by_replacing_is_no_removal(author: Author) -> None:
    await author.saves("des.py", source(name="des"))
    text = (author.folder / "des.py").read_text("utf-8")
    (author.folder / "des.py").unlink()
    assert await author.looks() == []
    assert await author.saves("des.py", text) == []


async def test_a_renamed_file_is_the_same_bot(author: Author) -> None:
    await author.saves("des.py", source(name="des"))
    room = await author.room("des")
    (author.folder / "des.py").rename(author.folder / "a.py")
    logs = [*await author.looks(), *await author.looks(), *await author.looks()]
    assert [entry["event"] for entry in logs] == ["bot.loaded"]
    assert await room.say(ADMIN, "!dé") == "un 6"


async def test_a_name_that_another_file_has_waits_until_it_is_free(author: Author) -> None:
    await author.saves("a.py", source(name="des"))
    (said,) = await author.saves("b.py", source("deux", name="des"))
    assert said["fault"] == "b.py : « des » est déjà dans a.py"
    assert await author.looks() == []
    logs = await author.saves("a.py", source(name="autre", word="autre"))
    logs += await author.looks()
    assert [(entry["event"], entry["bot"]) for entry in logs] == [
        ("bot.gone", "des"),
        ("bot.loaded", "autre"),
        ("bot.loaded", "des"),
    ]


async def test_it_stands_in_for_the_installed_one(author: Author) -> None:
    await author.saves("echo.py", source(name="echo", word="echo"))
    room = await author.room("echo")
    assert await room.say(ADMIN, "!echo a") == "un 6"
    await author.removes("echo.py")
    assert await room.say(ADMIN, "!echo a") == "a"


async def test_files_that_are_no_bots_are_left_alone(author: Author) -> None:
    for name in ("test_des.py", "conftest.py", "_des.py", ".des.py", "des.txt", "des.py~"):
        assert await author.saves(name, source() + "\nraise SystemExit\n") == []
    assert await author.saves("tool.py", "raise SystemExit('this would stop us')") == []
    (author.folder / "dir.py").mkdir()
    assert len(await author.looks()) == 1, "told, and no more"
    assert await author.looks() == []


async def test_what_a_newer_version_cannot_use_of_the_settings_is_its_default(author: Author) -> None:
    await author.saves("des.py", source(name="des"))
    room = await author.room("des")
    await room.say(ADMIN, "!bot regler des n=12")
    assert await room.say(ADMIN, "!dé") == "un 12"
    await author.saves("des.py", source(name="des", setting='n: bool = field(True, label="n")'))
    assert await room.say(ADMIN, "!dé") == "un True"


async def test_it_is_seen_within_two_seconds_and_a_folder_that_is_away_stops_nothing(author: Author) -> None:
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(author.development.run())
        await asyncio.sleep(0.1)
        (author.folder / "des.py").write_text(source(name="des"), "utf-8")
        async with asyncio.timeout(2):
            while "des" not in author.bench.kernel.crew.bots:
                await asyncio.sleep(0.02)
        author.folder.rename(author.folder.with_name("away"))
        await asyncio.sleep(0.7)
        assert "des" in author.bench.kernel.crew.bots
        author.folder.with_name("away").rename(author.folder)
        (author.folder / "des.py").write_text(source("deux", name="des"), "utf-8")
        async with asyncio.timeout(2):
            while "deux" not in str(author.bench.kernel.crew.bots["des"].about()):
                await asyncio.sleep(0.02)
        watching.cancel()
