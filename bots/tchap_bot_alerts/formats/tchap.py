"""The body that Tchap's own webhook service takes: ``{"message", "message_format", "message_raw"}``.

``message_format`` is ``html``, ``md`` or ``markdown``, anything else is plain; ``message_raw`` is the plain words.
"""

from collections.abc import Mapping

from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import Json, block, line
from tchap_bot_alerts.words import LONGEST, LONGEST_HTML, from_html, from_markdown, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery: one message, or none when there are no words."""
    del headers, say
    raw = block(value, "message_raw", most=LONGEST)
    match line(value, "message_format").lower():
        case "html":
            text = from_html(block(value, "message", most=LONGEST_HTML))
        case "md" | "markdown":
            text = from_markdown(block(value, "message", most=LONGEST))
        case _:
            text = words(block(value, "message", most=LONGEST))
    text = Text(plain=raw, html=text.html) if raw and text else text or words(raw)
    return [Notice(kind="tchap", text=text)] if text.plain else []
