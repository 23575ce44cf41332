"""The store from beside: status, pause, cancel, resolve, suppress, while another process sends."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
import warnings
from pathlib import Path

import pytest
from stores import DELIVERED, MINUTE, NOW, PEER, campaign_with, deferred, people

from sendgate.errors import ConfigError, InputError, StoreError, StoreOpenError
from sendgate.send.outcome import Unknown
from sendgate.send.state import CampaignState, State
from sendgate.send.store import (
    Resolution,
    Suppression,
    campaigns,
    default_path,
    open_store,
    store_path,
    visit_store,
)
from sendgate.send.store.place import own, prepare
from sendgate.send.store.schema import MIGRATIONS, connect, ready
from sendgate.send.store.suppressed import hash_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


async def lose(path: Path, count: int) -> None:
    """A finished campaign, half of whose recipients are unknown."""
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(count))
        for held in (await store.lease(campaign.key, NOW, count)).leases:
            await store.commit(held, PEER, f"<{held.recipient}@x>", "d", NOW)
            outcome = Unknown("reset", PEER) if held.recipient % 2 else DELIVERED
            await store.settle(held, outcome, NOW)
        assert (await store.standing(campaign.key)).is_finished
        assert await store.change(campaign.key, CampaignState.FINISHED, NOW)


def test_a_visitor_waits_until_a_store_is_made(path: Path) -> None:
    """While its owner makes it there is nothing to see yet; that is no fault of sendgate's."""
    prepare(path)
    with own(path):
        maker = connect(path)
        late = threading.Timer(0.3, lambda: ready(maker, path))
        late.start()
        with visit_store(path) as visit:
            assert visit.is_owned
            assert visit.campaigns() == []
        late.join()
        maker.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
        with pytest.raises(StoreOpenError, match="is not ready"):
            visit_store(path)
        maker.close()


async def test_reads_go_on_while_the_owner_writes(path: Path) -> None:
    """In the middle of the owner's transaction a visitor sees the state before it."""
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(3))
        begun, go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(db: object) -> None:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(30)

        writing = asyncio.create_task(store.write(slow))
        await begun.wait()
        with visit_store(path) as visit:
            assert visit.is_owned
            assert [c.name for c in visit.campaigns()] == ["news"]
            assert visit.counts(campaign).of(State.QUEUED) == 3
            assert visit.standing(campaign).due == NOW
        assert (await store.counts(campaign.key)).of(State.QUEUED) == 3
        go_on.set()
        await writing


async def test_what_a_dead_sender_left_is_put_in_order(path: Path) -> None:
    """Without an owner a visitor sees nobody as sending: they are due again, or unknown."""
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(3))
        one, _ = (await store.lease(campaign.key, NOW, 2)).leases
        await store.commit(one, PEER, "<1@x>", "d", NOW)
        with visit_store(path) as visit:
            assert visit.counts(campaign).of(State.LEASED, State.COMMITTING) == 2
    with visit_store(path) as visit:
        assert not visit.is_owned
        counts = visit.counts(campaign)
        assert (counts.of(State.QUEUED), counts.of(State.UNKNOWN)) == (2, 1)
        assert visit.campaign("news").state is CampaignState.QUEUED
        events = [(line.recipient[:5], line.event) for line in visit.log(campaign)]
        assert events == [("user0", "unknown"), ("user1", "attempt")]


async def test_a_cancel_ends_who_waits(path: Path) -> None:
    """What is under way comes to its own end; nothing is tried again."""
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(5))
        one, two, three = (await store.lease(campaign.key, NOW, 3)).leases
        await store.commit(one, PEER, "<1@x>", "d", NOW)
        with visit_store(path) as visit:
            assert visit.cancel(campaign, NOW, "wrong subject")
            assert not visit.pause(campaign, NOW)
        assert await store.settle(one, DELIVERED, NOW) is State.DELIVERED
        assert await store.settle(two, deferred(NOW + MINUTE), NOW) is State.CANCELLED
        await store.release(three, NOW)
        counts = await store.counts(campaign.key)
        assert (counts.of(State.DELIVERED), counts.of(State.CANCELLED)) == (1, 4)
        assert (await store.standing(campaign.key)).is_finished
        assert (await store.campaign(campaign.key)).reason == "wrong subject"
        assert not await store.change(campaign.key, CampaignState.SENDING, NOW)


async def test_a_cancel_that_is_cut_short_is_completed(path: Path) -> None:
    """Whoever opens the store next finds nobody waiting in a cancelled campaign."""
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(50))
        other = await campaign_with(store, people(5), "other")
        assert await store.write(lambda db: campaigns.cancel(db, campaign.key, NOW))
        assert await store.write(lambda db: campaigns.cancel_waiting(db, 20)) == 20
        assert (await store.counts(campaign.key)).of(State.CANCELLED) == 20
        assert not (await store.lease(campaign.key, NOW, 9)).leases
    with visit_store(path) as visit:
        assert visit.counts(campaign).of(State.CANCELLED) == 50
        assert visit.counts(other).of(State.QUEUED) == 5


async def test_unknown_recipients_are_assumed_delivered(path: Path) -> None:
    """The log keeps the lost reply, and says what was assumed since."""
    await lose(path, 4)
    with visit_store(path) as visit:
        campaign = visit.campaign("news")
        assert [one.address[:5] for one in visit.unknown(campaign)] == ["user0", "user2"]
        assert visit.resolve(campaign, Resolution.ASSUME_DELIVERED, NOW + MINUTE) == 2
        assert visit.counts(campaign).of(State.DELIVERED) == 4
        assert visit.campaign("news").state is CampaignState.FINISHED
        lines = [line for line in visit.log(campaign) if line.recipient.startswith("user0")]
        assert [(line.event, line.attempt, line.mx) for line in lines] == [
            ("unknown", 1, "mx.example.net"),
            ("delivered", 1, "mx.example.net"),
        ]
        assert lines[1].text == "assumed to be delivered"


async def test_one_unknown_recipient_is_sent_to_again(path: Path) -> None:
    """The campaign opens again for it, with 72 fresh hours and the same Message-ID."""
    await lose(path, 4)
    with visit_store(path) as visit:
        campaign = visit.campaign("news")
        resend = Resolution.RESEND
        with pytest.raises(InputError, match="is no unknown recipient of 'news'"):
            visit.resolve(campaign, resend, NOW, "user1@example.net")
        assert visit.resolve(campaign, resend, NOW + 9999 * MINUTE, "user2@example.net") == 1
        assert visit.campaign("news").state is CampaignState.QUEUED
        assert visit.standing(campaign).unknown == 1
    async with open_store(path) as store:
        assert await store.change(campaign.key, CampaignState.SENDING, NOW)
        (held,) = (await store.lease(campaign.key, NOW + 9999 * MINUTE, 9)).leases
        assert (held.address, held.number, held.message_id) == ("user2@example.net", 2, "<3@x>")
        assert (held.history.first, held.history.failures) == (None, 0)


async def test_nothing_of_a_cancelled_campaign_is_sent_again(path: Path) -> None:
    """It may be settled, not reopened."""
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(1))
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        await store.commit(held, PEER, "<1@x>", "d", NOW)
    with visit_store(path) as visit:
        assert visit.cancel(campaign, NOW)
        with pytest.raises(InputError, match="cancelled: nothing is sent"):
            visit.resolve(campaign, Resolution.RESEND, NOW)
        assert visit.resolve(campaign, Resolution.ASSUME_DELIVERED, NOW) == 1


def test_the_suppression_list(path: Path) -> None:
    """Added once, whatever the case; listed in order; removed; what is none is refused."""
    with visit_store(path, create=True) as visit:
        digest = hash_of("Somebody@Example.NET")
        assert digest == hash_of("somebody@example.net")
        assert visit.suppress("hash", digest.upper(), "imported", NOW)
        assert visit.suppress("domain", "Example.org", "competitor", NOW)
        assert visit.suppress("address", "Anna@example.net", "unsubscribed", NOW)
        assert not visit.suppress("address", "anna@example.net", "again", NOW)
        assert list(visit.suppressions()) == [
            Suppression("address", "anna@example.net", "unsubscribed", NOW),
            Suppression("domain", "example.org", "competitor", NOW),
            Suppression("hash", digest, "imported", NOW),
        ]
        assert visit.unsuppress("address", "ANNA@example.net")
        assert not visit.unsuppress("address", "anna@example.net")
        for kind, value in (
            ("address", "anna"), ("address", "anna@"), ("domain", "a@b.example"), ("domain", " "),
            ("hash", "abc"), ("planet", "mars"),
        ):  # fmt: skip
            with pytest.raises(InputError):
                visit.suppress(kind, value, "", NOW)
        assert len(list(visit.suppressions())) == 2


async def test_long_lists_are_read_in_pages(path: Path) -> None:
    """All of it, once, in order."""
    async with open_store(path) as store:
        for kind, count in (("address", 1500), ("domain", 700)):

            def fill(db: sqlite3.Connection, kind: str = kind, count: int = count) -> None:
                values = [(kind, f"x@{i:05}") for i in range(count)]
                db.executemany("INSERT INTO suppression VALUES (?, ?, '', 0)", values)

            await store.write(fill)
        campaign = await campaign_with(store, people(2500))
        leases = (await store.lease(campaign.key, NOW, 2100)).leases
        await asyncio.gather(*(store.settle(held, deferred(NOW), NOW) for held in leases))
    with visit_store(path) as visit:
        assert len({(s.kind, s.value) for s in visit.suppressions()}) == 2200
        assert len(list(visit.suppressions())) == 2200
        assert [line.recipient for line in visit.log(campaign)] == [h.address for h in leases]
        assert len(list(visit.recipients(campaign))) == 2500
        assert len(list(visit.recipients(campaign, State.DEFERRED, "greylisted"))) == 2100
        assert not list(visit.recipients(campaign, State.DEFERRED, "other"))


async def test_names_that_are_not_there(path: Path) -> None:
    """The nearest name is offered; a store that is not there is not made."""
    for _ in range(2):
        with pytest.raises(StoreOpenError, match="there is no store at"):
            visit_store(path)
    async with open_store(path) as store:
        campaign, _ = await store.enter("november-news", "hash", "{}", NOW)
    with visit_store(path) as visit:
        with pytest.raises(InputError, match="did you mean 'november-news'"):
            visit.campaign("novemberr-news")
        assert visit.campaign(campaign.id) == campaign


def test_a_store_that_cannot_be_written_says_so(path: Path) -> None:
    """A visitor's write that fails is one clear error."""
    with visit_store(path, create=True) as visit:
        visit._db.execute("PRAGMA query_only = 1")
        with pytest.raises(StoreError, match=r"s\.db' cannot be written"):
            visit.suppress("domain", "example.org", "", NOW)


def test_the_address_of_a_store(tmp_path: Path) -> None:
    """URLs with three and four slashes, paths, what they are relative to; other kinds refused."""
    assert store_path("sqlite:///a/b.db", tmp_path) == tmp_path / "a" / "b.db"
    assert store_path("sqlite:////var/b%20c.db", tmp_path) == Path("/var/b c.db")
    assert store_path("b.db", tmp_path) == tmp_path / "b.db"
    assert store_path(tmp_path / "b.db") == tmp_path / "b.db"
    for wrong in ("sqlite://b.db", "sqlite:///", ""):
        with pytest.raises(ConfigError, match="has no path"):
            store_path(wrong)
    with pytest.raises(ConfigError, match="SQLite files") as refused:
        store_path("postgresql://me:geheim@db.example/mail")
    assert "geheim" not in str(refused.value)


def test_the_default_store_is_in_the_data_directory() -> None:
    """XDG_DATA_HOME where it is absolute, as its specification demands."""
    home = Path("/home/anna")
    assert default_path({"XDG_DATA_HOME": "/data"}, home) == Path("/data/sendgate/campaigns.db")
    for environment in ({}, {"XDG_DATA_HOME": "relative"}):
        assert default_path(environment, home) == home / ".local/share/sendgate/campaigns.db"


def test_a_folder_that_cannot_hold_a_store(tmp_path: Path) -> None:
    """A file where a folder should be, a folder where the file should be."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreOpenError, match="cannot be used as a store"):
        open_store(tmp_path / "file" / "s.db")
    with pytest.raises(StoreOpenError, match="cannot be used as a store"):
        open_store(tmp_path)


def test_a_forked_child_does_not_keep_the_store(path: Path) -> None:
    """A worker that outlives the sender must not lock everybody out."""
    store = open_store(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads
        child = os.fork()
    if child == 0:
        time.sleep(20)
        os._exit(0)
    try:
        store.close()
        with visit_store(path) as visit:
            assert not visit.is_owned
        open_store(path).close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


async def test_who_comes_in_behind_a_cancel_is_cancelled(path: Path) -> None:
    """A campaign that is cancelled while its contacts are taken in leaves nobody waiting."""
    async with open_store(path) as store:
        campaign, _ = await store.enter("n", "content", "{}", NOW)
        async with store.loading(campaign, NOW) as loader:
            with visit_store(path) as visit:
                assert visit.cancel(campaign, NOW)
            for one in people(3):
                await loader.add(one)
        counts = await store.counts(campaign.key)
        assert (counts.of(State.CANCELLED), counts.of(State.QUEUED)) == (3, 0)


async def test_nobody_waits_in_a_finished_campaign(path: Path) -> None:
    """Who is to be sent to again just before the end keeps the campaign from ending."""
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(1))
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        await store.commit(held, PEER, "<1@x>", "d", NOW)
        await store.settle(held, Unknown("reset", PEER), NOW)
        assert (await store.standing(campaign.key)).is_finished
        with visit_store(path) as visit:
            assert visit.resolve(campaign, Resolution.RESEND, NOW) == 1
        assert not await store.change(campaign.key, CampaignState.FINISHED, NOW)
        assert await store.state(campaign.key) is CampaignState.SENDING
