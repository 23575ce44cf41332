"""A lane: what waits to leave from one source address to one site, and whether it may now."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sendgate.send.deliver.attempt import Try
from sendgate.send.deliver.parts import Made, Route, Unmade
from sendgate.send.pace import Path
from sendgate.send.store import Lease

__all__ = ["Job", "Lane"]


@dataclass(eq=False)
class Job:
    """One lease in hand: its route and message come first, then its attempt."""

    lease: Lease
    route: Route | None = None
    lane: Lane | None = None  # the one it waits in, or has left to be sent
    paths: Sequence[Sequence[Path]] = ()  # those of all lanes that it could have taken
    messages: asyncio.Task[Sequence[Made | Unmade]] | None = None  # of a batch of leases
    index: int = 0  # which of them is this one's
    attempt: Try | None = None
    era: int = 0  # the lane's, when the attempt began

    @property
    def site(self) -> str:
        """The site's name, empty before the route is known."""
        return "" if self.route is None else str(self.route.site)

    def move(self, jump: timedelta) -> None:
        """Take the times of the lease along with a clock that has jumped."""
        first = self.lease.history.first
        history = replace(self.lease.history, first=None if first is None else first + jump)
        self.lease = replace(self.lease, time=self.lease.time + jump, history=history)

    async def message(self) -> Made | Unmade:
        """Wait for the message; whoever stops waiting does not stop its making."""
        assert self.messages is not None, "a job in a lane has its message ordered"
        return (await asyncio.shield(self.messages))[self.index]


@dataclass(eq=False)
class Lane:
    """What waits for one path.

    After a rejected authentication nothing goes (`auditing`), then one message alone
    (`trial`), and what was under way before counts no more (`era`).
    """

    path: Path
    queue: deque[Job] = field(default_factory=deque)
    workers: int = 0
    busy: int = 0
    paused_until: float = 0.0  # seconds of the loop's clock
    auditing: bool = False
    trial: bool = False
    era: int = 0
    offered: bool = False  # stands in the engine's queue of lanes
    is_behind: bool = False  # more was given back, for want of room
    fresh: asyncio.Event = field(default_factory=asyncio.Event)

    def is_blocked(self, now: float) -> bool:
        """Whether nothing may go this way now."""
        return self.auditing or self.paused_until > now

    def wants_worker(self, connections: int, now: float) -> bool:
        """Whether another connection would have something to do, and is allowed."""
        most = 1 if self.trial else connections
        free = self.workers - self.busy
        return len(self.queue) > free and self.workers < most and not self.is_blocked(now)

    @property
    def is_on_probation(self) -> bool:
        """Whether a rejected authentication is still being looked into."""
        return self.auditing or self.trial

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be lost with it."""
        return not (self.queue or self.workers or self.is_on_probation)
