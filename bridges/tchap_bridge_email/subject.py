"""The base subject: what a subject is about, without reply marks, forward marks and list tags (RFC 5256 2.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# What clients put before the colon, by what it means. French first; the others meet French readers on mixed lists.
REPLY = ("re", "ré", "rép", "réf", "réponse", "aw", "antw", "antwort", "sv", "vs", "odp", "rif", "res", "ynt", "vá", "回复", "答复", "отв", "ответ", "σχετ", "απ")  # fmt: skip  # noqa: E501
FORWARD = ("tr", "fw", "fwd", "wg", "rv", "enc", "doorst", "vb", "vl", "pd", "tfw", "i̇lt", "ilt", "转发", "fs", "пересл", "πρθ")  # fmt: skip  # noqa: E501

_TRAILER = re.compile(r"\s*\(fwd\)\s*\Z", re.IGNORECASE)
_TAG = re.compile(r"\[[^\[\]]{0,200}\]\s*")
_WRAPPER = re.compile(r"\[fwd:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Subject:
    """`base` compares, case folded, with other bases; `reply` and `forward` say which marks were taken off."""

    base: str
    reply: bool
    forward: bool
    """True when the outermost mark is a forward's: `TR: Re: x` is one, `Re: TR: x` is an answer to one."""

    @property
    def key(self) -> str:
        """What two subjects of one conversation share."""
        return unicodedata.normalize("NFKC", self.base).casefold()


def read_subject(subject: str, prefixes: Sequence[str] = ()) -> Subject:
    """Take the marks off a decoded subject. `prefixes` are further reply marks, without their colon.

    NBSP and the narrow U+202F that French typography puts before a colon count as spaces. A list tag is removed unless
    nothing would be left, before, between or after the marks.
    """
    mark = _marks(tuple(prefix.casefold() for prefix in prefixes))
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFC", subject)).strip()
    reply = forward = False
    start, end = 0, len(text)
    while True:
        trailer = _TRAILER.search(text[max(start, end - 40) : end])
        if trailer:
            end -= trailer.end() - trailer.start()
            forward = forward or not reply
            continue
        found = mark.match(text, start, end)
        if found:
            is_forward = found["forward"] is not None
            forward = forward or (is_forward and not reply)
            reply = reply or (not is_forward and not forward)
            start = found.end()
            continue
        wrapper = _WRAPPER.match(text, start, end)
        if wrapper and text[end - 1] == "]":
            start, end = wrapper.end(), end - 1
            forward = forward or not reply
            continue
        tag = _TAG.match(text, start, end)
        if tag and tag.end() < end:
            start = tag.end()
            continue
        return Subject(text[start:end].strip(), reply, forward)


def base_subject(subject: str) -> str:
    """The base alone; see `read_subject`."""
    return read_subject(subject).base


@lru_cache(maxsize=16)
def _marks(extra: tuple[str, ...]) -> re.Pattern[str]:
    def any_of(words: Sequence[str]) -> str:
        return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))

    words = rf"(?:(?P<reply>{any_of((*REPLY, *extra))})|(?P<forward>{any_of(FORWARD)}))"
    counter = r"(?: ?\[[^\[\]]{0,200}\]| ?\(\d{1,4}\)|\*\d{1,4}|\^\d{1,4})?"  # Re[2]: and Re [liste]:, Re^2:
    return re.compile(rf"{words}{counter} ?[:：] ?", re.IGNORECASE)
