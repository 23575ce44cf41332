"""How fast a campaign leaves: composed, signed with RSA-2048, over SMTP, every outcome durable.

    python -m tests.send.bench_engine [MESSAGES]

The receiver is Postfix's smtp-sink. In the same run: how many of the same messages the same
number of processes compose and sign in a second when nothing is sent.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendgate.send.campaign import Campaign
    from sendgate.send.store import Lease, Store

DOMAIN = "example.net"


def signed(folder: Path) -> Campaign:
    """The campaign of the composing benchmark, with a key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from send.bench_compose import prepare

    from sendgate.names import Domain
    from sendgate.send.campaign import DkimKey

    key = generate_private_key(65537, 2048)
    path = folder / "s1.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    named = DkimKey(Domain.parse("news.example.com"), "s1", path)
    return replace(prepare(folder), dkim_keys=(named,))


def lease(number: int, now: datetime) -> Lease:
    from sendgate.send.schedule import History
    from sendgate.send.store import Lease

    return Lease(
        campaign=1, recipient=number, attempt=number, before=None, number=1,
        address=f"user{number}@{DOMAIN}", domain=DOMAIN,
        fields={"first_name": f"Joé {number}", "city": "Köln"}, line=None,
        message_id=None, history=History(), time=now,
    )  # fmt: skip


async def make_only(campaign: Campaign, count: int, processes: int) -> float:
    """Messages a second that are made and thrown away."""
    from sendgate.send.deliver.workshop import Workshop

    now = datetime.now(UTC)
    async with Workshop(campaign, b"a key for a benchmark", 1, processes) as workshop:
        await asyncio.gather(*(workshop.make([lease(1, now)]) for _ in range(4 * processes)))
        begun = time.perf_counter()
        for start in range(1, count + 1, 1000):
            batches = [
                [lease(n, now) for n in range(first, first + 25)]
                for first in range(start, start + 1000, 25)
            ]
            await asyncio.gather(*(workshop.make(batch) for batch in batches))
        return count / (time.perf_counter() - begun)


async def send(campaign: Campaign, store: Store, key: int, port: int, processes: int) -> float:
    """Seconds until everybody has been delivered to."""
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
    async with Workshop(campaign, store.secret, key, processes) as workshop:
        now = datetime.now(UTC)
        await asyncio.gather(*(workshop.make([lease(1, now)]) for _ in range(4 * processes)))
        caller = Caller("mail.example.com", Trust(), dice=Random(1))
        desk = Desk(store, key, find, workshop, Pace(table), table, caller, audit)
        begun = time.perf_counter()
        ended = await Engine(desk).run()
        assert ended.why is Why.FINISHED, ended
        return time.perf_counter() - begun


async def bench(count: int) -> None:
    from send.mail_servers import smtp_sink

    from sendgate.send.state import CampaignState
    from sendgate.send.store import NewRecipient, open_store

    processes = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name, smtp_sink() as port:
        folder = Path(name)
        campaign = signed(folder)
        print(f"made alone: {await make_only(campaign, count, processes):.0f} a second")
        async with open_store(folder / "s.db") as store:
            now = datetime.now(UTC)
            entered, _ = await store.enter("bench", "hash", "{}", now)
            async with store.loading(entered, now) as loader:
                for number in range(count):
                    fields = {"first_name": f"Joé {number}", "city": "Köln"}
                    await loader.add(NewRecipient(f"user{number}@{DOMAIN}", DOMAIN, fields))
            await store.change(entered.key, CampaignState.SENDING, now)
            commits, writes = store.commits, store.writes
            seconds = await send(campaign, store, entered.key, port, processes)
            grouped = (store.writes - writes) / (store.commits - commits)
        print(f"made and sent: {count / seconds:.0f} a second, {grouped:.1f} writes a commit")
        own = resource.getrusage(resource.RUSAGE_SELF)
        print(f"this process: {own.ru_utime + own.ru_stime:.1f} s of CPU in all")


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    asyncio.run(bench(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))


if __name__ == "__main__":
    main()
