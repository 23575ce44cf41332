"""Bounces that say little in one campaign and enough in several.

A mailbox that is full, or disabled, is so for a while; one that was so in campaign after
campaign, with no message taken between, is given up. Every function takes a connection
inside a transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime

from sendgate.send.outcome import Bounced, Outcome
from sendgate.send.store.rows import clean, to_ms

__all__ = ["absolve", "strike", "weigh"]


def strike(
    db: sqlite3.Connection, address: str, category: str, campaign: int, now: datetime
) -> int:
    """Note that an address bounced this way in a campaign; return in how many it has.

    However often it bounces in one campaign, that is one.
    """
    address = clean(address, 400)
    db.execute(
        "INSERT OR IGNORE INTO strike (address, category, campaign, time) VALUES (?, ?, ?, ?)",
        (address, category, campaign, to_ms(now)),
    )
    row = db.execute(
        "SELECT count(*) FROM strike WHERE address = ? AND category = ?", (address, category)
    ).fetchone()
    return int(row[0])


def weigh(
    db: sqlite3.Connection,
    address: str,
    outcome: Outcome,
    campaign: int,
    now: datetime,
    hard_after: int | None,
) -> tuple[Outcome, str]:
    """Count a soft bounce; give the outcome that it comes to, and why to suppress the address.

    It is a hard one once the address has bounced this way in `hard_after` campaigns; the
    reason is empty where it is not. None: never.
    """
    if not isinstance(outcome, Bounced) or outcome.hard or not hard_after:
        return outcome, ""
    number = strike(db, address, outcome.category, campaign, now)
    if number < hard_after:
        return outcome, ""
    campaigns = "1 campaign" if number == 1 else f"{number} campaigns"
    last = outcome.reply or outcome.detail
    return replace(outcome, hard=True), f"{outcome.category} in {campaigns}: {last}"


def absolve(db: sqlite3.Connection, address: str) -> None:
    """Forget the bounces of an address that has taken a message."""
    db.execute("DELETE FROM strike WHERE address = ?", (clean(address, 400),))
