"""What an answering machine wrote, as one line with the rest folded behind it. Pure.

In French like the other words that are put around a mail: it is read once, and for whoever comes to see it.
"""

import re
from html import escape

from tchap_bridge_email import fields
from tchap_bridge_email.html import from_text
from tchap_bridges.events import Text

LONGEST = 200
"""Characters of its first sentence that are shown."""

_SHORTEST = 12
_AWAY = re.compile(
    r"\babsente?s?\b|\bmon absence\b|\b(?:message|avis|p[ée]riode) d.absence\b|\babsence du bureau\b|\ben cong[ée]s?\b"
    r"|\ben vacances\b|\bausente\b|\bassente\b|\bout of (?:the )?office\b|\bvacation\b|\bon holidays?\b"
    r"|\bon (?:\w+ )?leave\b|\bam away\b|\babwesen|\burlaub\b",
    re.IGNORECASE,
)
_HELLO = r"(?:bonjour|bonsoir|salut|madame|monsieur|mesdames|messieurs|ch[eè]re?s?|hello|hi|dear|hallo|guten tag)\b"
_GREETING = re.compile(
    rf"(?:{_HELLO}[^.?,!:]{{0,40}}[,!:]\s*){{0,2}}(?:{_HELLO}(?: [^\s.?,!:]{{1,40}}){{0,2}})?", re.IGNORECASE
)
_END = re.compile(r"[.!?…]+(?=\s|\Z)")
_ABBREVIATED = re.compile(r"(?:\b(?:[A-Z]|Mme|Mlle|Mr|Mrs|Dr|Me|Pr|St|tél|ext|av|bd|n|p|ex|env|etc))\.\Z")


def notice(name: str, subject: str, text: Text, *, answers: bool) -> Text:
    """``text`` is what it wrote, ``answers`` whether it is seen to what. They are away only where the mail says so."""
    said = _first_sentence(text.plain)
    away = _AWAY.search(subject) or _AWAY.search(text.plain[:2000])
    line = f"{name} est absent" if away else f"Réponse automatique de {name}"
    line = f"{line} : {said}" if said else f"{line}."
    title = "" if answers else fields.clean(subject, longest=LONGEST)
    rest = fields.clean(text.plain, longest=len(text.plain)).replace(said, "", 1)
    if not title and _GREETING.fullmatch(rest.strip()):
        return Text(plain=line)
    head = f"<strong>{escape(title, quote=False)}</strong><br>" if title else ""
    folded = head + (text.html or from_text(text.plain))
    return Text(plain=line, html=f"<details><summary>{escape(line, quote=False)}</summary>{folded}</details>")


def _first_sentence(plain: str) -> str:
    """On one line, after the greeting; cut after a word where it is long."""
    blocks = [block for block in re.split(r"\n\s*\n", plain[:20_000].strip()) if block.strip()]
    for block in blocks:
        lines = block.strip().split("\n")
        lines = lines[1:] if _GREETING.fullmatch(lines[0].strip()) else lines
        flat = fields.clean(" ".join(lines), longest=5 * LONGEST)
        if flat:
            return _cut(flat)
    return _cut(fields.clean(plain, longest=5 * LONGEST))


def _cut(flat: str) -> str:
    for end in _END.finditer(flat[: LONGEST + 1]):
        if _SHORTEST <= end.end() <= LONGEST and not _ABBREVIATED.search(flat[: end.end()]):
            return flat[: end.end()]
    if len(flat) <= LONGEST:
        return flat
    head = flat[:LONGEST]
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:") + " …"
