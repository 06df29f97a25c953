"""Rows as a file that French and English spreadsheets open as it is, and that runs nothing there. Pure.

CSV (RFC 4180) in UTF-8 with a byte order mark; ``;`` between cells in French, where the comma is in the numbers. A cell
that a spreadsheet would take for a formula, and that is no number, has an apostrophe before it (OWASP, CSV Injection).
"""

import csv
import re
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

from tchap_bridges.i18n import Language

Row = Sequence[str]

_FORMULA: Final = frozenset("=+-@＝＋－＠")
_SKIPPED: Final = "".join(map(chr, range(0x21))) + "\x7f\xa0\u200b\u200e\u200f\u202f\u2060\ufeff"
"""What shows nothing: some spreadsheets drop it before they look."""
_WITHIN: Final = re.compile(r"([,;\t]\s*)([=@＝＠]|[-+＋－](?![\s\d]))")
"""A spreadsheet of the other language parts cells there, in spite of the quotes around ours."""
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?")


def csv_of(rows: Iterable[Row], language: Language) -> bytes:
    """Any rows, the first of them their heads."""
    out = StringIO(newline="")
    csv.writer(out, delimiter=";" if language == "fr" else ",").writerows(map(_harmless, rows))
    return out.getvalue().encode("utf-8-sig")


def _harmless(row: Row) -> list[str]:
    return [
        f"'{cell}" if _starts(cell) and not _NUMBER.fullmatch(cell) else _WITHIN.sub(r"\1'\2", cell) for cell in row
    ]


def _starts(cell: str) -> bool:
    return cell.lstrip(_SKIPPED)[:1] in _FORMULA
