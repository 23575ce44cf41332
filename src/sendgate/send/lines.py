"""Lines: a text file line by line, with a bound on every line and every record.

A field of a gigabyte, or a quote that is never closed, takes no memory: no more than one
bounded record is ever held, and the rest of a longer one is read past, to where it ends.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Protocol

__all__ = ["MAX_RECORD", "CsvRecord", "Lines", "TooLongError"]

MAX_RECORD = 100_000
"""Characters in one record. Below what the `csv` module takes as one field (131,072)."""


class TooLongError(Exception):
    """A record is longer than `MAX_RECORD`; it has been read past. `closed`: its end was found."""

    def __init__(self, *, closed: bool) -> None:
        super().__init__("a record is too long")
        self.closed = closed


class Scan(Protocol):
    """Follows a record to its end."""

    def goes_on(self, text: str) -> bool:
        """Take more of the record; tell whether a line end that comes now is part of it."""


class _OneLine:
    """A record that is one line."""

    def goes_on(self, _text: str) -> bool:
        return False


@dataclass
class CsvRecord:
    """A record of CSV: a line end between quotes is data.

    A quote opens a field only as its first character (with `spaced`, behind blanks).
    """

    delimiter: str
    quote: str
    spaced: bool = False
    _state: str = "start"  # of a field; then "bare", "quoted", or "closed" behind a quote

    def goes_on(self, text: str) -> bool:
        """Take a piece of the record; true while a quote is open."""
        at = 0
        while at < len(text):
            if self._state == "quoted":
                at = text.find(self.quote, at) + 1
                if not at:
                    return True
                self._state = "closed"
            elif self._state == "closed" and text[at] == self.quote:  # it was doubled
                self._state, at = "quoted", at + 1
            elif self._state == "start" and self.spaced and text[at] == " ":
                at += 1
            elif self._state == "start" and text[at] == self.quote:
                self._state, at = "quoted", at + 1
            else:
                end = text.find(self.delimiter, at)
                self._state, at = ("bare", len(text)) if end < 0 else ("start", end + 1)
        return self._state == "quoted"


class Lines(Iterator[str]):
    """The lines of a UTF-8 file with their ends, its byte order mark dropped.

    Octets that are not UTF-8 become lone surrogates, so that one bad row is one bad row.
    Raises `TooLongError` at a record that is longer than `MAX_RECORD`, and goes on behind
    it. A record is one line unless `csv` says how it is written.
    """

    def __init__(self, raw: IO[bytes], path: str) -> None:
        self.path = path
        self.csv: CsvRecord | None = None
        self.number = 0  # of the line last given
        self.record_is_text = True  # whether the record's octets were UTF-8
        self._start = 1
        self._characters = 0
        self._text = io.TextIOWrapper(
            raw, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        self._ahead: str | None = None
        self._given: list[str] = []  # the lines of this record; together they are bounded

    def first(self) -> str:
        """The next line, without taking it; an empty text at the end."""
        if self._ahead is None:
            self._ahead = self._text.readline(MAX_RECORD + 1)
        return self._ahead

    def start_record(self) -> int:
        """Begin to count a record; give the number of its first line."""
        self._start = self.number + 1
        self._characters = 0
        self._given.clear()
        self.record_is_text = True
        return self._start

    def __next__(self) -> str:
        line = self._text.readline(MAX_RECORD + 1) if self._ahead is None else self._ahead
        self._ahead = None
        if not line:
            raise StopIteration
        self.number += 1
        self._characters += len(line)
        if self._characters > MAX_RECORD:
            self._read_past(line)
        self._given.append(line)
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError:
                self.record_is_text = False
        return line

    def _read_past(self, line: str) -> None:
        """Read to the end of the record, piece by piece; raise `TooLongError`."""
        scan: Scan = _OneLine()
        if self.csv is not None:
            scan = CsvRecord(self.csv.delimiter, self.csv.quote, self.csv.spaced)
        for before in self._given:
            scan.goes_on(before)
        while True:
            goes_on = scan.goes_on(line)
            ended = line.endswith(("\n", "\r"))
            if ended and not goes_on:
                raise TooLongError(closed=True)
            line = self._text.readline(MAX_RECORD + 1)
            if not line:
                raise TooLongError(closed=not goes_on)
            self.number += ended
