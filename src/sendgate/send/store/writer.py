"""The one writer of a store: many small writes become one transaction.

    tasks ─ run(work) ─► queue ─► thread: BEGIN, work, work, work, COMMIT (on the disk) ─► tasks

While one transaction is being put on the disk, the writes that arrive wait and form the
next one: under load a commit carries many, and when idle each goes at once. Nobody is
answered before the commit that carries its write is durable.

Writes of one kind go into the database together, by few statements: each statement hands
the interpreter from one thread to the other and back, which costs more than its work.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sendgate.errors import StoreError

__all__ = ["Kind", "Work", "Writer"]

T = TypeVar("T")
A = TypeVar("A")
Work = Callable[[sqlite3.Connection], T]
"""A piece of a transaction.

It may be run twice, where another piece of the same transaction had to be taken out, so it
changes nothing but the database.
"""
Kind = Callable[[sqlite3.Connection, Sequence[A]], Sequence[T]]
"""Pieces of one kind, given what each is about; their results in the same order.

Where it raises, it is run for each of them alone, to find out whose fault it is.
"""

_MOST = 1000  # pieces in one transaction


@dataclass(eq=False)
class _Job:
    kind: Kind[Any, Any]
    item: Any
    about: int | None  # the recipient; what is about nobody is not joined with others
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """A thread that owns the writing connection.

    `commits` and `writes` count transactions and the pieces they carried.
    """

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self.commits = 0
        self.writes = 0
        self._connection = connection
        self._where = where
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._waker: asyncio.AbstractEventLoop | None = None  # that will wake the thread soon
        self._closing = False
        self._broken: str | None = None
        # A daemon: an interpreter that exits without `close` loses nothing that was answered.
        self._thread = threading.Thread(target=self._serve, name="sendgate-store", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T], *, even_if_broken: bool = False) -> T:
        """Run a piece in the next transaction and return its result once that is durable.

        An exception that the piece raises is raised here, and the others of its transaction
        are not touched. Raises `StoreError` where the store cannot be written; from then on
        it is raised at once, unless `even_if_broken` (for an outcome that is worth a try).
        A caller that is cancelled while it waits does not take the write back.
        """
        return await self._done(_alone, work, None, even_if_broken=even_if_broken)

    async def run_with_others(
        self, kind: Kind[A, T], item: A, about: int, *, even_if_broken: bool = False
    ) -> T:
        """Run a piece as `run` does, together with those of its kind.

        Pieces `about` the same recipient keep their order.
        """
        return await self._done(kind, item, about, even_if_broken=even_if_broken)

    async def _done(
        self, kind: Kind[A, T], item: A, about: int | None, *, even_if_broken: bool
    ) -> T:
        loop = asyncio.get_running_loop()
        job = _Job(kind, item, about, loop, loop.create_future())
        with self._wake:
            if self._closing:
                raise StoreError(f"the store {self._where} is closed")
            if self._broken is not None and not even_if_broken:
                raise StoreError(self._broken)
            self._jobs.append(job)
        if self._waker is not loop:
            # Woken when all that can go on now has done so: what they write goes together.
            self._waker = loop
            loop.call_soon(self._call)
        result: T = await job.future
        return result

    def _call(self) -> None:
        self._waker = None
        with self._wake:
            self._wake.notify()

    def close(self) -> None:
        """Write what is waiting, then end the thread; blocks until that is done."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _serve(self) -> None:
        while jobs := self._take():
            try:
                self._write(jobs)
            except BaseException as error:  # noqa: BLE001 - a thread that dies leaves all waiting
                self._fail(jobs, error)
            _answer(jobs)

    def _take(self) -> list[_Job]:
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            count = min(len(self._jobs), _MOST)
            return [self._jobs.popleft() for _ in range(count)]

    def _write(self, jobs: list[_Job]) -> None:
        """Write all in one transaction; where a piece raises, begin anew without it."""
        left, together = jobs, True
        while left:
            self._connection.execute("BEGIN IMMEDIATE")
            bad = self._try(_joined(left) if together else [[job] for job in left])
            if bad is None:
                self._connection.execute("COMMIT")
                self.commits += 1
                self.writes += len(left)
                return
            self._connection.execute("ROLLBACK")
            if len(bad) == 1:
                left = [job for job in left if job is not bad[0]]
            else:
                together = False

    def _try(self, steps: Sequence[list[_Job]]) -> list[_Job] | None:
        """Run the steps; return the first that raises, the error noted where it is of one job."""
        for step in steps:
            try:
                results = step[0].kind(self._connection, [job.item for job in step])
            except Exception as error:
                if isinstance(error, sqlite3.OperationalError | sqlite3.InternalError):
                    raise  # the file or the disk, and so everybody's
                if len(step) == 1:
                    step[0].error = error
                return step
            for job, result in zip(step, results, strict=True):
                job.result = result
        return None

    def _fail(self, jobs: list[_Job], error: BaseException) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the journal is rolled back by whoever opens the store next
        self._broken = f"the store {self._where} cannot be written: {error}"
        for job in jobs:
            if job.error is None:
                job.error = StoreError(self._broken)


def _alone(db: sqlite3.Connection, works: Sequence[Work[T]]) -> Sequence[T]:
    return [work(db) for work in works]


def _joined(jobs: Sequence[_Job]) -> list[list[_Job]]:
    """Put jobs of one kind together, those about one recipient in their order."""
    steps: list[list[_Job]] = []
    joinable: dict[Kind[Any, Any], list[_Job]] = {}
    about: set[int] = set()
    for job in jobs:
        if job.about is None or job.about in about:
            joinable, about = {}, set()
        if job.about is None:
            steps.append([job])
        elif job.kind in joinable:
            joinable[job.kind].append(job)
        else:
            joinable[job.kind] = [job]
            steps.append(joinable[job.kind])
        if job.about is not None:
            about.add(job.about)
    return steps


def _answer(jobs: list[_Job]) -> None:
    """Wake the waiting tasks, one call into each event loop for all of them."""
    loops = {job.loop for job in jobs}
    for loop in loops:
        mine = [job for job in jobs if job.loop is loop]
        try:
            loop.call_soon_threadsafe(_settle, mine)
        except RuntimeError:
            continue  # the loop was closed: nobody waits there any more


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
