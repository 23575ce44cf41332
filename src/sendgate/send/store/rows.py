"""What a store takes and gives: frozen rows, times aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sendgate.send.schedule import History
from sendgate.send.state import CampaignState, State

__all__ = [
    "Campaign",
    "Counts",
    "Entry",
    "Exclusion",
    "Lease",
    "Leased",
    "NewRecipient",
    "Recipient",
    "Resolution",
    "Standing",
    "StoredAudit",
    "Suppression",
    "UnknownRecipient",
    "clean",
    "from_ms",
    "to_ms",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970 of an aware time."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The time, in UTC, of so many milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def clean(text: str, most: int = 2000) -> str:
    """A foreign text as a store can keep it: of bounded length, without lone surrogates."""
    if len(text) > most:
        text = text[:most] + "..."
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True)
class Campaign:
    """One campaign. `key` is its number inside this store, `id` what others may know it by.

    `loaded` is false until all its contacts are in; `reason` says why it is not sending.
    """

    key: int
    id: str
    name: str
    content: str
    config: str
    state: CampaignState
    reason: str | None
    loaded: bool
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """A contact that may be mailed: normalised address, its domain, the template's fields."""

    address: str
    domain: str
    fields: Mapping[str, object]
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A contact that is not mailed, and why (``no_consent``, ``duplicate`` …)."""

    address: str
    code: str
    line: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to attempt one recipient once; `number` counts attempts from 1.

    `message_id` is the one of earlier attempts, None where no message was made yet;
    `attempt` is this attempt's row in the store, `before` the one before it.
    """

    campaign: int
    recipient: int
    attempt: int
    before: int | None
    number: int
    address: str
    domain: str
    fields: Mapping[str, object]
    line: int | None
    message_id: str | None
    history: History
    time: datetime


@dataclass(frozen=True)
class Leased:
    """What a call to lease did: some may have ended instead (72 hours over, suppressed since)."""

    leases: tuple[Lease, ...] = ()
    expired: int = 0
    suppressed: int = 0


@dataclass(frozen=True)
class Standing:
    """Whether a campaign has anything left to do.

    `due` is the earliest time at which an attempt is due (in the past: now), None where
    nothing waits; `in_flight` counts the leased and committing.
    """

    due: datetime | None
    in_flight: int
    unknown: int

    @property
    def is_finished(self) -> bool:
        """Whether nothing waits and nothing is under way; unknown recipients may remain."""
        return self.due is None and not self.in_flight


@dataclass(frozen=True)
class Counts:
    """How many recipients stand where.

    `excluded_by` counts by exclusion code, `bounces_by` by bounce category.
    """

    states: Mapping[State, int] = field(default_factory=dict)
    bounced_hard: int = 0
    excluded_by: Mapping[str, int] = field(default_factory=dict)
    bounces_by: Mapping[str, int] = field(default_factory=dict)

    def of(self, *states: State) -> int:
        """How many stand in any of these states."""
        return sum(self.states.get(state, 0) for state in states)

    @property
    def excluded(self) -> int:
        """All who are not mailed, whenever that was found out."""
        return sum(self.excluded_by.values())

    @property
    def eligible(self) -> int:
        """All who are mailed, have been or will be, or would have been but for a cancel."""
        return sum(self.states.values()) - self.of(State.EXCLUDED)

    @property
    def bounced_soft(self) -> int:
        """All whose bounce says nothing against the address."""
        return self.of(State.BOUNCED) - self.bounced_hard


@dataclass(frozen=True)
class Entry:
    """One line of a campaign's log: an attempt, an exclusion, or a final word without attempt.

    `event` is attempt (under way, or broken off with its process), delivered, deferred,
    bounced, not_sent, unknown or excluded.
    """

    time: datetime
    recipient: str
    event: str
    code: int | None = None
    enhanced: str | None = None
    text: str | None = None
    category: str | None = None
    hard: bool | None = None
    mx: str | None = None
    address: str | None = None
    tls: str | None = None
    attempt: int | None = None
    message_id: str | None = None
    next: datetime | None = None


@dataclass(frozen=True)
class Recipient:
    """Where one recipient stands; `due` is its next attempt."""

    address: str
    state: State
    category: str | None
    hard: bool | None
    attempts: int
    due: datetime | None
    message_id: str | None


@dataclass(frozen=True)
class UnknownRecipient:
    """A recipient whose message may or may not have arrived.

    `since` is when the final dot was allowed to leave.
    """

    address: str
    since: datetime | None
    mx: str | None
    message_id: str | None
    detail: str


@dataclass(frozen=True)
class Unmatched:
    """A reply that no rule of the classifier knows: how often it came, and one as it stood."""

    number: int
    code: int
    enhanced: str | None
    text: str
    mx: str | None


class Resolution(StrEnum):
    """What a person decides about an unknown recipient."""

    RESEND = "resend"
    ASSUME_DELIVERED = "assume-delivered"


@dataclass(frozen=True)
class Suppression:
    """Who must not be mailed: `kind` is address, domain or hash (SHA-256 of the address)."""

    kind: str
    value: str
    reason: str
    time: datetime


@dataclass(frozen=True)
class StoredAudit:
    """An audit that the gate judged by: `report` and `recording` are JSON texts."""

    time: datetime
    decision: str
    report: str
    recording: str
