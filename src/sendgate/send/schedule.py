"""When a message that was not taken is tried again, and when trying ends.

    first try ─ 5, 10, 20, 40, 80, 160 min ─ every 4 h ─ last try at 71 to 72 h ─ end

Within 72 hours of the first try a receiver either accepts, refuses, or the message ends: as
a soft bounce where somebody deferred it, as not sent where nobody ever answered. Every
function here is told the time and the draw of the dice; none reads a clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendgate.send.outcome import Bounced, Deferred, NotSent, Peer, Phase, Reply

__all__ = [
    "END",
    "History",
    "Schedule",
    "asked_delay",
    "deferred",
    "expired",
    "is_over",
    "unanswered",
]

END = timedelta(hours=72)

_SHORTEST = timedelta(minutes=1)  # a receiver that says "in 2 seconds" still gets a breath
_MOMENT = timedelta(milliseconds=1)  # what a store keeps times to
_LAST_WORD = "not accepted within 72 hours of the first attempt"


@dataclass(frozen=True)
class Schedule:
    """The waits between attempts.

    `steps` come first, then `then` for ever; each is spread by `jitter` to either side.
    The last attempt falls between `last` and `END` after the first one. The first steps
    are shorter than the 30 minutes of RFC 5321 section 4.5.4.1, because greylisting ends
    within minutes.
    """

    steps: tuple[timedelta, ...] = tuple(timedelta(minutes=m) for m in (5, 10, 20, 40, 80, 160))
    then: timedelta = timedelta(hours=4)
    jitter: float = 0.15
    last: timedelta = timedelta(hours=71)
    greylisted: tuple[timedelta, ...] = (timedelta(minutes=5), timedelta(minutes=15))
    mailbox_full: timedelta = timedelta(hours=6)

    def wait(self, failures: int, category: str) -> timedelta:
        """The wait after so many failed attempts (1 or more), before it is spread."""
        if category == "mailbox_full":
            return self.mailbox_full
        index = max(failures, 1) - 1
        if category == "greylisted" and index < len(self.greylisted):
            return self.greylisted[index]
        return self.steps[index] if index < len(self.steps) else self.then

    def next_try(
        self,
        first: datetime,
        now: datetime,
        failures: int,
        draw: float,
        *,
        category: str = "",
        asked: timedelta | None = None,
    ) -> datetime | None:
        """The time of the next attempt, or None when the last one has been made.

        `first` is when the first attempt began, `failures` how many have failed, this one
        included, `draw` a random number in [0, 1), `asked` the wait that the receiver asked
        for. The answer is later than `now`, and never later than 72 hours after `first`;
        with a clock that was set back behind `first`, 72 hours after `now`.
        """
        first = min(first, now)
        if now - first >= self.last:
            return None
        wait = self.wait(failures, category)
        if asked is None:
            delay = wait * (1 + self.jitter * (2 * draw - 1))
        else:
            # Never before the time the receiver named: what comes early is deferred again.
            delay = max(asked, _SHORTEST) * (1 + self.jitter * draw)
        following = max(wait, self.wait(failures + 1, category))
        if now - first + delay + following > END:
            last = first + self.last + (END - self.last) * draw
            return min(max(last, now + _SHORTEST), first + END - _MOMENT)
        return now + delay


@dataclass(frozen=True)
class History:
    """What earlier attempts for one recipient came to.

    `first` is when the first of them began (None before any), `failures` how many ended
    without a final outcome, `answered` whether any of them was answered at all, `reason`
    the category of the last deferral.
    """

    first: datetime | None = None
    failures: int = 0
    answered: bool = False
    reason: str = ""


def is_over(first: datetime | None, now: datetime) -> bool:
    """Whether the 72 hours since the first attempt are over."""
    return first is not None and now - first >= END


def deferred(
    history: History,
    now: datetime,
    draw: float,
    *,
    category: str,
    phase: Phase,
    reply: Reply | None = None,
    peer: Peer | None = None,
    detail: str = "",
    asked: timedelta | None = None,
    schedule: Schedule | None = None,
) -> Deferred | Bounced:
    """Give the outcome of an attempt that was put off: the next try, or at last a soft bounce."""
    plan = schedule or Schedule()
    due = plan.next_try(
        history.first or now, now, history.failures + 1, draw, category=category, asked=asked
    )
    if due is None:
        return Bounced(category, False, phase, reply, peer, detail or _LAST_WORD)
    return Deferred(category, due, phase, reply, peer, detail)


def unanswered(
    history: History,
    now: datetime,
    draw: float,
    *,
    detail: str,
    phase: Phase = Phase.CONNECT,
    schedule: Schedule | None = None,
) -> NotSent | Bounced:
    """Give the outcome of an attempt that no mail exchanger (or no name server) answered.

    At the end it is a soft bounce, for the last reason given, where an earlier attempt was
    deferred by somebody; else not sent, which is no bounce.
    """
    plan = schedule or Schedule()
    due = plan.next_try(history.first or now, now, history.failures + 1, draw)
    if due is None:
        return expired(history, detail, phase)
    return NotSent(detail, due, phase)


def expired(
    history: History, detail: str = _LAST_WORD, phase: Phase = Phase.CONNECT
) -> NotSent | Bounced:
    """Give the final outcome of a recipient whose 72 hours ended between two attempts."""
    if history.answered:
        return Bounced(history.reason or "temporary", False, phase, detail=detail)
    return NotSent(detail, None, phase)


_UNITS = {"s": 1, "m": 60, "h": 3600}
_AGAIN = re.compile(
    r"(?:again|retry|retried|back|wait|gr[ae]y-?list\w*|deferred|blocked|delayed|throttled)"
    r"\b[^0-9]{0,40}?\b(?:in|after|for|within|wait|another)\b[^0-9]{0,20}"
    r"(?:(?P<clock>\d{1,2}:\d{2}:\d{2})|(?P<number>\d{1,6})\s*(?P<unit>[smh])"
    r"(?:(?P<more>\d{1,2})s|ec(?:ond)?s?|in(?:ute)?s?|rs?|ours?)?\b)",
    re.IGNORECASE,
)


def asked_delay(text: str) -> timedelta | None:
    """Read the wait that a reply asks for ("try again in 5 minutes"), None where it names none."""
    found = _AGAIN.search(text)
    if found is None:
        return None
    if found["clock"]:
        hours, minutes, seconds = (int(part) for part in found["clock"].split(":"))
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    seconds = int(found["number"]) * _UNITS[found["unit"].lower()] + int(found["more"] or 0)
    return min(timedelta(seconds=seconds), END)
