"""octoDNS zones are read as octoDNS 1.22 publishes them, and know their lines."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from pathlib import Path

import pytest
from memory_tree import slips, write

from sendgate.dns.answers import Address, Mx, NoData, Question, Raw, Records, Target, Txt
from sendgate.dns.zonefile import ZoneRecord
from sendgate.dns.zones import ZoneSource
from sendgate.errors import SourceError
from sendgate.names import ROOT, Domain
from sendgate.repo.readers import octodns
from sendgate.repo.reading import Place, Reading, SlipKind, entry_of
from sendgate.repo.tree import FolderTree

ALIAS = "Route53Provider/ALIAS"


def read(folder: Path, text: str | bytes, name: str = "example.com.yaml") -> Reading:
    return octodns.read(write(folder, {name: text}))


def texts(reading: Reading, name: str = "example.com") -> list[str]:
    return [
        r.data.octets.decode()
        for r in reading.records
        if r.name.text == name and isinstance(r.data, Txt)
    ]


def unread(reading: Reading) -> list[tuple[int | None, str, list[str]]]:
    return [(u.place.line, u.problem, [z.text for z in u.zones]) for u in reading.unread]


def kind(record: ZoneRecord) -> str:
    return ALIAS if record.data == Address(None) else record.rdtype


@pytest.fixture(scope="module")
def moj(suites: Path) -> Reading:
    return octodns.read(FolderTree(suites / "dns-repos" / "moj-octodns"))


def test_the_counts_are_those_of_octodns_itself(moj: Reading) -> None:
    """405 zones, 4,222 RRsets, 6,549 values, as octoDNS counts them."""
    assert len({zone.apex for zone in moj.zones}) == len(moj.zones) == 405
    assert {record.zone for record in moj.records} == {zone.apex for zone in moj.zones}
    assert Counter(map(kind, moj.records)) == {
        "A": 439, "CAA": 586, "CNAME": 796, "MX": 411, "NS": 2384, "PTR": 11,
        "SRV": 57, "TXT": 1661, ALIAS: 204,
    }  # fmt: skip
    rrsets = {(record.zone, record.name, kind(record)) for record in moj.records}
    assert len(rrsets) == 4222
    assert Counter(rdtype for _, _, rdtype in rrsets) == {
        "A": 416, "CAA": 297, "CNAME": 796, "MX": 372, "NS": 597, "PTR": 11,
        "SRV": 27, "TXT": 1502, ALIAS: 204,
    }  # fmt: skip
    assert len({record.name for record in moj.records}) == 3096
    assert len({r.name for r in moj.records if r.name.labels[0] == "*"}) == 296
    cuts = {(r.zone, r.name) for r in moj.records if r.rdtype == "NS" and r.name != r.zone}
    assert len(cuts) == 192


def test_the_real_repository_is_read_whole(moj: Reading) -> None:
    """Nothing is unread, every zone is complete, and both configurations are called that."""
    assert moj.source == "octodns"
    assert "config.yaml" in moj.why
    assert moj.unread == ()
    assert {zone.incomplete for zone in moj.zones} == {None}
    assert sum("is an octoDNS configuration" in note for note in moj.notes) == 2
    assert any("hostedzones/octodns.yaml" in note for note in moj.notes)
    assert Counter(slip.kind for slip in moj.slips) == {SlipKind.QUOTED: 10}


def test_every_value_is_at_its_own_line(moj: Reading, suites: Path) -> None:
    """The line of a known defect holds the value; its entry begins no later than listed."""
    expected = (suites / "dns-repos" / "EXPECTED.tsv").read_text("utf-8").splitlines()[1:]
    known = [line.split("\t") for line in expected if line.startswith("moj-octodns")]
    assert len(known) == 23
    places = {(r.origin.where, r.origin.line): r for r in moj.records}
    for _, file, line, name, rdtype, _, _, entry in known:
        record = places[file, int(line)]
        assert (record.name, record.rdtype) == (Domain.parse(name), rdtype)
        place = entry_of(moj.places, file, int(line))
        assert int(entry) <= (place.line or 0) <= int(line) <= (place.end or 0)


def test_405_zones_are_read_in_six_seconds(suites: Path) -> None:
    """Processor time, so that a busy machine does not count."""
    before = time.process_time()
    octodns.read(FolderTree(suites / "dns-repos" / "moj-octodns"))
    assert time.process_time() - before < 6


async def test_zones_of_the_repository_answer(moj: Reading) -> None:
    """A provider alias is an address whose value is not known; names beside it behave."""
    source = ZoneSource(moj.records)
    alias = next(record for record in moj.records if record.data == Address(None))
    answer = await source.ask(Question(alias.name, alias.rdtype))
    assert isinstance(answer, Records)
    assert Address(None) in list(answer.of(Address))
    assert isinstance(await source.ask(Question(alias.name, "HINFO")), NoData)


@pytest.mark.parametrize(
    ("written", "published", "slip"),
    [
        (r"v=DMARC1\; p=reject", "v=DMARC1; p=reject", None),
        (r"'v=DMARC1\; p=reject'", "v=DMARC1; p=reject", None),
        (r'"v=DMARC1\\; p=reject"', "v=DMARC1; p=reject", None),
        ("v=DMARC1; p=reject", "v=DMARC1; p=reject", None),
        ("v=DMARC1 ; p=reject", "v=DMARC1 ; p=reject", None),
        (r"v=DKIM1\; p=AAA\"\"BBB", r"v=DKIM1; p=AAA\"\"BBB", "quotes-in-value"),
        (r'v=DKIM1\; p=AAA""BBB', 'v=DKIM1; p=AAA""BBB', "quotes-in-value"),
        ('\'"a" "b"\'', "ab", None),
        ("'\"a\"'", "a", None),
        ('\'"a" "b" \'', 'ab"', "quotes-in-value"),
        ("'\"v=spf1 -all'", "v=spf1 -al", "quotes-in-value"),
        ('\'""v=spf1 -all""\'', '"v=spf1 -all"', "wrapped-in-quotes"),
        (r"'v=DMARC1\\; p=none'", r"v=DMARC1\; p=none", "quotes-in-value"),
        ("v=spf1 ip4:1.2.3.4 #x -all", "v=spf1 ip4:1.2.3.4", "cut-by-comment"),
        ("v=spf1 include:a.example # b ~all", "v=spf1 include:a.example", "cut-by-comment"),
        (r"v=DMARC1\; #p=reject", "v=DMARC1;", "cut-by-comment"),
        (r"v=DMARC1\; p=none # note", "v=DMARC1; p=none", None),
        ("v=spf1 -all # sendgate: waive SPF001 until 2027-01-01 all", "v=spf1 -all", None),
        ("v=spf1 -all #include:old.example", "v=spf1 -all", None),
        ("some-token=1 # a note", "some-token=1", None),
        (">-\n      v=spf1\n      -all", "v=spf1 -all", None),
        ("|-\n      v=spf1\n      -all", "v=spf1\n-all", None),
        ("''", "", None),
        ("'12345'", "12345", None),
        ("schön", "schön", None),
    ],
)
def test_each_spelling_of_a_text(
    tmp_path: Path, written: str, published: str, slip: str | None
) -> None:
    """What octoDNS publishes of it, and what only the file shows."""
    reading = read(tmp_path, f"'':\n  - type: TXT\n    value: {written}\n")
    assert texts(reading) == [published]
    assert [s[0] for s in slips(reading)] == ([slip] if slip else [])
    assert [r.origin.line for r in reading.records] == [3]
    for found in reading.slips:
        assert (found.place.path, found.place.line) == ("example.com.yaml", 3)
        assert found.published == published
        assert found.zone == Domain("example.com")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("12345", "reads this TXT value as a number"),
        ("1.5", "a number"),
        ("yes", "true or false"),
        ("2026-01-01", "a timestamp"),
        ("", "as nothing"),
        ("[a: b]", "a map"),
        ("!!binary aGk=", "unknown tag"),
        (r'"v=DMARC1\; p=reject"', "in double quotes a backslash is written twice"),
        ('"half', "not YAML"),
    ],
)
def test_a_value_that_octodns_cannot_read_makes_the_zone_unknown(
    tmp_path: Path, written: str, says: str
) -> None:
    """The file, the line, the reason; the other zone of the repository is read."""
    reading = octodns.read(
        write(
            tmp_path,
            {
                "example.com.yaml": f"a:\n  type: TXT\n  value: {written}\n",
                "example.net.yaml": "a: {type: TXT, value: x}\n",
            },
        )
    )
    [(line, problem, zones)] = unread(reading)
    assert says in problem
    assert zones == ["example.com"]
    assert line in {3, 4}
    assert texts(reading, "a.example.net") == ["x"]


def test_a_semicolon_that_octodns_would_refuse_is_told_of_once(tmp_path: Path) -> None:
    """The zones may be lenient: the values count, and one remark names the first of them."""
    text = "a: {type: TXT, value: v=DMARC1; p=none}\nb: {type: TXT, value: v=DMARC1; p=none}\n"
    [note] = [n for n in read(tmp_path, text).notes if "refuses" in n]
    assert "1 and 1 more" in note
    assert read(tmp_path, text).unread == ()


def test_a_long_text_is_cut_into_strings_of_255_octets(tmp_path: Path) -> None:
    """What octoDNS publishes fits the wire however long the value."""
    [record] = read(tmp_path, f"'': {{type: TXT, value: {'x' * 600}}}\n").records
    assert isinstance(record.data, Txt)
    assert [len(string) for string in record.data.strings] == [255, 255, 90]


def test_names_as_octodns_reads_them(tmp_path: Path) -> None:
    """The apex, a wildcard, upper case, U-labels, and keys that YAML takes for other things."""
    text = """\
'': {type: A, value: 192.0.2.1}
'*': {type: A, value: 192.0.2.1}
WWW: {type: A, value: 192.0.2.1}
bücher: {type: A, value: 192.0.2.1}
no: {type: A, value: 192.0.2.1}
010: {type: A, value: 192.0.2.1}
1.10: {type: A, value: 192.0.2.1}
a.b: {type: A, value: 192.0.2.1}
"""
    assert [r.name.text for r in read(tmp_path, text).records] == [
        "example.com", "*.example.com", "www.example.com", "xn--bcher-kva.example.com",
        "false.example.com", "8.example.com", "1.1.example.com", "a.b.example.com",
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["'@'", "a.", "a..b", "'a b'", "x" + "y" * 70, "[a]", ".a"])
def test_a_name_that_octodns_refuses_makes_the_zone_unknown(tmp_path: Path, label: str) -> None:
    """An `@` above all: the apex is '' there."""
    reading = read(tmp_path, f"ok: {{type: TXT, value: x}}\n? {label}\n: {{type: TXT, value: x}}\n")
    assert [zones for _, _, zones in unread(reading)] == [["example.com"]]
    assert unread(reading)[0][0] == 2


def test_records_of_every_kind(tmp_path: Path) -> None:
    """Targets are absolute with or without a dot; the old words of MX; one mapping is one value."""
    text = """\
'':
  - type: MX
    ttl: 60
    values:
      exchange: mx1.example.net
      preference: 10
  - {type: NS, values: [ns1.example.net, ns2.example.net.]}
  - {type: CAA, value: {tag: issue, value: 'ca.example; "x"'}}
  - {type: ALIAS, value: other.example.net.}
  - {type: SPF, value: v=spf1 -all}
null-mx: {type: MX, value: {preference: 0, exchange: .}}
old: {type: MX, value: {value: mx2.example.net., priority: 5}}
_sip._tcp: {type: SRV, value: {priority: 1, weight: 2, port: 5060, target: sip.example.net}}
www: {type: CNAME, value: Host.Example.NET}
lb: {type: Route53Provider/ALIAS, value: {type: AAAA, name: x., hosted-zone-id: Z}}
six: {type: AAAA, ttl: '120', value: 2001:DB8::1}
renamed: {type: DNAME, value: example.org.}
5: {type: PTR, value: host.example.net.}
_25._tcp: {type: TLSA, value: {certificate_usage: 3, selector: 1, matching_type: 1,
  certificate_association_data: abcd}}
"""
    reading = read(tmp_path, text)
    assert unread(reading) == []
    found = [(r.name.labels[0], r.rdtype, r.ttl, r.data, r.origin.line) for r in reading.records]
    assert found == [
        ("example", "MX", 60, Mx(10, Domain("mx1.example.net")), 5),
        ("example", "NS", 3600, Target(Domain("ns1.example.net")), 7),
        ("example", "NS", 3600, Target(Domain("ns2.example.net")), 7),
        ("example", "CAA", 3600, Raw('0 issue "ca.example; \\"x\\""'), 8),
        ("example", "A", 3600, Address(None), 9),
        ("example", "AAAA", 3600, Address(None), 9),
        ("example", "SPF", 3600, Txt((b"v=spf1 -all",)), 10),
        ("null-mx", "MX", 3600, Mx(0, ROOT), 11),
        ("old", "MX", 3600, Mx(5, Domain("mx2.example.net")), 12),
        ("_sip", "SRV", 3600, Raw("1 2 5060 sip.example.net."), 13),
        ("www", "CNAME", 3600, Target(Domain("host.example.net")), 14),
        ("lb", "AAAA", 3600, Address(None), 15),
        ("six", "AAAA", 120, Address(ipaddress.ip_address("2001:db8::1")), 16),
        ("renamed", "DNAME", 3600, Target(Domain("example.org")), 17),
        ("5", "PTR", 3600, Target(Domain("host.example.net")), 18),
        ("_25", "TLSA", 3600, Raw("3 1 1 abcd"), 19),
    ]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("{type: CNAME, values: [x.]}", "one value"),
        ("{type: CNAME, value: [x.]}", "one value"),
        ("{type: A, value: 192.0.2.300}", "not an IPv4 address"),
        ("{type: A, value: '2001:db8::1'}", "not an IPv4 address"),
        ("{type: AAAA, value: 'fe80::1%eth0'}", "not an IPv6 address"),
        ("{type: A}", "has no value"),
        ("{type: A, values: []}", "has no value"),
        ("{value: x}", "has no type"),
        ("{type: [A], value: x}", "a type is expected"),
        ("{type: txt, value: x}", "write TXT"),
        ("{type: MX, value: mx.example.net.}", "a mapping is expected"),
        ("{type: MX, value: {exchange: a.}}", "no preference"),
        ("{type: MX, value: {preference: 10}}", "no exchange"),
        ("{type: MX, value: {preference: 99999, exchange: a.}}", "no number"),
        ("{type: TXT, value: x, ttl: 1h}", "no number of seconds"),
        ("{type: CNAME, value: a..b}", "empty label"),
        ("[{type: TXT, value: x}, {type: TXT, value: y}]", "a second TXT record"),
        ("just text", "a mapping is expected"),
    ],
)
def test_a_record_that_octodns_refuses_makes_the_zone_unknown(
    tmp_path: Path, record: str, says: str
) -> None:
    """As octoDNS would publish nothing of the zone; the place is named."""
    reading = read(tmp_path, f"ok: {{type: TXT, value: x}}\na:\n  {record}\n")
    [(line, problem, zones)] = unread(reading)
    assert says in problem
    assert (line, zones) == (3, ["example.com"])


def test_two_spellings_of_one_name_are_one_name(tmp_path: Path) -> None:
    """octoDNS refuses the second record of `A` beside `a`."""
    reading = read(tmp_path, "a: {type: TXT, value: x}\nA: {type: TXT, value: y}\n")
    assert unread(reading)[0][0] == 2


def test_an_unknown_type_is_skipped_and_its_name_exists(tmp_path: Path) -> None:
    """A plug-in's type is no reason to stop; one remark counts them."""
    text = "a: {type: CloudflareProvider/URLFWD, value: {x: y}}\nb: {type: FOO, value: x}\n"
    reading = read(tmp_path, text + "c: {type: TXT, value: x}\n")
    assert unread(reading) == []
    assert [r.rdtype for r in reading.records] == ["CloudflareProvider/URLFWD", "FOO", "TXT"]
    assert sum("needs a plug-in" in note for note in reading.notes) == 2


def test_a_proxied_record_answers_with_addresses_beside_others(tmp_path: Path) -> None:
    """Cloudflare's proxy shows no CNAME, so an MX record beside it is answered as well."""
    reading = read(
        tmp_path,
        """
web:
  - type: CNAME
    value: host.example.net.
    octodns: {cloudflare: {proxied: true}}
  - type: MX
    value: {preference: 10, exchange: mx.example.net.}
plain:
  type: CNAME
  value: host.example.net.
  octodns: {cloudflare: {proxied: false, auto-ttl: true}}
host:
  type: A
  values: [192.0.2.1, 192.0.2.2]
  octodns: {cloudflare: {proxied: true}}
""",
    )
    assert not reading.unread
    hidden, target = Address(None), Domain("host.example.net")
    assert [(r.name.labels[0], r.rdtype, r.data) for r in reading.records] == [
        ("web", "A", Address(None, target)),
        ("web", "AAAA", Address(None, target)),
        ("web", "MX", Mx(10, Domain("mx.example.net"))),
        ("plain", "CNAME", Target(target)),
        ("host", "A", hidden),
        ("host", "AAAA", hidden),
    ]


def test_a_dynamic_record_has_the_addresses_of_all_its_pools(tmp_path: Path) -> None:
    """Which of them answers depends on who asks; `geo`, the older form, is the same."""
    text = """\
a:
  type: A
  value: 192.0.2.1
  dynamic:
    pools:
      one: {values: [{value: 192.0.2.1}, {value: 192.0.2.2}]}
      two: {values: [{value: 192.0.2.3, weight: 2}]}
    rules: [{pool: one}]
b:
  type: A
  value: 192.0.2.1
  geo: {NA-US: [192.0.2.4]}
"""
    reading = read(tmp_path, text)
    assert [(r.name.labels[0], str(r.data), r.origin.line) for r in reading.records] == [
        ("a", "192.0.2.1", 3), ("a", "192.0.2.2", 6), ("a", "192.0.2.3", 7),
        ("b", "192.0.2.1", 11), ("b", "192.0.2.4", 12),
    ]  # fmt: skip
    assert any("dynamic" in note for note in reading.notes)


def test_a_key_spread_over_a_list_is_a_slip(tmp_path: Path) -> None:
    """One text in several items: DKIM, SPF and DMARC; two records of different kinds are none."""
    text = r"""
s._domainkey:
  type: TXT
  values:
    - v=DKIM1
    - k=rsa
    - p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A
t._domainkey:
  type: TXT
  values: ['v=DKIM1\; k=rsa\; p=MIIBIjANBgkqhkiG9w0B', AQEFAAOCAQ8AMIIBCgKCAQEAo7yrXLY2]
'':
  - type: TXT
    values: ['v=spf1 include:a.example', 'include:b.example -all', token]
_dmarc:
  - type: TXT
    values: ['v=DMARC1', 'p=none']
fine:
  type: TXT
  values: ['v=spf1 -all', 'token=1', 'v=DKIM1\; p=']
"""
    found = [(s[0], s[1], s[2]) for s in slips(read(tmp_path, text))]
    assert found == [
        ("spread-over-values", "s._domainkey.example.com", 5),
        ("spread-over-values", "t._domainkey.example.com", 10),
        ("spread-over-values", "example.com", 13),
        ("spread-over-values", "_dmarc.example.com", 16),
    ]


def test_of_two_equal_keys_the_later_counts_and_the_earlier_is_a_slip(tmp_path: Path) -> None:
    """As YAML's loader does without a word, for owners and for fields of a record."""
    text = """\
a:
  type: MX
  value: {preference: 1, exchange: a.}
a:
  type: TXT
  value: first
  value: second
"""
    reading = read(tmp_path, text)
    assert [(r.name.text, str(r.data)) for r in reading.records] == [("a.example.com", "second")]
    assert slips(reading) == [
        ("duplicate-key", "a.example.com", 6, "value: first", "second"),
        ("duplicate-key", "a.example.com", 1, "a", None),
    ]
    assert reading.slips[1].rdtype == "MX"
    assert reading.slips[1].place.end == 3


def test_a_name_written_whole_is_doubled(tmp_path: Path) -> None:
    """octoDNS always appends the zone."""
    reading = read(tmp_path, "_dmarc.example.com: {type: TXT, value: 'v=DMARC1\\; p=none'}\n")
    assert slips(reading) == [
        ("doubled-origin", "_dmarc.example.com.example.com", 1, "_dmarc.example.com",
         "_dmarc.example.com.example.com"),
    ]  # fmt: skip


def test_merges_and_includes_as_octodns_has_them(tmp_path: Path) -> None:
    """A merge stands where it is written, so that what follows it counts; lines are the file's."""
    reading = octodns.read(
        write(
            tmp_path,
            {
                "zones/example.com.yaml": """\
base: &base
  type: A
  ttl: 60
  value: 192.0.2.1
before:
  <<: *base
  ttl: 70
after:
  ttl: 70
  <<: *base
several:
  <<: [{type: A, ttl: 1}, {type: AAAA, ttl: 2, value: 192.0.2.9}]
whole: !include ../parts/spf.yaml
merged:
  <<: !include ../parts/spf.yaml
  ttl: 5
listed: {type: A, values: !include ../parts/list.yaml}
""",
                "parts/spf.yaml": "# shared\ntype: TXT\nvalue: v=spf1 -all\n",
                "parts/list.yaml": "- 192.0.2.7\n- 192.0.2.8\n",
            },
        )
    )
    assert unread(reading) == []
    found = [(r.name.labels[0], r.rdtype, r.ttl, r.origin.where, r.origin.line) for r in
             reading.records]  # fmt: skip
    zone, parts = "zones/example.com.yaml", "parts/spf.yaml"
    assert found == [
        ("base", "A", 60, zone, 4),
        ("before", "A", 70, zone, 4),
        ("after", "A", 60, zone, 4),
        ("several", "A", 1, zone, 12),
        ("whole", "TXT", 3600, parts, 3),
        ("merged", "TXT", 5, parts, 3),
        ("listed", "A", 3600, "parts/list.yaml", 1),
        ("listed", "A", 3600, "parts/list.yaml", 2),
    ]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret.yaml", "~/x.yaml", "link.yaml",
                                    "missing.yaml", "self.example.yaml"])  # fmt: skip
def test_an_include_stays_in_the_repository(tmp_path: Path, target: str) -> None:
    """By path, by link, in a circle: the zone is unknown, and nothing outside is opened."""
    root = tmp_path / "root"
    tree = write(
        root, {"zones/self.example.yaml": f"a: {{type: TXT, value: x}}\nb: !include {target}\n"}
    )
    (tmp_path / "secret.yaml").write_text("type: TXT\nvalue: secret\n")
    (root / "zones" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    reading = octodns.read(tree)
    [place] = {(u.place.path, u.zones[0].text) for u in reading.unread}
    assert place == ("zones/self.example.yaml", "self.example")
    assert "secret" not in str(reading.records)


def test_places_of_entries(tmp_path: Path) -> None:
    """A value's entry is its record: from the owner, or the item of the owner's list."""
    text = (
        "a:\n  type: TXT\n  values:\n    - x\n    - y\n\n'':\n  - type: A\n    value: 192.0.2.1\n"
    )
    reading = read(tmp_path, text)
    assert reading.places == (
        Place("example.com.yaml", 1, 5),
        Place("example.com.yaml", 8, 9),
    )


def test_files_of_all_sorts_are_no_zones(tmp_path: Path) -> None:
    """A workflow, a compose file, a Kubernetes manifest: none of them is looked at as a zone."""
    tree = write(
        tmp_path,
        {
            ".github/workflows/ci.yaml": "on: push\n",
            "docker-compose.override.yaml": "services: {a: {image: x}}\n",
            "app.example.com.yaml": "kind: Service\nspec: {type: ClusterIP}\n",
            "openapi.v1.yaml": "a: {type: string}\n",
        },
    )
    assert octodns.detect(tree) is None
    with pytest.raises(SourceError, match=r"no octoDNS zone: looked for files named after a zone"):
        octodns.read(tree)


def test_an_empty_repository_says_what_was_looked_for(tmp_path: Path) -> None:
    """So that exit code 2 has a text."""
    assert octodns.detect(FolderTree(tmp_path)) is None
    with pytest.raises(SourceError, match="looked for"):
        octodns.read(FolderTree(tmp_path))


HOSTILE: dict[str, str | bytes] = {
    "bomb.example.yaml": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"k{i}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
    )
    + "z: {type: TXT, values: *u}\n",
    "merges.example.yaml": "a: &a {k0: 1}\n"
    + "".join(
        f"k{i}: &{chr(98 + i)}\n  <<: [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
    )
    + "z:\n  type: TXT\n  <<: *u\n",
    "crowd.example.yaml": "base: &b\n  type: TXT\n  values: &v ["
    + ",".join(f"v{i}" for i in range(3000)) + "]\n"
    + "".join(f"o{i}: *b\n" for i in range(3000)),
    "deep.example.yaml": "a: {type: TXT, value: " + "[" * 100_000,
    "loop.example.yaml": "a: &a\n  type: TXT\n  value: *a\nb:\n  <<: &x\n    <<: *x\n  type: A\n",
    "binary.example.yaml": b"a: {type: TXT, value: \x00\xff}",
    "latin.example.yaml": "a: {type: TXT, value: schön}".encode("latin-1"),
    "half.example.yaml": "a:\n  type: TXT\n  values:\n    - v=spf1 -all\n    - \"v=DM",
    "two.example.yaml": "a: {type: TXT, value: x}\n---\nb: {type: TXT, value: x}\n",
    "python.example.yaml": "a: {type: TXT, value: !!python/object/apply:os.system [id]}\n",
    "text.example.yaml": "type: TXT\n",
    "list.example.yaml": "- {type: TXT, value: x}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_file_stops_or_holds_the_run(tmp_path: Path, name: str) -> None:
    """Its zone is unknown, at a cost that is bounded; the zone beside it is read."""
    tree = write(tmp_path, {name: HOSTILE[name], "good.example.yaml": "a: {type: TXT, value: x}\n"})
    before = time.process_time()
    reading = octodns.read(tree)
    assert time.process_time() - before < 20
    assert texts(reading, "a.good.example") == ["x"]
    zone = name.removesuffix(".yaml")
    assert zone in {z.text for z in reading.unread_zones}
    assert len(reading.unread) <= 25


def test_a_symbolic_link_in_a_circle_is_no_file(tmp_path: Path) -> None:
    """Nor is one that leads to its own folder listed without end."""
    write(tmp_path, {"example.com.yaml": "a: {type: TXT, value: x}\n"})
    (tmp_path / "loop.example.yaml").symlink_to(tmp_path / "loop.example.yaml")
    (tmp_path / "folder").symlink_to(tmp_path)
    reading = octodns.read(FolderTree(tmp_path))
    assert texts(reading, "a.example.com") == ["x"]
    assert {zone.apex.text for zone in reading.zones} == {"example.com"}


def test_a_linked_zone_is_a_zone_of_its_own(tmp_path: Path) -> None:
    """Parked zones are often links to one file; each record names the link it was read by."""
    tree = write(tmp_path, {"example.com.yaml": "'': {type: TXT, value: v=spf1 -all}\n"})
    (tmp_path / "example.net.yaml").symlink_to("example.com.yaml")
    assert [(r.name.text, r.origin.where) for r in octodns.read(tree).records] == [
        ("example.com", "example.com.yaml"),
        ("example.net", "example.net.yaml"),
    ]


def test_a_single_file_is_a_repository(tmp_path: Path) -> None:
    """`sendgate repo example.com.yaml` reads that zone."""
    write(tmp_path, {"example.com.yaml": "a: {type: TXT, value: x}\n", "b.example.yaml": "x"})
    reading = octodns.read(FolderTree(tmp_path / "example.com.yaml"))
    assert [zone.apex.text for zone in reading.zones] == ["example.com"]


def test_what_is_harmless_is_no_slip(tmp_path: Path) -> None:
    """Revoked wildcards, left-over policies, two whole keys, unrelated texts beside a record."""
    text = r"""
'*._domainkey': {type: TXT, value: 'v=DKIM1\; p='}
_adsp._domainkey: {type: TXT, value: dkim=all}
_domainkey: {type: TXT, value: 'o=~\; t=y'}
a._domainkey: {type: TXT, values: ['v=DKIM1\; p=AAAA', 'v=DKIM1\; p=BBBB']}
x: {type: TXT, values: ['v=spf1 -all', 'all about it', 'mx']}
_dmarc: {type: TXT, values: ['v=DMARC1\; p=none', 'google-site-verification=x']}
example.net._report._dmarc: {type: TXT, value: v=DMARC1}
"""
    assert slips(read(tmp_path, text)) == []
