"""Speaking under somebody's own name where the server lets a relay do so (draft/relaymsg, overdrivenetworks.com). Pure.

A name is made of letters that every server takes, and ends with where its owner is: "Jeanne_Martin/tchap". No person
can be called so, for the separator is in no nick. Source: the draft "relaymsg" (github.com/jlu5/ircv3-specifications),
as Ergo has it.
"""

import re
import unicodedata

CAPS = ("draft/relaymsg", "overdrivenetworks.com/relaymsg")
"""Under which names the ability is offered; its value is the characters that may part name and place."""
_LONGEST = 30
_BAD = re.compile(r"[^A-Za-z0-9\[\]\\`_^{|}-]+")
_PLAIN = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"})


def separator(value: str) -> str:
    """What parts name and place; "/" where the server does not say."""
    return next((char for char in value if char.isprintable() and char not in " ,*?!@:#&"), "/")


def nick(name: str, network: str, *, by: str = "/", longest: int = _LONGEST) -> str | None:
    """The nick of somebody of a network; None for a name of which nothing is left in these letters."""
    tail = f"{by}{_letters(network).lower()[:12] or 'pont'}"
    head = _letters(name)[: longest - len(tail)].strip("_-")
    if not head:
        return None
    return f"{'_' if head[0].isdigit() else ''}{head}"[: longest - len(tail)] + tail


def _letters(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    bare = "".join(char for char in bare if not unicodedata.combining(char))
    return _BAD.sub("_", bare).strip("_")
