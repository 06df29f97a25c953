"""JSON of a shape that nobody here knows: what seems to be its title, its words, its page, and a few of its values."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import block, line, link, severity
from tchap_bot_alerts.words import bold, row, stacked, words
from tchap_bridges.i18n import Translator, _

_TITLES: Final = ("title", "subject", "summary", "name", "event", "type")
_WORDS: Final = ("message", "text", "description", "body", "content", "msg")
_URLS: Final = ("url", "html_url", "web_url", "link", "href")
_SHOWN: Final = 12
_DEEPEST: Final = 3
_LOOKED_AT: Final = 500


def read(value: Any, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """Always one notice."""
    del headers
    title = _first(value, _TITLES)
    said = next((block(value, key) for key in _WORDS if block(value, key)), "")
    told = {name for name in (*_TITLES, *_WORDS, *_URLS) if line(value, name) and _told(value, name, title, said)}
    shown = [row(bold(f"{name} :" if name else ""), words(text)) for name, text in _leaves(value) if name not in told]
    if len(shown) > _SHOWN:
        shown = [*shown[:_SHOWN], words("…")]
    return [
        Notice(
            kind="unknown",
            title=title or say(_("Message d'une forme inconnue")),
            text=stacked((words(said if said != title else ""), *shown)),
            url=next((link(value, key) for key in _URLS if link(value, key)), ""),
            severity=severity(_first(value, ("severity", "level", "priority"))),
        )
    ]


def _first(value: Any, names: tuple[str, ...]) -> str:
    return next((line(value, name) for name in names if line(value, name)), "")


def _told(value: Any, name: str, title: str, said: str) -> bool:
    return line(value, name) == title or block(value, name) == said or bool(link(value, name))


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """Words and numbers with their paths, the shallow ones first."""
    waiting: deque[tuple[str, Any, int]] = deque([("", value, 0)])
    for _count in range(_LOOKED_AT):
        if not waiting:
            return
        path, one, depth = waiting.popleft()
        if isinstance(one, Mapping | list):
            if depth < _DEEPEST:
                pairs = enumerate(one[:_SHOWN]) if isinstance(one, list) else list(one.items())[:_LOOKED_AT]
                waiting.extend((f"{path}.{line(str(key)[:60])}".strip("."), inner, depth + 1) for key, inner in pairs)
        elif text := line(one):
            yield path, text
