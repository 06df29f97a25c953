"""Header fields of a mail that leaves: folded, encoded, and impossible to break out of. Pure.

RFC 5322 section 2.2.3 (folding), RFC 2047 (encoded words), RFC 2231 (parameters). Written out by hand because the
standard library's generator encodes a long Message-ID as if it were text, which breaks the thread it names.
"""

import base64
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

_FOLD = 76
_WORD_BYTES = 45
"""UTF-8 bytes per encoded word: 60 characters of base64 and 12 of frame stay under 75 (RFC 2047 section 2). As many as
fit, for a name in one word is spared the space that some readers put between two."""
_SEGMENT = 60
_LONGEST_ATOM = 900
_ATTRIBUTE_CHARS = "!#$&+-.^_`|~"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._ +()=-]{1,60}")
_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,900}>")
"""Between its angle brackets an id is printable ASCII without space, ``<`` or ``>``."""


def clean(text: str, *, longest: int) -> str:
    """One line of visible text: control characters, line ends, bidi overrides and lone surrogates are gone."""
    kept = (" " if unicodedata.category(c) in {"Cc", "Zl", "Zp", "Zs"} else c for c in text)
    seen = "".join(c for c in kept if unicodedata.category(c) not in {"Cs", "Cn"} and c not in _BIDI)
    return " ".join(seen.split())[:longest].rstrip()


_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def field(name: str, atoms: Iterable[str]) -> bytes:
    """One header field, folded between atoms. The atoms are printable ASCII: checked, because all else hangs on it."""
    lines = [f"{name}:"]
    for atom in atoms:
        if not atom.isascii() or not atom.isprintable() or " " in atom:
            raise ValueError(f"{name}: not an atom of a header field")
        if len(lines[-1]) + 1 + len(atom) > _FOLD and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {atom}"
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


def text_atoms(text: str) -> list[str]:
    """Unstructured text as atoms: its words where they are plain ASCII, encoded words otherwise."""
    words = text.split()
    if text.isascii() and "=?" not in text and all(len(word) <= _LONGEST_ATOM for word in words):
        return words
    return encoded_words(text)


def phrase_atoms(text: str) -> list[str]:
    """A display name: a quoted string where it is plain ASCII, encoded words otherwise."""
    if not text.isascii() or "=?" in text:
        return encoded_words(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.split(" ")


def encoded_words(text: str) -> list[str]:
    """RFC 2047, base64: no character is split between two words."""
    words, held = [], b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(held) + len(octets) > _WORD_BYTES:
            words.append(held)
            held = b""
        held += octets
    if held:
        words.append(held)
    return [f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words]


def id_atoms(ids: Iterable[str]) -> list[str]:
    """Message-IDs in their brackets; what could not have been one is left out."""
    return [one for one in ids if _ID.fullmatch(one)]


def parameter_atoms(name: str, value: str) -> list[str]:
    """``; name=value`` as atoms, in RFC 2231 form (with continuations) where the value asks for it."""
    if _PLAIN_NAME.fullmatch(value):
        return f'{name}="{value}"'.split(" ")
    octets = quote(value.encode("utf-8", "replace"), safe=_ATTRIBUTE_CHARS)
    if len(octets) <= _SEGMENT:
        return [f"{name}*=utf-8''{octets}"]
    pieces, held = [], ""
    for piece in re.findall(r"%[0-9A-F]{2}|.", octets):
        if len(held) + len(piece) > _SEGMENT:
            pieces.append(held)
            held = ""
        held += piece
    pieces.append(held)
    last = len(pieces) - 1
    pieces[0] = f"utf-8''{pieces[0]}"
    return [f"{name}*{at}*={piece}" + (";" if at < last else "") for at, piece in enumerate(pieces)]
