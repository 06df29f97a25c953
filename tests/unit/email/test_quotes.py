"""Only the new text: the table of plain bodies, and what must hold for any body at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bridge_email.attribution import is_attribution
from tchap_bridge_email.quotes import extract_text

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "email"
CASES = YAML(typ="safe").load(VECTORS / "quotes.yaml")
WORDS = st.sampled_from([
    "Bonjour", "> cité", ">> encore", "", "   ", "-- ", "oui", "Le 3 mars 2025 à 10:12, Marie <m@x.fr> a écrit :",
    "a écrit :", "De : Marie <m@x.fr>", "Envoyé : lundi", "Objet : x", "-----Message d'origine-----", "____________",
    "Envoyé de mon iPhone", "---------- Message transféré ---------", "https://listes.fr/sympa/ se désabonner",
])  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_table(case):
    found = extract_text(case["text"], forward=case.get("forward", False))
    assert found.reply == case["reply"]
    assert len(found.removed) == case["removed"]


@given(st.lists(WORDS, max_size=40))
def test_no_word_is_lost_and_none_is_made_up(lines):
    """What is not in the reply is in what was removed, and the reply is empty only for an empty body."""
    body = "\n".join(lines)
    found = extract_text(body)
    assert sorted("\n".join((found.reply, *found.removed)).split()) == sorted(body.split())
    assert bool(found.reply.strip()) == bool(body.strip())


@given(st.text())
def test_any_text_is_read(text):
    extract_text(text)


@pytest.mark.parametrize(
    "hostile",
    [
        "\n" * 20_000,
        ">" * 10_000 + " abîme",
        "> \n" * 20_000,
        "Le 3 mars 2025 " * 20_000,
        "De : a@b.fr\nenvoi\n" * 5_000,
        "-" * 100_000,
        "a@" * 50_000 + " a écrit :",
        ("Le 3 mars\n" * 4 + "\n") * 2_000,
    ],
    ids=range(8),
)
def test_hostile_bodies_are_read(hostile):
    assert bool(extract_text(hostile).reply) == bool(hostile.strip())


@pytest.mark.parametrize(
    "line", ["", ":", "a écrit :", "Marie a écrit :", "Le 3 mars :", "wrote:", "x" * 10_000 + " wrote:"]
)
def test_one_sign_is_not_enough(line):
    assert not is_attribution(line)
