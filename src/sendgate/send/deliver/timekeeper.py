"""The timekeeper: tells a clock that jumps from time that passes.

The waits of a campaign are kept as times of the wall's clock, which somebody may set. A clock
that never jumps says how long it really was since the last look; what the wall's clock has
moved beyond that is a jump, and all that waits has to be moved along with it. Else a clock
set forward would end the 72 hours of everybody at once, and one set back would have them
wait for as long as it was set back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

__all__ = ["Timekeeper", "since_boot"]

_NO_JUMP = timedelta(minutes=1)  # what is less is left alone: clocks are set right all the time
_SLEEP = 600.0  # seconds between two looks, of which there are many in a minute


def since_boot() -> float:
    """Seconds since the machine was started, those for which it slept included."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


@dataclass
class Timekeeper:
    """`clock` is the wall's (aware); `steady` gives seconds that never jump, None: trust it."""

    clock: Callable[[], datetime]
    steady: Callable[[], float] | None = None
    has_slept: bool = field(default=False, init=False)
    """Whether nothing at all can have been done for long before the last look."""
    _before: tuple[datetime, float] | None = field(default=None, init=False)

    def look(self) -> tuple[datetime, timedelta]:
        """The time, and by how much the clock has jumped since the last look: mostly nothing."""
        now = self.clock()
        if self.steady is None:
            return now, timedelta()
        steady, before = self.steady(), self._before
        self._before = now, steady
        self.has_slept = before is not None and steady - before[1] >= _SLEEP
        if before is None:
            return now, timedelta()
        jump = (now - before[0]) - timedelta(seconds=steady - before[1])
        return now, jump if abs(jump) >= _NO_JUMP else timedelta()
