"""campaign: what a campaign came to, as JSON by contract and as text to read.

Keys may be added to these forms; none is renamed, removed or given another meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sendgate.render.json import rfc3339
from sendgate.render.page import Page
from sendgate.render.safe import safe, shorten
from sendgate.send.eligibility import Exclusion
from sendgate.send.state import State
from sendgate.send.store.rows import (
    Campaign,
    Counts,
    Entry,
    Recipient,
    Standing,
    StoredAudit,
    UnknownRecipient,
    Unmatched,
)

__all__ = [
    "audit_on",
    "campaigns_on",
    "log_line",
    "log_text",
    "recipient_text",
    "status",
    "status_on",
    "unknown_on",
    "unmatched_on",
]

_COLUMN = 16
_TEXT_WIDTH = 200  # characters of a receiver's reply in a line of text


def status(campaign: Campaign, counts: Counts) -> dict[str, Any]:
    """Give a campaign and its counts as ``sendgate.campaign/1``."""
    return {
        "format": "sendgate.campaign/1",
        "id": campaign.id,
        "name": campaign.name,
        "state": str(campaign.state),
        "reason": campaign.reason,
        "counts": {
            "eligible": counts.eligible,
            "excluded": counts.excluded,
            "queued": counts.of(State.QUEUED),
            "sending": counts.of(State.LEASED, State.COMMITTING),
            "delivered": counts.of(State.DELIVERED),
            "deferred": counts.of(State.DEFERRED),
            "bounced_hard": counts.bounced_hard,
            "bounced_soft": counts.bounced_soft,
            "not_sent": counts.of(State.NOT_SENT),
            "unknown": counts.of(State.UNKNOWN),
            "cancelled": counts.of(State.CANCELLED),
        },
        "excluded_by": {code.value: 0 for code in Exclusion} | dict(counts.excluded_by),
        "bounces_by": dict(counts.bounces_by),
    }


def log_line(entry: Entry) -> dict[str, Any]:
    """Give one line of the log; every key is there, null where it says nothing."""
    return {
        "time": rfc3339(entry.time),
        "recipient": entry.recipient,
        "event": entry.event,
        "code": None if entry.code is None else str(entry.code),
        "enhanced": entry.enhanced,
        "text": entry.text,
        "category": entry.category,
        "hard": entry.hard,
        "mx": entry.mx,
        "address": entry.address,
        "tls": entry.tls,
        "attempt": entry.attempt,
        "message_id": entry.message_id,
        "next": None if entry.next is None else rfc3339(entry.next),
    }


def log_text(entry: Entry) -> str:
    """Give one line of the log to read; a receiver's words are shown, never obeyed."""
    parts = [rfc3339(entry.time), entry.event.replace("_", " ").ljust(9), _word(entry.recipient)]
    if entry.hard is not None:
        parts.append("hard" if entry.hard else "soft")
    parts += [_word(part) for part in (entry.category, entry.mx) if part]
    said = " ".join(str(part) for part in (entry.code, entry.enhanced, entry.text) if part)
    if said:
        shown = safe(said, letters=True)
        parts.append('"' + shorten(shown, _TEXT_WIDTH, len(said.encode())) + '"')
    if entry.next is not None:
        parts.append(f"next {rfc3339(entry.next)}")
    return "  ".join(parts)


def _word(text: str) -> str:
    return safe(text, letters=True)


def status_on(
    page: Page, campaign: Campaign, counts: Counts, standing: Standing, now: datetime
) -> None:
    """Put a campaign's state and counts on the page."""
    page.line((_word(campaign.name), "strong"), f": {campaign.state}")
    if campaign.reason:
        page.entry("because", _word(campaign.reason), column=_COLUMN)
    numbers = status(campaign, counts)["counts"]
    for key, number in numbers.items():
        if number or key in {"eligible", "delivered"}:
            page.entry(key.replace("_", " "), f"{number:,}", column=_COLUMN)
    if standing.due is not None:
        due = "now" if standing.due <= now else rfc3339(standing.due)
        page.entry("next attempt", due, column=_COLUMN)
    _kinds_on(page, "excluded", counts.excluded_by.items())
    _kinds_on(page, "bounced", counts.bounces_by.items())
    if standing.unknown:
        page.blank()
        page.entry(
            "unknown",
            "The receiver took the message and its answer was lost, or the process ended before "
            "it came. Nothing is sent again by itself: look with `campaign log`, then decide with "
            "`campaign resolve --assume-delivered` or `--resend`.",
            column=_COLUMN,
        )


def _kinds_on(page: Page, heading: str, kinds: Iterable[tuple[str, int]]) -> None:
    most_first = sorted(kinds, key=lambda kind: (-kind[1], kind[0]))
    if most_first:
        page.blank()
        page.line((f"{heading} by reason", "strong"))
    for kind, number in most_first:
        page.entry(_word(kind), f"{number:,}", column=max(_COLUMN, 28))


def unknown_on(page: Page, held: Iterable[UnknownRecipient]) -> None:
    """Put the recipients that wait for a decision on the page."""
    for one in held:
        since = "" if one.since is None else f" since {rfc3339(one.since)}"
        host = "" if one.mx is None else f" at {_word(one.mx)}"
        page.line(f"{_word(one.address)}{host}{since}")
        if one.detail:
            page.entry("", _word(one.detail))


def unmatched_on(page: Page, replies: Sequence[Unmatched]) -> None:
    """Put the replies that no rule knows on the page, with how often each came."""
    if not replies:
        return
    page.line(("replies that no rule knows", "strong"))
    for one in replies:
        said = f"{one.code} {one.enhanced or ''} {one.text}".replace("  ", " ")
        shown = shorten(safe(said, letters=True), _TEXT_WIDTH, len(said.encode()))
        host = "" if one.mx is None else f" ({_word(one.mx)})"
        page.entry(f"{one.number:>9,}", f'"{shown}"{host}')
    page.blank()


def audit_on(page: Page, audit: StoredAudit | None) -> None:
    """Put on the page what the last audit decided, and when."""
    if audit is not None:
        page.blank()
        page.entry("audit", f"{_word(audit.decision)} at {rfc3339(audit.time)}", column=_COLUMN)


def recipient_text(recipient: Recipient) -> str:
    """Give where one recipient stands as one line to read."""
    parts = [str(recipient.state).replace("_", " ").ljust(9), _word(recipient.address)]
    if recipient.hard is not None:
        parts.append("hard" if recipient.hard else "soft")
    if recipient.category:
        parts.append(_word(recipient.category))
    if recipient.due is not None:
        parts.append(f"next {rfc3339(recipient.due)}")
    return "  ".join(parts)


def campaigns_on(page: Page, campaigns: Iterable[Campaign]) -> None:
    """Put a list of campaigns on the page, one a line."""
    for campaign in campaigns:
        since = rfc3339(campaign.changed)
        page.line(f"{since}  {str(campaign.state).ljust(9)}  ", (_word(campaign.name), "strong"))
