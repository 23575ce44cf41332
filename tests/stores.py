"""What the tests of the store share: a clock, a peer, a campaign with recipients."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sendgate.send.outcome import Bounced, Deferred, Delivered, NotSent, Peer, Phase, Reply
from sendgate.send.state import CampaignState
from sendgate.send.store import Campaign, Exclusion, NewRecipient, Store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PEER = Peer("mx.example.net", "192.0.2.25", "192.0.2.10", "TLSv1.3 (dane)")
DELIVERED = Delivered(Reply(250, ("queued",), "2.0.0"), PEER)
HARD = Bounced("unknown_user", True, Phase.RCPT, Reply(550, ("no such user",), "5.1.1"), PEER)
SOFT = Bounced("mailbox_full", False, Phase.DOT, Reply(552, ("full",), "5.2.2"), PEER)
SILENT = NotSent("connection timed out", None)


def deferred(until: datetime, category: str = "greylisted") -> Deferred:
    return Deferred(category, until, Phase.RCPT, Reply(451, ("later",), "4.7.1"), PEER)


def people(count: int, domain: str = "example.net") -> list[NewRecipient]:
    return [
        NewRecipient(f"user{i}@{domain}", domain, {"email": f"user{i}@{domain}"}, i + 2)
        for i in range(count)
    ]


async def campaign_with(
    store: Store, rows: Iterable[NewRecipient | Exclusion], name: str = "news"
) -> Campaign:
    """A campaign that is loaded and sending."""
    campaign, _ = await store.enter(name, "hash", "{}", NOW)
    async with store.loading(campaign, NOW) as loader:
        for row in rows:
            await loader.add(row)
    assert await store.change(campaign.key, CampaignState.SENDING, NOW)
    return await store.campaign(campaign.key)
