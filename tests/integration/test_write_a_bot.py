"""The guides for authors of bots, followed to the letter: by somebody who has nothing but the page and a terminal.

What stands on a page is done in its order, in a folder and an environment of its own: files are written (under a
comment that names them), `sh` is run, `yaml` goes into the configuration of a bridge that is then started by the
environment's own Python on a real homeserver, and `text` is a conversation in a room there.
"""

import asyncio
import os
import re
import site
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import BridgeProcess, World, write_yaml

ROOT = Path(__file__).parents[2]
SEEN = 1.5  # seconds in which a change of the development folder has to be seen; nobody types sooner
SHOWN = "tests/vectors/bot_guide/"
PAGES = ("docs/en/write-a-bot.md", "docs/fr/ecrire-un-robot.md")
_BLOCK = re.compile(r"(?:^<!-- (?P<file>\S+) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)

_SOURCES = re.compile(r"/(?:path/of|chemin/de)/tchap-bridges")

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Block(NamedTuple):
    kind: str
    file: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    for found in _BLOCK.finditer((ROOT / page).read_text("utf-8")):
        yield Block(found["kind"], (found["file"] or "").removeprefix(SHOWN), found["text"])


class Stranger:
    """Their folder, their terminal, their bridge and their room."""

    def __init__(self, folder: Path, world: World, member: Client, room: str) -> None:
        self.folder, self.world, self.member, self.room = folder, world, member, room
        config = YAML(typ="safe").load(world.bridge.folder / "config.yaml")
        self.config = {section: values for section, values in config.items() if section != "development"}
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            # What is installed here is what a package index would give; our own code is what they install.
            "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    @property
    def python(self) -> str:
        return str(self.folder / ".venv" / "bin" / "python")

    async def does(self, block: Block) -> None:
        if block.file:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
            return
        match block.kind:
            case "sh":
                await asyncio.to_thread(self.runs, block.text)
                await asyncio.sleep(SEEN)
            case "yaml":
                await self.configures(YAML(typ="safe").load(block.text))
            case "text":
                await self.talks(block.text)
            case kind:
                raise AssertionError(f"a block of {kind} under no name of a file is nothing that one can do")

    def runs(self, script: str) -> None:
        """In a shell that has all that was said to the one before it."""
        saved = self.folder.with_name("environment")
        script = _SOURCES.sub(str(ROOT), script)
        whole = f". {saved}\nset -e\n{script}\nset +e\nexport -p > {saved}\necho cd $PWD >> {saved}\n"
        saved.touch()
        done = subprocess.run(
            ["bash", "-c", whole],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"

    async def configures(self, changes: Mapping[str, Any]) -> None:
        """The bridge starts anew, with that in its configuration."""
        for section, values in changes.items():
            there = {key: self._place(value) for key, value in values.items()}
            self.config[section] = {**self.config.get(section, {}), **there}
        write_yaml(self.world.bridge.folder / "config.yaml", self.config)
        await self.world.bridge.stop()
        environment, os.environ["PYTHONPATH"] = os.environ.get("PYTHONPATH"), self.environment["PYTHONPATH"]
        try:
            self.world.bridge = BridgeProcess(self.world.bridge.folder, self.world.bridge.ports, self.python)
            await self.world.bridge.start()
        finally:
            if environment is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = environment

    def _place(self, value: Any) -> Any:
        """A path that is said to be theirs."""
        return str(self.folder / Path(value).name) if isinstance(value, str) and value.startswith("/") else value

    async def talks(self, conversation: str) -> None:
        """Line by line: what is typed, and what is answered; … stands for anything."""
        lines = [line.partition(" : " if " : " in line[:8] else ": ")[2] for line in conversation.splitlines()]
        assert len(lines) % 2 == 0
        for typed, answer in zip(lines[::2], lines[1::2], strict=True):
            event = await self.member.send_text(self.room, typed)
            found = await self.member.wait_for(
                self.room, lambda e, event=event: _answers(e["content"]) == event, timeout=30
            )
            pattern = ".*".join(map(re.escape, answer.split("…")))
            assert re.fullmatch(pattern, found["content"]["body"].splitlines()[0]), found["content"]["body"]


def _answers(content: Mapping[str, Any]) -> str | None:
    found: str | None = content.get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    async with await World.start(tmp_path_factory.mktemp("world"), template=template) as found:
        yield found


@pytest.mark.parametrize("page", PAGES)
async def test_the_guide_leads_to_a_bot_in_a_room(page: str, world: World, tmp_path: Path) -> None:
    member = await world.agent(f"auteur-{Path(page).parent.name}", "Auteur")
    room = await world.room(member)
    folder = tmp_path / "mine"
    folder.mkdir()
    stranger = Stranger(folder, world, member, room)
    done = []
    for block in blocks(page):
        await stranger.does(block)
        done.append(block.kind)
    assert {"python", "toml", "sh", "yaml", "text"} <= set(done)
    log = (world.bridge.folder / "bridge.log").read_text()
    assert re.search(r'"bot": "astreinte", "version": "0\.1\.0"|"version": "0\.1\.0", "bot": "astreinte"', log)


async def test_both_pages_show_the_same_code() -> None:
    english, french = ([block for block in blocks(page) if block.file] for page in PAGES)
    assert english == french


async def test_fifteen_lines_are_fifteen() -> None:
    code = next(block for block in blocks(PAGES[0]) if block.kind == "python").text
    assert len([line for line in code.splitlines() if line.strip()]) == 15
