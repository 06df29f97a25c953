"""Header fields, read leniently: encoded words, parameters, addresses, Message-IDs, dates.

Every function takes what real mail holds and answers with the best reading; none raises. Time is linear in the input:
each one scans once, and no pattern nests a quantifier.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from tchap_bridge_email.charsets import decode, printable
from tchap_bridge_email.message import Address

MAX_REFERENCES = 100
MAX_ADDRESSES = 10_000

_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_MSG_ID = re.compile(r"<([^<>]{1,998})>")
_ATOM = re.compile(r"[^\s<>\[\](),;:\"\\@]+")
_PLAIN_LOCAL = re.compile(r'"([A-Za-z0-9!#$%&\'*+/=?^_`{|}~.-]+)"@')


# Text


def text_of(raw: bytes) -> str:
    """An unstructured field as one line of text: unfolded, encoded words decoded (RFC 2047), 8-bit bytes understood."""
    value, _ = decode(raw)
    return one_line(decode_words(value))


def one_line(text: str) -> str:
    """White space runs become one space; control characters go."""
    return _SPACES.sub(" ", printable(_SPACES.sub(" ", text))).strip(" ")


def decode_words(text: str) -> str:
    """RFC 2047 as written in the wild: words inside quotes, spaces inside words, characters split over two words."""
    if "=?" not in text:
        return text
    out: list[str] = []
    pending: list[tuple[str, bytes]] = []  # adjacent words of one charset: their bytes belong together
    end = 0

    def flush() -> None:
        for charset, data in pending:
            out.append(decode(data, charset.partition("*")[0])[0])
        pending.clear()

    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        if between.strip(" \t\r\n") or not pending:
            flush()
            out.append(between)
        charset, encoding, payload = match[1].lower(), match[2].lower(), match[3]
        data = _from_b(payload) if encoding == "b" else _from_q(payload)
        if pending and pending[-1][0] == charset:
            pending[-1] = (charset, pending[-1][1] + data)
        else:
            pending.append((charset, data))
        end = match.end()
    flush()
    out.append(text[end:])
    return "".join(out)


def _from_b(payload: str) -> bytes:
    clean = re.sub(r"[^A-Za-z0-9+/]", "", payload)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return base64.b64decode(clean + "=" * (-len(clean) % 4))


def _from_q(payload: str) -> bytes:
    return binascii.a2b_qp(payload.encode("utf-8", "replace"), header=True)


# Parameters


@dataclass(frozen=True, slots=True)
class Structured:
    """A Content-Type or Content-Disposition: its value in lower case, and its parameters, decoded."""

    value: str
    params: dict[str, str]


def structured(raw: bytes) -> Structured:
    """`value; name=value; …` with RFC 2231 continuations and charsets, and RFC 2047 where it does not belong but is."""
    text, _ = decode(raw)
    first, *rest = _split(text, ";")
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for item in rest:
        name, equals, value = item.partition("=")
        if equals:
            base, index, extended = _param_name(name.strip().lower())
            pieces.setdefault(base, []).append((index, extended, _unquote(value.strip())))
    value = _SPACES.sub("", _strip_comments(first)).lower()
    return Structured(value, {name: _join_param(found) for name, found in pieces.items()})


def _param_name(name: str) -> tuple[str, int, bool]:
    """`title*1*` → ("title", 1, True): base name, section (-1 when there is none), percent-encoded (RFC 2231 4.1)."""
    extended = name.endswith("*")
    base, star, section = name.rstrip("*").partition("*")
    index = int(section) if star and section.isascii() and section.isdigit() and len(section) < 4 else -1
    return base, index, extended


def _join_param(found: list[tuple[int, bool, str]]) -> str:
    whole = [piece for piece in found if piece[0] < 0]
    if whole:  # `name*=` is preferred to `name=` (RFC 6266 4.3 says what mail readers do)
        _, extended, value = max(whole, key=lambda piece: piece[1])
        return one_line(_percent(value) if extended else decode_words(value))
    ordered = sorted(found, key=lambda piece: piece[0])
    charset = ""
    data = b""
    for position, (_, extended, value) in enumerate(ordered):
        payload = value
        if extended and position == 0 and value.count("'") >= 2:
            charset, _, payload = value.split("'", 2)
        data += unquote_to_bytes(payload) if extended else payload.encode("utf-8", "replace")
    return one_line(decode_words(decode(data, charset)[0]))


def _percent(value: str) -> str:
    charset, quote, rest = value.partition("'")
    payload = rest.partition("'")[2] if quote and "'" in rest else value
    return decode(unquote_to_bytes(payload), charset if payload is not value else "")[0]


def _split(text: str, separator: str) -> list[str]:
    """Split outside quoted strings."""
    items: list[str] = []
    start, quoted, skip = 0, False, False
    for position, char in enumerate(text):
        if skip:
            skip = False
        elif quoted and char == "\\":
            skip = True
        elif char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            items.append(text[start:position])
            start = position + 1
    items.append(text[start:])
    return items


def _unquote(value: str) -> str:
    if value.startswith('"'):
        closing = value.rfind('"')
        inner = value[1:closing] if closing > 0 else value[1:]
        return re.sub(r"\\([\"\\])", r"\1", inner)
    return value


def _strip_comments(text: str) -> str:
    if "(" not in text:
        return text
    return "".join(piece for kind, piece in _pieces(text) if kind != "comment")


# Addresses


def addresses(raw: bytes) -> tuple[Address, ...]:
    """The mailboxes of an address field (RFC 5322 3.4), groups opened; what holds no address is left out."""
    text, _ = decode(raw)
    found: list[Address] = []
    for pieces in _mailboxes(_SPACES.sub(" ", text)):
        one = _mailbox(pieces)
        if one is not None:
            found.append(one)
            if len(found) >= MAX_ADDRESSES:
                break
    return tuple(found)


def domain_lowered(address: str) -> str:
    """`Jean@Exemple.FR` → `Jean@exemple.fr`."""
    local, at, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}" if at else address


def _mailboxes(text: str) -> Iterator[list[tuple[str, str]]]:
    """Token runs between commas and semicolons; a group's name and colon are dropped."""
    run: list[tuple[str, str]] = []
    for kind, piece in _pieces(text):
        if kind == "mark" and piece in ",;":
            yield run
            run = []
        elif kind == "mark" and piece == ":" and not any(seen == "angle" for seen, _ in run):
            run = []
        else:
            run.append((kind, piece))
    yield run


def _mailbox(pieces: list[tuple[str, str]]) -> Address | None:
    angle = next((piece for kind, piece in reversed(pieces) if kind == "angle"), None)
    words = [(kind, piece) for kind, piece in pieces if kind in ("quoted", "text")]
    comment = " ".join(piece for kind, piece in pieces if kind == "comment")
    if angle is not None:
        address = _SPACES.sub("", angle.rpartition(":")[2] if angle.startswith("@") else angle)
        address = address.removeprefix("mailto:")
        name = _phrase(words) or comment
    else:
        bare = "".join(f'"{piece}"' if kind == "quoted" else piece for kind, piece in words)
        local, at, rest = bare.partition("@")
        if not at:
            return None
        address = f"{(local.split() or [''])[-1]}@{(rest.split() or [''])[0]}"
        name = comment
    address = domain_lowered(one_line(_PLAIN_LOCAL.sub(r"\1@", address)).strip("'\""))
    if "@" not in address or address.startswith("@") or address.endswith("@"):
        return None
    return Address(name=one_line(decode_words(name)).strip("'\" "), address=address)


def _phrase(words: Iterable[tuple[str, str]]) -> str:
    """Decoded only once it is in one piece: an encoded word may be split by anything a client thought harmless."""
    return " ".join(piece.strip() for _, piece in words if piece.strip())


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """quoted, angle, comment (each without its delimiters), mark (one of , ; :) and text, in order.

    An unclosed delimiter reaches to the end for a comment or a quoted string, and stands for itself otherwise.
    """
    position, size, plain = 0, len(text), 0
    while position < size:
        char = text[position]
        if char in '"(<,;:':
            if plain < position:
                yield "text", text[plain:position]
            if char in ",;:":
                yield "mark", char
                position += 1
            elif char == "<":
                closing = text.find(">", position)
                closing = size if closing < 0 else closing
                yield "angle", text[position + 1 : closing].strip()
                position = closing + 1
            else:
                piece, position = _delimited(text, position)
                yield ("quoted" if char == '"' else "comment"), piece
            plain = position
        else:
            position += 1
    if plain < size:
        yield "text", text[plain:]


def _delimited(text: str, start: int) -> tuple[str, int]:
    """The content of the quoted string or (nested) comment that opens at `start`, and the position after it."""
    quoted = text[start] == '"'
    out: list[str] = []
    depth, position = 1, start + 1
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\" and position < len(text):
            out.append(text[position])
            position += 1
            continue
        if quoted and char == '"':
            break
        if not quoted:
            depth += (char == "(") - (char == ")")
            if depth == 0:
                break
        out.append(char)
    return "".join(out), position


# Identities and dates


def message_ids(raw: bytes) -> tuple[str, ...]:
    """The Message-IDs of a field, `<…>` each, normalised: no white space, and no quotes a local part does not need.

    Comments and phrases between them are skipped (RFC 5322 4.5.4); a lone `id@host` without brackets is accepted, for
    those exist. Of more than 100 the first and the latest 99 are kept (RFC 5322 leaves the bound to us).
    """
    text, _ = decode(raw)
    found = [_normal_id(inner) for inner in _MSG_ID.findall(text)]
    if not found:
        found = [
            _normal_id(word) for word in text.replace(",", " ").split() if 2 < len(word) < 998 and "@" in word[1:-1]
        ]
    found = [one for one in found if len(one) > 2]
    return tuple(found if len(found) <= MAX_REFERENCES else [found[0], *found[-(MAX_REFERENCES - 1) :]])


def normal_id(value: str) -> str | None:
    """One Message-ID, normalised; None when `value` holds none."""
    found = message_ids(value.encode("utf-8", "replace"))
    return found[0] if found else None


def _normal_id(token: str) -> str:
    bare = printable(_SPACES.sub("", token)).strip("<>")
    return f"<{_PLAIN_LOCAL.sub(chr(92) + '1@', bare, count=1)}>"


def date_of(raw: bytes) -> datetime | None:
    """RFC 5322 3.3 with its obsolete forms; always aware (no zone means UTC); None when no date can be read."""
    text = one_line(_strip_comments(decode(raw)[0]))[:200]
    try:
        found = parsedate_to_datetime(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        found.astimezone(UTC)  # an offset may lead out of the calendar
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found


def folded_atom(text: str) -> str:
    """The first word of a field whose value is a keyword (Auto-Submitted, Precedence), in lower case."""
    match = _ATOM.search(text)
    return match[0].lower() if match else ""
