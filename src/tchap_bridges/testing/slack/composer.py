"""What Slack makes of a text: stray signs escaped, and the `rich_text` block that stands beside every message.

Source: docs.slack.dev/messaging/formatting-message-text, docs.slack.dev/reference/block-kit/blocks/rich-text-block.
"""

import re
from collections.abc import Sequence

from tchap_bridges.testing.slack.model import Json

_STRAY_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
# Between angle brackets: a person, a channel, a group or date after "!", an address.
_REFERENCE = r"<(?:@[UW]\w*|#[CGD]\w*|!\w[^<>]*|(?:https?|mailto|tel|ftp|xmpp|matrix):[^<>|\s]+)(?:\|[^<>]*)?>"
_STRAY_ANGLE = re.compile(rf"({_REFERENCE})|^(>)|([<>])", re.MULTILINE)
_PIECES = re.compile(
    rf"(?P<token>{_REFERENCE})"
    r"|(?<![\w:])(?P<emoji>:[a-z0-9_+'-]+:)"
    r"|(?P<mark>(?<![\w*_~`])([*_~`])(?! )[^\n]+?(?<! )\4(?![\w*_~`]))"
)
_STYLES = {"*": "bold", "_": "italic", "~": "strike", "`": "code"}


def escaped(text: str) -> str:
    """As Slack stores a text: its control signs escaped where they are not part of a token; a quote's `>` may stay."""

    def angle(found: re.Match[str]) -> str:
        token, quote, stray = found.groups()
        return token or ("&gt;" if quote else "&lt;" if stray == "<" else "&gt;")

    return _STRAY_ANGLE.sub(angle, _STRAY_AMPERSAND.sub("&amp;", text))


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def rich_text(text: str, block_id: str) -> list[Json]:
    """The block of a text in Slack's own notation; none for an empty one."""
    if not text:
        return []
    elements: list[Json] = []
    for line in re.split(r"(```.+?```)", text, flags=re.DOTALL):
        if line.startswith("```") and line.endswith("```") and len(line) > 6:
            code = [{"type": "text", "text": unescaped(line[3:-3].strip("\n"))}]
            elements.append({"type": "rich_text_preformatted", "border": 0, "elements": code})
        elif line:
            elements += _paragraphs(line)
    return [{"type": "rich_text", "block_id": block_id, "elements": elements}]


def _paragraphs(text: str) -> list[Json]:
    made: list[Json] = []
    for quoted, lines in _runs(text.strip("\n").split("\n")):
        kind = "rich_text_quote" if quoted else "rich_text_section"
        made.append({"type": kind, "elements": inline("\n".join(lines))})
    return made


def _runs(lines: Sequence[str]) -> list[tuple[bool, list[str]]]:
    """Neighbouring lines that are all quoted, or all not."""
    runs: list[tuple[bool, list[str]]] = []
    for line in lines:
        quoted = line.startswith("&gt;")
        bare = line.removeprefix("&gt;").removeprefix(" ") if quoted else line
        if runs and runs[-1][0] == quoted:
            runs[-1][1].append(bare)
        else:
            runs.append((quoted, [bare]))
    return runs


def inline(text: str, style: Json | None = None) -> list[Json]:
    """The elements of a line: text with its styles, people, channels, groups, links, emoji."""
    made: list[Json] = []
    styled: Json = {"style": style} if style else {}
    at = 0
    for found in _PIECES.finditer(text):
        if found.start() > at:
            made.append({"type": "text", "text": unescaped(text[at : found.start()]), **styled})
        at = found.end()
        if token := found["token"]:
            made.append(_token(token[1:-1]) | styled)
        elif emoji := found["emoji"]:
            made.append({"type": "emoji", "name": emoji[1:-1], **styled})
        else:
            mark, inner = found["mark"][0], found["mark"][1:-1]
            style_within = {**(style or {}), _STYLES[mark]: True}
            if mark == "`":
                made.append({"type": "text", "text": unescaped(inner), "style": style_within})
            else:
                made += inline(inner, style_within)
    if at < len(text):
        made.append({"type": "text", "text": unescaped(text[at:]), **styled})
    return made


def _token(inside: str) -> Json:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return {"type": "user", "user_id": target[1:]}
    if target.startswith("#"):
        return {"type": "channel", "channel_id": target[1:]}
    if target.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": target.removeprefix("!subteam^")}
    if target in {"!here", "!channel", "!everyone"}:
        return {"type": "broadcast", "range": target[1:]}
    if target.startswith("!"):
        return {"type": "text", "text": unescaped(label or target[1:])}
    return {"type": "link", "url": unescaped(target), **({"text": unescaped(label)} if label else {})}
