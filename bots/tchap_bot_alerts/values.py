"""What strangers' JSON holds, by way of functions that take anything. None of them raises, all they give is bounded."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tchap_bot_alerts.notice import Refused, Severity
from tchap_bridges.i18n import _

LARGEST: Final = 1 << 20
"""Bytes of a body that is read; JSON is read at one go, and holds the whole process meanwhile."""
LINE: Final = 200
BLOCK: Final = 2000
MOST: Final = 20
"""How much is shown: characters of a line and of a block, items of a list."""
LONGEST_URL: Final = 2000

Json = Mapping[str, Any]

_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_FRACTION: Final = re.compile(r"(\.[0-9]{1,6})[0-9]*")
_WORDS: Final = {
    Severity.CRITICAL: ("critical", "critique", "fatal", "page", "emergency", "alert", "disaster", "blocker"),
    Severity.ERROR: ("error", "erreur", "high", "major", "danger"),
    Severity.WARNING: ("warning", "warn", "avertissement", "average", "medium", "moderate", "minor"),
    Severity.INFO: ("info", "information", "informational", "notice", "low", "debug", "good", "ok"),
}
_SEVERITIES: Final = {word: severity for severity, words in _WORDS.items() for word in words}


def decoded(body: bytes) -> str | Refused:
    """The body as text: UTF-8, and not too large."""
    if len(body) > LARGEST:
        return Refused(_("Le corps fait {size} octets, {most} au plus.", size=len(body), most=LARGEST))
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Refused(_("Le corps n'est pas en UTF-8."))
    return text if text.strip() else Refused(_("Le corps est vide."))


def parsed(text: str) -> Any | Refused:
    """JSON (RFC 8259); what Python would also take (NaN, numbers of a million digits) is refused."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        return Refused(_("Le JSON est trop profond."))
    except ValueError:
        return Refused(_("Le corps n'est pas du JSON valide."))


def from_form(text: str) -> str:
    """The JSON in the field ``payload`` of a form, which GitHub, Slack and Mattermost can send; "" for none."""
    field = text.strip().removeprefix("payload=")
    if field.startswith('{"') and field.endswith("}"):
        # By hand nobody encodes it: curl -d 'payload={"text": "a & b"}', as Mattermost's guide has it.
        return field
    try:
        return parse_qs(text, max_num_fields=10, errors="replace").get("payload", [""])[0]
    except ValueError:
        return ""


def at(value: Any, *path: str) -> Any:
    """What lies at *path* of nested objects; None for nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def line(value: Any, *path: str, most: int = LINE) -> str:
    """A string or number as one line; "" for anything else."""
    return cut(" ".join(_string(at(value, *path), 4 * most).split()), most)


def block(value: Any, *path: str, most: int = BLOCK) -> str:
    """A string or number as lines; "" for anything else."""
    text = _string(at(value, *path), 4 * most).replace("\t", "    ")
    return cut("\n".join(one.rstrip() for one in text.strip().split("\n")), most)


def items(value: Any, *path: str) -> list[Json]:
    """The objects of a list; [] for anything else."""
    found = at(value, *path)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def strings(value: Any, *path: str) -> dict[str, str]:
    """The words and numbers of an object; {} for anything else."""
    found = at(value, *path)
    if not isinstance(found, Mapping):
        return {}
    told = ((line(str(key)[:LINE]), line(one)) for key, one in list(found.items())[: 2 * MOST])
    return {key: one for key, one in told if key and one}


def link(value: Any, *path: str) -> str:
    """An http(s) address; "" for anything else."""
    found = at(value, *path)
    if not isinstance(found, str) or len(found) > LONGEST_URL or not found.isprintable() or set(found) & set(' "<>\\'):
        return ""
    try:
        parts = urlsplit(found)
    except ValueError:
        return ""
    return found if parts.scheme in {"http", "https"} and parts.hostname and not parts.username else ""


def whole(value: Any, *path: str) -> int:
    """A number that counts something; 0 for anything else."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 10**9 else 0


def moment(value: Any, *path: str) -> datetime | None:
    """A time as ISO 8601, as GitLab writes it, or in seconds of Unix; None for anything else, and for Go's year 1."""
    found = at(value, *path)
    try:
        if isinstance(found, str):
            when = datetime.fromisoformat(_FRACTION.sub(r"\1", found[:40].replace(" UTC", "Z")))
        elif isinstance(found, int | float) and not isinstance(found, bool):
            when = datetime.fromtimestamp(found, UTC)
        else:
            return None
        when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        # Not at the ends of the calendar, where other zones have no date.
        return when.astimezone(UTC) if 1970 <= when.year < 9000 else None
    except (ValueError, OverflowError, OSError):
        return None


def severity(word: str) -> Severity:
    """How bad a word says it is."""
    return _SEVERITIES.get(word.lower().strip(), Severity.NONE)


def clean(text: str) -> str:
    """Without control characters but tab and newline, and without what turns the direction of writing."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def cut(text: str, most: int) -> str:
    """At most so many characters, the end marked, no accent parted from its letter."""
    if len(text) <= most:
        return text
    end = most - 1
    while end > most // 2 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def _string(value: Any, most: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else ""
    if isinstance(value, float):
        return f"{value:.12g}"
    # Cut first: ten megabytes are not cleaned to show a line.
    return clean(value[:most]) if isinstance(value, str) else ""


def _no_number(constant: str) -> None:
    raise ValueError(constant)
