"""Cells that spreadsheets of either language leave alone."""

import csv

import pytest

from tchap_bridges.i18n import Language
from tchap_bridges.sheet import csv_of


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    "cell",
    ["=1+1", "\ufeff=1+1", "\x01=1+1", "\u200b@x", "oui;=1+1", "oui, =1+1", 'oui,=1+1,"', "a;@x", "a,-x", "a;+x"],
)
def test_no_cell_begins_like_a_formula_whatever_parts_the_cells(cell: str, language: Language) -> None:
    made = csv_of([["Nom", "Réponse"], ["Ana", cell]], language).decode("utf-8-sig")
    for delimiter in ",;":
        for row in csv.reader(made.splitlines(keepends=True), delimiter=delimiter):
            assert not [one for one in row if one.strip('\ufeff\x01\u200b "').startswith(("=", "@", "+", "-"))]


@pytest.mark.parametrize("cell", ["-3", "+3,5", "lundi, -5 °C", "a ; - b", "a=b", "ana@exemple.fr, bob@exemple.fr"])
def test_what_is_none_stays_as_it_is(cell: str) -> None:
    assert cell in csv_of([["a", cell]], "fr").decode()
