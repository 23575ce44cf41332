"""Normal forms, replies read from logs, hints for a retry, and the measured replies."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.send.classify import (
    Classifier,
    classify,
    load_classifier,
    normalise,
    read_diagnostic,
    read_reply_text,
    retry_after,
)
from sendgate.send.classify.engine import REMEMBERED
from sendgate.send.deliver import Judge
from sendgate.send.outcome import Bounced, Deferred, Peer, Phase, Reply
from sendgate.send.schedule import History
from sendgate.send.smtp.result import Refused


@pytest.mark.parametrize(
    ("text", "code", "enhanced", "said"),
    [
        ("smtp; 550 5.1.1 <a@example.com>: Unknown", 550, "5.1.1", "<a@example.com>: Unknown"),
        ("smtp;550-5.1.1 No such\n550 5.1.1 user", 550, "5.1.1", "No such user"),
        ("smtp; 550 User unknown", 550, None, "User unknown"),
        ("Diagnostic-Code: smtp; 452-4.2.2 over\r\n 452 4.2.2 quota", 452, "4.2.2", "over quota"),
        ("550,5.1.1 unknown", 550, "5.1.1", "unknown"),
        ("550; 5.7.515 Access denied", 550, "5.7.515", "Access denied"),
        ("421 421 Max message reached", 421, None, "Max message reached"),
        ("X-Postfix; connect to mx.example.com[192.0.2.1]:25: Connection refused", 0, None,
         "connect to mx.example.com[192.0.2.1]:25: Connection refused"),
        ("Sorry, no mailbox here by that name. (#5.1.1)", 550, "5.1.1",
         "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("#< #5.1.1 smtp; 550 5.1.1 unknown>", 550, "5.1.1", "unknown>"),
        ("#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##", 550, "5.1.1",
         "RESOLVER.ADR.RecipNotFound; not found ##"),
        ("Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound'", 550, "5.1.10",
         "RESOLVER.ADR.RecipientNotFound"),
        ("dsn=5.1.1, stat=User unknown", 550, "5.1.1", "dsn=5.1.1, stat=User unknown"),
        ("421 Message from 192.0.2.1 deferred - 4.16.50.", 421, None,
         "Message from 192.0.2.1 deferred - 4.16.50."),
        ("550 192.0.2.1 is listed", 550, None, "192.0.2.1 is listed"),
        ("552 Message of 5.1.1.1 MB", 552, None, "Message of 5.1.1.1 MB"),
        ("", 0, None, ""),
    ],
)  # fmt: skip
def test_replies_are_read_from_what_others_wrote(
    text: str, code: int, enhanced: str | None, said: str
) -> None:
    """Codes are cut off every line; an IP address or a version is no status code."""
    assert read_reply_text(text) == Reply(code, read_reply_text(text).lines, enhanced)
    assert read_reply_text(text).text == said


@pytest.mark.parametrize(
    ("text", "code", "phase", "mx"),
    [
        ("host mx1.example.com[192.0.2.1] said: 550 5.1.1 unknown (in reply to RCPT TO command)",
         550, Phase.RCPT, "mx1.example.com"),
        ("host mx1.example.com[192.0.2.1] said: 554 spam (in reply to end of DATA command)",
         554, Phase.DOT, "mx1.example.com"),
        ("host mx1.example.com[192.0.2.1] refused to talk to me: 554 blocked", 554, Phase.BANNER,
         "mx1.example.com"),
        ("SMTP error from remote mail server after RCPT TO:<a@x.org>: host mx1.example.com: 550 no",
         550, Phase.RCPT, "mx1.example.com"),
        ("host mx1.example.com SMTP error from remote mail server after MAIL FROM:<b@x>: 553 no",
         553, Phase.MAIL, "mx1.example.com"),
        ("... while talking to mx1.example.com.:\n>>> RCPT To:<a@example.com>\n<<< 550 unknown",
         550, Phase.RCPT, "mx1.example.com"),
        ("192.0.2.1 does not like recipient.\nRemote host said: 550 no", 550, Phase.RCPT, None),
        ("550 unknown", 550, None, None),
    ],
)  # fmt: skip
def test_logs_name_the_step_and_the_host(
    text: str, code: int, phase: Phase | None, mx: str | None
) -> None:
    """What stands around a reply tells whose it is and what it answers."""
    found = read_diagnostic(text)
    assert (found.reply.code, found.phase, found.mx) == (code, phase, mx)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("550 5.1.1 <a@example.com>: unknown", "550 5.1.1 <bb@example.net>: Unknown"),
        ("550-5.1.1 no such\n550 5.1.1 user", "550 5.1.1 no such user"),
        ("554 [192.0.2.1] blocked", "554 [2001:db8::25] blocked"),
        ("250 queued as 4f3aB2c9d8e7f6a5b4", "250 queued as 11aaBB22ccDD33ee44"),
        ("550 5.1.1 gone. a1si2345678wrb.45 - gsmtp", "550 5.1.1 gone. ffacd0b-20si9.1 - gsmtp"),
    ],
)
def test_replies_that_differ_in_whom_they_name_have_one_normal_form(one: str, other: str) -> None:
    """Addresses, IP addresses, ids, case and line ends do not tell two reasons apart."""
    assert normalise(read_reply_text(one)) == normalise(read_reply_text(other))


def test_the_normal_form_keeps_what_tells_reasons_apart() -> None:
    """Codes, ports and provider marks stay."""
    reply = read_reply_text(
        "421 4.7.0 [TSS04] see https://example.com/a-1 connect to h[192.0.2.1]:25: no"
    )
    assert normalise(reply).text == "[tss04] see https://example.com/a-1 connect to h[IP]:25: no"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("451 4.7.1 Greylisted, try again in 5 minutes", 300),
        ("450 Greylisted for 300 seconds", 300),
        ("451 please try again after 1 hour", 3600),
        ("451 Greylisting in action, please come back in 00:04:30", 270),
        ("421 retry in 60s", 60),
        ("450 Please wait 10 min and retry", 600),
        ("451 try again later", None),
        ("451 try again in 0 seconds", None),
        ("451 try again in 999 hours", None),
        ("552 5 minutes of video are too large", None),
        ("450 mailbox is full", None),
    ],
)
def test_a_wait_that_the_reply_asks_for_is_seconds(text: str, seconds: int | None) -> None:
    """Phrases and clock times are read, nothing of nought or above 72 hours."""
    assert retry_after(read_reply_text(text)) == seconds
    assert classify(read_reply_text(text), Phase.RCPT).retry_after == seconds


@pytest.mark.parametrize("text", ["550 xyzzy", "450 xyzzy", "xyzzy", "550", "999 xyzzy"])
def test_what_no_rule_knows_is_soft(text: str) -> None:
    """A reply without a known reason never costs a contact its eligibility."""
    assert not classify(read_reply_text(text), Phase.RCPT).hard


def test_a_disabled_mailbox_is_soft_at_its_first_bounce() -> None:
    """`hard_after` says in how many campaigns it must bounce."""
    found = classify(read_reply_text("550 5.2.1 mailbox disabled"), Phase.RCPT)
    assert (found.category, found.hard, found.hard_after) == ("mailbox_disabled", False, 2)


def test_answers_are_remembered_by_the_normal_form_and_forgotten_in_time() -> None:
    """Equal reasons are judged once; the memory does not grow with the campaign."""
    classifier = Classifier(load_classifier().book)
    for number in range(50):
        reply = read_reply_text(f"550 5.1.1 <user{number}@example.com>: User unknown")
        classifier.classify(reply, Phase.RCPT, None)
    assert classifier.remembered == 1
    for number in range(REMEMBERED + 10):
        classifier.classify(Reply(550, (f"reason {number}",)), Phase.RCPT, None)
    assert classifier.remembered == REMEMBERED


@pytest.mark.parametrize("letter", ["a", " ", "<", "user ", "550-", "::", "1.", "@", "quota "])
def test_hostile_text_costs_little_time(letter: str) -> None:
    """A long reply of any one thing is read in a moment."""
    import time

    start = time.process_time()
    classify(read_reply_text(letter * 20_000), Phase.RCPT)
    assert time.process_time() - start < 2


WORDS = st.sampled_from(
    [
        "550",
        "5.1.1",
        "-",
        ";",
        "\n",
        "smtp;",
        "said:",
        "<a@x.org>",
        "user",
        "4.2.2",
        "421-",
        "[",
        "#",
    ]
)


@given(st.lists(WORDS | st.text(max_size=8), max_size=30).map(" ".join))
def test_any_text_is_read_and_classified(text: str) -> None:
    """Whatever a server says or a log holds ends in a category, and its code is a code or 0."""
    diagnostic = read_diagnostic(text)
    assert diagnostic.reply.code == 0 or 200 <= diagnostic.reply.code < 600
    found = classify(diagnostic.reply, diagnostic.phase, diagnostic.mx)
    assert found.category in load_classifier().book.categories


def test_the_replies_of_large_providers(suites: Path) -> None:
    """Bounced or deferred rightly 63 of 63, with a category for at least 57."""
    replies = json.loads((suites / "bounces" / "smtp_replies.json").read_text())
    right = named = 0
    peer, now = Peer("mx.example.net", "192.0.2.1"), datetime(2026, 11, 23, tzinfo=UTC)
    for entry in replies:
        found = read_diagnostic(f"{entry['code']} {entry['msg']}")
        refused = Refused(found.phase or Phase.RCPT, found.reply, peer)
        outcome = Judge()((refused,), History(), now, 0.5).outcome
        right += type(outcome) is {"bounce": Bounced, "defer": Deferred}[entry["kind"]]
        named += classify(found.reply, found.phase, found.mx).category != "uncategorized"
    assert (right, len(replies)) == (63, 63)
    assert named >= 57


def test_real_replies_get_the_category_that_a_person_gives_them() -> None:
    """Replies from public pages: at most 10 % without a category, 95 % hard or soft rightly."""
    document = tomllib.loads((Path(__file__).parent / "real_replies.toml").read_text("utf-8"))
    replies = [(page["from"], *reply) for page in document["page"] for reply in page["replies"]]
    categories = load_classifier().book.categories
    unnamed, wrong, elsewhere = [], [], []
    for _, text, label in replies:
        diagnostic = read_diagnostic(text)
        found = classify(diagnostic.reply, diagnostic.phase, diagnostic.mx)
        accepted = label.split("|")
        if found.category == "uncategorized":
            unnamed.append(text)
        if found.hard != (categories[accepted[0]].hard_after == 1):
            wrong.append(text)
        if found.category not in accepted:
            elsewhere.append(text)
    assert len(replies) >= 150
    assert len(unnamed) <= len(replies) * 0.10, unnamed
    assert len(wrong) <= len(replies) * 0.05, wrong
    assert len(elsewhere) <= len(replies) * 0.10, elsewhere
