"""Charsets: labels that are right, wrong, unknown and absent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_email.charsets import codec_of, decode, printable

FRENCH = "Le coût s'élève à « 100 », où est le problème ? Naïf, maïs, Noël, aiguë. "
WINDOWS = FRENCH + "l’œuvre – 100 €"


@pytest.mark.parametrize("text", [FRENCH, WINDOWS, "é"])
@pytest.mark.parametrize(
    "label", ["utf-8", "UTF8", "iso-8859-1", "windows-1252", "us-ascii", "", "x-inconnu", '"utf-8"']
)
def test_french_is_read_under_any_label(text, label):
    for codec in ("utf-8", "cp1252"):
        assert decode(text.encode(codec), label)[0] == text


def test_the_euro_of_latin_9():
    assert decode("100 €, cœur".encode("iso-8859-15"), "iso-8859-15") == ("100 €, cœur", None)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Добрый день. Мы являемся стартапом работающим над созданием платформы почтовых сообщений.", "koi8-r"),
        ("Добрый день. Мы являемся стартапом работающим над созданием платформы почтовых сообщений.", "cp1251"),
        ("日本語のメールです。よろしくお願いします。", "shift_jis"),
    ],
)
def test_other_scripts_are_guessed(text, codec):
    found, problem = decode(text.encode(codec))
    assert found == text
    assert problem


def test_a_right_label_is_no_problem():
    assert decode("你好".encode("gb18030"), "gb2312") == ("你好", None)
    assert decode("été".encode("latin-1"), "iso-8859-1") == ("été", None)


@pytest.mark.parametrize("label", ["hex", "rot13", "zlib", "idna", "unicode_escape", "../x", "\0", "é", "a" * 500])
def test_codecs_that_are_no_charsets(label):
    assert codec_of(label) is None


@given(
    st.binary(max_size=200), st.sampled_from(["", "utf-8", "iso-8859-1", "iso-2022-jp", "utf-7", "utf-16", "gbk", "x"])
)
def test_any_bytes_are_read(data, label):
    printable(decode(data, label)[0]).encode("utf-8")
