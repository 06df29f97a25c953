"""Formatted bodies: what is kept of them."""

import pytest

from tchap_bridges.matrix.html import safe_html

CASES = [
    ("<b>bon</b>jour", "<b>bon</b>jour"),
    ("<mx-reply><blockquote>x</blockquote></mx-reply>oui", "oui"),
    ("<script>alert(1)</script>", None),
    ('<p onclick="x" style="y">a</p>', "<p>a</p>"),
    ('<a href="javascript:x">a</a>', "<a>a</a>"),
    ('<a href="https://matrix.to/#/@a:b">A</a>', '<a href="https://matrix.to/#/@a:b">A</a>'),
    ('<img src="https://traque.fr/x.png" alt="x">', '<img alt="x">'),
    ('<img src="mxc://x/y">', '<img src="mxc://x/y">'),
    ('<a href="mxc://x/y">a</a>', "<a>a</a>"),
    ('<code class="language-py">x</code>', '<code class="language-py">x</code>'),
    ('<code class="evil">x</code>', "<code>x</code>"),
    ('<span data-mx-spoiler="x" data-evil="y">z</span>', '<span data-mx-spoiler="x">z</span>'),
    ("<div>" * 100 + "x" + "</div>" * 100, "<div>" * 100 + "x" + "</div>" * 100),
    ("<div>" * 101 + "x", None),
    ("<br>" * 300 + "x", "<br>" * 300 + "x"),
    ("x" * 70_000, None),
    ("a<!-- b -->c", "ac"),
    ("<iframe src=x></iframe><form>a</form>", "a"),
    ("a\x00b\u2028", "ab"),
    ("", None),
    ("<p>à &lt; é</p>", "<p>à &lt; é</p>"),
]


@pytest.mark.parametrize(("html", "kept"), CASES, ids=range(len(CASES)))
def test_html(html, kept):
    assert safe_html(html) == kept
