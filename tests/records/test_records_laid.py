"""Edits laid over a source are answered as a zone that has them would answer."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from records_back import laid_over

from sendgate.dns.answers import (
    Answer,
    Failed,
    Mx,
    NxDomain,
    Origin,
    Question,
    Rdata,
    Reason,
    Records,
    Soa,
    Target,
)
from sendgate.dns.zonefile import ZoneRecord
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain
from sendgate.records.laid import laid_over as with_edits
from sendgate.records.plan import Edit, text_data

ZONE = Domain("example.com")
HERE = Origin("file", "x", 1)
NAMES = [
    Domain(f"{label}example.com") for label in ("", "a.", "b.", "x.a.", "y.x.a.", "*.", "*.a.")
]
ASKED = [n for n in NAMES if "*" not in n.text] + [
    Domain("q.b.example.com"),
    Domain("z.example.com"),
]
TARGETS = [n for n in ASKED if n != ZONE]
SOA = ZoneRecord(ZONE, "SOA", 300, Soa(ZONE, ZONE, 1, 300), HERE, ZONE)


@st.composite
def rrsets(draw: st.DrawFn, names: list[Domain]) -> dict[tuple[Domain, str], tuple[Rdata, ...]]:
    found: dict[tuple[Domain, str], tuple[Rdata, ...]] = {}
    for name in draw(st.lists(st.sampled_from(names), max_size=4, unique=True)):
        if name != ZONE and draw(st.booleans()):
            found[name, "CNAME"] = (Target(draw(st.sampled_from(TARGETS))),)
            continue
        for kind in draw(st.lists(st.sampled_from(["TXT", "MX"]), min_size=1, unique=True)):
            data = text_data(draw(st.sampled_from("abc"))) if kind == "TXT" else Mx(1, ZONE)
            found[name, kind] = (data,)
    return found


def records(sets: dict[tuple[Domain, str], tuple[Rdata, ...]]) -> list[ZoneRecord]:
    return [
        ZoneRecord(name, kind, 300, one, HERE, ZONE)
        for (name, kind), d in sets.items()
        for one in d
    ]


def shown(answer: Answer) -> tuple[object, ...]:
    """What a resolver would see: the kind of answer, the aliases, the data."""
    data = {str(r.data) for r in answer.records} if isinstance(answer, Records) else set()
    why = answer.reason if isinstance(answer, Failed) else None
    aliases = [] if isinstance(answer, Failed) else [a.target.text for a in answer.aliases]
    return type(answer).__name__, tuple(aliases), frozenset(data), why


@settings(max_examples=400, deadline=None)
@given(st.data())
async def test_laid_over_is_as_if_published(data: st.DataObject) -> None:
    """Wildcards, aliases in and out of the edits, names between: as RFC 1034 and 4592 have it."""
    base, new = data.draw(rrsets(NAMES)), data.draw(rrsets(ASKED))
    published = [SOA, *records(base)]
    edits = [Edit(n, kind, d, "it is so", "shown") for (n, kind), d in new.items()]
    laid = with_edits(ZoneSource(published), edits)
    whole = ZoneSource(laid_over(published, records(new)))
    for name in ASKED:
        for kind in ("TXT", "MX", "A", "CNAME"):
            question = Question(name, kind)
            assert shown(await laid.ask(question)) == shown(await whole.ask(question)), question


async def test_a_removal_leaves_nothing_there() -> None:
    """A set that is removed is not there, and its alias is not followed."""
    base = records({(NAMES[1], "CNAME"): (Target(NAMES[2]),), (NAMES[2], "TXT"): (text_data("b"),)})
    laid = with_edits(ZoneSource([SOA, *base]), [Edit(NAMES[1], "CNAME", (), "", "dmarc")])
    for kind in ("CNAME", "TXT"):
        answer = await laid.ask(Question(NAMES[1], kind))
        assert not isinstance(answer, Records | NxDomain | Failed)
        assert answer.aliases == ()


async def test_below_a_proposed_delegation_nothing_is_known() -> None:
    """What its servers will say is not absent, but unknown."""
    laid = with_edits(ZoneSource([SOA]), [Edit(NAMES[1], "NS", (Target(NAMES[2]),), "", "path")])
    for name in (NAMES[1], NAMES[3]):
        answer = await laid.ask(Question(name, "TXT"))
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.NOT_ASKED


async def test_a_failure_below_stays_one() -> None:
    """What could not be read is not absent, whatever is proposed beside it."""
    laid = with_edits(ZoneSource([]), [Edit(NAMES[1], "TXT", (text_data("x"),), "", "spf")])
    answer = await laid.ask(Question(NAMES[1], "MX"))
    assert isinstance(answer, Failed)
    assert replace(answer, detail="").reason is Reason.NOT_ASKED
