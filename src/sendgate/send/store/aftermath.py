"""What is left when a process died, and what a person decides about it."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.send.outcome import Unknown
from sendgate.send.state import CampaignState, Event, State, step
from sendgate.send.store import campaigns
from sendgate.send.store.outcomes import move, write_outcome
from sendgate.send.store.rows import Resolution, to_ms

__all__ = ["recover", "resolve"]

_BROKEN_OFF = "interrupted"  # the outcome of an attempt whose process died before the dot
_LOST_WITH_PROCESS = "the process ended between the final dot's commit record and the reply to it"


def recover(db: sqlite3.Connection, now: datetime) -> tuple[int, int]:
    """Put in order what a dead process left; return how many are due again and how many unknown.

    The caller owns the store, so nothing that is leased or committing is in anybody's hands.
    """
    due = unknown = 0
    rows = db.execute(
        "SELECT r.id, r.state, r.attempt, c.state FROM campaign c"
        " JOIN recipient r ON r.campaign = c.key"
        " AND r.state IN ('leased', 'committing', 'unknown') AND r.state <> 'unknown'"
    ).fetchall()
    for recipient, state, attempt, campaign in rows:
        after = step(State(state), Event.RECOVER)
        if after is State.UNKNOWN:
            unknown += 1
            move(db, recipient, after)
            write_outcome(db, attempt, Unknown(_LOST_WITH_PROCESS, None), now)
            continue
        if campaign == CampaignState.CANCELLED:
            after = step(after, Event.CANCEL)
        due += after is State.QUEUED
        # Due since ever: whoever was in hand comes first, whatever the clock does.
        move(db, recipient, after, 0 if after is State.QUEUED else None)
        db.execute(
            "UPDATE attempt SET ended = ?, outcome = ?, text = ? WHERE id = ?",
            (to_ms(now), _BROKEN_OFF, "the process ended before the final dot", attempt),
        )
    db.execute("UPDATE campaign SET state = 'queued' WHERE state = 'sending'")
    campaigns.cancel_waiting(db, -1)  # a cancel may have been cut short, too
    return due, unknown


def resolve(
    db: sqlite3.Connection,
    key: int,
    how: Resolution,
    now: datetime,
    address: str | None = None,
) -> int:
    """Decide about one unknown recipient of a campaign, or all of them; return how many.

    To send again starts its 72 hours anew, and opens a finished campaign again. Raises
    `InputError` where the address is not an unknown one, or the campaign is cancelled.
    """
    campaign = campaigns.by_key(db, key)
    if how is Resolution.RESEND and campaign.state is CampaignState.CANCELLED:
        raise InputError(f"the campaign {printable(campaign.name)} is cancelled: nothing is sent")
    rows = db.execute(
        "SELECT id, attempts, attempt FROM recipient WHERE campaign = ?"
        " AND state IN ('leased', 'committing', 'unknown') AND state = 'unknown'"
        " AND (? IS NULL OR address = ? COLLATE NOCASE)",
        (key, address, address),
    ).fetchall()
    if address is not None and not rows:
        raise InputError(
            f"{printable(address)} is no unknown recipient of {printable(campaign.name)}"
        )
    for recipient, attempts, attempt in rows:
        if how is Resolution.RESEND:
            after = step(State.UNKNOWN, Event.RESEND)
            db.execute(
                "UPDATE recipient SET state = ?, due = ?, first = NULL, failures = 0,"
                " answered = 0, granted = NULL WHERE id = ?",
                (after, to_ms(now), recipient),
            )
            continue
        move(db, recipient, step(State.UNKNOWN, Event.ASSUME_DELIVERED))
        db.execute(
            "INSERT INTO attempt (campaign, recipient, number, started, ended, outcome, text, mx,"
            " address, source, tls) SELECT ?, ?, ?, ?, ?, 'delivered', 'assumed to be delivered',"
            " mx, address, source, tls FROM attempt WHERE id = ?",
            (key, recipient, attempts, to_ms(now), to_ms(now), attempt),
        )
    if how is Resolution.RESEND and rows:
        campaigns.touch(db, key, now)
        if campaign.state is CampaignState.FINISHED:
            campaigns.change(db, key, CampaignState.QUEUED, now)
    return len(rows)
