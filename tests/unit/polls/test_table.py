"""Tables: exact lines, and that neither a spreadsheet nor a reader gets more than is meant."""

import csv
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bot_polls.table import counts, table
from tests.unit.polls.shown_results import RESULTS, read, result

BOM = b"\xef\xbb\xbf"


def lines(made: bytes) -> list[str]:
    assert made.startswith(BOM)
    text = made.removeprefix(BOM).decode()
    assert text.endswith("\r\n")
    return text.removesuffix("\r\n").split("\r\n")


def cells(made: bytes, delimiter: str) -> list[list[str]]:
    return list(csv.reader(made.removeprefix(BOM).decode().splitlines(keepends=True), delimiter=delimiter))


@pytest.mark.parametrize("case", read("table.yaml"), ids=lambda case: case["result"])
def test_tables(case: dict[str, Any]) -> None:
    language: Any = "fr" if "fr" in case else "en"
    one = RESULTS[case["result"]]
    assert lines(table(one, language)) == case[language]
    assert lines(counts(one, language)) == case.get("counts", case[language])


NAMES = st.lists(st.sampled_from(["Anna", "émile", "Zoé", "=Max", "Ali; Noé"]), max_size=6)


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from(["single", "several", "ranked", "date"]), st.randoms())
def test_no_vote_is_lost_and_the_order_of_votes_is_not_there(names: list[list[str]], kind: str, random: Any) -> None:
    def made(voters: list[list[str]]) -> bytes:
        given = [[str(n), f"R{n}", len(one), 0, one] for n, one in enumerate(voters)]
        return table(result("?", given, "won", voted=9, rules={"kind": kind, "most": 9}), "fr")

    mixed = [random.sample(one, len(one)) for one in names]
    assert made(names) == made(mixed)
    if any(names):
        _head, *rows = cells(made(names), ";")
        assert [sum(row[n] == "x" for row in rows) for n in range(1, len(names) + 1)] == [len(one) for one in names]
        wanted = set().union(*names)
        assert {row[0].removeprefix("'") for row in rows} == wanted
        if kind in {"single", "ranked"}:
            assert Counter(row[0].removeprefix("'") for row in rows) == Counter(name for one in names for name in one)


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("=+-@\t\r\n;,\"'＝ \u200b"), max_size=30), st.booleans())
def test_no_cell_is_a_formula(text: str, secret: bool) -> None:
    one = result("?", [["a", text, 1, 0, [text]]], "won", voted=1, winners=["a"], rules={"secret": secret})
    for language, delimiter in (("fr", ";"), ("en", ",")):
        for made in (table(one, language), counts(one, language)):
            rows = cells(made, delimiter)
            assert len({len(row) for row in rows}) == 1, "a row has another number of cells"
            for cell in (cell for row in rows for cell in row):
                begins = cell.strip()[:1]
                assert (
                    begins not in set("=+-@＝＋－＠\t\r\n")
                    or not cell
                    or re.fullmatch(r"[-+]?[0-9]+([.,][0-9]+)?", cell)
                )


def test_a_secret_poll_has_no_names_and_no_order_but_the_question_s() -> None:
    one = RESULTS["secret"]
    made = table(one, "fr") + counts(one, "fr")
    assert not any(name.encode() in made for count in one.counts for name in count.voters)
    assert [row[0] for row in cells(table(one, "fr"), ";")[1:]] == ["Oui", "Non"]
    assert not any(word in made.decode("utf-8", "replace") for word in ("Votant", "heure", "date"))
