"""What holds for any message of Slack and any text of a room."""

from __future__ import annotations

import re
from typing import Any

import nh3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.slack_text.seeing import say, seen, visible

from tchap_bridge_slack.blocks import document as document_of_blocks
from tchap_bridge_slack.document import NoNames
from tchap_bridge_slack.fallback import fallback, mrkdwn
from tchap_bridge_slack.formatting import text_of
from tchap_bridge_slack.mrkdwn import document as document_of_text
from tchap_bridge_slack.numerals import from_letters, from_roman, letters, roman
from tchap_bridge_slack.writing import MOST_BLOCKS, pieces, written
from tchap_bridges.events import Text
from tchap_bridges.matrix import html as matrix_html
from tchap_bridges.matrix.html import safe_html
from tchap_bridges.matrix.text import clean_text


class Names(NoNames):
    """A workspace where names are as awkward as people make them."""

    def person(self, _id: str, /) -> str | None:
        return {"U1": "Zoé <b>\n", "U2": ""}.get(_id)

    def channel(self, _id: str, /) -> str | None:
        return {"C1": "général>|"}.get(_id)

    def emoji(self, _name: str, /) -> str | None:
        return {"moi": "alias:moi", "oui": "alias:+1", "non": "-1"}.get(_name)


KINDS = (
    "rich_text", "rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted", "section",
    "header", "context", "image", "divider", "markdown", "table", "actions", "input", "video", "call", "file", "text",
    "link", "user", "usergroup", "channel", "broadcast", "emoji", "date", "color", "team", "canvas", "button", "mrkdwn",
    "plain_text", "raw_text", "static_select", "tomorrow", 7, None,
)  # fmt: skip
KEYS = (
    "type", "text", "elements", "style", "url", "user_id", "channel_id", "usergroup_id", "range", "name", "skin_tone",
    "unicode", "timestamp", "fallback", "indent", "offset", "border", "fields", "accessory", "title", "alt_text",
    "image_url", "rows", "blocks", "call", "v1", "file", "element", "label", "pretext", "value", "message_blocks",
    "message", "bold", "code", "from_url", "join_url", "file_id",
)  # fmt: skip
STRINGS = (
    "", " ", "a", "*a*", "_b_", "U1", "C1", "<@U1>", "<b>", "&amp;lt;b&gt;", "https://exemple.fr/?a=1&b=<2>",
    "javascript:alert(1)", "\n", "> x", "```", "`", "~", "|", ":wave:", ":oui:", "wave::skin-tone-3", "1f44b-1f3fb",
    "d800", "ordered", "\x00\r\ud800", "here", '"><script>', "http://[", "mailto:a@b.fr", "person:U1", "<!here>",
    "<!date^1^{date}|hier>", "•", "1. a", "    a. b", "<https://exemple.fr/a|b>", "https://exemple.fr/\"'\\^`{|}",
)  # fmt: skip
LEAF = (
    st.sampled_from(STRINGS) | st.sampled_from(KINDS) | st.booleans() | st.none() | st.integers() | st.floats()
    | st.sampled_from([10**400, -1, 1, 2]) | st.text(st.characters(), max_size=5)
)  # fmt: skip
JSON = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
        | st.fixed_dictionaries({"type": st.sampled_from(KINDS)}, optional=dict.fromkeys(KEYS[1:], inner))
        | st.fixed_dictionaries({"type": st.sampled_from(KINDS), "elements": st.lists(inner, max_size=3)})
    ),
    max_leaves=25,
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "text": LEAF,
        "blocks": st.lists(JSON, max_size=3) | JSON,
        "attachments": st.lists(JSON, max_size=3) | JSON,
        "mrkdwn": LEAF,
    },
)
SIGN = st.sampled_from("*_~`<>|&;:@#! \n.")
MARKUP = st.lists(st.sampled_from(STRINGS) | SIGN | st.text(max_size=3), max_size=25).map("".join)

TAGS = (*matrix_html._TAGS, "mx-reply", "script", "template", "svg", "x-y")
ATTRIBUTES = (
    "", "", "", " data-mx-spoiler", " data-mx-spoiler='a b'", " href=https://exemple.fr/", " href='javascript:x'",
    " href=person:U123", " href=person:%3C", " start=-5", " start=99", " alt='\r\n\x02'", " href='https://matrix.to/#/@a:b.fr'",
)  # fmt: skip
HTML = st.lists(
    st.sampled_from([f"<{tag}{more}>" for tag in sorted(set(TAGS)) for more in dict.fromkeys(ATTRIBUTES)])
    | st.sampled_from([f"</{tag}>" for tag in sorted(set(TAGS))])
    | st.sampled_from(
        ("a", " ", "\n", "&nbsp;", "&lt;!channel&gt;", "@here", "<!--", "é", "👋🏽", "https://exemple.fr.", "`", "*")
    )
    | st.text(max_size=4),
    max_size=30,
).map("".join)


def check(text: Text) -> None:
    """What the contract wants of any text: clean words, and HTML that the room's filter leaves as it is."""
    assert clean_text(text.plain) == text.plain
    if text.html is None:
        return
    html = text.html.replace('href="person:', 'href="matrix:u/')
    assert nh3.clean(html, tags=set(matrix_html._TAGS), attributes=matrix_html._ATTRIBUTES, link_rel=None,
                     url_schemes={"http", "https", "mailto", "matrix"}) == html  # fmt: skip
    assert safe_html(html) == (html.strip() or None)


@given(MESSAGE)
def test_a_message_of_any_shape_is_read(message: dict[str, Any]):
    check(text_of(message, Names()))


@given(MARKUP | st.text(st.characters(), max_size=60))
@example("<https://exemple.fr/\"'\\^`{|}> *x* <https://exemple.fr/\u00a0|a\u00a0b>")
def test_a_string_of_any_shape_is_read(markup: str):
    check(text_of({"text": markup}, Names()))
    check(text_of({"text": markup, "mrkdwn": False}, Names()))


@given(JSON)
def test_blocks_of_any_shape_have_a_text(blocks: Any):
    assert isinstance(fallback(blocks, Names()), str)
    assert isinstance(fallback([blocks], Names()), str)


@given(HTML | st.text(st.characters(), max_size=40))
def test_any_html_is_written(html: str):
    for text in (Text(html=html), Text(plain=html)):
        one = written(text)
        check_blocks(one.blocks)
        check(text_of({"blocks": one.blocks}, NoNames()))
        assert not re.search(r"<![^s]", one.text)


def check_blocks(blocks: list[dict[str, Any]]) -> None:
    """What Slack refuses a message for."""
    for block in blocks:
        if block == {"type": "divider"}:
            continue
        assert block["type"] == "rich_text"
        assert block["elements"]
        for element in block["elements"]:
            if element["type"] == "rich_text_list":
                assert 0 <= element["indent"] <= 8
                assert element["style"] in {"bullet", "ordered"}
                assert all(item["type"] == "rich_text_section" for item in element["elements"])
                inlines = [inline for item in element["elements"] for inline in item["elements"]]
            else:
                assert element["type"] in {"rich_text_section", "rich_text_quote", "rich_text_preformatted"}
                inlines = element["elements"]
            assert inlines
            for inline in inlines:
                check_inline(inline, styled=element["type"] != "rich_text_preformatted")


def check_inline(inline: dict[str, Any], *, styled: bool) -> None:
    match inline["type"]:
        case "text":
            assert inline["text"]
            assert clean_text(inline["text"]) == inline["text"]
        case "link":
            assert inline["url"].lower().startswith(("http://", "https://", "mailto:"))
            assert inline.get("text") != ""
        case "user":
            assert re.fullmatch("[UW][A-Z0-9]+", inline["user_id"])
        case "emoji":
            assert inline["name"]
        case kind:
            raise AssertionError(kind)
    assert inline.get("style") != {}


# From a room and back

SPACED = st.sampled_from(
    ("mot", "deux mots", "é, à !", "a_b", "1 < 2 & 3", "«\u202foui\u202f»", "👩\u200d👩\u200d👧 et ❤️", "שלום")
)
ESCAPED = SPACED.map(lambda words: words.replace("&", "&amp;").replace("<", "&lt;"))
INLINE = st.recursive(
    ESCAPED,
    lambda inner: st.tuples(
        st.sampled_from(("b", "i", "u", "del", "code")), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda pair: f"<{pair[0]}>{' '.join(pair[1])}</{pair[0]}>"),
    max_leaves=6,
)
LINE = st.lists(
    INLINE
    | INLINE.map(lambda inner: f'<a href="https://exemple.fr/?a=1&amp;b=2">{inner}</a>')
    | st.just('<a href="person:U123">@U123</a>'),
    min_size=1,
    max_size=4,
).map(" ".join)
LIST = st.recursive(
    LINE.map(lambda line: f"<li>{line}</li>"),
    lambda items: st.tuples(st.sampled_from(("ul", "ol")), LINE, st.lists(items, min_size=1, max_size=3)).map(
        lambda one: f"<li>{one[1]}<{one[0]}>{''.join(one[2])}</{one[0]}></li>"
    ),
    max_leaves=5,
)
BLOCK = (
    LINE.map(lambda line: f"<p>{line}</p>")
    | st.lists(LINE, min_size=1, max_size=3).map("<br>".join).map(lambda lines: f"<blockquote>{lines}</blockquote>")
    | ESCAPED.map(lambda words: f"<pre><code>  {words}\n\n{words}\n</code></pre>")
    | st.lists(LIST, min_size=1, max_size=3).map(lambda items: f"<ul>{''.join(items)}</ul>")
    | st.tuples(st.integers(1, 30), st.lists(LIST, min_size=1, max_size=3)).map(
        lambda one: f'<ol start="{one[0]}">{"".join(one[1])}</ol>'
    )
    | st.just("<hr>")
)
ROOM = st.lists(BLOCK, min_size=1, max_size=4).map("".join)


@given(ROOM)
def test_what_a_room_says_comes_back(html: str):
    once = text_of({"blocks": written(Text(html=html)).blocks}, NoNames())
    assert seen(say(once)) == seen(html)
    assert written(once).blocks == written(Text(html=say(text_of({"blocks": written(once).blocks}, NoNames())))).blocks


@given(ROOM)
def test_the_words_come_back_by_the_text_alone(html: str):
    """Where marks stand in the middle of a word, or signs beside them, they are lost; words never are."""
    plain = text_of({"blocks": written(Text(html=html)).blocks}, NoNames()).plain
    again = text_of({"text": written(Text(html=html)).text}, NoNames()).plain
    loose = str.maketrans("", "", "*_~`—-•123456789.abcdefghijklmnopqrstuvwxyz0> ◦▪\ufe0e")
    assert visible(again.translate(loose)) == visible(plain.translate(loose))


@given(ROOM | HTML, st.integers(200, 400))
def test_nothing_is_lost_in_pieces(html: str, longest: int):
    whole = written(Text(html=html * 3))
    parts = pieces(Text(html=html * 3), longest=longest)
    for part in parts:
        assert len(part.text) <= longest
        assert 1 <= len(part.blocks) <= MOST_BLOCKS
        check_blocks(part.blocks)
    said = "".join(words(part.blocks) for part in parts)
    assert visible(said) == visible(words(whole.blocks))


def words(blocks: Any) -> str:
    """Everything that blocks say, in order."""
    match blocks:
        case list():
            return "".join(words(one) for one in blocks)
        case {"type": "divider"}:
            return "—"
        case {"elements": elements}:
            return words(elements)
        case {"type": "text", "text": text}:
            return text
        case {"type": "link", "url": url, "text": text}:
            return f"{text} ({url})"
        case dict():
            return "".join(str(value) for key, value in blocks.items() if key in {"url", "text", "user_id", "name"})
        case _:
            return ""


@given(st.text(st.sampled_from("ab &@\n👩\u200d👧🏽❤️e\u0301"), max_size=2000))
def test_plain_words_are_not_lost_in_pieces(plain: str):
    parts = pieces(Text(plain=plain), longest=200)
    assert all(len(part.text) <= 200 for part in parts)
    assert visible("".join(words(part.blocks) for part in parts)) == visible(words(written(Text(plain=plain)).blocks))


@given(MARKUP)
def test_the_text_of_a_document_reads_as_the_document(markup: str):
    once = document_of_text(mrkdwn(document_of_text(markup)))
    assert mrkdwn(document_of_text(mrkdwn(once))) == mrkdwn(once)


@given(st.integers(1, 399))
def test_markers_count(number: int):
    assert from_letters(letters(number)) == from_roman(roman(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "*_~`" * 10_000, "<" * 40_000, "<a" * 20_000, ":a" * 20_000, "``` " * 10_000, "```" * 13_000 + "a",
        "\n*a*" * 10_000, "> a\n" * 10_000, "• a\n" * 10_000, "_a *b ~c " * 5_000, "[" * 40_000, "https://" * 5_000,
        "&" * 40_000, " " * 40_000 + "x", "(" * 20_000 + "https://a.fr/" + ")" * 20_000, "a@here " * 5_000,
    ],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_a_hostile_text_takes_no_longer_than_another(text: str):
    """Time that grows with the square of the length would end this run."""
    assert text_of({"text": text}, NoNames()) is not None
    assert document_of_blocks([{"type": "section", "text": {"type": "mrkdwn", "text": text}}])
    assert pieces(Text(plain=text)) is not None


@pytest.mark.parametrize(
    "html",
    [
        "<ul><li>a" * 6_000, "<li>a" * 13_000, "a<br>" * 13_000, "<a href=https://a.fr>x" * 3_000, "<tr><td>a" * 7_000,
        "<table><td>" * 5_000, "<b>x" * 16_000, "<blockquote>x" * 4_500, "<pre>x" * 8_000, "<p>x" * 16_000,
        "<b>&nbsp;</b><i>&nbsp;</i>" * 2_500 + "x", "<b>x</b><i>y</i>" * 4_000,
    ],
    ids=lambda html: html[:12],
)  # fmt: skip
def test_hostile_html_makes_no_flood(html: str):
    """Nor does it take longer than another of its length."""
    assert len(pieces(Text(html=html[:65_536]))) < 100


def test_nesting_without_end_is_read():
    blocks: Any = {"type": "text", "text": "fond"}
    for kind in ("rich_text_section", "rich_text_list", "table", "context", "unknown") * 150:
        blocks = {"type": kind, "elements": [blocks], "rows": [[blocks]]}
    check(text_of({"blocks": [blocks], "attachments": [{"blocks": [blocks]}]}, NoNames()))
    assert isinstance(fallback([blocks]), str)
    assert pieces(Text(html="<blockquote><ul><li>" * 2_000 + "fond"))
