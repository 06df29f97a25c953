"""Is this the head of an earlier mail, printed in the body? "De : … Envoyé : … À : … Objet : …", and so on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tchap_bridge_email import quote_words as words
from tchap_bridge_email.attribution import plain
from tchap_bridge_email.lines import Line

LONGEST = 14
"""Lines looked at: the fields, and values folded over several."""

_KINDS = {
    "from": words.FROM,
    "sent": words.SENT,
    "date": words.DATE,
    "to": words.TO,
    "copy": words.COPY,
    "subject": words.SUBJECT,
    "extra": words.EXTRA,
}
_KIND_OF = {label: kind for kind, labels in _KINDS.items() for label in labels}
_ANY = "|".join(re.escape(label) for label in sorted(_KIND_OF, key=len, reverse=True))
_FIELD = re.compile(rf"({_ANY}) ?[:：]")
_INSIDE = re.compile(rf"(?<=[\s>]) ?({_ANY}) ?[:：]")
_UNDATED = re.compile(r"message du \d")


@dataclass(slots=True)
class _Found:
    kinds: list[str]
    addressed: bool = False
    last: int = 0


def block_end(lines: Sequence[Line], start: int) -> int:
    """The line after the header block that starts at `start`, or 0 when none does there.

    A block needs a sender and one of: a subject, a field that says "sent", an address; or a date, a recipient and an
    address. So neither "Date : … Lieu : …" nor a journey ("De : Paris, À : Lyon") is one.
    """
    depth = lines[start].depth
    found = _Found([])
    loose = 0
    for position in range(start, min(len(lines), start + LONGEST)):
        line = lines[position]
        text = plain(line.text)
        if line.depth != depth:
            break
        if not text:
            if len(found.kinds) > 1 or position == start:
                break
            continue
        kinds = _fields(text)
        if not kinds:
            loose += 1
            if position == start or loose > 1 or len(text) > 300:
                break
            found.addressed = found.addressed or "@" in text
            continue
        if kinds[0] == "from" and "from" in found.kinds:
            break  # the head of another mail
        loose = 0
        found.kinds += [kind for kind in kinds if kind not in found.kinds]
        found.addressed = found.addressed or "@" in text
        found.last = position
    return found.last + 1 if _convincing(found) else 0


def _convincing(found: _Found) -> bool:
    kinds = set(found.kinds)
    if "from" in kinds and len(kinds - {"extra"}) >= 2:
        return bool(kinds & {"subject", "sent"}) or found.addressed
    return bool(kinds & {"date", "sent"}) and "to" in kinds and found.addressed


def _fields(text: str) -> list[str]:
    """The kinds of field on a line: none, one at its start, or several when a client flattened them."""
    first = _FIELD.match(text)
    if first is None:
        return ["sent"] if _UNDATED.match(text) else []
    kinds = [_KIND_OF[first[1]]]
    kinds += [_KIND_OF[label] for label in _long_labels(_INSIDE.findall(text, first.end()))]
    return kinds


def _long_labels(labels: Iterable[str]) -> list[str]:
    """Inside a line "a :" and "de :" are prose; from three letters on, a label is a label."""
    return [label for label in labels if len(label) > 2]
