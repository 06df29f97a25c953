"""What typed numbers choose."""

from dataclasses import replace

import pytest

from tchap_bot_polls.keeping import Kept
from tchap_bot_polls.model import Kind, Rules
from tchap_bot_polls.voting import is_typed, named, typed
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Option


def poll(kind: Kind, options: int, most: int = 20) -> Kept:
    offered = tuple(Option(id=str(n), text=f"réponse {n}") for n in range(1, options + 1))
    return Kept(id="$q", question="Q ?", options=offered, rules=Rules(kind=kind, most=most), by="@a:x", at=0)


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        ("2 1 3", ("2", "1", "3")),
        ("2>1>3", ("2", "1", "3")),
        ("2, 1; 3", ("2", "1", "3")),
        ("12 1", ("12", "1")),
        ("2 1 3\n", ("2", "1", "3")),
        ("02", ("2",)),
    ],
)
def test_orders(words: str, answers: tuple[str, ...]) -> None:
    assert typed(words, poll(Kind.RANKED, 12)) == answers


@pytest.mark.parametrize("words", ["1112", "123", "2026", "1 2 1112", "-1", "1.5", "1e2", "", " ", ",", "un", "1 deux"])
def test_what_is_no_order(words: str) -> None:
    with pytest.raises(Misconfigured):
        typed(words, poll(Kind.RANKED, 20))
    assert not is_typed(words)


def test_options_of_other_clients_are_chosen_by_their_place() -> None:
    theirs = poll(Kind.SINGLE, 0)
    theirs = Kept(
        **{
            **{one: getattr(theirs, one) for one in ("id", "question", "rules", "by", "at")},
            "options": (Option(id="x?", text="X"), Option(id="y", text="Y")),
        }
    )
    assert typed("1", theirs) == ("x?",)
    assert typed("2", theirs) == ("y",)


def test_numbers_behind_the_dates_say_if_need_be_only_where_they_were_shown() -> None:
    dates = poll(Kind.DATE, 3, most=6)
    assert typed("1 5 3!", dates, twice=True) == ("1", "2?", "3!")
    with pytest.raises(Misconfigured):
        typed("5", dates)
    with pytest.raises(Misconfigured):  # of one date two things
        typed("2 5", dates, twice=True)


@pytest.mark.parametrize(
    ("words", "kind", "answers"),
    [
        ("Crêperie", Kind.SINGLE, ("2",)),
        (" creperie\n", Kind.SINGLE, ("2",)),
        ("CANTINE", Kind.SEVERAL, ("1",)),
        ("crêp", Kind.SINGLE, ()),
        ("double", Kind.SINGLE, ()),
        ("2", Kind.SINGLE, ()),
        ("cantine", Kind.RANKED, ()),
    ],
)
def test_an_answer_may_be_named(words: str, kind: Kind, answers: tuple[str, ...]) -> None:
    texts = ("Cantine", "Crêperie", "double", "Double", "2")
    offered = tuple(Option(id=str(n), text=text) for n, text in enumerate(texts, 1))
    assert named(words, replace(poll(kind, 0), options=offered)) == answers
