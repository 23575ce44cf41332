"""Killed at the worst moment: a campaign whose engine dies again and again.

The parent is the receiver: it puts each message that it accepts on the disk before it answers,
and fails in every way at every step. The child is the sender: a whole engine over a whole
store, which SIGKILL meets at each named step and at random. After each death, before anybody
else opens the store, the parent looks who stood between the commit record and the outcome.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from send.deliver.engines import PATIENT, Writing, route
from send.peer import Act, ScriptedPeer, read_journal

from sendgate.errors import StoreError, StoreOpenError
from sendgate.send.classify import load_classifier
from sendgate.send.deliver import Bounds, Caller, Desk, Engine, Judge, Route, Why
from sendgate.send.outcome import Bounced, Deferred
from sendgate.send.pace import Pace
from sendgate.send.schedule import Schedule
from sendgate.send.shaping import Site, read_shaping
from sendgate.send.smtp.tls import Trust
from sendgate.send.state import CampaignState, State
from sendgate.send.store import NewRecipient, Store, open_store, visit_store

STEPS = ("leased", "connecting", "committing", "committed", "answered", "settled")
SITES = 3
CONNECTIONS = 9
MOMENT = timedelta(milliseconds=40)
TIMEOUT = 4.0  # seconds that the sender waits for the reply to the dot
SOON = Schedule(steps=(MOMENT,), then=MOMENT, greylisted=(MOMENT,), mailbox_full=MOMENT)
# Faults at every step, so often that each falls many times into a short campaign.
SCRIPT = {
    "connect": [Act("drop", every=31), Act(reply="421 4.3.2 try again later", every=43)],
    "mail": [Act("reset", every=61), Act(reply="421 4.3.2 shutting down", every=53)],
    "rcpt": [
        Act(reply="550 5.1.1 no such user", every=17),
        Act(reply="451 4.7.1 greylisted, try again later", every=13),
        Act("half", every=67),
    ],
    "data": [Act("drop", every=59), Act(reply="451 4.3.0 busy", every=71)],
    "dot": [
        Act("drop", every=47),
        Act("reset", every=83),
        Act(reply="452 4.3.1 disk full", every=29),
        Act(reply="552 5.2.2 mailbox full", every=37),
    ],
    "accepted": [
        Act("drop", every=41),
        Act("half", every=73),
        Act(delay=TIMEOUT + 1, every=97),
        Act(delay=0.02),
    ],
}
# A pace that nothing slows: the faults here would make it crawl.
TABLE = read_shaping("""
[default]
connections = 20
messages = 100
failures = 1000000
source = "none"
date = 2026-11-23
""")
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])
load_classifier()


@dataclass
class Plan:
    """What one run of the sender does: `kill` is a step, and the how-many-th time it is reached."""

    store: str
    port: int
    recipients: int
    name: str = "killed"
    kill: tuple[str, int] | None = None
    file_size: int = 0  # octets at which the kernel refuses to let a file grow, as a full disk

    def reached(self, step: str) -> None:
        """Die here, if this is the place: no clean-up, no flush, as by a power switch."""
        if self.kill is None or self.kill[0] != step:
            return
        self.kill = (step, self.kill[1] - 1)
        if self.kill[1] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def child(plan: Plan) -> None:
    """Send to the end, or until death; exit 5 where the store cannot be written."""
    if plan.file_size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.file_size, resource.RLIM_INFINITY))
    try:
        asyncio.run(send(plan))
    except StoreError:
        sys.exit(5)
    except StoreOpenError:
        sys.exit(2)


async def send(plan: Plan) -> None:
    async with open_store(plan.store) as store:
        now = datetime.now(UTC)
        campaign, _ = await store.enter(plan.name, "hash", "{}", now)
        if not campaign.loaded:
            async with store.loading(campaign, now) as loader:
                for number in range(plan.recipients):
                    domain = f"{number % (2 * SITES)}.example.net"
                    await loader.add(NewRecipient(f"{plan.name}-{number}@{domain}", domain, {}))
        await store.change(campaign.key, CampaignState.SENDING, now)
        ended = await Engine(desk(plan, store, campaign.key), BOUNDS).run()
        assert ended.why is Why.FINISHED, ended


BOUNDS = Bounds(connections=CONNECTIONS, hold=60, batch=20, poll=0.1, linger=0.01, rest=0.05)


def desk(plan: Plan, store: Store, key: int) -> Desk:
    async def find(domain: str) -> Route:
        site = int(domain.partition(".")[0]) % SITES
        return replace(route(plan.port, plan.port), site=Site(f"mx{site}.example.net"))

    async def audit(site: Site, outcome: Bounced | Deferred) -> bool:
        raise AssertionError(f"{site} has no reason to reject us: {outcome}")

    return Desk(
        store=store,
        key=key,
        router=find,
        maker=Writing(),
        pace=Pace(TABLE),
        table=TABLE,
        caller=Caller("mail.example.com", Trust(), timeouts=replace(PATIENT, dot=TIMEOUT)),
        on_auth_rejection=audit,
        judge=Judge(SOON),
        note=plan.reached,
    )


class Receiver(ScriptedPeer):
    """The scripted receiver, which counts after how many dots it gave no whole answer in time."""

    lost = 0

    def act(self, step: str) -> Act:
        act = super().act(step)
        if step in {"dot", "accepted"} and (act.end != "go" or act.delay > TIMEOUT):
            self.lost += 1
        return act


@contextmanager
def receiving(journal: Path) -> Iterator[Receiver]:
    """A receiver on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    peer = Receiver(journal=journal, script=SCRIPT, keep=False)
    asyncio.run_coroutine_threadsafe(peer.__aenter__(), loop).result(10)
    try:
        yield peer
    finally:
        asyncio.run_coroutine_threadsafe(peer.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class Killing:
    """One test: `run` kills, lets the last sender finish, checks, and gives the figures."""

    def __init__(self, folder: Path, recipients: int, kills: int, seed: str) -> None:
        self.journal, self.store = folder / "journal", folder / "s.db"
        self.recipients, self.kills = recipients, kills
        self.dice = random.Random(seed)
        self.died: Counter[str] = Counter()
        self.committing: set[str] = set()  # who stood after the commit record at a death
        self.campaigns = ["killed"]

    def run(self) -> str:
        with receiving(self.journal) as peer:
            plan = Plan(str(self.store), peer.port, self.recipients)
            while self.died.total() < self.kills:
                self._kill(plan)
            return self._finish(plan, peer)

    def run_on_a_full_disk(self, rooms: Sequence[int]) -> str:
        """The same with a disk that fills up, more room each time, until there is enough."""
        with receiving(self.journal) as peer:
            plan = Plan(str(self.store), peer.port, self.recipients)
            for room in rooms:
                process = self._start(replace(plan, file_size=room))
                process.join(120)
                self.died[f"exit {process.exitcode}"] += 1
                self._look()
            return self._finish(plan, peer)

    def _finish(self, plan: Plan, peer: Receiver) -> str:
        process = self._start(plan)
        process.join(600)
        assert process.exitcode == 0
        return self._check(peer)

    def _start(self, plan: Plan) -> multiprocessing.context.ForkServerProcess:
        process = CONTEXT.Process(target=child, args=(plan,), daemon=True)
        process.start()
        return process

    def _kill(self, plan: Plan) -> None:
        """One run that is to die; a campaign that comes to its end is followed by another."""
        step = (*STEPS, "any")[self.died.total() % (len(STEPS) + 1)]
        if step == "any":
            process = self._start(plan)
            time.sleep(self.dice.uniform(0.02, 0.3))
            process.kill()
        else:
            share = max(2, self.recipients // self.kills)
            most = {"leased": 2, "connecting": 5}.get(step, share)
            process = self._start(replace(plan, kill=(step, self.dice.randint(1, most))))
        process.join(120)
        assert process.exitcode in {0, -signal.SIGKILL}, (step, process.exitcode)
        if process.exitcode:
            self.died[step] += 1
            self._look()
        else:
            plan.name = f"killed{len(self.campaigns)}"
            self.campaigns.append(plan.name)

    def _look(self) -> None:
        """Note who may have been sent to, as the dead sender left it."""
        if not self.store.exists():
            return
        with closing(sqlite3.connect(self.store)) as db:
            tables = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'recipient'").fetchone()
            if tables:
                rows = db.execute("SELECT address FROM recipient WHERE state = 'committing'")
                self.committing |= {address for (address,) in rows}

    def _check(self, peer: Receiver) -> str:
        accepted = Counter(str(entry["to"]) for entry in read_journal(self.journal))
        stands: dict[str, State] = {}
        died_unknown: set[str] = set()
        with visit_store(self.store) as visit:
            for campaign in visit.campaigns():
                found = [(one.address, one.state) for one in visit.recipients(campaign)]
                assert len(found) == len(dict(found)) == self.recipients, "somebody was lost"
                stands |= dict(found)
                died_unknown |= {
                    one.address for one in visit.unknown(campaign) if "commit record" in one.detail
                }
        states = Counter(stands.values())
        final = {State.DELIVERED, State.BOUNCED, State.UNKNOWN}
        assert set(states) <= final, f"somebody has no final state: {states}"
        assert max(accepted.values()) == 1, "somebody got two"
        delivered = {address for address, state in stands.items() if state is State.DELIVERED}
        unknown = {address for address, state in stands.items() if state is State.UNKNOWN}
        assert delivered <= set(accepted) <= delivered | unknown, "what was accepted is not known"
        assert died_unknown == self.committing, "unknown for no reason, or not though it must be"
        assert len(unknown - died_unknown) <= peer.lost, "unknown though no reply was lost"
        return (
            f"killed {self.died.total()} times {dict(self.died)}; of {len(stands)} recipients"
            f" {states[State.DELIVERED]} delivered, {states[State.BOUNCED]} bounced,"
            f" {len(unknown)} unknown ({len(died_unknown)} by a kill after the commit record,"
            f" {len(unknown - died_unknown)} by a lost reply;"
            f" {len(unknown & set(accepted))} of them accepted);"
            f" {len(accepted)} accepted, each once"
        )
