"""What people write is read without guessing, and what they are told can be written again."""

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from ruamel.yaml import YAML
from tests.every_kind import EveryKind, Results

from tchap_bridges.bot import RoomConfig, field
from tchap_bridges.i18n import LANGUAGES, Phrase, Translator
from tchap_bridges.roomconfig.checking import allowed
from tchap_bridges.roomconfig.fields import Kind, fields_of
from tchap_bridges.roomconfig.values import Unreadable, in_unit, read, told

CASES = YAML(typ="safe").load(Path(__file__).parents[2] / "vectors" / "roomconfig" / "values.yaml")
FIELDS = {one.name: one for one in fields_of(EveryKind)}


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_vectors(case: dict[str, str]) -> None:
    if "is" in case:
        assert repr(read(FIELDS[case["field"]], case["text"])) == case["is"]
        return
    with pytest.raises(Unreadable) as refused:
        read(FIELDS[case["field"]], case["text"])
    assert case["wrong"] in refused.value.reason
    assert isinstance(refused.value.reason, Phrase), "an English reader must be able to read it"


SAYABLE = (
    st.tuples(st.sampled_from(["rappel", "secret"]), st.booleans())
    | st.tuples(st.just("plafond"), st.integers())
    | st.tuples(st.just("quorum"), st.floats(allow_nan=False, allow_infinity=False))
    | st.tuples(st.just("resultats"), st.sampled_from(Results))
    | st.tuples(st.just("heure"), st.times().map(lambda found: found.replace(microsecond=0)))
    | st.tuples(st.just("delai"), st.timedeltas(timedelta(days=-9999), timedelta(days=99_999)))
)


@given(SAYABLE, st.sampled_from(LANGUAGES))
def test_what_is_told_can_be_written_again(case: tuple[str, object], language: Literal["fr", "en"]) -> None:
    name, value = case
    assert read(FIELDS[name], Translator(language)(told(FIELDS[name], value))) == value


@given(st.sampled_from([*FIELDS]), st.text())
def test_no_text_is_too_strange(name: str, text: str) -> None:
    try:
        value = read(FIELDS[name], text)
    except Unreadable:
        return
    if not isinstance(value, SecretStr):
        told(FIELDS[name], value)


@pytest.mark.parametrize("text", ["9" * 100_000, "9" * 100_000 + " h", "1 " * 50_000, "h" * 100_000, "9h" * 50_000])
@pytest.mark.parametrize("name", ["plafond", "quorum", "heure", "delai"])
def test_length_costs_no_time(name: str, text: str) -> None:
    began = datetime.now().astimezone()
    with pytest.raises(Unreadable):
        read(FIELDS[name], text)
    assert datetime.now().astimezone() - began < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        (timedelta(0), "0 minute", "0 minutes"),
        (timedelta(minutes=1), "1 minute", "1 minute"),
        (timedelta(minutes=90), "90 minutes", "90 minutes"),
        (timedelta(days=2), "2 jours", "2 days"),
        (timedelta(seconds=1.5), "1,5 seconde", "1.5 seconds"),
        (time(9, 5), "9 h 05", "9:05"),
        (0.25, "0,25", "0.25"),
        (2.0, "2", "2"),
        (1_000_000, "1000000", "1000000"),
    ],
)
def test_measures(value: object, french: str, english: str) -> None:
    name = {timedelta: "delai", time: "heure", float: "quorum", int: "plafond"}[type(value)]
    said = told(FIELDS[name], value)
    assert (said, Translator("en")(said)) == (french, english)


def test_a_secret_is_never_told() -> None:
    assert told(FIELDS["cle"], SecretStr("hunter2")) == "défini"
    assert told(FIELDS["cle"], SecretStr("")) == "non défini"
    assert told(FIELDS["jeton"], None) == "non défini"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jours", "de 1 à 10"),
        ("pas", "plus de 0, moins de 100, un multiple de 5"),
        ("plafond", None),
        ("poids", "plus de 0"),
        ("equipe", "80 caractères au plus"),
        ("heure", "de 7 h 00 à 20 h 00"),
        ("delai", "de 5 minutes à 30 jours"),
        ("choix", "4 lignes au plus"),
        ("gens", None),
    ],
)
def test_bounds_are_told_beforehand(name: str, words: str | None) -> None:
    assert allowed(FIELDS[name]) == words


def test_units() -> None:
    assert in_unit(timedelta(hours=26)) == ("26", "h")
    assert in_unit(timedelta(days=14)) == ("14", "d")
    assert in_unit(timedelta(microseconds=1)) == ("0.000001", "s")


def test_fields_are_read_from_the_model() -> None:
    assert [(one.name, one.kind) for one in fields_of(EveryKind)][:4] == [
        ("rappel", Kind.BOOL),
        ("secret", Kind.BOOL),
        ("jours", Kind.INTEGER),
        ("pas", Kind.INTEGER),
    ]
    assert {name for name, one in FIELDS.items() if one.required} == {
        "jours", "pas", "quorum", "equipe", "resultats", "priorite", "heure", "delai",
    }  # fmt: skip


def test_what_has_no_widget_is_the_author_s_mistake() -> None:
    class Strange(RoomConfig):
        places: dict[str, int] = field({}, label="Places")

    class Either(RoomConfig):
        one: int | str = field(1, label="L'un ou l'autre")

    class Twins(RoomConfig):
        one: Literal[1, "1"] = field(1, label="Jumeaux")

    for model, word in ((Strange, "Strange.places"), (Either, "Either.one"), (Twins, "told apart")):
        with pytest.raises(TypeError, match=word):
            fields_of(model)
