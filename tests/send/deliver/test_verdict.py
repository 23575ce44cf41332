"""Verdicts: what the tries of one attempt mean, with time and dice given."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from sendgate.send.deliver import Hop, Judge
from sendgate.send.deliver.attempt import dial_order
from sendgate.send.deliver.verdict import Excluded, is_definite
from sendgate.send.outcome import (
    Bounced,
    Deferred,
    Delivered,
    NotSent,
    Outcome,
    Peer,
    Phase,
    Reply,
    Unknown,
)
from sendgate.send.schedule import History
from sendgate.send.smtp.result import Attempt, Broken, Fault, Refused, Unfit, Unfitness

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MX0, MX1 = Peer("mx0.example.net", "192.0.2.1"), Peer("mx1.example.net", "192.0.2.2")
NONE = History()
UNREACHED = Broken(Phase.CONNECT, Fault.UNREACHABLE, "connection refused", MX0)
SILENT = Broken(Phase.BANNER, Fault.TIMEOUT, "no banner", MX0)
HUNG_UP = Broken(Phase.RCPT, Fault.CLOSED, "closed", MX0)
NO_TLS = Broken(Phase.STARTTLS, Fault.TLS_POLICY, "not offered", MX0)
BUSY = Refused(Phase.BANNER, Reply(421, ("busy",), "4.3.2"), MX1)
PUT_OFF = Refused(Phase.RCPT, Reply(451, ("local error",), "4.3.0"), MX0)
UNKNOWN_USER = Refused(Phase.RCPT, Reply(550, ("no such user",), "5.1.1"), MX1)
TAKEN = Delivered(Reply(250, ("ok",)), MX1)
LOST = Unknown("no reply", MX1)


def judged(*tries: Attempt, committed: bool = False) -> Outcome | Excluded:
    return Judge()(tries, NONE, NOW, 0.5, committed=committed).outcome


@pytest.mark.parametrize(
    ("result", "definite"),
    [
        (TAKEN, True),
        (LOST, True),
        (UNKNOWN_USER, True),
        (Refused(Phase.DOT, Reply(421, ("bye",)), MX0), True),
        (Refused(Phase.MAIL, Reply(451, ("later",)), MX0), False),
        (Refused(Phase.RCPT, Reply(450, ("local error",), "4.3.0"), MX0), False),
        (Refused(Phase.DATA, Reply(451, ("local error",)), MX0), False),
        (Refused(Phase.RCPT, Reply(450, ("greylisted",), "4.7.1"), MX0), True),
        (Refused(Phase.MAIL, Reply(451, ("rate limited",), "4.7.28"), MX0), True),
        (Refused(Phase.RCPT, Reply(451, ("try again in 20 minutes",), "4.3.0"), MX0), True),
        (Refused(Phase.RCPT, Reply(451, ("unauthenticated",), "4.7.26"), MX0), True),
        (Refused(Phase.DOT, Reply(451, ("local error",), "4.3.0"), MX0), True),
        (Refused(Phase.MAIL, Reply(421, ("bye",)), MX0), False),
        (Refused(Phase.MAIL, Reply(452, ("disk full",), "4.3.1"), MX0), False),
        (Refused(Phase.RCPT, Reply(450, ("not now",), "4.3.2"), MX0), False),
        (Refused(Phase.RCPT, Reply(452, ("mailbox full",), "4.2.2"), MX0), True),
        (Refused(Phase.DATA, Reply(550, ("no",), "5.3.0"), MX0), True),
        (Refused(Phase.DOT, Reply(452, ("disk full",), "4.3.1"), MX0), True),
        (Refused(Phase.EHLO, Reply(550, ("no",)), MX0), False),
        (BUSY, False),
        (UNREACHED, False),
        (HUNG_UP, False),
        (NO_TLS, False),
        (Unfit(Unfitness.TOO_LARGE, "too large", MX0), True),
        (Unfit(Unfitness.NEEDS_SMTPUTF8, "no", MX0), False),
        (Unfit(Unfitness.UNSENDABLE, "no", MX0), True),
    ],
)
def test_what_ends_an_attempt(result: Attempt, definite: bool) -> None:
    """An answer about the message does; a host that fails before the dot does not."""
    assert is_definite(result) is definite


@pytest.mark.parametrize(
    ("tries", "kind", "category"),
    [
        ((), NotSent, None),
        ((UNREACHED, SILENT), NotSent, None),
        ((UNREACHED, HUNG_UP), Deferred, "temporary"),
        ((NO_TLS, UNREACHED), Deferred, "tls_policy"),
        ((HUNG_UP, BUSY), Deferred, "temporary"),
        ((BUSY, UNKNOWN_USER), Bounced, "unknown_user"),
        ((UNREACHED, TAKEN), Delivered, None),
        ((UNREACHED, LOST), Unknown, None),
        ((Unfit(Unfitness.TOO_LARGE, "too large", MX0),), Bounced, "too_large"),
        ((BUSY, Unfit(Unfitness.TOO_LARGE, "too large", MX0)), Bounced, "too_large"),
        ((PUT_OFF, UNREACHED), Deferred, "temporary"),
        ((PUT_OFF, TAKEN), Delivered, None),
        ((PUT_OFF, UNKNOWN_USER), Bounced, "unknown_user"),
        ((Unfit(Unfitness.NEEDS_SMTPUTF8, "no", MX0), UNREACHED), Bounced, "content"),
        ((Unfit(Unfitness.UNSENDABLE, "no", MX0),), Excluded, None),
    ],
)
def test_the_weightiest_try_speaks(
    tries: tuple[Attempt, ...], kind: type, category: str | None
) -> None:
    """An answer outweighs a failure, a failure in the session outweighs silence."""
    outcome = judged(*tries)
    assert isinstance(outcome, kind)
    assert category is None or outcome.category == category


def test_after_the_commit_record_silence_is_a_deferral() -> None:
    """No octet of the dot left: definite, but somebody had been spoken to."""
    broken = Broken(Phase.CONNECT, Fault.CLOSED, "closed", MX0)
    assert isinstance(judged(broken), NotSent)
    assert isinstance(judged(broken, committed=True), Deferred)


def test_a_host_that_will_not_talk_burns_nobody() -> None:
    """A 5xx banner is about us, so it defers and is at last a soft bounce."""
    refused = Refused(Phase.BANNER, Reply(554, ("go away",), "5.7.1"), MX0)
    outcome = judged(refused)
    assert isinstance(outcome, Deferred)
    old = History(NOW - timedelta(hours=71, minutes=30), 20, True, "policy")
    last = Judge()([refused], old, NOW, 0.5)
    assert isinstance(last.outcome, Bounced)
    assert not last.outcome.hard
    assert not last.suppress


def test_the_wait_that_a_reply_asks_for_is_kept() -> None:
    """As the schedule spreads it."""
    reply = Reply(451, ("greylisted, try again in 20 minutes",), "4.7.1")
    outcome = judged(Refused(Phase.RCPT, reply, MX0))
    assert isinstance(outcome, Deferred)
    assert timedelta(minutes=20) <= outcome.next - NOW <= timedelta(minutes=23)


@pytest.mark.parametrize(
    ("reply", "suppress", "audit", "stop"),
    [
        (Reply(550, ("no such user",), "5.1.1"), True, False, False),
        (Reply(450, ("no such user",), "4.1.1"), False, False, False),
        (Reply(552, ("mailbox full",), "5.2.2"), False, False, False),
        (Reply(550, ("fails DMARC policy",), "5.7.26"), False, True, False),
        (Reply(421, ("not authenticated",), "4.7.26"), False, True, False),
        (Reply(554, ("message content rejected",), "5.6.0"), False, False, True),
        (Reply(451, ("message content rejected",), "4.6.0"), False, False, False),
    ],
)
def test_the_scope_of_a_reply_decides_what_follows(
    reply: Reply, suppress: bool, audit: bool, stop: bool
) -> None:
    """A hard bounce suppresses, rejected authentication audits, refused content stops."""
    verdict = Judge()([Refused(Phase.DOT, reply, MX0)], NONE, NOW, 0.5)
    assert bool(verdict.suppress) is suppress
    assert verdict.rejects_auth is audit
    assert bool(verdict.stop) is stop
    if isinstance(verdict.outcome, Bounced):
        assert verdict.outcome.hard is suppress


@pytest.mark.parametrize(
    ("why", "stops"),
    [
        (Unfitness.TOO_LARGE, True),
        (Unfitness.NEEDS_SMTPUTF8, False),
        (Unfitness.NEEDS_8BITMIME, False),
    ],
)
def test_a_size_that_is_announced_is_a_refusal(why: Unfitness, stops: bool) -> None:
    """At once, soft for the contact, and of the message; a missing extension concerns one."""
    verdict = Judge()([Unfit(why, "the message has 9 octets", MX0)], NONE, NOW, 0.5)
    assert isinstance(verdict.outcome, Bounced)
    assert not verdict.outcome.hard
    said = "mx0.example.net refuses the message: the message has 9 octets"
    assert verdict.stop == (said if stops else "")


def test_hosts_are_dialled_by_preference_and_equals_shuffled() -> None:
    """A host's addresses stay together and in their order; the shuffle is even."""
    a4, a6 = Hop("a", "192.0.2.1", 10), Hop("a", "2001:db8::1", 10)
    b, last = Hop("b", "192.0.2.2", 10), Hop("c", "192.0.2.3", 20)
    dice, first = random.Random(5), 0
    for _ in range(400):
        order = dial_order([last, a4, b, a6], dice)
        assert order in ([a4, a6, b, last], [b, a4, a6, last])
        first += order[0] is b
    assert 160 < first < 240
