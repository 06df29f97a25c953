"""The markup of Slack's strings and of Mattermost's, which come in one field and cannot be told apart.

So ``*word*`` is bold, as Slack has it, and ``**word**`` too; ``[words](url)`` and ``<url|words>`` are both links.
https://docs.slack.dev/messaging/formatting-message-text
https://developers.mattermost.com/integrate/webhooks/incoming/
"""

import re
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Final

from tchap_bot_alerts.values import clean, cut
from tchap_bot_alerts.words import LONGEST, LONGEST_HTML, code, from_html, linked, preformatted, words
from tchap_bridges.events import Text

_PRIVATE: Final = re.compile("[\ue000-\uf8ff]")
_MOST_TOKENS: Final = 0xF8FF - 0xE000
_TOKEN: Final = re.compile(
    r"```(?:[a-z]{1,12}\n)?(?P<fence>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<angle>[^<>\n]{1,2000})>"
    r"|!?\[(?P<words>[^\[\]\n]{0,300})\]\((?P<url>https?://[^\s()<>]{1,2000})\)",
    re.DOTALL,
)
_MARKS: Final = (
    (re.compile(r"(?<![\w*])(\*{1,2})(?=[^\s*])([^*\n]{1,2000})(?<=\S)\1(?![\w*])"), "b"),
    (re.compile(r"(?<![\w_])(_{1,2})(?=[^\s_])([^_\n]{1,2000})(?<=\S)\1(?![\w_])"), "i"),
    (re.compile(r"(?<![\w~])(~{1,2})(?=[^\s~])([^~\n]{1,2000})(?<=\S)\1(?![\w~])"), "del"),
    (re.compile(r"^()#{1,6} +(.+)$", re.MULTILINE), "b"),
)
_QUOTE: Final = re.compile(r"(?:^(?:>|&gt;) ?.*\n?)+", re.MULTILINE)
_QUOTE_MARK: Final = re.compile(r"^(?:>|&gt;) ?", re.MULTILINE)
_RULE: Final = re.compile(r"\|(?: *:?-+:? *\|)+")
"""The line under the head of a Mattermost table."""
_EVERYBODY: Final = frozenset(("here", "channel", "everyone"))


def text_of(markup: str) -> Text:
    """Any string has a meaning: what is no markup is words."""
    tokens: list[Text] = []

    def kept(match: re.Match[str]) -> str:
        if len(tokens) >= _MOST_TOKENS or not (text := _token(match)):
            return match[0]
        tokens.append(text)
        return chr(0xE000 + len(tokens) - 1)

    source = _PRIVATE.sub("", cut(clean(markup[: 2 * LONGEST]), LONGEST)).strip()
    source = _TOKEN.sub(kept, source)
    plain, html = _entities(source), ""
    position = 0
    for quote in _QUOTE.finditer(source):
        html += _html(source[position : quote.start()])
        html += f"<blockquote>{_html(_QUOTE_MARK.sub('', quote[0]).strip())}</blockquote>"
        position = quote.end()
    html += _html(source[position:])
    plain = _unmarked(plain)
    plain = _PRIVATE.sub(partial(_said, [one.plain for one in tokens]), plain)
    html = _PRIVATE.sub(partial(_said, [one.html or "" for one in tokens]), html)
    if len(html) > LONGEST_HTML:
        return Text(plain=cut(plain, LONGEST))
    safe = from_html(html)
    return safe if "<table>" in html else Text(plain=cut(plain, LONGEST), html=safe.html)


def _said(tokens: Sequence[str], match: re.Match[str]) -> str:
    return tokens[ord(match[0]) - 0xE000]


def _token(match: re.Match[str]) -> Text:
    if fence := match["fence"]:
        return preformatted(_entities(fence).strip("\n"))
    if match["code"]:
        return code(_entities(match["code"]))
    if match["url"]:
        return linked(match["url"], _entities(match["words"]))
    target, bar, shown = match["angle"].partition("|")
    target, shown = _entities(target), _entities(shown)
    if target.startswith(("http://", "https://")):
        return linked(target, _unmarked(shown))
    if target.startswith("mailto:"):
        return words(shown or target.removeprefix("mailto:"))
    if target.startswith(("@", "#")):
        return words(f"{target[0]}{(shown or target[1:]).removeprefix(target[0])}")
    if target.startswith("!"):
        name = target[1:].partition("^")[0]
        return words(shown or (f"@{name}" if name in _EVERYBODY else name))
    return Text() if not bar else words(shown)


def _unmarked(text: str) -> str:
    for mark, _tag in _MARKS:
        text = mark.sub(r"\2", text)
    return text


def _html(source: str) -> str:
    """Words and Mattermost's tables, whose lines begin and end with a bar."""
    lines, html, words_until = source.split("\n"), "", 0
    for number in range(1, len(lines)):
        if number <= words_until or not _RULE.fullmatch(lines[number].strip()) or not _barred(lines[number - 1]):
            continue
        end = next((n for n in range(number + 1, len(lines)) if not _barred(lines[n])), len(lines))
        head, body = _cells(lines[number - 1], "th"), "".join(_cells(one, "td") for one in lines[number + 1 : end])
        html += _words("\n".join(lines[words_until : number - 1]).strip("\n"))
        html += f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
        words_until = end
    return html + _words("\n".join(lines[words_until:]).strip("\n") if words_until else source)


def _barred(row: str) -> bool:
    row = row.strip()
    return len(row) > 1 and row.startswith("|") and row.endswith("|")


def _cells(row: str, tag: str) -> str:
    cells = (f"<{tag}>{_words(cell.strip())}</{tag}>" for cell in row.strip()[1:-1].split("|"))
    return "<tr>" + "\n".join(cells) + "</tr>"


def _words(source: str) -> str:
    html = escape(_entities(source), quote=False)
    for mark, tag in _MARKS:
        html = mark.sub(rf"<{tag}>\2</{tag}>", html)
    return html.replace("\n", "<br>")


def _entities(text: str) -> str:
    """Slack writes these three, and only these, for the characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
