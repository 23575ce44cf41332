"""Bounces that are hard only in several campaigns, counted where all campaigns are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stores import DELIVERED, MINUTE, NOW, PEER, SOFT, campaign_with, deferred, people

from sendgate.send.outcome import Outcome
from sendgate.send.schedule import END
from sendgate.send.store import Store, Suppression, open_store, visit_store

DISABLED = replace(SOFT, category="mailbox_disabled")


async def settled(
    store: Store, name: str, outcome: Outcome, hard_after: int | None = None
) -> tuple[int, int]:
    """Send a campaign to one recipient; return how many bounced hard, and soft."""
    campaign = await campaign_with(store, people(1), name)
    for held in (await store.lease(campaign.key, NOW, 1)).leases:
        await store.commit(held, PEER, "<id@example.com>", "d" * 64, NOW)
        await store.settle(held, outcome, NOW, hard_after=hard_after)
    counts = await store.counts(campaign.key)
    return counts.bounced_hard, counts.bounced_soft


def suppressed(path: Path) -> list[Suppression]:
    with visit_store(path) as visit:
        return list(visit.suppressions())


async def test_the_third_campaign_makes_a_full_mailbox_a_hard_bounce(tmp_path: Path) -> None:
    """Soft twice, then hard and suppressed; the fourth campaign leaves it out."""
    path = tmp_path / "s.db"
    for number in range(3):
        async with open_store(path) as store:
            expected = (0, 1) if number < 2 else (1, 0)
            assert await settled(store, f"news {number}", SOFT, 3) == expected
        assert len(suppressed(path)) == (number == 2)
    (entry,) = suppressed(path)
    assert entry.value == "user0@example.net"
    assert entry.reason == "mailbox_full in 3 campaigns: 552 5.2.2 full"
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(1), "news 4")
        assert (await store.counts(campaign.key)).excluded_by == {"suppressed": 1}


async def test_two_categories_are_counted_apart(tmp_path: Path) -> None:
    """A disabled mailbox is given up in the second campaign, whatever else it was."""
    async with open_store(tmp_path / "s.db") as store:
        assert await settled(store, "a", DISABLED, 2) == (0, 1)
        assert await settled(store, "b", SOFT, 3) == (0, 1)
        assert await settled(store, "c", DISABLED, 2) == (1, 0)


async def test_a_delivery_between_begins_the_count_anew(tmp_path: Path) -> None:
    """A mailbox that takes mail is none that never will."""
    async with open_store(tmp_path / "s.db") as store:
        await settled(store, "a", SOFT, 2)
        assert await settled(store, "b", DELIVERED) == (0, 0)
        assert await settled(store, "c", SOFT, 2) == (0, 1)
        assert await settled(store, "d", SOFT, 2) == (1, 0)


async def test_one_campaign_counts_once(tmp_path: Path) -> None:
    """However often a person has it sent to again, it is one campaign."""
    async with open_store(tmp_path / "s.db") as store:
        campaign = await campaign_with(store, people(1), "a")
        for _ in range(3):
            (held,) = (await store.lease(campaign.key, NOW, 1)).leases
            await store.settle(held, SOFT, NOW, hard_after=2)
            await store.write(
                lambda db: db.execute("UPDATE recipient SET state = 'queued', due = 0")
            )
        assert suppressed(tmp_path / "s.db") == []


async def test_what_is_never_hard_is_not_counted(tmp_path: Path) -> None:
    """A category without a number says nothing against the address, in any campaign."""
    async with open_store(tmp_path / "s.db") as store:
        for name in "abcdef":
            assert await settled(store, name, SOFT) == (0, 1)
    assert suppressed(tmp_path / "s.db") == []


async def test_a_mailbox_that_is_full_for_72_hours_counts_without_a_last_attempt(
    tmp_path: Path,
) -> None:
    """Its site could not be called in the end; in the third campaign it is given up."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        for number in range(3):
            campaign = await campaign_with(store, people(1), f"news {number}")
            (held,) = (await store.lease(campaign.key, NOW, 1)).leases
            await store.settle(held, deferred(NOW + 6 * 60 * MINUTE, "mailbox_full"), NOW)
            late = NOW + END
            ended = await store.lease(
                campaign.key, late, 1, since=NOW, hard_after={"mailbox_full": 3}.get
            )
            assert (ended.leases, ended.expired) == ((), 1)
            counts = await store.counts(campaign.key)
            assert (counts.bounced_hard, counts.bounced_soft) == ((0, 1) if number < 2 else (1, 0))
            assert len(suppressed(path)) == (number == 2)
    (entry,) = suppressed(path)
    assert entry.reason == (
        "mailbox_full in 3 campaigns: not accepted within 72 hours of the first attempt"
    )
