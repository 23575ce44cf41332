"""Master files of a repository are zones, parts of zones, or templates, and know their lines."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from memory_tree import slips, write

from sendgate.dns.answers import Address, Mx, Target, Txt
from sendgate.errors import SourceError
from sendgate.names import Domain
from sendgate.repo.readers import bind
from sendgate.repo.reading import Place, Reading, entry_of
from sendgate.repo.tree import FolderTree

SOA = "@ SOA ns1 hostmaster 1 2 3 4 300\n"
HEAD = "$TTL 60\n$ORIGIN example.com.\n" + SOA  # three lines


def read(folder: Path, text: str | bytes, name: str = "example.com.zone") -> Reading:
    return bind.read(write(folder, {name: text}))


def found(reading: Reading) -> list[tuple[str, str, str, str, int | None]]:
    return [
        (r.name.text, r.rdtype, str(r.data), r.origin.where, r.origin.line)
        for r in reading.records
        if r.rdtype != "SOA"
    ]


def names(reading: Reading) -> list[str]:
    return [r.name.text for r in reading.records if r.rdtype != "SOA"]


def zones(reading: Reading) -> list[str]:
    return [zone.apex.text for zone in reading.zones]


def unread(reading: Reading) -> list[tuple[str, str, list[str]]]:
    return [
        (f"{u.place.path}:{u.place.line}", u.problem, [z.text for z in u.zones])
        for u in reading.unread
    ]


@pytest.fixture(scope="module")
def ocf(suites: Path) -> Reading:
    return bind.read(FolderTree(suites / "dns-repos" / "ocf-bind"))


def test_the_counts_are_those_of_bind_itself(ocf: Reading) -> None:
    """9 zones, 2,461 RRsets, 2,544 values; the text repeats 28 records, which DNS merges."""
    assert len(ocf.records) == 2544 + 28
    values = {(r.zone, r.name, r.rdtype, r.data) for r in ocf.records}
    assert Counter(rdtype for _, _, rdtype, _ in values) == {
        "SOA": 9, "NS": 20, "A": 589, "AAAA": 486, "CNAME": 909, "MX": 42, "TXT": 24,
        "PTR": 448, "SRV": 4, "CAA": 10, "DS": 3,
    }  # fmt: skip
    rrsets = {value[:3] for value in values}
    assert len(rrsets) == 2461
    assert Counter(rdtype for _, _, rdtype in rrsets) == {
        "SOA": 9, "NS": 11, "A": 584, "AAAA": 482, "CNAME": 909, "MX": 14, "TXT": 18,
        "PTR": 426, "SRV": 4, "CAA": 2, "DS": 2,
    }  # fmt: skip
    assert Counter(zone.text for zone, _, _, _ in values) == {
        "ocf.berkeley.edu": 990, "ocf.io": 980, "226.229.169.in-addr.arpa": 235,
        "0.0.0.0.1.0.8.8.0.4.1.f.7.0.6.2.ip6.arpa": 221, "asuc.org": 97, "ocfhosted.com": 8,
        "cal.fyi": 7, "decal.ocfhosted.com": 4, "letsencrypt.ocf.io": 2,
    }  # fmt: skip


def test_the_real_repository_is_read_whole(ocf: Reading) -> None:
    """The included file is no zone, the templates are called so, every zone is complete."""
    assert ocf.source == "bind"
    assert ocf.unread == ()
    assert len(ocf.zones) == 9
    assert all(zone.place.path.startswith("etc/zones/db.") for zone in ocf.zones)
    assert {zone.incomplete for zone in ocf.zones} == {None}
    assert ocf.notes == (
        "'templates/db.ocf.in-addr.arpa.tmpl' and 2 more templates with placeholders: no zones",
    )
    assert {r.origin.where for r in ocf.records if r.zone == Domain("ocf.io")} == {
        "etc/db.ocf",
        "etc/zones/db.ocf.io",
    }


def test_every_value_is_at_its_own_line(ocf: Reading, suites: Path) -> None:
    """The line of a known defect holds the value that the record has."""
    expected = (suites / "dns-repos" / "EXPECTED.tsv").read_text("utf-8").splitlines()[1:]
    known = [line.split("\t") for line in expected if line.startswith("ocf-bind")]
    assert len(known) == 4
    places = {(r.origin.where, r.origin.line): r for r in ocf.records}
    for _, file, line, name, rdtype, *_ in known:
        record = places[file, int(line)]
        assert (record.name, record.rdtype) == (Domain.parse(name), rdtype)


def test_the_target_that_lacks_its_final_dot_is_the_only_slip(ocf: Reading) -> None:
    """One known, harmless mistake; no false alarm in 2,572 records."""
    [slip] = slips(ocf)
    assert slip[0] == "doubled-origin"
    assert slip[2] == 108
    assert slip[4] == "gv-hpsy6y2wwitqll.dv.googlehosted.com.asuc.org"


@pytest.mark.parametrize(
    ("name", "text", "zone"),
    [
        ("db.example.com", "$TTL 60\n" + SOA, "example.com"),
        ("example.com.zone", "$TTL 60\n" + SOA, "example.com"),
        ("example.com.db", "$TTL 60\n" + SOA, "example.com"),
        ("example.com.txt", "$TTL 60\n" + SOA, "example.com"),
        ("zones/example.com", "$TTL 60\n" + SOA, "example.com"),
        ("bad.zone", "$TTL 60\n$ORIGIN example.org.\n" + SOA, "example.org"),
        ("db.other.net", "$TTL 60\nexample.org. SOA ns1 host 1 2 3 4 5\n", "example.org"),
        ("db.example.com", "$TTL 60\n$ORIGIN .\nexample.org SOA n. h. 1 2 3 4 5\n", "example.org"),
        ("db.2.0.192.in-addr.arpa", "$TTL 60\n" + SOA, "2.0.192.in-addr.arpa"),
        ("bücher.example.zone", "$TTL 60\n" + SOA, "xn--bcher-kva.example"),
    ],
)
def test_the_zone_of_a_file(tmp_path: Path, name: str, text: str, zone: str) -> None:
    """By its SOA, its $ORIGIN, else its name; and it is complete."""
    reading = read(tmp_path, text, name)
    [declared] = reading.zones
    assert declared.apex == Domain(zone)
    assert declared.incomplete is None
    assert declared.place == Place(name, reading.records[0].origin.line)


def test_the_zone_that_named_conf_gives_a_file(tmp_path: Path) -> None:
    """By the end of the server's path; one file may be several zones; views are kept apart."""
    tree = write(
        tmp_path,
        {
            "named.conf": """\
// zone "no.example" { file "/etc/bind/zones/common"; };
options { directory "/var/named"; };
zone "one.example" { type master; file "/etc/bind/zones/parking"; };
zone "two.example" IN { type primary; file "zones/parking"; };
zone "slave.example" { type slave; file "zones/parking"; };
view "inside" { zone "three.example" { file "in/three"; }; };
view "outside" { zone "three.example" { file "out/three"; }; };
/* } { */
""",
            "zones/parking": "$TTL 60\n" + SOA + "@ TXT v=spf1\n",
            "in/three": "$TTL 60\n" + SOA + "a A 192.0.2.1\n",
            "out/three": "$TTL 60\n" + SOA + "a A 192.0.2.2\n",
        },
    )
    reading = bind.read(tree)
    assert unread(reading) == []
    assert [(z.apex.text, z.view) for z in reading.zones] == [
        ("three.example", "inside"),
        ("three.example", "outside"),
        ("one.example", ""),
        ("two.example", ""),
    ]
    assert [(r.view, str(r.data)) for r in reading.records if r.rdtype == "A"] == [
        ("inside", "192.0.2.1"),
        ("outside", "192.0.2.2"),
    ]


def test_a_file_without_an_soa_is_a_part_of_a_zone(tmp_path: Path) -> None:
    """Its absent names are not proved to be absent; beside the zone's own file it belongs to it."""
    reading = read(tmp_path, "$TTL 60\nwww A 192.0.2.1\n")
    assert zones(reading) == ["example.com"]
    assert "no SOA" in str(reading.zones[0].incomplete)
    tree = write(tmp_path, {"db.example.com": HEAD + "a A 192.0.2.2\n"})
    reading = bind.read(tree)
    assert zones(reading) == ["example.com"]
    assert reading.zones[0].incomplete is None
    assert names(reading) == ["a.example.com", "www.example.com"]
    assert any("added to its zone" in note for note in reading.notes)


def test_several_zones_in_one_file(tmp_path: Path) -> None:
    """Each SOA begins one; a zone below another is its own."""
    text = (
        HEAD + "a A 192.0.2.1\nsub SOA ns1 host 1 2 3 4 5\nb.sub A 192.0.2.2\n"
        "$ORIGIN example.net.\n" + SOA + "c A 192.0.2.3\n"
    )
    reading = read(tmp_path, text, "all.zone")
    assert zones(reading) == ["example.com", "sub.example.com", "example.net"]
    assert [(r.name.text, r.zone.text) for r in reading.records if r.rdtype == "A"] == [
        ("a.example.com", "example.com"),
        ("b.sub.example.com", "sub.example.com"),
        ("c.example.net", "example.net"),
    ]


def test_what_lies_outside_the_zone_is_ignored_and_said(tmp_path: Path) -> None:
    """As named does; such a record is never published."""
    reading = read(tmp_path, HEAD + "_dmarc.example.org. TXT v=DMARC1\n")
    assert zones(reading) == ["example.com"]
    assert names(reading) == []
    assert any("lie outside example.com" in note for note in reading.notes)


def test_directives_and_entries_keep_their_lines(tmp_path: Path) -> None:
    """A relative $ORIGIN, blank owners, parentheses, $GENERATE, an include with its own origin."""
    tree = write(
        tmp_path,
        {
            "zones/db.example.com": HEAD
            + '\n$ORIGIN mail\n@ MX 10 mx\n  TXT ( "v=spf1 "\n  "-all" )\n'
            "$GENERATE 1-2 h$ A 192.0.2.$\n$INCLUDE ../parts/spf sub.example.com.\nz A 192.0.2.9\n",
            "parts/spf": '; shared\n@ TXT "v=spf1 -all"\n',
        },
    )
    reading = bind.read(tree)
    zone = "zones/db.example.com"
    assert found(reading) == [
        ("mail.example.com", "MX", "10 mx.mail.example.com", zone, 6),
        ("mail.example.com", "TXT", "v=spf1 -all", zone, 7),
        ("h1.mail.example.com", "A", "192.0.2.1", zone, 9),
        ("h2.mail.example.com", "A", "192.0.2.2", zone, 9),
        ("sub.example.com", "TXT", "v=spf1 -all", "parts/spf", 2),
        ("z.mail.example.com", "A", "192.0.2.9", zone, 11),
    ]
    assert entry_of(reading.places, zone, 7) == Place(zone, 7, 8)
    assert zones(reading) == ["example.com"]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("part", "zones/part"),
        ("../common/part", "common/part"),
        ("common/part", "common/part"),
        ("/etc/bind/common/part", "common/part"),
        ('"common/part"', "common/part"),
    ],
)
def test_an_include_is_found_where_a_server_would(tmp_path: Path, target: str, path: str) -> None:
    """Beside the file, from the repository's top, or by the end of an absolute path."""
    tree = write(
        tmp_path,
        {"zones/db.example.com": HEAD + f"$INCLUDE {target}\n", path: "a A 192.0.2.1\n"},
    )
    reading = bind.read(tree)
    assert unread(reading) == []
    assert found(reading) == [("a.example.com", "A", "192.0.2.1", path, 1)]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("missing.inc", "no such file in the repository"),
        ("../../secret", "leads out of the repository"),
        ("/etc/hosts", "no such file in the repository"),
        ("link", "no such file in the repository"),
        ("db.example.com", "leads back"),
        ("loop", "leads back"),
    ],
)
def test_a_missing_include_makes_the_zone_unknown(tmp_path: Path, target: str, says: str) -> None:
    """It is named with its line; nothing outside is opened; the other zone is read."""
    root = tmp_path / "root"
    tree = write(
        root,
        {
            "zones/db.example.com": HEAD + f"a A 192.0.2.1\n$INCLUDE {target}\nb A 192.0.2.2\n",
            "zones/db.example.net": "$TTL 60\n" + SOA + "a A 192.0.2.1\n",
            "zones/loop": "$INCLUDE db.example.com\n",
        },
    )
    (tmp_path / "secret").write_text("secret 60 A 192.0.2.66\n")
    (root / "zones" / "link").symlink_to(tmp_path / "secret")
    reading = bind.read(tree)
    [(place, problem, of)] = unread(reading)
    assert place == ("zones/loop:1" if target == "loop" else "zones/db.example.com:5")
    assert says in problem
    assert of == ["example.com"]
    assert not any("secret" in name for name in names(reading))
    assert "a.example.net" in names(reading)


def test_files_that_only_include_each_other_are_not_lost(tmp_path: Path) -> None:
    """One of them is read, and says that the other leads back."""
    tree = write(
        tmp_path,
        {"db.a.example": HEAD + "$INCLUDE db.b.example\n", "db.b.example": HEAD +
         "$INCLUDE db.a.example\n"},
    )  # fmt: skip
    [(place, problem, _)] = unread(bind.read(tree))
    assert place == "db.b.example:4"
    assert "leads back" in problem
    assert "included by 'db.a.example'" in problem


@pytest.mark.parametrize(
    ("line", "kind", "written", "published"),
    [
        ("_dmarc TXT v=DMARC1; p=reject", "cut-by-comment", "v=DMARC1; p=reject", "v=DMARC1"),
        ("@ TXT v=spf1;include:a.example -all", "cut-by-comment",
         "v=spf1;include:a.example -all", "v=spf1"),
        ("s._domainkey TXT ( v=DKIM1; k=rsa; p=AAAA\n )", "cut-by-comment",
         "v=DKIM1; k=rsa; p=AAAA", "v=DKIM1"),
        ("@ TXT v=spf1 include:a.example -all", "split-by-space",
         "v=spf1 include:a.example -all", "v=spf1include:a.example-all"),
        ('@ TXT "v=spf1 ip4:192.0.2.0/24" "include:a.example -all"', "split-by-space",
         '"v=spf1 ip4:192.0.2.0/24" "include:a.example -all"',
         "v=spf1 ip4:192.0.2.0/24include:a.example -all"),
        (r'@ TXT "\"v=spf1 -all\""', "wrapped-in-quotes", r'"\"v=spf1 -all\""', '"v=spf1 -all"'),
        ("@ TXT 'v=spf1'", "wrapped-in-quotes", "'v=spf1'", "'v=spf1'"),
        (r's._domainkey TXT "v=DKIM1; p=AA\"\"BB"', "quotes-in-value",
         r'"v=DKIM1; p=AA\"\"BB"', 'v=DKIM1; p=AA""BB'),
        (r'_dmarc TXT "v=DMARC1\\; p=none"', "quotes-in-value", r'"v=DMARC1\\; p=none"',
         r"v=DMARC1\; p=none"),
        ('@ TXT "' + "x" * 300 + '"', "string-too-long", '"' + "x" * 300 + '"', None),
        ("_dmarc.example.com TXT x", "doubled-origin", "_dmarc.example.com",
         "_dmarc.example.com.example.com"),
        ("@ MX 10 mx.example.com", "doubled-origin", "mx.example.com",
         "mx.example.com.example.com"),
        ("@ MX 10 aspmx.l.google.com", "doubled-origin", "aspmx.l.google.com",
         "aspmx.l.google.com.example.com"),
        ("@ MX 10 192.0.2.1", "doubled-origin", "192.0.2.1", "192.0.2.1.example.com"),
    ],
)  # fmt: skip
def test_what_only_the_text_shows(
    tmp_path: Path, line: str, kind: str, written: str, published: str | None
) -> None:
    """A mistake of writing, with what was written and what the zone then holds."""
    reading = read(tmp_path, HEAD + line + "\n")
    assert unread(reading) == []
    [slip] = slips(reading)
    assert (slip[0], slip[2], slip[3], slip[4]) == (kind, 4, written, published)
    assert reading.slips[0].zone == Domain("example.com")


@pytest.mark.parametrize(
    "line",
    [
        '_dmarc TXT "v=DMARC1; p=reject" ; a comment',
        r"_dmarc TXT v=DMARC1\;p=reject",
        "@ TXT v=spf1 ; sendgate: waive SPF001 until 2027-01-01 all",
        "@ TXT token ; p=1 is what they told us",
        's._domainkey TXT ( "v=DKIM1; k=rsa; p=AAAA" "BBBB" )',
        '@ TXT "v=spf1 include:a.example " "include:b.example -all"',
        '@ TXT "v=spf1 include:a.exam" "ple -all"',
        "@ MX 10 mx.example.com.",
        "@ MX 10 mx",
        "@ CNAME a.b",
        "a.b.com A 192.0.2.1\n@ MX 10 a.b.com",
        "example.net._report._dmarc TXT v=DMARC1",
        r's._domainkey TXT "v=DKIM1\; p=AAAA"',
    ],
)
def test_what_is_meant_is_no_slip(tmp_path: Path, line: str) -> None:
    """Comments, chunks and relative names as people write them."""
    assert slips(read(tmp_path, HEAD + line + "\n")) == []


def test_a_key_spread_over_records_is_a_slip(tmp_path: Path) -> None:
    """Two TXT records that are the halves of one."""
    text = HEAD + 's._domainkey TXT "v=DKIM1; k=rsa;"\n TXT "p=MIIBIjANBgkqhkiG9w0BAQEFAAOC"\n'
    reading = read(tmp_path, text)
    assert [s[:3] for s in slips(reading)] == [
        ("spread-over-values", "s._domainkey.example.com", 4)
    ]
    assert reading.slips[0].place.end == 5


def test_a_string_that_is_too_long_is_read_all_the_same(tmp_path: Path) -> None:
    """Other servers cut it every 255 octets, and some rely on that."""
    [_, record] = read(tmp_path, HEAD + '@ TXT "' + "x" * 300 + '" "y"\n').records
    assert isinstance(record.data, Txt)
    assert [len(string) for string in record.data.strings] == [255, 45, 1]


def test_a_cloudflare_export(tmp_path: Path) -> None:
    """Comments with tags behind records, an alias at the apex, texts in several strings."""
    text = """\
;;
;; Domain:     example.com.
;; Exported:   2026-11-23 00:00:00
;;
;; SOA Record
example.com\t3600\tIN\tSOA\tada.ns.cloudflare.com. dns.cloudflare.com. 2 10000 2400 604800 3600

;; CNAME Records
example.com.\t1\tIN\tCNAME\tapp.example.net. ; cf_tags=cf-proxied:true
www.example.com.\t1\tIN\tCNAME\texample.com. ; cf_tags=cf-proxied:false

;; MX Records
example.com.\t1\tIN\tMX\t10 mx.example.net.

;; TXT Records
s._domainkey.example.com.\t1\tIN\tTXT\t"v=DKIM1; p=AAAA" "BBBB" ; cf_tags=
""".replace("example.com\t3600", "example.com.\t3600")
    reading = read(tmp_path, text, "example.com.txt")
    assert zones(reading) == ["example.com"]
    assert (unread(reading), slips(reading)) == ([], [])
    # Cloudflare resolves the alias at the apex, and answers with addresses beside the MX.
    assert [r.rdtype for r in reading.records][1:3] == ["A", "AAAA"]
    assert [r.data for r in reading.records][1:] == [
        Address(None, Domain("app.example.net")),
        Address(None, Domain("app.example.net")),
        Target(Domain("example.com")),
        Mx(10, Domain("mx.example.net")),
        Txt((b"v=DKIM1; p=AAAA", b"BBBB")),
    ]


def test_names_that_the_server_resolves_have_an_address_nobody_sees(tmp_path: Path) -> None:
    """ALIAS and ANAME of some servers, DYNA and DYNC of gdnsd."""
    text = HEAD + "@ ALIAS lb.example.net.\na DYNA geo!web\n"
    reading = read(tmp_path, text)
    assert [(r.name.text, r.rdtype, r.data) for r in reading.records][1:] == [
        ("example.com", "A", Address(None)),
        ("example.com", "AAAA", Address(None)),
        ("a.example.com", "A", Address(None)),
        ("a.example.com", "AAAA", Address(None)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{banner}\n" + HEAD + "{records}\n",
        HEAD + "{% for host in hosts %}\n{{ host }} A 192.0.2.1\n{% endfor %}\n",
        HEAD + "@Z TXT v=spf1\n",
        HEAD + "<%= records %>\n",
        HEAD.replace(" 1 2 3", " @@SERIAL@@ 2 3"),
        HEAD.replace(" 1 2 3", " ${serial} 2 3"),
    ],
)
def test_a_template_is_no_zone(tmp_path: Path, text: str) -> None:
    """A remark says so; it is not unread, as its result stands elsewhere or nowhere."""
    tree = write(tmp_path, {"db.example.com": HEAD, "templates/db.example.net": text})
    reading = bind.read(tree)
    assert zones(reading) == ["example.com"]
    assert unread(reading) == []
    assert reading.notes == ("template 'templates/db.example.net' with placeholders: no zones",)
    (tmp_path / "db.example.com").unlink()
    alone = FolderTree(tmp_path)
    assert bind.detect(alone) == "'templates/db.example.net' is a template of a master file"
    with pytest.raises(SourceError, match="read what they are made into"):
        bind.read(alone)


def test_macros_and_braces_of_records_are_no_placeholders(tmp_path: Path) -> None:
    """SPF macros, $GENERATE's own braces, a brace in a comment."""
    text = HEAD + (
        '@ TXT "v=spf1 exists:%{i}._spf.%{d} -all" ; {note}\n$GENERATE 1-2 h${0,3,d} A 192.0.2.$\n'
    )
    assert names(read(tmp_path, text)) == ["example.com", "h001.example.com", "h002.example.com"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a A 192.0.2.300", "not an IPv4 address"),
        ("a NSAPP x", "not a record type"),
        ("a MX mx", "a preference and a host"),
        ("$MAGIC x", "not a directive"),
        ('a TXT "x', "not closed"),
        ("a TXT ( x", "never closed"),
        ("a CH TXT x", "only records of class IN"),
    ],
)
def test_a_broken_line_makes_its_zone_unknown(tmp_path: Path, line: str, says: str) -> None:
    """It is named with its line, and what stands beside it in the repository is read."""
    tree = write(
        tmp_path,
        {
            "db.example.com": HEAD + f"ok A 192.0.2.1\n{line}\n",
            "db.example.net": "$TTL 60\n" + SOA + "a A 192.0.2.1\n",
        },
    )
    reading = bind.read(tree)
    [(place, problem, of)] = unread(reading)
    assert (place, of) == ("db.example.com:5", ["example.com"])
    assert says in problem
    assert "a.example.net" in names(reading)


def test_every_broken_line_of_a_file_is_named(tmp_path: Path) -> None:
    """So that one run shows them all; of very many, the first ones."""
    reading = read(tmp_path, HEAD + "a A x\nb A 192.0.2.1\nc A y\n")
    assert [place for place, _, _ in unread(reading)] == [
        "example.com.zone:4",
        "example.com.zone:6",
    ]
    assert len(unread(read(tmp_path, HEAD + "a A x\n" * 1000))) == 20


def test_two_files_for_one_zone_in_one_folder(tmp_path: Path) -> None:
    """named would serve one of them and refuse the other: the zone is unknown."""
    tree = write(
        tmp_path,
        {"db.example.com": HEAD + "a A 192.0.2.1\n", "example.com.zone": HEAD + "b A 192.0.2.1\n"},
    )
    [(place, problem, of)] = unread(bind.read(tree))
    assert (place, of) == ("example.com.zone:3", ["example.com"])
    assert "'db.example.com' and 'example.com.zone' are both the zone" in problem


def test_two_files_for_one_zone_in_two_folders_are_views(tmp_path: Path) -> None:
    """What a resolver sees inside and outside; said, and each audited by itself."""
    tree = write(
        tmp_path,
        {
            "internal/db.example.com": HEAD + "a A 192.0.2.1\n",
            "external/db.example.com": HEAD + "a A 192.0.2.2\n",
        },
    )
    reading = bind.read(tree)
    assert unread(reading) == []
    assert [(z.apex.text, z.view) for z in reading.zones] == [
        ("example.com", "external"),
        ("example.com", "internal"),
    ]
    assert {r.view for r in reading.records} == {"external", "internal"}
    assert any("view" in note for note in reading.notes)


def test_the_same_zone_twice_is_read_once(tmp_path: Path) -> None:
    """A copy, a link, a signed form."""
    tree = write(
        tmp_path,
        {
            "db.example.com": HEAD + "a A 192.0.2.1\n",
            "copy/db.example.com": HEAD + "a A 192.0.2.1\n",
            "db.example.com.signed": HEAD + "a A 192.0.2.1\na TYPE65280 \\# 1 00\n",
        },
    )
    (tmp_path / "link.zone").symlink_to("db.example.com")
    reading = bind.read(tree)
    assert unread(reading) == []
    assert [(z.apex.text, z.view) for z in reading.zones] == [("example.com", "")]
    assert len(names(reading)) == 1
    assert sum("again" in note for note in reading.notes) == 3


def test_linked_zones_are_zones_of_their_own(tmp_path: Path) -> None:
    """Many parked zones are links to one file without an origin."""
    tree = write(tmp_path, {"parking": "$TTL 60\n" + SOA + '@ TXT "v=spf1 -all"\n'})
    for name in ("db.example.com", "db.example.net"):
        (tmp_path / name).symlink_to("parking")
    reading = bind.read(tree)
    assert unread(reading) == []
    assert any("'parking' is read under its other names" in note for note in reading.notes)
    assert zones(reading) == ["example.com", "example.net"]
    assert [r.origin.where for r in reading.records if r.rdtype == "TXT"] == [
        "db.example.com",
        "db.example.net",
    ]


def test_a_file_that_nothing_says_the_zone_of_is_named(tmp_path: Path) -> None:
    """Once, with what would say it."""
    tree = write(tmp_path, {"db.example.com": HEAD, "parking": "$TTL 60\n" + SOA + "a A x\n"})
    [(place, problem, of)] = unread(bind.read(tree))
    assert (place, of) == ("parking:None", [])
    assert "no $ORIGIN before its SOA" in problem


def test_a_symbolic_link_in_a_circle_is_no_file(tmp_path: Path) -> None:
    """Nor does a folder that contains itself hold the run."""
    write(tmp_path, {"db.example.com": HEAD})
    (tmp_path / "db.example.net").symlink_to(tmp_path / "db.example.net")
    (tmp_path / "folder").symlink_to(tmp_path)
    assert zones(bind.read(FolderTree(tmp_path))) == ["example.com"]


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("example.net.zone", b"$TTL 60\n\x00\x01\xff" * 100),
        ("db.example.net", b"\x7fELF\x00"),
        ("example.net.zone", ("$TTL 60\n" + SOA + "@ TXT schön\n").encode("latin-1")),
        ("example.net.zone", b"$TTL 60\n@ SOA ns1 host (\n 1 2 3"),
    ],
)
def test_a_binary_or_half_written_file_is_named(tmp_path: Path, name: str, octets: bytes) -> None:
    """Its zone is unknown; the zone beside it is read."""
    reading = bind.read(write(tmp_path, {name: octets, "db.example.com": HEAD}))
    [(_, _, of)] = unread(reading)
    assert of == ["example.net"]
    assert zones(reading) == ["example.com"]


def test_other_files_are_no_zones(tmp_path: Path) -> None:
    """Programs, documents and databases, even where they speak of SOA."""
    tree = write(
        tmp_path,
        {
            "README.md": "```\n@ IN SOA ns1 host 1 2 3 4 5\n```\n",
            "build.py": 'ZONE = """\n@ IN SOA ns1 host 1 2 3 4 5\n"""\n',
            "Makefile": "all:\n\t./build A SOA\n",
            "cache.users.db": b"SQLite format 3\x00",
            "notes": "the SOA is generated, and an MX record too\n",
            "serial": "2026112301\n",
        },
    )
    assert bind.detect(tree) is None
    with pytest.raises(SourceError, match=r"no master file: looked for files with an SOA"):
        bind.read(tree)


def test_an_empty_repository_says_what_was_looked_for(tmp_path: Path) -> None:
    """So that exit code 2 has a text."""
    assert bind.detect(FolderTree(tmp_path)) is None
    with pytest.raises(SourceError, match="looked for"):
        bind.read(FolderTree(tmp_path))


def test_a_single_file_of_any_name_is_a_zone(tmp_path: Path) -> None:
    """`sendgate repo export.csv` reads it if it is one."""
    write(tmp_path, {"export.csv": HEAD, "db.example.net": HEAD})
    reading = bind.read(FolderTree(tmp_path / "export.csv"))
    assert zones(reading) == ["example.com"]


def test_hostile_files_end(tmp_path: Path) -> None:
    """An entry of a million words, a tree of includes that doubles, parentheses without end."""
    doubling: dict[str, str | bytes] = {
        f"level{i}": f"$INCLUDE level{i + 1}\n" * 2 for i in range(20)
    }
    tree = write(
        tmp_path,
        {
            "db.example.com": HEAD,
            "db.words.example": HEAD + "a TXT (" + "ab " * 1_000_000 + ")\n",
            "db.parens.example": HEAD + "(" * 100_000,
            "db.levels.example": HEAD.replace("com", "net") + "$INCLUDE level0\n",
            "level20": "a A 192.0.2.1\n",
            "db.marks.example": HEAD + ";" * 200_000 + '"\n$ORIGIN ' + "a." * 100_000 + "!\n",
            "db.key.example": HEAD + "s._domainkey TXT a\n TXT " + f'"{"A" * 250}" ' * 300 + "!\n",
            **doubling,
        },
    )
    before = time.process_time()
    reading = bind.read(tree)
    assert time.process_time() - before < 20
    problems = " ".join(problem for _, problem, _ in unread(reading))
    assert "more than 65536 words" in problems
    assert "never closed" in problems
    assert "at most 1000 files" in problems


def test_a_zone_of_200_mib_is_refused_at_once(tmp_path: Path) -> None:
    """Named, its zone unknown, at the cost of reading its octets."""
    path = tmp_path / "db.example.net"
    with path.open("wb") as file:
        file.write(b"$TTL 60\n" + SOA.encode())
        file.truncate(200 * 1024 * 1024)
        file.seek(0, 2)
    with path.open("r+b") as file:
        line = b"host A 192.0.2.1\n" * 4096
        file.seek(len(b"$TTL 60\n" + SOA.encode()))
        while file.tell() < 200 * 1024 * 1024:
            file.write(line)
    write(tmp_path, {"db.example.com": HEAD})
    before = time.process_time()
    reading = bind.read(FolderTree(tmp_path))
    assert time.process_time() - before < 5
    [(_, problem, of)] = unread(reading)
    assert "more than 64 MiB" in problem
    assert of == ["example.net"]
    assert zones(reading) == ["example.com"]


def test_the_number_of_records_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one zone, and of all of them: what comes behind is unknown, what came before is read."""
    monkeypatch.setattr(bind, "MAX_RECORDS", 50)
    monkeypatch.setattr(bind, "MAX_IN_ALL", 95)
    lines = "".join(f"h{i} A 192.0.2.1\n" for i in range(40))
    tree = write(
        tmp_path,
        {f"db.{n}.example": "$TTL 60\n" + SOA + lines * (1 + (n == "b")) for n in "abcd"},
    )
    reading = bind.read(tree)
    assert zones(reading) == ["a.example", "c.example"]
    assert [(of, problem) for _, problem, of in unread(reading)] == [
        (["b.example"], "the zone has more than 50 records"),
        (["d.example"], "with it, all zones have more than 95 records"),
    ]


@pytest.mark.skipif(shutil.which("named-compilezone") is None, reason="BIND is not installed")
def test_named_reads_the_same_records(tmp_path: Path) -> None:
    """The records of an awkward zone are those that BIND's own reader gives."""
    text = (
        HEAD
        + r"""
    NS ns1
    NS ns2.example.net.
ns1 A 192.0.2.53
mail.sub 1h IN MX 10 mx ; comment
     IN 1h MX 20 mx.example.net.
$ORIGIN sub
@ TXT v=DMARC1; p=reject
txt TXT ( "a b" c
   "d\"e\;f" )
$GENERATE 1-3/2 h${0,2,d} CNAME t$.example.net.
\052.wild A 192.0.2.9
"""
    )
    reading = read(tmp_path, text)
    out = tmp_path / "out"
    subprocess.run(
        ["named-compilezone", "-k", "ignore", "-n", "ignore", "-i", "none", "-o", str(out),
         "example.com", str(tmp_path / "example.com.zone")],
        check=True, capture_output=True,
    )  # fmt: skip
    again = bind.read(write(tmp_path / "again", {"example.com.zone": out.read_bytes()}))
    values = [{(r.name, r.rdtype, r.ttl, r.data) for r in x.records} for x in (reading, again)]
    assert values[0] == values[1]


@pytest.mark.parametrize("line", ["* MX 10 mx.example.com.", '*.news TXT "v=spf1 -all"'])
def test_a_file_of_wildcards_alone_is_a_zone_file(tmp_path: Path, line: str) -> None:
    """A star that begins a line is a name, unlike one of a comment in a program."""
    [record] = read(tmp_path, f"$TTL 60\n{line}\n", "example.com.zone").records
    assert record.name.text.startswith("*")
