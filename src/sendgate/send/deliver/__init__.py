"""Delivery: from what is due in the store to an outcome for each recipient.

    Engine(Desk(store, key, router, maker, pace, caller, …)).run() ─► Ended

See `engine` for the way of a message, `attempt` for the calling of hosts, `verdict` for what
their answers mean.
"""

from __future__ import annotations

from sendgate.send.deliver.attempt import Caller
from sendgate.send.deliver.desk import Bounds, Desk
from sendgate.send.deliver.engine import Engine
from sendgate.send.deliver.parts import (
    Ended,
    Hop,
    Made,
    News,
    NoRoute,
    Route,
    Unmade,
    Why,
    WhyNoRoute,
)
from sendgate.send.deliver.verdict import Judge

__all__ = [
    "Bounds",
    "Caller",
    "Desk",
    "Ended",
    "Engine",
    "Hop",
    "Judge",
    "Made",
    "News",
    "NoRoute",
    "Route",
    "Unmade",
    "Why",
    "WhyNoRoute",
]
