"""A large campaign in the store, measured in a process of its own."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from stores import DELIVERED, NOW, PEER

from sendgate.send.state import CampaignState, State
from sendgate.send.store import Lease, NewRecipient, Store, open_store

CONNECTIONS = 100


def contacts(count: int) -> Iterator[NewRecipient]:
    """Half of them at one provider, half spread over many domains, in no order."""
    dice = random.Random(1)
    for number in range(count):
        domain = "big.example" if dice.random() < 0.5 else f"d{dice.randrange(count)}.example"
        address = f"user{dice.getrandbits(64):x}@{domain}"
        fields = {"email": address, "first_name": f"Name {number}", "consent_proof": "x" * 60}
        yield NewRecipient(address, domain, fields, number + 2)


async def measure(path: str, count: int) -> dict[str, float]:
    async with open_store(path) as store:
        campaign, _ = await store.enter("large", "hash", "{}", NOW)
        begun = time.perf_counter()
        async with store.loading(campaign, NOW) as loader:
            for row in contacts(count):
                await loader.add(row)
        loaded = time.perf_counter()
        await store.change(campaign.key, CampaignState.SENDING, NOW)
        sent = 0
        while sent < count // 100:
            waiting = list((await store.lease(campaign.key, NOW, 500)).leases)
            sent += len(waiting)
            await asyncio.gather(*(deliver(store, waiting) for _ in range(CONNECTIONS)))
        done = time.perf_counter()
        counts = await store.counts(campaign.key)
        counted = time.perf_counter()
        assert counts.eligible == count
        assert counts.of(State.DELIVERED) == sent
        return {
            "load": loaded - begun,
            "messages a second": sent / (done - loaded),
            "writes a commit": store.writes / store.commits,
            "count": counted - done,
            "megabytes": peak_megabytes(),
        }


async def deliver(store: Store, waiting: list[Lease]) -> None:
    while waiting:
        held = waiting.pop()
        await store.commit(held, PEER, f"<{held.recipient}@example.com>", "d" * 64, NOW)
        await store.settle(held, DELIVERED, NOW)


def peak_megabytes() -> float:
    """The most memory this program held; ru_maxrss would count the parent it was forked from."""
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert peak is not None
    return int(peak[1]) / 1024


def run(path: str, count: int, pipe: Connection) -> None:
    pipe.send(asyncio.run(measure(path, count)))
