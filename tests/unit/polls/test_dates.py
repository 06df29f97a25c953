"""What a poll for a date asks and how its answers are read; what it decides is in the vectors."""

from __future__ import annotations

import pytest

from tchap_bot_polls.dates import Answer, dates_of, offered, said
from tchap_bridges.events import Option
from tchap_bridges.i18n import Translator

LUNDI, MARDI = Option(id="1", text="lundi 3 {matin}"), Option(id="2", text="mardi 4")


def test_every_date_is_asked_twice_and_found_again():
    options = offered((LUNDI, MARDI))
    assert [(one.id, one.text) for one in options] == [
        ("1", "lundi 3 {matin}"),
        ("2", "mardi 4"),
        ("1?", "lundi 3 {matin} (si besoin)"),
        ("2?", "mardi 4 (si besoin)"),
    ]
    assert dates_of(options) == dates_of((LUNDI, MARDI)) == (LUNDI, MARDI)
    assert offered(iter((MARDI,)), Translator("en"))[1].text == "mardi 4 (if need be)"


def test_a_date_whose_id_ends_like_an_answer_is_a_date():
    odd = Option(id="3?", text="mercredi ?")
    assert dates_of((LUNDI, odd)) == (LUNDI, odd)
    assert said(["3?", "3??", "1?"], (LUNDI, odd)) == {"3?": Answer.MAYBE, "1": Answer.MAYBE}


def test_an_unknown_answer_is_refused():
    with pytest.raises(KeyError):
        said(["1", "3"], (LUNDI, MARDI))
