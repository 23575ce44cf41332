"""The way of a recipient through an attempt: leased, committed, settled.

Every step goes through `sendgate.send.state.step`, so that nothing can be written which the
state machine does not allow. Every function takes a connection inside a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sendgate.errors import InternalError
from sendgate.send import schedule
from sendgate.send.outcome import Outcome, Peer
from sendgate.send.state import CampaignState, Event, State, event_of, step
from sendgate.send.store import campaigns, strikes, suppressed
from sendgate.send.store.loading import note_exclusion
from sendgate.send.store.outcomes import append_outcome, move, write_outcome, write_standing
from sendgate.send.store.rows import Exclusion, Lease, Leased, from_ms, to_ms

__all__ = ["Terms", "commit", "due_domains", "exclude", "lease", "release", "settle", "shift"]


def due_domains(
    db: sqlite3.Connection, key: int, after: str, limit: int
) -> list[tuple[str, datetime]]:
    """Domains with waiting recipients, in order behind `after`, each with its earliest due time.

    Jumps from domain to domain in an index, whatever the number of recipients.
    """
    found: list[tuple[str, datetime]] = []
    while len(found) < limit:
        row = db.execute(
            "SELECT domain, due FROM recipient WHERE campaign = ? AND domain > ?"
            " AND due IS NOT NULL ORDER BY domain, due LIMIT 1",
            (key, after),
        ).fetchone()
        if row is None:
            break
        after = row[0]
        found.append((after, from_ms(row[1])))
    return found


_DUE = """
SELECT r.id, r.address, r.domain, r.state, r.attempts, r.failures, r.answered, r.first,
       r.category, r.granted, r.attempt, r.message_id, r.line, c.fields
FROM recipient r JOIN contact c ON c.recipient = r.id
WHERE r.campaign = :key AND {domain} r.due {span} ORDER BY r.due, r.id LIMIT :limit
"""


@dataclass(frozen=True)
class _Row:
    """One row of `_DUE`."""

    id: int
    address: str
    domain: str
    state: State
    attempts: int
    history: schedule.History
    granted: datetime | None
    attempt: int | None
    message_id: str | None
    line: int | None
    fields: str


def _row(values: tuple[Any, ...]) -> _Row:
    key, address, domain, state, attempts, failures, answered, first, category, granted, *rest = (
        values
    )
    history = schedule.History(
        None if first is None else from_ms(first), failures, bool(answered), category or ""
    )
    given = None if granted is None else from_ms(granted)
    return _Row(key, address, domain, State(state), attempts, history, given, *rest)


def _due(
    db: sqlite3.Connection, key: int, now: datetime, limit: int, domain: str | None
) -> list[_Row]:
    values = {"key": key, "domain": domain, "limit": limit, "now": to_ms(now)}
    by_domain = "" if domain is None else "r.domain = :domain AND"
    rows = db.execute(_DUE.format(domain=by_domain, span="<= :now"), values).fetchall()
    if len(rows) < limit:
        # Nothing is ever put off by more than 72 hours: what is due later than that was
        # written by a clock that has been set back since.
        values |= {"now": to_ms(now + schedule.END), "limit": limit - len(rows)}
        rows += db.execute(_DUE.format(domain=by_domain, span="> :now"), values).fetchall()
    return [_row(values) for values in rows]


@dataclass(frozen=True)
class Terms:
    """On which terms those end whose 72 hours are over; see `Store.lease`."""

    since: datetime | None = None
    hard_after: Callable[[str], int | None] = lambda _: None

    def are_met(self, row: _Row, now: datetime) -> bool:
        """Whether the 72 hours are over, and one more attempt is not to be made first.

        One is, by whoever begins to send after they were over: it need not have been time
        that passed, but a clock that was set forward. It may take 72 hours to come to it.
        """
        first = row.history.first
        if not schedule.is_over(first, now):
            return False
        if row.granted is not None:
            return schedule.is_over(row.granted, now)
        return self.since is None or not schedule.is_over(first, self.since)


def lease(
    db: sqlite3.Connection,
    key: int,
    now: datetime,
    limit: int,
    domain: str | None = None,
    terms: Terms | None = None,
) -> Leased:
    """Lease up to `limit` recipients that are due, of one domain or of all, earliest first.

    Nothing is leased unless the campaign is sending. Who has been suppressed since is
    excluded, and whose 72 hours are over gets the final outcome instead of an attempt,
    by `terms`.
    """
    terms = terms or Terms()
    if campaigns.state_of(db, key) is not CampaignState.SENDING:
        return Leased()
    leases: list[Lease] = []
    expired = excluded = 0
    rows = _due(db, key, now, limit, domain)
    barred = suppressed.is_suppressed(db, [(row.address, row.domain) for row in rows])
    for row in rows:
        if row.address in barred:
            move(db, row.id, step(row.state, Event.EXCLUDE))
            note_exclusion(db, key, Exclusion(row.address, "suppressed", row.line), to_ms(now))
            excluded += 1
        elif terms.are_met(row, now):
            _expire(db, key, row, now, terms)
            expired += 1
        else:
            leases.append(_take(db, key, row, now))
    return Leased(tuple(leases), expired, excluded)


def _expire(db: sqlite3.Connection, key: int, row: _Row, now: datetime, terms: Terms) -> None:
    """Write the end of 72 hours, as if the last attempt had come to it."""
    hard_after = terms.hard_after(row.history.reason)
    ended = schedule.expired(row.history)
    last, reason = strikes.weigh(db, row.address, ended, key, now, hard_after)
    if reason:
        suppressed.add(db, "address", row.address, reason, now)
    # A lease that was given back stands as queued, deferred though it was.
    after = step(State.DEFERRED, event_of(last))
    append_outcome(db, key, row.id, row.attempts, now, last, after)


def _take(db: sqlite3.Connection, key: int, row: _Row, now: datetime) -> Lease:
    queued = step(row.state, Event.DUE) if row.state is State.DEFERRED else row.state
    after, number = step(queued, Event.LEASE), row.attempts + 1
    attempt = db.execute(
        "INSERT INTO attempt (campaign, recipient, number, started) VALUES (?, ?, ?, ?)",
        (key, row.id, number, to_ms(now)),
    ).lastrowid
    db.execute(
        "UPDATE recipient SET state = ?, due = NULL, attempts = ?, attempt = ? WHERE id = ?",
        (after, number, attempt, row.id),
    )
    if row.granted is None and schedule.is_over(row.history.first, now):
        db.execute("UPDATE recipient SET granted = ? WHERE id = ?", (to_ms(now), row.id))
    return Lease(
        campaign=key,
        recipient=row.id,
        attempt=attempt or 0,
        before=row.attempt,
        number=number,
        address=row.address,
        domain=row.domain,
        fields=json.loads(row.fields),
        line=row.line,
        message_id=row.message_id,
        history=row.history,
        time=now,
    )


def _state_of(db: sqlite3.Connection, held: Lease) -> State:
    """The state of what is leased; raises `InternalError` where the lease is not the latest."""
    row = db.execute(
        "SELECT state, attempt FROM recipient WHERE id = ?", (held.recipient,)
    ).fetchone()
    if row is None or row[1] != held.attempt:
        raise InternalError(f"attempt {held.number} for recipient {held.recipient} is over")
    return State(row[0])


def _is_cancelled(db: sqlite3.Connection, key: int) -> bool:
    return campaigns.state_of(db, key) is CampaignState.CANCELLED


def shift(db: sqlite3.Connection, key: int, jump: timedelta, now: datetime) -> None:
    """Move the times of all that waits or is under way by a clock's jump; it now says `now`.

    Who was never tried has no time to be kept, but must not wait for a clock set back.
    """
    by = jump // timedelta(milliseconds=1)
    db.execute(
        "UPDATE recipient SET first = first + ?, granted = granted + ?, due = due + ?"
        " WHERE campaign = ? AND due IS NOT NULL AND (first IS NOT NULL OR due > ?)",
        (by, by, by, key, to_ms(now)),
    )
    db.execute(
        "UPDATE recipient SET first = first + ?, granted = granted + ? WHERE campaign = ?"
        " AND state IN ('leased', 'committing', 'unknown') AND first IS NOT NULL",
        (by, by, key),
    )


def release(db: sqlite3.Connection, held: Lease, now: datetime) -> None:
    """Give back a lease before the dot: due at once, and no attempt was made."""
    event = Event.CANCEL if _is_cancelled(db, held.campaign) else Event.RELEASE
    after = step(_state_of(db, held), event)
    db.execute("DELETE FROM attempt WHERE id = ?", (held.attempt,))
    db.execute(
        "UPDATE recipient SET state = ?, due = ?, attempts = ?, attempt = ? WHERE id = ?",
        (
            after,
            to_ms(now) if after is State.QUEUED else None,
            held.number - 1,
            held.before,
            held.recipient,
        ),
    )


def commit(
    db: sqlite3.Connection,
    held: Lease,
    peer: Peer,
    message_id: str,
    digest: str,
    now: datetime,
) -> None:
    """Write the commit record: from now on the message may have arrived.

    Only when this is durable may the last block, with the final dot, leave the process.
    """
    after = step(_state_of(db, held), Event.COMMIT)
    db.execute(
        "UPDATE attempt SET committed = ?, phase = 'dot', mx = ?, address = ?, source = ?,"
        " tls = ?, digest = ? WHERE id = ?",
        (to_ms(now), peer.mx, peer.address, peer.source, peer.tls, digest, held.attempt),
    )
    db.execute(
        "UPDATE recipient SET state = ?, message_id = ? WHERE id = ?",
        (after, message_id, held.recipient),
    )


def settle(
    db: sqlite3.Connection,
    held: Lease,
    outcome: Outcome,
    now: datetime,
    message_id: str | None = None,
) -> State:
    """Write an attempt's outcome; return the state it led to.

    `message_id` is the message's, where one was made.
    """
    after = step(_state_of(db, held), event_of(outcome))
    if after is State.DEFERRED and _is_cancelled(db, held.campaign):
        after = step(after, Event.CANCEL)
    write_outcome(db, held.attempt, outcome, now)
    write_standing(db, held.recipient, outcome, after, to_ms(held.time), message_id)
    return after


def exclude(db: sqlite3.Connection, held: Lease, code: str, detail: str, now: datetime) -> None:
    """End a leased recipient that must not be mailed after all (``render_error`` …)."""
    after = step(_state_of(db, held), Event.EXCLUDE)
    db.execute("DELETE FROM attempt WHERE id = ?", (held.attempt,))
    move(db, held.recipient, after)
    row = Exclusion(held.address, code, held.line, detail)
    note_exclusion(db, held.campaign, row, to_ms(now))
