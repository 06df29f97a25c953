"""Threading: the conformance corpus of RFC 5256 REFERENCES, and the ancestors of one mail."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from tchap_bridge_email.parse import parse
from tchap_bridge_email.threads import Entry, ancestors, thread


def cases(folder: Path) -> list[dict]:
    return [
        json.loads(path.read_text("utf-8"))
        for path in sorted((folder / "thread-conformance").rglob("conformance/*.json"))
    ]


def threaded(case) -> list[dict]:
    entries = [
        Entry(
            id=one["id"],
            message_id=one["message_id"],
            in_reply_to=one.get("in_reply_to"),
            references=tuple(one["references"]),
            subject=one["subject"],
            date=datetime.fromisoformat(one["date"]),
        )
        for one in case["input"]
    ]
    options = dict(case.get("options", {}))
    prefixes = options.pop("subject_prefixes", ())
    return [{"root": one.root, "messages": list(one.messages)} for one in thread(entries, prefixes=prefixes, **options)]


def test_every_case_of_the_corpus(corpora):
    found = cases(corpora)
    assert len(found) >= 37
    assert {case["name"]: threaded(case) for case in found} == {
        case["name"]: case["expected"]["threads"] for case in found
    }


@pytest.mark.parametrize(
    ("headers", "chain"),
    [
        ("", ()),
        ("References: <a@x> <b@x>", ("<a@x>", "<b@x>")),
        ("References: <a@x> <b@x>\nIn-Reply-To: <c@x>", ("<a@x>", "<b@x>")),
        ("References: rien\nIn-Reply-To: <c@x>", ("<c@x>",)),
        ("In-Reply-To: <c@x> <d@x>", ("<c@x>",)),
        ("In-Reply-To: votre message du 3 mars <c@x>", ("<c@x>",)),
        ("References: <a@x> <moi@x> <b@x> <moi@x>", ("<a@x>", "<b@x>")),
        ("References: <a@x> <b@x> <a@x>", ("<b@x>", "<a@x>")),
        ("References: <moi@x>\nIn-Reply-To: <c@x>", ("<c@x>",)),
        ("In-Reply-To: <moi@x>", ()),
    ],
)
def test_ancestors(headers, chain):
    mail = parse(f"Message-ID: <moi@x>\n{headers}\n\nBonjour".replace("\n\n\n", "\n\n").encode())
    assert ancestors(mail) == chain


def test_a_long_chain_of_phantoms_is_threaded():
    references = tuple(f"<{number}@x>" for number in range(2_000))
    found = thread([Entry(id="a", message_id="<z@x>", in_reply_to=None, references=references, subject="x", date=None)])
    assert [one.messages for one in found] == [("a",)]
