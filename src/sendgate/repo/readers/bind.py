"""BIND master files (RFC 1035 section 5) and exports in that form, such as Cloudflare's.

    files ──► zone files (`bind_files`) ──► records, slips ──► one zone a name and view

The name of a zone is the absolute owner of its SOA, else an absolute `$ORIGIN`, else what
``named.conf`` calls the file, else its name. With an SOA, what lies outside its zone is
ignored, as `named` does; without one, the records are taken for a part of a zone.

Two files with an SOA for one zone: in different folders they are views of it, in one
folder `named` could serve only one of them, and the zone is unknown.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sendgate.dns.answers import Address, Rdata, Soa, Target
from sendgate.dns.rdata import ADDRESS_LIKE
from sendgate.dns.zonefile import ZoneRecord, read_watched
from sendgate.dns.zonetext import named_after
from sendgate.errors import SourceError
from sendgate.names import Domain, printable
from sendgate.repo.readers.bind_files import (
    Candidates,
    TreeFiles,
    guessed_zone,
    has_soa,
    stated_zone,
)
from sendgate.repo.readers.bind_slips import Watcher
from sendgate.repo.readers.named_conf import NamedZone, named_zones
from sendgate.repo.reading import DeclaredZone, Place, Reading, Slip, Unread
from sendgate.repo.tree import Tree

__all__ = ["NAME", "detect", "read"]

NAME = "bind"
MAX_RECORDS = 250_000  # of one zone: 8 seconds and 300 MB; the largest known has 18,000
MAX_IN_ALL = 300_000  # of all zones
_FLAT = Domain("ns.cloudflare.com")  # its servers never answer with a CNAME at an apex
_NO_SOA = "no SOA stands with its records, so that they may be a part of the zone"


def detect(tree: Tree) -> str | None:
    """Say by which file master files are recognised."""
    return _why(Candidates(tree).find())


def read(tree: Tree) -> Reading:
    """Read every master file; raise `SourceError` where there is none."""
    return _Repository(tree).read()


@dataclass
class _File:
    """One zone file, read: its records, by zone."""

    path: str
    records: list[ZoneRecord]
    soas: dict[Domain, Place]
    view: str = ""

    @property
    def zones(self) -> list[Domain]:
        """The zones that the file's records are in."""
        return list(dict.fromkeys(record.zone for record in self.records))

    def content(self, zone: Domain) -> set[tuple[Domain, str, int, Rdata]]:
        """What the file publishes of a zone."""
        return {(r.name, r.rdtype, r.ttl, r.data) for r in self.records if r.zone == zone}


@dataclass
class _Repository:
    tree: Tree
    files: list[_File] = field(default_factory=list)
    records: list[ZoneRecord] = field(default_factory=list)
    zones: list[DeclaredZone] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    places: dict[Place, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    nameless: list[tuple[str, int]] = field(default_factory=list)
    texts: set[int] = field(default_factory=set)
    count: int = 0

    def read(self) -> Reading:
        found = Candidates(self.tree).find()
        self.unread += found.unread
        self.sources = TreeFiles(self.tree)
        named: dict[str, list[NamedZone]] = defaultdict(list)
        for entry in named_zones(self.tree, found.roots):
            named[entry.path].append(entry)
        for path in found.roots:
            self._root(path, named.get(path, []))
        if found.templates:
            self.notes.append(f"{_listed(found.templates)} with placeholders: no zones")
        self._nameless()
        self._join()
        if not self.zones and not self.unread:
            raise _nothing(found)
        return Reading(
            source=NAME,
            why=_why(found) or "asked for",
            records=tuple(self.records),
            zones=tuple(self.zones),
            slips=tuple(dict.fromkeys(self.slips)),
            unread=tuple(dict.fromkeys(self.unread)),
            notes=tuple(dict.fromkeys(self.notes)),
            places=tuple(self.places),
        )

    def _root(self, path: str, named: Sequence[NamedZone]) -> None:
        """Read one file as each of the zones that it is."""
        try:
            text = self.sources.text(path)
        except SourceError as error:
            self._refuse(path, error, guessed_zone("", path))
            return
        stated = stated_zone(text)
        if stated is None and not named and has_soa(text) and named_after(path) is None:
            self.nameless.append((path, hash(text)))
            return
        self.texts.add(hash(text))
        views = {entry.view for entry in named if entry.zone == stated}
        if stated is not None or not named:
            for view in sorted(views) or [""]:
                self._file(path, text, None, view)
            return
        for entry in named:
            self._file(path, text, entry.zone, entry.view)

    def _nameless(self) -> None:
        """Tell of files that nothing says the zone of, unless they have other names too."""
        for path, text in self.nameless:
            if text in self.texts:
                self.notes.append(f"{printable(path)} is read under its other names")
            else:
                problem = (
                    "nothing says which zone it is: no $ORIGIN before its SOA, no name such as "
                    "db.example.com, no named.conf"
                )
                self.unread.append(Unread(Place(path), problem))

    def _file(self, path: str, text: str, zone: Domain | None, view: str) -> None:
        watcher = Watcher()
        supposed = zone or guessed_zone(text, path)
        try:
            records = read_watched(path, self.sources, watcher, zone, MAX_RECORDS)
            if self.count + len(records) > MAX_IN_ALL:
                raise SourceError(f"with it, all zones have more than {MAX_IN_ALL} records", path)
            self.count += len(records)
        except SourceError as error:
            known: set[Domain | None] = {*watcher.owners}
            self._refuse(path, error, *(known or {supposed}))
            return
        self.places.update(dict.fromkeys(watcher.places))
        soas = {
            record.name: Place(record.origin.where, record.origin.line)
            for record in reversed(records)
            if record.rdtype == "SOA"
        }
        kept = [record for record in records if not soas or record.zone in soas]
        if len(kept) < len(records):
            first = next(record for record in records if record.zone not in soas)
            place = Place(first.origin.where, first.origin.line)
            outside = f"{len(records) - len(kept)} records lie outside"
            apexes = " and ".join(map(str, sorted(soas)))
            self.notes.append(f"{place}: {outside} {apexes}; named ignores them")
        zones = frozenset(record.zone for record in kept)
        self.slips += watcher.slips(kept, zones)
        for wrong in watcher.broken_at:
            self._refuse(path, wrong, *(zones or {supposed}))
        flat = {r.name for r in kept if isinstance(r.data, Soa) and r.data.mname.is_under(_FLAT)}
        expanded = [shown for record in kept for shown in _shown(record, view, flat)]
        self.files.append(_File(path, expanded, soas, view))

    def _refuse(self, path: str, error: SourceError, *zones: Domain | None) -> None:
        place = Place(error.where, error.line)
        at = error.where if error.line is None else f"{error.where}:{error.line}"
        problem = str(error).removeprefix(f"{at}: ")
        if error.where != path:
            problem = f"{problem} (included by {printable(path)})"
        self.unread.append(Unread(place, problem, tuple(sorted(zone for zone in zones if zone))))

    def _join(self) -> None:
        """Make one zone of each name and view, from the files that hold it."""
        by_zone: dict[tuple[Domain, str], list[_File]] = defaultdict(list)
        for file in self.files:
            for zone in file.zones:
                by_zone[zone, file.view].append(file)
        for (zone, view), files in by_zone.items():
            for which, members in self._settled(zone, view, files):
                self._declare(zone, which, members)

    def _settled(
        self, zone: Domain, view: str, files: list[_File]
    ) -> Iterator[tuple[str, list[_File]]]:
        """Tell which files make up a zone; files that cannot do so together are its views."""
        whole: list[_File] = []
        for file in sorted(files, key=lambda f: (f.path.endswith(".signed"), f.path)):
            if zone not in file.soas:
                continue
            twin = next((f for f in files if f.path + ".signed" == file.path), None)
            twin = twin or next((f for f in whole if f.content(zone) == file.content(zone)), None)
            if twin is None:
                whole.append(file)
            else:
                self.notes.append(
                    f"{printable(file.path)} is the zone {zone} again, as in "
                    f"{printable(twin.path)}; read once"
                )
        parts = [file for file in files if zone not in file.soas]
        if len(whole) < 2:
            if whole and parts:
                listed = ", ".join(printable(file.path) for file in parts)
                self.notes.append(f"{listed}: records of {zone}, added to its zone")
            yield view, [*whole, *parts]
            return
        folders = [posixpath.dirname(file.path) for file in whole]
        listed = " and ".join(printable(file.path) for file in whole)
        if len(set(folders)) == len(whole) and not view:
            self.notes.append(f"{listed} are both the zone {zone}; each is audited as a view of it")
            for folder, file in zip(folders, whole, strict=True):
                yield folder or ".", [file, *parts]
            return
        problem = f"{listed} are both the zone {zone}; named serves a zone from one file"
        self.unread.append(Unread(whole[1].soas[zone], problem, (zone,)))
        yield view, [whole[0], *parts]

    def _declare(self, zone: Domain, view: str, files: list[_File]) -> None:
        first = files[0]
        for file in files:
            for record in file.records:
                if record.zone == zone:
                    self.records.append(replace(record, view=view) if view else record)
        soa = first.soas.get(zone)
        # Several zones may include one SOA; each has a file of its own.
        place = soa if soa is not None and soa.path == first.path else Place(first.path, 1)
        incomplete = None if zone in first.soas else _NO_SOA
        self.zones.append(DeclaredZone(zone, place, incomplete, view=view))


def _shown(record: ZoneRecord, view: str, flat: Collection[Domain] = ()) -> Iterator[ZoneRecord]:
    """Give a record; of an alias that the server resolves, both kinds of address.

    The servers of the zones `flat` do so with a CNAME at the apex, beside other records.
    """
    record = replace(record, view=view) if view else record
    resolved = record.rdtype == "CNAME" and record.name == record.zone and record.zone in flat
    if record.rdtype not in ADDRESS_LIKE and not resolved:
        yield record
        return
    behind = record.data.name if isinstance(record.data, Target) else None
    for rdtype in ("A", "AAAA"):
        yield replace(record, rdtype=rdtype, data=Address(None, behind))


def _why(found: Candidates) -> str | None:
    """Say by which file master files are recognised; a template or a broken one will do."""
    if found.roots:
        return f"{printable(found.roots[0])} is a master file"
    if found.unread:
        return f"{printable(found.unread[0].place.path)} is named like a master file"
    if found.templates:
        return f"{printable(found.templates[0])} is a template of a master file"
    return None


def _nothing(found: Candidates) -> SourceError:
    if found.templates:
        problem = f"only {_listed(found.templates)} of master files: read what they are made into"
        return SourceError(problem, ".")
    return SourceError(
        "no master file: looked for files with an SOA, and for names such as "
        "db.example.com and example.com.zone with records in them",
        ".",
    )


def _listed(templates: list[str]) -> str:
    first = printable(templates[0])
    return (
        f"{first} and {len(templates) - 1} more templates" if templates[1:] else f"template {first}"
    )
