"""The engine: takes what is due out of the store, gives it to receivers, writes what came of it.

    feed:  due domains ─ lease ─► route, messages ─► lanes, one a source address and site
    crew:  lane ─► worker, one a connection
    work:  attempt (commit record ─► final dot) ─► verdict ─► outcome on the disk ─► next

It decides nothing: what a reply means is the judge's to say, how fast a site takes mail the
pace's, who is due and what may follow what the store's. Each connection is one worker, which
takes its next message only after the outcome of the last one is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from typing import Any

from sendgate.errors import InternalError, StoreError
from sendgate.names import Domain
from sendgate.send.deliver.crew import Crew
from sendgate.send.deliver.desk import Bounds, Desk
from sendgate.send.deliver.feed import Feed
from sendgate.send.deliver.lane import Job, Lane
from sendgate.send.deliver.lanes import Lanes
from sendgate.send.deliver.parts import Ended, News, Why
from sendgate.send.deliver.timekeeper import Timekeeper
from sendgate.send.deliver.verdict import ABOUT_THE_MESSAGE, refuses_the_message
from sendgate.send.pace import Path
from sendgate.send.state import CampaignState

__all__ = ["Engine"]


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
        self._crew = Crew(desk, self._bounds, self._lanes, self, self.fail)
        self._feed = Feed(desk, self._bounds, self._lanes, self._crew, self)
        self._told: set[str] = set()  # sites that refused the message before a person went on
        self._audits: set[asyncio.Task[None]] = set()
        self._ended: Ended | None = None
        self._error: BaseException | None = None
        self._over = asyncio.Event()

    async def run(self, *, wait: bool = True) -> Ended:
        """Send until every recipient has a final state or is unknown; say why it stopped.

        Not `wait`: until nothing is due. Raises `StoreError` where the store cannot be
        written; no final dot leaves after that.
        """
        self._crew.start(self._watch())
        try:
            refused_by = await self._desk.store.refused_by(
                self._desk.key, ABOUT_THE_MESSAGE, refuses_the_message
            )
            self._told = {self._site_of(mx) for mx in refused_by}
            await self._feed.run(wait=wait)
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
        self._crew.break_off()

    # What workers and the feed ask and tell

    @property
    def is_over(self) -> bool:
        """Whether nothing new may be begun."""
        return self._ended is not None

    @property
    def is_crowded(self) -> bool:
        """Whether other lanes wait for a connection to become free."""
        return self._crew.is_crowded

    def end(self, ended: Ended) -> None:
        """Begin to wind up; the first reason counts."""
        if self._ended is None:
            self._ended = ended
        self._over.set()
        self._feed.stir()
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

    def writing(self, job: Job) -> AbstractContextManager[None]:
        """Around the writing of a job's end: it is nobody else's from its beginning on."""
        return self._feed.writing(job)

    async def now(self) -> datetime:
        """Tell the time; all that waits goes along with a clock that has jumped."""
        while True:
            now, jump = self._time.look()
            if self._time.has_slept:
                self._feed.begin(now)
            if not jump:
                return now  # at once: whoever asked acts on it before anything else is done
            self._feed.move(jump)
            # Written before anything that is asked to be written from here on.
            await self._desk.store.shift(self._desk.key, jump, now)
            way = "forward" if jump > timedelta() else "back"
            text = f"the clock was set {way} by {abs(jump)}; who waits is not kept longer by it"
            self._desk.on_news(News(now, text=text))

    def will_be_due(self, time: datetime) -> None:
        """Note when a recipient that was put off is to be tried again."""
        self._feed.will_be_due(time)

    async def drain(self, lane: Lane) -> None:
        """Give back what waits for a site that may not be called now."""
        jobs = list(lane.queue)
        lane.queue.clear()
        for job in jobs:
            self._lanes.hold_back(job.lease.domain, job.paths)
        await self._feed.give_back(jobs)

    def begin_audit(self, audit: Coroutine[Any, Any, None]) -> None:
        """Let an audit of the sender run beside all else; it ends with the run."""
        task = self._crew.start(audit)
        self._audits.add(task)
        task.add_done_callback(self._audits.discard)

    def unblocked(self, lane: Lane) -> None:
        """Note that a site may be called again."""
        self._lanes.unblocked(lane)
        self._feed.stir()

    async def _watch(self) -> None:
        """Look whether another process ended the campaign, or has somebody sent to again."""
        desk, before = self._desk, 0
        while self._ended is None:
            await self.now()
            state, changed = await desk.store.glance(desk.key)
            if changed != before:
                before = changed
                self._feed.stir()
            if state is not CampaignState.SENDING:
                why = {CampaignState.PAUSED: Why.PAUSED, CampaignState.CANCELLED: Why.CANCELLED}
                reason = (await desk.store.campaign(desk.key)).reason or ""
                self.end(Ended(why.get(state, Why.NOT_SENDING), reason=reason))
            await self.rest(self._bounds.poll)

    # The end

    async def _wind_up(self) -> None:
        """Wait for what is under way, then give back what is still in hand."""
        await self._crew.gone()
        worker, jobs = self._crew.worker(), self._feed.jobs
        begun = [job for job in jobs if job.attempt is not None and job.attempt.committed]
        try:
            await asyncio.gather(*(worker.broken_off(job) for job in begun))
            await self._feed.give_back(job for job in jobs if job not in begun)
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
