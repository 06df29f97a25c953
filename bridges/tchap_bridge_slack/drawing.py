"""Tables drawn in letters of one width. Pure."""

from collections.abc import Iterator
from unicodedata import east_asian_width


def drawn(rows: list[list[str]]) -> Iterator[str]:
    """Rows with their columns below one another, the head apart."""
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    columns = max(map(len, cells), default=0)
    widths = [max((_width(row[n]) for row in cells if n < len(row)), default=0) for n in range(columns)]
    for number, row in enumerate(cells):
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False))
        yield " | ".join(padded).rstrip()
        if not number and len(cells) > 1:
            yield "-+-".join("-" * width for width in widths)


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
