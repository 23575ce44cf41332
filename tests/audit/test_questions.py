"""What an audit asks: how many questions, and in how many rounds, whatever the domain."""

from __future__ import annotations

from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.double import DnsDouble

MAX_CORE = 24
MAX_ROUNDS = 5


async def run(table: Table, given: dict[str, Any], domain: str) -> tuple[Report, DnsDouble]:
    double = DnsDouble(table)
    return await audit_domain(domain, given, double), double


def spf_tree(root: str, depth: int, width: int) -> Table:
    """An SPF record with `width` includes, the first of which goes `depth` levels down."""
    table: Table = {}
    names = [f"i{n}.{root}" for n in range(width)]
    terms = " ".join(f"include:{name}" for name in names)
    table[root, "TXT"] = [txt(f"v=spf1 ip4:192.0.2.10 {terms} -all")]
    for name in names:
        table[name, "TXT"] = [txt("v=spf1 ip4:198.51.100.1 -all")]
    if depth > 1:
        table |= spf_tree(names[0], depth - 1, 1)
    return table


def many_mx(name: str, count: int) -> Table:
    table: Table = {(name, "MX"): [mx(n, f"mx{n}.{name}") for n in range(count)]}
    for n in range(count):
        table[f"mx{n}.{name}", "A"] = [address(f"192.0.2.{100 + n}")]
    return table


DEEP = "a.b.c.d.e.f.g.h.i.news.example.com"
REPORTS = ",".join(f"mailto:r@reports{n}.example.net" for n in range(12))
ADDRESS_TERMS = " ".join(f"a:h{n}.example.net" for n in range(7))
CASES: dict[str, tuple[Table, dict[str, Any], str, int, int, int]] = {
    # table, options, domain, MX hosts, SPF includes, SPF depth
    "healthy": (healthy(), SENDER, "news.example.com", 2, 0, 0),
    "bare": ({}, {}, "example.com", 0, 0, 0),
    "bare and bulk": (healthy(), {"receivers": ["google-bulk"]}, "example.com", 1, 0, 0),
    "deep name": ({(DEEP, "A"): [address("192.0.2.1")]}, SENDER, DEEP, 1, 0, 0),
    "deep include tree": (
        healthy() | spf_tree("12345m.example.com", 4, 3), SENDER, "news.example.com", 2, 6, 4
    ),
    "wide include tree": (
        healthy() | spf_tree("12345m.example.com", 1, 10), SENDER, "news.example.com", 2, 10, 1
    ),
    "many MX": (
        healthy() | many_mx("news.example.com", 8) | many_mx("12345m.example.com", 5),
        SENDER, "news.example.com", 13, 0, 0,
    ),
    "many report addresses": (
        healthy() | {("_dmarc.example.com", "TXT"): [txt(f"v=DMARC1; p=reject; rua={REPORTS}")]},
        SENDER, "news.example.com", 2, 0, 0,
    ),
    "many address terms": (
        healthy()
        | {
            ("12345m.example.com", "TXT"): [txt(f"v=spf1 {ADDRESS_TERMS} mx -all")],
            ("_dmarc.example.com", "TXT"): [txt(f"v=DMARC1; p=reject; rua={REPORTS}")],
        }
        | {(f"h{n}.example.net", "A"): [address(f"192.0.2.{n}")] for n in range(7)},
        SENDER, "news.example.com", 2, 0, 0,
    ),
    "aliases": (
        healthy() | {
            ("s1._domainkey.news.example.com", "CNAME"): [cname("k.example.net")],
            ("k.example.net", "CNAME"): [cname("k2.example.net")],
        },
        SENDER, "news.example.com", 2, 0, 0,
    ),
    "many selectors": (
        healthy(), SENDER | {"selectors": [f"s{n}" for n in range(20)]}, "news.example.com", 2, 0, 0
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_an_audit_stays_small(case: str) -> None:
    """At most 24 questions, plus what is listed, each asked once.

    Listed are 2 a MX host, 1 an include, 1 a selector, and 2 an address: its name and back.
    """
    table, given, domain, hosts, includes, _ = CASES[case]
    report, double = await run(table, given, domain)
    profile = report.facts.profile
    allowed = MAX_CORE + 2 * hosts + includes + len(profile.selectors) + 2 * len(profile.ips)
    assert len(double.log) <= allowed, sorted(map(str, double.log))
    assert len(set(double.log)) == len(double.log), "a question was asked twice"
    assert report.dns.questions == len(double.log)


@pytest.mark.parametrize("case", CASES)
async def test_an_audit_takes_few_rounds(case: str) -> None:
    """At most 5 dependent rounds, plus the nesting depth of the SPF tree."""
    table, given, domain, _, _, depth = CASES[case]
    _, double = await run(table, given, domain)
    assert len(double.rounds) <= MAX_ROUNDS + depth, [list(map(str, r)) for r in double.rounds]


async def test_an_audit_of_domains_does_not_look_at_hosts() -> None:
    """Reverse DNS and the receivers' demands are judged where mail is about to leave."""
    given = SENDER | {"receivers": ["google-bulk"], "helo": "mail.example.com"}
    double = DnsDouble({k: v for k, v in healthy().items() if k[1] != "PTR"})
    report = await audit_domain("news.example.com", given, double, sending=False)
    assert not [question for question in double.log if question.rdtype == "PTR"]
    assert not {f.rule.area for f in report.findings} & {"PTR", "RCV"}
    gate = await audit_domain("news.example.com", given, double)
    assert {"PTR001", "RCV002"} <= {f.rule.id for f in gate.findings}
