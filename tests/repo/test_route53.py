"""Route 53's JSON: listings, change batches, escapes, aliases, and which zone a file is."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from memory_tree import MemoryTree, broken, read_or_refused

from sendgate.dns.answers import Address, Txt
from sendgate.errors import SourceError
from sendgate.names import Domain
from sendgate.repo.readers import route53
from sendgate.repo.reading import Place, Reading, SlipKind


def rrset(name: str, rdtype: str, *values: str, **more: object) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": rdtype,
        "TTL": 300,
        "ResourceRecords": [{"Value": value} for value in values],
        **more,
    }


def alias(name: str, rdtype: str) -> dict[str, Any]:
    target = {"HostedZoneId": "Z1", "DNSName": "x.example.net.", "EvaluateTargetHealth": False}
    return {"Name": name, "Type": rdtype, "AliasTarget": target}


SOA = rrset(
    "example.com.", "SOA", "ns.example.net. hostmaster.example.net. 1 7200 900 1209600 86400"
)


DEEP = rrset("a.b.example.com.", "A", "192.0.2.1")


def read(*sets: dict[str, Any], path: str = "export.json", **more: object) -> Reading:
    whole = {"ResourceRecordSets": list(sets), **more}
    return route53.read(MemoryTree({path: json.dumps(whole, indent=2)}))


LISTING = [
    SOA,
    rrset("example.com.", "NS", "ns-1.awsdns-01.com.", "ns-2.awsdns-02.net."),
    rrset("example.com.", "MX", "10 mx1.example.net.", "20 mx2.example.net"),
    rrset("example.com.", "TXT", '"v=spf1 ip4:192.0.2.10 -all"', '"one" "two""three"'),
    rrset("\\052.example.com.", "A", "192.0.2.1"),
    rrset("_dmarc.example.com.", "TXT", '"v=DMARC1; p=reject"'),
    rrset("s1._domainkey.example.com.", "CNAME", "s1.dkim.example.net."),
    rrset("w.example.com.", "A", "192.0.2.2", SetIdentifier="a", Weight=1),
    rrset("w.example.com.", "A", "192.0.2.3", SetIdentifier="b", Weight=9),
    rrset("u.example.com.", "TXT", '"caf\\303\\251 \\"x\\" \\100"'),
    rrset("example.com.", "CAA", '0 issue "ca.example.net"'),
    alias("www.example.com.", "A"),
    alias("www.example.com.", "AAAA"),
    alias("copy.example.com.", "MX"),
]


def test_a_listing_is_read_whole() -> None:
    """Every set with its values; names and texts in octal; weighted sets together."""
    reading = read(*LISTING)
    assert not reading.unread
    assert not reading.slips
    (zone,) = reading.zones
    assert (zone.apex.text, zone.incomplete) == ("example.com", None)
    assert Counter(r.rdtype for r in reading.records) == Counter(
        SOA=1, NS=2, MX=2, TXT=4, A=4, AAAA=1, CNAME=1, CAA=1
    )
    data = {(r.name.text, r.rdtype, str(r.data)) for r in reading.records}
    assert ("*.example.com", "A", "192.0.2.1") in data
    assert ("example.com", "MX", "20 mx2.example.net") in data
    assert ("s1._domainkey.example.com", "CNAME", "s1.dkim.example.net") in data
    assert {value for name, _, value in data if name == "w.example.com"} == {
        "192.0.2.2", "192.0.2.3",
    }  # fmt: skip
    texts = {r.data for r in reading.records if isinstance(r.data, Txt)}
    assert Txt((b"one", b"two", b"three")) in texts
    assert Txt(('café "x" @'.encode(),)) in texts


def test_aliases_have_data_that_route_53_alone_knows() -> None:
    """Addresses are unknown ones; any other type is hidden."""
    reading = read(*LISTING)
    unknown = [r for r in reading.records if r.data == Address(None)]
    assert [(r.name.text, r.rdtype) for r in unknown] == [
        ("www.example.com", "A"), ("www.example.com", "AAAA"),
    ]  # fmt: skip
    (hidden,) = reading.hidden
    assert (hidden.name.text, hidden.rdtype, hidden.zone.text) == (
        "copy.example.com", "MX", "example.com",
    )  # fmt: skip


def test_records_stand_at_the_lines_of_their_values() -> None:
    """And their whole sets are the entries."""
    reading = read(*LISTING)
    lines = json.dumps({"ResourceRecordSets": LISTING}, indent=2).split("\n")
    for record in reading.records:
        assert record.origin.line is not None
        line = lines[record.origin.line - 1]
        assert '"Value"' in line or '"AliasTarget"' in line
    spf = next(r for r in reading.records if str(r.data).startswith("v=spf1"))
    assert spf.origin.line is not None
    assert "v=spf1" in lines[spf.origin.line - 1]
    assert any(
        place.line is not None and place.end is not None
        and place.line < spf.origin.line < place.end
        for place in reading.places
    )  # fmt: skip


def test_a_change_batch_shows_only_what_it_changes() -> None:
    """Created and upserted sets stand, deleted ones do not, and absence proves nothing."""
    batch = {
        "Comment": "x",
        "Changes": [
            {"Action": "UPSERT", "ResourceRecordSet": rrset("_dmarc.example.com", "TXT", '"a"')},
            {"Action": "CREATE", "ResourceRecordSet": rrset("example.com", "TXT", '"b"')},
            {"Action": "DELETE", "ResourceRecordSet": rrset("example.com", "TXT", '"c"')},
        ],
    }
    for whole in (batch, {"HostedZoneId": "Z1", "ChangeBatch": batch}):
        reading = route53.read(MemoryTree({"change.json": json.dumps(whole)}))
        assert [(r.name.text, str(r.data)) for r in reading.records] == [
            ("_dmarc.example.com", "a"), ("example.com", "b"),
        ]  # fmt: skip
        (zone,) = reading.zones
        assert zone.apex.text == "example.com"
        assert zone.incomplete == "a change batch shows only what it changes"


@pytest.mark.parametrize(
    ("sets", "path", "more", "apex", "incomplete"),
    [
        ([SOA], "x.json", {}, "example.com", None),
        ([SOA], "x.json", {"IsTruncated": True}, "example.com", "one page"),
        ([SOA], "x.json", {"NextToken": "y"}, "example.com", "one page"),
        ([DEEP], "b.example.com.json", {}, "b.example.com", "selection"),
        ([DEEP], "z/b.example.com.r53.json", {}, "b.example.com", "selection"),
        ([DEEP], "example.org.json", {}, "example.com", "selection"),
        ([DEEP], "x.json", {"HostedZone": {"Name": "b.example.com"}}, "b.example.com", "selection"),
    ],
)  # fmt: skip
def test_the_zone_of_a_file(
    sets: list[dict[str, Any]], path: str, more: dict[str, Any], apex: str, incomplete: str | None
) -> None:
    """By its SOA, its HostedZone, its name, or the registrable domain of its names."""
    (zone,) = read(*sets, path=path, **more).zones
    assert zone.apex.text == apex
    assert zone.incomplete is None if incomplete is None else incomplete in str(zone.incomplete)


def test_a_file_of_no_zone_is_said() -> None:
    """Names of two domains, and nothing tells which zone they are exported from."""
    sets = [rrset("example.com.", "A", "192.0.2.1"), rrset("example.org.", "A", "192.0.2.1")]
    whole = json.dumps({"ResourceRecordSets": sets})
    with pytest.raises(SourceError, match="which zone"):
        route53.read(MemoryTree({"x.json": whole}))
    beside = MemoryTree({"x.json": whole, "y.json": json.dumps({"ResourceRecordSets": [SOA]})})
    reading = route53.read(beside)
    (unread,) = reading.unread
    assert "which zone" in unread.problem
    assert len(reading.records) == 1


@pytest.mark.parametrize(
    "entry",
    [
        rrset("example.com.", "TXT", "v=spf1 -all"),
        rrset("example.com.", "TXT", '"v=spf1 -all'),
        rrset("example.com.", "TXT", '"\\777"'),
        rrset("example.com.", "TXT"),
        rrset("example.com.", "MX", "mx.example.net."),
        rrset("example.com.", "A", "192.0.2.300"),
        rrset("example.org.", "A", "192.0.2.3"),
        rrset("a..example.com.", "A", "192.0.2.3"),
        {"Name": "example.com.", "Type": "TXT", "ResourceRecords": [{"Value": 7}]},
    ],
)
def test_what_route_53_would_refuse_makes_the_zone_unknown(entry: dict[str, Any]) -> None:
    """It is said with its line, and nothing of it is taken for a record."""
    reading = read(SOA, entry)
    (unread,) = reading.unread
    assert unread.zones == (Domain("example.com"),)
    assert (unread.place.line or 0) > 5
    assert len(reading.records) == 1


def test_a_string_that_is_too_long_is_a_slip() -> None:
    """Route 53 refuses it; it is judged all the same, as one text."""
    reading = read(SOA, rrset("s._domainkey.example.com.", "TXT", f'"p={"A" * 300}"'))
    (slip,) = reading.slips
    assert slip.kind is SlipKind.TOO_LONG
    assert slip.published is None
    assert str(reading.records[1].data) == "p=" + "A" * 300


def test_a_zone_in_two_files() -> None:
    """Two whole exports: nobody knows which one counts. A change beside one: merged, and said."""
    whole = json.dumps({"ResourceRecordSets": [SOA]})
    change = {"Action": "CREATE", "ResourceRecordSet": rrset("a.example.com", "A", "192.0.2.1")}
    twice = route53.read(MemoryTree({"a.json": whole, "b.json": whole}))
    assert [(u.place, u.zones) for u in twice.unread] == [
        (Place("b.json", 1), (Domain("example.com"),)),
    ]
    beside = MemoryTree({"a.json": whole, "c.json": json.dumps({"Changes": [change]})})
    reading = route53.read(beside)
    assert not reading.unread
    assert "merged" in reading.notes[0]
    assert len(reading.records) == 2


def test_it_is_recognised_by_content() -> None:
    """And a half-written export is refused with its line."""
    whole = json.dumps({"ResourceRecordSets": LISTING}, indent=1)
    assert route53.detect(MemoryTree({"x.json": whole})) is not None
    assert route53.detect(MemoryTree({"x.json": '{"Changes": []}'})) is None
    half = MemoryTree({"x.json": whole[:-20], "y.json": "{}"})
    assert route53.detect(half) is not None
    with pytest.raises(SourceError) as caught:
        route53.read(half)
    assert caught.value.line == whole[:-20].count("\n") + 1
    with pytest.raises(SourceError, match="list-resource-record-sets"):
        route53.read(MemoryTree({"y.json": "{}"}))


@given(broken({"ResourceRecordSets": LISTING, "IsTruncated": False}))
def test_whatever_a_listing_holds_it_is_read_or_refused(octets: bytes) -> None:
    """Values of other kinds, odd texts, missing parts: a `SourceError` at worst."""
    tree = MemoryTree({"example.com.json": octets})
    route53.detect(tree)
    read_or_refused(route53.read, tree)
