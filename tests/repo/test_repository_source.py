"""What a repository does not show is unknown; only what it would publish as absent is absent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import txt

from sendgate.dns.answers import (
    Answer,
    Failed,
    NoData,
    NxDomain,
    Origin,
    Question,
    Rdata,
    Reason,
    Records,
    Target,
)
from sendgate.dns.double import DnsDouble
from sendgate.dns.overlay import OverlaySource
from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain
from sendgate.repo.reading import DeclaredZone, Hidden, Place, Reading, Unread
from sendgate.repo.source import RepositorySource, views_of

ZONE = Domain("example.com")


def record(name: str, rdtype: str, data: Rdata, zone: Domain = ZONE, view: str = "") -> ZoneRecord:
    origin = Origin("file", "example.com.yaml", 3)
    return ZoneRecord(Domain(name), rdtype, 300, data, origin, zone, view)


def reading(*records: ZoneRecord, **zone: object) -> Reading:
    declared = replace(DeclaredZone(ZONE, Place("example.com.yaml", 1)), **zone)  # type: ignore[arg-type]
    return Reading("test", "made by hand", records, (declared,))


SPF = record("example.com", "TXT", txt("v=spf1 -all"))


async def ask(made: Reading, name: str, rdtype: str = "TXT") -> Answer:
    return await RepositorySource(made).ask(Question(Domain(name), rdtype))


async def test_a_whole_zone_proves_absence() -> None:
    """A name or type that a whole zone does not list will not exist; the zone's place says so."""
    assert isinstance(await ask(reading(SPF), "example.com", "MX"), NoData)
    answer = await ask(reading(SPF), "_dmarc.example.com")
    assert isinstance(answer, NxDomain)
    assert str(answer.origin) == "example.com.yaml:1"


async def test_an_unread_zone_is_unknown_as_a_whole() -> None:
    """Every question inside names the file and line that could not be read, listed names too."""
    unread = Unread(Place("example.com.yaml", 7), "not a record", (ZONE,))
    for name in ("example.com", "nowhere.example.com"):
        answer = await ask(replace(reading(SPF), unread=(unread,)), name)
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.UNREADABLE
        assert answer.detail == "'example.com.yaml':7: not a record"


async def test_an_unread_zone_needs_no_declaration() -> None:
    """The zone of a file that gave nothing at all is unknown, not outside."""
    other = Domain("example.net")
    unread = (Unread(Place("example.net.yaml"), "binary", (other,)),)
    made = replace(reading(SPF), unread=unread)
    answer = await ask(made, "www.example.net")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.UNREADABLE


async def test_what_another_source_may_hold_is_not_absent() -> None:
    """In an incomplete zone a missing name, a missing type and a wildcard's answer are unknown."""
    star = record("*.example.com", "TXT", txt("v=spf1 -all"))
    made = reading(SPF, star, incomplete="another source feeds the zone")
    for name, rdtype in (("a.example.com", "TXT"), ("example.com", "MX")):
        answer = await ask(made, name, rdtype)
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.INCOMPLETE
    assert isinstance(await ask(made, "example.com"), Records)
    assert isinstance(await ask(made, "example.com", "SOA"), NoData)  # tells the zone's apex


async def test_names_left_to_others_are_not_absent() -> None:
    """A pattern of ignored names covers these names alone."""
    made = reading(SPF, ignored=(r"^_acme-challenge\.",))
    answer = await ask(made, "_acme-challenge.example.com")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.INCOMPLETE
    assert isinstance(await ask(made, "www.example.com"), NxDomain)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", r"(.*)\1", ".*.*.*.*.*x"])
async def test_a_costly_pattern_is_not_run(pattern: str) -> None:
    """A pattern made to take for ever, or that is none, leaves every name unknown at once."""
    answer = await ask(reading(SPF, ignored=(pattern,)), "a" * 60 + ".example.com")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.INCOMPLETE


async def test_hidden_data_exists() -> None:
    """A record known only after a plan is applied is there, and a hidden NS leads out."""
    place = Place("main.tf", 4)
    hidden = tuple(
        Hidden(Domain(name), rdtype, ZONE, place, "known after apply")
        for name, rdtype in (("a.b.example.com", "TXT"), ("sub.example.com", "NS"))
    )
    made = replace(reading(SPF), hidden=hidden)
    answer = await ask(made, "a.b.example.com")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.HIDDEN
    assert isinstance(await ask(made, "a.b.example.com", "MX"), NoData)
    assert isinstance(await ask(made, "b.example.com"), NoData)
    answer = await ask(made, "x.sub.example.com")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.NOT_ASKED


async def test_outside_is_not_asked() -> None:
    """Below a delegation that leads out, and in no zone, nothing is asked; aliases are kept."""
    away = record("a.example.com", "CNAME", Target(Domain("b.example.net")))
    cut = record("sub.example.com", "NS", Target(Domain("ns.example.net")))
    left = record("x.sub.example.com", "TXT", txt("never answered"))
    made = reading(SPF, away, cut, left)
    for name in ("a.example.com", "x.sub.example.com", "example.org"):
        answer = await ask(made, name)
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.NOT_ASKED
        assert len(answer.aliases) == (name == "a.example.com")


async def test_live_dns_fills_what_the_repository_leaves_open() -> None:
    """Laid over live DNS, open names are asked there; whole zones and unread ones are not."""
    live = DnsDouble({("a.example.com", "TXT"): [txt("live")]})
    question = Question(Domain("a.example.com"), "TXT")
    open_zone = RepositorySource(reading(SPF, incomplete="a plan is partial"), open_ended=True)
    answer = await OverlaySource(open_zone, live).ask(question)
    assert isinstance(answer, Records)
    whole = RepositorySource(reading(SPF), open_ended=True)
    assert isinstance(await OverlaySource(whole, live).ask(question), NxDomain)
    unread = replace(reading(SPF), unread=(Unread(Place("f"), "binary", (ZONE,)),))
    answer = await OverlaySource(RepositorySource(unread, open_ended=True), live).ask(question)
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.UNREADABLE


async def test_views_are_read_apart() -> None:
    """Zones of one name in two views do not mix; a zone without a view is in both."""
    zones = tuple(DeclaredZone(ZONE, Place("c.js"), view=view) for view in ("inside", "outside"))
    records = tuple(
        record("example.com", "TXT", txt(f"v=spf1 include:{view}.example.net -all"), view=view)
        for view in ("inside", "outside")
    )
    made = Reading("test", "", records, zones)
    assert views_of(made) == ("inside", "outside")
    for view in views_of(made):
        answer = await RepositorySource(made, view).ask(Question(ZONE, "TXT"))
        assert isinstance(answer, Records)
        assert [view in str(r.data) for r in answer.records] == [True]
