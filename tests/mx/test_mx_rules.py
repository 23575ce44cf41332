"""Mail exchangers: what counts as receiving, and what only seems a fault."""

from __future__ import annotations

from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.answers import Rdata, Reason
from sendgate.dns.double import DnsDouble
from sendgate.mx.facts import is_host
from sendgate.names import Domain

NEWS = "news.example.com"
PATH = "12345m.example.com"


async def audit(table: Table, given: dict[str, Any] | None = None) -> Report:
    return await audit_domain(NEWS, SENDER if given is None else given, DnsDouble(table))


def mx_findings(report: Report) -> list[tuple[str, str]]:
    return [(f.rule.id, str(f.severity)) for f in report.findings if f.rule.area == "MX"]


def mx_unknown(report: Report) -> dict[str, str]:
    return {u.rule.id: str(u.severity) for u in report.unknown if u.rule.area == "MX"}


def without(name: str) -> Table:
    return {k: v for k, v in healthy().items() if k[0] != name}


def news_mx(*records: Rdata) -> Table:
    return healthy() | {(NEWS, "MX"): list(records)}


@pytest.mark.parametrize(("name", "severity"), [(PATH, "error"), (NEWS, "warning")])
async def test_nowhere_to_deliver(name: str, severity: str) -> None:
    """An error at the return path, a warning where the name stands in From alone."""
    report = await audit(without(name) | {(name, "HINFO"): [txt("there")]})
    assert mx_findings(report) == [("MX001", severity)]


async def test_a_from_domain_that_does_not_exist_is_refused() -> None:
    """NXDOMAIN at From is an error: some receivers refuse such mail; unseen, it decides too."""
    gone = {k: v for k, v in without(NEWS).items() if not k[0].endswith(f".{NEWS}")}
    assert mx_findings(await audit(gone)) == [("MX001", "error")]
    silent = healthy() | {(NEWS, t): Reason.TIMEOUT for t in ("MX", "TXT", "A", "AAAA", "SOA")}
    assert mx_unknown(await audit(silent))["MX001"] == "error"
    assert mx_unknown(await audit(healthy() | {(NEWS, "MX"): Reason.TIMEOUT}))["MX001"] == "warning"


async def test_a_timeout_is_never_missing() -> None:
    """Every rule about the MX records of that name is unknown, none finds anything."""
    report = await audit(healthy() | {(PATH, "MX"): Reason.TIMEOUT})
    assert mx_findings(report) == []
    assert mx_unknown(report)["MX001"] == "error"
    assert {"MX003", "MX004", "MX005", "MX006", "MX007", "MX008", "MX009"} <= set(
        mx_unknown(report)
    )


async def test_an_undeclared_name_that_forbids_sending_needs_no_way_back() -> None:
    """A name with `v=spf1 -all` and no MX is parked, not broken."""
    table: Table = {(NEWS, "TXT"): [txt("v=spf1 -all")]}
    assert mx_findings(await audit(table, {})) == []
    assert mx_findings(await audit(table, {"selectors": ["s1"]})) == [("MX001", "warning")]


async def test_some_hosts_without_address() -> None:
    """A warning while another host works, an error when none does."""
    one = news_mx(mx(10, "gone.example.com"), mx(20, "mail.example.com"))
    assert mx_findings(await audit(one)) == [("MX004", "warning")]
    none = news_mx(mx(10, "gone.example.com"), mx(20, "lost.example.com"))
    assert mx_findings(await audit(none)) == [("MX004", "error")]


async def test_a_host_that_could_not_be_resolved() -> None:
    """It could be the one that works: unknown at error; beside a working host, at warning."""
    slow: Table = {
        ("slow.example.com", "A"): Reason.TIMEOUT,
        ("slow.example.com", "AAAA"): Reason.TIMEOUT,
    }
    alone = await audit(news_mx(mx(10, "slow.example.com")) | slow)
    assert mx_findings(alone) == []
    assert mx_unknown(alone)["MX004"] == "error"
    beside = await audit(news_mx(mx(10, "slow.example.com"), mx(20, "mail.example.com")) | slow)
    assert mx_unknown(beside)["MX004"] == "warning"


@pytest.mark.parametrize(
    "target", ["192.0.2.25", "192.0.2.25.news.example.com", "192.0.2.25.example.com", "-.example"]
)
async def test_what_is_no_host(target: str) -> None:
    """An address, one that the zone was put behind, and a bad label: one finding, not two."""
    assert mx_findings(await audit(news_mx(mx(10, target)))) == [("MX005", "error")]


async def test_numbers_in_a_name_that_resolves_are_a_host() -> None:
    """Some hosts are called like that."""
    table = news_mx(mx(10, "192.0.2.25.example.com")) | {
        ("192.0.2.25.example.com", "A"): [address("192.0.2.25")]
    }
    assert mx_findings(await audit(table)) == []


async def test_an_underscore_is_a_warning() -> None:
    """Not allowed in a host name, and accepted by most."""
    table = news_mx(mx(10, "mail_1.example.com")) | {
        ("mail_1.example.com", "A"): [address("192.0.2.25")]
    }
    assert mx_findings(await audit(table)) == [("MX005", "warning")]


async def test_null_mx_of_a_sender_and_of_a_parked_name() -> None:
    """An error for a declared sender, a note for a name that nobody declared."""
    table = news_mx(mx(0, "."))
    assert mx_findings(await audit(table)) == [("MX008", "error")]
    assert mx_findings(await audit(table, {})) == [("MX008", "note")]


async def test_null_mx_beside_a_host_is_one_finding() -> None:
    """It is then no null MX, whatever its preference."""
    table = news_mx(mx(10, "."), mx(20, "mail.example.com"))
    assert mx_findings(await audit(table)) == [("MX006", "error")]


@pytest.mark.parametrize(
    ("ip", "found"),
    [
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("100.64.0.1", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("192.0.2.25", False),
        ("172.32.0.1", False),
        ("2001:db8::1", False),
    ],
)
async def test_addresses_that_nobody_can_reach(ip: str, found: bool) -> None:
    """Private, loopback and link-local ones; examples for documentation are none of these."""
    kind = "AAAA" if ":" in ip else "A"
    table = news_mx(mx(10, "in.example.com")) | {("in.example.com", kind): [address(ip)]}
    expected = [("MX009", "warning")] if found else []
    assert mx_findings(await audit(table)) == expected


async def test_a_host_of_two_names_is_reported_once() -> None:
    """The fault is the host's, so one finding names both."""
    table = healthy() | {
        (PATH, "MX"): [mx(10, "mail.example.com")],
        ("mail.example.com", "A"): [address("10.0.0.1")],
    }
    report = await audit(table)
    (finding,) = [f for f in report.findings if f.rule.id == "MX009"]
    assert NEWS in finding.message
    assert PATH in finding.message


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("mail.example.com", True),
        ("25.example.com", True),
        ("xn--bcher-kva.example", True),
        ("192.0.2.25", False),
        ("mail-.example.com", False),
        ("mail.example.123", False),
        ("\\(mail\\).example.com", False),
    ],
)
def test_host_names(name: str, host: bool) -> None:
    """Letters, digits and inner hyphens, and a last label that is no number."""
    assert is_host(Domain.parse(name)) is host
