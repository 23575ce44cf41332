"""SIGTERM and SIGINT while a campaign is sent, from the first moment to the last.

before the loop   either one is a KeyboardInterrupt
before mail       the first cancels what is under way; a second changes nothing
while mail leaves the first ends in good order, the second breaks off
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sendgate.send.deliver import Engine

__all__ = ["Stop", "interruptible", "run_whole"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
T = TypeVar("T")


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM be a KeyboardInterrupt, as SIGINT is, for as long as this is entered."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_whole(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; interrupted before it has begun, it leaves no remark."""
    try:
        return asyncio.run(work)
    finally:
        with suppress(RuntimeError):  # it was broken off while it was cleaning up
            work.close()


@dataclass
class Stop:
    """What the signals do to one campaign."""

    engine: Engine | None = None
    asked: int = 0
    _task: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take the signals for as long as this is entered; then they do what they did before."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def ask(self) -> None:
        """Stop; while mail leaves, a second time: at once."""
        self.asked += 1
        if self.engine is not None:
            if self.asked == 1:
                self.engine.stop()
            else:
                self.engine.abort()
        elif self.asked == 1 and self._task is not None:
            self._task.cancel()  # once: what is being closed is closed in order
