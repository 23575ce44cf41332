"""Lines: a text file line by line, with a bound on every line and every record.

A field of a gigabyte, or a quote that is never closed, is refused at its line before it
takes memory: no more than one bounded record is ever held.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO

from sendgate.errors import SourceError

__all__ = ["MAX_RECORD", "Lines"]

MAX_RECORD = 100_000
"""Characters in one record. Below what the `csv` module takes as one field (131,072)."""


class Lines(Iterator[str]):
    """The lines of a UTF-8 file with their ends, its byte order mark dropped.

    Octets that are not UTF-8 become lone surrogates, so that one bad row is one bad row.
    Raises `SourceError` at a record that is longer than `MAX_RECORD`.
    """

    def __init__(self, raw: IO[bytes], path: str) -> None:
        self.path = path
        self.number = 0  # of the line last given
        self.record_is_text = True  # whether the record's octets were UTF-8
        self._start = 1
        self._characters = 0
        self._text = io.TextIOWrapper(
            raw, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        self._ahead: str | None = None

    def first(self) -> str:
        """The next line, without taking it; an empty text at the end."""
        if self._ahead is None:
            self._ahead = self._text.readline(MAX_RECORD + 1)
        return self._ahead

    def start_record(self) -> int:
        """Begin to count a record; give the number of its first line."""
        self._start = self.number + 1
        self._characters = 0
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
            raise SourceError(
                f"a record has more than {MAX_RECORD} characters; "
                "is a quote left open, or a line end missing?",
                self.path,
                self._start,
            )
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError:
                self.record_is_text = False
        return line
