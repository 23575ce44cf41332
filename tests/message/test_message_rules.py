"""The message rules' guards: what is lowered for whom, what is told once, what nobody could see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message.signing import DOMAIN, NOW, PLAIN, ed_signer, published, rsa_signer, txt_answer

from sendgate.audit.judge import Policy, run_rules
from sendgate.dns.answers import Failed, Question, Reason
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.record import parse
from sendgate.message.rules import RULES
from sendgate.message.sign import Signer, sign
from sendgate.message.verify import key_questions, verify
from sendgate.names import Domain

SIGNED = sign(PLAIN, [rsa_signer(), ed_signer()], NOW)
KEYS = published([rsa_signer(), ed_signer()])
MARKETING, TRANSACTIONAL, ONE = MessageKind


def facts(
    octets: bytes,
    kind: MessageKind = MARKETING,
    *,
    bulk: bool = True,
    smtputf8: bool = False,
    answers: Any = None,
) -> MessageFacts:
    message = parse(octets)
    results = verify(message, KEYS if answers is None else answers, NOW)
    return MessageFacts(message, "m.eml", kind, results, bulk=bulk, smtputf8=smtputf8)


def said(of: MessageFacts) -> dict[str, str]:
    found = run_rules(of, RULES, Policy(), of.domain, NOW.date())
    texts = {f.rule.id: str(f.severity) for f in found.findings}
    assert len(texts) == len(found.findings), "one fault, one finding"
    return texts | {u.rule.id: f"unknown {u.severity}" for u in found.unknown}


def edited(old: bytes, new: bytes, octets: bytes = PLAIN) -> bytes:
    assert old in octets
    return octets.replace(old, new, 1)


def resigned(old: bytes, new: bytes) -> bytes:
    return sign(edited(old, new), [rsa_signer(), ed_signer()], NOW)


def test_our_own_message_has_no_finding() -> None:
    """A message as the composer and the signer make it is clean, for every kind of mail."""
    for kind in MessageKind:
        assert said(facts(SIGNED, kind)) == {}
        assert said(facts(SIGNED, kind, bulk=False)) == {}


@pytest.mark.parametrize(
    ("kind", "bulk", "expected"),
    [
        (MARKETING, True, {"UNS001": "error"}),
        (MARKETING, False, {"UNS001": "error"}),
        (TRANSACTIONAL, True, {}),
        (ONE, False, {}),
        (ONE, True, {"UNS001": "error"}),
    ],
)
def test_unsubscribing_is_for_marketing_and_bulk(
    kind: MessageKind, bulk: bool, expected: dict[str, str]
) -> None:
    """Transactional mail is exempt, marketing never is, other mail only below bulk volume."""
    octets = PLAIN
    for field in parse(PLAIN).fields[5:7]:
        octets = edited(field.raw, b"", octets)
    octets = sign(octets, [rsa_signer()], NOW)
    assert said(facts(octets, kind, bulk=bulk)) == expected


@pytest.mark.parametrize(
    ("value", "bulk", "expected"),
    [
        (b"<mailto:u@example.com>", True, {"UNS001": "error"}),
        (b"<mailto:u@example.com>", False, {"UNS004": "warning"}),
        (b"<http://example.com/u>", False, {"UNS001": "error"}),
        (b"https://example.com/u", False, {"UNS001": "error"}),
        (b"", True, {"UNS001": "error"}),
        (b"<HTTPS://example.com/u>", True, {}),
        (b"<mailto:u@example.com>, <https://example.com/u>", True, {}),
    ],
)
def test_a_way_to_unsubscribe_has_one_finding(
    value: bytes, bulk: bool, expected: dict[str, str]
) -> None:
    """Mail alone is a warning below bulk volume and an error above; no way at all is an error."""
    octets = resigned(b"<https://www.example.com/u/1>", value)
    assert said(facts(octets, bulk=bulk)) == expected


def test_one_click_is_asked_of_bulk_mail_and_advised_to_the_rest() -> None:
    """A missing or misspelt post field, and unsigned fields, are warnings below bulk volume."""
    post = parse(PLAIN).fields[6].raw
    for octets in (resigned(post, b""), resigned(b"=One-Click", b"=One-click")):
        assert said(facts(octets)) == {"UNS002": "error"}
        assert said(facts(octets, bulk=False)) == {"UNS002": "warning"}
    assert said(facts(PLAIN)) == {"UNS003": "error"}
    assert said(facts(PLAIN, bulk=False)) == {"UNS003": "warning"}


def test_a_signature_that_fails_is_told_once() -> None:
    """Unsubscribe fields under a failed signature are not reported on top of it."""
    found = run_rules(
        facts(edited(b"there is", b"there was", SIGNED)), RULES, Policy(), DOMAIN, NOW.date()
    )
    assert [f.rule.id for f in found.findings] == ["DKIM016", "DKIM016"], "one for each signature"


def test_a_failed_signature_beside_a_good_one_of_the_domain_is_a_warning() -> None:
    """The message is authenticated all the same; for another domain it would not be."""
    wrong = dict([txt_answer("ed1._domainkey.news.example.com", "v=DKIM1; p=")])
    assert said(facts(SIGNED, answers={**KEYS, **wrong})) == {"DKIM016": "warning"}
    other = sign(PLAIN, [rsa_signer(), ed_signer(Domain("example.org"))], NOW)
    stranger = dict([txt_answer("ed1._domainkey.example.org", "v=DKIM1; p=")])
    assert said(facts(other, answers={**KEYS, **stranger})) == {"DKIM016": "error"}


def test_a_key_that_nobody_could_look_up_leaves_the_rule_open() -> None:
    """A DNS failure makes no finding: DKIM016 and UNS003 cannot tell."""
    failed = {q: Failed(q, Reason.TIMEOUT) for q in key_questions(parse(SIGNED))}
    assert said_ids(failed) == ["DKIM016", "DKIM016", "UNS003"]


def said_ids(answers: dict[Question, Failed]) -> list[str]:
    of = facts(SIGNED, answers=dict(answers))
    found = run_rules(of, RULES, Policy(), of.domain, NOW.date())
    assert found.findings == ()
    assert all(item.decisive for item in found.unknown)
    return sorted(item.rule.id for item in found.unknown)


def test_expiry_is_judged_by_the_time_given() -> None:
    """Mail already delivered is judged by when it came: the facts carry that verdict."""
    message = parse(SIGNED)
    late = verify(message, KEYS, NOW + timedelta(days=400))
    assert said(MessageFacts(message, "m", MARKETING, late, bulk=True)) == {}


@pytest.mark.parametrize(
    "subject",
    [
        "Re: your order", "RE: your order", "re : your order", "Re[2]: order", "Fwd: order",
        "FW: order", "AW: Bestellung", "WG: Bestellung", "SV: order", "TR: commande", "RV: pedido",
        "Antw: order", "=?utf-8?q?Re=3A_order?=", "=?utf-8?b?UmU6IG9yZGVy?=", "Re\uff1aorder",
        "回复\uff1aorder", "İLT: sipariş",
    ],
)  # fmt: skip
def test_a_false_reply_is_seen_in_every_dress(subject: str) -> None:
    """Localized, numbered, encoded or spaced, the prefix is the same claim."""
    octets = resigned(b"What is new", subject.encode() if subject.isascii() else _word(subject))
    assert said(facts(octets)) == {"MSG006": "error"}
    assert said(facts(octets, TRANSACTIONAL)) == {"MSG006": "warning"}
    assert said(facts(octets, ONE, bulk=False)) == {"MSG006": "warning"}


def _word(text: str) -> bytes:
    import base64

    return b"=?utf-8?b?" + base64.b64encode(text.encode()) + b"?="


@pytest.mark.parametrize(
    "subject",
    ["Reading list: new", "Regarding: x", "Forward thinking: x", "Trains: x", "I: x", "What: Re: x",
     "Result: 3", "Video: x", "re", "Re", "VSOP: x", "Award: x", "Restaurant: x"],
)  # fmt: skip
def test_an_honest_subject_is_left_alone(subject: str) -> None:
    """A word that only begins like a prefix, and a colon elsewhere, claim nothing."""
    assert said(facts(resigned(b"What is new", subject.encode()))) == {}


@pytest.mark.parametrize("field", [b"In-Reply-To: <0@example.net>", b"References: <0@example.net>"])
def test_a_real_reply_may_say_so(field: bytes) -> None:
    """With In-Reply-To or References the prefix is true."""
    octets = resigned(b"Subject: What", field + b"\r\nSubject: Re: What")
    assert said(facts(octets)) == {}


@pytest.mark.parametrize(
    ("name", "finds"),
    [
        ("Example News", False), ("Node.js", False), ("Dr. Ann Example", False), ("St.John", False),
        ("example.com", False), ("www.example.com", False), ("hello@news.example.com", False),
        ("Example (example.com)", False), ("v2.0", False), ("Ann e.V.", False),
        ("paypal.com", True), ("PayPal.com Service", True), ("service@bank.example", True),
        ("other@news.example.com", True), ("via bücher.de", True),
    ],
)  # fmt: skip
def test_only_another_domain_or_address_in_the_name_misleads(name: str, finds: bool) -> None:
    """A brand's name is fine, also with a dot in it; another's domain or address is not."""
    shown = _word(name) if not name.isascii() else b'"' + name.encode() + b'"'
    octets = resigned(b"Example News", shown)
    assert said(facts(octets)) == ({"MSG007": "warning"} if finds else {})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"From: ", b"X-From: ", {"MSG001"}),
        (b"Date: ", b"X-Date: ", {"MSG001"}),
        (b"From: ", b"From: <ann@example.org>\r\nFrom: ", {"MSG001"}),
        (b"hello@news.example.com", b"hello", {"ALN005"}),
        (b"Message-ID: <1@news.example.com>", b"X: y", {"MSG005"}),
        (b"<1@news.example.com>", b"1@news.example.com", {"MSG005"}),
        (b"<1@news.example.com>", b"<1@localhost>", {"MSG005"}),
        (b"<1@news.example.com>", b"<1@mail.example.org>", {"MSG005"}),
        (b"<ann@", b"<" + b"a" * 65 + b"@", {"MSG004"}),
        (b"<ann@", b"<" + b"a" * 64 + b"@", set()),
        (b"What is", b"\xe9 is", {"MSG004"}),
        (b"What is", b"What\0is", {"MSG003"}),
        (b"To: <", b"To <", {"MSG003"}),
        (b"To: <", b"X: y\nTo: <", {"MSG003"}),
        (b"Hello Ann", b"Hello\0Ann", {"MSG002"}),
        (b"Hello Ann", b"Hello\rAnn", {"MSG002"}),
        (b"Hello Ann", b"x" * 200, set()),
    ],
)
def test_each_fault_of_form_belongs_to_one_rule(old: bytes, new: bytes, expected: set[str]) -> None:
    """One fault, one finding, whatever else it spoils."""
    assert set(said(facts(edited(old, new), TRANSACTIONAL))) == expected


def test_a_long_line_that_could_have_been_broken_is_noted() -> None:
    """Over 78 octets is only advice, and none where there is no blank to break at."""
    octets = resigned(b"Hello Ann", b"hello " * 20)
    assert said(facts(octets)) == {"MSG002": "note"}


def test_utf8_is_fine_where_it_was_declared() -> None:
    """With SMTPUTF8 a header may hold UTF-8, and still no other octets."""
    assert said(facts(resigned(b"What", b"\xc3\xa9"), smtputf8=True)) == {}
    assert said(facts(resigned(b"What", b"\xe9"), smtputf8=True)) == {"MSG004": "error"}


def test_a_message_id_of_the_envelope_or_the_signer_is_no_stranger() -> None:
    """A provider's own domain in the Message-ID is fine where the mail is signed by it."""
    octets = edited(b"<1@news.example.com>", b"<1@esp.example.net>")
    signed = sign(
        octets, [rsa_signer(), Signer(Domain("example.net"), "s1", rsa_signer().key)], NOW
    )
    answers = {**KEYS, **published([rsa_signer(Domain("example.net"))])}
    assert said(facts(signed, answers=dict(answers))) == {}


@given(st.binary(max_size=200), st.integers(0, len(SIGNED)), st.integers(0, 60))
def test_no_message_makes_a_rule_raise(noise: bytes, place: int, cut: int) -> None:
    """Whatever is put into a message, every rule ends, in sentences of bounded length."""
    of = facts(SIGNED[:place] + noise + SIGNED[place + cut :])
    found = run_rules(of, RULES, Policy(), of.domain, NOW.date())
    assert all(len(f.message) < 500 and f.evidence for f in found.findings)


def test_hostile_values_do_not_swell_a_sentence() -> None:
    """A selector or a field name of thousands of characters is cut off where it is shown."""
    long = b"x" * 9000
    for octets in (
        edited(b"s=s1", b"s=" + long, SIGNED),
        edited(b"d=news", b"d=" + long, SIGNED),
        edited(b"a=rsa-sha256", b"a=" + long, SIGNED),
        long + b": \xff\r\n" + SIGNED,
        long + b": \xc3\xa9\r\n" + SIGNED,
        edited(b"<1@news", b"<1@" + long, SIGNED),
        edited(b"Example News", b'"' + long + b'.example.org"', SIGNED),
    ):
        of = facts(octets)
        found = run_rules(of, RULES, Policy(), of.domain, NOW.date()).findings
        assert found
        assert all(len(f.message) < 500 for f in found)
        assert all(len(e.rdtype) + sum(map(len, e.values)) < 500 for f in found for e in f.evidence)


def test_nothing_is_said_of_what_a_hostile_message_cannot_hold() -> None:
    """An empty message, and one of nothing but noise, end in findings, never in an exception."""
    for octets in (b"", b"\0" * 1000, b"\xff\r\n" * 100, b":" * 100, SIGNED[:400]):
        assert "MSG001" in {
            f.rule.id
            for f in run_rules(
                facts(octets), RULES, Policy(), Domain("example.com"), NOW.date()
            ).findings
        }
