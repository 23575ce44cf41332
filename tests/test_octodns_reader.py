"""The reader of octoDNS repositories finds what a real repository holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from octodns_reader import ALIAS, read_octodns

from sendgate.dns.answers import Address, Mx, NoData, Question, Records, Txt
from sendgate.dns.zonefile import ZoneRecord
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain


@pytest.fixture(scope="module")
def moj(suites: Path) -> list[ZoneRecord]:
    return read_octodns(suites / "dns-repos" / "moj-octodns" / "hostedzones")


def kind(record: ZoneRecord) -> str:
    return ALIAS if record.data == Address(None) else record.rdtype


def test_the_counts_are_those_of_octodns_itself(moj: list[ZoneRecord]) -> None:
    """405 zones, 4,222 RRsets, 6,549 values, as octoDNS counts them."""
    assert len({record.zone for record in moj}) == 405
    assert Counter(map(kind, moj)) == {
        "A": 439, "CAA": 586, "CNAME": 796, "MX": 411, "NS": 2384, "PTR": 11,
        "SRV": 57, "TXT": 1661, ALIAS: 204,
    }  # fmt: skip
    rrsets = {(record.zone, record.name, kind(record)) for record in moj}
    assert len(rrsets) == 4222
    assert Counter(rdtype for _, _, rdtype in rrsets) == {
        "A": 416, "CAA": 297, "CNAME": 796, "MX": 372, "NS": 597, "PTR": 11,
        "SRV": 27, "TXT": 1502, ALIAS: 204,
    }  # fmt: skip
    assert len({record.name for record in moj}) == 3096
    assert len({r.name for r in moj if r.name.labels[0] == "*"}) == 296
    assert len({(r.zone, r.name) for r in moj if r.rdtype == "NS" and r.name != r.zone}) == 192


def test_every_value_is_at_its_own_line(moj: list[ZoneRecord], suites: Path) -> None:
    """The line of a known defect holds the value that the record has."""
    expected = (suites / "dns-repos" / "EXPECTED.tsv").read_text("utf-8").splitlines()[1:]
    known = [line.split("\t") for line in expected if line.startswith("moj-octodns")]
    assert len(known) == 23
    places = {(r.origin.where, r.origin.line): r for r in moj}
    for _, file, line, name, rdtype, *_ in known:
        record = places[file, int(line)]
        assert (record.name, record.rdtype) == (Domain.parse(name), rdtype)


async def test_zones_of_the_repository_answer(moj: list[ZoneRecord]) -> None:
    """A provider alias is an address whose value is not known; names beside it behave."""
    source = ZoneSource(moj)
    alias = next(record for record in moj if record.data == Address(None))
    answer = await source.ask(Question(alias.name, alias.rdtype))
    assert isinstance(answer, Records)
    assert Address(None) in list(answer.of(Address))
    assert isinstance(await source.ask(Question(alias.name, "HINFO")), NoData)


def test_each_spelling_of_a_value_is_read(tmp_path: Path) -> None:
    """Escaped semicolons, outer quotes, joined strings, inner quotes; both spellings of MX."""
    zones = tmp_path / "zones"
    zones.mkdir()
    (zones / "octodns.yaml").write_text("providers: {}\n")
    (zones / "example.com.yaml").write_text(
        r"""
'':
  - type: TXT
    values:
      - v=DMARC1\; p=reject
      - '"a" "b"'
      - 'x""y'
  - type: MX
    values:
      exchange: mx1.example.net
      preference: 10
sub:
  type: MX
  ttl: 60
  value: {value: mx2.example.net., priority: 5}
""".lstrip()
    )
    records = read_octodns(zones)
    texts = [r.data.text for r in records if isinstance(r.data, Txt)]
    assert texts == ["v=DMARC1; p=reject", "ab", 'x""y']
    hosts = [(r.name.text, r.ttl, r.data) for r in records if isinstance(r.data, Mx)]
    assert hosts == [
        ("example.com", 3600, Mx(10, Domain("mx1.example.net"))),
        ("sub.example.com", 60, Mx(5, Domain("mx2.example.net"))),
    ]
    assert [r.origin.line for r in records] == [4, 5, 6, 9, 14]
    assert {r.origin.where for r in records} == {"zones/example.com.yaml"}


def test_a_long_text_is_cut_into_strings_of_255_octets(tmp_path: Path) -> None:
    """What octoDNS publishes fits the wire however long the value."""
    (tmp_path / "example.com.yaml").write_text(f"'': {{type: TXT, value: {'x' * 600}}}\n")
    [record] = read_octodns(tmp_path)
    assert isinstance(record.data, Txt)
    assert [len(string) for string in record.data.strings] == [255, 255, 90]
