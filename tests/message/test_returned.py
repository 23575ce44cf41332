"""Returned mail: what a delivery report says, and what its codes mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.record import parse
from sendgate.message.returned import MAX_RETURNED, returned
from sendgate.message.returned_rules import RULES
from sendgate.vocabulary import Hit

HEADER = b"""\
From: Mail Delivery System <mailer-daemon@news.example.com>
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com
"""


def report(*groups: str) -> bytes:
    return HEADER + b"".join(b"\n" + group.encode() + b"\n" for group in groups) + b"\n--b--\n"


def group(code: str, reply: str, host: str = "mx.example.org", action: str = "failed") -> str:
    return (
        f"Final-Recipient: rfc822; ann@example.net\nAction: {action}\nStatus: {code}\n"
        f"Remote-MTA: dns; {host}\nDiagnostic-Code: smtp; {reply}"
    )


def said(octets: bytes) -> list[str]:
    facts = MessageFacts(parse(octets), "the message", MessageKind.TRANSACTIONAL)
    found = [hit for one in RULES for hit in one.judge(facts)]
    assert all(isinstance(hit, Hit) for hit in found)
    return [hit.message for hit in found if isinstance(hit, Hit)]


@pytest.mark.parametrize(
    ("code", "reply", "host", "expected"),
    [
        ("5.7.26", "550-5.7.26 unauthenticated", "gmail-smtp-in.l.google.com", "nothing auth"),
        ("5.7.515", "550; 5.7.515 Access denied", "outlook.example", "Microsoft misses SPF, DKIM"),
        ("5.7.27", "550-5.7.27 SPF - gsmtp", "mx.example.org", "SPF does not pass at Google"),
        ("5.7.27", "550 5.7.27 refused", "mta5.am0.yahoodns.net", "has a null MX"),
        ("5.0.0", "550 5.1.1 no such user", "mx.example.org", "there is no such mailbox"),
        ("5.3.0", "554 refused", "mx.example.org", "lies in the receiving system"),
        ("5.99.1", "554 refused", "mx.example.org", "not a known one"),
    ],
)
def test_a_code_is_read_together_with_who_says_it(
    code: str, reply: str, host: str, expected: str
) -> None:
    """The code of the reply goes before that of the report; 5.7.27 depends on the receiver."""
    (message,) = said(report(group(code, reply, host)))
    assert message.startswith("'ann@example.net' was not reached: ")
    assert expected in message


def test_each_recipient_is_told_and_what_was_delivered_is_not() -> None:
    """Failed and delayed ones, up to a bound."""
    delayed = group("4.2.2", "452 4.2.2 full", action="delayed")
    sent = group("2.0.0", "250 2.0.0 ok", action="relayed")
    assert len(said(report(delayed, sent))) == 1
    assert len(said(report(*[delayed] * 50))) == MAX_RETURNED


def test_other_mail_is_no_report() -> None:
    """A person may quote a report; only its content type makes one."""
    octets = report(group("5.1.1", "550 5.1.1 no"))
    assert said(octets.replace(b"multipart/report", b"multipart/mixed")) == []
    assert said(octets.replace(b"message/delivery-status", b"text/plain")) == []


def test_the_place_is_told_with_crlf_too() -> None:
    """The line is where the report begins."""
    octets = report(group("5.1.1", "550 5.1.1 no"))
    assert {one.line for one in returned(parse(octets))} == {7}
    (one,) = returned(parse(octets.replace(b"\n", b"\r\n")))
    assert (one.line, one.host, one.text) == (7, "mx.example.org", "550 5.1.1 no")


@given(st.binary(max_size=300))
def test_no_report_raises(noise: bytes) -> None:
    """Whatever stands in it, there are sentences or none."""
    octets = report(group("5.1.1", "550 5.1.1 no"))
    said(octets[:200] + noise + octets[200:])
    said(HEADER + noise)
