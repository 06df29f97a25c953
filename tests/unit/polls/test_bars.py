"""Results as text: exact words, and what holds of any result whatever people wrote."""

import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from tchap_bot_polls.bars import ANSWER_LENGTH, WIDTH, bar, text_of
from tchap_bot_polls.signs import clean, clusters, cut, shown
from tchap_bot_polls.wording import Words
from tests.unit.polls.shown_results import RESULTS, read, result

MATRIX_TAGS = {"p", "br", "strong", "em", "code"}
FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize("case", read("bars.yaml"), ids=lambda case: case["result"])
def test_results_read(case: dict[str, Any]) -> None:
    one = RESULTS[case["result"]]
    assert text_of(one, "fr").plain.split("\n") == case["fr"]
    if "en" in case:
        assert text_of(one, "en").plain.split("\n") == case["en"]
    if "html" in case:
        assert text_of(one, "fr").html == "".join(case["html"])


def test_every_result_is_read_in_a_case() -> None:
    assert {case["result"] for case in read("bars.yaml")} == set(RESULTS)


def test_nothing_is_decided_while_the_poll_runs() -> None:
    lines = text_of(RESULTS["lunch"], "fr", closed=False).plain.split("\n")
    assert lines[1] == "██████░░░░ Cantine — 6 voix (60\u202f%)"
    assert "Résultat provisoire\u00a0: le vote est en cours" in lines
    assert not re.search("✓|retenue", "\n".join(lines))
    assert "<strong>Cantine" not in (text_of(RESULTS["lunch"], "fr", closed=False).html or "")


def test_a_secret_poll_names_nobody_even_when_its_result_does() -> None:
    said = text_of(RESULTS["secret"], "fr")
    assert not re.search("Anna|Zoé|Émile", f"{said.plain}{said.html}")


def test_many_names_are_counted() -> None:
    names = [f"Agent {n:02}" for n in range(15)]
    said = text_of(result("?", [["a", "Oui", 15, 0, names]], "won", voted=15, winners=["a"]), "fr").plain
    assert "↳ Agent 00, " in said
    assert "Agent 11 et 3 autres\n" in said
    assert "Agent 12" not in said


RANKED = {
    "rules": {"kind": "ranked"},
    "rounds": [{"votes": {str(n): 1 for n in range(20)}, "out": ["19"], "exhausted": 0}] * 19,
    "winners": ["0"],
}


@pytest.mark.parametrize("letter", ["m", "&", "京", FAMILY])
@pytest.mark.parametrize("others", [{}, RANKED], ids=["single", "ranked"])
def test_the_longest_result_still_fits_into_an_event(letter: str, others: dict[str, Any]) -> None:
    names = [letter * 100 + str(n) for n in range(50)]
    counts = [[str(n), letter * 2000, 50, 0, names] for n in range(20)]
    said = text_of(result(letter * 5000, counts, "tied", voted=1000, **others), "fr")
    assert len(f"{said.plain}{said.html}".encode()) < 40_000
    assert sum(line.startswith("█") for line in said.plain.split("\n")) == 20


def test_names_go_before_rounds_when_there_is_no_room() -> None:
    names = [f"{'京' * 40}{n}" for n in range(50)]
    counts = [[str(n), "京" * 30, 50, 0, names] for n in range(20)]
    said = text_of(result("?", counts, "won", voted=1000, **RANKED | {"rounds": RANKED["rounds"][:3]}), "fr").plain
    assert "↳" not in said
    assert "Tour 3" in said


@pytest.mark.parametrize(
    ("votes", "maybe", "most", "expected"),
    [
        (0, 0, 0, "░░░░░░░░░░"),
        (0, 0, 9, "░░░░░░░░░░"),
        (1, 0, 10_000, "█░░░░░░░░░"),
        (9_999, 0, 10_000, "█████████░"),
        (10_000, 0, 10_000, "██████████"),
        (1, 0, 20, "█░░░░░░░░░"),
        (3, 0, 20, "██░░░░░░░░"),
        (0, 1, 1000, "▒░░░░░░░░░"),
        (50, 1, 100, "█████▒░░░░"),
        (99, 1, 100, "█████████▒"),
        (0, 8, 8, "▒▒▒▒▒▒▒▒▒▒"),
        (12, 3, 10, "██████████"),
    ],
)
def test_bars(votes: int, maybe: int, most: int, expected: str) -> None:
    assert bar(votes, maybe, most) == expected


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_bars_are_of_one_width(votes: int, maybe: int, most: int) -> None:
    found = bar(votes, maybe, most)
    assert len(found) == WIDTH
    assert re.fullmatch("█*▒*░*", found)


@given(st.integers(0, 3000), st.integers(1, 3000), st.sampled_from(["fr", "en"]))
def test_shares_are_never_rounded_to_nothing_or_all(part: int, whole: int, language: Any) -> None:
    part = min(part, whole)
    said = Words(language).percent(part, whole).replace("\u202f", "")
    figure = float(said.strip("<>%").replace(",", "."))
    assert (figure == 0) == (part == 0)
    assert (figure == 100) == (part == whole)
    assert abs(figure - 100 * part / whole) <= (1 if said[0] in "<>" else 0.5)


WILD = st.text(
    st.characters(codec="utf-8") | st.sampled_from("<>&\"'«»\u202e\u2066\u2069\u200d\u0301\n\tאب7🇫🏽👩"), max_size=150
)


@given(WILD, WILD, WILD)
def test_both_forms_say_the_same_and_no_word_of_people_is_markup(question: str, answer: str, name: str) -> None:
    said = text_of(result(question, [["a", answer, 1, 0, [name]]], "won", voted=1, winners=["a"]), "fr")
    assert said.html is not None
    tags = {node.tag for node in LexborHTMLParser(said.html).root.traverse()} - {"html", "head", "body"}
    assert tags <= MATRIX_TAGS
    lines = re.split("<br>|</p>", said.html.removesuffix("</p>"))
    assert [unescape(re.sub("<[^>]*>", "", line)) for line in lines] == said.plain.split("\n")
    assert len(lines) == 5


@given(WILD)
def test_no_text_turns_what_stands_beside_it(text: str) -> None:
    said = shown(text, 40)
    assert said.count("\u2068") == said.count("\u2069") <= 1
    assert not set(said) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\n\u2028\r")


@given(WILD, st.integers(1, 60))
def test_cutting_keeps_signs_whole(text: str, longest: int) -> None:
    whole = list(clusters(text))
    assert "".join(whole) == text
    said = cut(text, longest)
    assert len(list(clusters(said))) <= longest
    assert len(said.encode()) <= 4 * longest + 3
    if said != text:
        kept = said.removesuffix("…")
        assert any("".join(whole[:n]).rstrip() == kept for n in range(longest))


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("ab cd", 4, "ab…"),
        ("e\u0301" * 5, 4, "e\u0301" * 3 + "…"),
        ("🇫🇷🇧🇪🇨🇭", 2, "🇫🇷…"),
        (f"a{FAMILY}b{'c' * 99}", 30, f"a{FAMILY}b{'c' * 26}…"),
        ("👍🏽👍🏽👍🏽", 2, "👍🏽…"),
    ],
)
def test_cuts(text: str, longest: int, expected: str) -> None:
    assert cut(text, longest) == expected


def test_long_answers_are_cut_and_their_numbers_are_not() -> None:
    said = text_of(result("?", [["a", "long " * 99, 7]], "won", voted=7, winners=["a"]), "fr").plain.split("\n")[1]
    answer = said.removeprefix("██████████ ✓ ").removesuffix(" — 7 voix (100\u202f%)")
    assert answer.endswith("…")
    assert len(answer) <= ANSWER_LENGTH


def test_the_spaces_that_people_wrote_stay() -> None:
    assert clean(" On  part\u202f?\u00a0: non \t") == "On part\u202f?\u00a0: non"
    said = text_of(result("Prêt ? « oui » : 5 %", [["a", "Oui ; non !", 1]], "no_majority", voted=1), "fr").plain
    assert "Prêt ? « oui » : 5 %" in said
    assert "Oui ; non !" in said
