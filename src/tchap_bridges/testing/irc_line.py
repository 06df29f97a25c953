"""One line of IRC as a test reads it, and how to write its tags.

Written from the Modern IRC specification and IRCv3's message-tags alone, apart from the bridge's own reading, so that
one can be held against the other.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

# IRCv3 message-tags, "Escaping values".
_ESCAPES = {";": r"\:", " ": r"\s", "\\": r"\\", "\r": r"\r", "\n": r"\n"}
_UNESCAPES = {escape[1]: character for character, escape in _ESCAPES.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What a server sent, up to its line end.

    Octets that are no UTF-8 are kept as lone surrogates: `text.encode(errors="surrogateescape")` gives them back.
    """

    raw: bytes
    at: float  # time.time() when it came
    tags: Mapping[str, str]
    source: str  # nick!user@host, a server's name, or ""
    command: str  # in capitals, or three digits
    params: tuple[str, ...]

    @classmethod
    def read(cls, raw: bytes) -> Self:
        rest = raw.decode(errors="surrogateescape")
        tags: dict[str, str] = {}
        source = ""
        if rest.startswith("@"):
            written, _, rest = rest[1:].partition(" ")
            for tag in filter(None, written.split(";")):
                name, _, value = tag.partition("=")
                tags[name] = re.sub(r"\\(.?)", lambda found: _UNESCAPES.get(found[1], found[1]), value)
        rest = rest.lstrip(" ")
        if rest.startswith(":"):
            source, _, rest = rest[1:].partition(" ")
        head, colon, trailing = rest.lstrip(" ").partition(" :")
        command, *params = [word for word in head.split(" ") if word] or [""]
        if colon:
            params.append(trailing)
        return cls(raw=raw, at=time.time(), tags=tags, source=source, command=command.upper(), params=tuple(params))

    @property
    def nick(self) -> str:
        """Of whom it comes from; for a server its name."""
        return self.source.partition("!")[0]

    @property
    def text(self) -> str:
        """The last parameter, as it is: an action still has its \\x01ACTION."""
        return self.params[-1] if self.params else ""

    @property
    def target(self) -> str:
        """The first parameter: a channel or a nick; "" without."""
        return self.params[0] if self.params else ""

    def says(self, text: str, *, to: str | None = None, by: str | None = None) -> bool:
        """Whether it is a PRIVMSG with exactly this text."""
        return self.command == "PRIVMSG" and self.text == text and to in {None, self.target} and by in {None, self.nick}

    def __str__(self) -> str:
        return self.raw.decode(errors="backslashreplace")


def write_tags(tags: Mapping[str, str] | None) -> str:
    """`@a=1;b ` with its space, or "" without tags."""
    if not tags:
        return ""
    escape = str.maketrans(_ESCAPES)
    return "@" + ";".join(f"{name}={value.translate(escape)}" if value else name for name, value in tags.items()) + " "
