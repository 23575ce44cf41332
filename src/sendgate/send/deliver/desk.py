"""The desk: all that the engine works with, given to it whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sendgate.send.deliver.attempt import Caller
from sendgate.send.deliver.parts import Maker, NewsReader, OnAuthRejection, Router
from sendgate.send.deliver.verdict import Judge
from sendgate.send.pace import Pace
from sendgate.send.shaping import Shaping, Site
from sendgate.send.smtp.client import Reuse
from sendgate.send.store import Store

__all__ = ["Bounds", "Desk"]


@dataclass(frozen=True)
class Bounds:
    """How much the engine takes in hand.

    `connections` at a time over all sites; `hold` leases in hand, a quarter of them for one
    site, `batch` from one domain at a time. In seconds: `poll` between two looks for a pause
    or a cancel, `linger` for which a connection without work stays open, `patience` for the
    pace before what waits for a site is given back, and `rest` at most between two looks for
    what is due.
    """

    connections: int = 200
    hold: int = 600
    batch: int = 100
    poll: float = 1.0
    linger: float = 0.5
    patience: float = 5.0
    rest: float = 30.0


@dataclass(frozen=True)
class Desk:
    """The store and the campaign's key in it, and everything that is asked or told.

    `steady` gives seconds that never jump, by which a jump of the clock is known. `forget` is
    told a domain whose TLS policy could not be met, so that its route is asked
    for anew (RFC 8461 section 5.1). `note` is told each step's name as it is reached:
    leased, connecting, committing, committed, answered, settled.
    """

    store: Store
    key: int
    router: Router
    maker: Maker
    pace: Pace
    table: Shaping
    caller: Caller
    on_auth_rejection: OnAuthRejection
    on_news: NewsReader = lambda _: None
    forget: Callable[[str], None] = lambda _: None
    judge: Judge = field(default_factory=Judge)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    steady: Callable[[], float] | None = None
    dice: random.Random = field(default_factory=random.Random)
    note: Callable[[str], None] = lambda _: None

    def reuse(self, site: Site) -> Reuse:
        """How long one connection to a site may serve."""
        return Reuse(messages=self.table.limits(site).messages)
