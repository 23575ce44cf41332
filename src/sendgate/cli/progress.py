"""A line on stderr that shows a long audit is alive; gone when the audit is done."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass

from sendgate.cli.console import Console
from sendgate.dns.answers import Answer, Failed, Records
from sendgate.render.safe import safe

__all__ = ["Progress"]

_PATIENCE = 1.0  # seconds before anything is shown
_PACE = 0.2  # seconds between changes


@dataclass
class Progress:
    """Counts answers and finished audits; shows them while it is entered.

    Only on a terminal and never with --quiet or --verbose.
    """

    console: Console
    total: int | None = 1
    answers: int = 0
    done: int = 0
    _task: asyncio.Task[None] | None = None
    _shown: int = 0

    @property
    def _wanted(self) -> bool:
        return not self.console.quiet and not self.console.verbose and sys.stderr.isatty()

    def heard(self, answer: Answer) -> None:
        """Count an answer; name it with --verbose."""
        self.answers += 1
        if self.console.verbose:
            self.console.detail(f"{answer.question}: {_in_words(answer)}")

    def counted(self, done: int, total: int) -> None:
        """Take how many audits of how many are done."""
        self.done, self.total = done, total

    async def __aenter__(self) -> Progress:
        if self._wanted:
            self._task = asyncio.ensure_future(self._show())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _show(self) -> None:
        try:
            await asyncio.sleep(_PATIENCE)
            while True:
                self._draw(self._line())
                await asyncio.sleep(_PACE)
        finally:
            self._draw("")

    def clear(self) -> None:
        """Take the line away, so that a report can be printed; it comes back by itself."""
        self._draw("")

    def _line(self) -> str:
        many = f"{self.done} of {self.total or '?'} domains, " if self.total != 1 else ""
        return f"auditing: {many}{self.answers} DNS answers ..."

    def _draw(self, line: str) -> None:
        if self._shown or line:
            blank = " " * max(self._shown - len(line), 0)
            sys.stderr.write(f"\r{line}{blank}" + ("" if line else "\r"))
            sys.stderr.flush()
            self._shown = len(line)


def _in_words(answer: Answer) -> str:
    match answer:
        case Records(records=records):
            return f"{len(records)} record{'' if len(records) == 1 else 's'}"
        case Failed():
            return safe(answer.text)
        case _:
            return "the name does not exist" if type(answer).__name__ == "NxDomain" else "no data"
