"""ARC: chains that dkimpy sealed, and every way to break one (RFC 8617 section 5.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from message.signing import DOMAIN, PLAIN, key_of, pem, published, rsa_signer

from sendgate.dns.answers import Failed, Reason
from sendgate.message.arc import MAX_SETS, ArcResult, ArcState, read_chain, verify_chain
from sendgate.message.record import parse

KEYS = published([rsa_signer()])
RESULTS = b"Authentication-Results: lists.example.net; spf=pass smtp.mailfrom=example.com"


def seal(message: bytes) -> bytes:
    """Add one set to a message, as a forwarder that runs dkimpy does."""
    import dkim

    library: Any = dkim
    chain = b"; arc=pass" if b"ARC-Seal" in message else b""
    stamped = RESULTS + chain + b"\r\n" + message
    lines = library.arc_sign(
        stamped, b"s1", DOMAIN.text.encode(), pem(), b"lists.example.net",
        include_headers=[b"from", b"to", b"subject", b"date"],
    )  # fmt: skip
    return b"".join(lines) + message


def arc(octets: bytes, answers: Any = None) -> ArcResult:
    message = parse(octets)
    return verify_chain(
        message, read_chain(message), KEYS if answers is None else answers, datetime.now(UTC)
    )


ONE = seal(PLAIN)
TWO = seal(ONE)


def test_a_message_without_sets_has_no_chain() -> None:
    """None, and nothing is asked."""
    assert arc(PLAIN) == ArcResult(ArcState.NONE)
    assert read_chain(parse(PLAIN)).questions == ()


@pytest.mark.parametrize(("octets", "sets"), [(ONE, 1), (TWO, 2), (seal(TWO), 3)])
def test_chains_of_another_implementation_pass(octets: bytes, sets: int) -> None:
    """What dkimpy seals verifies here, however long the chain; with LF line ends, too."""
    assert arc(octets) == ArcResult(ArcState.PASS, "", sets, "news.example.com")
    assert arc(octets.replace(b"\r\n", b"\n")).state is ArcState.PASS
    assert key_of().bits == 2048


def test_a_change_below_the_last_set_fails_and_before_it_does_not_matter() -> None:
    """Only the last message signature must fit the message; each seal must fit its fields."""
    body = TWO.replace(b"there is  news", b"there is old news")
    assert "set 2" in arc(body).reason
    later = seal(ONE.replace(b"there is  news", b"there is old news"))
    assert arc(later).state is ArcState.PASS, "set 2 was made after the change"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (rb"ARC-Seal: i=2;", rb"ARC-Seal: i=3;", "set 2 has no ARC-Seal"),
        (rb"ARC-Seal: i=2;", rb"ARC-Seal: i=1;", "two ARC-Seal fields"),
        (rb"ARC-Seal: i=2;", rb"ARC-Seal: i=0;", "instance number 0"),
        (rb"ARC-Seal: i=2;", rb"ARC-Seal: i=51;", "instance number 51"),
        (rb"ARC-Seal: i=2;", rb"ARC-Seal: x=2;", "no instance number"),
        (rb"cv=pass", rb"cv=none", "cv=none, not cv=pass"),
        (rb"cv=pass", rb"cv=fail", "says that the chain failed"),
        (rb"cv=none", rb"cv=pass", "set 1 has cv=pass"),
        (rb"cv=pass", rb"cv=pass; h=from", "has h="),
        (rb"h=from :", rb"h=arc-seal : from :", "covers ARC-Seal"),
        (rb"spf=pass smtp", rb"spf=fail smtp", "does not verify"),
        (rb"Subject: What is new", rb"Subject: What is old", "does not verify"),
        (rb"ARC-Authentication-Results: i=1;", rb"X: i=1;", "set 1 has no ARC-Auth"),
    ],
)
def test_a_broken_chain_fails_and_says_why(old: bytes, new: bytes, reason: str) -> None:
    """Each break has its reason; none of them passes."""
    changed = re.sub(re.escape(old), new, TWO, count=1)
    assert changed != TWO
    found = arc(changed)
    assert found.state is ArcState.FAIL
    assert reason in found.reason


def test_a_key_that_nobody_could_look_up_is_named() -> None:
    """There is no result for a while: it fails, and says which answer was missing."""
    (question,) = read_chain(parse(TWO)).questions
    found = arc(TWO, {question: Failed(question, Reason.TIMEOUT)})
    assert found.state is ArcState.FAIL
    assert found.unknown is not None
    assert found.unknown.reason is Reason.TIMEOUT


def test_no_chain_is_longer_than_the_standard_allows() -> None:
    """51 sets fail before anything is computed (RFC 8617 section 4.2.1)."""
    sets = b"".join(
        b"ARC-Seal: i=%d; cv=none\r\nARC-Message-Signature: i=%d\r\n"
        b"ARC-Authentication-Results: i=%d; x\r\n" % (i, i, i)
        for i in range(1, MAX_SETS + 2)
    )
    assert "instance number 51" in arc(sets + PLAIN).reason
