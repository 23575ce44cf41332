"""SIGTERM and SIGINT while a campaign is sent, from the first moment to the last.

before the loop   the first is a KeyboardInterrupt; a second changes nothing
before mail       the first cancels what is under way; a second changes nothing
while mail leaves the first ends in good order, the second breaks off
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
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
    """Let either signal be a KeyboardInterrupt, the first time; the process then ends.

    Those that follow change nothing: what is being said and closed comes to its end.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    interrupted = False

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    _handle(dict.fromkeys(_SIGNALS, interrupt))
    try:
        yield
    finally:
        if interrupted:
            _hear_no_more()
        else:
            _handle(before)


def _hear_no_more() -> None:
    """Keep the signals away: the process ends, and its exit code shall be the one it chose.

    An interpreter that is ending has no handlers any more, so that one would kill it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _handle(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


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
        """Take the signals for as long as this is entered.

        Then they do what they did before, unless one has come: that one is heeded.
        """
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.ask)
        try:
            yield
        finally:
            if self.asked:
                _hear_no_more()
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
            _handle(before)

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
