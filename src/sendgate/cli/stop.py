"""SIGTERM and SIGINT while a campaign is sent, from the first moment to the last.

before the loop   the first is a KeyboardInterrupt; a second changes nothing
before mail       the first cancels what is under way; a second changes nothing
while mail leaves the first ends in good order, the second breaks off
after that        none changes anything: what was done is told, and the exit code tells it
"""

from __future__ import annotations

import asyncio
import signal
import socket
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

    Those that follow change nothing: what is being said and closed comes to its end. Where
    the process has taken the signals from its beginning on, it ends with this; else they do
    what they did before.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    is_last = before[signal.SIGTERM] is not signal.SIG_DFL
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
        if interrupted or is_last:
            _hear_no_more()
        else:
            _handle(before)


def _hear_no_more() -> None:
    """Let the signals change nothing: the process ends, with the exit code that it chose.

    They are not ignored yet: one that has just come would be remarked on by Python.
    """
    _handle(dict.fromkeys(_SIGNALS, _nothing))


def _nothing(_number: int, _frame: object) -> None:
    """Do nothing; while the loop listens, the signal's number has been written to it."""


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
        """Take the signals for as long as this is entered; after it, none is heard.

        The loop's own `remove_signal_handler` would let one kill the process in between.
        """
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        told, telling = socket.socketpair()
        with told, telling:
            told.setblocking(False)
            telling.setblocking(False)
            loop.add_reader(told, self._heard, told)
            # Neither is lost between two lines: it comes when both are done.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            former = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
            _handle(dict.fromkeys(_SIGNALS, _nothing))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            try:
                yield
            finally:
                _hear_no_more()
                signal.set_wakeup_fd(former)
                loop.remove_reader(told)

    def _heard(self, told: socket.socket) -> None:
        for number in told.recv(4096):
            if number in _SIGNALS:
                self.ask()

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
