"""Group commit: many writes in one transaction, none answered before it is durable."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from stores import DELIVERED, MINUTE, NOW, PEER, campaign_with, deferred, people

from sendgate.errors import InputError, StoreError
from sendgate.send.state import State
from sendgate.send.store import open_store
from sendgate.send.store.schema import connect
from sendgate.send.store.writer import Writer


class Table:
    """A table with one column, a writer to it, and a reader beside it."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        self.connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, blob)")
        self.reader = sqlite3.connect(path)
        self.writer = Writer(self.connection, "'t.db'")

    async def insert(self, x: int, blob: bytes = b"") -> int:
        def work(db: sqlite3.Connection) -> int:
            db.execute("INSERT INTO t VALUES (?, ?)", (x, blob))
            return x

        return await self.writer.run(work)

    def seen(self) -> list[int]:
        """What another connection sees: committed rows alone."""
        return [row[0] for row in self.reader.execute("SELECT x FROM t ORDER BY x")]

    def close(self) -> None:
        self.writer.close()
        self.connection.close()
        self.reader.close()


async def test_what_is_answered_is_committed(tmp_path: Path) -> None:
    """Whoever goes on after a write can be sure of it."""
    table = Table(tmp_path / "t.db")
    for x in range(20):
        assert await table.insert(x) == x
        assert table.seen() == list(range(x + 1))
    table.close()


def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    """A write-ahead log, synced at each commit: FULL is 2, NORMAL would be 1."""
    db = connect(tmp_path / "t.db")
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    db.close()


async def test_many_writes_share_a_commit(tmp_path: Path) -> None:
    """A thousand writers at once need some dozens of commits, not a thousand."""
    table = Table(tmp_path / "t.db")
    await asyncio.gather(*(table.insert(x) for x in range(1000)))
    assert table.writer.writes == 1000
    assert table.writer.commits <= 50
    assert len(table.seen()) == 1000
    table.close()


async def test_one_writer_alone_waits_for_nobody(tmp_path: Path) -> None:
    """Without company each write is a commit of its own, at once."""
    table = Table(tmp_path / "t.db")
    for x in range(10):
        await table.insert(x)
    assert (table.writer.writes, table.writer.commits) == (10, 10)
    table.close()


async def test_a_piece_that_fails_takes_nobody_with_it(tmp_path: Path) -> None:
    """Its own writer hears of it; nothing of it stays, and all of the others does."""
    table = Table(tmp_path / "t.db")

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO t VALUES (500, NULL)")
        raise InputError("no")

    jobs = [table.insert(x) for x in (1, 2, 1, 3)]
    results = await asyncio.gather(*jobs, table.writer.run(half), return_exceptions=True)
    assert [type(result) for result in results] == [
        int, int, sqlite3.IntegrityError, int, InputError
    ]  # fmt: skip
    assert table.seen() == [1, 2, 3]
    table.close()


async def test_a_caller_that_is_cancelled_takes_nothing_back(tmp_path: Path) -> None:
    """The write goes on, and the writer with it."""
    table = Table(tmp_path / "t.db")
    gone = asyncio.create_task(table.insert(1))
    await asyncio.sleep(0)
    gone.cancel()
    assert await table.insert(2) == 2
    assert gone.cancelled()
    assert table.seen() == [1, 2]
    table.close()


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """And takes nothing new."""
    table = Table(tmp_path / "t.db")
    waiting = [asyncio.create_task(table.insert(x)) for x in range(50)]
    await asyncio.sleep(0)
    table.writer.close()
    assert await asyncio.gather(*waiting) == list(range(50))
    with pytest.raises(StoreError, match="closed"):
        await table.insert(99)
    table.close()


async def test_a_full_disk_stops_everything_but_outcomes(tmp_path: Path) -> None:
    """The commit record that cannot be written is refused, so that no dot follows."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(200))
        leases = (await store.lease(campaign.key, NOW, 200)).leases
        await store.commit(leases[0], PEER, "<0@example.com>", "d", NOW)
        await store.write(_fill_the_disk)
        done = iter(leases[1:])

        async def commit_all() -> None:
            for held in done:
                await store.commit(held, PEER, "<x@example.com>" * 99, "d" * 64, NOW)

        with pytest.raises(StoreError, match="database or disk is full"):
            await commit_all()
        committed = 198 - len(list(done))
        with pytest.raises(StoreError, match="cannot be written"):
            await store.commit(leases[-1], PEER, "<y@example.com>", "d", NOW)
        with pytest.raises(StoreError):
            await store.lease(campaign.key, NOW, 1)
        # Room is made; what was sent already is noted, and nothing else is begun.
        await store._writer.run(_make_room, even_if_broken=True)
        assert await store.settle(leases[0], DELIVERED, NOW) is State.DELIVERED
        with pytest.raises(StoreError):
            await store.commit(leases[-1], PEER, "<y@example.com>", "d", NOW)
    store = open_store(path)
    assert store.recovered == (199 - committed, committed)
    store.close()


def _fill_the_disk(db: sqlite3.Connection) -> None:
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")


def _make_room(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 1000000")


async def test_the_store_keeps_pace_by_group_commit(tmp_path: Path) -> None:
    """A hundred connections delivering side by side share their commits."""
    async with open_store(tmp_path / "s.db") as store:
        campaign = await campaign_with(store, people(1000))
        leases = list((await store.lease(campaign.key, NOW, 1000)).leases)
        writes, commits = store.writes, store.commits

        async def connection() -> None:
            while leases:
                held = leases.pop()
                await store.commit(held, PEER, "<x@example.com>", "d" * 64, NOW)
                later = deferred(NOW + MINUTE)
                await store.settle(held, DELIVERED if held.recipient % 2 else later, NOW)

        await asyncio.gather(*(connection() for _ in range(100)))
        assert store.writes - writes == 2000
        assert store.commits - commits <= 400
        counts = await store.counts(campaign.key)
        assert counts.of(State.DELIVERED) == counts.of(State.DEFERRED) == 500
