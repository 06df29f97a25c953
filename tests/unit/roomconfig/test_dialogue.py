"""The same model asked in a direct message, and set in one line."""

import re
from datetime import time, timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from ruamel.yaml import YAML
from tests.every_kind import EveryKind, Results

from tchap_bridges.bot import RoomConfig, field
from tchap_bridges.i18n import Phrase, Translator
from tchap_bridges.roomconfig.checking import values_of
from tchap_bridges.roomconfig.dialogue import Question, Wrong, assign, questions, with_answers

CASES = YAML(typ="safe").load(Path(__file__).parents[2] / "vectors" / "roomconfig" / "assignments.yaml")
NOW = EveryKind(equipe="ops", jours=5, resultats=Results.LIVE, cle=SecretStr("hunter2"))


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_assignments(case: dict[str, dict[str, str]]) -> None:
    config = EveryKind()
    found = assign(config, case["words"], "fr")
    if "wrong" in case:
        assert isinstance(found, dict), found
        assert sorted(found) == sorted(case["wrong"])
        for key, words in case["wrong"].items():
            assert words in found[key]
            assert isinstance(found[key], Phrase)
        return
    assert isinstance(found, EveryKind), found
    before, after = values_of(config), values_of(found)
    assert {name: repr(value) for name, value in after.items() if value != before[name]} == case["sets"]


def test_what_is_not_named_stays() -> None:
    found = assign(NOW, "rappel=non", "fr")
    assert isinstance(found, EveryKind)
    assert values_of(found) == {**values_of(NOW), "rappel": False}
    assert found.cle.get_secret_value() == "hunter2"


def test_english_thousands_are_not_guessed() -> None:
    found = assign(EveryKind(), "poids=1,000", "en")
    assert isinstance(found, dict)
    assert "two ways" in Translator("en")(found["poids"])
    french = assign(EveryKind(), "poids=1,125", "fr")
    assert isinstance(french, EveryKind)
    assert french.poids == 1.125


@given(st.text())
def test_no_line_is_too_strange(words: str) -> None:
    found = assign(NOW, words, "fr")
    assert isinstance(found, EveryKind) or found


@pytest.mark.parametrize("words", ["a" * 90_000, " " * 90_000, "a=" + " " * 4900, "« " * 2400, "a=b " * 1200])
def test_a_long_line_costs_no_time(words: str) -> None:
    assert assign(NOW, words, "fr")


# ---- questions


def asked(name: str, config: RoomConfig = NOW, language: Literal["fr", "en"] = "fr") -> Question:
    return next(question for question in questions(config, language) if question.name == name)


def test_a_question_for_each_field_in_order() -> None:
    assert [question.name for question in questions(NOW, "fr")] == [*EveryKind.model_fields]


def test_a_question_says_all_one_needs() -> None:
    assert asked("resultats").text.splitlines() == [
        "Résultats",
        "1. Au fur et à mesure",
        "2. À la clôture",
        "Répondez par un numéro ou par le mot.",
        "À présent : Au fur et à mesure. « ok » le garde.",
    ]
    assert asked("jours", language="en").text.splitlines() == [
        "Jours",
        "Combien de temps on vote.",
        "Expected: from 1 to 10.",
        "Answer with a whole number.",
        "Now: 5. “ok” keeps it.",
    ]


def test_no_question_is_left_in_the_other_language() -> None:
    french = re.compile(r"Répondez|À présent|Attendu|aucun|oui\b|non\b|défini")
    for question in questions(NOW, "en"):
        own = "\n".join(question.text.splitlines()[1:]).replace("Une mention à qui n'a pas encore voté.", "")
        assert not french.search(own), question.text


@pytest.mark.parametrize("name", ["cle", "jeton"])
def test_a_secret_is_not_repeated(name: str) -> None:
    assert "hunter2" not in asked(name).text
    assert "hunter2" not in repr(asked(name))
    assert "supprimez-la" in asked(name).text


@pytest.mark.parametrize(
    ("name", "answer", "value"),
    [
        ("resultats", "2", Results.CLOSE),
        ("resultats", "à la cloture", Results.CLOSE),
        ("rythme", "1", "chaque jour"),
        ("rythme", "aucun", None),
        ("priorite", "6", 6),  # never the sixth
        ("heure", " 8h15 ", time(8, 15)),
        ("heure", "ok", time(9, 30)),
        ("heure", "Défaut", time(9, 30)),
        ("jours", "garder", 5),
        ("jours", "défaut", 3),
        ("equipe", "ok", "ops"),
        ("equipe", '"ok"', "ok"),
        ("equipe", "« ok »", "ok"),
        ("equipe", "défaut", "défaut"),
        ("accueil", '""', ""),
        ("accueil", "un\n\ndeux", "un\n\ndeux"),
        ("signature", "aucune", None),
        ("choix", "pain\nvin", ["pain", "vin"]),
        ("choix", "none", []),
        ("gens", "none", None),
        ("delai", "2 jours", timedelta(days=2)),
        ("secret", "aucun", None),
        ("plafond", "3", 3),  # too low beside 5 days, yet the days may be answered next
    ],
)
def test_answers(name: str, answer: str, value: object) -> None:
    assert asked(name).parse(answer) == value


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("resultats", "3", "possibles"),
        ("resultats", "0", "possibles"),
        ("resultats", "²", "possibles"),
        ("priorite", "7", "possibles"),
        ("jours", "99", "trop grand : 10 au plus"),
        ("jours", "aucun", "entier"),
        ("equipe", "", "une réponse"),
        ("equipe", "tous", "nommez une équipe"),
        ("heure", "6h", "trop tôt : 7 h 00 au moins"),
        ("delai", "1 min", "trop court : 5 minutes au moins"),
        ("delai", "31 j", "trop long : 30 jours au plus"),
        ("pas", "7", "un multiple de 5"),
        ("pas", "0", "trop petit : plus de 0"),
        ("pas", "100", "trop grand : moins de 100"),
        ("cle", "x" * 41, "trop long : 40 caractères au plus"),
        ("choix", "a,b,c,d,e", "trop long : 4 lignes au plus"),
    ],
)
def test_wrong_answers(name: str, answer: str, words: str) -> None:
    found = asked(name).parse(answer)
    assert isinstance(found, Wrong)
    assert words in found.reason


def test_a_choice_is_stronger_than_our_own_words() -> None:
    class Odd(RoomConfig):
        mode: Literal["strict", "ok", "aucun", "défaut"] | None = field("strict", label="Mode")

    assert [asked("mode", Odd()).parse(word) for word in ("ok", "aucun", "défaut", "2")] == [
        "ok", "aucun", "défaut", "ok",
    ]  # fmt: skip


def test_rules_between_fields_wait_for_the_last_answer() -> None:
    broken = with_answers(NOW, {"plafond": 3})
    assert broken == {"": "le plafond est sous le nombre de jours"}
    mended = with_answers(NOW, {"plafond": 3, "jours": 2})
    assert isinstance(mended, EveryKind)
    assert (mended.plafond, mended.jours, mended.cle) == (3, 2, NOW.cle)
