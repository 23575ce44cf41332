"""What the engine is given, ways to a receiver and messages, and what it tells.

Router ─► Route(site, hops) | NoRoute      where a domain's mail goes
Maker  ─► Made | Unmade                    the signed bytes for a lease
Pace   ─► Allowance, seconds to wait       how much of it at a time
Engine ─► News                             to whoever watches
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sendgate.send.making import Made, Unmade
from sendgate.send.outcome import Bounced, Deferred, Outcome
from sendgate.send.shaping import Site
from sendgate.send.smtp.tls import TlsPolicy
from sendgate.send.store import Lease

__all__ = [
    "Ended",
    "Hop",
    "Made",
    "Maker",
    "News",
    "NewsReader",
    "NoRoute",
    "OnAuthRejection",
    "Route",
    "Router",
    "Unmade",
    "Why",
    "WhyNoRoute",
]


@dataclass(frozen=True)
class Hop:
    """One address of one mail exchanger, and the TLS that is asked of it."""

    mx: str
    address: str
    preference: int = 0
    port: int = 25
    policy: TlsPolicy = field(default_factory=TlsPolicy)


@dataclass(frozen=True)
class Route:
    """Where the mail of a domain goes. `site` names the receiver that its hosts belong to.

    `hops` may stand in any order: who dials them sorts by preference and shuffles equals.
    """

    site: Site
    hops: tuple[Hop, ...]


class WhyNoRoute(StrEnum):
    """Why there is nobody to call."""

    NO_SUCH_DOMAIN = "no_such_domain"  # NXDOMAIN
    NULL_MX = "null_mx_domain"  # RFC 7505: it takes no mail
    UNRESOLVED = "unresolved"  # the DNS did not answer
    NO_ADDRESS = "no_address"  # mail exchangers without an address
    TLS_POLICY = "tls_policy"  # no mail exchanger is one that the domain's policy allows


@dataclass(frozen=True)
class NoRoute:
    """Nobody can be called for a domain, now or at all."""

    why: WhyNoRoute
    detail: str


Router = Callable[[str], Awaitable[Route | NoRoute]]
"""From a recipient domain (A-labels) to its route; asked often, so it remembers."""


class Maker(Protocol):
    """Composes and signs."""

    async def make(self, leases: Sequence[Lease]) -> Sequence[Made | Unmade]:
        """Make one message for each lease, in their order."""


OnAuthRejection = Callable[[Site, Bounced | Deferred], Awaitable[bool]]
"""A site rejects our authentication: audit at once, and say whether the audit passed."""


class Why(StrEnum):
    """Why the engine stopped."""

    FINISHED = "finished"  # every recipient has a final state or is unknown
    IDLE = "idle"  # nothing is due, and it was not to wait
    STOPPED = "stopped"  # it was told to
    PAUSED = "paused"  # by another process, or by the engine: the reason says so
    CANCELLED = "cancelled"
    NOT_SENDING = "not_sending"  # the campaign is in no state to be sent


@dataclass(frozen=True)
class Ended:
    """How a run ended; `due` is when something will be due, None where nothing will."""

    why: Why
    due: datetime | None = None
    reason: str = ""


@dataclass(frozen=True)
class News:
    """One thing that happened.

    `outcome` and `address` for an attempt; otherwise `text` is a sentence about `site`, or
    about `address`, which is excluded for it.
    """

    time: datetime
    site: str = ""
    address: str = ""
    outcome: Outcome | None = None
    text: str = ""


NewsReader = Callable[[News], None]
