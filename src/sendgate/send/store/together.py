"""Commit records and deliveries of many recipients at once, by one statement a table.

What each of them comes to is what `leases` writes for one; that a step is allowed is part
of the statement's condition. Where it is not for one of them, all are refused: whoever
writes them then does so one by one. Every function takes a connection inside a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sendgate.errors import InternalError
from sendgate.send.outcome import Delivered, Peer
from sendgate.send.state import Event, State, before
from sendgate.send.store import leases, strikes
from sendgate.send.store.rows import Lease, clean, to_ms

__all__ = ["Committing", "Settling", "commit", "deliver"]

# UPDATE FROM came with 3.33, JSON became a part of every SQLite with 3.38.
ABLE = sqlite3.sqlite_version_info >= (3, 38)
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode

_COMMIT_RECIPIENTS = """
UPDATE recipient SET state = 'committing', message_id = json_extract(v, '$.message_id')
FROM (SELECT value AS v FROM json_each(:rows))
WHERE id = json_extract(v, '$.recipient') AND attempt = json_extract(v, '$.attempt')
  AND state IN (SELECT value FROM json_each(:before))
"""
_COMMIT_ATTEMPTS = """
UPDATE attempt SET committed = json_extract(v, '$.now'), phase = 'dot',
  mx = json_extract(v, '$.mx'), address = json_extract(v, '$.address'),
  source = json_extract(v, '$.source'), tls = json_extract(v, '$.tls'),
  digest = json_extract(v, '$.digest')
FROM (SELECT value AS v FROM json_each(:rows)) WHERE id = json_extract(v, '$.attempt')
"""
_DELIVER_RECIPIENTS = """
UPDATE recipient SET state = 'delivered', due = NULL, category = NULL, hard = NULL,
  first = min(coalesce(first, json_extract(v, '$.began')), json_extract(v, '$.began')),
  message_id = coalesce(message_id, json_extract(v, '$.message_id'))
FROM (SELECT value AS v FROM json_each(:rows))
WHERE id = json_extract(v, '$.recipient') AND attempt = json_extract(v, '$.attempt')
  AND state IN (SELECT value FROM json_each(:before))
"""
_DELIVER_ATTEMPTS = """
UPDATE attempt SET ended = json_extract(v, '$.now'), outcome = 'delivered', phase = 'dot',
  mx = json_extract(v, '$.mx'), address = json_extract(v, '$.address'),
  source = coalesce(json_extract(v, '$.source'), source),
  tls = coalesce(json_extract(v, '$.tls'), tls), code = json_extract(v, '$.code'),
  enhanced = json_extract(v, '$.enhanced'), text = json_extract(v, '$.text'),
  category = NULL, hard = NULL, next = NULL
FROM (SELECT value AS v FROM json_each(:rows)) WHERE id = json_extract(v, '$.attempt')
"""
_ABSOLVE = """
DELETE FROM strike
WHERE address IN (SELECT json_extract(value, '$.mailbox') FROM json_each(:rows))
"""


@dataclass(frozen=True, slots=True)
class Committing:
    """What a commit record says."""

    held: Lease
    peer: Peer
    message_id: str
    digest: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Settling:
    """What ends an attempt that was delivered."""

    held: Lease
    outcome: Delivered
    now: datetime
    message_id: str | None


def commit(db: sqlite3.Connection, records: Sequence[Committing]) -> Sequence[None]:
    """Write commit records; the last blocks may leave when they are durable."""
    if len(records) == 1 or not ABLE:
        for one in records:
            leases.commit(db, one.held, one.peer, one.message_id, one.digest, one.now)
        return [None] * len(records)
    rows = [
        {
            "recipient": one.held.recipient,
            "attempt": one.held.attempt,
            "message_id": one.message_id,
            "now": to_ms(one.now),
            **_peer(one.peer),
            "digest": one.digest,
        }
        for one in records
    ]
    _write(db, Event.COMMIT, (_COMMIT_RECIPIENTS, _COMMIT_ATTEMPTS), rows)
    return [None] * len(rows)


def deliver(db: sqlite3.Connection, deliveries: Sequence[Settling]) -> Sequence[State]:
    """Write that messages were taken; return the state of each recipient."""
    if len(deliveries) == 1 or not ABLE:
        for one in deliveries:
            strikes.absolve(db, one.held.address)
            leases.settle(db, one.held, one.outcome, one.now, one.message_id)
        return [State.DELIVERED] * len(deliveries)
    rows = [
        {
            "recipient": one.held.recipient,
            "attempt": one.held.attempt,
            "message_id": one.message_id,
            "began": to_ms(one.held.time),
            "now": to_ms(one.now),
            **_peer(one.outcome.peer),
            "code": one.outcome.reply.code,
            "enhanced": one.outcome.reply.enhanced,
            "text": clean(one.outcome.reply.text),
            "mailbox": clean(one.held.address, 400),
        }
        for one in deliveries
    ]
    _write(db, Event.DELIVER, (_DELIVER_RECIPIENTS, _DELIVER_ATTEMPTS, _ABSOLVE), rows)
    return [State.DELIVERED] * len(rows)


def _peer(peer: Peer) -> dict[str, str | None]:
    return {"mx": peer.mx, "address": peer.address, "source": peer.source, "tls": peer.tls}


def _write(
    db: sqlite3.Connection,
    event: Event,
    statements: Sequence[str],
    rows: Sequence[Mapping[str, object]],
) -> None:
    values = {"rows": _ENCODE(rows), "before": _ENCODE(before(event))}
    if "\\u0000" in values["rows"] or "\\ud" in values["rows"]:
        raise InternalError("SQLite's JSON has no NUL and no half characters: one by one")
    first, *others = statements
    if db.execute(first, values).rowcount != len(rows):
        raise InternalError("not every attempt is where this step is allowed: one by one")
    for statement in others:
        db.execute(statement, values)
