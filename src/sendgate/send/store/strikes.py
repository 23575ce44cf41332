"""Bounces that say little in one campaign and enough in several.

A mailbox that is full, or disabled, is so for a while; one that was so in campaign after
campaign, with no message taken between, is given up. Every function takes a connection
inside a transaction.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sendgate.send.store.rows import clean, to_ms

__all__ = ["absolve", "strike"]


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


def absolve(db: sqlite3.Connection, address: str) -> None:
    """Forget the bounces of an address that has taken a message."""
    db.execute("DELETE FROM strike WHERE address = ?", (clean(address, 400),))
