"""What an audit asks: how many questions, and in how many rounds, whatever the domain."""

from __future__ import annotations

from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, healthy, mx, ptr, txt

from sendgate.audit.report import Report, Verdict
from sendgate.dns.answers import Answer, Question
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
LISTS = ["bl1.example.net", "bl2.example.net"]
REPORTS = ",".join(f"mailto:r@reports{n}.example.net" for n in range(12))


def address_terms(count: int) -> Table:
    """The return path's SPF record with so many `a:` terms, each with an address."""
    terms = " ".join(f"a:h{n}.example.net" for n in range(count))
    record = txt(f"v=spf1 {terms} ip4:192.0.2.10 -all")
    hosts: Table = {(f"h{n}.example.net", "A"): [address(f"192.0.2.{n}")] for n in range(count)}
    return {("12345m.example.com", "TXT"): [record], **hosts}


def crowd(labels: int, content: int, signers: int) -> tuple[str, dict[str, Any]]:
    """A sender with much of everything: its author domain and its options."""
    author = ".".join([*"abcdefghij"[: labels - 3], "news.example.com"])
    names = [f"{name}.example.com" for name in ("www", "shop", "blog", "help")]
    domains = [author, "example.com", "x.y.z.news.example.com", "v.w.example.com"]
    return author, SENDER | {"content": names[:content], "dkim-domains": domains[:signers]}


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
            ("_dmarc.example.com", "TXT"): [txt(f"v=DMARC1; p=reject; rua={REPORTS}")],
        }
        | address_terms(10),
        SENDER, "news.example.com", 2, 0, 0,
    ),
    "aliases": (
        healthy() | {
            ("s1._domainkey.news.example.com", "CNAME"): [cname("k.example.net")],
            ("k.example.net", "CNAME"): [cname("k2.example.net")],
        },
        SENDER, "news.example.com", 2, 0, 0,
    ),
    "lists of addresses": (
        healthy() | {(f"2.0.0.127.{name}", "A"): [address("127.0.0.2")] for name in LISTS}
        | {(f"10.2.0.192.{name}", "A"): [address("127.0.0.2")] for name in LISTS},
        SENDER | {"blocklists": LISTS}, "news.example.com", 2, 0, 0,
    ),
    "delegated": (
        healthy(), SENDER | {"provider": "salesforce-mc-sap", "return-path": "a.b.c.example.com"},
        "news.example.com", 2, 0, 0,
    ),
    "dedicated": (healthy(), SENDER | {"provider": "hubspot"}, "news.example.com", 2, 0, 0),
    "selectors behind a proxy": (
        healthy() | {
            (f"s{n}._domainkey.news.example.com", "A"): [address("192.0.2.80")] for n in range(20)
        },
        SENDER | {"selectors": [f"s{n}" for n in range(2, 20)]}, "news.example.com", 2, 0, 0,
    ),
    "many selectors": (
        healthy(), SENDER | {"selectors": [f"s{n}" for n in range(20)]}, "news.example.com", 2, 0, 0
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_an_audit_stays_small(case: str) -> None:
    """At most 24 questions, plus what is listed, each asked once.

    Listed are 2 a MX host, 1 an include, 1 a selector, and 2 an address: its name and back; of
    each list of addresses 2 tests, and 2 an address.
    """
    table, given, domain, hosts, includes, _ = CASES[case]
    report, double = await run(table, given, domain)
    profile = report.facts.profile
    allowed = MAX_CORE + 2 * hosts + includes + len(profile.selectors) + 2 * len(profile.ips)
    allowed += len(profile.blocklists) * (2 + 2 * len(profile.ips))
    assert len(double.log) <= allowed, sorted(map(str, double.log))
    assert len(set(double.log)) == len(double.log), "a question was asked twice"
    assert report.dns.questions == len(double.log)


@pytest.mark.parametrize("case", CASES)
async def test_an_audit_takes_few_rounds(case: str) -> None:
    """At most 5 dependent rounds, plus the nesting depth of the SPF tree."""
    table, given, domain, _, _, depth = CASES[case]
    _, double = await run(table, given, domain)
    assert len(double.rounds) <= MAX_ROUNDS + depth, [list(map(str, r)) for r in double.rounds]


@pytest.mark.parametrize("signers", [1, 2, 4])
@pytest.mark.parametrize("content", [1, 2, 4])
@pytest.mark.parametrize("labels", [3, 4, 8, 12])
@pytest.mark.parametrize("terms", [0, 5, 10, 14])
async def test_much_of_everything_stays_small_too(
    terms: int, labels: int, content: int, signers: int
) -> None:
    """The bound holds by construction: what does not fit is left unasked, and said to be."""
    author, given = crowd(labels, content, signers)
    double = DnsDouble(healthy() | address_terms(terms))
    report = await audit_domain(author, given, double)
    hosts = {host.target for mx in report.facts.mx.values() for host in mx.hosts}
    profile = report.facts.profile
    allowed = MAX_CORE + 2 * len(hosts) + len(profile.selectors) + 2 * len(profile.ips)
    assert len(double.log) <= allowed, sorted(map(str, double.log))
    assert len(double.rounds) <= MAX_ROUNDS


async def test_ten_address_terms_leave_a_healthy_sender_passing() -> None:
    """As many as SPF allows are all asked for, and the last of them is the one that matches."""
    reverse: Table = {("9.2.0.192.in-addr.arpa", "PTR"): [ptr("h9.example.net")]}
    table = healthy() | address_terms(10) | reverse
    given = SENDER | {"ips": ["192.0.2.9"]}
    report = await audit_domain("news.example.com", given, DnsDouble(table))
    assert report.verdict is Verdict.PASS
    assert [check.passes for check in report.facts.spf_checks] == [True]


async def test_the_same_sender_gets_the_same_report_where_the_allowance_ends() -> None:
    """Which questions are left out does not depend on who answers first."""
    author, given = crowd(12, 4, 4)
    table = healthy() | address_terms(10)
    double, hasty = DnsDouble(table), HastyDouble(table)
    patient = await audit_domain(author, given, double)
    other = await audit_domain(author, given, hasty)
    assert set(double.log) == set(hasty.log)
    assert [str(f.message) for f in patient.findings] == [str(f.message) for f in other.findings]


class HastyDouble(DnsDouble):
    """Answers some questions at once, before others of their round are even asked."""

    async def ask(self, question: Question) -> Answer:
        if len(str(question)) % 2:
            self.log.append(question)
            return self._answer(question)
        return await super().ask(question)


async def test_an_audit_looks_at_the_hosts_that_were_declared() -> None:
    """Two questions an address, and what each receiver asks of it; none without addresses."""
    given = SENDER | {"receivers": ["google-bulk"], "helo": "mail.example.com"}
    table = {k: v for k, v in healthy().items() if k[1] != "PTR"}
    report = await audit_domain("news.example.com", given, DnsDouble(table))
    assert {"PTR001", "RCV002"} <= {f.rule.id for f in report.findings}
    double = DnsDouble(table)
    await audit_domain("news.example.com", given | {"ips": []}, double)
    assert not [question for question in double.log if question.rdtype == "PTR"]
