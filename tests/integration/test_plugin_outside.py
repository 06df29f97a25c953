"""A stranger's package is installed beside ours, found, loaded and held to the contract like our own."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "vectors" / "plugin_outside"
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
_BLOCK = re.compile(r"<!-- (?P<file>tests/vectors/\S+) -->\n+```\w*\n(?P<text>.*?)```", re.DOTALL)

LOOK = """
import asyncio, json
from tchap_bridges.bridge import Bridge, Connection
from tchap_bridges.bot import Bot
from tchap_bridges.plugins import Plugins
from tchap_bridges.testing.host import FakeHost

plugins = Plugins()
bridge, bot = plugins.bridge("folder"), plugins.bot("dice")
assert issubclass(bridge, Bridge) and issubclass(bot, Bot)

async def opens():
    async with bridge().open(bridge.Config(path="."), FakeHost()) as connection:
        assert isinstance(connection, Connection)

asyncio.run(opens())
found = {f"{one.group} {one.name}": [one.distribution, one.version, one.target] for one in plugins.installed()}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, put there by pip. What builds it is fetched only where it is not at hand."""
    source, target = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, source)
    offline = ["--no-build-isolation", "--no-index"] if find_spec("hatchling") else []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, *offline, "--target", str(target), str(source)], check=True, timeout=300)
    return target


def run(installed: Path, *arguments: str, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_by_its_entry_points(installed: Path, tmp_path: Path) -> None:
    found = json.loads(run(installed, "-c", LOOK, cwd=tmp_path))
    assert found["tchap_bridges.bridges folder"] == ["tchap-bridge-folder", "1.0", "tchap_bridge_folder:FolderBridge"]
    assert found["tchap_bridges.bots dice"] == ["tchap-bridge-folder", "1.0", "tchap_bot_dice:DiceBot"]
    assert "tchap_bridges.bridges echo" in found, "ours come the same way"


def test_it_passes_the_contract(installed: Path, tmp_path: Path) -> None:
    """With pytest's settings of its own and strict ones, from a folder that has nothing of ours."""
    for name in ("test_plugin.py", "pytest.ini"):
        shutil.copy(PACKAGE / name, tmp_path)
    said = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_plugin.py", cwd=tmp_path)
    assert " passed" in said


def test_it_is_typed(installed: Path, tmp_path: Path) -> None:
    """Whoever writes a bridge with mypy --strict is not told of mistakes that are not theirs."""
    run(installed, "-m", "mypy", "--strict", *map(str, sorted(PACKAGE.glob("tchap_*.py"))), cwd=tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_show_what_runs(page: Path) -> None:
    """A block of code under a comment that names a file is that file."""
    for block in _BLOCK.finditer(page.read_text("utf-8")):
        assert block["text"] == (ROOT / block["file"]).read_text("utf-8"), f"{page.name} shows another {block['file']}"


def test_every_page_about_writing_one_shows_it() -> None:
    for name in ("en/write-a-bridge.md", "fr/ecrire-un-pont.md", "en/write-a-bot.md", "fr/ecrire-un-robot.md"):
        assert _BLOCK.search((ROOT / "docs" / name).read_text("utf-8")), f"{name} shows no whole example"
