"""Contacts: CSV of any dialect, or JSON Lines, read one row at a time.

    file ─► open_contacts ─► ContactFile(columns, rows) ─► Contact | Problem, row by row

No row is skipped silently, and none is guessed at: a bad one is a `Problem` with its line,
and the others go on. What would make the whole file mean something else (no header, a
missing column) refuses it. A cell is data, whatever it looks like.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sendgate.errors import SourceError
from sendgate.files import why
from sendgate.names import printable
from sendgate.send.lines import MAX_RECORD, CsvRecord, Lines, TooLongError
from sendgate.spelling import nearest

__all__ = ["MARKETING_COLUMNS", "Contact", "ContactFile", "Problem", "open_contacts"]

MARKETING_COLUMNS = ("email", "consent_at", "consent_source", "consent_proof", "direct")
_TIMES = ("consent_at", "last_mailed_at", "last_engaged_at", "opted_out_at", "spam_reported_at")
_KNOWN = {*MARKETING_COLUMNS, *_TIMES}

DELIMITERS = ",;\t|"
MAX_COLUMNS = 1000
_TRUE = {"true", "yes", "y", "1", "t"}
_FALSE = {"false", "no", "n", "0", "f"}
_TOO_LONG = f"more than {MAX_RECORD} characters; is a quote left open, or a line end missing?"
_BOMS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True, slots=True)
class Contact:
    """One row. `line` is where it starts, 1-based; times are aware, in UTC.

    `fields` holds every cell by its column as it was written, for the templates; the
    other attributes are what `sendgate.send.eligibility` judges.
    """

    line: int
    email: str
    fields: Mapping[str, object]
    consent_at: datetime | None = None
    consent_source: str = ""
    consent_proof: str = ""
    direct: bool | None = None
    last_mailed_at: datetime | None = None
    last_engaged_at: datetime | None = None
    opted_out_at: datetime | None = None
    spam_reported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be read: its line, and what is wrong with it."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class ContactFile:
    """An open list of contacts. `columns` are those of its header, or of its first object.

    `has_header`: no row has another column than those.
    """

    def __init__(
        self, columns: tuple[str, ...], rows: Iterator[Contact | Problem], *, has_header: bool
    ) -> None:
        self.columns = columns
        self.has_header = has_header
        self._rows = rows

    def __iter__(self) -> Iterator[Contact | Problem]:
        return self._rows


@contextmanager
def open_contacts(path: Path, required: Collection[str] = ("email",)) -> Iterator[ContactFile]:
    """Open a list of contacts; raise `SourceError` where it cannot be read at all.

    `required` columns that are missing are named. JSON Lines are told by their name
    (``.jsonl``, ``.ndjson``) or by their first character; anything else is CSV.
    """
    try:
        raw = path.open("rb")
    except (OSError, ValueError) as error:
        raise SourceError(f"the contacts cannot be read: {why(error)}", str(path)) from None
    with raw:
        for bom, name in _BOMS.items():
            if raw.peek(2).startswith(bom):
                raise SourceError(f"the contacts are {name}; save them as UTF-8", str(path), 1)
        lines = Lines(raw, str(path))
        by_name = path.suffix.lower() in {".jsonl", ".ndjson"}
        is_json = by_name or lines.first().lstrip().startswith("{")
        columns, rows = (_json_lines if is_json else _csv)(lines)
        _require(columns, required, str(path))
        yield ContactFile(columns, rows, has_header=not is_json)


def _require(columns: tuple[str, ...], required: Collection[str], path: str) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        hints = [hint for name in missing if (hint := _near_column(name, columns))]
        raise SourceError(
            f"the contacts have no column {', '.join(missing)}"
            + (f"; did you mean {', '.join(hints)}?" if hints else ""),
            path,
            1,
        )


def _near_column(name: str, columns: tuple[str, ...]) -> str:
    hint = nearest(name, set(columns) - _KNOWN)
    return f"{hint.removeprefix('; did you mean ').removesuffix('?')} for {name}" if hint else ""


# --- CSV (RFC 4180, and what spreadsheets make of it) ---------------------------------


def _csv(lines: Lines) -> tuple[tuple[str, ...], Iterator[Contact | Problem]]:
    named = re.match(r"sep=([,;\t|])\r?\n?\Z", lines.first(), re.IGNORECASE)
    if named:  # what a spreadsheet writes to tell itself
        next(lines)
    delimiter, quote = _dialect(lines.first(), named[1] if named else None)
    spaced = f"{delimiter} {quote}" in lines.first()  # a, "b": the quote opens the field
    records = csv.reader(
        lines, delimiter=delimiter, quotechar=quote, strict=True, skipinitialspace=spaced
    )
    try:
        lines.start_record()
        header = next(records, [])
    except csv.Error as error:
        raise SourceError(f"the header cannot be read: {error}", lines.path, 1) from None
    except TooLongError:
        raise SourceError(f"the header has {_TOO_LONG}", lines.path, 1) from None
    lines.csv = CsvRecord(delimiter, quote, spaced)
    columns = _columns(header, lines.path)
    return tuple(c for c in columns if c), _csv_rows(records, lines, columns)


def _dialect(header: str, delimiter: str | None) -> tuple[str, str]:
    """Tell the delimiter and the quote by the header: it must name known columns."""
    quote = "'" if header.lstrip("\ufeff ").startswith("'") else '"'

    def columns(candidate: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=candidate, quotechar=quote), [])
        except csv.Error:
            return 0, 0
        return len({_column(cell) for cell in cells} & _KNOWN), len(cells)

    return delimiter or max(DELIMITERS, key=columns), quote


def _columns(header: list[str], path: str) -> list[str]:
    columns = [_column(cell) for cell in header]
    if not any(columns):
        raise SourceError("the contacts have no header: its first line names the columns", path, 1)
    if len(columns) > MAX_COLUMNS:
        raise SourceError(f"the contacts have more than {MAX_COLUMNS} columns", path, 1)
    for column in columns:
        if column and columns.count(column) > 1:
            raise SourceError(f"two columns are named {printable(column)}", path, 1)
    return columns


def _column(cell: str) -> str:
    """A column's name as a template can write it; the known ones in any case."""
    name = re.sub(r"[\s.-]+", "_", cell.strip())
    return name.lower() if name.lower() in _KNOWN else name


def _csv_rows(
    records: Iterator[list[str]], lines: Lines, columns: list[str]
) -> Iterator[Contact | Problem]:
    width = len(columns)
    nameless = "" in columns
    while True:
        start = lines.start_record()
        try:
            cells = next(records, None)
        except csv.Error as error:
            yield Problem(start, _csv_fault(error, start, lines.number))
            continue
        except TooLongError as error:
            yield Problem(start, f"has {_TOO_LONG}" if error.closed else _open(start, lines.number))
            continue
        if cells is None:
            return
        if not cells:  # an empty line
            continue
        if len(cells) > width and not any(cells[width:]):
            del cells[width:]  # delimiters at the end of a row, and nothing between them
        if len(cells) != width:
            yield Problem(start, f"has {len(cells)} fields; the header has {width}")
            continue
        fields: dict[str, object] = dict(zip(columns, cells, strict=True))
        if nameless:
            del fields[""]
        yield _contact(start, fields, is_text=lines.record_is_text)


def _csv_fault(error: csv.Error, start: int, end: int) -> str:
    if "unexpected end of data" in str(error):
        return _open(start, end)
    return f"a quote is out of place: {error}"


def _open(start: int, end: int) -> str:
    return f"a quote is opened here and never closed; lines {start} to {end} are not read"


# --- JSON Lines -----------------------------------------------------------------------


def _json_lines(lines: Lines) -> tuple[tuple[str, ...], Iterator[Contact | Problem]]:
    try:
        first = json.loads(lines.first() or "{}")
    except (ValueError, RecursionError):
        first = None
    if not isinstance(first, dict):
        raise SourceError("the first line is not a JSON object", lines.path, 1)
    return tuple(first), _json_rows(lines)


def _json_rows(lines: Lines) -> Iterator[Contact | Problem]:
    while True:
        start = lines.start_record()
        try:
            line = next(lines, None)
        except TooLongError:
            yield Problem(start, f"has {_TOO_LONG}")
            continue
        if line is None:
            return
        if not line.strip():
            continue
        try:
            fields = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            yield Problem(start, f"is not JSON: {reason}")
            continue
        if not isinstance(fields, dict):
            yield Problem(start, "is not a JSON object")
        elif "\\u" in line and not _is_text(fields):
            yield Problem(start, "holds half a character (a lone surrogate)")
        else:
            yield _contact(start, fields, is_text=lines.record_is_text)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value")


def _is_text(fields: Mapping[str, object]) -> bool:
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


# --- One row, of either ---------------------------------------------------------------


def _contact(line: int, fields: dict[str, object], *, is_text: bool) -> Contact | Problem:
    if not is_text:
        return Problem(line, "is not UTF-8 text")
    try:
        times = {name: _time(fields[name], name) for name in _TIMES if fields.get(name)}
        return Contact(
            line=line,
            email=_text(fields, "email"),
            fields=fields,
            consent_source=_text(fields, "consent_source"),
            consent_proof=_text(fields, "consent_proof"),
            direct=_boolean(fields.get("direct"), "direct"),
            **times,
        )
    except ValueError as error:
        return Problem(line, str(error))


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a text, got {_short(value)}")
    return value.strip()


def _time(value: object, name: str) -> datetime | None:
    """Read a date (its first moment) or a date and time (ISO 8601, RFC 3339); UTC by default."""
    text = value.strip() if isinstance(value, str) else None
    if text == "":
        return None
    if text is not None:
        try:
            moment = datetime.fromisoformat(text.upper())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError(
        f"{name}: expected a date such as 2026-01-31 or 2026-01-31T10:00:00Z, got {_short(value)}"
    )


def _boolean(value: object, name: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if not word:
        return None
    raise ValueError(f"{name}: expected yes or no, got {_short(value)}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return printable(text if len(text) <= 60 else f"{text[:57]}...")
