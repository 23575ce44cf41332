"""DNSControl: what print-ir writes, and where its records stand in the JavaScript."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from irs import SOURCE, data, domain, read, record
from memory_tree import MemoryTree, broken, read_or_refused

from sendgate.dns.answers import Address, Mx, Raw, Target, Txt
from sendgate.errors import SourceError
from sendgate.names import Domain
from sendgate.repo.readers import dnscontrol
from sendgate.repo.reading import Place, Reading, SlipKind
from sendgate.repo.tree import FolderTree


def pattern_matches(pattern: str, name: str) -> bool:
    return re.search(pattern, name) is not None


# --- a real repository


@pytest.fixture(scope="module")
def nixos(suites: Path) -> Reading:
    return dnscontrol.read(FolderTree(suites / "dns-repos" / "nixos-dnscontrol"))


def test_a_real_repository_has_the_counted_zones_and_records(nixos: Reading) -> None:
    """4 zones, 177 RRsets, 192 values, as two independent ways count them."""
    assert not nixos.unread
    assert not nixos.slips
    assert not nixos.hidden
    aliases = {r.name for r in nixos.records if r.data == Address(None)}
    seen = [r for r in nixos.records if r.data != Address(None)]
    values = Counter(r.rdtype for r in seen) + Counter({"ALIAS": len(aliases)})
    sets = Counter(rdtype for _, rdtype in {(r.name, r.rdtype) for r in seen})
    sets += Counter({"ALIAS": len(aliases)})
    assert values == Counter(A=42, AAAA=29, ALIAS=1, CAA=12, CNAME=70, MX=3, TXT=35)
    assert sets == Counter(A=40, AAAA=28, ALIAS=1, CAA=4, CNAME=70, MX=3, TXT=31)
    assert (values.total(), sets.total()) == (192, 177)
    by_zone = Counter(r.zone.text for r in seen) + Counter(name.text for name in aliases)
    assert by_zone == {"nixos.org": 116, "ofborg.org": 35, "nixcon.org": 32, "nix.dev": 9}
    assert [(z.apex.text, z.incomplete) for z in nixos.zones] == [
        ("nixcon.org", None), ("nix.dev", None), ("nixos.org", None), ("ofborg.org", None),
    ]  # fmt: skip


def test_every_record_of_a_real_repository_is_found_in_its_source(
    nixos: Reading, suites: Path
) -> None:
    """The line found holds the record's value or label, or begins the builder that makes it."""
    folder = suites / "dns-repos" / "nixos-dnscontrol"
    texts = {path.name: path.read_text().split("\n") for path in folder.glob("dns/*.js")}
    builders = 0
    for found in nixos.records:
        assert found.origin.where == f"dns/{found.zone}.js"
        assert found.origin.line is not None
        line = texts[found.origin.where.removeprefix("dns/")][found.origin.line - 1]
        label = found.name.text.removesuffix(found.zone.text).removesuffix(".") or "@"
        if "_BUILDER(" in line:
            builders += 1
        else:
            assert f'("{label}"' in line
            value = str(found.data).split()[-1].removesuffix(f".{found.zone}")
            assert found.data == Address(None) or value in line
    assert builders == 12 + 7 + 7 + 4  # CAA, SPF, DMARC and DKIM


def test_lines_of_a_real_repository(nixos: Reading) -> None:
    """Some lines read by a person; a builder's whole call is the entry."""
    lines = {(r.name.text, r.rdtype): str(r.origin) for r in nixos.records}
    assert lines["nixos.org", "MX"] == "dns/nixos.org.js:22"
    assert lines["_dmarc.discourse.nixos.org", "TXT"] == "dns/nixos.org.js:39"
    assert lines["mail._domainkey.wiki.nixos.org", "TXT"] == "dns/nixos.org.js:199"
    assert lines["nix.dev", "A"] == "dns/nix.dev.js:33"
    assert Place("dns/nixos.org.js", 23, 30) in nixos.places
    assert nixos.zones[2].place == Place("dns/nixos.org.js", 1, 227)


# --- records


def test_each_type_is_read() -> None:
    """Fields of the IR become the data that DNS publishes."""
    reading = read(
        domain(
            "example.com",
            record("A", "@", "192.0.2.1"),
            record("AAAA", "www", "2001:db8::1"),
            record("MX", "@", "mx.example.net.", mxpreference=10),
            record("MX", "none", "."),
            record("CNAME", "s1._domainkey", "s1.dkim.example.net."),
            record("NS", "sub", "ns.example.net."),
            record("CAA", "@", "ca.example.net", caatag="issue", caaflag=128),
            record("CAA", "@", ";", caatag="issuewild"),
            record("SRV", "_sip._tcp", "sip.example.com.", srvpriority=1, srvweight=2, srvport=3),
            record("TLSA", "_25._tcp.mx", "AB" * 32, tlsausage=3, tlsaselector=1,
                   tlsamatchingtype=1),
            record("TXT", "_dmarc", "v=DMARC1; p=reject"),
            record("NAPTR", "n", "r.example.com.", naptrorder=1, naptrpreference=2,
                   naptrflags="S"),
        )
    )  # fmt: skip
    assert not reading.unread
    assert [r.data for r in reading.records] == [
        Address(ipaddress.ip_address("192.0.2.1")),
        Address(ipaddress.ip_address("2001:db8::1")),
        Mx(10, Domain("mx.example.net")),
        Mx(0, Domain(".")),
        Target(Domain("s1.dkim.example.net")),
        Target(Domain("ns.example.net")),
        Raw('128 issue "ca.example.net"'),
        Raw('0 issuewild ";"'),
        Raw("1 2 3 sip.example.com."),
        Raw("3 1 1 " + "ab" * 32),
        Txt((b"v=DMARC1; p=reject",)),
        Raw('1 2 "S" "" "" r.example.com.'),
    ]
    assert {r.zone.text for r in reading.records} == {"example.com"}
    assert {r.ttl for r in reading.records} == {300}


def test_layouts_of_other_versions() -> None:
    """A preference among `Fields`, newer types as one text, calls that --raw leaves alone."""
    reading = read(
        domain(
            "example.com",
            record("MX", "@", "mx.example.net.", Fields={"Mx": "mx.example.net.", "Preference": 7}),
            record("RP", "@", "", comparable="user.example.com. txt.example.com."),
            rawrecords=[{"type": "RP", "args": ["@", "user", "txt"]}],
        )
    )
    assert not reading.unread
    assert [str(r.data) for r in reading.records] == [
        "7 mx.example.net", "user.example.com. txt.example.com.",
    ]  # fmt: skip
    assert "without --raw" in str(reading.zones[0].incomplete)


def test_bare_targets_of_the_raw_form_lie_below_the_zone() -> None:
    """`umbriel`, `@`, and a label inside D_EXTEND; a target with its dot is absolute."""
    reading = read(
        domain(
            "example.com",
            record("CNAME", "a", "b"),
            record("CNAME", "c", "@"),
            record("MX", "@", "mx", mxpreference=5),
            record("CNAME", "x.sub", "y", subdomain="sub"),
            record("CNAME", "z.sub", "@", subdomain="sub"),
        )
    )
    assert [value for *_, value in data(reading)] == [
        "b.example.com", "example.com", "5 mx.example.com", "y.sub.example.com", "sub.example.com",
    ]  # fmt: skip


def test_a_target_with_dots_and_no_final_one_makes_the_zone_unknown() -> None:
    """DNSControl refuses it, so nobody can say what would be published."""
    reading = read(
        domain("example.com", record("CNAME", "a", "b.example.net")),
        domain("example.org", record("A", "@", "192.0.2.1")),
    )
    (unread,) = reading.unread
    assert unread.zones == (Domain("example.com"),)
    assert "final one" in unread.problem
    assert data(reading) == [("example.org", "A", "192.0.2.1")]


def test_a_long_text_is_cut_as_dnscontrol_cuts_it() -> None:
    """The IR holds one joined text; no slip, as the tool splits it rightly."""
    key = "v=DKIM1; p=" + "A" * 400
    reading = read(domain("example.com", record("TXT", "s1._domainkey", key)))
    (found,) = reading.records
    assert isinstance(found.data, Txt)
    assert [len(string) for string in found.data.strings] == [255, 156]
    assert found.data.text == key
    assert not reading.slips
    older = record("TXT", "@", "ab", txtstrings=["ab", "cd"])
    assert data(read(domain("example.com", older))) == [("example.com", "TXT", "abcd")]


def test_quotes_around_a_whole_value_are_a_slip() -> None:
    """The text inside is judged, and the slip tells what is really published."""
    reading = read(domain("example.com", record("TXT", "@", '"v=spf1 -all"')))
    assert data(reading) == [("example.com", "TXT", "v=spf1 -all")]
    (slip,) = reading.slips
    assert slip.kind is SlipKind.WRAPPED
    assert (slip.written, slip.published) == ('"v=spf1 -all"', '"v=spf1 -all"')


def test_a_whole_name_as_label_is_a_doubled_origin() -> None:
    """The zone is appended to it, and the slip says at which name the record then stands."""
    reading = read(domain("example.com", record("TXT", "_dmarc.example.com", "v=DMARC1; p=none")))
    (slip,) = reading.slips
    assert slip.kind is SlipKind.DOUBLED_ORIGIN
    assert slip.name.text == slip.published == "_dmarc.example.com.example.com"
    assert not read(domain("example.com", record("A", "myexample.com", "192.0.2.1"))).slips


def test_provider_aliases_have_an_address_that_is_not_known() -> None:
    """ALIAS-like types and what Cloudflare stands in front of; a copy of other data is hidden."""
    reading = read(
        domain(
            "example.com",
            record("ALIAS", "@", "host.example.net."),
            record("R53_ALIAS", "a", "b.example.com.", r53_alias={"type": "A"}),
            record("AZURE_ALIAS", "z", "id", azure_alias={"type": "AAAA"}),
            record("CNAME", "p", "q.example.net.", meta={"cloudflare_proxy": "on"}),
            record("R53_ALIAS", "m", "b.example.com.", r53_alias={"type": "MX"}),
            record("CF_REDIRECT", "@", "x,y"),
            record("LUA", "dyn", "A ..."),
        )
    )
    assert [(r.name.text, r.rdtype) for r in reading.records if r.data == Address(None)] == [
        ("example.com", "A"), ("example.com", "AAAA"), ("a.example.com", "A"),
        ("z.example.com", "AAAA"),
    ]  # fmt: skip
    behind = Address(None, Domain("q.example.net"))
    assert [(r.name.text, r.rdtype) for r in reading.records if r.data == behind] == [
        ("p.example.com", "A"), ("p.example.com", "AAAA"),
    ]  # fmt: skip
    assert len(reading.records) == 6
    (hidden,) = reading.hidden
    assert (hidden.name.text, hidden.rdtype) == ("m.example.com", "MX")
    assert not reading.unread
    (zone,) = reading.zones
    assert [pattern_matches(p, "dyn.example.com") for p in zone.ignored] == [True]
    assert "LUA" in reading.notes[0]


# --- zones


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"keepunknown": True}, "NO_PURGE"),
        ({"ignore_external_dns": True}, "external-dns"),
        ({"unmanaged": [{"target_pattern": "*.example.net."}]}, "IGNORE"),
        ({"unmanaged": [{"label_pattern": "*", "rType_pattern": "A,TXT"}]}, "IGNORE"),
        ({"ignored_targets": [{"pattern": "x", "type": "CNAME"}]}, "IGNORE"),
    ],
)
def test_a_zone_that_others_write_to_is_incomplete(more: dict[str, Any], word: str) -> None:
    """What is not declared there may exist all the same."""
    (zone,) = read(domain("example.com", **more)).zones
    assert zone.incomplete is not None
    assert word in zone.incomplete


@pytest.mark.parametrize(
    ("rule", "matching", "other"),
    [
        ({"label_pattern": "foo"}, ["foo.example.com"], ["example.com", "xfoo.example.com"]),
        ({"label_pattern": "@"}, ["example.com"], ["www.example.com"]),
        ({"label_pattern": "*.dyn"}, ["a.dyn.example.com"], ["dyn.example.com"]),
        ({"label_pattern": "{a,b}?"}, ["a1.example.com", "b2.example.com"], ["c1.example.com"]),
        ({"label_pattern": "x[!0-9]"}, ["xa.example.com"], ["x1.example.com"]),
        ({"label_pattern": "["}, ["[.example.com"], ["a.example.com"]),
        ({"label_pattern": "foo", "rType_pattern": "CAA, LOC"}, [], ["foo.example.com"]),
    ],
)  # fmt: skip
def test_ignored_names_become_patterns(
    rule: dict[str, str], matching: list[str], other: list[str]
) -> None:
    """IGNORE()'s globs, as regular expressions over whole names."""
    (zone,) = read(domain("example.com", unmanaged=[rule])).zones
    assert zone.incomplete is None
    for name in matching:
        assert any(pattern_matches(p, name) for p in zone.ignored), name
    for name in other:
        assert not any(pattern_matches(p, name) for p in zone.ignored), name


def test_split_horizon_zones_are_views() -> None:
    """By tag, however it is written; one without a tag has a view of its own beside them."""
    reading = read(
        domain("example.com", record("A", "@", "192.0.2.1")),
        domain("example.com!inside", record("A", "@", "192.0.2.2")),
        domain("example.com", record("A", "@", "192.0.2.3"), uniquename="example.com!outside"),
        domain("example.org", record("A", "@", "192.0.2.4")),
    )
    assert [(r.zone.text, r.view, str(r.data)) for r in reading.records] == [
        ("example.com", "untagged", "192.0.2.1"),
        ("example.com", "inside", "192.0.2.2"),
        ("example.com", "outside", "192.0.2.3"),
        ("example.org", "", "192.0.2.4"),
    ]
    assert [zone.view for zone in reading.zones] == ["untagged", "inside", "outside", ""]


def test_a_zone_declared_twice_is_said() -> None:
    """Just the same: a note. Differently: nobody knows which one is published."""
    one = domain("example.com", record("A", "@", "192.0.2.1"))
    other = domain("example.com", record("A", "@", "192.0.2.2"))
    same = read(one, one)
    assert not same.unread
    assert "just the same" in same.notes[0]
    (unread,) = read(one, other).unread
    assert unread.zones == (Domain("example.com"),)
    assert "differently" in unread.problem


# --- what cannot be read


def test_a_program_alone_is_explained() -> None:
    """It is not run; the message gives the command, in the program's own folder."""
    tree = MemoryTree({"dns/dnsconfig.js": SOURCE, "README": "x"})
    assert dnscontrol.detect(tree) == "'dns/dnsconfig.js' is a configuration of DNSControl"
    with pytest.raises(SourceError) as caught:
        dnscontrol.read(tree)
    assert "(cd dns && dnscontrol print-ir --pretty --out print-ir.json)" in str(caught.value)
    assert caught.value.where == "dns/dnsconfig.js"


def test_it_is_recognised_by_content() -> None:
    """Any name will do; other JSON is not taken for it."""
    whole = json.dumps({"registrars": [], "domains": [domain("example.com")]})
    assert dnscontrol.detect(MemoryTree({"made.ir.json": whole})) is not None
    assert dnscontrol.detect(MemoryTree({"given": whole})) is not None
    assert dnscontrol.detect(MemoryTree({"a.json": "{}", "b.json": '{"domains": []}'})) is None
    assert dnscontrol.detect(MemoryTree({"a.json": '["domains", "records", "registrars"]'})) is None


def test_a_half_written_ir_is_refused_with_its_line() -> None:
    """Alone it ends the run; beside one that is whole it is told of."""
    whole = json.dumps({"registrars": [], "domains": [domain("example.com")]}, indent=1)
    half = whole[:-10]
    assert dnscontrol.detect(MemoryTree({"print-ir.json": half})) is not None
    with pytest.raises(SourceError) as caught:
        dnscontrol.read(MemoryTree({"print-ir.json": half}))
    assert caught.value.line == half.count("\n") + 1
    both = dnscontrol.read(MemoryTree({"a.json": half, "b.json": whole}))
    assert [item.place.path for item in both.unread] == ["a.json"]
    assert len(both.zones) == 1


WHOLE = {
    "registrars": [],
    "domains": [
        domain(
            "example.com",
            record("TXT", "@", "v=spf1 -all", txtstrings=["v=spf1 -all"]),
            record("MX", "@", "mx.example.net.", mxpreference=10),
            record("R53_ALIAS", "a", "b", r53_alias={"type": "A"}),
            record("CAA", "@", "x", caatag="issue", caaflag=0),
            unmanaged=[{"label_pattern": "a*", "rType_pattern": "*"}],
            meta={"dnscontrol_uniquename": "example.com!x"},
        ),
        domain("example.org", record("A", "www", "192.0.2.1", subdomain="www")),
    ],
}


@given(broken(WHOLE))
def test_whatever_an_ir_holds_it_is_read_or_refused(octets: bytes) -> None:
    """Values of other kinds, odd texts, missing parts: a `SourceError` at worst."""
    tree = MemoryTree({"print-ir.json": octets, "dnsconfig.js": SOURCE})
    dnscontrol.detect(tree)
    reading = read_or_refused(dnscontrol.read, tree)
    for zone in reading.zones if reading else ():
        for pattern in zone.ignored:
            assert re.compile(pattern).pattern == pattern
