"""Whole mails: the table, the hostile ones, and what must hold for any bytes at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bridge_email.parse import parse, part_bytes
from tchap_bridge_email.show import describe, show_text

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "email"
CASES = YAML(typ="safe").load(VECTORS / "mails.yaml")


def raw(case) -> bytes:
    return case["raw"].encode(case.get("charset", "utf-8")).replace(b"\n", b"\r\n")


def reach(shown, path):
    for step in path.split("."):
        shown = shown[step]
    return shown


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_table(case):
    shown = json.loads(json.dumps(describe(parse(raw(case)), "x")))
    shown["attachments"] = [[one["filename"], one["mime"], one["size"], one["inline"]] for one in shown["attachments"]]
    for path, value in case["expect"].items():
        assert reach(shown, path) == value, path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_parts_are_found_again(case):
    for part in parse(raw(case)).attachments:
        data = part_bytes(raw(case), part.index)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (part.size, part.sha256)


def test_a_part_that_is_not_there():
    with pytest.raises(IndexError):
        part_bytes(b"From: a@b.fr\n\nx", 7)


def test_an_attached_mail_keeps_its_bytes():
    inner = b"From: a@b.fr\r\nSubject: =?utf-8?q?x?=\r\n  folded\r\n\r\n8-bit: \xe9\r\n.\r\n"
    mail = (
        b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\nContent-Type: message/rfc822\r\n\r\n'
        + inner
        + b"\r\n--m--\r\n"
    )
    assert part_bytes(mail, parse(mail).attachments[0].index) == inner


def nested(depth: int) -> bytes:
    head = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return head + b"Content-Type: text/plain\r\n\r\nau fond\r\n"


def test_twenty_levels_are_entered():
    assert parse(nested(20)).text == "au fond"


@pytest.mark.parametrize("depth", [21, 500, 5_000])
def test_deeper_ones_are_a_file(depth):
    mail = parse(nested(depth))
    assert "parts nested too deep" in mail.problems
    assert len(mail.attachments) == 1


def test_parts_are_bounded():
    mail = parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 5_000)
    assert "too many parts" in mail.problems


def test_the_header_is_bounded():
    mail = parse(b"Subject: x\n" + b"X-Long: " + b"a" * 300_000 + b"\nFrom: a@b.fr\n\nBonjour")
    assert (mail.subject, mail.text, mail.author) == ("x", "Bonjour", None)
    assert "header block too large" in mail.problems


def test_nul_and_bare_cr_in_headers():
    mail = parse(b"From: a\0b <a@b.fr>\r\nSubject: un\0\rdeux\r\nTo: x@y.fr\r\n\r\ntexte\0\r\n")
    assert mail.subject == "un deux"
    assert mail.author is not None
    assert "\0" not in repr(mail)


def test_ten_thousand_marks():
    mail = parse(b"From: a@b.fr\n\nOui.\n\n" + b">" * 10_000 + b" abyss\n")
    assert mail.reply == "Oui."


def test_a_long_body_is_cut_and_attached():
    body = b"mot " * 1_000_000
    mail = parse(b"From: a@b.fr\n\n" + body)
    assert "body cut: it is attached whole" in mail.problems
    assert mail.attachments[0].size == len(body)


@pytest.mark.parametrize("form", ["eml", "text", "html"])
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xfe", b"\r", b"<", b"--\n--", b"From \n", b":\n: \n\n"], ids=repr)
def test_one_object_for_anything(form, data):
    shown = show_text(data, form, "x")
    assert shown["file"] == "x"
    json.dumps(shown, ensure_ascii=False).encode("utf-8")


@given(st.binary(max_size=500))
def test_any_bytes_are_read(data):
    json.dumps(describe(parse(data), "x"), ensure_ascii=False).encode("utf-8")


@given(st.data())
def test_mutated_mails_are_read(data):
    """Cut a piece out of a good mail, put another in its place: still a mail, never an exception."""
    whole = bytearray(raw(data.draw(st.sampled_from(CASES))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(whole)))
        stop = data.draw(st.integers(start, min(len(whole), start + 40)))
        whole[start:stop] = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"\r\n", b"--m", b"=?", b'"', b";", b"<", b"\0", b"\xe9"])))  # fmt: skip  # noqa: E501
    mail = parse(bytes(whole))
    json.dumps(describe(mail, "x"), ensure_ascii=False).encode("utf-8")
    for part in mail.attachments:
        assert len(part_bytes(bytes(whole), part.index)) == part.size
