"""Contacts taken into a store, and those that are left out, each with its reason.

Loading may break off at any moment: until it is finished nothing is sent, and the next
attempt begins anew. Every function takes a connection inside a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from sendgate.errors import InternalError
from sendgate.send.state import CampaignState
from sendgate.send.store import campaigns, suppressed
from sendgate.send.store.rows import Exclusion, NewRecipient, clean, to_ms

__all__ = ["finish_load", "load", "note_exclusion", "start_load"]

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def start_load(db: sqlite3.Connection, key: int) -> None:
    """Begin to load contacts; what a load that broke off has left is thrown away."""
    if campaigns.by_key(db, key).loaded:
        raise InternalError("the contacts of this campaign are loaded already")
    db.execute(
        "DELETE FROM contact WHERE recipient IN (SELECT id FROM recipient WHERE campaign = ?)",
        (key,),
    )
    db.execute("DELETE FROM recipient WHERE campaign = ?", (key,))
    db.execute("DELETE FROM tally WHERE campaign = ?", (key,))
    db.execute("DELETE FROM exclusion WHERE campaign = ?", (key,))


def load(
    db: sqlite3.Connection, key: int, rows: Sequence[NewRecipient | Exclusion], now: datetime
) -> None:
    """Take contacts in; who is suppressed or stands twice becomes an exclusion."""
    time = to_ms(now)
    given = [row for row in rows if isinstance(row, NewRecipient)]
    barred = suppressed.is_suppressed(db, ((row.address, row.domain) for row in given))
    new = [row for row in given if row.address not in barred] if barred else given
    # The numbers are given out here, so that a whole batch goes in by one call, and those
    # that are missing afterwards are the doubles.
    base = db.execute("SELECT coalesce(max(id), 0) + 1 FROM recipient").fetchone()[0]
    db.executemany(
        "INSERT OR IGNORE INTO recipient (id, campaign, address, domain, state, due, line)"
        " VALUES (?, ?, ?, ?, 'queued', ?, ?)",
        ((base + i, key, row.address, row.domain, time, row.line) for i, row in enumerate(new)),
    )
    taken = {number for (number,) in db.execute("SELECT id FROM recipient WHERE id >= ?", (base,))}
    db.executemany(
        "INSERT INTO contact (recipient, fields) VALUES (?, ?)",
        ((base + i, _ENCODE(row.fields)) for i, row in enumerate(new) if base + i in taken),
    )
    db.execute(
        "INSERT INTO tally VALUES (?, 'queued', 0, '', ?)"
        " ON CONFLICT DO UPDATE SET number = number + excluded.number",
        (key, len(taken)),
    )
    left_out = [row for row in rows if isinstance(row, Exclusion)]
    left_out += [
        Exclusion(row.address, "suppressed", row.line) for row in given if row.address in barred
    ]
    left_out += [
        Exclusion(row.address, "duplicate", row.line)
        for i, row in enumerate(new)
        if base + i not in taken
    ]
    for row in left_out:
        note_exclusion(db, key, row, time)


def finish_load(db: sqlite3.Connection, key: int) -> None:
    """Mark the contacts as complete: from now on the campaign resumes instead of loading."""
    db.execute("UPDATE campaign SET loaded = 1 WHERE key = ?", (key,))
    if campaigns.state_of(db, key) is CampaignState.CANCELLED:
        campaigns.cancel_waiting(db, -1)  # those who came in behind the cancel


def note_exclusion(db: sqlite3.Connection, key: int, row: Exclusion, time: int) -> None:
    """Write down who is not mailed, and why; `time` in milliseconds since 1970."""
    db.execute(
        "INSERT INTO exclusion (campaign, time, address, line, code, detail)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key, time, clean(row.address, 400), row.line, row.code, clean(row.detail)),
    )
