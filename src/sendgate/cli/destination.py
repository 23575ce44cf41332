"""Where the report goes: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sendgate.cli.console import Console
from sendgate.errors import InputError
from sendgate.files import why, write_atomically
from sendgate.names import printable
from sendgate.render.page import Page

__all__ = ["Destination", "check_writable"]


def check_writable(path: str, option: str) -> None:
    """Find out before anything is asked that a file cannot be written (`InputError`)."""
    try:
        folder = Path(os.path.realpath(path)).parent
        can = folder.is_dir() and os.access(folder, os.W_OK) and not Path(path).is_dir()
    except OSError:  # nobody may even look there, or the working folder is gone
        can = False
    if not can:
        raise InputError(f"{option}: {printable(path)} cannot be written")


class Destination:
    """stdout, or with `path` a file that is put in place at the end.

    A folder that is missing or closed to us is found on entering, before anything is
    asked (`InputError`). An exception leaves the former file as it was, unless `keep` has
    been called: then what was written so far is the report.
    """

    def __init__(self, path: str | None, console: Console) -> None:
        self.path = None if path in {None, "-"} else path
        self._console = console
        self._pieces: list[str] = []
        self._keep = False
        self._closed = False

    def __enter__(self) -> Destination:
        if self.path is not None:
            check_writable(self.path, "--output")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.path is not None and (kind is None or self._keep):
            write_atomically(self.path, self._pieces)

    def keep(self) -> None:
        """Let what is written so far stand, should the run be interrupted."""
        self._keep = True

    def page(self) -> Page:
        """Begin a page of text that is as wide as where it goes."""
        return Page(self._console.width(to_stdout=self.path is None))

    def print(self, page: Page) -> None:
        """Write a page, in colour where that is wanted."""
        self.write(page.text(colour=self._console.coloured(to_stdout=self.path is None)))

    def show(
        self, format: str, fill: Callable[[Page], None], document: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Write what was found: as a page that `fill` fills, or as the JSON of `document`."""
        from sendgate.render import json

        if format == "text":
            page = self.page()
            fill(page)
            self.print(page)
        else:
            self.write(json.dumps(document(), line=format == "jsonl"))

    def write(self, text: str) -> None:
        """Write a piece of the report; a reader who has gone away is no error."""
        if self.path is not None:
            self._pieces.append(text)
        elif not self._closed:
            self._print(text)

    def _print(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            self._closed = True
            # The interpreter flushes stdout once more when it ends; let that succeed.
            self._discard()
        except OSError as error:
            self._closed = True
            self._discard()
            raise InputError(f"stdout cannot be written: {why(error)}") from None

    @staticmethod
    def _discard() -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
