"""What mail hosts show who calls them: the certificates of STARTTLS, or why there are none.

    MailHosts.call(host, addresses) ─► one Shown | Plain | Unreached an address

Whoever makes connections implements `MailHosts`; facts and rules know only what came of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sendgate.dns.answers import Reason
from sendgate.names import Domain
from sendgate.profile import IpAddress

__all__ = ["Called", "MailHosts", "Plain", "Shown", "Unreached"]


@dataclass(frozen=True)
class Shown:
    """The certificates that a host sent, in DER, its own first; `at` (aware) is when."""

    address: IpAddress
    chain: tuple[bytes, ...]
    at: datetime


@dataclass(frozen=True)
class Plain:
    """The host greeted us, and offers no STARTTLS."""

    address: IpAddress


@dataclass(frozen=True)
class Unreached:
    """No certificate was seen, for a reason that may be ours; `detail` says it in words."""

    address: IpAddress
    reason: Reason
    detail: str


Called = Shown | Plain | Unreached


class MailHosts(Protocol):
    """What calls mail hosts."""

    async def call(self, host: Domain, addresses: Sequence[IpAddress]) -> tuple[Called, ...]:
        """Call a host at some of its addresses; every failure is a value."""
        ...
