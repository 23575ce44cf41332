"""How fast to go: what the table allows, and what the receivers' replies make of it.

    open ──► a connection now, or when to ask again      (per path; per site, where all share)
    take ──► a message now, or when to ask again         (campaign, site, path: token buckets)
    delivered, heard, unreached ──► faster, slower, or a pause of the path

A *path* is a source address and a site. It starts at the site's limits, is halved by replies
that ask for less, and recovers evenly while mail is taken (additive increase, multiplicative
decrease). Everything is told the time: `now` is in seconds of a clock that never jumps,
because on the wall's clock a jump would make a burst or a standstill.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from sendgate.send.classify.rulebook import Classification, Scope
from sendgate.send.shaping import Limits, Reaction, Shaping, Site

__all__ = ["Bucket", "Held", "Pace", "Path"]

RECOVERY = 5400.0  # seconds of steady delivery from nothing to the full limits
SETTLE = 10.0  # seconds in which what is already under way says the same once more
SLOWEST = 1 / 60  # messages a second
TRIAL = 900.0  # seconds after which a trial message without an outcome no longer blocks
_STEADY = 60.0  # seconds without a delivery after which time no longer counts as steady
_LOAD = 60.0  # seconds over which the rate of a path is measured
_FAILED = (300.0, 3600.0)  # first and longest pause of a path that cannot be reached, in seconds
_LONGEST_ASKED = 3600.0  # seconds; a longer wait that a reply names holds its message only
_ROUNDING = 1e-9
_SWEEP = 16  # idle paths looked for at a time
_REPLIES = 50  # of a path that a share is of
_FEW = 3  # replies of a kind that are no share of anything yet


@dataclass(frozen=True)
class Path:
    """A source address (empty: whichever) and a site."""

    source: str
    site: Site

    def __str__(self) -> str:
        return f"{self.source} to {self.site}" if self.source else str(self.site)


@dataclass(frozen=True)
class Held:
    """A pause of a path: until when (`inf`: until released) and why."""

    path: Path
    until: float
    why: str


class Bucket:
    """A token bucket: `rate` tokens a second, one at the start, at most a second's worth."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._level = 1.0
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0.0: now."""
        self._fill(now)
        missing = 1.0 - self._level
        return 0.0 if missing <= _ROUNDING else missing / self.rate

    def take(self, now: float) -> None:
        """Take a token that `wait` promised."""
        self._fill(now)
        self._level -= 1.0

    def change(self, rate: float, now: float) -> None:
        """Go on at another rate."""
        self._fill(now)
        self.rate = rate

    def is_full(self, now: float) -> bool:
        """Whether nothing would be lost by making it anew."""
        self._fill(now)
        return self._level >= 1.0

    def _fill(self, now: float) -> None:
        if now > self._at:
            level = self._level + (now - self._at) * self.rate
            self._level = min(level, max(1.0, self.rate))
            self._at = now


@dataclass
class _Lane:
    """What is known of one path."""

    limits: Limits
    window: float  # connections, not whole while it recovers
    open: int = 0
    bucket: Bucket | None = None  # there while the path is slower than its site
    peak: float = 0.0  # messages a second before it was slowed
    load: float = 0.0  # messages a second, lately; of a young lane only a part
    loaded_at: float = 0.0
    made_at: float = 0.0
    slowed_at: float = -math.inf
    delivered_at: float = -math.inf
    held_until: float = -math.inf
    why: str = ""
    failures: int = 0
    seen: dict[str, deque[float]] = field(default_factory=dict)
    replies: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_REPLIES))
    trial: bool = False
    tried_at: float | None = None

    @property
    def connections(self) -> int:
        return 1 if self.trial else max(1, int(self.window + _ROUNDING))

    def blocked(self, now: float) -> float:
        """Seconds for which nothing may be sent."""
        if now < self.held_until:
            return self.held_until - now
        if self.trial and self.tried_at is not None:
            return max(0.0, self.tried_at + TRIAL - now)
        return 0.0

    def measure(self, now: float, messages: int = 0) -> float:
        """The rate of late; `messages` more were just sent."""
        self.load *= math.exp(-max(now - self.loaded_at, 0.0) / _LOAD)
        self.load += messages / _LOAD
        self.loaded_at = now
        seen = 1.0 - math.exp(-max(now - self.made_at, 1.0) / _LOAD)
        return self.load / seen

    def is_share(self, reaction: Reaction, now: float) -> bool:
        """Whether such replies are so many of the last ones that the path itself is meant."""
        if not reaction.share:
            return True
        lately = [said for at, said in self.replies if now - at <= reaction.within]
        such = sum(said in reaction.categories for said in lately)
        return such >= _FEW and such >= reaction.share * len(lately)

    def is_plain(self, now: float) -> bool:
        """Whether nothing is known that a new lane would not know."""
        return (
            not (self.open or self.bucket or self.failures or self.trial)
            and now >= self.held_until
            and self.window >= self.limits.connections
            and not any(times and now - times[-1] < 3600 for times in self.seen.values())
        )


@dataclass
class _Place:
    """What a limit of the table is kept for: a site, or where each has its own, a path."""

    open: int = 0
    bucket: Bucket | None = None

    def is_plain(self, now: float) -> bool:
        return not self.open and (self.bucket is None or self.bucket.is_full(now))


class Pace:
    """The pace of one run.

    `rate` is the campaign's, in messages a second, None without one. What is known of paths
    at rest in their usual state is forgotten beyond `capacity` of them.
    """

    def __init__(self, table: Shaping, rate: float | None = None, capacity: int = 10_000) -> None:
        self._table = table
        self._rate = rate
        self._campaign: Bucket | None = None
        self._capacity = capacity
        self._lanes: dict[Path, _Lane] = {}
        self._places: dict[tuple[str, str], _Place] = {}

    def open(self, path: Path, now: float) -> float:
        """Take a connection slot; 0.0: taken, else the seconds until it is worth asking again.

        `inf`: when a connection to the site has been closed.
        """
        lane, place = self._lane(path, now), self._place(path, now)
        if (wait := lane.blocked(now)) > 0.0:
            return wait
        if lane.open >= lane.connections or place.open >= lane.limits.connections:
            return math.inf
        lane.open += 1
        place.open += 1
        return 0.0

    def close(self, path: Path) -> None:
        """Give a slot back that `open` gave."""
        self._lanes[path].open -= 1
        self._places[_place_key(path, self._lanes[path].limits)].open -= 1

    def has_room(self, path: Path, now: float) -> bool:
        """Whether the connections open are as many as there may now be, or fewer.

        Where not, because the path was slowed, one of them is to be closed.
        """
        lane = self._lane(path, now)
        return lane.open <= lane.connections

    def take(self, path: Path, now: float) -> float:
        """Take leave for one message; 0.0: taken, else the seconds until it is worth asking again.

        A connection comes first: what is taken is not given back.
        """
        lane, place = self._lane(path, now), self._place(path, now)
        if self._campaign is None and self._rate is not None:
            self._campaign = Bucket(self._rate, now)
        buckets = [b for b in (self._campaign, place.bucket, lane.bucket) if b is not None]
        wait = max([lane.blocked(now), *(bucket.wait(now) for bucket in buckets)])
        if wait > 0.0:
            return wait
        for bucket in buckets:
            bucket.take(now)
        lane.measure(now, 1)
        if lane.trial:
            lane.tried_at = now
        return 0.0

    def delivered(self, path: Path, now: float) -> None:
        """The receiver took a message: a little faster, where the path was slowed."""
        lane = self._lane(path, now)
        lane.failures, lane.trial, lane.tried_at = 0, False, None
        lane.replies.append((now, ""))
        steady = min(max(now - lane.delivered_at, 0.0), _STEADY)
        lane.delivered_at = now
        full = lane.limits.connections
        lane.window = min(full, lane.window + full * steady / RECOVERY)
        if lane.bucket is not None:
            whole = lane.limits.rate or 2 * lane.peak
            rate = lane.bucket.rate + whole * steady / RECOVERY
            if rate >= whole:
                lane.bucket = None
            else:
                lane.bucket.change(rate, now)

    def heard(self, path: Path, said: Classification, now: float) -> Held | None:
        """A refusal came over the path: slower, or a pause, as the table says; the pause if any."""
        lane = self._lane(path, now)
        lane.failures = 0
        lane.replies.append((now, said.category))
        if said.scope is not Scope.SENDER:  # it speaks of something else: the path is good
            lane.trial, lane.tried_at = False, None
        reaction = self._table.reaction(path.site, said.category)
        if reaction is None or not lane.is_share(reaction, now):
            return None
        if reaction.slow:
            self._slow(lane, now)
        pause = self._due_pause(lane, said.category, reaction, now)
        asked = float(said.retry_after or 0)
        if reaction.slow and 0.0 < asked <= _LONGEST_ASKED:
            pause = max(pause, asked)
        return self.hold(path, pause, now, said.category) if pause else None

    def unreached(self, path: Path, now: float) -> Held | None:
        """No host of the site gave a connection that works: after several times, growing pauses."""
        lane = self._lane(path, now)
        lane.failures += 1
        lane.tried_at = None  # a trial that never came to its message is still to be made
        over = lane.failures - lane.limits.failures
        if over < 0 or now < lane.held_until:
            return None
        first, longest = _FAILED
        pause = min(first * 2.0 ** min(over, 16), longest)
        return self.hold(path, pause, now, "no_answer")

    def hold(self, path: Path, seconds: float, now: float, why: str) -> Held:
        """Pause a path (`inf`: until `release`); a longer pause stays. It then starts slowly."""
        lane = self._lane(path, now)
        if now + seconds > lane.held_until:
            lane.held_until, lane.why = now + seconds, why
        lane.window = 1.0
        lane.trial, lane.tried_at = False, None
        return Held(path, lane.held_until, lane.why)

    def release(self, path: Path, now: float, *, trial: bool = False) -> None:
        """End a pause; with `trial`, one message goes first, and others when it was taken."""
        lane = self._lane(path, now)
        lane.held_until = -math.inf
        lane.trial, lane.tried_at = trial, None

    def is_held(self, path: Path, now: float) -> bool:
        """Whether a path is paused."""
        lane = self._lanes.get(path)
        return lane is not None and now < lane.held_until

    def held(self, now: float) -> Iterator[Held]:
        """The paths that are paused."""
        for path, lane in self._lanes.items():
            if now < lane.held_until:
                yield Held(path, lane.held_until, lane.why)

    def rate_of(self, path: Path, now: float) -> float | None:
        """Messages a second that the path may have; None: no limit but the campaign's."""
        bucket = self._lane(path, now).bucket or self._place(path, now).bucket
        return bucket.rate if bucket else None

    def connections_of(self, path: Path, now: float) -> int:
        """Connections that the path may have at a time."""
        return self._lane(path, now).connections

    def _slow(self, lane: _Lane, now: float) -> None:
        if now - lane.slowed_at < SETTLE:
            return
        lane.slowed_at = lane.delivered_at = now
        lane.window = max(1.0, min(lane.window, float(max(lane.open, 1))) / 2)
        load = lane.measure(now)
        rate = min(load, lane.bucket.rate) if lane.bucket else load
        if lane.bucket is None:
            lane.peak = max(load, SLOWEST)
            lane.bucket = Bucket(1.0, now)
        lane.bucket.change(max(SLOWEST, rate / 2), now)

    @staticmethod
    def _due_pause(lane: _Lane, category: str, reaction: Reaction, now: float) -> float:
        times = lane.seen.setdefault(category, deque(maxlen=reaction.count))
        times.append(now)
        if len(times) < reaction.count or now - times[0] > reaction.within:
            return 0.0
        times.clear()
        return reaction.pause

    def _lane(self, path: Path, now: float) -> _Lane:
        lane = self._lanes.get(path)
        if lane is None:
            limits = self._table.limits(path.site)
            lane = _Lane(limits, float(limits.connections), loaded_at=now, made_at=now)
            self._make_room(now)
            self._lanes[path] = lane
        return lane

    def _place(self, path: Path, now: float) -> _Place:
        limits = self._table.limits(path.site)
        key = _place_key(path, limits)
        place = self._places.get(key)
        if place is None:
            place = _Place(bucket=None if limits.rate is None else Bucket(limits.rate, now))
            self._places[key] = place
        return place

    def _make_room(self, now: float) -> None:
        """Forget some of what need not be known; the rest goes to the end of the queue."""
        if len(self._lanes) >= self._capacity:
            for path in list(islice(self._lanes, _SWEEP)):
                lane = self._lanes.pop(path)
                if not lane.is_plain(now):
                    self._lanes[path] = lane
        if len(self._places) >= self._capacity:
            for key in list(islice(self._places, _SWEEP)):
                place = self._places.pop(key)
                if not place.is_plain(now):
                    self._places[key] = place


def _place_key(path: Path, limits: Limits) -> tuple[str, str]:
    return path.source if limits.per_source else "", path.site.key
