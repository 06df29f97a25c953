"""The documents keep up with what they speak of: files, commands, and the code they show."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from tchap_bridges.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
FORBIDDEN = re.compile(r"/(?:work|tmp|root|home)/\w|/opt/(?!tchap-bridges)|localhost:\d|\bTODO\b|\bFIXME\b")
COMMAND = re.compile(r"tchap-bridges ([a-z]+(?: [a-z]+)?)")
EXCERPT = re.compile(r"<!-- excerpt of (\S+) -->\n```python\n(.*?)```", re.DOTALL)


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    text = FENCED.sub("", document.read_text(encoding="utf-8"))
    paths = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link and not link.startswith("#")]
    assert [path for path in paths if not (document.parent / unquote(path)).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_no_document_knows_its_author_s_machine(document: Path) -> None:
    assert FORBIDDEN.findall(document.read_text(encoding="utf-8")) == []


def commands() -> Iterator[tuple[str, ...]]:
    """Those of code spans and blocks; prose may say that tchap-bridges does this or that."""
    for document in (ROOT / "README.md", ROOT / "docs" / "fr" / "README.md"):
        text = document.read_text(encoding="utf-8")
        for code in (*re.findall(r"`([^`\n]+)`", text), *(found[0] for found in FENCED.finditer(text))):
            for found in COMMAND.findall(code):
                words = found.split()
                yield tuple(words if words[0] in {"queue", "mail"} else words[:1])


def test_the_commands_of_the_readme_exist() -> None:
    found = set(commands())
    assert len(found) >= 8
    for words in sorted(found):
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0, f"tchap-bridges {' '.join(words)}\n{result.output}"


def test_what_networks_carry_is_what_their_bridges_say() -> None:
    tool = runpy.run_path(str(ROOT / "scripts" / "abilities"))
    for language, path in tool["PAGES"].items():
        assert path.read_text("utf-8") == tool["page"](language), "run scripts/abilities"


def test_the_code_of_the_readme_is_that_of_the_files_it_names() -> None:
    found = EXCERPT.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found
    for path, code in found:
        there = (ROOT / path).read_text(encoding="utf-8").splitlines()
        assert [line for line in code.splitlines() if line.strip() and line not in there] == [], path
