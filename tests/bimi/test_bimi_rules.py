"""Which BIMI record counts, what DMARC must ask for, and what stays unknown."""

from __future__ import annotations

from typing import Any

import pytest
from audits import TIME, options_of
from worlds import SENDER, Table, healthy, txt

from sendgate.audit.infer import build_profile
from sendgate.audit.report import Report
from sendgate.audit.run import audit
from sendgate.bimi.rules import RULES
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import RunSource
from sendgate.names import Domain
from sendgate.vocabulary import Scope

AUTHOR = ("default._bimi.news.example.com", "TXT")
PARENT = ("default._bimi.example.com", "TXT")
L = "l=https://www.example.com/logo.svg"
A = "a=https://www.example.com/logo.pem"
GOOD = f"v=BIMI1; {L}; {A}"


async def report(table: Table, **given: Any) -> Report:
    profile = build_profile(Domain.parse("news.example.com"), options_of(SENDER | given))
    return await audit(profile, RunSource(DnsDouble(table)), rules=RULES, time=TIME)


async def found(table: Table, **given: Any) -> list[tuple[str, str]]:
    seen = await report(table, **given)
    return [(f.rule.id, str(f.severity)) for f in seen.findings]


def dmarc(text: str, at: str = "_dmarc.example.com") -> Table:
    return {(at, "TXT"): [txt(f"v=DMARC1; {text}; rua=mailto:d@example.com")]}


def bimi(*texts: str, at: tuple[str, str] = AUTHOR) -> Table:
    return healthy() | {at: [txt(text) for text in texts]}


def test_every_bimi_rule_concerns_the_brand_alone() -> None:
    assert {rule.scope for rule in RULES} == {Scope.BRAND}


async def test_a_good_record_at_either_place_has_no_finding() -> None:
    assert await found(bimi(GOOD)) == []
    assert await found(bimi(GOOD, at=PARENT)) == []


async def test_the_author_domains_record_goes_first() -> None:
    seen = await report(bimi(GOOD) | {PARENT: [txt("v=BIMI1")]})
    assert seen.findings == ()
    assert seen.facts.bimi.fallback is None
    seen = await report(bimi("v=BIMI1; l=; a=;") | {PARENT: [txt(GOOD)]})
    assert [(f.rule.id, str(f.severity)) for f in seen.findings] == [("BIMI004", "note")]


async def test_a_void_record_is_discarded_and_the_parents_serves_but_it_is_told() -> None:
    seen = await report(bimi("v=bimi1; " + L) | {PARENT: [txt(GOOD)]})
    assert [f.rule.id for f in seen.findings] == ["BIMI003"]
    assert str(seen.facts.bimi.record) == GOOD


async def test_another_version_beside_a_good_record_is_not_counted() -> None:
    assert await found(bimi(GOOD, "v=BIMI2; l=")) == []
    assert await found(bimi(GOOD, GOOD + ";")) == [("BIMI002", "error")]


async def test_the_selector_is_the_declared_one() -> None:
    table = healthy() | {("red._bimi.news.example.com", "TXT"): [txt(GOOD)]}
    assert await found(table, **{"bimi-selector": "red"}) == []
    assert await found(table) == [("BIMI001", "note")]


async def test_no_record_is_worth_a_word_only_where_a_logo_could_be_shown() -> None:
    assert await found(healthy() | dmarc("p=reject")) == [("BIMI001", "note")]
    weak = healthy() | dmarc("p=none")
    assert await found(weak) == []
    assert await found(weak, **{"bimi-selector": "default"}) == [("BIMI001", "note")]


async def test_a_text_of_another_protocol_is_no_bimi_record() -> None:
    assert await found(bimi("v=spf1 -all")) == [("BIMI001", "note")]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("l=http://www.example.com/l.svg; " + A, ["BIMI005"]),
        ("l=https://www.example.com/l.JPG; " + A, ["BIMI005"]),
        ("l=https://www.example.com/l.svgz; " + A, []),
        ("l=https://www.example.com/l.png/; " + A, []),
        ("l=https://localhost/l.svg; " + A, ["BIMI005"]),
        ("l=https://www.example.com/1,https://www.example.com/2; " + A, ["BIMI005"]),
        ("l=https://www.example.com/a,b.svg; " + A, []),
        (L + "; a=self", ["BIMI006"]),
        (L, ["BIMI019"]),
        ("l=; " + A, ["BIMI004"]),
        (A, ["BIMI004"]),
        (f"{L}; {A}; lps=true", []),
        (f"{L}; {A}; lps=a_b,{'x' * 64}", ["BIMI022", "BIMI022"]),
        (f"{L}; {A}; unknown=1", []),
    ],
)
async def test_what_the_tags_may_hold(tags: str, expected: list[str]) -> None:
    assert [rule for rule, _ in await found(bimi("v=BIMI1; " + tags))] == expected


@pytest.mark.parametrize(
    ("organizational", "author", "expected"),
    [
        ("p=reject", None, []),
        ("p=quarantine", None, []),
        ("p=none", None, ["BIMI007"]),
        ("p=none", "p=reject", ["BIMI007"]),
        ("p=reject", "p=none", ["BIMI007"]),
        ("p=none", "p=none", ["BIMI007", "BIMI007"]),
        ("p=reject; sp=none", None, ["BIMI008"]),
        ("p=reject; sp=none", "p=reject", ["BIMI008"]),
        ("p=reject", "p=reject; sp=none", ["BIMI008"]),
        ("p=quarantine; pct=99", None, ["BIMI009"]),
        ("p=quarantine; pct=100", None, []),
        ("p=reject; pct=10", None, []),
        ("p=reject; t=y", None, ["BIMI010"]),
        ("p=none; t=y", None, ["BIMI007"]),
    ],
)
async def test_the_gate(organizational: str, author: str | None, expected: list[str]) -> None:
    table = bimi(GOOD) | dmarc(organizational)
    if author is not None:
        table |= dmarc(author, "_dmarc.news.example.com")
    assert [rule for rule, _ in await found(table)] == expected
    declined = table | {AUTHOR: [txt("v=BIMI1; l=; a=;")]}
    assert [rule for rule, _ in await found(declined)] == ["BIMI004"]


async def test_no_dmarc_record_closes_the_gate_too() -> None:
    table = bimi(GOOD)
    del table["_dmarc.example.com", "TXT"]
    assert await found(table) == [("BIMI007", "error")]


async def test_an_unread_gate_is_unknown_and_decides() -> None:
    for name in ("_dmarc.news.example.com", "_dmarc.example.com"):
        seen = await report(bimi(GOOD) | {(name, "TXT"): Reason.SERVFAIL})
        assert seen.findings == ()
        assert [(u.rule.id, u.decisive) for u in seen.unknown] == [("BIMI007", True)]


async def test_an_unread_record_of_the_sending_domain_decides() -> None:
    """Had it been read it could have failed; so it cannot pass unread."""
    seen = await report(healthy() | {AUTHOR: Reason.TIMEOUT})
    assert seen.findings == ()
    both = [("BIMI001", False), ("BIMI004", True)]
    assert [(u.rule.id, u.decisive) for u in seen.unknown] == both


async def test_an_unread_fallback_decides_only_where_a_selector_was_declared() -> None:
    table = healthy() | {("default._bimi.example.com", "TXT"): Reason.TIMEOUT}
    seen = await report(table)
    assert [(u.rule.id, u.decisive) for u in seen.unknown] == [("BIMI001", False)]
    seen = await report(table, **{"bimi-selector": "default"})
    both = [("BIMI001", False), ("BIMI004", True)]
    assert [(u.rule.id, u.decisive) for u in seen.unknown] == both


async def test_the_finding_names_the_record_that_is_at_fault() -> None:
    seen = await report(bimi(GOOD) | dmarc("p=none"))
    assert seen.findings[0].evidence[0].name.text == "_dmarc.example.com"
    assert seen.findings[0].evidence[-1].name.text == AUTHOR[0]


async def test_no_logo_is_missed_where_nothing_is_sent() -> None:
    table = healthy() | {("news.example.com", "TXT"): [txt("v=spf1 -all")]}
    profile = build_profile(Domain.parse("news.example.com"), options_of({}))
    seen = await audit(profile, RunSource(DnsDouble(table)), rules=RULES, time=TIME)
    assert seen.findings == ()
