"""stderr, and whether the report may have colour. Nothing here writes to stdout."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass

from sendgate.render.safe import safe

__all__ = ["Console"]

_WIDEST = 100  # columns; longer lines are harder to read


@dataclass(frozen=True)
class Console:
    """What is said beside the report; every text is made safe on its way out."""

    quiet: bool = False
    verbose: bool = False
    color: str = "auto"

    def note(self, text: str) -> None:
        """Say something worth knowing, unless --quiet."""
        if not self.quiet:
            self._write(f"sendgate: {safe(text, letters=True)}\n")

    def detail(self, text: str) -> None:
        """Say something that only --verbose asks for."""
        if self.verbose and not self.quiet:
            self._write(f"sendgate: {safe(text, letters=True)}\n")

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._write(f"sendgate: error: {safe(text, letters=True)}\n")

    def raw(self, text: str) -> None:
        """Write a text of sendgate's own that has lines of its own (a traceback)."""
        self._write("".join(safe(line, letters=True) + "\n" for line in text.splitlines()))

    def coloured(self, *, to_stdout: bool) -> bool:
        """Tell whether the text report is printed in colour (https://no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return False
        return to_stdout and sys.stdout.isatty()

    def width(self, *, to_stdout: bool) -> int:
        """Give the columns to write text in: the terminal's, else 80."""
        if not (to_stdout and sys.stdout.isatty()):
            return 80
        return min(max(shutil.get_terminal_size().columns, 40), _WIDEST)

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (BrokenPipeError, ValueError):
            return  # nobody listens any more
