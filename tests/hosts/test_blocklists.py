"""RBL001: lists of addresses are tested before they are believed, and asked only where named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import dns_servers
import jsonschema
import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, healthy, txt

from sendgate.audit.report import Report
from sendgate.cli.schema import read_schema
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.live import LiveSource, parse_nameserver
from sendgate.hosts.blocklist import name_in
from sendgate.names import Domain
from sendgate.render.json import audit as as_json

ZONE = "bl.example.net"
V6 = "2001:db8::10"
HELD, FREE, OURS = (f"{n}.{ZONE}" for n in ("2.0.0.127", "1.0.0.127", "10.2.0.192"))


def v6_name(text: str) -> str:
    return str(name_in(Domain(ZONE), ip_address(text)))


LIST: Table = {(HELD, "A"): [address("127.0.0.2")]}
LISTED: Table = {
    (OURS, "A"): [address("127.0.0.4"), address("127.0.0.10")],
    (OURS, "TXT"): [txt("seen to send\x1b[2J to nobody")],
}


async def report_of(change: Table, **given: Any) -> tuple[Report, DnsDouble]:
    double = DnsDouble(healthy() | change)
    return await audit_domain(
        "news.example.com", SENDER | {"blocklists": [ZONE]} | given, double
    ), double


def said(report: Report) -> list[tuple[str, str]]:
    return [(str(f.severity), f.message) for f in report.findings if f.rule.id == "RBL001"]


def unknown(report: Report) -> list[tuple[str, str, bool]]:
    items = [item for item in report.unknown if item.rule.id == "RBL001"]
    return [(str(i.unknown.question), str(i.unknown.reason), i.decisive) for i in items]


def shown(report: Report) -> Any:
    """What the JSON has of the lists; the whole holds to its schema."""
    document = json.loads(json.dumps(as_json(report)))
    jsonschema.validate(document, json.loads(read_schema("audit")))
    return document["facts"]["blocklists"]


def asked(double: DnsDouble) -> list[str]:
    return [str(question) for question in double.log if question.name.text.endswith(ZONE)]


async def test_a_listed_address_is_a_note_with_code_and_text() -> None:
    """The list's words are evidence; four questions, and the verdict is not touched."""
    report, double = await report_of(LIST | LISTED)
    assert said(report) == [("note", f"192.0.2.10 is listed at {ZONE} as 127.0.0.4 and 127.0.0.10")]
    (finding,) = [f for f in report.findings if f.rule.id == "RBL001"]
    assert [(str(e.name), e.rdtype) for e in finding.evidence] == [(OURS, "A"), (OURS, "TXT")]
    assert report.verdict == "pass"
    assert asked(double) == [f"{HELD} A", f"{FREE} A", f"{OURS} A", f"{OURS} TXT"]
    (entry,) = shown(report)
    assert entry["state"] == "read"
    assert entry["addresses"] == [
        {
            "ip": "192.0.2.10",
            "state": "listed",
            "codes": ["127.0.0.4", "127.0.0.10"],
            "texts": ["seen to send\x1b[2J to nobody"],
        }
    ]


async def test_an_address_that_is_not_there_is_no_finding() -> None:
    """Nor is its neighbour's entry."""
    neighbour: Table = {(f"11.2.0.192.{ZONE}", "A"): [address("127.0.0.2")]}
    report, _ = await report_of(LIST | neighbour)
    assert (said(report), unknown(report)) == ([], [])
    assert shown(report)[0]["addresses"][0]["state"] == "not_listed"


@pytest.mark.parametrize(
    ("change", "question", "reason"),
    [
        ({}, HELD, "malformed"),  # no list at all
        ({(HELD, "A"): [address("127.0.0.2")], (FREE, "A"): [address("127.0.0.2")]}, FREE,
         "malformed"),  # it answers for everybody
        ({(HELD, "A"): [address("203.0.113.9")]}, HELD, "malformed"),  # a parked domain
        ({(HELD, "A"): [address("127.255.255.254")]}, HELD, "refused"),
        ({(HELD, "A"): [address("127.0.0.1")]}, HELD, "refused"),
        ({(HELD, "A"): [address("127.0.0.2")], (FREE, "A"): [address("127.255.255.255")]}, FREE,
         "refused"),
        ({(HELD, "A"): Reason.SERVFAIL}, HELD, "servfail"),
        ({(HELD, "A"): [address("127.0.0.2")], (FREE, "A"): Reason.TIMEOUT}, FREE, "timeout"),
    ],
)  # fmt: skip
async def test_a_list_that_fails_its_tests_is_not_asked(
    change: Table, question: str, reason: str
) -> None:
    """Whatever it would say of the address: unknown, which decides nothing."""
    report, double = await report_of(LISTED | change)
    assert said(report) == []
    assert unknown(report) == [(f"{question} A", reason, False)]
    assert asked(double) == [f"{HELD} A", f"{FREE} A"]
    assert report.verdict == "pass"
    (entry,) = shown(report)
    assert (entry["state"], entry["addresses"]) == ("unreadable", [])
    assert entry["detail"].startswith(reason)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([address("127.255.255.252")], "refused"),
        ([address("127.0.0.2"), address("127.255.255.255")], "refused"),
        ([address("127.0.0.1")], "refused"),
        ([address("10.0.0.1")], "malformed"),
        (Reason.TIMEOUT, "timeout"),
    ],
)
async def test_an_answer_that_is_no_entry_is_unknown(answer: Any, reason: str) -> None:
    """Codes of refusal, addresses that are no codes, and silence are no listing."""
    report, _ = await report_of(LIST | {(OURS, "A"): answer})
    assert (said(report), unknown(report)) == ([], [(f"{OURS} A", reason, False)])
    entry = shown(report)[0]["addresses"][0]
    assert (entry["state"], entry["codes"]) == ("unknown", [])


def test_ipv6_names_are_nibbles() -> None:
    """As in RFC 5782 section 2.4."""
    assert v6_name("::ffff:7f00:2") == f"2.0.0.0.0.0.f.7.f.f.f.f{'.0' * 20}.{ZONE}"


async def test_ipv6_has_test_addresses_of_its_own() -> None:
    """A list of IPv4 alone says nothing of an IPv6 address."""
    given = {"ips": ["192.0.2.10", V6], "sender": "shared"}
    report, double = await report_of(LIST, **given)
    assert unknown(report) == [(f"{v6_name('::ffff:7f00:2')} A", "malformed", False)]
    assert len(asked(double)) == 5
    change: Table = {
        (v6_name("::ffff:7f00:2"), "A"): [address("127.0.0.2")],
        (v6_name(V6), "A"): [address("127.0.0.3")],
    }
    report, _ = await report_of(LIST | change, **given)
    assert said(report) == [("note", f"{V6} is listed at {ZONE} as 127.0.0.3")]
    assert [entry["family"] for entry in shown(report)] == ["ipv4", "ipv6"]


async def test_nothing_is_asked_unasked() -> None:
    """Without lists, without addresses, and of lists that only the given zones could answer."""
    report, double = await report_of(LIST | LISTED, blocklists=[])
    assert (asked(double), shown(report)) == ([], [])
    report, double = await report_of(LIST | LISTED, ips=[])
    assert asked(double) == []
    report, _ = await report_of({(HELD, "A"): Reason.NOT_ASKED, (FREE, "A"): Reason.NOT_ASKED})
    assert (said(report), unknown(report)) == ([], [])
    assert shown(report)[0]["state"] == "not_checked"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dns_servers.Server]:
    """knot with the list: tests and an entry of both families."""
    folder = tmp_path_factory.mktemp("list")
    names = [v6_name(text) for text in ("::ffff:7f00:2", V6)]
    zone = (
        f"$ORIGIN {ZONE}.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\n"
        f"ns1 A 127.0.0.1\n{HELD}. A 127.0.0.2\n{OURS}. A 127.0.0.3\n{OURS}. TXT why\n"
        + "".join(f"{name}. A 127.0.0.2\n" for name in names)
    )
    with dns_servers.knot(folder, {ZONE: zone}) as running:
        unbound = folder / "unbound"
        unbound.mkdir()
        stubs = {".": running.port, ZONE: running.port}
        with dns_servers.unbound(unbound, stubs, [], dns_servers.Authority()) as resolver:
            yield resolver


async def test_over_real_servers(server: dns_servers.Server) -> None:
    """The whole audit by unbound and knot; what else it asks fails there."""
    given = SENDER | {"blocklists": [ZONE], "ips": ["192.0.2.10", "192.0.2.11", V6]}
    async with LiveSource([parse_nameserver(server.place)], 3.0) as source:
        report = await audit_domain("news.example.com", given, source)
    assert {message for _, message in said(report)} == {
        f"192.0.2.10 is listed at {ZONE} as 127.0.0.3",
        f"{V6} is listed at {ZONE} as 127.0.0.2",
    }
