"""Header fields: encoded words, parameters, addresses, Message-IDs, dates and subjects, by tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bridge_email import headers
from tchap_bridge_email.subject import base_subject, read_subject

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "email"
TABLE = YAML(typ="safe").load(VECTORS / "headers.yaml")
SUBJECTS = YAML(typ="safe").load(VECTORS / "subjects.yaml")


def raw(case) -> bytes:
    return case["raw"].encode(case.get("charset", "utf-8"))


def name(case) -> str:
    return case["raw"][:40]


@pytest.mark.parametrize("case", TABLE["text"], ids=name)
def test_text(case):
    assert headers.text_of(raw(case)) == case["is"]


@pytest.mark.parametrize("case", TABLE["params"], ids=name)
def test_params(case):
    found = headers.structured(raw(case))
    assert (found.value, found.params.get("filename")) == (case["value"], case["filename"])


@pytest.mark.parametrize("case", TABLE["addresses"], ids=name)
def test_addresses(case):
    assert [[one.name, one.address] for one in headers.addresses(raw(case))] == case["is"]


@pytest.mark.parametrize("case", TABLE["ids"], ids=name)
def test_message_ids(case):
    assert list(headers.message_ids(raw(case))) == case["is"]


@pytest.mark.parametrize("case", TABLE["dates"], ids=name)
def test_dates(case):
    found = headers.date_of(raw(case))
    assert (found.isoformat() if found else None) == case["is"]


def test_of_many_references_the_first_and_the_latest_are_kept():
    found = headers.message_ids(b" ".join(b"<%d@x>" % number for number in range(500)))
    assert len(found) == headers.MAX_REFERENCES
    assert (found[0], found[1], found[-1]) == ("<0@x>", "<401@x>", "<499@x>")


@pytest.mark.parametrize("case", SUBJECTS, ids=name)
def test_subjects(case):
    found = read_subject(case["raw"])
    assert (found.base, found.reply, found.forward) == (
        case["base"],
        case.get("reply", False),
        case.get("forward", False),
    )


def test_a_base_subject_is_its_own_base():
    for case in SUBJECTS:
        assert base_subject(base_subject(case["raw"])) == base_subject(case["raw"])


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data):
    headers.text_of(data)
    headers.structured(data)
    headers.addresses(data)
    headers.message_ids(data)
    headers.date_of(data)
    read_subject(headers.text_of(data))


@given(st.text(alphabet='=?utf-8QB_<>@,;:"\\() \r\n\té', max_size=120))
def test_any_syntax_is_read(text):
    test_any_bytes_are_read.hypothesis.inner_test(text.encode())
