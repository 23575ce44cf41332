"""How an outcome is written: into the attempt's row, and into the recipient's."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sendgate.send.outcome import (
    Bounced,
    Deferred,
    Delivered,
    NotSent,
    Outcome,
    Peer,
    Phase,
    Reply,
    Unknown,
)
from sendgate.send.state import State
from sendgate.send.store.rows import clean, to_ms

__all__ = ["append_outcome", "move", "write_outcome", "write_standing"]


def move(db: sqlite3.Connection, recipient: int, to: State, due: int | None = None) -> None:
    """Write a recipient's state, and when its next attempt is due."""
    db.execute("UPDATE recipient SET state = ?, due = ? WHERE id = ?", (to, due, recipient))


def write_outcome(db: sqlite3.Connection, attempt: int, outcome: Outcome, now: datetime) -> None:
    """Write an outcome into its attempt; a peer that the commit record named stays."""
    reply, peer, text = _evidence(outcome)
    due = outcome.next if isinstance(outcome, Deferred | NotSent) else None
    hard = outcome.hard if isinstance(outcome, Bounced) else None
    category = outcome.category if isinstance(outcome, Bounced | Deferred) else None
    phase = outcome.phase if isinstance(outcome, Bounced | Deferred | NotSent) else Phase.DOT
    db.execute(
        "UPDATE attempt SET ended = ?, outcome = ?, phase = ?, mx = coalesce(?, mx),"
        " address = coalesce(?, address), source = coalesce(?, source), tls = coalesce(?, tls),"
        " code = ?, enhanced = ?, text = ?, category = ?, hard = ?, next = ? WHERE id = ?",
        (
            to_ms(now),
            _word(outcome),
            phase,
            *((peer.mx, peer.address, peer.source, peer.tls) if peer else (None,) * 4),
            reply.code if reply else None,
            reply.enhanced if reply else None,
            clean(text),
            category,
            hard,
            None if due is None else to_ms(due),
            attempt,
        ),
    )


def _word(outcome: Outcome) -> str:
    match outcome:
        case Delivered():
            return "delivered"
        case Deferred():
            return "deferred"
        case Bounced():
            return "bounced"
        case NotSent():
            return "not_sent"
        case Unknown():
            return "unknown"


def _evidence(outcome: Outcome) -> tuple[Reply | None, Peer | None, str]:
    reply = None if isinstance(outcome, NotSent | Unknown) else outcome.reply
    peer = None if isinstance(outcome, NotSent) else outcome.peer
    detail = "" if isinstance(outcome, Delivered) else outcome.detail
    return reply, peer, reply.text if reply is not None else detail


def write_standing(
    db: sqlite3.Connection,
    recipient: int,
    outcome: Outcome,
    after: State,
    began: int,
    message_id: str | None = None,
) -> None:
    """Write what an outcome means for the recipient; `began` may lower its first attempt."""
    due = outcome.next if isinstance(outcome, Deferred | NotSent) else None
    category = outcome.category if isinstance(outcome, Bounced | Deferred) else None
    db.execute(
        "UPDATE recipient SET state = ?, due = ?, first = min(coalesce(first, ?), ?),"
        " failures = failures + ?, answered = max(answered, ?),"
        " category = CASE WHEN ? THEN NULL ELSE coalesce(?, category) END, hard = ?,"
        " message_id = coalesce(message_id, ?)"
        " WHERE id = ?",
        (
            after,
            to_ms(due) if due is not None and after is State.DEFERRED else None,
            began,
            began,
            int(due is not None),
            int(isinstance(outcome, Deferred)),
            int(isinstance(outcome, Delivered)),
            category,
            outcome.hard if isinstance(outcome, Bounced) else None,
            message_id,
            recipient,
        ),
    )


def append_outcome(
    db: sqlite3.Connection,
    key: int,
    recipient: int,
    number: int,
    now: datetime,
    outcome: Outcome,
    after: State,
) -> None:
    """Write an outcome that no attempt of its own led to: a line in the log, a final state."""
    attempt = db.execute(
        "INSERT INTO attempt (campaign, recipient, number, started) VALUES (?, ?, ?, ?)",
        (key, recipient, number, to_ms(now)),
    ).lastrowid
    write_outcome(db, int(attempt or 0), outcome, now)
    write_standing(db, recipient, outcome, after, to_ms(now))
