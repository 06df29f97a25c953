"""The tree of a mail's parts, as spans of its bytes.

Why not the standard library's parser: it tests every line against every enclosing boundary, bounds neither depth nor
header size, and cannot give back the bytes of an attached mail. This one searches for one boundary per level, at most
`MAX_DEPTH` levels, and every part is a slice. What RFC 2045 and 2046 call an error is named in `problems` and read on.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from tchap_bridge_email.headers import Structured, structured

MAX_DEPTH = 20
MAX_PARTS = 1000
MAX_HEADER_BYTES = 256 * 1024

_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,200})[ \t]*:")
_KNOWN_FIELD = re.compile(
    rb"(?:from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|received|return-path|reply-to|sender|x-[a-z-]+):",
    re.IGNORECASE,
)
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\Z")
_DELIMITER = re.compile(rb"^--([^\s-][^\r\n]{0,70}?)[ \t]*\r?$", re.MULTILINE)
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]*={0,2}[ \t]*\Z")


@dataclass(slots=True, kw_only=True)
class Entity:
    """A node of the tree: header fields, and either children or a body. Built by `read`, then left alone."""

    source: bytes = field(repr=False)
    start: int
    body: int
    """Where the body begins; the header block is `source[start:body]`."""
    end: int
    depth: int
    headers: list[tuple[str, bytes]] = field(repr=False)
    """Names in lower case; values unfolded only by whoever reads them."""
    content: Structured
    disposition: Structured
    children: list[Entity] = field(default_factory=list)
    index: int = -1
    """Position among the leaves in document order; -1 for a node with children."""

    def first(self, name: str) -> bytes | None:
        """The value of the first field of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    @property
    def raw_body(self) -> bytes:
        return self.source[self.body : self.end]

    def leaves(self) -> Iterator[Entity]:
        """In document order, without entering attached mails."""
        stack = [self]
        while stack:
            node = stack.pop()
            if node.children:
                stack.extend(reversed(node.children))
            else:
                yield node


def read(raw: bytes) -> tuple[Entity, list[str]]:
    """The tree of `raw` and what was wrong with it. Never raises; the root may be a single empty leaf."""
    problems: list[str] = []
    source = raw
    if b"\n" not in raw and b"\r" in raw:
        source = raw.replace(b"\r", b"\n")
        problems.append("lines end in bare CR")
    start = 0
    while source.startswith((b"\r\n", b"\n"), start):  # mail that was cut out of a mailbox begins with blank lines
        start = source.index(b"\n", start) + 1
    if source.startswith((b"From ", b">From "), start):
        start = source.find(b"\n", start) + 1 or len(source)
    root = _entity(source, start, len(source), 0, "text/plain", problems)
    stack, parts = [root], 1
    while stack:
        node = stack.pop()
        if not node.content.value.startswith("multipart/"):
            continue
        if node.depth >= MAX_DEPTH or parts >= MAX_PARTS:
            problems.append("parts nested too deep" if node.depth >= MAX_DEPTH else "too many parts")
            node.content = Structured("application/octet-stream", {})
            continue
        default = "message/rfc822" if node.content.value == "multipart/digest" else "text/plain"
        for begin, end in _split(node, problems):
            if parts >= MAX_PARTS:
                problems.append("too many parts")
                break
            parts += 1
            node.children.append(_entity(source, begin, end, node.depth + 1, default, problems))
        if not node.children:
            problems.append("multipart without parts")
            node.content = Structured("text/plain", {})
        stack.extend(node.children)
    for index, leaf in enumerate(root.leaves()):
        leaf.index = index
    return root, problems


def _entity(source: bytes, start: int, end: int, depth: int, default: str, problems: list[str]) -> Entity:
    headers, body = _headers(source, start, end, problems)
    content = _first_structured(headers, "content-type")
    if not _TYPE.match(content.value):
        if content.value:
            problems.append("unreadable Content-Type")
        content = Structured(_mended(content.value) or default, content.params)
    return Entity(
        source=source,
        start=start,
        body=body,
        end=end,
        depth=depth,
        headers=headers,
        content=content,
        disposition=_first_structured(headers, "content-disposition"),
    )


def _mended(value: str) -> str:
    """`text` and `multipart` alone are what some clients write (RFC 2045 5.2 would have it plain text)."""
    return {"text": "text/plain", "html": "text/html", "multipart": "multipart/mixed"}.get(value.rstrip("/"), "")


def _first_structured(headers: list[tuple[str, bytes]], name: str) -> Structured:
    return next((structured(value) for key, value in headers if key == name), Structured("", {}))


def _headers(source: bytes, start: int, end: int, problems: list[str]) -> tuple[list[tuple[str, bytes]], int]:
    """The fields of the block at `start`, still folded, and where the body begins."""
    fields: list[tuple[str, list[bytes]]] = []
    position, body, kept = start, end, 0
    while position < end:
        newline = source.find(b"\n", position, end)
        after = end if newline < 0 else newline + 1
        line = source[position:after].rstrip(b"\r\n")
        if not line:
            body = after
            break
        kept += after - position
        match = _FIELD.match(line)
        if kept > MAX_HEADER_BYTES:
            if "header block too large" not in problems:
                problems.append("header block too large")
        elif line[:1] in b" \t" and fields:
            fields[-1][1].append(line)
        elif match:
            fields.append((match[1].decode("ascii").lower(), [line[match.end() :].strip()]))
        elif _KNOWN_FIELD.match(source, after):
            problems.append("line without a field name in the header")
        else:
            problems.append("no blank line after the header")
            body = position
            break
        position = after
    return [(name, b"\n".join(lines)) for name, lines in fields], body


def _split(node: Entity, problems: list[str]) -> list[tuple[int, int]]:
    """The spans of a multipart's parts (RFC 2046 5.1), preamble and epilogue left out."""
    source, body, end = node.source, node.body, node.end
    boundary = node.content.params.get("boundary", "").encode("utf-8", "replace")
    spans = _between(source, body, end, boundary, problems) if boundary else []
    if not spans:
        guessed = _guess_boundary(source, body, end)
        if guessed and guessed != boundary:
            problems.append("boundary missing or wrong")
            spans = _between(source, body, end, guessed, problems)
    return spans


def _between(source: bytes, body: int, end: int, boundary: bytes, problems: list[str]) -> list[tuple[int, int]]:
    delimiter = b"--" + boundary
    spans: list[tuple[int, int]] = []
    begin = -1
    position = body
    while (found := source.find(delimiter, position, end)) >= 0:
        position = found + len(delimiter)
        newline = source.find(b"\n", position, end)
        line_end = end if newline < 0 else newline
        rest = source[position : min(line_end, position + 100)].strip()
        at_line_start = found == body or source[found - 1 : found] == b"\n"
        if not at_line_start or rest not in (b"", b"--"):
            continue
        if begin >= 0:
            spans.append((begin, max(begin, _before_newline(source, found))))
        begin = min(line_end + 1, end)
        position = line_end
        if rest == b"--":
            return spans
    if begin >= 0:
        problems.append("multipart not closed")
        if begin < end:
            spans.append((begin, end))
    return spans


def _before_newline(source: bytes, position: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    if source[position - 1 : position] == b"\n":
        position -= 1
        if source[position - 1 : position] == b"\r":
            position -= 1
    return position


def _guess_boundary(source: bytes, body: int, end: int) -> bytes:
    """The first line that looks like a delimiter and comes back: the boundary of a multipart that does not name it."""
    head = source[body : min(end, body + 65_536)]
    for match in islice(_DELIMITER.finditer(head), 20):
        candidate = match[1]
        if source.find(b"\n--" + candidate, body + match.end(), end) >= 0:
            return candidate
    return b""


# Transfer decoding


def content_of(entity: Entity) -> tuple[bytes, str | None]:
    """The body with its transfer encoding undone (RFC 2045 6), and what was wrong with it or None. Never raises."""
    raw = entity.raw_body
    encoding = structured(entity.first("content-transfer-encoding") or b"").value
    match encoding:
        case "" | "7bit" | "8bit" | "binary" | "7-bit" | "8-bit" | "none" | "7bits" | "8bits":
            return raw, None
        case "base64" | "b":
            return _base64(raw)
        case "quoted-printable" | "q" | "qp":
            return binascii.a2b_qp(raw), None
        case "x-uuencode" | "x-uue" | "uuencode" | "uue":
            return _uuencoded(raw)
        case _:
            return raw, "unknown transfer encoding"


def _base64(raw: bytes) -> tuple[bytes, str | None]:
    """Lenient: stray characters are skipped and padding is mended; a footer that something appended is left out."""
    try:
        return binascii.a2b_base64(raw.translate(None, b"\r\n \t"), strict_mode=True), None
    except binascii.Error:
        problem = None  # something is wrong, not yet known what: read it line by line
    lines = raw.split(b"\n")
    for number, raw_line in enumerate(lines):
        line = raw_line.strip()
        if _BASE64_LINE.match(line):
            if not line.endswith(b"="):
                continue
            following = number + 1
        else:
            problem = "stray characters in base64"
            if not number or (b" " not in line and b"--" not in line):
                continue
            following = number
        if any(rest.strip() for rest in lines[following:]):
            problem = "text after the end of base64"
        del lines[following:]
        break
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", b"".join(lines))
    if len(clean) % 4 == 1:
        clean, problem = clean[:-1], "base64 cut short"
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4)), problem


def _uuencoded(raw: bytes) -> tuple[bytes, str | None]:
    out: list[bytes] = []
    inside, problem = False, None
    for line in raw.splitlines():
        if not inside:
            inside = line.startswith(b"begin ")
        elif line.rstrip() in (b"end", b"`"):
            break
        elif line:
            try:
                out.append(binascii.a2b_uu(line))
            except binascii.Error:
                expected = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:  # some encoders leave trailing garbage on the line
                    out.append(binascii.a2b_uu(line[:expected]))
                except binascii.Error:
                    problem = "broken uuencoding"
    return (b"".join(out), problem) if inside else (raw, "uuencoding without a begin line")
