"""Guards of the rules about delegated return paths that a zone file alone cannot show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.answers import Answer, Failed, NoData, NxDomain, Question, Reason, Soa
from sendgate.dns.double import DnsDouble
from sendgate.dns.overlay import OverlaySource
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain

NEWS = "news.example.com"
PATH = "rp.example.com"
DELEGATED = {"provider": "salesforce-mc-sap", "return-path": PATH}
ZONE = Soa(Domain("ns1.example.net"), Domain("h.example.net"), 1, 3600)
SERVERS: Table = {
    ("ns1.example.net", "A"): [address("198.51.100.53")],
    ("ns1.exacttarget.com", "A"): [address("203.0.113.1")],
    ("ns2.exacttarget.com", "A"): [address("203.0.113.2")],
    ("example.com", "NS"): [cname("ns1.example.net")],
}
CHILD: Table = {
    (PATH, "NS"): [cname("ns1.exacttarget.com"), cname("ns2.exacttarget.com")],
    (PATH, "SOA"): [ZONE],
    (PATH, "MX"): [mx(10, "bounce.s1.exacttarget.com")],
    (PATH, "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
    ("bounce.s1.exacttarget.com", "A"): [address("203.0.113.25")],
}


class Live:
    """The double, with the zone in what it denies, and servers that answer for themselves."""

    def __init__(self, table: Table, at_servers: dict[tuple[str, str], Reason] | None = None):
        self.double = DnsDouble(table)
        self.at_servers = at_servers or {}

    async def ask(self, question: Question) -> Answer:
        told = self.at_servers.get((question.server or "", question.name.text))
        if told is not None:
            return Failed(question, told)
        answer = await self.double.ask(question)
        if isinstance(answer, NoData | NxDomain) and question.name.is_under(Domain("example.com")):
            return replace(answer, zone=Domain("example.com"))
        return answer


def world(*tables: Table, without: tuple[str, ...] = ()) -> Table:
    whole = healthy() | SERVERS
    for table in tables:
        whole |= table
    return {key: value for key, value in whole.items() if key[0] not in without}


async def audit(source: Any, **options: Any) -> Report:
    given = SENDER | DELEGATED | {k.replace("_", "-"): v for k, v in options.items()}
    return await audit_domain(NEWS, given, source)


def said(report: Report, rule: str) -> list[tuple[str, str]]:
    return [(str(f.severity), f.message) for f in report.findings if f.rule.id == rule]


def unknown(report: Report) -> set[str]:
    return {item.rule.id for item in report.unknown}


async def test_delegated_to_the_provider() -> None:
    """The provider's servers have the name: no finding, whether they are asked or not."""
    for wanted in (False, True):
        report = await audit(Live(world(CHILD)), authoritative=wanted)
        assert said(report, "TOP014") == []
        assert "TOP014" not in unknown(report)


async def test_no_delegation_at_all() -> None:
    """The name is one of the zone above, which the provider's servers do not have."""
    report = await audit(Live(world({(PATH, "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")]})))
    [(severity, message)] = said(report, "TOP014")
    assert severity == "error"
    assert f"{PATH} is not delegated" in message


async def test_the_whole_domain_may_be_the_providers() -> None:
    """Where the registered domain itself is at the provider, nothing below needs a delegation."""
    table = world({("example.com", "NS"): [cname("ns1.exacttarget.com")]})
    assert said(await audit(Live(table)), "TOP014") == []


async def test_the_providers_records_in_a_zone_of_ones_own_do_as_well() -> None:
    """What counts is that the provider gets its bounces."""
    table = world({key: CHILD[key] for key in CHILD if key[1] not in {"NS", "SOA"}})
    assert said(await audit(Live(table)), "TOP014") == []


async def test_one_server_of_another_is_a_warning() -> None:
    """Part of the questions goes to a server that does not know the provider's records."""
    mixed = {(PATH, "NS"): [cname("ns1.exacttarget.com"), cname("ns1.example.net")]}
    [(severity, message)] = said(await audit(Live(world(CHILD, mixed))), "TOP014")
    assert severity == "warning"
    assert "ns1.example.net" in message


@pytest.mark.parametrize(
    ("lame", "expected"),
    [
        ({"203.0.113.1": Reason.REFUSED, "203.0.113.2": Reason.LAME}, ["error"]),
        ({"203.0.113.1": Reason.REFUSED}, ["warning"]),
        ({"203.0.113.1": Reason.TIMEOUT}, []),
    ],
)
async def test_servers_that_do_not_have_the_zone(
    lame: dict[str, Reason], expected: list[str]
) -> None:
    """Asked with `authoritative`: all of them is an error, some a warning, silence unknown."""
    source = Live(world(CHILD), {(place, PATH): why for place, why in lame.items()})
    report = await audit(source, authoritative=True)
    assert [severity for severity, _ in said(report, "TOP014")] == expected
    assert ("TOP014" in unknown(report)) == (not expected)
    assert said(await audit(source), "TOP014") == []


async def test_a_broken_delegation_is_told_by_the_zone_above() -> None:
    """No resolver can tell of the name; the servers above name those that refuse to answer."""
    broken: Table = {(PATH, kind): Reason.SERVFAIL for kind in ("MX", "TXT", "NS", "SOA", "A")}
    above = {("example.com", "SOA"): [ZONE]}

    class Above(Live):
        async def ask(self, question: Question) -> Answer:
            if question.server == "198.51.100.53" and question.rdtype == "NS":
                told = DnsDouble({(PATH, "NS"): [cname("ns1.exacttarget.com")]})
                return await told.ask(question)
            return await super().ask(question)

    source = Above(world(broken, above), {("203.0.113.1", PATH): Reason.REFUSED})
    report = await audit(source, authoritative=True)
    assert [severity for severity, _ in said(report, "TOP014")] == ["error"]
    assert "TOP014" in unknown(await audit(source))


async def test_a_delegation_that_takes_a_used_name_away(tmp_path: Path) -> None:
    """A zone file gives away a name at which live DNS has mail; once it is live, no more."""
    zone = tmp_path / "example.com.zone"
    zone.write_text(
        "$ORIGIN example.com.\n$TTL 3600\n@ SOA ns1 h 1 2 3 4 5\n  NS ns1.example.net.\n"
        '_dmarc TXT "v=DMARC1; p=reject"\nrp NS ns1.exacttarget.com.\n'
    )
    used = {(PATH, "MX"): [mx(10, "mail.example.org")]}
    proposed = OverlaySource(ZoneSource.from_files([zone]), Live(world(used)))
    [(severity, message)] = said(await audit(proposed), "TOP016")
    assert severity == "warning"
    assert f"{PATH} has MX" in message
    unused = OverlaySource(ZoneSource.from_files([zone]), Live(world()))
    assert said(await audit(unused), "TOP016") == []
    live = OverlaySource(ZoneSource.from_files([zone]), Live(world(CHILD)))
    assert said(await audit(live), "TOP016") == []


async def test_a_delegation_in_a_file_says_nothing_of_signatures(tmp_path: Path) -> None:
    """The zone below fails to validate: a file's NS records are no sign that this has passed."""
    zone = tmp_path / "example.com.zone"
    zone.write_text(
        "$ORIGIN example.com.\n$TTL 3600\n@ SOA ns1 h 1 2 3 4 5\n  NS ns1.example.net.\n"
        '_dmarc TXT "v=DMARC1; p=reject"\nrp NS ns1.exacttarget.com.\n'
    )

    class Bogus(Live):
        async def ask(self, question: Question) -> Answer:
            if question.name.text == PATH and not question.checking_disabled:
                return Failed(question, Reason.SERVFAIL)
            return await super().ask(question)

    source = OverlaySource(ZoneSource.from_files([zone]), Bogus(world(CHILD)))
    report = await audit(source)
    assert said(report, "DNS007") == []
    assert "DNS007" in unknown(report)
