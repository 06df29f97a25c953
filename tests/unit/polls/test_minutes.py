"""Minutes: exact lines; whatever people wrote is words; and no anonymity is claimed."""

from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from tchap_bot_polls.minutes import Facts, minutes
from tchap_bot_polls.signs import clean
from tests.unit.polls.shown_results import RESULTS, read, result

VECTORS = read("minutes.yaml")


def facts(language: Literal["fr", "en"] = "fr", **others: Any) -> Facts:
    said = VECTORS["facts"] | others
    return Facts(
        room=said["room"],
        opener=said["opener"],
        opened_at=datetime.fromisoformat(said["opened_at"]),
        closed_at=datetime.fromisoformat(said["closed_at"]),
        closed_by=said.get("closed_by"),
        language=language,
        zone=ZoneInfo(said["zone"]),
    )


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['result']} {case['language']}")
def test_minutes(case: dict[str, Any]) -> None:
    others = {key: value for key, value in case.items() if key in {"closed_by", "zone"}}
    made = minutes(RESULTS[case["result"]], facts(case["language"], **others))
    assert made.endswith("\n")
    assert made.removesuffix("\n").split("\n") == case["lines"]


def seen(markdown: str) -> LexborHTMLParser:
    return LexborHTMLParser(MarkdownIt("commonmark").enable("table").render(markdown))


WILD = st.text(st.characters(codec="utf-8") | st.sampled_from("\\`*_[]()<>|~&#!-+=.:1 \n\tא"), max_size=60)


@given(WILD, WILD, WILD)
@example("0) 0", "0) 0", "0) 0")
@example("# 1", "# 1", "# 1")
@example("- 1", "+ 1", "* 1")
@example("- ?", "**?**", "!?")
@example("```", "~~~", "    x")
@example("a\n===\nb", "|a|\n|--|", "\\")
@example("[a]: http://b", "<!-- a -->", "&lt;&#65;")
def test_words_of_people_are_words(question: str, answer: str, name: str) -> None:
    one = result(question, [["a", answer, 1, 0, [name]]], "won", voted=1, winners=["a"])
    page = seen(minutes(one, facts(room=name, opener=answer, closed_by=question)))
    tags = {node.tag for node in page.body.traverse() if node.tag} if page.body else set()
    assert tags <= {"body", "h1", "h2", "p", "ul", "li", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert len(page.css("h1")) == 1
    assert len(page.css("table")) == 1
    cells = [cell.text() for cell in page.css("td")]
    assert len(cells) == 3
    assert bare(cells[0]) == bare(clean(answer) or "…")
    assert [bare(item.text().split("\u00a0: ")[0]) for item in page.css("li strong")] == [bare(clean(answer) or "…")]
    assert bare(page.css("p strong")[0].text()) == bare(clean(question) or "…")


def bare(text: str) -> str:
    """Without isolates, and without the spaces at the ends that HTML does not keep."""
    return text.translate({0x2068: None, 0x2069: None, 0: 0xFFFD}).strip()


def test_a_secret_vote_is_not_called_anonymous() -> None:
    french, english = (minutes(RESULTS["secret"], facts(language, opener="Max")) for language in ("fr", "en"))
    assert "secret, pas anonyme" in french
    assert "restent sur le serveur Matrix" in french
    assert "secret, not anonymous" in english
    assert "stay on the Matrix server" in english
    for text in (french, english):
        assert not any(name in text for count in RESULTS["secret"].counts for name in count.voters)
    assert "anonym" not in minutes(RESULTS["lunch"], facts())


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "dimanche 29 mars 2026 à 01:59"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "dimanche 29 mars 2026 à 03:00"),
        (datetime(2026, 10, 31, 23, 30, tzinfo=UTC), "dimanche 1er novembre 2026 à 00:30"),
        (datetime(2027, 1, 11, 9, 0, tzinfo=UTC), "lundi 11 janvier 2027 à 10:00"),
    ],
)
def test_times_are_those_of_the_zone(at: datetime, expected: str) -> None:
    assert f"Clos à l'échéance, le {expected}\n" in minutes(RESULTS["lunch"], facts(closed_at=at.isoformat()))
