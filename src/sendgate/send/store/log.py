"""What a campaign's recipients came to, read in pages so that no reader stays in the way.

A reader that stays inside one transaction keeps the write-ahead log from being emptied.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sendgate.send.classify import Evidence, normalise
from sendgate.send.outcome import Reply
from sendgate.send.state import State
from sendgate.send.store.rows import Entry, Recipient, UnknownRecipient, Unmatched, from_ms

__all__ = ["entries", "recipients", "unknown", "unmatched"]

_PAGE = 2000
_FORMS = 10_000  # replies that are told apart; a campaign meets some hundreds
_UNMATCHED = "uncategorized"


def entries(db: sqlite3.Connection, key: int) -> Iterator[Entry]:
    """Every attempt and every exclusion of a campaign, in the order in which they began."""
    merged = heapq.merge(_exclusions(db, key), _attempts(db, key), key=lambda pair: pair[0])
    return (entry for _, entry in merged)


def _exclusions(db: sqlite3.Connection, key: int) -> Iterator[tuple[int, Entry]]:
    last = 0
    while rows := db.execute(
        "SELECT id, time, address, code, detail FROM exclusion"
        " WHERE campaign = ? AND id > ? ORDER BY id LIMIT ?",
        (key, last, _PAGE),
    ).fetchall():
        for _, time, address, code, detail in rows:
            yield (
                time,
                Entry(from_ms(time), address, "excluded", text=detail or None, category=code),
            )
        last = rows[-1][0]


def _attempts(db: sqlite3.Connection, key: int) -> Iterator[tuple[int, Entry]]:
    last = 0
    while rows := db.execute(
        "SELECT a.id, a.started, a.ended, r.address, a.outcome, a.code, a.enhanced, a.text,"
        " a.category, a.hard, a.mx, a.address, a.tls, a.number, r.message_id, a.next"
        " FROM attempt a JOIN recipient r ON r.id = a.recipient"
        " WHERE a.campaign = ? AND a.id > ? ORDER BY a.id LIMIT ?",
        (key, last, _PAGE),
    ).fetchall():
        for row in rows:
            yield row[1], _attempt(row)
        last = rows[-1][0]


def _attempt(row: tuple[Any, ...]) -> Entry:
    _, started, ended, recipient, outcome, code, enhanced, text, category, hard, *rest = row
    mx, address, tls, number, message_id, due = rest
    return Entry(
        time=from_ms(started if ended is None else ended),
        recipient=recipient,
        event="attempt" if outcome in {None, "interrupted"} else outcome,
        code=code,
        enhanced=enhanced,
        text=text or None,
        category=category,
        hard=None if hard is None else bool(hard),
        mx=mx,
        address=address,
        tls=tls,
        attempt=number,
        message_id=message_id,
        next=None if due is None else from_ms(due),
    )


def recipients(
    db: sqlite3.Connection,
    key: int,
    state: State | None = None,
    category: str | None = None,
) -> Iterator[Recipient]:
    """The recipients of a campaign, all or those in a state or of a category."""
    last = 0
    while rows := db.execute(
        "SELECT id, address, state, category, hard, attempts, due, message_id FROM recipient"
        " WHERE campaign = ? AND id > ? AND (? IS NULL OR state = ?)"
        " AND (? IS NULL OR category = ?) ORDER BY id LIMIT ?",
        (key, last, state, state, category, category, _PAGE),
    ).fetchall():
        for _, address, stands, why, hard, attempts, due, message_id in rows:
            yield Recipient(
                address=address,
                state=State(stands),
                category=why,
                hard=None if hard is None else bool(hard),
                attempts=attempts,
                due=None if due is None else from_ms(due),
                message_id=message_id,
            )
        last = rows[-1][0]


def unknown(db: sqlite3.Connection, key: int) -> list[UnknownRecipient]:
    """Those who may or may not have got the message, for a person to decide."""
    rows = db.execute(
        "SELECT r.address, a.committed, a.mx, r.message_id, a.text FROM recipient r"
        " LEFT JOIN attempt a ON a.id = r.attempt"
        " WHERE r.campaign = ? AND r.state IN ('leased', 'committing', 'unknown')"
        " AND r.state = 'unknown' ORDER BY r.id",
        (key,),
    ).fetchall()
    return [
        UnknownRecipient(
            address, None if since is None else from_ms(since), mx, message_id, text or ""
        )
        for address, since, mx, message_id, text in rows
    ]


def unmatched(db: sqlite3.Connection, key: int) -> list[Unmatched]:
    """The replies that no rule of the classifier knew, the most frequent first.

    Two that differ only in whom they speak of are one.
    """
    found: dict[Evidence, Unmatched] = {}
    last = 0
    while rows := db.execute(
        "SELECT id, code, enhanced, text, mx FROM attempt"
        " WHERE campaign = ? AND id > ? AND category = ? AND code IS NOT NULL"
        " ORDER BY id LIMIT ?",
        (key, last, _UNMATCHED, _PAGE),
    ).fetchall():
        for _, code, enhanced, text, mx in rows:
            form = normalise(Reply(code, (text or "",), enhanced))
            before = found.get(form)
            if before is not None:
                found[form] = replace(before, number=before.number + 1)
            elif len(found) < _FORMS:
                found[form] = Unmatched(1, code, enhanced, text or "", mx)
        last = rows[-1][0]
    return sorted(found.values(), key=lambda one: (-one.number, one.code, one.text))
