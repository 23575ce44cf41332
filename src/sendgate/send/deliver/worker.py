"""A worker: one connection to a site, and the messages that go over it, one after another.

next job ─► message ─► attempt ─► verdict ─► written down ─► what else follows ─► next job
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sendgate.send.deliver.attempt import Line, Try
from sendgate.send.deliver.desk import Bounds, Desk
from sendgate.send.deliver.lane import Job, Lane
from sendgate.send.deliver.parts import Made, News, NoRoute, Unmade
from sendgate.send.deliver.verdict import Excluded, Verdict
from sendgate.send.outcome import (
    Bounced,
    Deferred,
    Delivered,
    NotSent,
    Peer,
    Phase,
    Unknown,
)
from sendgate.send.pace import Path

__all__ = ["Foreman", "Worker"]

_BROKEN_OFF = "broken off before the final dot left"
_IN_DOUBT = "broken off before the reply to the final dot"


class Foreman(Protocol):
    """What a worker asks of the engine, and tells it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing new may be begun."""

    @property
    def is_crowded(self) -> bool:
        """Whether other sites wait for a connection to become free."""

    async def pause(self, reason: str) -> None:
        """Pause the campaign."""

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until nothing new may be begun."""

    def writing(self, job: Job) -> AbstractContextManager[None]:
        """Around the writing of a job's end."""

    async def now(self) -> datetime:
        """Tell the time by which outcomes are judged."""

    def is_on_probation(self, path: Path) -> bool:
        """Whether a rejected authentication of this path is still being looked into."""

    def was_told(self, mx: str) -> bool:
        """Whether a person knows that this host refuses the message, and has gone on."""

    def will_be_due(self, time: datetime) -> None:
        """Note when somebody is to be tried again."""

    async def drain(self, lane: Lane) -> None:
        """Give back what waits in a lane."""

    def begin_audit(self, audit: Coroutine[Any, Any, None]) -> None:
        """Let an audit run beside all else."""

    def unblocked(self, lane: Lane) -> None:
        """Note that a site may be called again."""


@dataclass(frozen=True)
class Worker:
    """Works for an engine; holds nothing between two jobs but the connection."""

    desk: Desk
    bounds: Bounds
    foreman: Foreman

    async def work(self, lane: Lane) -> None:
        """Take job after job, until there is none or none may be taken."""
        line: Line | None = None
        try:
            while (job := await self._next(lane)) is not None:
                lane.busy += 1
                try:
                    line = await self._serve(lane, job, line)
                finally:
                    lane.busy -= 1
                if line is None and self.foreman.is_crowded:
                    return  # the next connection is another site's
            if line is not None:
                await line.session.quit()
        except BaseException:
            if line is not None:
                line.session.abort()
            raise

    async def _next(self, lane: Lane) -> Job | None:
        """The next job, once the pace allows it; None where this worker is no longer wanted."""
        time = asyncio.get_running_loop().time
        while not self.foreman.is_over:
            if lane.is_blocked(time()):
                await self.foreman.drain(lane)
                return None
            if lane.trial and lane.busy:
                return None
            if not lane.queue:
                if self.foreman.is_crowded or not await self._more(lane):
                    return None
                continue
            if not self.desk.pace.has_room(lane.path, time()):
                return None
            wait = self.desk.pace.take(lane.path, time())
            if wait <= 0:
                return lane.queue.popleft()
            if wait > self.bounds.patience:
                lane.paused_until = time() + wait
            else:
                await self.foreman.rest(wait)
        return None

    async def _more(self, lane: Lane) -> bool:
        """Wait a little for more to do, because a connection that is open is worth something."""
        lane.fresh.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.bounds.linger):
                await lane.fresh.wait()
        return bool(lane.queue)

    async def _serve(self, lane: Lane, job: Job, line: Line | None) -> Line | None:
        """Do one job to its end, the outcome on the disk; return the line if it is still good."""
        made = await job.message()
        if isinstance(made, Unmade):
            await self._exclude(job, Excluded("render_error", made.detail))
            return line
        if self.foreman.is_over:
            now = await self.foreman.now()
            with self.foreman.writing(job):
                await self.desk.store.release(job.lease, now)
            return line
        assert job.route is not None, "a job in a lane has its route"
        attempt = Try(
            made=made,
            route=job.route,
            reuse=self.desk.reuse(lane.path.site),
            commit=partial(self._commit, job, made),
            note=self.desk.note,
            line=line,
            sources=self._sources(lane),
        )
        job.attempt, job.era = attempt, lane.era
        try:
            await attempt.run(self.desk.caller)
            await self._conclude(lane, job, attempt)
        except BaseException:
            if attempt.line is not None:
                attempt.line.session.abort()
            raise
        if attempt.line is None or attempt.line.session.is_usable:
            return attempt.line
        await attempt.line.session.quit()
        return None

    def _sources(self, lane: Lane) -> tuple[str, ...]:
        """The lane's own address, and those for hosts out of its reach that may be called."""
        own, now = lane.path.source, asyncio.get_running_loop().time()
        if not own:
            return ()
        others = [source for source in self.desk.caller.sources if source != own]
        paths = [Path(source, lane.path.site) for source in others]
        return own, *(
            path.source
            for path in paths
            if not self.desk.pace.is_held(path, now) and not self.foreman.is_on_probation(path)
        )

    async def _commit(self, job: Job, made: Made, peer: Peer) -> None:
        desk = self.desk
        await desk.store.commit(job.lease, peer, made.message_id, made.digest, desk.clock())

    async def _conclude(self, lane: Lane, job: Job, attempt: Try) -> None:
        desk, now = self.desk, await self.foreman.now()
        verdict = desk.judge(
            attempt.tries,
            job.lease.history,
            now,
            desk.dice.random(),
            committed=attempt.committed,
        )
        verdict = self._without_what_is_known(verdict)
        await self._write(job, verdict)
        self._pace(lane, verdict)
        await self._follow(lane, job, verdict)

    def _without_what_is_known(self, verdict: Verdict) -> Verdict:
        """The verdict without its pause, where a person has gone on in spite of the reason."""
        peer = verdict.outcome.peer if isinstance(verdict.outcome, Bounced) else None
        if verdict.stop and peer is not None and self.foreman.was_told(peer.mx):
            return replace(verdict, stop="")
        return verdict

    async def _write(self, job: Job, verdict: Verdict) -> None:
        """Write the outcome down; it is durable when this returns."""
        outcome = verdict.outcome
        if isinstance(outcome, Excluded):
            await self._exclude(job, outcome)
            return
        now = self.desk.clock()
        with self.foreman.writing(job):
            await self.desk.store.settle(
                job.lease,
                outcome,
                now,
                suppress=verdict.suppress,
                pause=verdict.stop,
                hard_after=verdict.hard_after,
                message_id=job.attempt.made.message_id if job.attempt else None,
            )
            self.desk.note("settled")
            if isinstance(outcome, Deferred | NotSent) and outcome.next is not None:
                self.foreman.will_be_due(outcome.next)
        self.desk.on_news(News(now, job.site, job.lease.address, outcome))

    async def _exclude(self, job: Job, excluded: Excluded) -> None:
        now = self.desk.clock()
        with self.foreman.writing(job):
            await self.desk.store.exclude(job.lease, excluded.code, excluded.detail, now)
        text = f"excluded, {excluded.code}: {excluded.detail}"
        self.desk.on_news(News(now, job.site, job.lease.address, text=text))

    def _pace(self, lane: Lane, verdict: Verdict) -> None:
        pace, time = self.desk.pace, asyncio.get_running_loop().time()
        path, outcome = lane.path, verdict.outcome
        if path.source and isinstance(outcome, Delivered | Bounced | Deferred):
            # Where the host was out of the lane's reach, another address has spoken with it.
            source = outcome.peer.source if outcome.peer else None
            path = Path(source or path.source, path.site)
        if isinstance(outcome, Delivered):
            pace.delivered(path, time)
        elif isinstance(outcome, NotSent):
            pace.unreached(path, time)
        elif verdict.meaning is not None:
            pace.heard(path, verdict.meaning, time)

    async def _follow(self, lane: Lane, job: Job, verdict: Verdict) -> None:
        """Do what a verdict asks for beyond its recipient."""
        outcome = verdict.outcome
        if isinstance(outcome, Deferred) and outcome.category == "tls_policy":
            self.desk.forget(job.lease.domain)
        if verdict.stop:
            await self.foreman.pause(verdict.stop)
        if job.era != lane.era:
            return  # it was on its way before the audit, and says nothing about after it
        if verdict.rejects_auth:
            assert isinstance(outcome, Bounced | Deferred), "a rejection is one of these"
            if lane.trial:
                text = f"{_rejection(lane, outcome)}, though the audit passed"
                await self.foreman.pause(text)
                return
            lane.auditing, lane.era = True, lane.era + 1
            self.foreman.begin_audit(self._audit(lane, outcome))
        elif lane.trial and isinstance(outcome, Delivered | Bounced | Deferred):
            lane.trial = False

    async def _audit(self, lane: Lane, outcome: Bounced | Deferred) -> None:
        """Have the sender audited; then one message may try, or the campaign pauses."""
        text = f"{lane.path.site} rejects the sender's authentication: {outcome.reply}"
        self.desk.on_news(
            News(self.desk.clock(), str(lane.path.site), text=f"{text}; auditing again")
        )
        await self.foreman.drain(lane)
        if not await self.desk.on_auth_rejection(lane.path.site, outcome):
            await self.foreman.pause(f"{text}, and the audit does not pass")
            return
        lane.auditing, lane.trial, lane.paused_until = False, True, 0.0
        self.desk.pace.release(lane.path, asyncio.get_running_loop().time(), trial=True)
        self.foreman.unblocked(lane)

    async def unrouted(self, job: Job, found: NoRoute) -> None:
        """End an attempt for which nobody can be called."""
        desk, now = self.desk, await self.foreman.now()
        verdict = desk.judge.unrouted(found, job.lease.history, now, desk.dice.random())
        await self._write(job, verdict)

    async def broken_off(self, job: Job) -> None:
        """Write down an attempt that was broken off between its commit record and its outcome.

        Whose dot had not left is due at once: it was us who broke off, and not the receiver.
        """
        desk, now = self.desk, await self.foreman.now()
        attempt, history = job.attempt, job.lease.history
        assert attempt is not None, "only what was begun can be broken off"
        peer = attempt.line.session.peer if attempt.line is not None else None
        if attempt.answer is not None:  # it had come, and was not yet written
            draw = desk.dice.random()
            verdict = desk.judge([attempt.answer], history, now, draw, committed=True)
            verdict = self._without_what_is_known(verdict)
        elif attempt.in_doubt:
            verdict = Verdict(Unknown(_IN_DOUBT, peer))
        else:
            verdict = Verdict(Deferred("temporary", now, Phase.DATA, None, peer, _BROKEN_OFF))
        await self._write(job, verdict)


def _rejection(lane: Lane, outcome: Bounced | Deferred) -> str:
    return f"{lane.path.site} rejects the sender's authentication ({outcome.reply})"
