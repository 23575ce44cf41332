"""Zones in memory answer as an authoritative server would, and keep what rules judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Origin,
    Question,
    Reason,
    Records,
    Target,
)
from sendgate.dns.zonefile import ZoneRecord
from sendgate.dns.zones import Elsewhere, ZoneSource
from sendgate.errors import InternalError
from sendgate.names import Domain

HEAD = "$TTL 300\n$ORIGIN example.com.\n@ SOA ns1 host 1 2 3 4 300\n@ NS ns1\n"


def zones(folder: Path, text: str, name: str = "bad.zone") -> ZoneSource:
    path = folder / name
    path.write_text(text)
    return ZoneSource.from_files([path])


async def ask(source: ZoneSource, name: str, rdtype: str) -> Answer:
    return await source.ask(Question(Domain.parse(name), rdtype))


async def test_records_know_file_line_and_zone(tmp_path: Path) -> None:
    """Data has its own line; an absence has the file and the zone that says so."""
    source = zones(tmp_path, HEAD + "a TXT x\na 60 TXT y\n")
    where = str(tmp_path / "bad.zone")
    answer = await ask(source, "A.Example.com", "TXT")
    assert isinstance(answer, Records)
    assert [r.origin for r in answer.records] == [Origin("file", where, n) for n in (5, 6)]
    assert (answer.ttl, answer.authentic, answer.wildcard) == (60, False, None)
    nodata = await ask(source, "a.example.com", "MX")
    assert isinstance(nodata, NoData)
    assert (nodata.zone, nodata.origin) == (Domain("example.com"), Origin("file", where))
    nothing = await ask(source, "b.example.com", "MX")
    assert isinstance(nothing, NxDomain)
    assert (nothing.zone, nothing.assumed) == (Domain("example.com"), False)


async def test_an_rrset_is_a_set(tmp_path: Path) -> None:
    """A record written twice counts once (RFC 2181 section 5), in one file or in two."""
    (tmp_path / "one").write_text(HEAD + "a TXT x\na TXT x\n")
    (tmp_path / "two").write_text("$ORIGIN example.com.\na 300 TXT x\na 300 TXT y\n")
    source = ZoneSource.from_files([tmp_path / "one", tmp_path / "two"])
    assert [str(r.data) for r in source.records() if r.rdtype == "TXT"] == ["x", "y"]


async def test_an_alias_keeps_what_stands_beside_it(tmp_path: Path) -> None:
    """A CNAME wins over the data beside it, and rules see both, and the further CNAMEs."""
    source = zones(tmp_path, HEAD + "a CNAME b\na MX 10 b\na TXT x\na CNAME c\nb MX 5 b\n")
    answer = await ask(source, "a.example.com", "MX")
    assert isinstance(answer, Records)
    [alias] = answer.aliases
    assert (alias.name.text, alias.target.text) == ("a.example.com", "b.example.com")
    assert alias.beside == ("MX", "TXT")
    assert alias.others == (Domain("c.example.com"),)
    assert alias.origin.line == 5
    assert answer.owner == Domain("b.example.com")
    cname = await ask(source, "a.example.com", "CNAME")
    assert isinstance(cname, Records)
    assert [d.name.text for d in cname.of(Target)] == ["b.example.com", "c.example.com"]


async def test_wildcards_are_visible(tmp_path: Path) -> None:
    """The `*` name is on the answer, also where only an alias was made from it."""
    source = zones(
        tmp_path,
        HEAD + "*.w TXT x\n*.c CNAME a.w\n*.d CNAME out.example.net.\n*.e CNAME missing\n",
    )
    for name, rdtype, star in [
        ("q.w.example.com", "TXT", "*.w.example.com"),
        ("q.w.example.com", "MX", "*.w.example.com"),
        ("q.c.example.com", "TXT", "*.c.example.com"),
    ]:
        answer = await ask(source, name, rdtype)
        assert isinstance(answer, Records | NoData)
        assert answer.wildcard == Domain(star)
    literal = await ask(source, "*.w.example.com", "TXT")
    assert isinstance(literal, Records)
    assert literal.wildcard is None
    found = source.look_up(Question(Domain("q.d.example.com"), "A"))
    assert isinstance(found, Elsewhere)
    assert (found.name.text, found.wildcard) == ("out.example.net", Domain("*.d.example.com"))
    missing = await ask(source, "q.e.example.com", "A")
    assert isinstance(missing, NxDomain)
    assert missing.aliases[0].target == Domain("missing.example.com")


async def test_a_loop_fails_and_shows_its_aliases(tmp_path: Path) -> None:
    """A chain that returns to itself, or never ends, is nobody's answer."""
    chain = "".join(f"c{i} CNAME c{i + 1}\n" for i in range(40))
    source = zones(tmp_path, HEAD + "a CNAME b\nb CNAME a\nself CNAME self\n" + chain)
    for name, count in [("a.example.com", 2), ("self.example.com", 1), ("c0.example.com", 17)]:
        answer = await ask(source, name, "TXT")
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.ALIAS_LOOP
        assert len(answer.aliases) == count


async def test_what_lies_outside_is_not_asked(tmp_path: Path) -> None:
    """Other names, names at or below a delegation with its glue, and chains that leave."""
    source = zones(
        tmp_path,
        HEAD + "sub NS ns.sub\nsub TXT hidden\nns.sub A 192.0.2.1\nout CNAME a.example.net.\n",
    )
    for name in ("example.net", "com", ".", "sub.example.com", "ns.sub.example.com"):
        answer = await ask(source, name, "A")
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.NOT_ASKED
        assert not source.covers(Domain.parse(name))
    left = await ask(source, "out.example.com", "A")
    assert isinstance(left, Failed)
    assert (left.reason, left.aliases[0].target.text) == (Reason.NOT_ASKED, "a.example.net")
    assert "a.example.net" in left.detail
    assert source.covers(Domain("out.example.com"))
    assert source.covers(Domain("subx.example.com"))


async def test_a_child_zone_answers_below_its_cut(tmp_path: Path) -> None:
    """The parent's glue is not the child's data, and DS is asked of the parent."""
    (tmp_path / "example.com").write_text(
        HEAD + "sub NS ns.sub\nns.sub A 192.0.2.1\nsub DS 1 13 2 " + "0" * 64 + "\n"
    )
    (tmp_path / "sub.example.com").write_text(
        "$TTL 9\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n@ MX 10 m\n"
    )
    for order in (("example.com", "sub.example.com"), ("sub.example.com", "example.com")):
        source = ZoneSource.from_files(tmp_path / name for name in order)
        assert isinstance(await ask(source, "sub.example.com", "MX"), Records)
        assert isinstance(await ask(source, "ns.sub.example.com", "A"), NxDomain)
        assert isinstance(await ask(source, "sub.example.com", "DS"), Records)
        assert source.covers(Domain("a.sub.example.com"))


async def test_one_file_may_hold_several_zones(tmp_path: Path) -> None:
    """Each SOA begins one; a chain may lead from one into the other."""
    source = zones(
        tmp_path,
        HEAD
        + "a CNAME a.example.net.\n$ORIGIN example.net.\n@ SOA ns1 host 1 2 3 4 300\na TXT x\n",
    )
    assert source.zones == (Domain("example.com"), Domain("example.net"))
    answer = await ask(source, "a.example.com", "TXT")
    assert isinstance(answer, Records)
    assert answer.owner == Domain("a.example.net")


async def test_the_root_zone_answers_for_everything(tmp_path: Path) -> None:
    """One file for the root: names in it exist, their parents are empty, the rest is not there."""
    source = zones(
        tmp_path,
        "$TTL 300\n$ORIGIN .\n@ SOA ns host 1 2 3 4 5\n_dmarc.example.com TXT x\n* MX 0 .\n",
    )
    assert isinstance(await ask(source, "_dmarc.example.com", "TXT"), Records)
    assert isinstance(await ask(source, "com", "TXT"), NoData)
    assert isinstance(await ask(source, "_dmarc.com", "TXT"), NxDomain)
    assert isinstance(await ask(source, ".", "SOA"), Records)
    wild = await ask(source, "org", "MX")
    assert isinstance(wild, Records)
    assert wild.wildcard == Domain("*")


async def test_a_zone_may_hold_nothing() -> None:
    """A repository may declare a zone without records: its apex exists, nothing else does."""
    source = ZoneSource([], [Domain("example.com")])
    assert isinstance(await ask(source, "example.com", "MX"), NoData)
    assert isinstance(await ask(source, "a.b.example.com", "MX"), NxDomain)


async def test_a_provider_alias_is_an_address_not_known() -> None:
    """An ALIAS of a DNS provider answers for its own type alone."""
    apex = Domain("example.com")
    record = ZoneRecord(apex, "A", 60, Address(None), Origin("file", "x.yaml", 3), apex)
    source = ZoneSource([record])
    answer = await ask(source, "example.com", "A")
    assert isinstance(answer, Records)
    assert [data.ip for data in answer.of(Address)] == [None]
    assert isinstance(await ask(source, "example.com", "AAAA"), NoData)


async def test_a_dname_renames_what_lies_below(tmp_path: Path) -> None:
    """RFC 6672: names below it are aliases, its own name is not; too long a target is none."""
    label = ".".join(["x" * 60] * 3)
    source = zones(tmp_path, HEAD + f"d DNAME {'y' * 60}.{'y' * 60}\ne DNAME f\na.b.f TXT x\n")
    answer = await ask(source, "a.b.e.example.com", "TXT")
    assert isinstance(answer, Records)
    assert answer.aliases[0].target == Domain("a.b.f.example.com")
    assert isinstance(await ask(source, "e.example.com", "TXT"), NoData)
    assert isinstance(await ask(source, f"{label}.d.example.com", "TXT"), NxDomain)


async def test_a_record_outside_its_zone_is_a_slip_of_ours() -> None:
    """A reader that puts a record into the wrong zone is told at once."""
    record = ZoneRecord(
        Domain("a.example"), "A", 60, Address(None), Origin("file", "x", 1), Domain("b.example")
    )
    with pytest.raises(InternalError):
        ZoneSource([record])
