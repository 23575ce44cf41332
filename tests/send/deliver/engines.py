"""What the tests of delivery share: a campaign in a store, and an engine for it on loopback."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sendgate.names import Domain
from sendgate.send.deliver import (
    Bounds,
    Caller,
    Desk,
    Ended,
    Engine,
    Hop,
    Made,
    News,
    NoRoute,
    Route,
    Unmade,
)
from sendgate.send.outcome import Bounced, Deferred, Outcome
from sendgate.send.pace import Pace
from sendgate.send.shaping import Shaping, Site, load_shaping
from sendgate.send.smtp.client import Timeouts
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.tls import Trust
from sendgate.send.state import CampaignState, State
from sendgate.send.store import Campaign, Lease, NewRecipient, Store, open_store

PATIENT = Timeouts(*[20.0] * 9, quit=0.3)  # a busy machine is slow, not silent
QUICK = Timeouts(*[0.4] * 9, quit=0.1)


@dataclass(frozen=True)
class Writing:
    """Writes plain messages of so many lines; one to an address with ``bad`` cannot be made."""

    lines: int = 1

    async def make(self, leases: Sequence[Lease]) -> Sequence[Made | Unmade]:
        return [self.one(lease) for lease in leases]

    def one(self, lease: Lease) -> Made | Unmade:
        if lease.address.startswith("bad"):
            return Unmade("the subject is empty")
        name = f"<{lease.recipient}@example.com>"
        text = f"Hello {lease.address}\r\n" * self.lines
        data = f"Message-ID: {name}\r\nSubject: hello\r\n\r\n{text}".encode()
        digest = hashlib.sha256(data).hexdigest()
        return Made(
            Envelope(f"b-{lease.recipient}@m.example.com", lease.address), name, data, digest
        )


def route(*ports: int, site: str = "mx.example.net", **hop: object) -> Route:
    """Hosts on loopback, each less preferred than the one before."""
    hops = tuple(
        replace(Hop(f"mx{at}.example.net", "127.0.0.1", at * 10, port), **hop)
        for at, port in enumerate(ports)
    )
    return Route(Site(site), hops)


@dataclass
class Bench:
    """A campaign that is loaded and sending, and how to run it."""

    store: Store
    campaign: Campaign
    routes: dict[str, Route | NoRoute]
    timeouts: Timeouts = PATIENT
    bounds: Bounds = field(default_factory=lambda: Bounds(poll=0.05, linger=0.02, rest=0.2))
    table: Shaping = field(default_factory=load_shaping)
    passes: list[bool] = field(default_factory=list)  # what each further audit says
    audits: list[str] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    ahead: timedelta = timedelta(0)  # by which the clock is ahead
    passed: timedelta | None = None  # of that, what a clock that never jumps knows; None: no such
    sources: tuple[str, ...] = ()
    rate: float | None = None
    lines: int = 1
    running: Engine | None = None  # the latest

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def steady(self) -> float:
        assert self.passed is not None
        return time.monotonic() + self.passed.total_seconds()

    def later(self, passed: timedelta, jump: timedelta = timedelta(0)) -> None:
        """Let time pass, and have the clock jump beside."""
        assert self.passed is not None
        self.passed, self.ahead = self.passed + passed, self.ahead + passed + jump

    async def find(self, domain: str) -> Route | NoRoute:
        return self.routes[domain]

    async def audit(self, site: Site, outcome: Bounced | Deferred) -> bool:
        self.audits.append(f"{site} {outcome.category}")
        return self.passes.pop(0)

    def engine(self) -> Engine:
        dice = random.Random(3)
        desk = Desk(
            store=self.store,
            key=self.campaign.key,
            router=self.find,
            maker=Writing(self.lines),
            pace=Pace(self.table, self.rate),
            table=self.table,
            caller=Caller("mail.example.com", Trust(), self.sources, self.timeouts, dice),
            on_auth_rejection=self.audit,
            on_news=self.news.append,
            forget=self.forgotten.append,
            clock=self.clock,
            steady=None if self.passed is None else self.steady,
            dice=dice,
            note=self.steps.append,
        )
        return Engine(desk, self.bounds)

    async def run(self, *, wait: bool = False) -> Ended:
        self.running = self.engine()
        return await self.running.run(wait=wait)

    async def go_on(self) -> None:
        """Bring the campaign back into the state in which it is sent."""
        assert await self.store.change(self.campaign.key, CampaignState.SENDING, self.clock())

    @property
    def outcomes(self) -> list[Outcome]:
        return [one.outcome for one in self.news if one.outcome is not None]

    async def states(self) -> dict[State, int]:
        counts = await self.store.counts(self.campaign.key)
        return {state: number for state, number in counts.states.items() if number}


@asynccontextmanager
async def bench(
    folder: Path,
    route: Route | NoRoute,
    people: Sequence[str] = ("a@example.net",),
    **options: object,
) -> AsyncIterator[Bench]:
    """A bench whose every domain has this route."""
    rows = [NewRecipient(one, one.partition("@")[2], {}, at) for at, one in enumerate(people)]
    async with open_store(folder / "s.db") as store:
        now = datetime.now(UTC)
        campaign, _ = await store.enter("news", "hash", "{}", now)
        async with store.loading(campaign, now) as loader:
            for row in rows:
                await loader.add(row)
        assert await store.change(campaign.key, CampaignState.SENDING, now)
        routes = {Domain.parse(row.domain).text: route for row in rows}
        yield replace(Bench(store, campaign, routes), **options)
