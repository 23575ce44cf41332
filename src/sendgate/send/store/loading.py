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
from sendgate.send.store import campaigns, suppressed
from sendgate.send.store.rows import Exclusion, NewRecipient, clean, to_ms

__all__ = ["finish_load", "load", "note_exclusion", "start_load"]


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
) -> int:
    """Take contacts in; return how many were duplicates, which become exclusions."""
    time, duplicates = to_ms(now), 0
    new = [(row.address, row.domain) for row in rows if isinstance(row, NewRecipient)]
    barred = suppressed.is_suppressed(db, new)
    for row in rows:
        if isinstance(row, Exclusion):
            note_exclusion(db, key, row, time)
        elif row.address in barred:
            note_exclusion(db, key, Exclusion(row.address, "suppressed", row.line), time)
        else:
            done = db.execute(
                "INSERT OR IGNORE INTO recipient (campaign, address, domain, state, due, line)"
                " VALUES (?, ?, ?, 'queued', ?, ?)",
                (key, row.address, row.domain, time, row.line),
            )
            if done.rowcount:
                db.execute(
                    "INSERT INTO contact (recipient, fields) VALUES (?, ?)",
                    (done.lastrowid, json.dumps(row.fields, separators=(",", ":"))),
                )
            else:
                duplicates += 1
                note_exclusion(db, key, Exclusion(row.address, "duplicate", row.line), time)
    return duplicates


def finish_load(db: sqlite3.Connection, key: int) -> None:
    """Mark the contacts as complete: from now on the campaign resumes instead of loading."""
    db.execute("UPDATE campaign SET loaded = 1 WHERE key = ?", (key,))


def note_exclusion(db: sqlite3.Connection, key: int, row: Exclusion, time: int) -> None:
    """Write down who is not mailed, and why; `time` in milliseconds since 1970."""
    db.execute(
        "INSERT INTO exclusion (campaign, time, address, line, code, detail)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key, time, clean(row.address, 400), row.line, row.code, clean(row.detail)),
    )
