"""What else to be called when a nick is taken or not allowed: the same names in the same order each time.

Deterministic, so that a session that is cut finds the nick of the one before again, and people know whom they see.
Sources: RFC 2812 sections 1.2.1 and 2.3.1.
"""

import hashlib
import re
from collections.abc import Iterator

_BAD = re.compile(r"[^A-Za-z0-9\[\]\\`_^{|}-]")
_NEVER = re.compile(r"[\x00-\x20\x7f,*?!@]|^[:$#&~%+]|[^\x00-\x7f]")
"""What no server at all takes. RFC 2812 forbids more, and servers differ in it: these are asked once."""
_SHORT = 9
"""Characters that every server takes (RFC 1459 section 1.2); what is longer may be refused without a reason."""


def sound(nick: str, length: int = 30) -> str:
    """The nick with what no server takes replaced by "_", and cut. Never empty."""
    clean = _BAD.sub("_", nick)[:length] or "_"
    return clean if not (clean[0].isdigit() or clean[0] == "-") else f"_{clean}"[:length]


def alternatives(nick: str, length: int = 30) -> Iterator[str]:
    """The nick itself, then others, each once, none longer than ``length`` characters: some twenty at most."""
    seen: set[str] = set()
    base = sound(nick, length)
    digest = hashlib.sha256(nick.encode(errors="replace")).hexdigest()
    tries = [nick] if len(nick) <= length and not _NEVER.search(nick) else []
    tries.append(base)
    widths = (length, min(length, _SHORT))  # by turns: whether it was too long or taken, the next but one may do
    tries += [f"{base[: width - len(tail)]}{tail}" for tail in ("_", "__", *"123456789") for width in widths]
    tries += [f"{base[: min(length, _SHORT) - 4]}{digest[start : start + 4]}" for start in (0, 4, 8)]
    for name in tries:
        if name and name not in seen:
            seen.add(name)
            yield name
