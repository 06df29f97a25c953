"""Only what the author newly wrote: a body without quotes, earlier mails, signature and the list's footer.

A line scanner. One pass names each line (`_Kind`), from the top, by the hints of the client's markup, then by the words
clients use, then by `>`. A second look decides about quoted passages by where the author's own words stand:

- nothing of the author's after a quote: it goes;
- one quote between an attribution and the answer below it: it goes;
- the author answers between quotes, or quotes a passage without attribution: the quotes stay, they carry the meaning;
- a forward stays whole, from its mark to the end;
- if nothing would be left, or the author says "in red below", everything stays.

Each line is looked at a bounded number of times, so the time is linear in the size of the body.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import groupby

from tchap_bridge_email import quote_words as words
from tchap_bridge_email.attribution import MOST_LINES, is_attribution, may_start, plain
from tchap_bridge_email.header_block import block_end
from tchap_bridge_email.lines import Hint, Line, join, read_lines

WRAPPED_AT = 60
"""A quoted line at least this long may have lost its end to the next line, unmarked, when a gateway wrapped it."""
SHORT = 300
"""Characters; a longer text says enough by itself, whatever else was written into the quote."""
LONGEST_SIGNATURE = 25
"""Lines; what follows a `--` and is longer was meant to be read."""


class _Kind(Enum):
    OWN = auto()
    QUOTE = auto()
    ATTRIBUTION = auto()
    EARLIER = auto()
    """The earlier mail, unmarked: everything from its head to the end."""
    SIGNATURE = auto()
    FORWARD = auto()


@dataclass(frozen=True, slots=True)
class Extract:
    """What is left of a body and what was taken out, in order, block by block."""

    reply: str = field(repr=False)
    removed: tuple[str, ...] = field(repr=False)
    kept: frozenset[int]
    """Indexes of the lines that make the reply."""


def extract(lines: Sequence[Line], *, forward: bool = False) -> Extract:
    """Find the author's words. `forward`: the subject says it is one, so that an earlier mail in it is its point."""
    kinds = _name_lines(lines, forward=forward)
    _mend_wrapped(lines, kinds)
    _sign(lines, kinds)
    kept = _kept(lines, kinds)
    reply = join(lines[index] for index in sorted(kept))
    if not reply or (len(reply) <= SHORT and _ANSWERED_INSIDE.search(reply)):
        return Extract(join(lines), (), frozenset(range(len(lines))))
    return Extract(reply, _removed(lines, kept), kept)


def extract_text(text: str, *, forward: bool = False) -> Extract:
    """`extract` for a plain text body."""
    return extract(read_lines(text), forward=forward)


# Naming lines


def _name_lines(lines: Sequence[Line], *, forward: bool) -> list[_Kind]:
    kinds = [_Kind.OWN] * len(lines)
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.depth:
            kinds[index] = _Kind.QUOTE
            index += 1
            continue
        if line.blank and line.hint is not Hint.CUT:
            index += 1
            continue
        if line.hint is Hint.SIGNATURE:
            kinds[index] = _Kind.SIGNATURE
            index += 1
            continue
        if _is_forward(line):
            _fill(kinds, index, len(lines), _Kind.FORWARD)
            break
        end = _introduction_end(lines, index)
        if not end:
            index += 1
            continue
        start = _with_rules(lines, index)
        if forward and not any(kind is _Kind.ATTRIBUTION for kind in kinds):
            _fill(kinds, start, len(lines), _Kind.FORWARD)
            break
        quote_end = _marked_quote_end(lines, end)
        if not quote_end:
            _fill(kinds, start, len(lines), _Kind.EARLIER)
            break
        _fill(kinds, start, end, _Kind.ATTRIBUTION)
        _fill(kinds, end, quote_end, _Kind.QUOTE)
        index = quote_end
    return kinds


def _fill(kinds: list[_Kind], start: int, end: int, kind: _Kind) -> None:
    kinds[start:end] = [kind] * (end - start)


def _introduction_end(lines: Sequence[Line], index: int) -> int:
    """The line after what introduces a quote at `index` (a separator, a head, an attribution), or 0."""
    line = lines[index]
    if line.hint is Hint.CUT or _is_separator(line):
        after = _next_text(lines, index + 1) if line.blank or _is_separator(line) else index
        return (block_end(lines, after) if after < len(lines) else 0) or index + 1
    if line.hint is Hint.ATTRIBUTION:
        end = index
        while end < len(lines) and lines[end].hint is Hint.ATTRIBUTION:
            end += 1
        return end
    return block_end(lines, index) or _attribution_end(lines, index)


def _attribution_end(lines: Sequence[Line], index: int) -> int:
    joined = ""
    for count in range(MOST_LINES):
        position = index + count
        if position >= len(lines) or lines[position].blank:
            break
        torn = lines[position].depth == 1 and joined.count("<") > joined.count(
            ">"
        )  # "… <jean@exemple.fr" and ">:" below
        if lines[position].depth and not torn:
            break
        if count == 1 and not may_start(lines[index].text):
            break
        if count and may_start(lines[position].text) and is_attribution(lines[position].text):
            break  # the attribution is that line alone
        joined = f"{joined} {lines[position].shown.strip()}"
        follows = _next_text(lines, position + 1)
        before_quote = follows < len(lines) and (lines[follows].depth > 0 or lines[follows].soft)
        if is_attribution(joined, before_quote=before_quote):
            return position + 1
    return 0


def _next_text(lines: Sequence[Line], index: int) -> int:
    """The next line that is not blank, a few lines on at most."""
    end = min(len(lines), index + 6)
    while index < end and lines[index].blank:
        index += 1
    return index


def _marked_quote_end(lines: Sequence[Line], index: int) -> int:
    """The end of the bare blockquote that follows an introduction, or where `>` lines begin; 0 before neither."""
    start = _next_text(lines, index)
    if start >= len(lines):
        return index
    if lines[start].depth:
        return start
    if not lines[start].soft:
        return 0
    while start < len(lines) and (lines[start].soft or lines[start].depth):
        start += 1
    return start


def _with_rules(lines: Sequence[Line], index: int) -> int:
    """Where an introduction begins once the rule and the blank lines above it are counted in."""
    start = index
    while (
        start > 0
        and not lines[start - 1].depth
        and (lines[start - 1].blank or _RULE.match(lines[start - 1].text.strip()))
    ):
        start -= 1
    return start


def _is_separator(line: Line) -> bool:
    found = _DASHED.match(plain(line.text)[:200])
    return found is not None and found[1].strip(" :") in _EARLIER


def _is_forward(line: Line) -> bool:
    text = plain(line.text)[:200]
    found = _DASHED.match(text)
    if found:
        return found[1].startswith(words.FORWARDED)
    return text.startswith(words.FORWARDED) and text.endswith((":", "："))


_EARLIER = frozenset(words.EARLIER)
_ANSWERED_INSIDE = re.compile(
    r"\b(?:en (?:rouge|bleu|vert|violet|orange|gras|couleurs?)|in (?:red|blue|green|bold)|in (?:rot|blau|grün)"
    r"|dans le (?:corps|fil) d[eu]|au fil du texte)\b",
    re.IGNORECASE,
)
_DASHED = re.compile(r"\A[-=_]{2,}\s*(\S.{1,80}?)\s*[-=_]{2,}\Z")
_RULE = re.compile(r"(?:[-_=*#~\u2013\u2014\u2500]{3,}|__)\Z")


# Second look


def _mend_wrapped(lines: Sequence[Line], kinds: list[_Kind]) -> None:
    """The unmarked end of a quoted line that something on the way wrapped, right between two quoted lines."""
    for index in range(1, len(lines) - 1):
        if kinds[index] is not _Kind.OWN or lines[index].blank:
            continue
        if kinds[index - 1] is not _Kind.QUOTE or not lines[index + 1].depth:
            continue
        above, text = lines[index - 1].text.rstrip(), lines[index].text
        continues = not text.lstrip()[:1].isupper()
        cut = len(above) >= WRAPPED_AT or (bool(above) and above[-1] not in ".?!:;,")
        if (continues and cut) or (text[:1].isspace() and text.rstrip().endswith(">")):
            kinds[index] = _Kind.QUOTE


def _sign(lines: Sequence[Line], kinds: list[_Kind]) -> None:
    """Name signatures, a telephone's line and the list's footer within each run of the author's lines."""
    start = 0
    marked = _Kind.QUOTE in kinds
    for kind, group in groupby(list(kinds)):
        end = start + len(list(group))
        if kind is _Kind.OWN:
            for index in range(start, end):
                if lines[index].blank:
                    continue
                reach = _signature_end(lines, index, start, end, last=end == len(lines) and not marked)
                if reach:
                    _fill(kinds, index, reach, _Kind.SIGNATURE)
                    break
        start = end


def _signature_end(lines: Sequence[Line], index: int, start: int, end: int, *, last: bool) -> int:
    """The end of the signature that begins at `index` in the run `start:end`, or 0."""
    text = lines[index].text.strip(" \u00a0\t*_")
    raw = lines[index].text.strip()
    if text == "--" or raw in ("--", "- --"):
        return end if end - index <= LONGEST_SIGNATURE else 0
    if _RULE.match(raw) and (len(raw) >= 10 or raw[0] == "_") and _is_footer(lines, index + 1, end):
        return end
    alone_above = index == start or lines[index - 1].blank
    alone_below = index + 1 == end or lines[index + 1].blank
    if alone_above and alone_below and _is_device(text):
        # A telephone puts the earlier mail below its line, often without any mark.
        return end if last else index + 1
    return 0


def _is_device(text: str) -> bool:
    line = plain(text)
    if len(line) > 120:
        return False
    bare = re.sub(r"\s*[<(\[]?https?://\S*", "", line).strip(" .<>()[]")
    if len(bare) > 60 or "," in bare or not bare:
        return False
    return bare.startswith(words.DEVICE_STARTS) or (len(bare) < 40 and bare.endswith(words.DEVICE_ENDS))


def _is_footer(lines: Sequence[Line], start: int, end: int) -> bool:
    """A list's footer: short, to the end, and it names the list or the way out of it."""
    if end - start > LONGEST_SIGNATURE:
        return False
    text = " ".join(plain(line.text) for line in lines[start:end])
    return any(word in text for word in words.FOOTER) and ("@" in text or "://" in text)


# Keeping


def _kept(lines: Sequence[Line], kinds: Sequence[_Kind]) -> frozenset[int]:
    own = [index for index, kind in enumerate(kinds) if kind in (_Kind.OWN, _Kind.FORWARD) and not lines[index].blank]
    if not own:
        return frozenset()
    first, last = own[0], own[-1]
    runs = _quote_runs(lines, kinds)
    answered = [run for run in runs if run[0] < last]
    keep_quotes = len(answered) > 1 or any(not run[2] and run[0] > first for run in answered)
    kept = {index for index in range(first, last + 1) if kinds[index] in (_Kind.OWN, _Kind.FORWARD)}
    if keep_quotes:
        for start, end, _ in answered:
            kept.update(range(start, end))
            if start < first:
                kept.update(range(start, first))
    return frozenset(kept)


def _quote_runs(lines: Sequence[Line], kinds: Sequence[_Kind]) -> list[tuple[int, int, bool]]:
    """(start, end, whether an attribution opens it) of each quoted passage; blank lines do not divide one."""
    runs: list[tuple[int, int, bool]] = []
    open_run: list[int] = []
    attributed = False

    def close() -> None:
        if open_run:
            runs.append((open_run[0], open_run[-1] + 1, attributed))
            open_run.clear()

    for index, kind in enumerate(kinds):
        if kind in (_Kind.QUOTE, _Kind.ATTRIBUTION):
            if not open_run:
                attributed = kind is _Kind.ATTRIBUTION
            open_run.append(index)
        elif not lines[index].blank:
            close()
    close()
    return [run for run in runs if any(kinds[index] is _Kind.QUOTE for index in range(run[0], run[1]))]


def _removed(lines: Sequence[Line], kept: frozenset[int]) -> tuple[str, ...]:
    """What was taken out, divided where the author's own words stand between."""
    out: list[str] = []
    gathered: list[Line] = []

    def close() -> None:
        if any(not line.blank for line in gathered):
            out.append(join(gathered))
        gathered.clear()

    for index, line in enumerate(lines):
        if index not in kept:
            gathered.append(line)
        elif not line.blank:
            close()
    close()
    return tuple(out)
