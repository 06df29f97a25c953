"""The way through the questions: nothing is lost or mixed, and nobody passes what they must answer."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tchap_bot_surveys.answering import Typed
from tchap_bot_surveys.model import Answer, Kind, Question
from tchap_bot_surveys.walk import WORDS, Step, Walk, Word, begun, said
from tchap_bridges.errors import Misconfigured

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=PARIS)
QUESTIONS = (
    Question(text="Oui ou non ?", kind=Kind.ONE, options=("Oui", "Non")),
    Question(text="Note", kind=Kind.SCALE, low=1, high=5, required=True),
    Question(text="Jours", kind=Kind.SEVERAL, options=("lundi", "mardi", "plus tard")),
    Question(text="Un mot", kind=Kind.TEXT),
)
GIVEN: tuple[tuple[str, Answer], ...] = (
    ("oui", ("1",)),
    ("4", ("4",)),
    ("lundi, mardi", ("1", "2")),
    ("merci", ("merci",)),
)


def says(walk: Walk, *words: str, questions: tuple[Question, ...] = QUESTIONS) -> Walk:
    for word in words:
        walk = step(walk, word, questions).walk
    return walk


def step(walk: Walk, words: str, questions: tuple[Question, ...] = QUESTIONS) -> Step:
    return said(questions, walk, Typed(words=words, when=MONDAY, zone=PARIS, language="fr"))


def test_from_the_first_question_to_the_last() -> None:
    walk = says(begun(QUESTIONS), *(words for words, _answer in GIVEN))
    assert walk.reviews
    assert tuple(walk.complete) == tuple(answer for _words, answer in GIVEN)
    assert step(walk, "Envoyer !").word is Word.SEND


def test_one_goes_back_and_what_was_answered_is_there() -> None:
    walk = says(begun(QUESTIONS), "oui", "4", "retour", "retour")
    assert (walk.at, walk.answers[:2]) == (0, (("1",), ("4",)))
    assert says(walk, "non") == Walk(answers=(("2",), ("4",), None, None), at=2)
    assert says(walk, "passer") == Walk(answers=(("1",), ("4",), None, None), at=2)
    assert says(walk, "retour").at == 0, "there is nothing before the first"


def test_what_must_be_answered_is_not_passed() -> None:
    walk = says(begun(QUESTIONS), "passer")
    assert walk == Walk(answers=((), None, None, None), at=1)
    for word in ("passer", "effacer"):
        with pytest.raises(Misconfigured, match="attend une réponse"):
            says(walk, word)
    answered = says(walk, "4", "retour")
    assert says(answered, "passer").answers[1] == ("4",)
    with pytest.raises(Misconfigured):
        says(answered, "effacer")


def test_an_answer_can_be_taken_back() -> None:
    walk = says(begun(QUESTIONS), "oui", "retour", "effacer")
    assert walk == Walk(answers=((), None, None, None), at=1)


def test_all_can_be_begun_again() -> None:
    assert says(begun(QUESTIONS), "oui", "4", "recommencer") == begun(QUESTIONS)


def test_in_the_review_one_question_is_changed_and_then_it_comes_back() -> None:
    walk = says(begun(QUESTIONS), "oui", "4", "1", "merci")
    changed = says(walk, "2", "5")
    assert changed.reviews
    assert changed.answers == (("1",), ("5",), ("1",), ("merci",))
    assert says(walk, "retour").at == 3
    assert says(walk, "recommencer") == begun(QUESTIONS)
    for words in ("0", "5", "99", "123", "merci", "", "passer"):
        with pytest.raises(Misconfigured, match="rien n'est encore envoyé"):
            says(walk, words)


def test_an_option_is_meant_before_a_word_of_ours() -> None:
    walk = says(begun(QUESTIONS), "oui", "4", "plus tard")
    assert walk.answers[2] == ("3",)


def test_words_of_ours_are_an_answer_in_quotes() -> None:
    last = says(begun(QUESTIONS), "oui", "4", "1")
    assert step(last, "plus tard").word is Word.LATER
    assert says(last, "« plus tard »").answers[3] == ("plus tard",)
    assert says(last, '"retour"').answers[3] == ("retour",)
    assert says(last, "« bonjour »").answers[3] == ("« bonjour »",)
    assert says(last, "ok").answers[3] == ("ok",), "there is nothing to send yet"


WALKS = st.lists(
    st.sampled_from([*WORDS, *(words for words, _answer in GIVEN), "2", "5", "non", "mardi", "xyz", "", "99"]),
    max_size=40,
)


@settings(deadline=None, max_examples=300)
@given(WALKS)
def test_no_way_loses_an_answer_or_passes_what_must_be_answered(words: list[str]) -> None:
    """Against the plainest account of it: what each question was last answered with."""
    walk, last = begun(QUESTIONS), dict.fromkeys(range(len(QUESTIONS)), None)
    for one in words:
        before = walk
        try:
            done = step(walk, one)
        except Misconfigured:
            continue
        walk = done.walk
        if done.word is Word.RESTART:
            last = dict.fromkeys(last, None)
        elif done.answered is not None:
            assert done.answered == before.at
            last[before.at] = walk.answers[before.at]
        elif done.word is Word.CLEAR or (done.word is Word.SKIP and last[before.at] is None):
            last[before.at] = ()
        assert walk.answers == tuple(last.values())
        assert 0 <= walk.at <= len(QUESTIONS)
        if walk.reviews:
            assert None not in walk.answers
            assert walk.answers[1], "a question that must be answered is"


@settings(deadline=None, max_examples=100)
@given(WALKS, WALKS, st.randoms())
def test_two_people_at_once_do_not_mix(one: list[str], other: list[str], random: object) -> None:
    def alone(words: list[str]) -> Walk:
        walk = begun(QUESTIONS)
        for word in words:
            walk = _maybe(walk, word)
        return walk

    walks, left = [begun(QUESTIONS), begun(QUESTIONS)], [list(one), list(other)]
    while any(left):
        who = random.choice([n for n in (0, 1) if left[n]])
        walks[who] = _maybe(walks[who], left[who].pop(0))
    assert walks == [alone(one), alone(other)]


def _maybe(walk: Walk, words: str) -> Walk:
    try:
        return step(walk, words).walk
    except Misconfigured:
        return walk
