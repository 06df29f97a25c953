"""A line of IRC: bytes to values and back. Pure, and safe in both directions.

In: `parse` raises nothing, whatever the bytes; what is no line is a `Nonsense`, which says why and repeats nothing of
it. Out: `encode` makes exactly one line or raises `Unsendable`; there is no input that yields a second one, a line that
is too long, or bytes that are not UTF-8 (CVE-2022-29166, CVE-2023-38690, CVE-2024-52505, CVE-2025-27146).

Sources: RFC 1459 section 2.3, modern.ircdocs.horse "Message Format", IRCv3 Message Tags.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LINE_BYTES = 512
"""The longest line without its tags, CRLF included (RFC 1459 section 2.3)."""
TAG_BYTES = 8191
"""The longest tags that a server sends, from "@" to the space after them (IRCv3 Message Tags, "Size limit")."""
OWN_TAG_BYTES = 4096
"""The longest tags that a client may send, counted likewise."""

_ESCAPES = {";": "\\:", " ": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n"}
_ESCAPED = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_FORBIDDEN = frozenset("\r\n\0")
_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./+")

_TEXT_AT = {
    "PRIVMSG": 1,
    "NOTICE": 1,
    "TOPIC": 1,
    "PART": 1,
    "KICK": 2,
    "JOIN": 2,
    "REDACT": 2,
    "RENAME": 2,
    "KILL": 1,
    "FAIL": 2,
    "WARN": 2,
    "NOTE": 2,
    "QUIT": 0,
    "AWAY": 0,
    "SETNAME": 0,
    "ERROR": 0,
    "WALLOPS": 0,
}
"""From which place on the last parameter of a command is words for people, and no name."""
_LISTS_OF_NAMES = frozenset({"319", "324", "353"})


class Unsendable(ValueError):
    """What was to be sent is no single line. The message says why in English, and nothing of what it was."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who a line is from: ``nick!user@host``, a server's name (in ``nick`` alone), or parts of it (RFC 2812 2.3.1)."""

    nick: str
    user: str = ""
    host: str = ""

    @classmethod
    def parse(cls, text: str) -> "Source":
        """Any text is a source; a part that is not there is ''."""
        rest, at, host = text.partition("@")
        nick, _bang, user = rest.partition("!")
        return cls(nick, user, host if at else "")

    def __str__(self) -> str:
        return self.nick + (f"!{self.user}" if self.user else "") + (f"@{self.host}" if self.host else "")


NOBODY = Source("")
"""The source of a line that names none: the server itself, when it came from there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message. ``command`` is in capitals or three digits; a tag without a value has the value ''."""

    command: str
    params: tuple[str, ...] = ()
    source: Source = NOBODY
    tags: Mapping[str, str] = field(default_factory=dict)

    def param(self, index: int, default: str = "") -> str:
        """A parameter, or ``default`` where the line has not so many. Negative indices count from the end."""
        return self.params[index] if -len(self.params) <= index < len(self.params) else default


@dataclass(frozen=True, slots=True)
class Nonsense:
    """Bytes that are no line: ``reason`` in English for a log, ``size`` in bytes. None of them is repeated."""

    reason: str
    size: int


def parse(data: bytes) -> Line | Nonsense:
    """The line in these bytes, its CRLF there or not. Never raises.

    Names that are not UTF-8 get U+FFFD for each bad byte, which no valid name has: read as Latin-1 they would be
    equal to other people's names (the lesson of CVE-2022-39203). Words for people are read as Windows-1252 then.
    """
    body = data.rstrip(b"\r\n")
    if any(byte in body for byte in (b"\r", b"\n", b"\0")):
        return Nonsense("a control character that no line has", len(data))
    tags: dict[str, str] = {}
    if body.startswith(b"@"):
        head, _space, body = body[1:].partition(b" ")
        tags = _tags(head)
        body = body.lstrip(b" ")
    source = NOBODY
    if body.startswith(b":"):
        head, _space, body = body[1:].partition(b" ")
        source = Source.parse(_name(head))
    words, colon, last = _halves(body.lstrip(b" "))
    command, *params = words or [b""]
    if not (command.isalnum() and command.isascii()):
        return Nonsense("no command", len(data))
    if colon:
        params.append(last)
    verb = command.decode().upper()
    return Line(verb, tuple(_params(verb, params)), source, tags)


def _halves(body: bytes) -> tuple[list[bytes], bool, bytes]:
    """Words, and what follows " :" (whether it is there, and what it is)."""
    head, colon, last = body.partition(b" :")
    return [word for word in head.split(b" ") if word], bool(colon), last


def _params(verb: str, params: list[bytes]) -> Iterator[str]:
    last = len(params) - 1
    text_at = _TEXT_AT.get(verb, last + 1)
    if verb.isdigit() and verb not in _LISTS_OF_NAMES and params and b" " in params[last]:
        text_at = 1  # a numeric's words have a space, which no name has
    for index, param in enumerate(params):
        yield _text(param) if index == last and index >= text_at else _name(param)


def _name(data: bytes) -> str:
    return data.decode(errors="replace")


def _text(data: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _tags(data: bytes) -> dict[str, str]:
    tags = {}
    for item in data.split(b";"):
        key, _equals, value = item.partition(b"=")
        if key:
            try:
                tags[_name(key)] = unescape(value.decode())
            except UnicodeDecodeError:
                tags[_name(key)] = ""  # a replacement could make two ids equal: the specification says drop
    return tags


def unescape(value: str) -> str:
    r"""A tag's value as it was meant; an escape that does not exist loses its backslash (Message Tags, "Escaping")."""
    if "\\" not in value:
        return value
    out, escaped = [], False
    for char in value:
        if escaped:
            out.append(_ESCAPED.get(char, char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            out.append(char)
    return "".join(out)


def escape(value: str) -> str:
    """A tag's value as it travels. Raises nothing; a NUL, which has no escape, is left to `encode` to refuse."""
    return "".join(_ESCAPES.get(char, char) for char in value)


def clean(text: str) -> str:
    """Words fit for one line: CR, LF and NUL become spaces, what is no character becomes U+FFFD.

    For a topic, a reason, a real name. A message is many lines: `splitting` does it.
    """
    single = text.replace("\r\n", " ").translate({0: " ", 10: " ", 13: " "})
    return single.encode(errors="surrogatepass").decode(errors="replace") if _broken(single) else single


def _broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def cut(text: str, limit: int) -> str:
    """The beginning of a text, at most ``limit`` bytes of UTF-8 and no half character."""
    data = text.encode(errors="replace")
    return text if len(data) <= limit else data[:limit].decode(errors="ignore")


def encode(line: Line, *, limit: int = LINE_BYTES) -> bytes:
    """The bytes of a line with its CRLF. ``limit``: bytes without tags, more where the server says LINELEN.

    Raises `Unsendable` for anything that would not arrive as just this line: CR, LF, NUL, an empty or spaced parameter
    before the last, half a character, too many bytes. Nothing is cut or cleaned in silence: `clean`, `cut` and
    `splitting` are for that, and whoever calls them knows what is lost.
    """
    parts = []
    if line.source != NOBODY:
        parts.append(f":{_checked(str(line.source), 'source')}")
    if not (line.command.isascii() and line.command.isalnum()):
        raise Unsendable("a command that is no word")
    parts.append(line.command)
    *middle, last = line.params or ("",)
    parts.extend(_checked(param, "parameter") for param in middle)
    if line.params:
        if not _FORBIDDEN.isdisjoint(last):
            raise Unsendable("CR, LF or NUL in the last parameter")
        parts.append(f":{last}" if not last or " " in last or last.startswith(":") else last)
    body = _utf8(" ".join(parts)) + b"\r\n"
    if len(body) > limit:
        raise Unsendable(f"{len(body)} bytes where {limit} is the limit")
    return _encode_tags(line.tags) + body


def _encode_tags(tags: Mapping[str, str]) -> bytes:
    if not tags:
        return b""
    items = []
    for key, value in tags.items():
        if not key or not _KEY.issuperset(key):
            raise Unsendable("a tag's key with a character that is none of a key")
        if "\0" in value:
            raise Unsendable("NUL in a tag")
        items.append(f"{key}={escape(value)}" if value else key)
    data = b"@" + _utf8(";".join(items)) + b" "
    if len(data) > OWN_TAG_BYTES:
        raise Unsendable(f"{len(data)} bytes of tags where {OWN_TAG_BYTES} is the limit")
    return data


def _checked(word: str, what: str) -> str:
    if not word or word.startswith(":") or " " in word or not _FORBIDDEN.isdisjoint(word):
        raise Unsendable(f"a {what} that is empty, begins with a colon, or has a space, CR, LF or NUL")
    return word


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unsendable("half a character") from None


class Lines:
    """Cuts what arrives into lines. Keeps at most ``limit`` bytes of one that does not end; it becomes `Nonsense`."""

    def __init__(self, limit: int = TAG_BYTES + LINE_BYTES) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Line | Nonsense]:
        """The lines that these bytes complete. Empty ones are passed over (RFC 1459 section 2.3.1)."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._keep(end)
            line, size = bytes(self._rest), self._size
            self._rest.clear()
            self._size = 0
            if size > self._limit:
                yield Nonsense("a line that is too long", size)
            elif line.strip(b"\r"):
                yield parse(line)
        self._keep(rest)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        self._rest += data[: max(0, self._limit - len(self._rest))]
