"""The feed: from what is due in the store into the lanes, as much as there is room for.

due domains ─ lease ─► in hand ─► route, messages ordered ─► a lane, or back into the store
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Protocol

from sendgate.send.deliver.crew import Crew
from sendgate.send.deliver.desk import Bounds, Desk
from sendgate.send.deliver.lane import Job
from sendgate.send.deliver.lanes import Lanes, Paths
from sendgate.send.deliver.parts import Ended, Made, NoRoute, Route, Unmade, Why
from sendgate.send.deliver.verdict import hard_after
from sendgate.send.deliver.ways import unreachable
from sendgate.send.pace import Path
from sendgate.send.schedule import END

__all__ = ["Feed", "Owner"]

_PAGE = 200  # domains looked at together
_TOGETHER = 20  # domains leased from in one transaction
_BATCH = 25  # messages made together


class Owner(Protocol):
    """What the feed asks of the engine that it belongs to, and tells it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing new may be begun."""

    def end(self, ended: Ended) -> None:
        """Begin to wind up."""

    async def now(self) -> datetime:
        """Tell the time by which outcomes are judged."""


class Feed:
    """Takes leases, and knows those in hand until their end is written."""

    def __init__(self, desk: Desk, bounds: Bounds, lanes: Lanes, crew: Crew, owner: Owner) -> None:
        self._desk, self._bounds, self._lanes = desk, bounds, lanes
        self._crew, self._owner = crew, owner
        self._in_hand: Counter[str] = Counter()  # leases, by domain
        self._jobs: dict[int, Job] = {}  # by attempt: leased, and not yet written about
        self._jumped = timedelta()  # the clock, in all
        self._since: datetime | None = None  # when sending began, by the clock as it now is
        self._stir = asyncio.Event()
        self._cursor = ""
        self._hungry = False  # something is due that there was no room for
        self._soonest: datetime | None = None

    @property
    def jobs(self) -> list[Job]:
        """What is in hand, and not yet being written about."""
        return list(self._jobs.values())

    def stir(self) -> None:
        """Look again for what is due, instead of resting."""
        self._stir.set()

    def will_be_due(self, time: datetime) -> None:
        """Note when a recipient that was put off is to be tried again."""
        self._soonest = time if self._soonest is None else min(self._soonest, time)

    def begin(self, now: datetime) -> None:
        """Note that nobody was sent to until now: whose 72 hours are over is tried once more."""
        self._since = now

    def move(self, jump: timedelta) -> None:
        """Take what is in hand along with a clock that has jumped."""
        self._jumped += jump
        if self._since is not None:
            self._since += jump
        self.stir()
        for job in self._jobs.values():
            job.move(jump)

    @contextmanager
    def writing(self, job: Job) -> Iterator[None]:
        """Around the writing of a job's end: it is nobody else's from its beginning on."""
        self._jobs.pop(job.lease.attempt, None)
        yield
        domain = job.lease.domain
        self._in_hand[domain] -= 1
        if job.lane is not None and self._lanes.has_caught_up(job.lane):
            self.stir()
        if self._hungry and self._in_hand[domain] <= self._bounds.batch // 2:
            self.stir()
        if self._in_hand[domain] <= 0:
            del self._in_hand[domain]
        if not self._in_hand:
            self.stir()

    async def give_back(self, jobs: Iterable[Job]) -> None:
        """Write that jobs were not begun: they are due as they were before."""

        async def one(job: Job) -> None:
            # By a clock whose jump is not known, it would move twice.
            now = await self._owner.now()
            with self.writing(job):
                await self._desk.store.release(job.lease, now)

        await asyncio.gather(*(one(job) for job in jobs))

    async def run(self, *, wait: bool) -> None:
        """Lease what is due until the run is over; end it where nothing is left to do.

        Not `wait`: where nothing is due.
        """
        leased = 0
        self.begin(await self._owner.now())
        low = self._bounds.hold * 3 // 4  # lease again when a good many have gone
        while not self._owner.is_over:
            self._stir.clear()
            if len(self._jobs) > low:
                self._hungry = True
                await self._stirred(self._bounds.rest)
                continue
            if not self._cursor:
                leased, self._hungry, self._soonest = 0, False, None
            leased += await self._page()
            if self._cursor or leased:
                continue
            if not self._in_hand:
                await self._nothing_due(wait=wait)
            if not self._owner.is_over:
                await self._stirred(self._pause_length())

    async def _page(self) -> int:
        """Lease from one page of domains; return how many."""
        now = await self._owner.now()
        page = await self._desk.store.due_domains(self._desk.key, self._cursor, _PAGE)
        self._cursor = page[-1][0] if len(page) == _PAGE else ""
        chosen: list[str] = []
        for domain, due in page:
            if now < due <= now + END:
                self.will_be_due(due)
            elif self._in_hand[domain] > self._bounds.batch // 2:
                self._hungry = True
            else:
                chosen.append(domain)
        leased = 0
        for start in range(0, len(chosen), _TOGETHER):
            room = self._bounds.hold - len(self._jobs)
            if self._owner.is_over or room <= 0:
                self._hungry = True
                break
            time = asyncio.get_running_loop().time()
            group = chosen[start : start + _TOGETHER]
            group = [domain for domain in group if not self._lanes.is_held_back(domain, time)]
            if not group:
                continue
            limit = max(1, min(self._bounds.batch, room // len(group)))
            leased += sum(await asyncio.gather(*(self._lease(d, limit) for d in group)))
        return leased

    async def _lease(self, domain: str, limit: int) -> int:
        now = await self._owner.now()
        desk, jumped = self._desk, self._jumped
        taken = await desk.store.lease(
            desk.key, now, limit, domain, since=self._since, hard_after=hard_after
        )
        if taken.leases:
            desk.note("leased")
            jobs = [Job(lease) for lease in taken.leases]
            if self._jumped != jumped:
                for job in jobs:
                    job.move(self._jumped - jumped)
            self._jobs |= {job.lease.attempt: job for job in jobs}
            self._in_hand[domain] += len(jobs)
            self._crew.start(self._enqueue(domain, jobs))
        return len(taken.leases) + taken.expired + taken.suppressed

    async def _enqueue(self, domain: str, jobs: Sequence[Job]) -> None:
        """Find the way, order the messages, and put the jobs into their lane."""
        route = await self._desk.router(domain)
        if isinstance(route, Route):
            route = unreachable(route, self._desk.caller.sources) or route
        if self._owner.is_over:
            return  # what is in hand is given back when all is wound up
        if isinstance(route, NoRoute):
            worker = self._crew.worker()
            await asyncio.gather(*(worker.unrouted(job, route) for job in jobs))
            return
        paths = self._paths(route)
        time = asyncio.get_running_loop().time()
        behind: list[Job] = []
        for start in range(0, len(jobs), _BATCH):
            batch = jobs[start : start + _BATCH]
            lane = self._lanes.choose(paths, time)
            if lane is None:
                behind += batch
                continue
            messages = asyncio.create_task(self._make(batch))
            messages.add_done_callback(_retrieved)
            for index, job in enumerate(batch):
                job.route, job.lane, job.paths = route, lane, paths
                job.messages, job.index = messages, index
            lane.queue.extend(batch)
            lane.fresh.set()
            self._crew.offer(lane)
        if behind:
            self._lanes.hold_back(domain, paths)
            await self.give_back(behind)

    def _paths(self, route: Route) -> Paths:
        """The ways to a route's site, from each of our addresses that reaches it."""
        groups = self._desk.caller.groups(route)
        return [[Path(source or "", route.site) for source in group] for group in groups]

    async def _make(self, jobs: Sequence[Job]) -> Sequence[Made | Unmade]:
        return await self._desk.maker.make([job.lease for job in jobs])

    def _pause_length(self) -> float:
        waits = [self._bounds.rest]
        if self._soonest is not None:
            waits.append((self._soonest - self._desk.clock()).total_seconds())
        unblocking = self._lanes.unblocking(asyncio.get_running_loop().time())
        if unblocking is not None:
            waits.append(unblocking)
        return max(min(waits), 0.001)

    async def _nothing_due(self, *, wait: bool) -> None:
        """End, where nothing waits at all, or nothing is due and that is not waited for."""
        standing = await self._desk.store.standing(self._desk.key)
        if standing.is_finished:
            self._owner.end(Ended(Why.FINISHED))
        elif not wait and not any(lane.auditing for lane in self._lanes):
            self._owner.end(Ended(Why.IDLE))

    async def _stirred(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stir.wait()


def _retrieved(task: asyncio.Task[Sequence[Made | Unmade]]) -> None:
    """Take note of an error that nobody waits for: its leases were given back."""
    if not task.cancelled():
        task.exception()
