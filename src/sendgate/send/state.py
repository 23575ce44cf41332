"""Where a recipient of a campaign stands, and which steps lead from where to where.

    queued ─► leased ─► committing ─► delivered | bounced | deferred | unknown
      ▲         └─► deferred | bounced | not_sent | excluded     (before the final dot)
      └── deferred, when due

`committing` is written before the final dot leaves the process and stays until the outcome
is written. After a crash it therefore means: perhaps delivered. Such a recipient becomes
`unknown` and is never sent to again by itself; `leased` means: surely not delivered, and is
due at once.
"""

from __future__ import annotations

from enum import StrEnum

from sendgate.errors import InternalError
from sendgate.send.outcome import Bounced, Deferred, Delivered, NotSent, Outcome, Unknown

__all__ = [
    "CAMPAIGN_STEPS",
    "FINAL",
    "IN_FLIGHT",
    "STEPS",
    "CampaignState",
    "Event",
    "State",
    "before",
    "event_of",
    "step",
]


class State(StrEnum):
    """Where one recipient stands."""

    QUEUED = "queued"
    LEASED = "leased"  # an attempt is under way, the final dot is not
    COMMITTING = "committing"  # the final dot may be under way
    DEFERRED = "deferred"  # waits for its next attempt
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    NOT_SENT = "not_sent"  # nobody answered for 72 hours
    UNKNOWN = "unknown"  # held until somebody resolves it
    CANCELLED = "cancelled"
    EXCLUDED = "excluded"  # must not be mailed after all: suppressed since, or cannot be rendered


class Event(StrEnum):
    """What happens to one recipient."""

    DUE = "due"
    LEASE = "lease"
    RELEASE = "release"  # the attempt was not begun, or was given up before the dot
    COMMIT = "commit"
    DELIVER = "deliver"
    DEFER = "defer"
    BOUNCE = "bounce"
    GIVE_UP = "give_up"
    LOSE = "lose"  # no reply to the final dot
    RECOVER = "recover"  # the process that held it is dead
    CANCEL = "cancel"
    EXCLUDE = "exclude"
    RESEND = "resend"
    ASSUME_DELIVERED = "assume_delivered"


FINAL = frozenset({State.DELIVERED, State.BOUNCED, State.NOT_SENT, State.CANCELLED, State.EXCLUDED})
IN_FLIGHT = frozenset({State.LEASED, State.COMMITTING})

STEPS: dict[State, dict[Event, State]] = {
    State.QUEUED: {
        Event.LEASE: State.LEASED,
        Event.CANCEL: State.CANCELLED,
        Event.EXCLUDE: State.EXCLUDED,
    },
    State.DEFERRED: {
        Event.DUE: State.QUEUED,
        Event.CANCEL: State.CANCELLED,
        Event.EXCLUDE: State.EXCLUDED,
        # The 72 hours ended while nobody was sending.
        Event.BOUNCE: State.BOUNCED,
        Event.GIVE_UP: State.NOT_SENT,
    },
    State.LEASED: {
        Event.COMMIT: State.COMMITTING,
        Event.RELEASE: State.QUEUED,
        Event.RECOVER: State.QUEUED,
        Event.DEFER: State.DEFERRED,
        Event.BOUNCE: State.BOUNCED,
        Event.GIVE_UP: State.NOT_SENT,
        Event.CANCEL: State.CANCELLED,
        Event.EXCLUDE: State.EXCLUDED,
    },
    State.COMMITTING: {
        Event.DELIVER: State.DELIVERED,
        # A 4xx or 5xx reply to the dot, or a connection lost before one byte of it left.
        Event.DEFER: State.DEFERRED,
        Event.BOUNCE: State.BOUNCED,
        Event.LOSE: State.UNKNOWN,
        Event.RECOVER: State.UNKNOWN,
    },
    State.UNKNOWN: {
        Event.RESEND: State.QUEUED,
        Event.ASSUME_DELIVERED: State.DELIVERED,
        Event.BOUNCE: State.BOUNCED,  # a bounce message for it came in
    },
    **{state: {} for state in FINAL},
}


def step(state: State, event: Event) -> State:
    """The state after an event; raises `InternalError` where the event cannot happen there."""
    after = STEPS[state].get(event)
    if after is None:
        raise InternalError(f"a recipient that is {state} cannot take the step {event}")
    return after


def before(event: Event) -> tuple[State, ...]:
    """The states in which an event can happen."""
    return tuple(state for state, steps in STEPS.items() if event in steps)


def event_of(outcome: Outcome) -> Event:
    """The event that an attempt's outcome is; no answer with a next try is a deferral."""
    match outcome:
        case Delivered():
            return Event.DELIVER
        case Deferred():
            return Event.DEFER
        case Bounced():
            return Event.BOUNCE
        case NotSent(next=None):
            return Event.GIVE_UP
        case NotSent():
            return Event.DEFER
        case Unknown():
            return Event.LOSE


class CampaignState(StrEnum):
    """Where a campaign stands."""

    QUEUED = "queued"  # nothing sends it now; running it starts or continues it
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"  # every recipient has a final state or is unknown
    CANCELLED = "cancelled"
    REFUSED = "refused"  # the audit failed
    HELD = "held"  # the audit could not be completed


_S = CampaignState
CAMPAIGN_STEPS: dict[CampaignState, frozenset[CampaignState]] = {
    _S.QUEUED: frozenset({_S.SENDING, _S.PAUSED, _S.FINISHED, _S.CANCELLED, _S.REFUSED, _S.HELD}),
    _S.SENDING: frozenset({_S.QUEUED, _S.PAUSED, _S.FINISHED, _S.CANCELLED, _S.REFUSED, _S.HELD}),
    _S.PAUSED: frozenset({_S.QUEUED, _S.SENDING, _S.CANCELLED, _S.REFUSED, _S.HELD}),
    _S.REFUSED: frozenset({_S.QUEUED, _S.SENDING, _S.PAUSED, _S.CANCELLED, _S.HELD}),
    _S.HELD: frozenset({_S.QUEUED, _S.SENDING, _S.PAUSED, _S.CANCELLED, _S.REFUSED}),
    _S.FINISHED: frozenset({_S.QUEUED}),  # an unknown recipient is to be sent to again
    _S.CANCELLED: frozenset(),
}
