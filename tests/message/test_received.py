"""A received message: DMARC by what passed and aligns, and what is found wrong with it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from message.receiving import Answers, judged, received, session
from message.signing import NOW, PLAIN, ed_signer, key_of, rsa_signer

from sendgate.audit.report import Verdict
from sendgate.message.dmarc import DmarcResult
from sendgate.message.facts import MessageKind
from sendgate.message.results import authentication_results
from sendgate.message.sign import sign
from sendgate.names import Domain
from sendgate.render.message import message_json, message_on
from sendgate.render.page import Page
from sendgate.vocabulary import Severity

SIGNED = sign(PLAIN, [rsa_signer(), ed_signer()], NOW)
ELSEWHERE = Domain.parse("esp.example.org")
KEY = {
    "s1._domainkey.news.example.com": key_of().record_text,
    "ed1._domainkey.news.example.com": key_of("ed25519").record_text,
    "s1._domainkey.esp.example.org": key_of().record_text,
}
REJECT = {"_dmarc.news.example.com": "v=DMARC1; p=reject"}
SPF = {
    "news.example.com": "v=spf1 ip4:192.0.2.1 -all",
    "esp.example.org": "v=spf1 ip4:192.0.2.1 -all",
}
WORLD = {**KEY, **REJECT, **SPF}
PASSING = session("192.0.2.1", "b@news.example.com")


def ids(octets: bytes, source: Answers, **more: object) -> dict[str, Severity]:
    return {f.rule.id: f.severity for f in judged(octets, source, **more).said.findings}


def test_a_sound_message_passes_everything() -> None:
    """DKIM and SPF pass and align; nothing is found."""
    report = judged(SIGNED, Answers(WORLD), connection=PASSING, kind=MessageKind.MARKETING)
    assert report.verdict is Verdict.PASS
    assert not report.said.findings
    dmarc = report.facts.dmarc
    assert dmarc is not None
    assert (dmarc.result, dmarc.spf, dmarc.dkim) == (DmarcResult.PASS, "aligned", "aligned")


@pytest.mark.parametrize(
    ("octets", "connection", "texts", "result", "found"),
    [
        (PLAIN, None, WORLD, "fail", {"ALN001": "warning"}),
        (PLAIN, session("192.0.2.9", "b@news.example.com"), WORLD, "fail",
         {"ALN001": "error", "SPF025": "error"}),
        (PLAIN, PASSING, WORLD, "pass", {"DMARC025": "warning"}),
        (PLAIN, PASSING, {**WORLD, "_dmarc.news.example.com": "v=DMARC1; p=none"}, "pass",
         {"ALN002": "warning"}),
        (PLAIN, session("192.0.2.1", "b@esp.example.org"), WORLD, "fail", {"ALN001": "error"}),
        (PLAIN, session("192.0.2.1", "", "news.example.com"), WORLD, "pass",
         {"DMARC025": "warning"}),
        (PLAIN, PASSING, {**KEY, **SPF}, "none", {"ALN002": "warning"}),
        (PLAIN, session("192.0.2.1", "b@esp.example.org"), {**KEY, **SPF}, "none",
         {"ALN001": "warning"}),
        (SIGNED, session("192.0.2.9", "b@news.example.com"), WORLD, "pass",
         {"SPF025": "warning"}),
        (SIGNED, session("192.0.2.9", "b@x.example.net"), WORLD, "pass", {"SPF001": "warning"}),
        (sign(PLAIN, [rsa_signer(ELSEWHERE)], NOW), None, WORLD, "fail", {"ALN001": "warning"}),
        (sign(PLAIN, [rsa_signer(ELSEWHERE)], NOW), PASSING,
         {**WORLD, "_dmarc.news.example.com": "v=DMARC1; p=quarantine; aspf=s; adkim=s"}, "pass",
         {"ALN002": "warning"}),
    ],
)  # fmt: skip
def test_dmarc_follows_what_passed_and_aligns(
    octets: bytes,
    connection: object,
    texts: dict[str, str],
    result: str,
    found: dict[str, str],
) -> None:
    """Each case has its result, and its findings alone (RFC 9989 section 5.3)."""
    more = {"connection": connection, "kind": MessageKind.TRANSACTIONAL}
    facts = received(octets, Answers(texts), **more)
    assert facts.dmarc is not None
    assert facts.dmarc.result.value == result, facts.dmarc.reason
    assert {k: str(v) for k, v in ids(octets, Answers(texts), **more).items()} == found


@pytest.mark.parametrize(
    ("broken", "result"),
    [
        ("_dmarc.news.example.com", "temperror"),
        ("s1._domainkey.news.example.com", "temperror"),
        ("news.example.com", "temperror"),
    ],
)
def test_what_nobody_could_tell_is_a_temporary_error(broken: str, result: str) -> None:
    """A question that failed makes no failure, where it could have brought the pass."""
    octets = sign(PLAIN, [rsa_signer()], NOW).replace(b"there is", b"there was")
    if broken.startswith("s1."):
        octets = sign(PLAIN, [rsa_signer()], NOW)
    wrong = session("192.0.2.9", "b@news.example.com")
    report = judged(octets, Answers(WORLD, broken), connection=wrong)
    assert report.facts.dmarc is not None
    assert report.facts.dmarc.result.value == result
    assert report.said.unknown
    assert not any(f.rule.id == "ALN001" for f in report.said.findings)


def test_a_foreign_identifier_that_failed_in_dns_changes_nothing() -> None:
    """What would not align is no reason to wait: DMARC fails."""
    octets = sign(PLAIN, [rsa_signer(ELSEWHERE)], NOW)
    source = Answers(WORLD, "s1._domainkey.esp.example.org")
    facts = received(octets, source, connection=session("192.0.2.9", "b@news.example.com"))
    assert facts.dmarc is not None
    assert facts.dmarc.result is DmarcResult.FAIL


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"From: a@news.example.com\r\nFrom: b@news.example.com\r\n",
        b"From: a@news.example.com, b@example.net\r\n",
        b"From: undisclosed\r\n",
        b"From: a@[192.0.2.1]\r\n",
        b"From:\r\n",
    ],
)
def test_without_one_author_domain_there_is_a_permanent_error(lines: bytes) -> None:
    """No From, several, several domains, or none that can be read (RFC 9989 section 11.5)."""
    octets = re.sub(rb"From: .*\r\n", lines, PLAIN)
    report = judged(octets, Answers(WORLD), connection=PASSING)
    assert report.facts.dmarc is not None
    assert report.facts.dmarc.result is DmarcResult.PERMERROR
    assert report.verdict is Verdict.FAIL
    assert "header.from" not in authentication_results(report.facts)


def test_several_authors_at_one_domain_are_one_author_domain() -> None:
    """Two mailboxes of one domain are judged as one."""
    octets = PLAIN.replace(b"hello@news.example.com>", b"a@news.example.com>, b@news.example.com")
    facts = received(octets, Answers(WORLD), connection=PASSING)
    assert facts.dmarc is not None
    assert facts.dmarc.result is DmarcResult.PASS


def test_times_are_judged_at_the_time_of_receipt() -> None:
    """A signature from the future fails, and one that was good then passes."""
    early = received(SIGNED, Answers(WORLD), now=NOW - timedelta(days=2))
    assert all("in the future" in one.reason for one in early.results)
    assert all(one.passed for one in received(SIGNED, Answers(WORLD)).results)


def test_marketing_is_assumed_only_where_the_message_offers_to_unsubscribe() -> None:
    """A discussion list is none; what is assumed brings warnings and no error."""
    http = PLAIN.replace(b"https:", b"http:")
    assert ids(http, Answers(WORLD), connection=PASSING)["UNS001"] is Severity.WARNING
    declared = {"connection": PASSING, "kind": MessageKind.MARKETING}
    assert ids(http, Answers(WORLD), **declared)["UNS001"] is Severity.ERROR
    talk = http.replace(b"\r\n\r\n", b"\r\nList-Post: <mailto:talk@example.net>\r\n\r\n", 1)
    assert "UNS001" not in ids(talk, Answers(WORLD), connection=PASSING)


def test_the_results_field_names_each_result() -> None:
    """RFC 8601: a result for each signature, with what tells them apart, then the rest."""
    facts = received(SIGNED, Answers(WORLD), connection=PASSING)
    line = authentication_results(facts)
    assert line.startswith("Authentication-Results: sendgate; dkim=pass header.d=news.example.com")
    assert line.count("dkim=pass") == 2
    assert "; spf=pass smtp.mailfrom=b@news.example.com; dmarc=pass header.from=" in line
    assert line.endswith("; arc=none")
    assert "dkim=none" in authentication_results(received(PLAIN, Answers(WORLD)))


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("b@news.example.com", "smtp.mailfrom=b@news.example.com"),
        ('"x; dkim=pass"@news.example.com',
         r'smtp.mailfrom="\"x; dkim=pass\"@news.example.com"'),
        ("b@news.example.com\r\nX: y", 'smtp.mailfrom="b@news.example.com??X: y"'),
        ("b\\@news.example.com", r'smtp.mailfrom="b\\@news.example.com"'),
        ("(c)@news.example.com", 'smtp.mailfrom="(c)@news.example.com"'),
    ],
)  # fmt: skip
def test_hostile_values_stay_values(sender: str, shown: str) -> None:
    """What could end a result or begin another stands in a quoted string."""
    facts = received(PLAIN, Answers(WORLD), connection=session("192.0.2.9", sender))
    assert shown in authentication_results(facts)


def test_another_parser_reads_the_field_as_it_is_meant() -> None:
    """The authres library finds the same results in it, hostile sender or not."""
    from authres import AuthenticationResultsHeader

    for sender in ("b@news.example.com", '"x; dkim=pass header.d=evil.example"@news.example.com'):
        facts = received(SIGNED, Answers(WORLD), connection=session("192.0.2.1", sender))
        read = AuthenticationResultsHeader.parse(authentication_results(facts))
        assert read.authserv_id == "sendgate"
        assert [(one.method, one.result) for one in read.results] == [
            ("dkim", "pass"), ("dkim", "pass"), ("spf", "pass"), ("dmarc", "pass"), ("arc", "none"),
        ]  # fmt: skip


def test_a_hostile_signature_stays_a_value() -> None:
    """So does what a signature says of itself."""
    field = b'DKIM-Signature: v=1; a=x"; s=a b; d=news.example.com; b=a\\"z\r\n'
    line = authentication_results(received(field + PLAIN, Answers(WORLD)))
    quoted = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    assert '"' not in quoted.replace('""', "")
    assert quoted.count("dkim=") == 1


def test_a_broken_signature_beside_one_that_aligns_is_a_warning() -> None:
    """DMARC passes by the other: nothing fails."""
    broken = sign(PLAIN, [rsa_signer(ELSEWHERE)], NOW).replace(b"t=", b"n=x; t=")
    octets = sign(broken, [rsa_signer()], NOW)
    found = ids(octets, Answers(WORLD), connection=PASSING)
    assert found["DKIM016"] is Severity.WARNING
    assert "ALN001" not in found


def test_utf8_in_the_header_is_right_where_a_host_took_it_so() -> None:
    """Mail that came by SMTPUTF8 may hold it; other mail may not."""
    octets = PLAIN.replace(b"What is new", "Größer".encode())
    assert "MSG004" in ids(octets, Answers(WORLD), connection=PASSING)
    way = b"Received: from a.example by b.example with UTF8SMTPS id 1;\r\n Mon, 1 Jan 2026\r\n"
    assert "MSG004" not in ids(way + octets, Answers(WORLD), connection=PASSING)


def test_a_signing_domain_in_unicode_is_asked_for_in_a_labels() -> None:
    """RFC 8616 section 5: U-labels in d= stand for their A-labels."""
    field = "DKIM-Signature: v=1; a=rsa-sha256; d=bücher.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    (one,) = received(field.encode() + PLAIN, Answers(WORLD)).results
    assert str(one.signature.domain) == "xn--bcher-kva.example"


PIECES = st.sampled_from([
    b"\r\n", b"\n", b"\r", b"\0", b" ", b";", b'"', b"\\", b"<", b">", b"@", b"\xff",
    b"d=", b"s=", b"h=", b"t=99999999999999999999999; ", b"=?utf-8?q?x?=",
    b"From: a@news.example.com\r\n", b"Return-Path: <>\r\n",
    b"DKIM-Signature: v=1; a=", b"List-Unsubscribe: <https:x>\r\n",
    b"ARC-Seal: i=1; cv=none;", b"ARC-Message-Signature: i=1;",
    b"ARC-Authentication-Results: i=1; x\r\n",
])  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, len(SIGNED)), PIECES), max_size=6), st.text(max_size=40))
@settings(max_examples=150)
def test_whatever_the_octets_there_is_a_report(cuts: list[tuple[int, bytes]], sender: str) -> None:
    """No mixture of real and hostile pieces ends in an exception, or in more than one field."""
    octets = SIGNED
    for at, piece in cuts:
        octets = octets[:at] + piece + octets[at:]
    report = judged(octets, Answers(WORLD), connection=session("192.0.2.9", sender, "h.example"))
    document = message_json(report)
    assert json.loads(json.dumps(document)) == document
    line = document["authentication_results"]
    assert re.fullmatch(r"[ -~]+", line)
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
    assert '"' not in outside
    assert len(re.findall(r"\bspf=", outside)) == 1
    page = Page()
    message_on(page, report)
    assert re.fullmatch(r"[\n -~]+", page.text())
