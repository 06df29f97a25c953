"""``bot new``: what it makes is whole, clean and passes its own tests at once; ``bot list`` tells of words."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tchap_bridges.bot import Bot, Room, command
from tchap_bridges.cli import main
from tchap_bridges.plugins import BOTS, Plugins

ROOT = Path(__file__).parents[3]
LONGEST = "compteur-de-cafes-long12"


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


def python(folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=[("carnet", "fr"), ("my-list2", "en"), (LONGEST, "fr")], ids=lambda one: one[0])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, language = request.param
    folder = tmp_path_factory.mktemp("into")
    assert run("bot", "new", name, "--into", str(folder), "--language", language) == 0
    return folder / name


def test_its_tests_pass_at_once(made: Path) -> None:
    said = python(made, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert re.search(r"\b2\d passed", said)


def test_it_is_clean(made: Path) -> None:
    """As ruff and mypy see it that nobody has told anything; and, but for long names, as ours do."""
    python(made, "-m", "ruff", "check", "--no-cache", "--isolated", "--extend-select", "I,UP,B,SIM,RUF100", ".")
    python(made, "-m", "mypy", "--strict", "--cache-dir", os.devnull, *map(str, made.glob("*.py")))
    if made.name != LONGEST:
        python(made, "-m", "ruff", "format", "--no-cache", "--isolated", "--line-length", "120", "--check", ".")
        assert (
            max(len(line) for file in made.iterdir() if file.is_file() for line in file.read_text().splitlines()) <= 120
        )


def test_the_package_names_its_bot(made: Path) -> None:
    project = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"tchap-bot-{made.name}"
    ((name, target),) = project["entry-points"][BOTS].items()
    module, _colon, bot = target.partition(":")
    assert name == made.name
    classes = [
        node.name for node in ast.parse((made / f"{module}.py").read_text()).body if isinstance(node, ast.ClassDef)
    ]
    assert bot in classes


def test_it_speaks_of_itself_in_both_languages(made: Path) -> None:
    pages = sorted(page.name for page in made.glob("README*"))
    assert len(pages) == 2
    for page in pages:
        text = (made / page).read_text()
        assert f"!{made.name}" in text
        assert "$" not in text
        for link in re.findall(r"\]\(([^)]+)\)", text):
            assert "://" in link or (made / link).exists(), link


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("Café", 2, "par exemple cafe"),
        ("a b", 2, "par exemple a-b"),
        ("1er", 2, "par exemple er"),
        ("x-", 2, "par exemple"),
        ("../x", 2, "par exemple x"),
        ("été", 2, "par exemple ete"),
        ("💡", 2, "par exemple carnet"),
        ("a" * 25, 2, "par exemple carnet"),
        ("echo", 1, "un robot « echo » est installé (tchap-bridges)"),
        ("polls", 1, "un module tchap_bot_polls est installé"),
        ("aide", 1, "« aide » est un mot du pont"),
        ("reglages", 1, "« reglages » est un mot du pont"),
        ("existe", 1, "existe déjà"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, code: int, why: str
) -> None:
    (tmp_path / "existe").mkdir()
    assert run("bot", "new", name, "--into", str(tmp_path)) == code
    said = re.sub(r"[\s│]+", " ", capsys.readouterr().err)
    assert why in said
    assert [one.name for one in tmp_path.iterdir()] == ["existe"]


def test_what_comes_next_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bot", "new", "carnet", "--into", str(tmp_path / "neuf"), "--language", "en") == 0
    said = capsys.readouterr().out
    for words in ("python -m pip install -e '.[test]'", "python -m pytest", "carnet: {}", "!bots enable carnet"):
        assert words in said


class One(Bot):
    """Un."""

    name = "un"

    @command("vote", "aide")
    async def vote(self, room: Room) -> None:
        """Vote."""


class Two(Bot):
    """Deux."""

    name = "deux"

    @command("vote", "seul")
    async def vote(self, room: Room) -> None:
        """Vote."""


def test_words_of_two_bots_and_of_the_bridge_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [EntryPoint(one.name, f"{__name__}:{one.__name__}", BOTS) for one in (One, Two)]
    here.append(EntryPoint("cassé", "no_such_module:Bot", BOTS))
    monkeypatch.setattr("tchap_bridges.cli.bot.Plugins", lambda: Plugins(here))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    assert run("bot", "list") == 0
    said = capsys.readouterr().out
    assert "!un-vote — Vote." in said
    assert "!deux-vote — Vote." in said
    assert "!vote est un mot de plusieurs robots : où ils sont actifs, dites !deux-vote, !un-vote" in said
    assert "!aide est un mot du pont : dites !un-aide" in said
    assert "!seul est" not in said
    assert "no_such_module" in said
