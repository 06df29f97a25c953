"""What people write for a survey, and what it is understood as."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bot_surveys import asking
from tchap_bot_surveys.model import MOST_OPTIONS, MOST_QUESTIONS, Kind, Question, labels
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Translator

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "surveys"
FRENCH = Translator("fr")


def read(name: str) -> Any:
    return YAML(typ="safe").load(VECTORS / name)


def questions(*lines: str) -> tuple[Question, ...]:
    return asking.read("\n".join(("Titre", *lines)), FRENCH).questions


@pytest.mark.parametrize("case", read("questions.yaml"), ids=lambda case: case["line"])
def test_a_line_is_a_question(case: dict[str, Any]) -> None:
    low, high = case.get("ends", (0, 0))
    wanted = Question(
        text=case["text"],
        kind=Kind(case["kind"]),
        options=tuple(case.get("options", ())),
        low=low,
        high=high,
        required=case.get("required", False),
    )
    assert questions("Première", case["line"])[1] == wanted


@pytest.mark.parametrize("case", read("refused.yaml"), ids=lambda case: case["why"])
def test_what_is_no_survey_is_refused_with_a_reason(case: dict[str, str]) -> None:
    with pytest.raises(Misconfigured) as error:
        asking.read(case["words"], FRENCH)
    assert case["why"] in str(error.value)


def test_options_may_stand_below_their_question() -> None:
    tools, days, word = questions(
        "1. Outil préféré ?", "  - Tchap", "  - Visio", "2*. Jours :", "- [ ] lundi", "[ ] mardi", "☐ jeudi", "Un mot :"
    )
    assert (tools.kind, tools.options) == (Kind.ONE, ("Tchap", "Visio"))
    assert (days.text, days.kind, days.options, days.required) == (
        "Jours",
        Kind.SEVERAL,
        ("lundi", "mardi", "jeudi"),
        True,
    )
    assert word.kind is Kind.TEXT


def test_questions_may_all_have_bullets() -> None:
    assert [one.text for one in questions("- Ça va ? Oui / Non", "- Un mot :")] == ["Ça va ?", "Un mot"]


def test_the_first_line_has_the_title_and_the_settings() -> None:
    asked = asking.read('Cantine : anonyme=oui fin="vendredi 17h"\nUn mot', FRENCH)
    assert (asked.title, asked.anonymous, asked.closes) == ("Cantine :", True, "vendredi 17h")
    asked = asking.read("Canteen until=tomorrow anonymous=yes\nA word", FRENCH)
    assert (asked.title, asked.anonymous, asked.closes) == ("Canteen", True, "tomorrow")
    assert asking.read("Cantine anonyme=non\nUn mot", FRENCH).anonymous is False


def test_settings_need_no_quotes() -> None:
    asked = asking.read("Cantine fin=vendredi 27 novembre 17h anonyme=oui\nUn mot", FRENCH)
    assert (asked.title, asked.anonymous, asked.closes) == ("Cantine", True, "vendredi 27 novembre 17h")
    asked = asking.read("Cantine fin = « vendredi 17h »\nUn mot", FRENCH)
    assert (asked.title, asked.closes) == ("Cantine", "vendredi 17h")


def test_yes_and_no_are_said_in_the_language_of_whoever_asks() -> None:
    asked = asking.read("Lunch\nDo you come (yes/no)?", Translator("en"))
    assert asked.questions[0].options == ("Yes", "No")


def test_there_are_limits() -> None:
    most = asking.read("Titre\n" + "\n".join(["Un mot"] * MOST_QUESTIONS), FRENCH)
    assert len(most.questions) == MOST_QUESTIONS
    for words in (
        "Titre\n" + "\n".join(["Un mot"] * (MOST_QUESTIONS + 1)),
        "Titre\nQuoi ? " + " / ".join(map(str, range(MOST_OPTIONS + 1))),
        "Titre\n" + "x" * 301,
        "x" * 301 + "\nUn mot",
    ):
        with pytest.raises(Misconfigured):
            asking.read(words, FRENCH)


@given(st.text(st.sampled_from('ab1 ?:/;,|*.()[]-•☐\n="«»à'), max_size=60))
def test_any_words_are_a_survey_or_refused(words: str) -> None:
    try:
        asked = asking.read(words, FRENCH)
    except Misconfigured:
        return
    assert asked.title
    for question in asked.questions:
        assert question.text
        assert (len(question.options) > 1) is (question.kind in {Kind.ONE, Kind.SEVERAL})
        assert (question.low < question.high) is (question.kind is Kind.SCALE)


@given(st.lists(st.text(st.sampled_from("0123abr "), min_size=1, max_size=4), min_size=2, max_size=20, unique=True))
def test_a_label_is_never_what_another_option_begins_with(options: list[str]) -> None:
    made = labels(options)
    assert len(set(made)) == len(options)
    for n, option in enumerate(options):
        words = option.split()
        assert not words or words[0] not in made or made.index(words[0]) == n
