"""Is this the line above a quote? One line, or a few joined, judged by their words and by a date or an address in them.

A verb alone proves nothing ("Le paragraphe que Marie a écrit :"), and neither does a date: every reading here needs two
signs. Patterns are applied to at most `LONGEST` characters, and none nests a quantifier.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from tchap_bridge_email import quote_words as words

LONGEST = 400
MOST_LINES = 4
"""An attribution is folded over this many lines at most."""

_SPACES = re.compile(r"\s+")
_EDGES = " \t*_~|\u2014\u2013\u00a0"
_ADDRESS = re.compile(r"[^\s<>()\[\]@,;:\"]{1,64}@[^\s<>()\[\]@,;:\"]{1,255}")
_NUMERIC_DATE = re.compile(
    r"(?<!\d)(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[-. ]?[^\W\d_]{3,12}\.?[-. ,]{1,3}\d{4}|\d{4}年)(?!\d)"
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DAY = re.compile(r"(?<![\d:.])(?:[12]?\d|3[01])(?:er|st|nd|rd|th|º|\.)?(?![\d:])")
_TIME = re.compile(r"(?<!\d)(?:[01]?\d|2[0-3])\s?[:.hH]\s?[0-5]\d(?!\d)")
_ENDS_IN_ADDRESS = re.compile(r"[<(\[][^<>()\[\]]{0,80}@[^<>]{0,300}[>)\]]\s*\Z")
_LAST_CHARACTERS = (":", "：", ">", ")", "]", "-", "=", "_", "*", "~", "|", "\u2014", "\u2013")
_DASHED = re.compile(r"\A[-=_]{2,}\s*(.{1,300}?)\s*[-=_]{2,}\Z")
_LEAD = re.compile(r"\A[-=_>]{1,20}\s*")


def plain(text: str) -> str:
    """A line made comparable: NFC, one space for any white space, plain apostrophes, no emphasis marks, case folded."""
    flat = _SPACES.sub(" ", unicodedata.normalize("NFC", text[: 2 * LONGEST])).strip(_EDGES)
    return flat.replace("\u2019", "'").replace("*", "").casefold()


def is_attribution(text: str, *, before_quote: bool = False) -> bool:
    """Whether `text` (some lines joined) introduces a quote. `before_quote`: marked text follows, itself a sign."""
    tail = text[-80:].rstrip()
    if not tail.endswith(_LAST_CHARACTERS) and not plain(tail).endswith(_WROTE_END):
        return False  # nearly every line of nearly every mail ends here
    line = plain(text)
    if not line or len(line) > LONGEST:
        return False
    dashed = _DASHED.match(line)
    inner = dashed[1] if dashed else _LEAD.sub("", line)
    colon = inner.endswith((":", "："))
    bare = inner.rstrip(":： ")
    if not (colon or bare.endswith((">", ")", "]")) or bare.endswith(_WROTE_END)):
        return False
    addressed = _ADDRESS.search(bare) is not None
    dated = _has_date(bare)
    if bare.endswith(_WROTE_END):
        if colon or dashed:
            return dated or addressed or before_quote or bool(dashed)
        return dated and addressed
    if colon and dated and _verb_inside(bare):
        return True
    if dated and _ENDS_IN_ADDRESS.search(bare) and _starts_with_date(bare):
        return colon or before_quote
    return False


def may_start(text: str) -> bool:
    """Whether an attribution folded over several lines may begin with this one: a date, or "Le" and then a date."""
    line = _LEAD.sub("", plain(text))
    return _starts_with_date(line)


def _starts_with_date(line: str) -> bool:
    opening = _ON.match(line)
    start = line[opening.end() :] if opening else line
    window = start[:28]
    if not any(char.isdigit() for char in window):
        return False
    first = next(position for position, char in enumerate(window) if char.isdigit())
    return len(window[:first].split()) <= 3 and (opening is not None or _dateish(start[:40]))


def _dateish(text: str) -> bool:
    return bool(_NUMERIC_DATE.search(text) or _TIME.search(text) or _YEAR.search(text))


def _has_date(text: str) -> bool:
    if _NUMERIC_DATE.search(text) or _TIME.search(text):
        return True
    return bool(_DAY.search(text) and (_YEAR.search(text) or _WEEKDAY_OR_MONTH.search(text)))


def _verb_inside(text: str) -> bool:
    return _VERB.search(text) is not None


def _any_of(phrases: Iterable[str]) -> str:
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))


_WROTE_END = tuple(words.WROTE)
_ON = re.compile(rf"(?:{_any_of(words.ON)})[ ,:]+")
_VERB = re.compile(rf"(?<!\w)(?:{_any_of(words.WROTE)})(?!\w)")
# Beginnings of the names of days and months where French, English, German, Spanish and Italian agree or nearly do.
_WEEKDAY_OR_MONTH = re.compile(
    r"(?<!\w)(?:lun|mar|mer|jeu|ven|sam|dim|mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|jan|ene|gen|f[ée]v|feb|mär|mrz"
    r"|avr|apr|abr|mai|may|maj|mag|juin|juil|jun|jul|giu|lug|ao[uû]|aug|ago|sep|set|oct|okt|ott|out|nov|d[ée][cz]|dic)"
    r"[^\W\d_]{0,8}\.?(?!\w)"
)
