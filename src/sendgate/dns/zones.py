"""Zones held in memory, answered as an authoritative server would (RFC 1034 4.3.2, RFC 4592).

    records ──► ZoneSource ──► Answer, or `Elsewhere`: a chain or a name that leads outside

A name lies in the deepest zone at or above it. Below a zone's own delegation nothing is
answered from that zone, glue included, unless the child zone is given too; only the NS records
of the delegation are, as a server refers to them. Each question
costs a few dictionary look-ups however many records there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sendgate.dns.answers import (
    MAX_ALIASES,
    Alias,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Origin,
    Question,
    Rdata,
    Reason,
    Record,
    Records,
    Target,
)
from sendgate.dns.zonefile import ZoneRecord, read_zone_file
from sendgate.errors import DomainError, InternalError
from sendgate.names import Domain

__all__ = ["Elsewhere", "Step", "ZoneSource"]

RRsets = dict[str, dict[Rdata, ZoneRecord]]  # by type, then by data


@dataclass(frozen=True)
class Elsewhere:
    """The zones cannot answer: `name` is outside them, reached over `aliases` (may be none).

    `wildcard` is the `*` name that the first of the aliases was made from, if any.
    """

    name: Domain
    aliases: tuple[Alias, ...] = ()
    wildcard: Domain | None = None


@dataclass(frozen=True)
class Step:
    """A name reached while answering.

    `rrsets` is None where the zone has no such name; `wildcard` is what they come from, if
    anything; `aliases` led here.
    """

    question: Question
    zone: Domain
    name: Domain
    rrsets: RRsets | None
    wildcard: Domain | None
    aliases: tuple[Alias, ...]


@dataclass
class _Zone:
    """One zone: its owners with their RRsets, every name that exists, and its cuts."""

    apex: Domain
    owners: dict[str, RRsets] = field(default_factory=dict)
    exists: set[str] = field(default_factory=set)
    cuts: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)  # owners of a DNAME
    origin: Origin = field(default_factory=lambda: Origin("file", "(the zones given)"))

    def __post_init__(self) -> None:
        self.exists.add(self.apex.text)

    def add(self, record: ZoneRecord) -> None:
        """Take a record in; its name must lie in the zone."""
        name = record.name
        if not name.is_under(self.apex):
            raise InternalError(f"{name} does not lie in the zone {self.apex}")
        if not self.owners:
            self.origin = Origin(record.origin.kind, record.origin.where)
        rrset = self.owners.setdefault(name.text, {}).setdefault(record.rdtype, {})
        rrset.setdefault(record.data, record)  # RFC 2181 section 5: an RRset is a set
        if record.rdtype == "NS" and name != self.apex:
            self.cuts.add(name.text)
        if record.rdtype == "DNAME":
            self.renamed.add(name.text)
        while name.text not in self.exists:  # the empty non-terminals above it too
            self.exists.add(name.text)
            name = name.parent

    def inner(self, name: Domain) -> Iterator[Domain]:
        """List the name and those above it, below the apex."""
        while name != self.apex:
            yield name
            name = name.parent

    def cut_above(self, name: Domain, rdtype: str) -> Domain | None:
        """Find the delegation that the name lies at or below; a DS record is the parent's."""
        cuts = [above for above in self.inner(name) if above.text in self.cuts]
        if not cuts or (rdtype == "DS" and cuts == [name]):
            return None
        return cuts[-1]

    def renaming(self, name: Domain) -> RRsets | None:
        """Make the CNAME that a DNAME above the name stands for (RFC 6672), if there is one."""
        for owner in reversed([below.parent for below in self.inner(name)]):
            if owner.text in self.renamed:
                dname = next(iter(self.owners[owner.text]["DNAME"].values()))
                kept = name.wire_labels[: len(name.labels) - len(owner.labels)]
                data = Target(Domain.from_labels((*kept, *_target(dname.data).wire_labels)))
                return {"CNAME": {data: replace(dname, name=name, rdtype="CNAME", data=data)}}
        return None

    def find(self, name: Domain) -> tuple[RRsets | None, Domain | None]:
        """Find a name's RRsets, None where it does not exist, and the wildcard they came from."""
        if self.renamed:
            try:
                renamed = self.renaming(name)
            except DomainError:  # too long to be a name: RFC 6672 section 2.2 has none there
                return None, None
            if renamed is not None:
                return renamed, None
        if name.text in self.exists:
            return self.owners.get(name.text, {}), None
        encloser = name.parent
        while encloser.text not in self.exists:
            encloser = encloser.parent
        wildcard = Domain("*" if encloser.text == "." else f"*.{encloser.text}")
        if wildcard.text in self.exists:  # RFC 4592 section 2.2.1: it may own nothing
            return self.owners.get(wildcard.text, {}), wildcard
        return None, None


class ZoneSource:
    """The zones of a set of records, as a `DnsSource`.

    The zones are those that the records name, and `zones` (which may hold none). A name
    outside them is `Failed(NOT_ASKED)`: lay the zones over another source to go on there.
    """

    def __init__(self, records: Iterable[ZoneRecord], zones: Iterable[Domain] = ()) -> None:
        self._zones = {apex.text: _Zone(apex) for apex in zones}
        for record in records:
            zone = self._zones.get(record.zone.text)
            if zone is None:
                zone = self._zones[record.zone.text] = _Zone(record.zone)
            zone.add(record)

    @classmethod
    def from_files(cls, paths: Iterable[str | Path]) -> ZoneSource:
        """Read the zones of master files; raise `SourceError` with file and line."""
        return cls([record for path in paths for record in read_zone_file(path)])

    @property
    def zones(self) -> tuple[Domain, ...]:
        """The apexes, in the order of the records."""
        return tuple(zone.apex for zone in self._zones.values())

    def records(self) -> Iterator[ZoneRecord]:
        """Every record, repetitions left out: zone by zone, owner by owner."""
        for zone in self._zones.values():
            for rrsets in zone.owners.values():
                for rrset in rrsets.values():
                    yield from rrset.values()

    def covers(self, name: Domain) -> bool:
        """Whether the zones answer for the name: inside one, not below a cut that leads out."""
        zone = self._zone_of(name, "")
        return zone is not None and zone.cut_above(name, "") is None

    async def ask(self, question: Question) -> Answer:
        """Answer from the zones alone."""
        found = self.look_up(question)
        if not isinstance(found, Elsewhere):
            return found
        detail = f"{found.name} is outside the given zones"
        return Failed(question, Reason.NOT_ASKED, detail, aliases=found.aliases)

    def look_up(self, question: Question) -> Answer | Elsewhere:
        """Answer from the zones, or say which name to ask elsewhere."""
        return self.go_on(question, Elsewhere(question.name))

    def go_on(self, question: Question, so_far: Elsewhere) -> Answer | Elsewhere:
        """Answer a question whose aliases led back into the zones, at `so_far.name`."""
        name, aliases, wildcard = so_far.name, so_far.aliases, so_far.wildcard
        while True:
            zone = self._zone_of(name, question.rdtype)
            cut = None if zone is None else zone.cut_above(name, question.rdtype)
            if zone is None or cut is not None:
                named = zone.owners.get(name.text, {}) if zone is not None and cut == name else {}
                if question.rdtype == "NS" and "NS" in named and zone is not None:
                    return _answer(question, zone, named, aliases, wildcard)
                return Elsewhere(name, aliases, wildcard)
            rrsets, star = zone.find(name)
            unseen = self.unseen(Step(question, zone.apex, name, rrsets, star, aliases))
            if unseen is not None:
                return unseen
            if rrsets is None:
                return NxDomain(question, zone.origin, aliases, zone=zone.apex)
            wildcard = wildcard or star
            if question.rdtype == "CNAME" or "CNAME" not in rrsets:
                return _answer(question, zone, rrsets, aliases, wildcard)
            alias = _alias(name, rrsets)
            aliases = (*aliases, alias)
            if len(aliases) > MAX_ALIASES or any(a.name == alias.target for a in aliases):
                detail = f"the aliases of {question.name} never end"
                return Failed(question, Reason.ALIAS_LOOP, detail, zone.origin, aliases)
            name = alias.target

    def unseen(self, _step: Step) -> Failed | Elsewhere | None:
        """Say why a name of these zones cannot be told all the same; here it always can."""
        return None

    def _zone_of(self, name: Domain, rdtype: str) -> _Zone | None:
        """Find the deepest zone at or above the name; for DS at an apex, the parent's if given."""
        here = self._zones.get(name.text)
        if here is not None and rdtype != "DS":
            return here
        for above in (*name.ancestors, Domain(".")):
            zone = self._zones.get(above.text)
            if zone is not None:
                return zone
        return here


def _answer(
    question: Question,
    zone: _Zone,
    rrsets: RRsets,
    aliases: tuple[Alias, ...],
    wildcard: Domain | None,
) -> Answer:
    found = rrsets.get(question.rdtype)
    if not found:
        return NoData(question, zone.origin, aliases, zone=zone.apex, wildcard=wildcard)
    records = tuple(Record(record.data, record.ttl, record.origin) for record in found.values())
    return Records(question, records, records[0].origin, aliases, wildcard=wildcard)


def _alias(name: Domain, rrsets: RRsets) -> Alias:
    """Read the alias at a name that has a CNAME; the first one counts."""
    target, *others = map(_target, rrsets["CNAME"])
    first = next(iter(rrsets["CNAME"].values()))
    beside = tuple(rdtype for rdtype in rrsets if rdtype != "CNAME")
    return Alias(name, target, first.ttl, first.origin, beside, tuple(others))


def _target(data: Rdata) -> Domain:
    if not isinstance(data, Target):
        raise InternalError(f"{data} is no alias")
    return data.name
