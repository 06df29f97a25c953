"""Bytes to text, whatever the label says; always an answer, and a word about it when it was a guess.

The order: the label as browsers understand it (WHATWG Encoding, so iso-8859-1 means
windows-1252), then UTF-8 when the bytes are valid, then statistics, then windows-1252, which can decode anything.
"""

from __future__ import annotations

import codecs
import re

import charset_normalizer

SAMPLE = 8192
"""Bytes shown to the statistics: enough to tell, and it bounds the time."""

_WINDOWS_1252 = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)  # undefined: browsers leave them as C1 controls
}

# What the label means to a browser where Python's codec of that name is stricter or another one.
_ALIASES = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "ansi_x3.110-1983": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "windows-1252": "cp1252",
    "x-cp1252": "cp1252",
    "iso-8859-9": "cp1254",
    "latin5": "cp1254",
    "iso-8859-8-i": "iso8859_8",
    "iso-8859-8-e": "iso8859_8",
    "iso-8859-6-i": "iso8859_6",
    "iso-8859-6-e": "iso8859_6",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "big5": "big5hkscs",
    "iso-2022-jp": "iso2022_jp_ext",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "unicode-1-1-utf-8": "utf-8",
    "x-unicode20utf8": "utf-8",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
}

# Labels that are put on mail of any kind by senders who do not know better: valid UTF-8 outweighs them.
_CARELESS = frozenset({"", "cp1252", "iso8859-15", "cp1254"})

# Scripts other than Latin, which mail without a usable label may be written in.
_OTHER_SCRIPTS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "gb18030", "big5", "cp932", "euc_jp", "cp949"]

# Python's own escapes: text codecs by type, but no mail is written in them, and idna is quadratic in its input.
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})

_ASCII = bytes(range(0x80))
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def codec_of(label: str) -> str | None:
    """The name of Python's codec for a charset label, None when no text codec answers to it."""
    name = label.strip().strip("\"'").lower()
    name = _ALIASES.get(name, name)
    try:
        found = codecs.lookup(name)
        "".encode(found.name)  # refuses the codecs that are no charsets: hex, rot13, zlib …
    except (LookupError, ValueError, TypeError):
        return None
    return None if found.name.replace("-", "_") in _NOT_CHARSETS else _ALIASES.get(found.name, found.name)


def decode(raw: bytes, label: str = "") -> tuple[str, str | None]:
    """The text of `raw`, and what was wrong with its label or None. Never raises, never drops a byte silently."""
    codec = codec_of(label) if label else ""
    if raw.isascii() and codec in ("", "cp1252", "utf-8", "iso8859-15"):
        return raw.decode("ascii"), None
    if codec is None or codec in _CARELESS:
        text = _strict(raw, "utf-8")
        if text is not None:
            honest = codec == "" or raw.isascii()
            return text, None if honest else f"charset {label!r} was UTF-8"
    if codec:
        text = _strict(raw, codec)
        if text is not None:
            return text, None
        text = _strict(raw, "utf-8")
        if text is not None:
            return text, f"charset {label!r} was UTF-8"
    return _guess(raw), f"charset guessed (label {label[:40]!r})"


def printable(text: str) -> str:
    """`text` with uniform newlines and without control characters and lone surrogates, which nobody may be sent."""
    return _NO_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _strict(raw: bytes, codec: str) -> str | None:
    if codec == "cp1252":
        return raw.decode("latin-1").translate(_WINDOWS_1252)
    try:
        text = raw.decode(codec)
    except (UnicodeError, ValueError):
        return None
    return text.removeprefix("\ufeff")


def _guess(raw: bytes) -> str:
    """windows-1252; but where a quarter of the bytes are no ASCII it is no Latin script, and statistics say which."""
    sample = raw[:SAMPLE]
    high = len(sample.translate(None, _ASCII))
    if len(sample) > 20 and high * 4 > len(sample):
        best = charset_normalizer.from_bytes(sample, cp_isolation=_OTHER_SCRIPTS).best()
        text = _strict(raw, best.encoding) if best is not None else None
        if text is not None:
            return text
    return raw.decode("latin-1").translate(_WINDOWS_1252)
