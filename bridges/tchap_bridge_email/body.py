"""A mail's body: which of its parts are read and which are files, and the text they give, with its quotes and without.

Pure. Several parts are one body: both forms of an alternative, HTML around pictures, text around what a list appends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from tchap_bridge_email import html, mime
from tchap_bridge_email.charsets import decode, printable
from tchap_bridge_email.flowed import unflow
from tchap_bridge_email.html_walk import Token, Walk, walk
from tchap_bridge_email.lines import Line, join, read_lines
from tchap_bridge_email.mime import Entity
from tchap_bridge_email.quotes import extract

MAX_BODY = 2_000_000
"""Bytes of one body part that are read as text; what is longer is cut there, and attached whole."""

_ENRICHED = re.compile(r"<[^<>]{0,60}>")


@dataclass(slots=True)
class Body:
    """One piece of the body in reading order; in both forms where the sender gave both."""

    plain: list[Entity] = field(default_factory=list)
    rich: list[Entity] = field(default_factory=list)


@dataclass(slots=True)
class Contents:
    """All leaves of a mail, sorted by what becomes of them."""

    bodies: list[Body] = field(default_factory=list)
    files: list[tuple[Entity, bool]] = field(default_factory=list)
    """Leaves shown as files, and whether they stand inside multipart/related."""
    calendars: list[Entity] = field(default_factory=list)

    def take(self, other: Contents) -> None:
        self.files += other.files
        self.calendars += other.calendars


@dataclass(frozen=True, slots=True)
class Piece:
    """A body, decoded: its plain text, the lines quotes are looked for in, and its walk when those lines are HTML's."""

    text: str = field(repr=False)
    lines: list[Line]
    walk: Walk | None


# Which part is what


def gather(node: Entity, *, related: bool) -> Contents:
    """Sort the leaves under `node`; recursion is bounded by `mime.MAX_DEPTH`."""
    contents = Contents()
    kind = node.content.value
    if not node.children:
        _sort_leaf(node, contents, related=related)
    elif kind == "multipart/alternative":
        _choose(node, contents)
    else:
        for position, child in enumerate(node.children):
            inside = gather(child, related=related or (kind == "multipart/related" and position > 0))
            contents.bodies += inside.bodies
            contents.take(inside)
    return contents


def _choose(node: Entity, contents: Contents) -> None:
    """multipart/alternative (RFC 2046 5.1.4): the first plain form and the last HTML form are one body."""
    body = Body()
    for child in node.children:
        inside = gather(child, related=False)
        contents.take(inside)
        rich = [leaf for one in inside.bodies for leaf in one.rich]
        plain = [leaf for one in inside.bodies for leaf in one.plain]
        if rich:
            body.rich = rich if len(rich) > len(body.rich) or not plain else body.rich
        if plain and not body.plain:
            body.plain = plain
        elif plain and not rich:
            contents.files += [(leaf, False) for leaf in plain]  # another version: kept, not shown
    if body.plain or body.rich:
        contents.bodies.append(body)


def _sort_leaf(leaf: Entity, contents: Contents, *, related: bool) -> None:
    kind = leaf.content.value
    named = bool(leaf.disposition.params.get("filename") or leaf.content.params.get("name"))
    attached = leaf.disposition.value.startswith("attachment") or (named and (leaf.depth > 0 or kind != "text/plain"))
    if kind == "text/calendar":
        contents.calendars.append(leaf)
    if kind == "text/html" and not attached and not (related and leaf.first("content-id")):
        contents.bodies.append(Body(rich=[leaf]))
        return
    if kind in ("text/plain", "text/enriched", "text/richtext") and not attached:
        contents.bodies.append(Body(plain=[leaf]))
        if kind == "text/plain":
            return
    contents.files.append((leaf, related))


# Reading the body


def read_body(body: Body, problems: list[str]) -> Piece:
    plain = "\n".join(filter(None, (_plain_text(leaf, problems) for leaf in body.plain)))
    walked = [walk(_decoded(leaf, problems)) for leaf in body.rich]
    if len(walked) == 1 and _says_enough(walked[0], plain):
        return Piece(plain if plain.strip() else join(walked[0].lines), walked[0].lines, walked[0])
    if walked and not plain.strip():
        merged = _merged(walked)
        return Piece(join(merged.lines), merged.lines, merged)
    return Piece(plain, read_lines(plain) if plain else [], None)


def _merged(walks: list[Walk]) -> Walk:
    """Several HTML parts in a row, as Apple Mail writes around pictures, as one."""
    lines: list[Line] = []
    tokens: list[Token] = []
    for one in walks:
        offset = len(lines)
        tokens += [replace(token, line=token.line + offset) for token in one.tokens]
        lines += one.lines
    return Walk(lines, tokens, sum(one.remote_images for one in walks))


def _says_enough(walked: Walk, plain: str) -> bool:
    """HTML is preferred, unless it is a stub beside a real plain text."""
    rich = sum(len(line.text) for line in walked.lines)
    return rich > 0 and rich * 4 >= len(plain.strip())


def _decoded(leaf: Entity, problems: list[str]) -> str:
    data, problem = mime.content_of(leaf)
    if len(data) > MAX_BODY:
        problems.append("body cut: it is attached whole")
    text, guess = decode(data[:MAX_BODY], leaf.content.params.get("charset", "") or _meta_charset(leaf, data))
    problems += [found for found in (problem, guess) if found]
    return printable(text)


def _meta_charset(leaf: Entity, data: bytes) -> str:
    """What HTML says of itself when MIME says nothing."""
    if leaf.content.value != "text/html":
        return ""
    match = re.search(rb"charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{1,40})", data[:2048], re.IGNORECASE)
    return match[1].decode("ascii") if match else ""


def _plain_text(leaf: Entity, problems: list[str]) -> str:
    text = _decoded(leaf, problems)
    if leaf.content.value != "text/plain":
        return _ENRICHED.sub("", text).strip("\n")
    if leaf.content.params.get("format", "").lower() == "flowed":
        text = unflow(text, delsp=leaf.content.params.get("delsp", "").lower() == "yes")
    return text.strip("\n")


def read_text(pieces: list[Piece], *, forward: bool) -> tuple[str, str, tuple[str, ...], str | None, str | None]:
    """(text, reply, removed, html, reply_html) of the whole body: quotes are looked for across its pieces."""
    lines: list[Line] = []
    offsets: list[int] = []
    for piece in pieces:
        if lines:
            lines.append(Line("", ""))
        offsets.append(len(lines))
        lines += piece.lines
    found = extract(lines, forward=forward)
    text = "\n\n".join(piece.text.strip("\n") for piece in pieces if piece.text.strip())
    if not any(piece.walk for piece in pieces):
        return text, found.reply, found.removed, None, None
    whole: list[str] = []
    reply: list[str] = []
    for piece, offset in zip(pieces, offsets, strict=True):
        if piece.walk:
            whole.append(html.write(piece.walk))
            kept_lines = {index for index in range(len(piece.lines)) if index + offset in found.kept}
            reply.append(html.write(piece.walk, kept_lines))
        else:
            whole.append(html.from_text(piece.text))
            kept = join(line for index, line in enumerate(piece.lines) if index + offset in found.kept)
            reply.append(html.from_text(kept))
    return text, found.reply, found.removed, _joined_html(whole), _joined_html(reply)


def _joined_html(parts: list[str]) -> str:
    return "<br>\n".join(part for part in parts if part)
