"""Master files become records that know their file and line; what cannot be one is named."""

from __future__ import annotations

import ipaddress
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.dns.answers import Address, Mx, Raw, Rdata, Soa, Target, Txt
from sendgate.dns.zonefile import ZoneRecord, read_zone_file
from sendgate.errors import SourceError
from sendgate.names import Domain

SOA = "@ SOA ns1 hostmaster 1 2 3 4 300\n"


def read(folder: Path, text: str, name: str = "example.com.zone") -> list[ZoneRecord]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_zone_file(path)


def refused(folder: Path, text: str | bytes, name: str = "example.com.zone") -> SourceError:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceError) as caught:
        read_zone_file(path)
    assert caught.value.where == str(path)
    return caught.value


def lines(records: list[ZoneRecord]) -> list[tuple[str, str, int, str, int | None]]:
    return [(r.name.text, r.rdtype, r.ttl, str(r.data), r.origin.line) for r in records]


def test_directives_parentheses_comments_and_blank_owners(tmp_path: Path) -> None:
    """A record has the line on which it begins, and what the lines before it settled."""
    text = """\
; the zone of example.com
$TTL 1h
$ORIGIN example.com.
@   IN SOA ns1.example.net. hostmaster (
        2026112301 ; serial
        1d 2h 4w 5m )
    IN NS ns1.example.net.
    600 IN MX 10 mx
    IN 600 MX 20 mx2 ; TTL and class in either order
mx  A 192.0.2.1
    AAAA 2001:db8::1
$ORIGIN sub
www CNAME @
@   TXT ( "v=spf1 "
          "-all" ) ; two strings
"""
    records = read(tmp_path, text)
    assert lines(records) == [
        ("example.com", "SOA", 3600,
         "ns1.example.net hostmaster.example.com 2026112301 (minimum 300)", 4),
        ("example.com", "NS", 3600, "ns1.example.net", 7),
        ("example.com", "MX", 600, "10 mx.example.com", 8),
        ("example.com", "MX", 600, "20 mx2.example.com", 9),
        ("mx.example.com", "A", 3600, "192.0.2.1", 10),
        ("mx.example.com", "AAAA", 3600, "2001:db8::1", 11),
        ("www.sub.example.com", "CNAME", 3600, "sub.example.com", 13),
        ("sub.example.com", "TXT", 3600, "v=spf1 -all", 14),
    ]  # fmt: skip
    assert {r.zone for r in records} == {Domain("example.com")}
    assert {r.origin.where for r in records} == {str(tmp_path / "example.com.zone")}
    assert records[-1].data == Txt((b"v=spf1 ", b"-all"))


def test_escapes_quotes_and_characters_beyond_ascii(tmp_path: Path) -> None:
    """Text keeps every octet; a semicolon in quotes is data, outside it begins a comment."""
    text = r"""$TTL 60
@ TXT "a\"b\\c\;d;e" f\103\ g "" ; h
@ TXT "schön" v=DMARC1; p=none
bücher A 192.0.2.1
a\.b A 192.0.2.2
UPPER.Example.COM. A 192.0.2.3
"""
    first, second, idn, dotted, upper = read(tmp_path, text)
    assert first.data == Txt((b'a"b\\c;d;e', b"fg g", b""))
    assert second.data == Txt(("schön".encode(), b"v=DMARC1"))
    assert idn.name.text == "xn--bcher-kva.example.com"
    assert dotted.name.wire_labels == (b"a.b", b"example", b"com")
    assert upper.name.text == "upper.example.com"


def test_every_other_type_is_kept_in_presentation_form(tmp_path: Path) -> None:
    """What no rule reads is still there; generic forms (RFC 3597) become what they mean."""
    text = r"""$TTL 60
@ CAA 0 issue "ca.example.net; policy=ev"
_sip._tcp SRV 10 5 5060 sip
@ TYPE65280 \# 3 0A0B0C
a TYPE1 \# 4 C0000201
b MX \# 18 000a 026d78 07 6578616d706c65 036e6574 00
old SPF "v=spf1 -all"
sub DNAME target
"""
    found = {r.rdtype: r.data for r in read(tmp_path, text)}
    assert found == {
        "CAA": Raw('0 issue "ca.example.net; policy=ev"'),
        "SRV": Raw("10 5 5060 sip.example.com."),
        "TYPE65280": Raw(r"\# 3 0a0b0c"),
        "A": Address(ipaddress.ip_address("192.0.2.1")),
        "MX": Mx(10, Domain("mx.example.net")),
        "SPF": Txt((b"v=spf1 -all",)),
        "DNAME": Target(Domain("target.example.com")),
    }


def test_what_rules_judge_is_not_refused_here(tmp_path: Path) -> None:
    """A CNAME beside other data, several CNAMEs, repeated records: all are kept."""
    text = "$TTL 60\n" + SOA + "@ CNAME a\n@ CNAME b\n@ MX 10 mx\n@ MX 10 mx\n"
    assert [r.rdtype for r in read(tmp_path, text)] == ["SOA", "CNAME", "CNAME", "MX", "MX"]


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("example.com", "example.com"),
        ("db.example.com", "example.com"),
        ("example.com.zone", "example.com"),
        ("example.com.db", "example.com"),
        ("EXAMPLE.COM.hosts", "example.com"),
        ("example.com.zone.signed", "example.com"),
        ("db.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa"),
    ],
)
def test_a_file_is_named_after_its_zone(tmp_path: Path, name: str, zone: str) -> None:
    """Relative names before any $ORIGIN belong to the zone that the file is named after."""
    [record] = read(tmp_path, "@ 60 TXT x\n", name)
    assert record.name == record.zone == Domain(zone)


def test_an_absolute_soa_owner_says_more_than_the_file_name(tmp_path: Path) -> None:
    """`bad.zone` is not the zone `bad`; its SOA says which zone it is."""
    text = "www 60 A 192.0.2.1\nexample.org. 60 SOA ns1 host 1 2 3 4 5\n"
    assert [r.name.text for r in read(tmp_path, text, "bad.zone")] == [
        "www.example.org",
        "example.org",
    ]


def test_each_record_is_in_the_zone_that_its_file_gives_it(tmp_path: Path) -> None:
    """The deepest SOA owner; else the $ORIGIN; else, for the root or a TLD, its own name."""
    text = """\
$TTL 60
$ORIGIN example.com.
@ SOA ns1 host 1 2 3 4 5
sub SOA ns1 host 1 2 3 4 5
a.sub TXT x
a TXT x
$ORIGIN example.net.
a.b TXT x
$ORIGIN deep.example.net.
c TXT x
$ORIGIN .
example.org TXT x
a.example.org TXT x
*.w.example TXT x
_dmarc.example.com TXT x
"""
    assert [r.zone.text for r in read(tmp_path, text, "bad.zone")] == [
        "example.com",
        "sub.example.com",
        "sub.example.com",
        "example.com",
        "example.net",
        "example.net",
        "example.org",
        "example.org",
        "w.example",
        "example.com",
    ]


def test_a_root_zone_holds_every_name(tmp_path: Path) -> None:
    """With an SOA of the root in the file there is nothing outside."""
    records = read(tmp_path, "$TTL 60\n$ORIGIN .\n" + SOA + "example.com TXT x\n")
    assert {r.zone for r in records} == {Domain(".")}


def test_the_ttl_of_a_record_without_one(tmp_path: Path) -> None:
    """RFC 2308 section 4: $TTL, else the last one stated, else the SOA's minimum."""
    assert [r.ttl for r in read(tmp_path, SOA + "a TXT x\nb 7 TXT x\nc TXT x\n")] == [
        300, 300, 7, 7,
    ]  # fmt: skip
    assert [r.ttl for r in read(tmp_path, "a 7 TXT x\n$TTL 9\nb TXT x\n")] == [7, 9]


def test_an_include_keeps_its_own_file_and_lines(tmp_path: Path) -> None:
    """Its origin may be given; afterwards the including file's origin and owner hold again."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "mail").write_text(
        "\n@ MX 10 mx\n$ORIGIN other.example.\n$INCLUDE ../txt\n"
    )
    (tmp_path / "txt").write_text("@ TXT x")
    text = "$TTL 60\nwww A 192.0.2.1\n$INCLUDE parts/mail sub\n AAAA 2001:db8::1\na A 192.0.2.2\n"
    assert [(r.name.text, r.origin.where, r.origin.line) for r in read(tmp_path, text)] == [
        ("www.example.com", str(tmp_path / "example.com.zone"), 2),
        ("sub.example.com", str(tmp_path / "parts" / "mail"), 2),
        ("other.example", str(tmp_path / "parts" / ".." / "txt"), 1),
        ("www.example.com", str(tmp_path / "example.com.zone"), 4),
        ("a.example.com", str(tmp_path / "example.com.zone"), 5),
    ]


def test_an_include_may_not_leave_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by `..`, nor by an absolute path, nor by a link; the working directory is open."""
    zones = tmp_path / "zones"
    zones.mkdir()
    (tmp_path / "secret").write_text("@ 60 TXT x\n")
    (zones / "link").symlink_to(tmp_path / "secret")
    for target in ("../secret", str(tmp_path / "secret"), "link"):
        error = refused(zones, f"\n$INCLUDE {target}\n")
        assert error.line == 2
        assert "leads out of the directory" in str(error)
    monkeypatch.chdir(tmp_path)
    assert len(read(zones, "$INCLUDE ../secret\n")) == 1
    monkeypatch.chdir("/")
    assert len(read_zone_file(zones / "example.com.zone", root=tmp_path)) == 1


def test_includes_end(tmp_path: Path) -> None:
    """A cycle, a missing file and a tree that doubles at every level are refused."""
    assert "leads back" in str(refused(tmp_path, "$INCLUDE example.com.zone\n"))
    assert "no such file" in str(refused(tmp_path, "$INCLUDE missing\n"))
    assert "takes a file" in str(refused(tmp_path, '$INCLUDE "\\000"\n'))
    for level in range(12):
        (tmp_path / f"level{level}").write_text(f"$INCLUDE level{level + 1}\n" * 2)
    (tmp_path / "level12").write_text("")
    (tmp_path / "top").write_text("$INCLUDE level0\n")
    with pytest.raises(SourceError, match="at most 1000 files"):
        read_zone_file(tmp_path / "top")
    for level in range(60):
        (tmp_path / f"deep{level}").write_text(f"$INCLUDE deep{level + 1}\n")
    with pytest.raises(SourceError, match="50 deep"):
        read_zone_file(tmp_path / "deep0")


def test_generate_writes_records_out(tmp_path: Path) -> None:
    """Steps, offsets, widths, bases, nibbles, a literal $, several fields in quotes."""
    text = r"""$TTL 60
$GENERATE 1-5/2 host$ A 192.0.2.$
$GENERATE 10-10 ${-1,3,d}-${0,4,x} 30 IN CNAME \$${1,0,X}
$GENERATE 1-1 $$ MX "$ mx$"
$GENERATE 18-18 ${0,5,n} TXT "\"a $\" b"
"""
    assert lines(read(tmp_path, text)) == [
        ("host1.example.com", "A", 60, "192.0.2.1", 2),
        ("host3.example.com", "A", 60, "192.0.2.3", 2),
        ("host5.example.com", "A", 60, "192.0.2.5", 2),
        ("009-000a.example.com", "CNAME", 30, r"\$B.example.com".lower(), 3),
        (r"\$.example.com", "MX", 60, "1 mx1.example.com", 4),
        ("2.1.0.example.com", "TXT", 60, "a 18b", 5),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a TXT " + '"' + "x" * 256 + '"', "256 octets; at most 255"),
        ("a TXT", "no data"),
        (r'a TXT "\300"', "not an octet"),
        ('a TXT "x', "not closed"),
        ("a TXT x\\", "escapes nothing"),
        ("a TXT ( x", "never closed"),
        ("a TXT x )", "without an opening"),
        ("a A 192.0.2.300", "'192.0.2.300' is not an IPv4 address"),
        ("a A 192.0.2.1 192.0.2.2", "'192.0.2.2' follows the data"),
        ("a AAAA 192.0.2.1", "not an IPv6 address"),
        ("a AAAA fe80::1%eth0", "not an IPv6 address"),
        ("a MX mx.example.com.", "a preference and a host"),
        ("a MX high mx", "'high' is not a preference"),
        ("a MX 65536 mx", "0 to 65535"),
        ("a CNAME a..b", "empty label"),
        ('a CNAME "b"', "quoted"),
        ("a CNAME " + "x" * 64, "64 octets"),
        ("a NSAPP x", "'NSAPP' is not a record type"),
        ("a ANY x", "class ANY"),
        ("a AXFR x", "for questions"),
        ("a CH TXT x", "only records of class IN"),
        ("a IN", "ends before the record type"),
        ("a 60 60 TXT x", "'60' is not a record type"),
        ("a 3000000000 TXT x", "too long"),
        ("a 1y TXT x", "'1y' is not a TTL"),
        ("a CAA issue ca", "it looks like 0 issue"),
        ("a SRV 1 2 sip", "it looks like 10 5"),
        ("a DNSKEY x", "not well formed"),
        ("a SOA ns host 1", "ends too early"),
        ("a SOA ns host x 2 3 4 5", "not a serial"),
        (r"\256 TXT x", "broken escape"),
        ("$TTL", "$TTL 3600"),
        ("$ORIGIN a b", "takes one value"),
        ("$MAGIC x", "not a directive"),
        ("$INCLUDE", "takes a file"),
        ("$GENERATE 1 a$ A 192.0.2.$", "not a range"),
        ("$GENERATE 1-2 a$ A", "takes a range"),
        ("$GENERATE 1-99999 a$ A 192.0.2.1", "at most 65536"),
        ("$GENERATE 1-2 ${x} A 192.0.2.1", "offset,width,base"),
        ("$GENERATE 1-2 ${0,999} A 192.0.2.1", "a width of 999"),
        ("$GENERATE 1-2 ${-9,1,n} A 192.0.2.1", "negative"),
        ("a" + "\0" + " TXT x", "NUL"),
    ],
)
def test_a_broken_line_is_named_with_the_way_out(tmp_path: Path, line: str, says: str) -> None:
    """The error has the file, the line, and words that someone who edits zones understands."""
    error = refused(tmp_path, f"$TTL 60\n; comment\n{line}\n")
    assert error.line == 3
    assert says in str(error)
    assert "dns." not in str(error)
    assert "exception" not in str(error)


def test_what_the_file_as_a_whole_lacks(tmp_path: Path) -> None:
    """A TTL, an origin, a first owner: the error says which line to add."""
    assert "$TTL 3600" in str(refused(tmp_path, "a TXT x\n"))
    assert "$ORIGIN example.com." in str(refused(tmp_path, "a 60 TXT x\n", "bad.zone"))
    assert "first record has no name" in str(refused(tmp_path, " 60 TXT x\n"))


def test_what_is_no_zone_file_at_all(tmp_path: Path) -> None:
    """A directory, a missing file, binary data, another encoding: named, with a line if any."""
    with pytest.raises(SourceError, match="is a directory"):
        read_zone_file(tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        read_zone_file(tmp_path / "missing")
    with pytest.raises(SourceError, match="cannot be read"):
        read_zone_file("a\0b")
    assert refused(tmp_path, b"; x\n\x7fELF\0\0").line == 2
    error = refused(tmp_path, "$TTL 60\n@ TXT schön\n".encode("latin-1"))
    assert error.line == 2
    assert "UTF-8" in str(error)


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    """What editors leave behind does not hurt."""
    path = tmp_path / "example.com.zone"
    path.write_bytes(b"\xef\xbb\xbf$TTL 60\r\n@ TXT (x\r\n y)\r\n\r\n@ MX 10 mx")
    assert lines(read_zone_file(path)) == [
        ("example.com", "TXT", 60, "xy", 2),
        ("example.com", "MX", 60, "10 mx.example.com", 5),
    ]


def test_a_large_zone_is_read_in_time(tmp_path: Path) -> None:
    """Time grows with the number of records, not with its square, one large RRset included."""

    def seconds(count: int) -> float:
        text = "$TTL 60\n" + "".join(
            f'h{i} MX 10 mx{i}\nh{i} TXT "v=spf1 -all"\nall AAAA 2001:db8::{i:x}\n'
            for i in range(count)
        )
        before = time.process_time()
        assert len(read(tmp_path, text)) == 3 * count
        return time.process_time() - before

    seconds(10)
    assert seconds(8000) < 20 * max(seconds(1000), 0.02)


LABEL = st.text("abcxyz019-_*", min_size=1, max_size=12)
NAME = st.lists(LABEL, min_size=0, max_size=4).map(
    lambda labels: Domain.parse(".".join([*labels, "example.com"]))
)
DATA: st.SearchStrategy[tuple[str, Rdata]] = st.one_of(
    st.lists(st.binary(max_size=255), min_size=1, max_size=3).map(lambda s: ("TXT", Txt(tuple(s)))),
    st.builds(Mx, st.integers(0, 65535), NAME).map(lambda data: ("MX", data)),
    st.ip_addresses(v=4).map(lambda ip: ("A", Address(ip))),
    st.ip_addresses(v=6).map(lambda ip: ("AAAA", Address(ip))),
    NAME.flatmap(
        lambda name: st.sampled_from(["CNAME", "NS", "PTR"]).map(lambda t: (t, Target(name)))
    ),
)


def written(data: Rdata) -> str:
    """The data as a master file writes it, every octet of a text escaped."""
    match data:
        case Txt(strings):
            return " ".join(
                '"' + "".join(f"\\{octet:03d}" for octet in string) + '"' for string in strings
            )
        case Mx(preference, exchange):
            return f"{preference} {exchange}."
        case Target(name):
            return f"{name}."
        case _:
            return str(data)


@given(st.lists(st.tuples(NAME, st.integers(0, 2**31 - 1), DATA), max_size=8))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    wanted: list[tuple[Domain, int, tuple[str, Rdata]]],
) -> None:
    """Names, TTLs, types, data and lines survive a simple printer."""
    path = tmp_path_factory.getbasetemp() / "roundtrip.example.zone"
    path.write_text(
        "".join(
            f"{name}. {ttl} {rdtype} (\n  {written(data)} )\n"
            for name, ttl, (rdtype, data) in wanted
        )
    )
    found = read_zone_file(path)
    assert [(r.name, r.ttl, (r.rdtype, r.data)) for r in found] == wanted
    assert [r.origin.line for r in found] == [2 * i + 1 for i in range(len(wanted))]


@given(st.text(st.sampled_from('ab @.$;()"\\\n\t*1{}/-ÄINCLUDETXTSOA'), max_size=60))
def test_any_text_is_records_or_an_error_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """No text makes the reader fall over."""
    path = tmp_path_factory.getbasetemp() / "any.example.zone"
    path.write_text(f"$TTL 60\n{text}", encoding="utf-8")
    try:
        places = [(record.origin.line, record.name) for record in read_zone_file(path)]
    except SourceError as error:
        places = [(error.line, Domain("any.example"))]
    assert all(line is not None and line > 0 for line, _ in places)


def test_an_soa_has_the_times_that_rules_need(tmp_path: Path) -> None:
    """Serial and minimum; times may have units."""
    [record] = read(tmp_path, "@ SOA ns1.example.net. host 4294967295 1d 2h 4w 1h30m\n")
    assert record.data == Soa(
        Domain("ns1.example.net"), Domain("host.example.com"), 4294967295, 5400
    )
    assert record.ttl == 5400
