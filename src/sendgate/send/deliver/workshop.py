"""The workshop: composes and signs, in processes of its own, because both keep a core busy.

leases ─► orders ─► processes of `making` ─► Made | Unmade
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing import resource_tracker
from types import TracebackType

from sendgate.errors import InternalError
from sendgate.send.campaign import Campaign
from sendgate.send.making import Bench, Made, Order, Unmade, make_here, open_here
from sendgate.send.store import Lease

__all__ = ["Workshop"]

# Two make more than the engine, which is one process, can send; each takes about 50 MB.
_MOST = 2


def _beside_the_engine() -> int:
    return min(_MOST, max(1, (os.cpu_count() or 1) - 1))


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Start processes that no signal to the terminal's group ends before they ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Workshop:
    """A maker for the engine; an asynchronous context manager.

    `processes` 0 makes the messages on a thread of this process, which suits few of them;
    None takes as many as the engine can send of, and leaves it a core.
    Entering raises what a `Bench` raises; so does `make` where that comes to pass later.
    """

    def __init__(
        self,
        campaign: Campaign,
        secret: bytes,
        number: int,
        processes: int | None = None,
        audited: tuple[bytes, ...] | None = None,
    ) -> None:
        self._with = campaign, secret, number, audited
        self.processes = _beside_the_engine() if processes is None else processes
        self._bench: Bench | None = None
        self._pool: ProcessPoolExecutor | None = None

    async def __aenter__(self) -> Workshop:
        self._bench = await asyncio.to_thread(Bench, *self._with)
        if self.processes:
            resource_tracker.ensure_running()  # starting it would end `_undisturbed`
            self._pool = ProcessPoolExecutor(
                self.processes,
                multiprocessing.get_context("spawn"),
                initializer=open_here,
                initargs=self._with,
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def make(self, leases: Sequence[Lease]) -> Sequence[Made | Unmade]:
        """Make one message for each lease, in their order."""
        orders = [
            Order(one.recipient, one.address, one.fields, one.history.first or one.time, one.time)
            for one in leases
        ]
        if self._bench is None:
            raise InternalError("the workshop is not open")
        if self._pool is None:
            return await asyncio.to_thread(self._bench.make, orders)
        loop = asyncio.get_running_loop()
        try:
            with _undisturbed():
                making = loop.run_in_executor(self._pool, make_here, orders)
            return await making
        except BrokenExecutor as error:
            raise InternalError(f"a process that makes messages has died: {error}") from None
