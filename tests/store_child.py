"""A sender without SMTP, to be killed: the store's protocol against a receiver that is a file.

The receiver puts each accepted recipient on the disk before it answers, as the scripted
mail exchanger does, so that what was accepted is known whatever happens to the sender.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stores import DELIVERED, HARD, PEER, deferred, people

from sendgate.errors import StoreError, StoreOpenError
from sendgate.send.outcome import Outcome
from sendgate.send.state import CampaignState
from sendgate.send.store import Campaign, Exclusion, Lease, Store, open_store

CONNECTIONS = 8
STEPS = ("opened", "loading", "leased", "committed", "accepted", "settled", "released")


@dataclass
class Plan:
    """What one run of the sender does: `kill` is a step and the how-many-th time it is reached."""

    store: str
    accepted: str
    recipients: int
    name: str = "killed"
    kill: tuple[str, int] | None = None
    file_size: int = 0
    released: set[int] = field(default_factory=set)

    def reached(self, step: str) -> None:
        """Die here, if this is the place: no clean-up, no flush, as by a power switch."""
        if self.kill is None or self.kill[0] != step:
            return
        self.kill = (step, self.kill[1] - 1)
        if self.kill[1] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def run(plan: Plan) -> None:
    """Run a campaign to its end, or until death; exit 5 where the store fails, 2 unopened."""
    if plan.file_size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.file_size, resource.RLIM_INFINITY))
    try:
        with Path(plan.accepted).open("ab", buffering=0) as receiver:
            asyncio.run(send(plan, receiver.fileno()))
    except StoreError:
        sys.exit(5)
    except StoreOpenError:
        sys.exit(2)


async def send(plan: Plan, receiver: int) -> None:
    async with open_store(plan.store) as store:
        plan.reached("opened")
        now = datetime.now(UTC)
        campaign, _ = await store.enter(plan.name, "hash", "{}", now)
        if not campaign.loaded:
            await load(plan, store, campaign, now)
        await store.change(campaign.key, CampaignState.SENDING, now)
        while not (await store.standing(campaign.key)).is_finished:
            leased = await store.lease(campaign.key, datetime.now(UTC), 40)
            plan.reached("leased")
            waiting = list(leased.leases)
            await asyncio.gather(
                *(deliver(plan, store, waiting, receiver) for _ in range(CONNECTIONS))
            )
            if not leased.leases:
                await asyncio.sleep(0.01)
        await store.change(campaign.key, CampaignState.FINISHED, datetime.now(UTC))


async def load(plan: Plan, store: Store, campaign: Campaign, now: datetime) -> None:
    async with store.loading(campaign, now) as loader:
        await loader.add(Exclusion("nobody@example.com", "no_consent"))
        for number, row in enumerate(people(plan.recipients)):
            await loader.add(row)
            if number % 100 == 99:
                await loader.flush()
                plan.reached("loading")


async def deliver(plan: Plan, store: Store, waiting: list[Lease], receiver: int) -> None:
    while waiting:
        held = waiting.pop()
        if held.recipient % 11 == 0 and held.recipient not in plan.released:
            plan.released.add(held.recipient)
            await store.release(held, datetime.now(UTC))
            plan.reached("released")
            continue
        outcome = refused(held)
        if outcome is None:
            await store.commit(held, PEER, f"<{held.recipient}@x>", "d" * 64, datetime.now(UTC))
            plan.reached("committed")
            outcome = answer(plan, held, receiver)
            plan.reached("accepted")
        await store.settle(held, outcome, datetime.now(UTC))
        plan.reached("settled")


def refused(held: Lease) -> Outcome | None:
    """The answer before the dot, None where the message is asked for."""
    if held.recipient % 10 == 3 and held.history.failures < 2:
        return deferred(datetime.now(UTC) + timedelta(milliseconds=30))
    return HARD if held.recipient % 10 == 7 else None


def answer(plan: Plan, held: Lease, receiver: int) -> Outcome:
    """The answer to the dot; what is accepted is on the disk before."""
    if held.recipient % 10 == 5 and held.history.failures < 1:
        return deferred(datetime.now(UTC) + timedelta(milliseconds=30))
    os.write(receiver, f"{plan.name}/{held.address}\n".encode("ascii"))
    os.fsync(receiver)
    return DELIVERED
