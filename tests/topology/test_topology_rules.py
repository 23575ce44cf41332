"""Guards of the rules about roles, aliases and wildcards that a fixture alone cannot show."""

from __future__ import annotations

from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.probe import probe_label
from sendgate.names import Domain

NEWS = "news.example.com"
PATH = "12345m.example.com"
SPF = "v=spf1 ip4:192.0.2.10 -all"
SEED = "the seed of this test"
PROBE = probe_label(Domain.parse(NEWS), SEED)


async def audit(table: Table, **options: Any) -> Report:
    given = {k.replace("_", "-"): v for k, v in options.items()}
    return await audit_domain(NEWS, SENDER | given, DnsDouble(table), seed=SEED)


def of_area(report: Report, *areas: str) -> dict[str, str]:
    """The findings of these areas with their severity, the notes about the layout left out."""
    return {
        f.rule.id: str(f.severity)
        for f in report.findings
        if f.rule.area in (areas or ("TOP", "DNS", "MX")) and f.rule.id not in {"TOP005", "TOP007"}
    }


def unknown(report: Report) -> set[str]:
    return {item.rule.id for item in report.unknown}


async def test_the_healthy_sender_has_no_fault() -> None:
    """Content, sending and return path apart: one positive note and nothing unknown."""
    report = await audit(healthy())
    assert of_area(report) == {}
    assert "TOP007" in {f.rule.id for f in report.findings}
    assert not unknown(report) & {"TOP010", "TOP024", "TOP025", "TOP026", "DNS006", "DNS007"}


@pytest.mark.parametrize(
    ("sender", "hosts", "expected"),
    [
        ("dedicated", ["192.0.2.10"], {"TOP003": "error"}),
        ("own", ["192.0.2.10"], {}),
        ("own", ["192.0.2.99"], {"TOP003": "warning"}),
        ("shared", ["192.0.2.99"], {"TOP003": "warning"}),
        (None, ["192.0.2.10"], {}),
        (None, ["192.0.2.99"], {"TOP003": "warning"}),
        (None, ["192.0.2.99", "192.0.2.10"], {}),
    ],
)
async def test_return_path_at_the_sending_domain(
    sender: str | None, hosts: list[str], expected: dict[str, str]
) -> None:
    """An error with dedicated addresses; else a fault only if no mail host passes SPF."""
    table = healthy() | {
        (NEWS, "TXT"): [txt(SPF)],
        (NEWS, "MX"): [mx(n, f"mx{n}.example.com") for n in range(len(hosts))],
        **{(f"mx{n}.example.com", "A"): [address(ip)] for n, ip in enumerate(hosts)},
    }
    options = {"return_path": NEWS} | ({"sender": sender} if sender else {})
    given = {k.replace("_", "-"): v for k, v in options.items()}
    base = {k: v for k, v in SENDER.items() if k != "sender"}
    report = await audit_domain(NEWS, base | given, DnsDouble(table))
    assert of_area(report) == expected


async def test_a_mailbox_host_that_also_sends_is_no_conflict() -> None:
    """MX and SPF include of one provider at one name are that provider's design."""
    table = healthy() | {
        (NEWS, "TXT"): [txt("v=spf1 include:_spf.google.com -all")],
        ("_spf.google.com", "TXT"): [txt(SPF)],
        (NEWS, "MX"): [mx(1, "aspmx.l.google.com")],
        ("aspmx.l.google.com", "A"): [address("198.51.100.1")],
    }
    report = await audit(table, return_path=NEWS, sender="own")
    assert of_area(report) == {}


async def test_a_mail_host_that_could_not_be_resolved_leaves_it_open() -> None:
    """Unknown, and never a fault, also where the other family's address was seen."""
    table = healthy() | {(NEWS, "TXT"): [txt(SPF)], ("mail.example.com", "A"): Reason.TIMEOUT}
    half: Table = {("mail.example.com", "AAAA"): [address("2001:db8::25")]}
    for seen in (table, table | half):
        report = await audit(seen, return_path=NEWS, sender="own")
        assert "TOP003" not in of_area(report)
        assert "TOP003" in unknown(report)


async def test_content_at_the_sending_domain_without_cname_is_a_warning() -> None:
    """Records still stand together; the outcome is risky all the same."""
    table = healthy() | {(NEWS, "A"): [address("192.0.2.80")]}
    report = await audit(table, content=[NEWS])
    assert of_area(report) == {"TOP001": "warning"}
    assert report.facts.topology.outcome == "risky"


async def test_assumed_content_is_no_fault() -> None:
    """www of the root domain was not declared to be the content host."""
    given = {k: v for k, v in SENDER.items() if k != "content"}
    table = healthy() | {("www.example.com", "MX"): [mx(10, "mail.example.com")]}
    report = await audit_domain("www.example.com", given, DnsDouble(table))
    assert "TOP001" not in of_area(report)
    assert report.facts.topology.outcome == "unlisted"


async def test_content_at_the_return_path_without_cname_is_a_warning() -> None:
    """An address, MX and SPF at one name are legal DNS."""
    table = healthy() | {(PATH, "A"): [address("192.0.2.80")]}
    report = await audit(table, content=[PATH])
    assert of_area(report) == {"TOP004": "warning"}


ALIAS: Table = {(PATH, "CNAME"): [cname("target.example.net")]}
BARE = {k: v for k, v in healthy().items() if k[0] != PATH}


@pytest.mark.parametrize(
    ("target", "options", "expected"),
    [
        # the target takes bounces and has SPF: another way to set up a return path
        ({("target.example.net", "MX"): [mx(1, "mail.example.com")],
          ("target.example.net", "TXT"): [txt(SPF)]}, {}, {}),
        # the same, where the provider wants the records at the name
        ({("target.example.net", "MX"): [mx(1, "mail.example.com")],
          ("target.example.net", "TXT"): [txt(SPF)]}, {"provider": "hubspot"}, {"TOP010": "error"}),
        # a web server
        ({("target.example.net", "A"): [address("198.51.100.80")]}, {}, {"TOP024": "error"}),
        # a web server, and the provider wants the records at the name: one finding
        ({("target.example.net", "A"): [address("198.51.100.80")]},
         {"provider": "hubspot"}, {"TOP010": "error"}),
        # a web server that is also a declared content host: one finding
        ({("target.example.net", "A"): [address("198.51.100.80")]},
         {"content": [PATH]}, {"TOP004": "error"}),
        # nothing at all
        ({("example.net", "TXT"): [txt("x")]}, {}, {"DNS004": "warning", "MX001": "error"}),
        # a target that nobody could look up
        ({("target.example.net", t): Reason.TIMEOUT for t in ("MX", "TXT", "A", "AAAA", "SOA")},
         {}, {}),
        # a chain without end
        ({("target.example.net", "CNAME"): [cname(PATH)]}, {}, {"DNS003": "error"}),
    ],
)  # fmt: skip
async def test_an_alias_at_the_return_path_is_one_fault(
    target: Table, options: dict[str, Any], expected: dict[str, str]
) -> None:
    """Whatever else an alias is, the first rule in the order of precedence speaks for it."""
    report = await audit(BARE | ALIAS | target, **options)
    assert of_area(report) == expected


async def test_web_host_at_the_sending_domain_alone_is_a_warning() -> None:
    """Replies are lost there; DKIM and DMARC live at names below and are not affected."""
    table = {k: v for k, v in healthy().items() if k[0] != NEWS}
    table |= {(NEWS, "CNAME"): [cname("www.example.com")]}
    report = await audit(table)
    assert of_area(report) == {"TOP024": "warning"}


WILD = {k: v for k, v in healthy().items() if k[0] != NEWS}
WILD[f"{PROBE}.{NEWS}", "MX"] = WILD["*.example.com", "MX"] = WILD[NEWS, "MX"] = [
    mx(10, "mail.example.com")
]


async def test_a_wildcard_that_answers_for_the_sending_domain_shows_through_a_resolver() -> None:
    """A made-up name below and the wildcard beside say the same as the name itself."""
    table = dict(WILD)
    del table["s1._domainkey.news.example.com", "TXT"]
    report = await audit(table)
    assert of_area(report, "TOP", "DNS") == {"TOP026": "warning"}


async def test_a_wildcard_below_a_published_name_is_another_fault() -> None:
    """Without a wildcard beside, it is the one below: DNS006, not TOP026."""
    table = {k: v for k, v in WILD.items() if k[0] != "*.example.com"}
    report = await audit(table)
    assert of_area(report, "TOP", "DNS") == {"DNS006": "warning"}
    # It is told of as itself: the made-up name would be another one in the next run.
    [finding] = [f for f in report.findings if f.rule.id == "DNS006"]
    assert {str(piece.name) for piece in finding.evidence} == {f"*.{NEWS}"}


async def test_a_wildcard_with_other_data_does_not_answer_for_the_name() -> None:
    """The name has records of its own where they differ from the wildcard's."""
    table = WILD | {("*.example.com", "MX"): [mx(20, "other.example.com")]}
    report = await audit(table)
    assert "TOP026" not in of_area(report)


async def test_return_path_elsewhere_cannot_align() -> None:
    """A note, by the tree walk and by the suffix list; not within one organization."""
    table = healthy() | {
        ("b.example.net", "MX"): [mx(10, "mail.example.com")],
        ("b.example.net", "TXT"): [txt(SPF)],
    }
    assert of_area(await audit(table, return_path="b.example.net")) == {"TOP028": "note"}
    no_dmarc = {k: v for k, v in healthy().items() if k[0] != "_dmarc.example.com"}
    assert "TOP028" not in of_area(await audit(no_dmarc))


async def test_people_mail_from_the_root_domain_is_not_advised_against() -> None:
    """The advice to use a subdomain is for campaigns, not for a mailbox host's users."""
    given = {"provider": "microsoft-365", "content": ["www.example.com"]}
    report = await audit_domain("example.com", given, DnsDouble(healthy()))
    assert "TOP005" not in {f.rule.id for f in report.findings}
    report = await audit_domain("example.com", {}, DnsDouble(healthy()))
    assert "TOP005" in {f.rule.id for f in report.findings}


async def test_a_validation_failure_is_told_from_a_broken_server() -> None:
    """SERVFAIL with and without checking says nothing of DNSSEC: unknown."""
    table = healthy() | {(PATH, "MX"): Reason.SERVFAIL}
    report = await audit(table)
    assert "DNS007" not in of_area(report)
    assert "DNS007" in unknown(report)


async def test_an_alias_whose_target_nobody_could_look_up_stays_open() -> None:
    """It may dangle or be a web host: unknown for both, a finding for neither."""
    slow: Table = {("target.example.net", t): Reason.TIMEOUT for t in ("MX", "TXT", "A", "AAAA")}
    report = await audit(BARE | ALIAS | slow)
    assert {"DNS004", "TOP024", "MX001"} <= unknown(report)


async def test_an_alias_at_the_root_domain_is_seen_through_a_resolver() -> None:
    """A registry delegates the name below its suffix, so an alias there is at an apex."""
    table: Table = {
        ("example.com", "CNAME"): [cname("site.example.net")],
        ("site.example.net", "A"): [address("198.51.100.80")],
    }
    report = await audit_domain("example.com", {}, DnsDouble(table))
    assert of_area(report) == {"DNS002": "error"}
