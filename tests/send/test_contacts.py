"""Lists of contacts: any dialect is read, a bad row is named, and memory has a bound."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.errors import SourceError
from sendgate.send.contacts import MARKETING_COLUMNS, Contact, Problem, open_contacts
from sendgate.send.lines import MAX_RECORD

HEADER = "email,first_name,consent_at,consent_source,consent_proof,direct"
ROW = "joe@example.net,Joe,2026-05-01,form,https://crm.example/1,yes"


def rows(
    folder: Path, content: str | bytes, name: str = "c.csv", required: tuple[str, ...] = ("email",)
) -> list[Contact | Problem]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, required)


def read(path: Path, required: tuple[str, ...] = ("email",)) -> list[Contact | Problem]:
    with open_contacts(path, required) as contacts:
        return list(contacts)


def only(folder: Path, content: str | bytes, name: str = "c.csv") -> Contact:
    (row,) = rows(folder, content, name)
    assert isinstance(row, Contact), str(row)
    return row


def problems(found: list[Contact | Problem]) -> list[str]:
    return [str(row) for row in found if isinstance(row, Problem)]


def emails(found: list[Contact | Problem]) -> list[str]:
    return [row.email for row in found if isinstance(row, Contact)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_every_dialect_reads_the_same(
    tmp_path: Path, delimiter: str, end: str, start: str, quoting: Literal[0, 1], quote: str
) -> None:
    """Delimiter, line end, quotes and byte order mark change nothing."""
    if quote == "'" and quoting == csv.QUOTE_MINIMAL:
        quote = '"'  # a header without quotes cannot tell of others
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=delimiter, lineterminator=end, quoting=quoting, quotechar=quote
    )
    name = f"Joé, “J.”;|\t{quote}x{quote} of\nBath"
    writer.writerow(HEADER.split(","))
    writer.writerow(["joe@example.net", name, "2026-05-01", "form", "x", "yes"])
    contact = only(tmp_path, start + out.getvalue())
    assert contact.email == "joe@example.net"
    assert contact.fields["first_name"] == name
    assert contact.direct is True


CELL = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20
) | st.sampled_from(["=1+1", "@SUM(A1)", "-1", "+1", "a\nb", "a\r\nb", '"', '""', "'", ";", " x "])


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], delimiter: str
) -> None:
    """Any text in a cell comes back as it was, each row with the line on which it starts."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["email", "a", "b"])
    starts = []
    for pair in cells:
        starts.append(_lines(out) + 1)
        writer.writerow(["x@example.com", *pair])
    found = rows(tmp_path_factory.mktemp("csv"), out.getvalue())
    assert problems(found) == []
    assert [
        (row.fields["a"], row.fields["b"]) for row in found if isinstance(row, Contact)
    ] == cells
    assert [row.line for row in found] == starts


def _lines(out: io.StringIO) -> int:
    """Lines so far, as a reader of any line end counts them."""
    return len(io.StringIO(out.getvalue(), newline="").readlines())


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b"]), CELL | st.integers() | st.none()), max_size=5
    )
)
def test_json_lines_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, object]]
) -> None:
    """Any JSON value is a field, escaped or not."""
    given_rows = [{"email": "x@example.com", **o} for o in objects]
    for ascii_only in (True, False):
        text = "".join(json.dumps(o, ensure_ascii=ascii_only) + "\n" for o in given_rows)
        found = rows(tmp_path_factory.mktemp("json"), text, "c.jsonl", required=())
        assert [row.fields for row in found if isinstance(row, Contact)] == given_rows


def test_a_spreadsheets_own_hint_is_followed(tmp_path: Path) -> None:
    """`sep=;` on the first line names the delimiter; a space may stand before a quote."""
    assert only(tmp_path, "sep=;\r\nemail;a\r\nx@example.com;1,2\r\n").fields["a"] == "1,2"
    assert only(tmp_path, '"email", "a"\n"x@example.com", "1,2"\n').fields["a"] == "1,2"


def test_formulas_are_data(tmp_path: Path) -> None:
    """A cell that a spreadsheet would run is kept as it is."""
    contact = only(tmp_path, "email,a\nx@example.com,\"=cmd|' /C calc'!A0\"\n")
    assert contact.fields["a"] == "=cmd|' /C calc'!A0"


def test_columns_are_known_in_any_case_and_named_for_templates(tmp_path: Path) -> None:
    """Known names in lower case; a blank or hyphen in another becomes an underscore."""
    path = tmp_path / "c.csv"
    path.write_text("Email,First Name,zip-code,,Consent At\nx@example.com,Joe,1,-,2026-01-01\n")
    with open_contacts(path) as contacts:
        assert contacts.columns == ("email", "First_Name", "zip_code", "consent_at")
        (row,) = contacts
    assert isinstance(row, Contact)
    assert row.fields == {
        "email": "x@example.com", "First_Name": "Joe", "zip_code": "1", "consent_at": "2026-01-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("email,name\nx@example.com,X\n",
         "no column consent_at, consent_source, consent_proof, direct"),
        ("mail,consent_at,consent_source,consent_proof,direct\n",
         "no column email; did you mean 'mail' for email?"),
        ("", "no header"),
        ("\n", "no header"),
        (HEADER + ",first_name\n", "two columns are named 'first_name'"),
        (",".join(f"c{i}" for i in range(1001)) + "\n", "more than 1000 columns"),
        ('"email\n', "header cannot be read"),
        ("\ufeffemail\n".encode("utf-16-le"), "UTF-16"),
        ("email" * 30_000, "more than 100000 characters"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    """Missing columns are named, with the nearest of those there are."""
    with pytest.raises(SourceError, match=said):
        rows(tmp_path, content, required=MARKETING_COLUMNS)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(SourceError, match=r"gone\.csv: the contacts cannot be read"):
        read(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,b,c", "line 3: has 3 fields; the header has 6"),
        (ROW + ",more", "line 3: has 7 fields; the header has 6"),
        (ROW.replace("Joe", '"Jo"e'), "line 3: a quote is out of place"),
        (ROW.replace("2026-05-01", "01.05.2026"), "line 3: consent_at: expected a date such as"),
        (ROW.replace("2026-05-01", "2026-02-30"), "line 3: consent_at: expected a date such as"),
        (ROW.replace("yes", "perhaps"), "line 3: direct: expected yes or no, got 'perhaps'"),
    ],
)
def test_a_bad_row_is_named_and_the_others_go_on(tmp_path: Path, row: str, said: str) -> None:
    """Its line, and what is wrong with it."""
    good = [ROW.replace("joe", name) for name in ("ann", "bob")]
    found = rows(tmp_path, "\n".join((HEADER, good[0], row, good[1])) + "\n")
    assert emails(found) == ["ann@example.net", "bob@example.net"]
    (problem,) = problems(found)
    assert problem.startswith(said)


def test_a_row_that_is_not_utf8_is_one_bad_row(tmp_path: Path) -> None:
    """A cell of Latin-1 spoils its own row alone."""
    content = f"{HEADER}\n{ROW}\n".encode() + ROW.replace("Joe", "José").encode("latin-1")
    found = rows(tmp_path, content + f"\n{ROW}\n".encode())
    assert problems(found) == ["line 3: is not UTF-8 text"]
    assert len(emails(found)) == 2


def test_empty_lines_and_delimiters_at_the_end_are_nothing(tmp_path: Path) -> None:
    """As spreadsheets leave them."""
    found = rows(tmp_path, f"{HEADER}\n\n{ROW},,\n\n\n{ROW}\n\n")
    assert problems(found) == []
    assert [row.line for row in found] == [3, 6]


def test_a_quote_that_is_never_closed_names_what_it_took(tmp_path: Path) -> None:
    """The rows it swallowed are reported, not lost."""
    found = rows(tmp_path, f'{HEADER}\n{ROW}\n"joe{ROW}\n{ROW}\n')
    assert emails(found) == ["joe@example.net"]
    assert problems(found) == [
        "line 3: a quote is opened here and never closed; lines 3 to 4 are not read"
    ]


HUGE = 1_000_000_000 if os.environ.get("SENDGATE_LONG") else 50_000_000


class _Huge(io.RawIOBase):
    """A field that is never in memory: what comes before it, octets without end, the rest."""

    def __init__(self, start: bytes, filler: bytes, end: bytes) -> None:
        self.pieces, self.filler, self.left = [start, end], filler, HUGE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        is_filler = len(self.pieces) == 1 and self.left > 0
        if not is_filler and not self.pieces:
            return 0
        source = self.filler if is_filler else self.pieces[0]
        count = min(len(view), len(source))
        view[:count] = source[:count]
        if is_filler:
            self.left -= count
        elif count < len(source):
            self.pieces[0] = source[count:]
        else:
            del self.pieces[0]
        return count


LINES = b"x" * 2000 + b"\nevil@example.com,1\n"  # as long as the field lasts, it is data


@pytest.mark.parametrize(
    ("start", "filler", "end", "number", "said"),
    [
        (b"x@example.com,1\ny@example.com,", b"x" * 8192, b"\nz@example.com,1\n", 3, "has more"),
        (b'x@example.com,1\ny@example.com,"', LINES, b'"\nz@example.com,1\n', 3, "has more"),
        (b'x@example.com,1\ny@example.com,"', LINES, b'""\nz@example.com,1\n', 3, "a quote is"),
        (b'{"email":"x@example.com"}\n{"a":"', b"x" * 8192, b'"}\n{"email":"z@example.com"}\n',
         2, "has more"),
    ],
    ids=["bare", "quoted", "never closed", "JSON"],
)  # fmt: skip
def test_a_huge_field_is_one_bad_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: bytes, filler: bytes, end: bytes,
    number: int, said: str,
) -> None:  # fmt: skip
    """Named by its line, in bounded memory; what it holds is no row, and the others go on.

    50 MB; a gigabyte with SENDGATE_LONG=1.
    """
    is_csv = not start.startswith(b"{")
    raw = io.BufferedReader(_Huge(b"email,a\n" + start if is_csv else start, filler, end))
    monkeypatch.setattr(Path, "open", lambda *_: raw)
    tracemalloc.start()
    try:
        found = read(tmp_path / ("c.csv" if is_csv else "c.jsonl"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (problem,) = problems(found)
    assert problem.startswith(f"line {number}: {said}")
    after = [] if said == "a quote is" else ["z@example.com"]
    assert emails(found) == ["x@example.com", *after]
    assert peak < 5_000_000


_CELLS = st.text(alphabet='ab,"\n\r x', max_size=30)


@given(
    st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"])
)
def test_after_a_long_record_the_next_one_is_read(
    table: list[tuple[str, str]], line_end: str
) -> None:
    """Whatever stands in a record that is too long, none of it is taken for another row."""
    records = []
    for pair in table:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerow(pair)
        records.append(text.getvalue())
    content = "email,a" + line_end + "".join(records)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr("sendgate.send.lines.MAX_RECORD", 40)
        path = Path(folder) / "c.csv"
        path.write_bytes(content.encode())
        found = read(path)
    fits = [len(record) <= 40 for record in records]
    assert [isinstance(row, Contact) for row in found] == fits
    expected = [pair[1] for pair, is_short in zip(table, fits, strict=True) if is_short]
    assert [row.fields["a"] for row in found if isinstance(row, Contact)] == expected


def test_a_long_list_is_read_in_constant_memory(tmp_path: Path) -> None:
    """Fifty thousand rows take no more than five thousand would."""
    path = tmp_path / "c.csv"
    path.write_text(f"{HEADER}\n" + f"{ROW}\n" * 50_000)
    tracemalloc.start()
    try:
        with open_contacts(path) as contacts:
            count = sum(isinstance(row, Contact) for row in contacts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 500_000


def test_a_record_just_below_the_bound_is_read(tmp_path: Path) -> None:
    """The bound is the record's, its delimiters and line end counted."""
    rest = MAX_RECORD - len("x@example.com,\n")
    content = "email,a\nx@example.com," + "y" * rest + "\n"
    assert len(str(only(tmp_path, content).fields["a"])) == rest
    (problem,) = problems(rows(tmp_path, content.replace("y\n", "yy\n")))
    assert problem.startswith(f"line 2: has more than {MAX_RECORD} characters")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("20260501", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T10:20:30Z", datetime(2026, 5, 1, 10, 20, 30, tzinfo=UTC)),
        ("2026-05-01t10:20:30z", datetime(2026, 5, 1, 10, 20, 30, tzinfo=UTC)),
        ("2026-05-01 10:20:30.5+02:00", datetime(2026, 5, 1, 8, 20, 30, 500000, tzinfo=UTC)),
        ("2026-05-01T10:20", datetime(2026, 5, 1, 10, 20, tzinfo=UTC)),
    ],
)
def test_dates_are_iso_8601_or_rfc_3339(tmp_path: Path, text: str, moment: datetime) -> None:
    """A date is its first moment; without an offset, a time is UTC."""
    assert only(tmp_path, f"email,opted_out_at\nx@example.com,{text}\n").opted_out_at == moment


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("YES", True), ("1", True), ("No", False), ("0", False), (" ", None)],
)
def test_booleans_are_words(tmp_path: Path, text: str, value: bool | None) -> None:
    """An empty cell is neither yes nor no."""
    assert only(tmp_path, f"email,direct\nx@example.com,{text}\n").direct is value


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"email": 3}', "email: expected a text, got '3'"),
        ('{"email": "x@example.com", "opted_out_at": 20260101}', "opted_out_at: expected a date"),
        ('{"email": "x@example.com", "email": "y@example.com"}', "stands twice"),
        ('{"email": "\\ud800"}', "half a character"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ('{"a": ' + "[" * 40_000 + "]" * 39_999 + "}", "is not JSON"),
        ('{"a": ' + "1" * 5000 + "}", "is not JSON"),
    ],
)
def test_a_bad_line_of_json_is_named_and_the_others_go_on(
    tmp_path: Path, line: str, said: str
) -> None:
    """Its line, and what is wrong with it."""
    good = '{"email": "ann@example.net", "direct": true, "list": [1, {"a": null}]}'
    found = rows(tmp_path, f"{good}\n{line}\n\n{good}\n", "c.jsonl")
    assert emails(found) == ["ann@example.net", "ann@example.net"]
    (problem,) = problems(found)
    assert problem.startswith("line 2: ")
    assert said in problem


def test_json_lines_are_told_by_their_first_character(tmp_path: Path) -> None:
    """Whatever the file is called; the columns are those of the first object."""
    path = tmp_path / "contacts.txt"
    path.write_text('{"email": "x@example.com", "direct": true}\n')
    with open_contacts(path) as contacts:
        assert contacts.columns == ("email", "direct")
    with pytest.raises(SourceError, match="no column consent_at"):
        read(path, MARKETING_COLUMNS)
    with pytest.raises(SourceError, match="first line is not a JSON object"):
        rows(tmp_path, "[]\n", "c.jsonl")
