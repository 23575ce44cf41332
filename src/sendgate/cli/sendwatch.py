"""What is said while a campaign is sent: one line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendgate.cli.console import Console
from sendgate.render.safe import safe

if TYPE_CHECKING:
    from sendgate.send.deliver import News
    from sendgate.send.store import Counts, Store

__all__ = ["Watch", "in_words"]

_PACE = 0.5  # seconds between two looks on a terminal
_PLAIN_PACE = 30.0  # seconds between two lines elsewhere
_WINDOW = 30.0  # seconds over which the rate is measured


def in_words(counts: Counts) -> str:
    """The outcomes so far: ``1,200 of 5,000 delivered, 3 deferred, 1 bounced``."""
    from sendgate.send.state import State

    parts = [f"{counts.of(State.DELIVERED):,} of {counts.eligible:,} delivered"]
    others = (State.DEFERRED, State.BOUNCED, State.NOT_SENT, State.UNKNOWN, State.CANCELLED)
    parts += [
        f"{number:,} {str(state).replace('_', ' ')}"
        for state in others
        if (number := counts.of(state))
    ]
    return ", ".join(parts)


@dataclass
class Watch:
    """Looks at a campaign's counts while it is entered, and says how it goes."""

    console: Console
    store: Store
    key: int
    _seen: deque[tuple[float, int]] = field(default_factory=deque)
    _task: asyncio.Task[None] | None = None
    _shown: int = 0

    @property
    def _live(self) -> bool:
        return sys.stderr.isatty() and not self.console.verbose

    def heard(self, news: News) -> None:
        """Say what concerns a whole site, and with --verbose each attempt."""
        if news.outcome is not None:
            if self.console.verbose:
                kind = type(news.outcome).__name__.lower()
                self.console.detail(f"{news.address}: {kind} ({news.site})")
            return
        self._draw("")
        about = f"{news.address}: " if news.address else ""
        (self.console.detail if news.address else self.console.note)(about + news.text)

    async def __aenter__(self) -> Watch:
        if not self.console.quiet:
            self._task = asyncio.ensure_future(self._show())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._draw("")

    async def _show(self) -> None:
        self._line(await self.store.counts(self.key))  # the rate counts from here
        while True:
            await asyncio.sleep(_PACE if self._live else _PLAIN_PACE)
            line = self._line(await self.store.counts(self.key))
            if self._live:
                self._draw(safe(line))
            else:
                self.console.note(line)

    def _line(self, counts: Counts) -> str:
        """The outcomes, the rate of late, and what the rest takes at that rate."""
        from sendgate.render.gate import in_time
        from sendgate.send.state import State

        now = asyncio.get_running_loop().time()
        waiting = counts.of(State.QUEUED, State.LEASED, State.COMMITTING)
        done = counts.eligible - waiting
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        left = f", {in_time(waiting / rate)} left" if rate > 0 and waiting else ""
        return f"{in_words(counts)}; {rate:.0f}/s{left}"

    def _draw(self, line: str) -> None:
        if self._live and (self._shown or line):
            blank = " " * max(self._shown - len(line), 0)
            sys.stderr.write(f"\r{line}{blank}" + ("" if line else "\r"))
            sys.stderr.flush()
            self._shown = len(line)
