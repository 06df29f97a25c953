"""Is a table in a mail data, to be kept, or layout, to be flattened? Most are layout."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

MAX_NODES = 3000
"""Looked at before giving up: a larger table is layout, or too wide for a chat anyway."""

_BORDER = re.compile(r"border[a-z-]*\s*:[^;]*\bsolid\b", re.IGNORECASE)


def is_data_table(table: LexborNode) -> bool:
    """Rows of several short cells, drawn or headed as a table, with no other table inside."""
    if (table.attributes.get("role") or "").lower() in ("presentation", "none"):
        return False
    rows: list[int] = []
    drawn = (table.attributes.get("border") or "0").strip() not in ("", "0") or _has_border(table)
    headed = False
    letters = 0
    for count, node in enumerate(_inside(table)):
        tag = node.tag or ""
        if count > MAX_NODES or tag == "table":
            return False
        if tag == "tr":
            rows.append(0)
        elif tag in ("td", "th"):
            rows = rows or [0]
            rows[-1] += 1
            headed = headed or tag == "th"
            drawn = drawn or _has_border(node)
        elif tag == "-text":
            letters += len((node.text_content or "").strip())
    cells = sum(rows)
    if len(rows) < 2 or max(rows, default=0) < 2 or letters > 200 * cells:
        return False
    regular = len({count for count in rows if count}) == 1
    return headed or drawn or (regular and len(rows) >= 3 and letters < 60 * cells)


def _has_border(node: LexborNode) -> bool:
    classes = node.attributes.get("class") or ""
    return "MsoTableGrid" in classes or bool(_BORDER.search(node.attributes.get("style") or ""))


def _inside(table: LexborNode) -> Iterator[LexborNode]:
    """The nodes below `table`, in document order."""
    stack = [table.first_child]
    while stack:
        node = stack.pop()
        if node is not None:
            yield node
            stack += [node.next, node.first_child]
