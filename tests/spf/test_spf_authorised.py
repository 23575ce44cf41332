"""An address held against a collected SPF tree: pass, no pass, or not to be told."""

from __future__ import annotations

import ipaddress

import pytest
from worlds import Table, address, mx, txt

from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import Desk, RunSource
from sendgate.names import Domain
from sendgate.observed import Present
from sendgate.spf.authorised import authorises
from sendgate.spf.collect import collect_spf, complete_spf, enrich_spf
from sendgate.spf.facts import SpfFacts

NAME = "example.com"
WORLD: Table = {
    ("example.com", "A"): [address("192.0.2.1")],
    ("example.com", "AAAA"): [address("2001:db8::1")],
    ("example.com", "MX"): [mx(10, "mail.example.com")],
    ("mail.example.com", "A"): [address("192.0.2.25")],
    ("in.example.net", "TXT"): [txt("v=spf1 ip4:198.51.100.0/24 ?all")],
    ("all.example.net", "TXT"): [txt("v=spf1 +all")],
    ("slow.example.net", "TXT"): Reason.TIMEOUT,
    ("yes.example.net", "A"): [address("127.0.0.2")],
}


async def facts(record: str) -> SpfFacts:
    desk = Desk(RunSource(DnsDouble(WORLD | {(NAME, "TXT"): [txt(record)]})))
    found = await collect_spf(Domain.parse(NAME), desk)
    assert isinstance(found, Present)
    return await enrich_spf(await complete_spf(found.value, desk), desk)


@pytest.mark.parametrize(
    ("record", "ip", "expected"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.9", True),
        ("v=spf1 ip4:192.0.2.0/24 -all", "198.51.100.9", False),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::9", True),
        ("v=spf1 ip4:192.0.2.0/24 -all", "2001:db8::9", False),
        ("v=spf1 a -all", "192.0.2.1", True),
        ("v=spf1 a/24 -all", "192.0.2.77", True),
        ("v=spf1 a -all", "2001:db8::1", True),
        ("v=spf1 mx -all", "192.0.2.25", True),
        ("v=spf1 mx -all", "192.0.2.26", False),
        ("v=spf1 include:in.example.net -all", "198.51.100.7", True),
        ("v=spf1 include:in.example.net -all", "192.0.2.7", False),
        ("v=spf1 include:all.example.net -all", "192.0.2.7", True),
        ("v=spf1 -ip4:192.0.2.7 +all", "192.0.2.7", False),
        ("v=spf1 ?ip4:192.0.2.7 -all", "192.0.2.7", False),
        ("v=spf1 redirect=in.example.net", "198.51.100.7", True),
        ("v=spf1 exists:yes.example.net -all", "192.0.2.7", True),
        ("v=spf1 exists:%{i}.example.net -all", "192.0.2.7", None),
        ("v=spf1 exists:%{i}.example.net +all", "192.0.2.7", True),
        ("v=spf1 ptr -all", "192.0.2.7", None),
        ("v=spf1 include:slow.example.net -all", "192.0.2.7", None),
        ("v=spf1 include:slow.example.net ip4:192.0.2.7 -all", "192.0.2.7", True),
        ("v=spf1 -include:slow.example.net ip4:192.0.2.7 -all", "192.0.2.7", None),
        ("v=spf1 include:none.example.net -all", "192.0.2.7", False),
        ("v=spf1 include:none.example.net ip4:192.0.2.7 -all", "192.0.2.7", False),
        ("v=spf1 ip4:192.0.2.7 include:none.example.net -all", "192.0.2.7", True),
        ("v=spf1 foo -all", "192.0.2.7", False),
    ],
)
async def test_an_address_against_a_tree(record: str, ip: str, expected: bool | None) -> None:
    """Pass counts where it is certain; macros, ptr and failed lookups leave it open."""
    assert authorises(await facts(record), ipaddress.ip_address(ip)) is expected
