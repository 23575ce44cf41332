"""The lanes of a run, one a path, and which of them a message takes.

    paths to a site, the better suited first ─► the lane that may be called and has least to do
                                              └► none: its domain is held back for a while

A source address that a site has paused does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sendgate.send.deliver.lane import Lane
from sendgate.send.pace import Path

__all__ = ["Lanes", "Paths"]

Paths = Sequence[Sequence[Path]]
"""Ways to one site: groups, the better suited one first, of paths that are as good."""


class Lanes:
    """All lanes; `room` is how many messages may wait in one before it is full."""

    def __init__(self, room: int) -> None:
        self._room = max(1, room)
        self._lanes: dict[Path, Lane] = {}
        self._held_back: dict[str, Paths] = {}  # by domain whose leases went back

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def choose(self, paths: Paths, now: float) -> Lane | None:
        """The lane with least to do in the first group with one that may be called.

        None: all of them are full, or none may be called. Of equals it is the first.
        """
        for group in paths:
            lanes = [self._lanes.get(path) or Lane(path) for path in group]
            free = [lane for lane in lanes if not lane.is_blocked(now)]
            if free:
                best = min(free, key=lambda lane: len(lane.queue) + lane.busy)
                if len(best.queue) >= self._room:
                    return None
                return self._lanes.setdefault(best.path, best)
        return None

    def is_on_probation(self, path: Path) -> bool:
        """Whether only its own lane may use this path, or nobody may, after a rejection."""
        lane = self._lanes.get(path)
        return lane is not None and lane.is_on_probation

    def hold_back(self, domain: str, paths: Paths) -> None:
        """Lease nothing of a domain until one of its lanes has room again."""
        self._held_back[domain] = paths
        for path in _flat(paths):
            if path in self._lanes:
                self._lanes[path].is_behind = True

    def is_held_back(self, domain: str, now: float) -> bool:
        """Whether what is leased of a domain now would have to be given back."""
        paths = self._held_back.get(domain)
        if paths is None:
            return False
        if not self._has_room(paths, now):
            return True
        del self._held_back[domain]
        return False

    def _has_room(self, paths: Paths, now: float) -> bool:
        """Whether the group that `choose` would take from has a lane that is half empty."""
        for group in paths:
            lanes = [self._lanes.get(path) or Lane(path) for path in group]
            free = [lane for lane in lanes if not lane.is_blocked(now)]
            if free:
                return any(len(lane.queue) <= self._room // 2 for lane in free)
        return False

    def has_caught_up(self, lane: Lane) -> bool:
        """Whether a lane that more had been given back of has room again; true once."""
        if not lane.is_behind or len(lane.queue) > self._room // 2:
            return False
        lane.is_behind = False
        return True

    def unblocked(self, lane: Lane) -> None:
        """Note that a site may be called again."""
        freed = [name for name, paths in self._held_back.items() if lane.path in _flat(paths)]
        for domain in freed:
            del self._held_back[domain]

    def unblocking(self, now: float) -> float | None:
        """Seconds until the first paused lane may be called again; None where none is paused."""
        held = {path for paths in self._held_back.values() for path in _flat(paths)}
        lanes = [self._lanes[path] for path in held if path in self._lanes]
        waits = [
            lane.paused_until - now
            for lane in lanes
            if lane.paused_until > now and not lane.auditing
        ]
        return min(waits, default=None)

    def drop(self, lane: Lane) -> None:
        """Forget a lane that nothing is known of."""
        self._lanes.pop(lane.path, None)


def _flat(paths: Paths) -> Iterator[Path]:
    return (path for group in paths for path in group)
