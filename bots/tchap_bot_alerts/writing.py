"""Strangers' bytes read, and messages written, beside the loop and within a time.

What is read and written here ends by itself: every format reads a bounded part of its body, and a template has its
steps (``template.py``). So a thread is enough; the limits here are for a machine that is busy with everything else.
Nothing is shared by two threads but compiled patterns.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from tchap_bot_alerts.book import Shown
from tchap_bot_alerts.formats import Format, read
from tchap_bot_alerts.notice import Notice, Refused
from tchap_bot_alerts.template import Fault, render
from tchap_bot_alerts.wording import data_of, worded
from tchap_bot_alerts.words import bounded, stacked, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Language, Phrase, Translator, _

READING: Final = 8.0
WRITING: Final = 8.0
"""Seconds; both are well within a handler's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a room wants messages written. ``template``: "" for our own words."""

    template: str
    language: Language
    zone: tzinfo


async def read_aside(
    headers: Mapping[str, str], body: bytes, language: Language, sender: Format | None
) -> tuple[Notice, ...] | Refused:
    """As `formats.read`."""
    try:
        async with asyncio.timeout(READING):
            return await asyncio.to_thread(read, headers, body, Translator(language), sender=sender)
    except TimeoutError:
        return Refused(_("Le corps est trop long à lire."))


async def write_aside(shown: Sequence[Shown], style: Style) -> list[Text]:
    """A text for each. What the template cannot say is said in our words, with what is wrong with it."""
    try:
        async with asyncio.timeout(WRITING):
            return await asyncio.to_thread(lambda: [written(one, style) for one in shown])
    except TimeoutError:
        return [_without(one, style, Fault(None, _("Le modèle est trop long à remplir."))) for one in shown]


def written(shown: Shown, style: Style) -> Text:
    """One message; `write_aside` has it done in a thread."""
    say = Translator(style.language)
    if not style.template.strip():
        return worded(shown, say, style.zone)
    found = render(style.template, data_of(shown, say, style.zone))
    if isinstance(found, Fault):
        return _without(shown, style, found)
    return found or _without(shown, style, Fault(None, _("Le modèle ne dit rien.")))


def told(fault: Fault) -> Phrase:
    """What is wrong with a template, and where."""
    if fault.line is None:
        return _("⚠ Modèle : {reason}", reason=fault.reason)
    return _("⚠ Modèle, ligne {line} : {reason}", line=fault.line, reason=fault.reason)


def _without(shown: Shown, style: Style, fault: Fault) -> Text:
    say = Translator(style.language)
    return bounded(stacked((worded(shown, say, style.zone), words(say(told(fault))))))
