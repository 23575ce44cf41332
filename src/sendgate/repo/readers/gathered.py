"""What a reader has put together so far, one record at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sendgate.dns.answers import Origin, Rdata
from sendgate.dns.zonefile import ZoneRecord
from sendgate.errors import SourceError
from sendgate.names import Domain
from sendgate.repo.readers.slips import is_doubled, spread_slips
from sendgate.repo.reading import DeclaredZone, Hidden, Place, Reading, Slip, SlipKind, Unread

__all__ = ["Gathered"]


@dataclass
class Gathered:
    """The parts of a `Reading` while they grow."""

    records: list[ZoneRecord] = field(default_factory=list)
    zones: list[DeclaredZone] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)

    def add(
        self,
        name: Domain,
        rdtype: str,
        ttl: int,
        data: Rdata,
        zone: Domain,
        place: Place,
        view: str = "",
    ) -> None:
        """Take one record in, at the place of its value."""
        origin = Origin("file", place.path, place.line)
        self.records.append(ZoneRecord(name, rdtype, ttl, data, origin, zone, view))

    def entry(self, entry: Place) -> None:
        """Note the lines of an entry, where they are more than one."""
        if entry.line is not None and entry.end is not None and entry.end != entry.line:
            self.places.append(entry)

    def reading(self, source: str, why: str) -> Reading:
        """Give the whole, with the slips that only all records together show.

        Notes and places that repeat stand once. Raises `SourceError` where no zone at all
        could be read.
        """
        if not self.zones:
            raise self._nothing(why)
        slips = dict.fromkeys([*self.slips, *self._doubled(), *spread_slips(self.records)])
        return Reading(
            source,
            why,
            tuple(self.records),
            tuple(self.zones),
            tuple(slips),
            tuple(self.unread),
            tuple(dict.fromkeys(self.notes)),
            tuple(dict.fromkeys(self.places)),
            tuple(self.hidden),
        )

    def _nothing(self, why: str) -> SourceError:
        for item in self.unread:
            return SourceError(item.problem, item.place.path, item.place.line)
        told = "".join(f"; {note}" for note in self.notes[:3])
        return SourceError(f"{why}, with no zone that can be read{told}", ".")

    def _doubled(self) -> Iterator[Slip]:
        """Give a slip for each name that was written whole where the zone is appended."""
        for record in self.records:
            if is_doubled(record.name, record.zone):
                place = Place(record.origin.where, record.origin.line)
                kind, name = SlipKind.DOUBLED_ORIGIN, record.name
                written = name.text.removesuffix(f".{record.zone}")
                yield Slip(kind, name, record.rdtype, place, record.zone, written, name.text)
