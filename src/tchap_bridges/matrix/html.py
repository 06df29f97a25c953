"""HTML of room messages: only what the specification allows, whatever a client wrote. Pure.

https://spec.matrix.org/v1.17/client-server-api/#mroommessage-msgtypes
"""

import re

import nh3

from tchap_bridges.matrix.text import clean_text

DEEPEST = 100
LONGEST = 65_536  # an event has no more

# fmt: off
_TAGS = frozenset((
    "del", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "p", "a", "ul", "ol", "sup", "sub", "li", "b", "i", "u",
    "strong", "em", "s", "code", "hr", "br", "div", "table", "thead", "tbody", "tr", "th", "td", "caption", "pre",
    "span", "img", "details", "summary", "font",
))
# fmt: on
_ATTRIBUTES = {
    "span": {"data-mx-bg-color", "data-mx-color", "data-mx-spoiler", "data-mx-maths"},
    "a": {"href"},
    "img": {"width", "height", "alt", "title", "src"},
    "ol": {"start"},
    "code": {"class"},
    "div": {"data-mx-maths"},
    "font": {"data-mx-bg-color", "data-mx-color"},
}
_SCHEMES = frozenset(("http", "https", "mailto", "mxc", "matrix", "xmpp", "irc", "ircs", "tel"))
_GONE_WITH_CONTENT = frozenset(("mx-reply", "script", "style", "title", "head", "template", "noscript"))
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*>")
_EMPTY = frozenset(("br", "hr", "img"))


def safe_html(html: str) -> str | None:
    """The fragment within the Matrix subset, reply quotation removed; None when nothing worth having is left."""
    if not html or len(html) > LONGEST:
        return None
    kept = nh3.clean(
        clean_text(html),
        tags=set(_TAGS),
        clean_content_tags=set(_GONE_WITH_CONTENT),
        attributes=_ATTRIBUTES,
        attribute_filter=_allowed,
        url_schemes=set(_SCHEMES),
        strip_comments=True,
        link_rel=None,
    ).strip()
    return kept if kept and _depth(kept) <= DEEPEST else None


def _allowed(tag: str, attribute: str, value: str) -> str | None:
    match tag, attribute:
        case "img", "src":
            return value if value.startswith("mxc://") else None
        case "a", "href":
            return None if value.startswith("mxc:") else value
        case "code", "class":
            return value if value.startswith("language-") and " " not in value else None
        case _:
            return value


def _depth(html: str) -> int:
    """How deep elements stand in one another; nh3 has closed every one of them."""
    depth = deepest = 0
    for closing, tag in _TAG.findall(html):
        if closing:
            depth -= 1
        elif tag not in _EMPTY:
            depth += 1
            deepest = max(deepest, depth)
    return deepest
