"""cells: texts as cells of CSV (RFC 4180) that a spreadsheet takes for text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from sendgate.render.safe import safe

__all__ = ["cell", "row"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: str) -> str:
    """Make a text safe; one that a spreadsheet would take for a formula gets an apostrophe."""
    shown = safe(value, letters=True)
    return "'" + shown if shown.startswith(_FORMULA) else shown


def row(values: Sequence[object]) -> str:
    """Write a row that ends with CR LF; None is an empty cell."""
    out = io.StringIO()
    cells = ["" if value is None else cell(str(value)) for value in values]
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
