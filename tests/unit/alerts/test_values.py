"""Addresses, times and words out of strangers' JSON."""

import pytest

from tchap_bot_alerts.notice import Severity
from tchap_bot_alerts.values import block, cut, items, line, link, moment, severity, strings, whole


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://ex.fr/a?b=1#c", True),
        ("http://[::1]:80/", True),
        ("HTTPS://EX.FR", True),
        ("https://zoe:secret@ex.fr", False),
        ("https://zoe@ex.fr", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//ex.fr", False),
        ("https://", False),
        ("http://[", False),
        ("https://ex.fr/a b", False),
        ("https://ex.fr/\n", False),
        ('https://ex.fr/"', False),
        ("https://ex.fr/<b>", False),
        ("https://ex.fr/\u202e", False),
        ("https://ex.fr/" + "a" * 2000, False),
        (7, False),
        (None, False),
    ],
)
def test_links(given, expected):
    assert link({"a": {"b": given}}, "a", "b") == (given if expected else "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-03-02T08:15:30.123456789+01:00", "2026-03-02T07:15:30.123456+00:00"),
        ("2026-03-02T08:15:30.1Z", "2026-03-02T08:15:30.100000+00:00"),
        ("2026-03-02T08:15:30", "2026-03-02T08:15:30+00:00"),
        ("2026-03-02 08:15:30 UTC", "2026-03-02T08:15:30+00:00"),
        (1772439330, "2026-03-02T08:15:30+00:00"),
        (1772439330.5, "2026-03-02T08:15:30.500000+00:00"),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("demain", None),
        (10**30, None),
        (float("inf"), None),
        (True, None),
        ({}, None),
    ],
)
def test_moments(given, expected):
    found = moment(given)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Critical", Severity.CRITICAL),
        (" page ", Severity.CRITICAL),
        ("high", Severity.ERROR),
        ("WARN", Severity.WARNING),
        ("low", Severity.INFO),
        ("?", Severity.NONE),
        ("", Severity.NONE),
    ],
)
def test_severities(word, expected):
    assert severity(word) is expected


def test_severities_are_ordered():
    assert sorted(Severity, key=lambda one: -one.rank) == list(Severity)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" a\n b\t", "a b"),
        ("a\u202eb\x00c\ud800", "abc"),
        (3, "3"),
        (2.50, "2.5"),
        (True, "true"),
        (None, ""),
        ([], ""),
        ("x" * 300, "x" * 199 + "…"),
        (10**50, ""),
    ],
)
def test_lines(given, expected):
    assert line(given) == expected


def test_blocks_keep_their_lines():
    assert block("\r\na  \r\n\tb\rc\n\n") == "a\n    b\nc"


def test_what_is_cut_parts_no_accent_from_its_letter():
    assert cut("abcde\u0301f", 6) == "abcd…"
    assert cut("abcd", 4) == "abcd"


def test_what_is_of_another_kind_is_nothing():
    assert items({"a": [1, {}, [], {"b": 1}]}, "a") == [{}, {"b": 1}]
    assert items({"a": {}}, "a") == []
    assert strings({"a": {"b": 1, "c": [], " ": "x", "d": "y"}}, "a") == {"b": "1", "d": "y"}
    assert strings([]) == {}
    assert [whole(one) for one in (3, 0, -1, True, "3", 10**12, 2.0)] == [3, 0, 0, 0, 0, 0, 0]
