"""What people type at a question, and the answer that it is."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bot_surveys import answering
from tchap_bot_surveys.answering import Typed
from tchap_bot_surveys.model import LONGEST_ANSWER, Kind, Question
from tchap_bridges.errors import Misconfigured
from tests.unit.surveys.test_asking import read

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=PARIS)


def question(kind: str, options: Any = (), **more: Any) -> Question:
    return Question(text="?", kind=Kind(kind), options=tuple(options), **more)


def typed(words: str, *, exact: bool = False) -> Typed:
    return Typed(words=words, when=MONDAY, zone=PARIS, language="fr", exact=exact)


CASES = [(case["question"], words, answer) for case in read("answers.yaml") for words, answer in case["given"].items()]


@pytest.mark.parametrize(("asked", "words", "answer"), CASES)
def test_what_is_typed_is_an_answer_or_none(asked: dict[str, Any], words: str, answer: str | None) -> None:
    one = question(**asked)
    if answer is None:
        with pytest.raises(Misconfigured):
            answering.read(one, typed(words))
        return
    wanted = tuple(answer.split()) if one.kind is Kind.SEVERAL else (answer,)
    assert answering.read(one, typed(words)) == wanted


def test_an_answer_is_said_back() -> None:
    days = question("several", ["lundi", "mardi"])
    assert answering.shown(days, ("1", "2"), "fr") == "lundi, mardi"
    assert answering.shown(days, (), "fr") == "(passée)"
    assert answering.shown(question("date"), ("2027-08-01",), "fr") == "dimanche 1er août 2027"
    assert answering.shown(question("number"), ("3.5",), "fr") == "3,5"
    assert answering.shown(question("number"), ("3.5",), "en") == "3.5"


def test_where_nothing_is_said_back_a_date_has_its_year() -> None:
    assert answering.read(question("date"), typed("12/03/2027", exact=True)) == ("2027-03-12",)
    with pytest.raises(Misconfigured, match="année"):
        answering.read(question("date"), typed("demain", exact=True))


def test_words_have_a_limit() -> None:
    assert answering.read(question("text"), typed("x" * LONGEST_ANSWER)) == ("x" * LONGEST_ANSWER,)
    with pytest.raises(Misconfigured, match="trop long"):
        answering.read(question("text"), typed("x" * (LONGEST_ANSWER + 1)))


@given(
    st.sampled_from([*(question(kind) for kind in ("number", "date", "text")), question("scale", low=-3, high=9)])
    | st.builds(question, st.sampled_from(["one", "several"]), st.just(["0", "1", "b", "oui"])),
    st.text(st.sampled_from("0123456789-+,./ abrouinété") | st.characters(codec="utf-8"), max_size=20),
)
def test_any_words_are_survived_and_an_answer_is_said_back(asked: Question, words: str) -> None:
    try:
        answer = answering.read(asked, typed(words))
    except Misconfigured:
        return
    assert answer
    assert str(answering.shown(asked, answer, "fr"))
