"""A campaign's counts and log: the contract's keys, and text that obeys nobody."""

from __future__ import annotations

import json
from datetime import timedelta

from stores import MINUTE, NOW

from sendgate.render.campaign import (
    campaigns_on,
    log_line,
    log_text,
    status,
    status_on,
    unknown_on,
)
from sendgate.render.page import Page
from sendgate.send.eligibility import Exclusion
from sendgate.send.state import CampaignState, State
from sendgate.send.store import Campaign, Counts, Entry, Standing, UnknownRecipient

CAMPAIGN = Campaign(
    1, "5f3a", "november-news", "hash", "{}", CampaignState.SENDING, None, True, NOW, NOW
)
COUNTS = Counts(
    {
        State.QUEUED: 10, State.LEASED: 2, State.COMMITTING: 1, State.DELIVERED: 1500,
        State.DEFERRED: 4, State.BOUNCED: 5, State.NOT_SENT: 6, State.UNKNOWN: 7,
        State.CANCELLED: 8, State.EXCLUDED: 9,
    },
    bounced_hard=3,
    excluded_by={"no_consent": 20, "suppressed": 9},
    bounces_by={"mailbox_full": 2, "unknown_user": 3},
)  # fmt: skip
BOUNCE = Entry(
    NOW, "anna@example.net", "bounced", 550, "5.1.1", "no such user", "unknown_user", True,
    "mx.example.net", "192.0.2.25", "TLSv1.3", 2, "<1@example.com>", None,
)  # fmt: skip


def test_status_has_the_keys_of_the_contract() -> None:
    """Keys and numbers, and that the numbers add up."""
    found = status(CAMPAIGN, COUNTS)
    assert found == {
        "format": "sendgate.campaign/1",
        "id": "5f3a",
        "name": "november-news",
        "state": "sending",
        "reason": None,
        "counts": {
            "eligible": 1543,
            "excluded": 29,
            "queued": 10,
            "sending": 3,
            "delivered": 1500,
            "deferred": 4,
            "bounced_hard": 3,
            "bounced_soft": 2,
            "not_sent": 6,
            "unknown": 7,
            "cancelled": 8,
        },
        "excluded_by": dict.fromkeys(Exclusion, 0) | {"no_consent": 20, "suppressed": 9},
        "bounces_by": {"mailbox_full": 2, "unknown_user": 3},
    }
    numbers = dict(found["counts"])
    assert numbers.pop("excluded") == sum(found["excluded_by"].values())
    assert numbers.pop("eligible") == sum(numbers.values())


def test_a_log_line_has_the_keys_of_the_contract() -> None:
    """All of them in every line, in this order; codes are texts, times UTC."""
    assert json.dumps(log_line(BOUNCE)) == (
        '{"time": "2026-11-23T12:00:00Z", "recipient": "anna@example.net", "event": "bounced", '
        '"code": "550", "enhanced": "5.1.1", "text": "no such user", "category": "unknown_user", '
        '"hard": true, "mx": "mx.example.net", "address": "192.0.2.25", "tls": "TLSv1.3", '
        '"attempt": 2, "message_id": "<1@example.com>", "next": null}'
    )
    bare = log_line(Entry(NOW, "a@example.net", "deferred", next=NOW + MINUTE))
    assert list(bare) == list(log_line(BOUNCE))
    assert bare["next"] == "2026-11-23T12:01:00Z"
    assert bare["code"] is None


def test_a_log_line_to_read() -> None:
    """The receiver's own words in quotes, a next try where there is one."""
    assert log_text(BOUNCE) == (
        "2026-11-23T12:00:00Z  bounced    anna@example.net  hard  unknown_user  mx.example.net  "
        '"550 5.1.1 no such user"'
    )
    later = Entry(NOW, "a@example.net", "not_sent", text="timed out", next=NOW + MINUTE)
    assert log_text(later) == (
        '2026-11-23T12:00:00Z  not sent   a@example.net  "timed out"  next 2026-11-23T12:01:00Z'
    )


def test_what_receivers_say_is_shown_never_obeyed() -> None:
    """Terminal escapes, line breaks, commands to a runner: escaped on every page."""
    evil = "::error::x\x1b[2J\r\n ::error::x \u202e\x00"
    page = Page()
    entry = Entry(NOW, evil, "bounced", 550, evil, evil, evil, False, evil)
    page.line(log_text(entry))
    bad = Campaign(1, "x", evil, "h", "{}", CampaignState.PAUSED, evil, True, NOW, NOW)
    counts = Counts({State.QUEUED: 1}, excluded_by={evil: 1}, bounces_by={evil: 1})
    status_on(page, bad, counts, Standing(NOW, 0, 1), NOW)
    unknown_on(page, [UnknownRecipient(evil, NOW, evil, evil, evil)])
    campaigns_on(page, [bad])
    shown = page.text()
    assert all(c == "\n" or c.isprintable() for c in shown)
    assert "::error::" not in shown
    assert len(log_text(Entry(NOW, "a@example.net", "bounced", text="x" * 9999))) < 300


def test_status_to_read() -> None:
    """Numbers that are nought are left out; what waits for a person is said last."""
    page = Page()
    status_on(page, CAMPAIGN, COUNTS, Standing(NOW + timedelta(hours=1), 3, 7), NOW)
    assert page.text() == (
        "november-news: sending\n"
        "  eligible      1,543\n"
        "  excluded      29\n"
        "  queued        10\n"
        "  sending       3\n"
        "  delivered     1,500\n"
        "  deferred      4\n"
        "  bounced hard  3\n"
        "  bounced soft  2\n"
        "  not sent      6\n"
        "  unknown       7\n"
        "  cancelled     8\n"
        "  next attempt  2026-11-23T13:00:00Z\n"
        "\n"
        "excluded by reason\n"
        "  no_consent                20\n"
        "  suppressed                9\n"
        "\n"
        "bounced by reason\n"
        "  unknown_user              3\n"
        "  mailbox_full              2\n"
        "\n"
        "  unknown       The receiver took the message and its answer was lost, or the\n"
        "                process ended before it came. Nothing is sent again by itself:\n"
        "                look with `campaign log`, then decide with `campaign resolve\n"
        "                --assume-delivered` or `--resend`.\n"
    )
    page = Page()
    fresh = Counts({State.QUEUED: 2})
    status_on(page, CAMPAIGN, fresh, Standing(NOW, 0, 0), NOW)
    assert "next attempt  now\n" in page.text()
    assert "bounced" not in page.text()
