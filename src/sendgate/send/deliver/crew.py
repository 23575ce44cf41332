"""The crew: the workers of a run, and whatever else it has under way.

a lane with something to do ─► offered ─► a connection is free, the pace grants it ─► worker
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from sendgate.send.deliver.desk import Bounds, Desk
from sendgate.send.deliver.lane import Lane
from sendgate.send.deliver.lanes import Lanes
from sendgate.send.deliver.worker import Foreman, Worker

__all__ = ["Crew"]


class Crew:
    """Starts workers where lanes have something to do; `fail` is told what goes wrong."""

    def __init__(
        self,
        desk: Desk,
        bounds: Bounds,
        lanes: Lanes,
        foreman: Foreman,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._desk, self._bounds, self._lanes = desk, bounds, lanes
        self._foreman, self._fail = foreman, fail
        self._ready: deque[Lane] = deque()  # lanes that may want a worker
        self._workers: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()

    @property
    def is_crowded(self) -> bool:
        """Whether other lanes wait for a connection to become free."""
        return bool(self._ready)

    def worker(self) -> Worker:
        """A worker, for what has to be written down outside of a lane."""
        return Worker(self._desk, self._bounds, self._foreman)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something run beside the workers; the run does not end before it has."""
        task = asyncio.create_task(coroutine)
        self._others.add(task)
        task.add_done_callback(self._other_ended)
        return task

    def offer(self, lane: Lane) -> None:
        """Start workers, for this lane and those that have waited longer, while some are free."""
        if not lane.offered:
            lane.offered = True
            self._ready.append(lane)
        time = asyncio.get_running_loop().time()
        while self._ready and len(self._workers) < self._bounds.connections:
            lane = self._ready.popleft()
            lane.offered = False
            if self._foreman.is_over:
                continue
            if self._may_work(lane, time):
                lane.workers += 1
                task = asyncio.create_task(self.worker().work(lane))
                self._workers.add(task)
                task.add_done_callback(partial(self._worker_ended, lane))
                lane.offered = True
                self._ready.append(lane)
            elif lane.queue and not lane.workers and lane.is_blocked(time):
                self.start(self._foreman.drain(lane))

    def break_off(self) -> None:
        """Cancel all that is under way."""
        for task in (*self._workers, *self._others):
            task.cancel()

    async def gone(self) -> None:
        """Wait until nothing is under way any more."""
        while tasks := self._workers | self._others:
            await asyncio.wait(tasks)

    def _may_work(self, lane: Lane, time: float) -> bool:
        """Whether a worker is wanted, and a connection for it granted."""
        pace = self._desk.pace
        if not lane.wants_worker(pace.connections_of(lane.path, time), time):
            return False
        wait = pace.open(lane.path, time)
        if wait > 0 and not lane.workers:
            lane.paused_until = time + min(wait, self._bounds.rest)
        return wait <= 0

    def _worker_ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self._workers.discard(task)
        self._noted(task)
        lane.workers -= 1
        self._desk.pace.close(lane.path)
        if lane.queue or self._ready:
            self.offer(lane)
        if lane.is_idle and not lane.is_blocked(asyncio.get_running_loop().time()):
            self._lanes.drop(lane)

    def _other_ended(self, task: asyncio.Task[None]) -> None:
        self._others.discard(task)
        self._noted(task)

    def _noted(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
