"""Plain text as the contract wants it: Unicode without control characters but tab and newline. Pure."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_QUOTE_HEAD = re.compile(r"> (\* )?<@[^>\n]+>")


def clean_text(text: str) -> str:
    """Every line end a newline, no other control character, no half of a surrogate pair."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(lambda match: "\n" if match[0] in "\u2028\u2029" else "", text)


def without_quote(text: str) -> str:
    """The body of a reply without the quotation that older clients put before it.

    https://spec.matrix.org/v1.12/client-server-api/#fallbacks-for-rich-replies
    """
    if not _QUOTE_HEAD.match(text):
        return text
    lines = text.split("\n")
    start = next((n for n, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[start:]).lstrip("\n")
