"""The shelf of MTA-STS policies: what was fetched once holds for its time, in later runs too.

RFC 8461 section 5.1: a policy is in force until its `max_age` is over, whatever the policy
host or DNS say meanwhile. One that a restart forgot could be switched off by whoever can
suppress an answer just then.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendgate.mtasts.policies import Kept
from sendgate.mtasts.record import Policy, parse_policy
from sendgate.names import Domain
from sendgate.send.store.rows import from_ms, to_ms

if TYPE_CHECKING:
    from sendgate.send.store.store import Store

__all__ = ["PolicyShelf"]


@dataclass(frozen=True)
class PolicyShelf:
    """The policies that a store keeps."""

    store: Store

    async def load(self, domain: Domain) -> Kept | None:
        """What was had of a domain's policy last, in force or not; None: nothing."""
        return await self.store.read(lambda db: _load(db, domain))

    async def keep(self, domain: Domain, kept: Kept) -> None:
        """Keep a policy in the place of an older one; durable when this returns."""
        await self.store.write(lambda db: _keep(db, domain, kept))


def _load(db: sqlite3.Connection, domain: Domain) -> Kept | None:
    row = db.execute(
        "SELECT id, policy, fetched FROM sts_policy WHERE domain = ?", (domain.text,)
    ).fetchone()
    policy = None if row is None else parse_policy(row[1])
    return Kept(row[0], policy, from_ms(row[2])) if isinstance(policy, Policy) else None


def _keep(db: sqlite3.Connection, domain: Domain, kept: Kept) -> None:
    if kept.id is None or kept.policy is None or kept.fetched is None:
        return
    db.execute(
        "INSERT OR REPLACE INTO sts_policy (domain, id, policy, fetched) VALUES (?, ?, ?, ?)",
        (domain.text, kept.id, str(kept.policy), to_ms(kept.fetched)),
    )
