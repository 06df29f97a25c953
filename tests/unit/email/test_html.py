"""HTML: what is kept, what is dropped, and that quotes are found by the markers of clients."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bridge_email.html import from_text, place_images, write
from tchap_bridge_email.html_walk import MAX_OUTPUT_NESTING, walk
from tchap_bridge_email.lines import join
from tchap_bridge_email.quotes import extract

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "email"
CASES = YAML(typ="safe").load(VECTORS / "html.yaml")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_table(case):
    walked = walk(case["body"])
    found = extract(walked.lines)
    markup = write(walked)
    if "text" in case:
        assert join(walked.lines) == case["text"]
    if "reply" in case:
        assert found.reply == case["reply"]
    if "html" in case:
        assert markup == case["html"]
    if "reply_html" in case:
        assert write(walked, found.kept) == case["reply_html"]
    assert all(piece in markup for piece in case.get("has", []))
    assert not any(piece in markup for piece in case.get("lacks", []))


def test_images_are_placed_or_named():
    markup = '<p><img src="cid:a@x" alt="plan"> <img src="cid:b@x" alt=""></p>'
    assert place_images(markup, {"a@x": "mxc://exemple.fr/abc"}) == (
        '<p><img src="mxc://exemple.fr/abc" alt="plan"> </p>'
    )
    assert place_images(markup, {"a@x": "https://exemple.fr/abc"}) == "<p>[plan] </p>"


def test_text_as_html():
    assert from_text("a < b\nc") == "a &lt; b<br>\nc"


@pytest.mark.parametrize("tag", ["div", "b", "blockquote", "table><tr><td", "ul><li", "span", "font"])
def test_nesting_is_bounded(tag):
    markup = write(walk(f"<{tag}>" * 20_000 + "fond"))
    assert "fond" in markup
    assert markup.count("<") - markup.count("</") <= MAX_OUTPUT_NESTING + 2


@given(st.text(alphabet="<>/ab=\"'! -&;#0\n", max_size=200))
def test_any_markup_is_read(body):
    walked = walk(body)
    extract(walked.lines)
    assert "<script" not in write(walked)


PIECES = [
    "<p>", "</p>", "<blockquote type=cite>", "</blockquote>", "<br>", "<hr>", "<li>", "<ul>", "</ul>", "<table>",
    "<tr>", "<td>", "</table>", "mot ",
    "Le 3 mars 2025 à 10:12, M a écrit :", "<pre>", "\n", "</pre>", "</a>", "</div>",
    "<a href='https://x.fr'>", "<div id=divRplyFwdMsg>", "<img src=cid:a alt=b>",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_every_token_stands_on_a_line(pieces):
    walked = walk("".join(pieces))
    opened = 0
    for token in walked.tokens:
        opened += (token.kind == "open") - (token.kind == "close")
        assert opened >= 0
        assert 0 <= token.line <= len(walked.lines)
    assert opened == 0
