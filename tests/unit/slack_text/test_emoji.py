"""Emoji by name: the whole table, and what networks and keyboards do to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tchap_bridge_slack.emoji import name_of, parts, unicode_of

TONES = {"1F3FB": "2", "1F3FC": "3", "1F3FD": "4", "1F3FE": "5", "1F3FF": "6"}


@pytest.fixture(scope="session")
def table(slack_corpora: Path):
    """The emoji of emoji-datasource, which Slack's clients use."""
    return json.loads((slack_corpora / "emoji" / "emoji-datasource-16.0.0-compact.json").read_text(encoding="utf-8"))


def characters(unified: str) -> str:
    return "".join(chr(int(point, 16)) for point in unified.split("-"))


def test_the_table_is_whole(table):
    assert len(table) == 1911
    assert sum(len(emoji["short_names"]) for emoji in table) == 1972
    for emoji in table:
        unicode = characters(emoji["unified"])
        assert {unicode_of(name) for name in emoji["short_names"]} == {unicode}
        assert name_of(unicode) == name_of(unicode.replace("\ufe0f", "")) == emoji["short_name"]
        if not emoji["short_name"].startswith("skin-tone-"):
            assert list(parts(f"a{unicode}b")) == [("a", None), (unicode, emoji["short_name"]), ("b", None)]


def test_every_skin_tone_is_there(table):
    toned = 0
    for emoji in table:
        for tones, unified in emoji.get("skin", {}).items():
            unicode = characters(unified)
            tone = "-".join(TONES[tone] for tone in tones.split("-"))
            assert unicode_of(f"{emoji['short_name']}::skin-tone-{tone}") == unicode
            assert unicode_of(name_of(unicode) or "") == unicode
            assert (name_of(unicode) or "").partition("::")[0] == emoji["short_name"]
            toned += 1
    assert toned == 1875


@pytest.mark.parametrize(
    ("name", "unicode"),
    [
        ("wave", "👋"),
        (":wave:", "👋"),
        ("wave::skin-tone-3", "👋🏼"),
        (":wave::skin-tone-3:", "👋🏼"),
        ("+1", "👍"),
        ("thumbsup", "👍"),
        ("flag-fr", "🇫🇷"),
        ("fr", "🇫🇷"),
        ("simple_smile", "🙂"),
        ("heart", "❤️"),
        ("man-heart-man::skin-tone-2", "👨🏻\u200d❤️\u200d👨🏻"),
        ("people_holding_hands::skin-tone-2-6", "🧑🏻\u200d🤝\u200d🧑🏿"),
        ("fingerprint", "🫆"),
        ("house::skin-tone-3", "🏠"),
        ("skin-tone-3", "🏼"),
        ("wave::skin-tone-7", None),
        ("unknown", None),
        ("", None),
        ("::", None),
    ],
)
def test_names(name: str, unicode: str | None):
    assert unicode_of(name) == unicode


@pytest.mark.parametrize(
    ("unicode", "name"),
    [
        ("❤", "heart"),
        ("❤\ufe0f", "heart"),
        ("❤\ufe0e", "heart"),
        ("👍🏽", "+1::skin-tone-4"),
        ("🕵🏽\u200d♀", "female-detective::skin-tone-4"),
        ("🇫🇷", "fr"),
        ("🇧🇪", "flag-be"),
        ("1\u20e3", "one"),
        ("🤝🏿", "handshake::skin-tone-6"),
        ("🫱🏻\u200d🫲🏿", "handshake::skin-tone-2-6"),
        ("a", None),
        ("1", None),
        ("", None),
        ("👍👍", None),
    ],
)
def test_emoji(unicode: str, name: str | None):
    assert name_of(unicode) == name


def test_signs_among_letters_are_no_emoji():
    assert list(parts("© 2026 ™ #1 ❤")) == [("© 2026 ™ #1 ❤", None)]
    assert list(parts("©️👩\u200d👩\u200d👧")) == [("©️", "copyright"), ("👩\u200d👩\u200d👧", "woman-woman-girl")]


@pytest.mark.parametrize("picture", ["👩🏽\u200d👩🏿\u200d👧", "🏠🏽", "👋\ufe0e", "🐕\u200d🔥"])
def test_a_picture_that_has_no_name_is_not_taken_apart(picture: str):
    assert list(parts(f"a{picture}👋")) == [(f"a{picture}", None), ("👋", "wave")]
