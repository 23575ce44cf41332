"""Texts as cells of CSV: no spreadsheet takes one for a formula, wherever it cuts."""

from __future__ import annotations

import csv
import io

import pytest

from sendgate.render.cells import cell, row

FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize("first", FORMULA)
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(first: str) -> None:
    """Also by the wide forms of the signs, which a spreadsheet takes for the narrow ones."""
    assert cell(f"{first}1") == f"'{first}1"
    assert cell(f"a{first}1") == f"a{first}1"


def cut_by_semicolon(line: str) -> list[str]:
    """A row as a spreadsheet reads it whose system lists by semicolon."""
    (cells,) = csv.reader(io.StringIO(line, newline=""), delimiter=";")
    return cells


@pytest.mark.parametrize(
    "text",
    [
        "550 no;=HYPERLINK(1)",
        "550 no; =1+1",
        '550 no;"=1+1"',
        '550 no;""=1+1',
        ";;=1+1;x;@SUM(1)",
        "no, never;=1+1",
        "a;-1",
        "a;\uff1d1",
    ],
)
def test_no_cell_is_a_formula_where_a_semicolon_separates(text: str) -> None:
    """Whoever opens it with the other separator sees text, too; and nothing else is changed."""
    line = row(["joe@example.net", text, "next"])
    for piece in cut_by_semicolon(line):
        assert not piece.lstrip(' "').startswith(tuple(FORMULA)), piece
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    assert cells[1].replace("'", "") == text


def test_what_is_no_formula_stays_as_it_is() -> None:
    """A semicolon alone is text."""
    text = "550 5.1.1 unknown; see a=b; or x-y; 1=1"
    assert cell(text) == text
