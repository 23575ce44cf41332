"""cells: texts as cells of CSV (RFC 4180) that a spreadsheet takes for text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from sendgate.render.safe import safe

__all__ = ["cell", "row"]

# Where a formula begins: at the start, and behind what separates cells where a comma is the
# decimal sign. There a cell may be in quotes. The wide forms of the signs are signs, too.
_SIGN = r"=+\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(rf"^(?=[{_SIGN}\t\r])|(?<=;)(?=[\s\"]*[{_SIGN}])")


def cell(value: str) -> str:
    """Make a text safe; what a spreadsheet would take for a formula gets an apostrophe."""
    return _FORMULA.sub("'", safe(value, letters=True))


def row(values: Sequence[object]) -> str:
    """Write a row that ends with CR LF; None is an empty cell."""
    out = io.StringIO()
    cells = ["" if value is None else cell(str(value)) for value in values]
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
