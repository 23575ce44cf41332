"""How fast a campaign leaves, beside what else could send it, on one machine in one run.

    python -m tests.send.bench_send [MESSAGES [ROUNDS]]

The receiver is Postfix's smtp-sink; messages have 4 kB and an RSA-2048 signature. Measured one
after another in each round, in messages a second:

- relay: the same number of messages from smtp-source through Postfix with opendkim, as they are
  installed, the milter at a port;
- tuned: the same with the milter behind a Unix socket and no brake on Postfix's queue;
- sent: a campaign, personalised, made and signed and sent, every step durable;
- made: the same messages made and signed by as many processes, and not sent;
- signed: the same messages, made before, signed by as many processes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendgate.send.campaign import Campaign
    from sendgate.send.store import Lease, Store

SENDER = "news.example.com"
DOMAIN = "example.net"
SECRET = b"a key for a benchmark"
SESSIONS = 20  # of smtp-source: more of them make the relay slower


@dataclass(frozen=True)
class Figures:
    """One round, in messages a second, and CPU seconds for a thousand messages."""

    relay: float
    tuned: float
    sent: float
    made: float
    signed: float
    grouped: float  # writes a commit
    own_cpu: float
    makers_cpu: float

    def __str__(self) -> str:
        return (
            f"relay {self.relay:5.0f}   tuned {self.tuned:5.0f}   sent {self.sent:5.0f}   "
            f"made {self.made:5.0f}   signed {self.signed:5.0f}   "
            f"sent / relay {self.sent / self.relay:.2f}   "
            f"sent / tuned {self.sent / self.tuned:.2f}   "
            f"sent / signed {self.sent / self.signed:.2f}   "
            f"({self.grouped:.1f} writes a commit; CPU ms a message: "
            f"sending {self.own_cpu:.2f}, making {self.makers_cpu:.2f})"
        )


def signed_campaign(folder: Path, key: bytes) -> Campaign:
    """The campaign of the composing benchmark, with a key (PEM)."""
    from send.bench_compose import prepare

    from sendgate.names import Domain
    from sendgate.send.campaign import DkimKey

    path = folder / "s1.pem"
    path.write_bytes(key)
    named = DkimKey(Domain.parse(SENDER), "s1", path)
    return replace(prepare(folder), dkim_keys=(named,))


def fields(number: int) -> dict[str, object]:
    return {"first_name": f"Joé {number}", "city": "Köln"}


def lease(number: int, now: datetime) -> Lease:
    from sendgate.send.schedule import History
    from sendgate.send.store import Lease

    return Lease(
        campaign=1, recipient=number, attempt=number, before=None, number=1,
        address=f"user{number}@{DOMAIN}", domain=DOMAIN, fields=fields(number), line=None,
        message_id=None, history=History(), time=now,
    )  # fmt: skip


async def make_only(campaign: Campaign, count: int) -> float:
    """Messages a second that are made, signed and thrown away."""
    from sendgate.send.deliver.workshop import Workshop

    now = datetime.now(UTC)
    async with Workshop(campaign, SECRET, 1) as workshop:
        await warm(workshop)
        begun = time.perf_counter()
        for start in range(1, count + 1, 1000):
            batches = [
                [lease(n, now) for n in range(first, first + 25)]
                for first in range(start, start + 1000, 25)
            ]
            await asyncio.gather(*(workshop.make(batch) for batch in batches))
        return count / (time.perf_counter() - begun)


async def warm(workshop: object) -> None:
    """Let every process of a workshop start and make its first messages."""
    now = datetime.now(UTC)
    orders = [[lease(n, now) for n in range(25)] for _ in range(8 * (os.cpu_count() or 1))]
    await asyncio.gather(*(workshop.make(order) for order in orders))


def sign_some(campaign: Campaign, count: int, pipe: Connection) -> None:
    """Make `count` messages, then sign them between two signals; runs in a process."""
    from sendgate.message.keys import load_key
    from sendgate.message.sign import Signer, sign
    from sendgate.send.address import Address
    from sendgate.send.compose import Composer
    from sendgate.send.tokens import Tokens

    composer, now = Composer(campaign, Tokens(SECRET), 1), datetime.now(UTC)
    signers = [Signer(k.domain, k.selector, load_key(k.file)) for k in campaign.dkim_keys]
    made = [
        composer.compose(n, Address.parse(f"user{n}@{DOMAIN}"), fields(n), now).data
        for n in range(count)
    ]
    sign(made[0], signers, now)
    pipe.send("ready")
    pipe.recv()
    for octets in made:
        sign(octets, signers, now)
    pipe.send("done")


def sign_only(campaign: Campaign, count: int, processes: int) -> float:
    """Messages a second that so many processes sign."""
    context = multiprocessing.get_context("spawn")
    pipes, children = [], []
    for _ in range(processes):
        mine, theirs = context.Pipe()
        child = context.Process(target=sign_some, args=(campaign, count // processes, theirs))
        child.start()
        pipes.append(mine)
        children.append(child)
    for pipe in pipes:
        pipe.recv()
    begun = time.perf_counter()
    for pipe in pipes:
        pipe.send("go")
    for pipe in pipes:
        pipe.recv()
    seconds = time.perf_counter() - begun
    for child in children:
        child.join()
    return count // processes * processes / seconds


async def send(campaign: Campaign, store: Store, key: int, port: int) -> tuple[float, int]:
    """Seconds until everybody has been delivered to, and the processes that made messages."""
    from send.deliver.engines import route

    from sendgate.send.deliver import Caller, Desk, Engine, Route, Why
    from sendgate.send.deliver.workshop import Workshop
    from sendgate.send.outcome import Bounced, Deferred
    from sendgate.send.pace import Pace
    from sendgate.send.shaping import Site, load_shaping
    from sendgate.send.smtp.tls import Trust

    async def find(_: str) -> Route:
        return route(port)

    async def audit(_: Site, outcome: Bounced | Deferred) -> bool:
        raise AssertionError(outcome)

    table = load_shaping()
    async with Workshop(campaign, store.secret, key) as workshop:
        await warm(workshop)
        caller = Caller("mail.example.com", Trust(), dice=Random(1))
        desk = Desk(store, key, find, workshop, Pace(table), table, caller, audit)
        begun = time.perf_counter()
        ended = await Engine(desk).run()
        assert ended.why is Why.FINISHED, ended
        return time.perf_counter() - begun, workshop.processes


async def campaign_sent(
    campaign: Campaign, folder: Path, count: int, port: int
) -> tuple[float, float, int]:
    """Messages a second, writes a commit, and the processes that made messages."""
    from sendgate.send.state import CampaignState, State
    from sendgate.send.store import NewRecipient, open_store

    async with open_store(folder / "s.db") as store:
        now = datetime.now(UTC)
        entered, _ = await store.enter("bench", "hash", "{}", now)
        async with store.loading(entered, now) as loader:
            for n in range(count):
                await loader.add(NewRecipient(f"user{n}@{DOMAIN}", DOMAIN, fields(n)))
        await store.change(entered.key, CampaignState.SENDING, now)
        commits, writes = store.commits, store.writes
        seconds, processes = await send(campaign, store, entered.key, port)
        grouped = (store.writes - writes) / (store.commits - commits)
        counts = await store.counts(entered.key)
        assert counts.of(State.DELIVERED) == count, counts
    return count / seconds, grouped, processes


def check_that_the_relay_signs(key: bytes) -> None:
    """What it hands on bears a signature: else it would be measured doing less."""
    from send.mail_servers import smtp_sink
    from send.signing_relay import signing_relay

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        with (
            smtp_sink("-D", str(folder / "dump")) as port,
            signing_relay(port, key, SENDER) as relay,
        ):
            relay.pass_on(1, 1, f"hello@{SENDER}", f"user@{DOMAIN}")
        assert b"\nDKIM-Signature: v=1; a=rsa-sha256;" in (folder / "dump").read_bytes()


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def one_round(count: int, port: int, key: bytes) -> Figures:
    from send.signing_relay import signing_relay

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = []
        for tuned in (False, True):
            with signing_relay(port, key, SENDER, tuned=tuned) as relay:
                run = relay.pass_on(count, SESSIONS, f"hello@{SENDER}", f"user@{DOMAIN}")
            seconds.append(run)
        campaign = signed_campaign(folder, key)
        own, makers = cpu(resource.RUSAGE_SELF), cpu(resource.RUSAGE_CHILDREN)
        sent, grouped, processes = asyncio.run(campaign_sent(campaign, folder, count, port))
        own, makers = cpu(resource.RUSAGE_SELF) - own, cpu(resource.RUSAGE_CHILDREN) - makers
        made = asyncio.run(make_only(campaign, count))
        signed = sign_only(campaign, count, processes)
    per = 1000 / count
    plain, swift = (count / run for run in seconds)
    return Figures(plain, swift, sent, made, signed, grouped, own * per, makers * per)


def main() -> None:
    """Measure and print."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from message.signing import pem
    from send.mail_servers import smtp_sink

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"{rounds} rounds of {count} messages, {os.cpu_count()} cores", flush=True)
    check_that_the_relay_signs(pem())
    with smtp_sink() as port:
        found = []
        for _ in range(rounds):
            found.append(one_round(count, port, pem()))
            print(found[-1], flush=True)
    for name in ("relay", "tuned", "signed"):
        ratios = [one.sent / getattr(one, name) for one in found]
        print(f"sent / {name}: {min(ratios):.2f} to {max(ratios):.2f}, "
              f"median {statistics.median(ratios):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
