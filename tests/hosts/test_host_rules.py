"""PTR001 and PTR002: reverse DNS that leads back, and a HELO name that is a host."""

from __future__ import annotations

from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, healthy, ptr

from sendgate.audit.report import Report
from sendgate.dns.answers import Address, Reason
from sendgate.dns.double import DnsDouble

REVERSE = ("10.2.0.192.in-addr.arpa", "PTR")
V6_REVERSE = "1.0.0.0" + ".0" * 20 + ".8.b.d.0.1.0.0.2.ip6.arpa"


async def report_of(change: Table, **given: Any) -> tuple[Report, DnsDouble]:
    double = DnsDouble(healthy() | change)
    return await audit_domain("news.example.com", SENDER | given, double), double


def said(report: Report) -> dict[str, str]:
    return {f.rule.id: f.message for f in report.findings if f.rule.area == "PTR"}


def asked_reverse(double: DnsDouble) -> bool:
    return any(question.rdtype == "PTR" for question in double.log)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({REVERSE: []}, "192.0.2.10 has no reverse name (PTR)"),
        (
            {("out.example.com", "A"): [address("192.0.2.11")]},
            "the reverse name out.example.com of 192.0.2.10 leads to 192.0.2.11, not back to it",
        ),
        (
            {("out.example.com", "A"): []},
            "the reverse name out.example.com of 192.0.2.10 has no such address, not back to it",
        ),
    ],
)
async def test_an_address_needs_a_name_that_leads_back(change: Table, message: str) -> None:
    """No name, a name with another address, a name with none: each is the one finding."""
    report, _ = await report_of(change)
    assert said(report) == {"PTR001": message}


async def test_one_of_several_names_is_enough() -> None:
    """And a reverse zone may be handed on by CNAME (RFC 2317)."""
    change: Table = {
        REVERSE: [cname("10.0-15.2.0.192.in-addr.arpa")],
        ("10.0-15.2.0.192.in-addr.arpa", "PTR"): [ptr("old.example.com"), ptr("out.example.com")],
    }
    change[("10.2.0.192.in-addr.arpa", "CNAME")] = change.pop(REVERSE)
    table = {key: value for key, value in (healthy() | change).items() if key != REVERSE}
    report = await audit_domain("news.example.com", SENDER, DnsDouble(table))
    assert said(report) == {}
    assert [str(x.ip) for x in report.facts.hosts.addresses if x.confirmed] == ["192.0.2.10"]


async def test_ipv6_is_confirmed_by_aaaa() -> None:
    """The name of an IPv6 address must have it as AAAA."""
    change: Table = {
        (V6_REVERSE, "PTR"): [ptr("out.example.com")],
        ("out.example.com", "AAAA"): [address("2001:db8::1")],
    }
    report, _ = await report_of(change, ips=["2001:db8::1"])
    assert said(report) == {}
    report, _ = await report_of(
        {(V6_REVERSE, "PTR"): [ptr("out.example.com")]}, ips=["2001:db8::1"]
    )
    assert set(said(report)) == {"PTR001"}


@pytest.mark.parametrize("given", [{"sender": "shared"}, {"ips": []}])
async def test_addresses_of_others_are_not_asked_for(given: dict[str, Any]) -> None:
    """A provider's shared addresses are the provider's; without addresses nothing is asked."""
    report, double = await report_of({REVERSE: []}, **given)
    assert said(report) == {}
    assert not asked_reverse(double)


async def test_unknown_is_not_absent() -> None:
    """A name that could not be read decides; an ALIAS whose address is hidden is unknown too."""
    hidden: Table = {("out.example.com", "A"): [Address(None)]}
    for change in ({REVERSE: Reason.TIMEOUT}, {("out.example.com", "A"): Reason.SERVFAIL}, hidden):
        report, _ = await report_of(change)
        assert said(report) == {}
        assert [(u.rule.id, u.decisive) for u in report.unknown] == [("PTR001", True)]
        assert report.verdict == "unknown"


async def test_a_reverse_zone_that_was_not_given_decides_nothing() -> None:
    """Offline, the reverse zone is mostly somebody else's: unknown, but a note."""
    report, _ = await report_of({REVERSE: Reason.NOT_ASKED})
    assert [(u.rule.id, u.decisive) for u in report.unknown] == [("PTR001", False)]
    assert report.verdict == "pass"


@pytest.mark.parametrize(
    ("helo", "message"),
    [
        ("localhost", "HELO localhost is not the full name of a host"),
        ("mail_1.example.com", "HELO mail_1.example.com is not the full name of a host"),
        ("gone.example.com", "the HELO name gone.example.com does not exist"),
        ("news.example.com", "the HELO name news.example.com has no address"),
        ("out.example.com", None),
    ],
)
async def test_helo_is_the_name_of_a_host(helo: str, message: str | None) -> None:
    """Fully qualified, letters, digits and hyphens, with an address."""
    report, _ = await report_of({}, sender="own", helo=helo)
    assert said(report).get("PTR002") == message
