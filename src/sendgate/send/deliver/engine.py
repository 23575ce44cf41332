"""The engine: takes what is due out of the store, gives it to receivers, writes what came of it.

    feed:  due domains ─ lease ─► route, messages ─► lanes, one a source address and site
    work:  lane ─► attempt (commit record ─► final dot) ─► verdict ─► outcome on the disk ─► next

It decides nothing: what a reply means is the judge's to say, how fast a site takes mail the
pace's, who is due and what may follow what the store's. Each connection is one worker, which
takes its next message only after the outcome of the last one is durable.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sendgate.errors import InternalError, StoreError
from sendgate.names import Domain
from sendgate.send.deliver.desk import Bounds, Desk
from sendgate.send.deliver.lane import Job, Lane
from sendgate.send.deliver.lanes import Lanes, Paths
from sendgate.send.deliver.parts import Ended, Made, News, NoRoute, Route, Unmade, Why
from sendgate.send.deliver.timekeeper import Timekeeper
from sendgate.send.deliver.verdict import ABOUT_THE_MESSAGE
from sendgate.send.deliver.ways import unreachable
from sendgate.send.deliver.worker import Worker
from sendgate.send.pace import Path
from sendgate.send.schedule import END
from sendgate.send.state import CampaignState

__all__ = ["Engine"]

_PAGE = 200  # domains looked at together
_TOGETHER = 20  # domains leased from in one transaction
_BATCH = 25  # messages made together


class Engine:
    """Sends one campaign, which is in the state `sending`, until it ends or is stopped.

    Made for one `run`. `stop` and `abort` are for signal handlers, on the loop's thread.
    """

    def __init__(self, desk: Desk, bounds: Bounds | None = None) -> None:
        self._desk = desk
        self._bounds = bounds or Bounds()
        # No site takes the room of the others: a quarter of it at most, over all its lanes.
        self._lanes = Lanes(self._bounds.hold // 4 // max(1, len(desk.caller.sources)))
        self._time = Timekeeper(desk.clock, desk.steady)
        self._jumped = timedelta()  # the clock, in all
        self._told: set[str] = set()  # sites that refused the message before a person went on
        self._ready: deque[Lane] = deque()  # lanes that may want a worker
        self._in_hand: Counter[str] = Counter()  # leases, by domain
        self._jobs: dict[int, Job] = {}  # by attempt: leased, and not yet written about
        self._workers: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()
        self._audits: set[asyncio.Task[None]] = set()
        self._ended: Ended | None = None
        self._error: BaseException | None = None
        self._stir = asyncio.Event()
        self._over = asyncio.Event()
        self._cursor = ""
        self._hungry = False  # something is due that there was no room for
        self._soonest: datetime | None = None

    async def run(self, *, wait: bool = True) -> Ended:
        """Send until every recipient has a final state or is unknown; say why it stopped.

        Not `wait`: until nothing is due. Raises `StoreError` where the store cannot be
        written; no final dot leaves after that.
        """
        self._start(self._watch())
        try:
            refused_by = await self._desk.store.refused_by(self._desk.key, ABOUT_THE_MESSAGE)
            self._told = {self._site_of(mx) for mx in refused_by}
            await self._feed(wait=wait)
        except Exception as error:  # noqa: BLE001 - what is under way comes to its end first
            self.fail(error)
        except BaseException:
            self.abort()
            raise
        finally:
            await self._wind_up()
        if self._error is not None:
            raise self._error
        assert self._ended is not None
        return await self._closed(self._ended)

    def stop(self) -> None:
        """Take nothing more in hand, finish what is under way."""
        self.end(Ended(Why.STOPPED))

    def abort(self) -> None:
        """Break off what is under way, and write down for each how far it had come."""
        self.stop()
        for task in (*self._workers, *self._others):
            task.cancel()

    # What workers ask and tell

    @property
    def is_over(self) -> bool:
        """Whether nothing new may be begun."""
        return self._ended is not None

    @property
    def is_crowded(self) -> bool:
        """Whether other lanes wait for a connection to become free."""
        return bool(self._ready)

    def end(self, ended: Ended) -> None:
        """Begin to wind up; the first reason counts."""
        if self._ended is None:
            self._ended = ended
        self._over.set()
        self._stir.set()
        for audit in self._audits:
            audit.cancel()
        for lane in self._lanes:
            lane.fresh.set()

    def fail(self, error: BaseException) -> None:
        """Wind up because of an error, the first of which `run` raises."""
        if self._error is None:
            self._error = error
        self.end(Ended(Why.STOPPED, reason=str(error)))

    async def pause(self, reason: str) -> None:
        """Pause the campaign: nothing goes on until a person resumes it."""
        await self._desk.store.change(
            self._desk.key,
            CampaignState.PAUSED,
            self._desk.clock(),
            only_from={CampaignState.SENDING},
            reason=reason,
        )
        self.end(Ended(Why.PAUSED, reason=reason))

    def is_on_probation(self, path: Path) -> bool:
        """Whether a rejected authentication of this path is still being looked into."""
        return self._lanes.is_on_probation(path)

    def was_told(self, mx: str) -> bool:
        """Whether a person knows that this host's site refuses the message, and has gone on."""
        return self._site_of(mx) in self._told

    def _site_of(self, mx: str) -> str:
        row = self._desk.table.provider(Domain(mx))
        return mx if row is None else row.id

    async def rest(self, seconds: float) -> None:
        """Wait, but no longer than there is something to wait for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    @contextmanager
    def writing(self, job: Job) -> Iterator[None]:
        """Around the writing of a job's end: it is nobody else's from its beginning on."""
        self._jobs.pop(job.lease.attempt, None)
        yield
        domain = job.lease.domain
        self._in_hand[domain] -= 1
        if job.lane is not None and self._lanes.has_caught_up(job.lane):
            self._stir.set()
        if self._hungry and self._in_hand[domain] <= self._bounds.batch // 2:
            self._stir.set()
        if self._in_hand[domain] <= 0:
            del self._in_hand[domain]
        if not self._in_hand:
            self._stir.set()

    async def now(self) -> datetime:
        """Tell the time; all that waits goes along with a clock that has jumped."""
        while True:
            now, jump = self._time.look()
            if not jump:
                return now  # at once: whoever asked acts on it before anything else is done
            self._jumped += jump
            self._stir.set()
            for job in self._jobs.values():
                job.move(jump)
            # Written before anything that is asked to be written from here on.
            await self._desk.store.shift(self._desk.key, jump, now)
            way = "forward" if jump > timedelta() else "back"
            text = f"the clock was set {way} by {abs(jump)}; who waits is not kept longer by it"
            self._desk.on_news(News(now, text=text))

    def will_be_due(self, time: datetime) -> None:
        """Note when a recipient that was put off is to be tried again."""
        self._soonest = time if self._soonest is None else min(self._soonest, time)

    async def drain(self, lane: Lane) -> None:
        """Give back what waits for a site that may not be called now."""
        jobs = list(lane.queue)
        lane.queue.clear()
        for job in jobs:
            self._lanes.hold_back(job.lease.domain, job.paths)
        await self._give_back(jobs)

    def begin_audit(self, audit: Coroutine[Any, Any, None]) -> None:
        """Let an audit of the sender run beside all else; it ends with the run."""
        self._audits.add(self._start(audit))

    def unblocked(self, lane: Lane) -> None:
        """Note that a site may be called again."""
        self._lanes.unblocked(lane)
        self._stir.set()

    # From the store into the lanes

    async def _feed(self, *, wait: bool) -> None:
        leased = 0
        low = self._bounds.hold * 3 // 4  # lease again when a good many have gone
        while self._ended is None:
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
            if self._ended is None:
                await self._stirred(self._pause_length())

    async def _page(self) -> int:
        """Lease from one page of domains; return how many."""
        now = await self.now()
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
            if self._ended is not None or room <= 0:
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
        now = await self.now()
        desk, jumped = self._desk, self._jumped
        taken = await desk.store.lease(desk.key, now, limit, domain)
        if taken.leases:
            desk.note("leased")
            jobs = [Job(lease) for lease in taken.leases]
            if self._jumped != jumped:
                for job in jobs:
                    job.move(self._jumped - jumped)
            self._jobs |= {job.lease.attempt: job for job in jobs}
            self._in_hand[domain] += len(jobs)
            self._start(self._enqueue(domain, jobs))
        return len(taken.leases) + taken.expired + taken.suppressed

    async def _enqueue(self, domain: str, jobs: Sequence[Job]) -> None:
        """Find the way, order the messages, and put the jobs into their lane."""
        route = await self._desk.router(domain)
        if isinstance(route, Route):
            route = unreachable(route, self._desk.caller.sources) or route
        if self._ended is not None:
            return  # what is in hand is given back when all is wound up
        if isinstance(route, NoRoute):
            worker = Worker(self._desk, self._bounds, self)
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
            self._offer(lane)
        if behind:
            self._lanes.hold_back(domain, paths)
            await self._give_back(behind)

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
            self.end(Ended(Why.FINISHED))
        elif not wait and not any(lane.auditing for lane in self._lanes):
            self.end(Ended(Why.IDLE))

    async def _stirred(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stir.wait()

    # Workers

    def _offer(self, lane: Lane) -> None:
        """Start workers, for this lane and those that have waited longer, while some are free."""
        if not lane.offered:
            lane.offered = True
            self._ready.append(lane)
        time = asyncio.get_running_loop().time()
        while self._ready and len(self._workers) < self._bounds.connections:
            lane = self._ready.popleft()
            lane.offered = False
            if self._ended is not None:
                continue
            if self._may_work(lane, time):
                lane.workers += 1
                task = asyncio.create_task(Worker(self._desk, self._bounds, self).work(lane))
                self._workers.add(task)
                task.add_done_callback(partial(self._worker_ended, lane))
                lane.offered = True
                self._ready.append(lane)
            elif lane.queue and not lane.workers and lane.is_blocked(time):
                self._start(self.drain(lane))

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
            self._offer(lane)
        if lane.is_idle and not lane.is_blocked(asyncio.get_running_loop().time()):
            self._lanes.drop(lane)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._others.add(task)
        task.add_done_callback(self._other_ended)
        return task

    def _other_ended(self, task: asyncio.Task[None]) -> None:
        self._others.discard(task)
        self._audits.discard(task)
        self._noted(task)

    def _noted(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _watch(self) -> None:
        """Look whether another process ended the campaign, or has somebody sent to again."""
        desk, before = self._desk, 0
        while self._ended is None:
            await self.now()
            state, changed = await desk.store.glance(desk.key)
            if changed != before:
                before = changed
                self._stir.set()
            if state is not CampaignState.SENDING:
                why = {CampaignState.PAUSED: Why.PAUSED, CampaignState.CANCELLED: Why.CANCELLED}
                reason = (await desk.store.campaign(desk.key)).reason or ""
                self.end(Ended(why.get(state, Why.NOT_SENDING), reason=reason))
            await self.rest(self._bounds.poll)

    # The end

    async def _give_back(self, jobs: Iterable[Job]) -> None:
        async def one(job: Job) -> None:
            now = await self.now()  # by a clock whose jump is not known, it would move twice
            with self.writing(job):
                await self._desk.store.release(job.lease, now)

        await asyncio.gather(*(one(job) for job in jobs))

    async def _wind_up(self) -> None:
        """Wait for what is under way, then give back what is still in hand."""
        while tasks := self._workers | self._others:
            await asyncio.wait(tasks)
        worker = Worker(self._desk, self._bounds, self)
        jobs = list(self._jobs.values())
        begun = [job for job in jobs if job.attempt is not None and job.attempt.committed]
        try:
            await asyncio.gather(*(worker.broken_off(job) for job in begun))
            await self._give_back(job for job in jobs if job not in begun)
        except (StoreError, InternalError) as error:
            # Left as it is: the next process to open the store puts it in order.
            self.fail(error)

    async def _closed(self, ended: Ended) -> Ended:
        desk, now = self._desk, self._desk.clock()
        sending, why = {CampaignState.SENDING}, ended.why
        after = {
            Why.FINISHED: CampaignState.FINISHED,
            Why.IDLE: CampaignState.QUEUED,
            Why.STOPPED: CampaignState.QUEUED,
        }.get(ended.why)
        if after is not None:
            done = await desk.store.change(desk.key, after, now, only_from=sending)
            if not done and why is Why.FINISHED:
                stored = await desk.store.campaign(desk.key)
                if stored.state is CampaignState.PAUSED:
                    # The last recipient's outcome paused it in the moment of being written.
                    return Ended(Why.PAUSED, reason=stored.reason or "")
                # Somebody is to be sent to again since a moment ago.
                await desk.store.change(desk.key, CampaignState.QUEUED, now, only_from=sending)
                why = Why.IDLE
        due = (await desk.store.standing(desk.key)).due
        wait = self._lanes.unblocking(asyncio.get_running_loop().time())
        if due is not None and wait is not None and due <= now and why is Why.IDLE:
            due = now + timedelta(seconds=wait)
        return Ended(why, due, ended.reason)


def _retrieved(task: asyncio.Task[Sequence[Made | Unmade]]) -> None:
    """Take note of an error that nobody waits for: its leases were given back."""
    if not task.cancelled():
        task.exception()
