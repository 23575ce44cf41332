"""The DMARC and alignment rules beyond their fixtures: lowered severities, guards, unknowns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble

NEWS = "news.example.com"
AT_NEWS = ("_dmarc.news.example.com", "TXT")
AT_TOP = ("_dmarc.example.com", "TXT")
RUA = "rua=mailto:d@example.com"
KEY = ("s1._domainkey.news.example.com", "TXT")


async def report_of(
    changes: Table, domain: str = NEWS, given: Mapping[str, Any] | None = None
) -> Report:
    """Audit the healthy sender after some changes; an option of None is taken away."""
    options = {k: v for k, v in (SENDER | dict(given or {})).items() if v is not None}
    report: Report = await audit_domain(domain, options, DnsDouble(healthy() | changes))
    return report


def found(report: Report, area: tuple[str, ...] = ("DMARC", "ALN")) -> dict[str, str]:
    """The findings of these areas, with their severities."""
    return {f.rule.id: str(f.severity) for f in report.findings if f.rule.area in area}


def untold(report: Report) -> dict[str, str]:
    """The rules that could not tell, with what they would have been at worst."""
    return {u.rule.id: str(u.severity) for u in report.unknown}


def record(text: str) -> Table:
    """The record of the organizational domain replaced."""
    return {AT_TOP: [txt(f"v=DMARC1; {text}")]}


async def test_healthy_sender_has_no_finding() -> None:
    """Nothing is said of an inherited p=reject with reports and both mechanisms aligned."""
    report = await report_of({})
    assert found(report) == {}
    assert not {rule for rule in untold(report) if rule.startswith(("DMARC", "ALN"))}


@pytest.mark.parametrize(
    ("receivers", "severity"), [(["google"], "warning"), (["google", "yahoo-bulk"], "error")]
)
async def test_missing_record_is_an_error_for_bulk_alone(
    receivers: list[str], severity: str
) -> None:
    """`*-bulk` declares volume, and only then is a missing record an error."""
    report = await report_of({AT_TOP: []}, given={"receivers": receivers})
    assert found(report) == {"DMARC001": severity}


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.SERVFAIL, Reason.REFUSED])
async def test_failed_question_is_never_a_missing_record(reason: Reason) -> None:
    """Every rule that needed the record cannot tell; none of them speaks."""
    report = await report_of({AT_TOP: reason}, given={"receivers": ["google-bulk"]})
    assert found(report) == {}
    told = untold(report)
    assert {f"DMARC0{n:02}" for n in [*range(1, 17), *range(18, 24), 26, 27, 28, 30]} <= told.keys()
    assert told["DMARC001"] == "error"
    assert told["DMARC028"] == "note"


async def test_thousands_of_ignored_parts_end_in_a_count() -> None:
    """Each finding carries the whole record: their number must not grow with its length."""
    tags = "; ".join(f"x{n}=y" for n in range(500))
    report = await report_of(record(f"p=reject; {tags}; {RUA}"))
    told = [f.message for f in report.findings if f.rule.id == "DMARC028"]
    assert len(told) == 10
    assert told[-1] == "491 more parts of the record are ignored"


async def test_void_records_are_named_once() -> None:
    """What was published and does not count is not also called missing."""
    assert found(await report_of({AT_TOP: [txt("v=dmarc1; p=none")]})) == {"DMARC003": "error"}
    both = {AT_TOP: [txt(f"v=DMARC1; p=none; {RUA}"), txt(f"v=DMARC1; p=reject; {RUA}")]}
    assert found(await report_of(both)) == {"DMARC002": "error"}


@pytest.mark.parametrize(
    "texts",
    [
        [f" v=DMARC1; p=reject; {RUA}"],
        [f"v=DMARC1; p=reject; {RUA}", "v=dmarc1; p=none"],
    ],
)
async def test_void_text_that_stops_few_readers_is_a_warning(texts: list[str]) -> None:
    """Leading white space, or a void text beside a good record."""
    report = await report_of({AT_TOP: [txt(text) for text in texts]})
    assert found(report) == {"DMARC003": "warning"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"p=none; {RUA}", {"DMARC006": "note"}),
        ("p=none", {"DMARC006": "warning", "DMARC012": "note"}),
        ("sp=reject", {"DMARC005": "error"}),
        (f"sp=reject; {RUA}", {"DMARC005": "warning"}),
        (f"p=; {RUA}", {"DMARC004": "error"}),
        (f"p=reject; np=no; {RUA}", {"DMARC004": "error"}),
        (f"p=reject; sp=none; {RUA}", {"DMARC007": "warning"}),
        (f"p=reject; pct=100; {RUA}", {"DMARC008": "note"}),
        (f"p=reject; pct=0; {RUA}", {"DMARC008": "warning"}),
        (f"p=reject; sp=none; t=y; {RUA}", {"DMARC007": "warning"}),
        ("p=reject; rua=", {"DMARC012": "note"}),
        ("p=reject; rua=https://example.com/d", {"DMARC011": "warning"}),
        (f"p=reject; {RUA}; ruf=d@example.com", {"DMARC011": "warning", "DMARC015": "note"}),
        (f"p=reject; {RUA}; fo=2", {"DMARC016": "warning"}),
        (f"p=reject; p=none; {RUA}", {"DMARC027": "warning"}),
        (f"P=reject; {RUA}", {"DMARC028": "note"}),
        (f"p=reject; aspf=strict; {RUA}", {"DMARC028": "note"}),
    ],
)
async def test_one_fault_gives_one_finding(text: str, expected: dict[str, str]) -> None:
    """Each record's fault is reported by the rule it belongs to, and by no other."""
    assert found(await report_of(record(text))) == expected


async def test_agreement_of_a_report_service() -> None:
    """Any DMARC text at the agreed name serves; a failed question is unknown, not missing."""
    to_service = record("p=reject; rua=mailto:r@example.net; ruf=mailto:f@example.net")
    name = ("example.com._report._dmarc.example.net", "TXT")
    served: Table = {**to_service, ("example.net", "A"): [address("192.0.2.30")]}
    assert found(await report_of(served)) == {"DMARC013": "warning", "DMARC015": "note"}
    agreed = served | {name: [txt("v=DMARC1; rua=mailto:other@example.net")]}
    assert found(await report_of(agreed)) == {"DMARC015": "note"}
    failed = await report_of(served | {name: Reason.TIMEOUT})
    assert found(failed) == {"DMARC015": "note"}
    assert untold(failed)["DMARC013"] == "warning"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, {"DMARC014": "warning"}),
        ({("box.example.com", "TXT"): [txt("x")]}, {"DMARC014": "warning"}),
        ({("box.example.com", "AAAA"): [address("2001:db8::1")]}, {}),
        ({("box.example.com", "MX"): [mx(0, ".")]}, {"DMARC014": "warning"}),
        ({("box.example.com", "MX"): Reason.SERVFAIL}, {}),
    ],
)
async def test_report_mailbox_takes_mail(data: Table, expected: dict[str, str]) -> None:
    """No such name, no MX and no address, or a null MX; an address alone is enough."""
    report = await report_of(record("p=reject; rua=mailto:d@box.example.com") | data)
    assert found(report) == expected


async def test_record_in_a_doubled_zone_is_found() -> None:
    """A name written with its zone twice explains why no record is there."""
    doubled = ("_dmarc.news.example.com.example.com", "TXT")
    report = await report_of({doubled: [txt("v=DMARC1; p=reject")]})
    assert found(report) == {"DMARC017": "warning"}


async def test_same_record_at_both_names_is_a_note() -> None:
    """Where the right name has the text, the copy at the wrong one only confuses."""
    text = [txt(f"v=DMARC1; p=reject; {RUA}")]
    report = await report_of({AT_NEWS: text, (NEWS, "TXT"): text})
    assert found(report) == {"DMARC017": "note"}


async def test_alias_in_a_circle() -> None:
    """A _dmarc alias that leads back to itself is an error, whatever else cannot be told."""
    loop: Table = {
        ("_dmarc.news.example.com", "CNAME"): [cname("_dmarc.a.example.com")],
        ("_dmarc.a.example.com", "CNAME"): [cname("_dmarc.news.example.com")],
    }
    assert found(await report_of(loop))["DMARC018"] == "error"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("_dmarc.gone.example.net", {"DMARC018": "error"}),
        ("gone.example.net", {"DMARC018": "warning"}),
    ],
)
async def test_dangling_alias(target: str, expected: dict[str, str]) -> None:
    """An error where the target's name shows that it was meant for DMARC."""
    report = await report_of({("_dmarc.news.example.com", "CNAME"): [cname(target)]})
    assert found(report) == expected


async def test_alias_at_the_parent_that_a_wildcard_may_have_made() -> None:
    """A wildcard in front of a web host answers for _dmarc too: nothing is said."""
    web: Table = {
        ("_dmarc.example.com", "CNAME"): [cname("www.example.com")],
        AT_NEWS: [txt(f"v=DMARC1; p=reject; adkim=s; aspf=s; {RUA}")],
    }
    assert "DMARC018" not in found(await report_of(web))


async def test_registrys_own_record_is_not_judged() -> None:
    """psd=y at a public suffix is as it should be, and its faults are the registry's."""
    registry: Table = {AT_TOP: [], ("_dmarc.com", "TXT"): [txt("v=DMARC1; p=none; psd=y; pct=5")]}
    assert found(await report_of(registry, given={"receivers": ["google-bulk"]})) == {}


async def test_psd_n_that_keeps_everything_within_is_a_note() -> None:
    """Where return path and d= stay below it, nothing is lost."""
    table: Table = {
        AT_NEWS: [txt(f"v=DMARC1; p=reject; psd=n; {RUA}")],
        ("m.news.example.com", "MX"): [mx(10, "bounce.example.com")],
        ("m.news.example.com", "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
    }
    report = await report_of(table, given={"return-path": "m.news.example.com"})
    assert found(report) == {"DMARC021": "note"}


async def test_differing_organizations_without_effect_are_a_note() -> None:
    """A record at the subdomain alone matters less where all names lie below it anyway."""
    table: Table = {
        AT_TOP: [],
        AT_NEWS: [txt(f"v=DMARC1; p=reject; {RUA}")],
        ("m.news.example.com", "MX"): [mx(10, "bounce.example.com")],
        ("m.news.example.com", "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
    }
    report = await report_of(table, given={"return-path": "m.news.example.com"})
    assert found(report) == {"DMARC022": "note"}
    assert found(await report_of(table)) == {"DMARC022": "warning"}


async def test_key_that_was_not_seen_leaves_spf_alone_open() -> None:
    """Whether SPF is all that aligns depends on a key that nobody could read."""
    report = await report_of({KEY: Reason.TIMEOUT})
    assert found(report) == {}
    assert untold(report)["DMARC025"] == "warning"
    assert "ALN001" not in untold(report)


async def test_nothing_aligned_for_want_of_answers_is_unknown() -> None:
    """The return path is a stranger's and the key was not seen: perhaps nothing aligns."""
    report = await report_of({KEY: Reason.SERVFAIL}, given={"return-path": "mail.example.net"})
    assert "ALN001" not in found(report)
    assert untold(report)["ALN001"] == "error"


async def test_undeclared_mechanism_leaves_alignment_alone() -> None:
    """Without a declared selector nothing is concluded from the return path."""
    report = await report_of({}, given={"return-path": "mail.example.net", "selectors": None})
    assert not {"ALN001", "ALN002", "ALN003"} & {*found(report), *untold(report)}


async def test_members_of_a_listed_registry_are_strangers() -> None:
    """Two names below a private public suffix share nothing that aligns."""
    table: Table = {
        ("_dmarc.a.github.io", "TXT"): [txt("v=DMARC1; p=reject; rua=mailto:d@a.github.io")],
        ("a.github.io", "MX"): [mx(10, "mail.example.com")],
        ("b.github.io", "MX"): [mx(10, "mail.example.com")],
        ("b.github.io", "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
        ("s1._domainkey.b.github.io", "TXT"): healthy()[KEY],
    }
    other = {"return-path": "b.github.io", "dkim-domains": ["b.github.io"], "content": None}
    assert found(await report_of(table, "a.github.io", given=other)) == {"ALN004": "error"}


async def test_mailbox_provider_without_policy_is_not_an_alignment_error() -> None:
    """The provider's DMARC policy decides, not the list of providers."""
    given = {"return-path": "mail.example.net", "sender": "shared", "selectors": None}
    policy = {("_dmarc.gmail.com", "TXT"): [txt("v=DMARC1; p=none; rua=mailto:d@gmail.com")]}
    assert "ALN007" not in found(await report_of(policy, "gmail.com", given=given))
    policy = {("_dmarc.gmail.com", "TXT"): [txt("v=DMARC1; p=reject; rua=mailto:d@gmail.com")]}
    assert found(await report_of(policy, "gmail.com", given=given))["ALN007"] == "error"
