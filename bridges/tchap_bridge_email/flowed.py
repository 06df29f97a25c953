"""format=flowed, undone: paragraphs wrapped for transport become one line again (RFC 3676)."""

from __future__ import annotations


def unflow(text: str, *, delsp: bool = False) -> str:
    """`text` (newlines `\\n`) with its soft line breaks removed; quote depth is kept as `>` marks and one space.

    A line ending in a space flows into the next one of the same quote depth, the signature separator `-- ` excepted.
    With `delsp` (DelSp=yes, RFC 3676 4.1) that space is a mark of the break and goes too. One leading space is
    stuffing (4.4) and goes.
    """
    out: list[str] = []
    paragraph: list[str] = []
    open_depth = -1  # of the paragraph being gathered; -1 when none is

    def close() -> None:
        nonlocal open_depth
        if open_depth >= 0:
            out.append(_quoted(open_depth, "".join(paragraph)))
            paragraph.clear()
            open_depth = -1

    for raw in text.split("\n"):
        content = raw.lstrip(">")
        depth = len(raw) - len(content)
        content = content.removeprefix(" ")
        if open_depth not in (-1, depth) or content.rstrip() == "--":
            close()
        soft = content.endswith(" ") and content != "-- "
        paragraph.append(content[:-1] if soft and delsp else content)
        open_depth = depth
        if not soft:
            close()
    close()
    return "\n".join(out)


def _quoted(depth: int, content: str) -> str:
    return f"{'>' * depth} {content}" if depth and content else ">" * depth + content
