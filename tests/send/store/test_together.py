"""Commit records and deliveries written together are what they are when written one by one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from stores import DELIVERED, MINUTE, NOW, PEER, campaign_with, deferred, people

from sendgate.errors import InternalError
from sendgate.send.outcome import Delivered, Outcome, Reply
from sendgate.send.state import State
from sendgate.send.store import Lease, Store, open_store, together

LATER = NOW + MINUTE


async def leased(store: Store, count: int) -> Sequence[Lease]:
    campaign = await campaign_with(store, people(count))
    return (await store.lease(campaign.key, NOW, count)).leases


async def commit(store: Store, held: Lease) -> None:
    peer = replace(PEER, tls="TLSv1.3" if held.recipient % 2 else None)
    await store.commit(held, peer, f"<{held.recipient}@example.com>", "d" * 64, NOW)


async def rows(store: Store) -> list[tuple[object, ...]]:
    def read(db: object) -> list[tuple[object, ...]]:
        found = []
        for table in ("recipient", "attempt", "tally", "strike"):
            found += db.execute(f"SELECT '{table}', * FROM {table} ORDER BY 2, 3, 4").fetchall()
        return found

    return await store.read(read)


@pytest.mark.parametrize("able", [together.ABLE, False])
@pytest.mark.parametrize("text", ["Ok: queued as 1A", "naïve \N{WHITE SMILING FACE}", "half \x00"])
async def test_together_is_the_same_as_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, able: bool
) -> None:
    """To the last column of every table, whatever the receiver says, with an old SQLite too."""
    monkeypatch.setattr(together, "ABLE", able)
    outcome = Delivered(Reply(250, (text, "and more"), "2.0.0"), replace(PEER, tls="TLSv1.2"))
    found = []
    for at_once in (False, True):
        async with open_store(tmp_path / f"{at_once}.db") as store:
            held = await leased(store, 7)
            if at_once:
                await asyncio.gather(*(commit(store, one) for one in held))
                await asyncio.gather(*(store.settle(one, outcome, LATER) for one in held))
                assert store.commits < 14
            else:
                for one in held:
                    await commit(store, one)
                for one in held:
                    assert await store.settle(one, outcome, LATER) is State.DELIVERED
            found.append(await rows(store))
    assert found[0] == found[1]
    assert len(found[0]) > 14


async def test_what_is_not_allowed_for_one_is_done_for_the_others(tmp_path: Path) -> None:
    """A lease that is over is refused in words; the commit records beside it are written."""
    async with open_store(tmp_path / "s.db") as store:
        held = await leased(store, 5)
        await store.release(held[2], NOW)
        results = await asyncio.gather(*(commit(store, o) for o in held), return_exceptions=True)
        assert [type(result) for result in results] == [
            type(None), type(None), InternalError, type(None), type(None)
        ]  # fmt: skip
        assert "is over" in str(results[2])
        results = await asyncio.gather(
            *(store.settle(one, DELIVERED, NOW) for one in held), return_exceptions=True
        )
        assert isinstance(results[2], InternalError)
        counts = await store.counts(held[0].campaign)
        assert (counts.of(State.DELIVERED), counts.of(State.QUEUED)) == (4, 1)


async def test_no_delivery_without_a_commit_record(tmp_path: Path) -> None:
    """The state machine holds for many at once as it does for one."""
    async with open_store(tmp_path / "s.db") as store:
        held = await leased(store, 4)
        results = await asyncio.gather(
            *(store.settle(one, DELIVERED, NOW) for one in held), return_exceptions=True
        )
        assert {type(result) for result in results} == {InternalError}
        assert (await store.counts(held[0].campaign)).of(State.LEASED) == 4


@pytest.mark.parametrize("outcome", [DELIVERED, deferred(NOW + timedelta(hours=1))])
async def test_what_is_about_one_recipient_keeps_its_order(
    tmp_path: Path, outcome: Outcome
) -> None:
    """A commit whose caller is gone, and the outcome right behind it, in one transaction."""
    async with open_store(tmp_path / "s.db") as store:
        held = await leased(store, 6)
        await commit(store, held[0])
        let_go = threading.Event()
        busy = asyncio.create_task(store.write(lambda _: let_go.wait(10)))
        await asyncio.sleep(0.1)  # the writer waits, and what comes now forms one transaction
        settled, commits = [asyncio.create_task(store.settle(held[0], outcome, NOW))], store.commits
        for one in held[1:]:
            gone = asyncio.create_task(commit(store, one))
            await asyncio.sleep(0)
            gone.cancel()
            settled.append(asyncio.create_task(store.settle(one, outcome, NOW)))
        await asyncio.sleep(0)
        let_go.set()
        expected = State.DELIVERED if isinstance(outcome, Delivered) else State.DEFERRED
        assert set(await asyncio.gather(*settled)) == {expected}
        assert await busy
        assert store.commits == commits + 2
