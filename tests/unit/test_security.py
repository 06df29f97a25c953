"""Every hole of other bridges that docs/security.md speaks of is a test, and every such test stands there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = [ROOT / "docs" / "security.md", ROOT / "docs" / "security.en.md"]
SOURCES = sorted(path for folder in ("src", "bridges", "bots") for path in (ROOT / folder).rglob("*.py"))
HOLES = [
    *("CVE-2021-32659", "CVE-2022-29166", "CVE-2022-39203", "CVE-2022-45197", "CVE-2023-38690", "CVE-2023-38691"),
    *("CVE-2023-43656", "CVE-2024-27305", "CVE-2024-32000", "CVE-2024-34083", "CVE-2024-39691", "CVE-2024-52505"),
    *("CVE-2025-23197", "CVE-2025-27146", "GHSL-2021-118", "appservice-irc#1035", "Libera 2023"),
]
NAMED = re.compile(r"`(test_[a-z0-9_]+)`")
DEFINED = re.compile(r"^\s*(?:async )?def (test_[a-z0-9_]+)\(", re.MULTILINE)


def rows(table: Path) -> dict[str, str]:
    """The table's lines by the hole that each begins with."""
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {hole: line for line in lines for hole in HOLES if hole in line.split("|")[1]}


def defined() -> set[str]:
    return {name for path in (ROOT / "tests").rglob("test_*.py") for name in DEFINED.findall(path.read_text("utf-8"))}


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.name)
def test_every_hole_names_tests_that_exist(table: Path) -> None:
    found = rows(table)
    assert [hole for hole in HOLES if hole not in found] == []
    assert [hole for hole, line in found.items() if not NAMED.findall(line)] == []
    assert sorted(set(NAMED.findall(table.read_text(encoding="utf-8"))) - defined()) == []


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.name)
def test_every_test_of_a_hole_stands_in_its_line(table: Path) -> None:
    found = rows(table)
    slugs = {hole: "test_" + re.sub(r"\W", "_", hole.lower()) + "_" for hole in HOLES}
    missing = [
        name
        for hole, slug in slugs.items()
        for name in sorted(defined())
        if name.startswith(slug) and f"`{name}`" not in found.get(hole, "")
    ]
    assert missing == []


def test_both_languages_name_the_same_tests() -> None:
    french, english = ({hole: NAMED.findall(line) for hole, line in rows(table).items()} for table in TABLES)
    assert french == english


# What we do not have, and so cannot have wrongly. Whoever adds it begins with a test that attacks it.


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_cve_2023_38691_nobody_signs_in_by_openid(path: Path) -> None:
    assert "openid" not in path.read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_cve_2023_43656_nothing_that_is_given_is_run(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert names.isdisjoint({"eval", "exec", "compile", "__import__"})
