"""Campaigns in a store: enter, find, change state, count; the audits they rest on.

Every function takes a connection; those that write expect to be inside a transaction.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.send.outcome import Bounced, Peer, Phase, Reply
from sendgate.send.state import CAMPAIGN_STEPS, CampaignState, State
from sendgate.send.store.rows import (
    Campaign,
    Counts,
    Standing,
    StoredAudit,
    clean,
    from_ms,
    to_ms,
)

__all__ = [
    "all_campaigns",
    "by_key",
    "by_name",
    "cancel",
    "cancel_waiting",
    "change",
    "counts",
    "enter",
    "glance",
    "keep_audit",
    "last_audit",
    "refused_by",
    "standing",
    "state_of",
    "touch",
]

_SELECT = (
    "SELECT key, id, name, content, config, state, reason, loaded, created, changed FROM campaign "
)


def _campaign(row: tuple[Any, ...]) -> Campaign:
    key, uid, name, content, config, state, reason, loaded, created, changed = row
    return Campaign(
        key=key,
        id=uid,
        name=name,
        content=content,
        config=config,
        state=CampaignState(state),
        reason=reason,
        loaded=bool(loaded),
        created=from_ms(created),
        changed=from_ms(changed),
    )


def enter(
    db: sqlite3.Connection, name: str, content: str, config: str, now: datetime
) -> tuple[Campaign, bool]:
    """Find the campaign of this name, or make it; say whether it is new.

    Raises `InputError` where a campaign of this name has other content: its contacts have
    in part been mailed, so what is changed needs a name of its own. Until its contacts are
    in, nobody has been, and the new content takes the place of the old.
    """
    row = db.execute(_SELECT + "WHERE name = ?", (name,)).fetchone()
    if row is None:
        db.execute(
            "INSERT INTO campaign (id, name, content, config, state, created, changed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                secrets.token_hex(8), name, content, clean(config, 10_000_000),
                CampaignState.QUEUED, to_ms(now), to_ms(now),
            ),
        )  # fmt: skip
        return by_name(db, name), True
    found = _campaign(row)
    if found.content != content and not found.loaded:
        db.execute(
            "UPDATE campaign SET content = ?, config = ? WHERE key = ?",
            (content, clean(config, 10_000_000), found.key),
        )
        return by_key(db, found.key), False
    if found.content != content:
        raise InputError(
            f"the campaign {printable(name)} is in this store already, with other content: its "
            "message, contacts or sender have changed since; give the changed one a new name"
        )
    return found, False


def by_key(db: sqlite3.Connection, key: int) -> Campaign:
    """The campaign of this number; raises `InputError` where there is none."""
    row = db.execute(_SELECT + "WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise InputError(f"no campaign has the number {key} in this store")
    return _campaign(row)


def state_of(db: sqlite3.Connection, key: int) -> CampaignState:
    """The state of a campaign, without all else that is known of it."""
    return glance(db, key)[0]


def glance(db: sqlite3.Connection, key: int) -> tuple[CampaignState, int]:
    """The state of a campaign, and when it was changed last, in milliseconds since 1970.

    Raises `InputError` where the store has no such campaign.
    """
    row = db.execute("SELECT state, changed FROM campaign WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise InputError(f"no campaign has the number {key} in this store")
    return CampaignState(row[0]), int(row[1])


def touch(db: sqlite3.Connection, key: int, now: datetime) -> None:
    """Let whoever sends a campaign look again who is due; no two touches are the same."""
    db.execute("UPDATE campaign SET changed = max(changed + 1, ?) WHERE key = ?", (to_ms(now), key))


def by_name(db: sqlite3.Connection, name: str) -> Campaign:
    """The campaign of this name or id; raises `InputError` that names the nearest."""
    row = db.execute(
        _SELECT + "WHERE name = ? OR id = ? ORDER BY name = ? DESC",
        (name, name, name),
    ).fetchone()
    if row is None:
        known = [str(r[0]) for r in db.execute("SELECT name FROM campaign")]
        raise InputError(f"no campaign is called {printable(name)}{_hint(name, known)}")
    return _campaign(row)


def _hint(name: str, known: list[str]) -> str:
    import difflib

    if not known:
        return ": the store is empty"
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {printable(near[0])}?" if near else ""


def all_campaigns(db: sqlite3.Connection) -> list[Campaign]:
    """Every campaign of the store, the oldest first."""
    return [_campaign(r) for r in db.execute(_SELECT + "ORDER BY key")]


def change(
    db: sqlite3.Connection,
    key: int,
    to: CampaignState,
    now: datetime,
    *,
    only_from: Collection[CampaignState] = tuple(CampaignState),
    reason: str | None = None,
) -> bool:
    """Bring a campaign into a state; False where it stands where that cannot or shall not be.

    Another process may have paused or cancelled it a moment ago: whoever changes a state
    says with `only_from` from which it may be left, and looks at the answer. None is
    finished while somebody waits: a person may just have had somebody sent to again.
    """
    now_in = state_of(db, key)
    if now_in not in only_from or (now_in is not to and to not in CAMPAIGN_STEPS[now_in]):
        return False
    if to is CampaignState.FINISHED and not standing(db, key).is_finished:
        return False
    db.execute(
        "UPDATE campaign SET state = ?, reason = ?, changed = ? WHERE key = ?",
        (to, None if reason is None else clean(reason), to_ms(now), key),
    )
    return True


def cancel(db: sqlite3.Connection, key: int, now: datetime, reason: str | None = None) -> bool:
    """End a campaign: nothing more is leased, what is under way comes to its own end.

    Who waits is cancelled by `cancel_waiting`, part by part.
    """
    return change(db, key, CampaignState.CANCELLED, now, reason=reason)


def cancel_waiting(db: sqlite3.Connection, limit: int) -> int:
    """Cancel up to `limit` of those who wait in cancelled campaigns; return how many.

    In parts, because the sender of another campaign waits while one is written.
    """
    return db.execute(
        "UPDATE recipient SET state = 'cancelled', due = NULL WHERE id IN ("
        " SELECT r.id FROM campaign c CROSS JOIN recipient r ON r.campaign = c.key"
        " WHERE c.state = 'cancelled' AND r.due IS NOT NULL LIMIT ?)",
        (limit,),
    ).rowcount


def counts(db: sqlite3.Connection, key: int) -> Counts:
    """Count a campaign's recipients; the numbers are kept with every step, so this is cheap."""
    states: dict[State, int] = {}
    bounces: dict[str, int] = {}
    hard_bounces = 0
    for state, hard, category, number in db.execute(
        "SELECT state, hard, category, number FROM tally WHERE campaign = ? AND number > 0",
        (key,),
    ):
        states[State(state)] = states.get(State(state), 0) + number
        if state == State.BOUNCED:
            bounces[category] = bounces.get(category, 0) + number
            hard_bounces += number if hard else 0
    excluded = dict(
        db.execute(
            "SELECT code, count(*) FROM exclusion WHERE campaign = ? GROUP BY code ORDER BY code",
            (key,),
        ).fetchall()
    )
    return Counts(states, hard_bounces, excluded, dict(sorted(bounces.items())))


def standing(db: sqlite3.Connection, key: int) -> Standing:
    """Whether anything is left to do; cheap, whatever the number of recipients.

    One statement, and so one moment: what ends an attempt between two of them would be
    neither due nor under way.
    """
    due, in_flight, unknown = db.execute(
        "SELECT (SELECT min(due) FROM recipient WHERE campaign = :key AND due IS NOT NULL),"
        " count(*) FILTER (WHERE state <> 'unknown'), count(*) FILTER (WHERE state = 'unknown')"
        " FROM recipient WHERE campaign = :key AND state IN ('leased', 'committing', 'unknown')",
        {"key": key},
    ).fetchone()
    return Standing(None if due is None else from_ms(due), in_flight, unknown)


def refused_by(
    db: sqlite3.Connection,
    key: int,
    categories: Collection[str],
    is_refusal: Callable[[Bounced], bool],
) -> set[str]:
    """The hosts one of whose bounces of a campaign is a refusal, in one of these categories."""
    hosts: set[str] = set()
    for mx, category, phase, code, enhanced, text in db.execute(
        "SELECT DISTINCT mx, category, phase, code, enhanced, text FROM attempt"
        " WHERE campaign = ? AND outcome = 'bounced' AND mx IS NOT NULL",
        (key,),
    ):
        if category not in categories or mx in hosts:
            continue
        reply = None if code is None else Reply(code, (text,), enhanced)
        if is_refusal(Bounced(category, False, Phase(phase), reply, Peer(mx, ""), text)):
            hosts.add(mx)
    return hosts


def keep_audit(
    db: sqlite3.Connection, key: int, now: datetime, decision: str, report: str, recording: str
) -> None:
    """Keep an audit: what was decided, the report, and the DNS answers that it rests on."""
    db.execute(
        "INSERT INTO audit (campaign, time, decision, report, recording) VALUES (?, ?, ?, ?, ?)",
        (key, to_ms(now), decision, report, recording),
    )


def last_audit(db: sqlite3.Connection, key: int, decision: str | None = None) -> StoredAudit | None:
    """The latest audit of a campaign (that was so decided), None where there is none."""
    row = db.execute(
        "SELECT time, decision, report, recording FROM audit"
        " WHERE campaign = ? AND (? IS NULL OR decision = ?) ORDER BY id DESC LIMIT 1",
        (key, decision, decision),
    ).fetchone()
    return None if row is None else StoredAudit(from_ms(row[0]), row[1], row[2], row[3])
