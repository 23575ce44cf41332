r"""Route 53's own JSON: what `aws route53 list-resource-record-sets` prints, and change batches.

    {"ResourceRecordSets": [{"Name", "Type", "TTL", "ResourceRecords" | "AliasTarget"}]}
    {"Changes": [{"Action", "ResourceRecordSet"}]}, also below "ChangeBatch"

Names and texts escape octets as `\DDD` in octal: `\052` is `*`. Several sets of one name
and type, told apart by `SetIdentifier`, are answered one at a time; all of their records
are taken. The zone is the owner of the SOA record, a `HostedZone` in the file, the name of
the file, or the registrable domain of all its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain, printable
from sendgate.repo.readers import texts
from sendgate.repo.readers.gathered import Gathered
from sendgate.repo.readers.jsonfiles import Found, read_files
from sendgate.repo.readers.jsontext import Arr, Obj, line_of, lines_of, number_of, objects, text_of
from sendgate.repo.readers.values import HIDDEN_ADDRESS, ValueProblem, other_data, ttl_of
from sendgate.repo.reading import DeclaredZone, Hidden, Place, Reading, Slip, Unread
from sendgate.repo.tree import Tree

__all__ = ["NAME", "detect", "read", "route53_name"]

NAME = "route53"
COMMAND = "aws route53 list-resource-record-sets --hosted-zone-id ZONE > example.com.json"

_MARKS = (("ResourceRecordSets", "Type"), ("Changes", "ResourceRecordSet"))
_OCTAL = re.compile(r"\\([0-7]{3})")
_AFFIX = re.compile(r"\.(?:json|route53|r53|records|zone)$", re.IGNORECASE)


def detect(tree: Tree) -> str | None:
    """Say why this is an export of Route 53, or None."""
    found, unread = _files(tree)
    if found:
        return f"{printable(found[0][0])} holds record sets of Route 53"
    return f"{printable(unread[0].place.path)} begins as Route 53's JSON does" if unread else None


def read(tree: Tree) -> Reading:
    """Read every export of the tree; raise `SourceError` where none can be read."""
    found, unread = _files(tree)
    if not found:
        if unread:
            raise SourceError(unread[0].problem, unread[0].place.path, unread[0].place.line)
        raise SourceError(f"holds no record sets of Route 53; export them: {COMMAND}", ".")
    work = _Work(unread=list(unread))
    for path, whole in found:
        work.file(path, whole)
    paths = ", ".join(printable(path) for path, _ in found)
    return work.reading(NAME, f"{paths}: record sets of Route 53")


def route53_name(text: str) -> Domain:
    r"""Read a name that escapes octets in octal: `\052.example.com.`; raise `DomainError`."""

    def decimal(match: re.Match[str]) -> str:
        return f"\\{int(match[1], 8):03d}"

    return Domain.parse(_OCTAL.sub(decimal, text))


def _files(tree: Tree) -> tuple[Found, list[Unread]]:
    found, unread = read_files(tree, _MARKS)
    return [(path, whole) for path, whole in found if any(_sets(whole))], unread


def _sets(whole: Obj) -> Iterator[Obj]:
    """List the record sets of a file that will stand."""
    batch = whole.get("ChangeBatch")
    for change in objects((batch if isinstance(batch, Obj) else whole).get("Changes")):
        inner = change.get("ResourceRecordSet")
        if isinstance(inner, Obj) and (text_of(change, "Action") or "").upper() != "DELETE":
            yield inner
    yield from (entry for entry in objects(whole.get("ResourceRecordSets")) if "Name" in entry)


@dataclass
class _Work(Gathered):
    """What has been read so far."""

    def file(self, path: str, whole: Obj) -> None:
        """Read one file, which is one zone."""
        named: list[tuple[Domain, Obj]] = []
        astray: list[Unread] = []
        for entry in _sets(whole):
            try:
                named.append((route53_name(text_of(entry, "Name") or ""), entry))
            except DomainError as error:
                astray.append(Unread(Place(path, line_of(entry, "Name")), f"no name: {error}"))
        zone = _zone(path, whole, named)
        if zone is None:
            self.unread += astray
            problem = "does not say which zone it is; name the file after it: example.com.json"
            self.unread.append(Unread(Place(path), problem))
            return
        self.unread += [Unread(item.place, item.problem, (zone,)) for item in astray]
        for name, entry in named:
            self.set(name, entry, zone, path)
        self.declare(DeclaredZone(zone, Place(path, 1), _why_incomplete(whole, named)))

    def declare(self, zone: DeclaredZone) -> None:
        """Take the zone in, and tell of one that stands in two files."""
        known = next((other for other in self.zones if other.apex == zone.apex), None)
        self.zones.append(zone)
        if known is None:
            return
        if known.incomplete is None and zone.incomplete is None:
            problem = f"the zone {zone.apex} is exported whole in {known.place} too"
            self.unread.append(Unread(zone.place, problem, (zone.apex,)))
        else:
            problem = f"the zone {zone.apex} stands in {known.place} too; the records are merged"
            self.notes.append(f"{zone.place}: {problem}")

    def set(self, name: Domain, entry: Obj, zone: Domain, path: str) -> None:
        """Read one record set."""
        rdtype = (text_of(entry, "Type") or "").upper()
        place = Place(path, line_of(entry, "Name"))
        self.entry(Place(path, *lines_of(entry)))
        if not name.is_under(zone):
            self.unread.append(Unread(place, f"{name} does not lie in the zone {zone}", (zone,)))
        elif isinstance(entry.get("AliasTarget"), Obj):
            self.alias(name, rdtype, zone, Place(path, line_of(entry, "AliasTarget")))
        else:
            self.values(name, rdtype, entry, zone, path)

    def alias(self, name: Domain, rdtype: str, zone: Domain, place: Place) -> None:
        """Note an alias: what it leads to is Route 53's to say."""
        if rdtype in {"A", "AAAA"}:
            self.add(name, rdtype, ttl_of(None), HIDDEN_ADDRESS, zone, place)
        else:
            why = "an alias: Route 53 answers with the records of another name"
            self.hidden.append(Hidden(name, rdtype, zone, place, why))

    def values(self, name: Domain, rdtype: str, entry: Obj, zone: Domain, path: str) -> None:
        """Read the values of one set."""
        ttl = ttl_of(number_of(entry, "TTL"))
        values = entry.get("ResourceRecords")
        if not isinstance(values, Arr) or not values:
            place = Place(path, line_of(entry, "Name"))
            kind = f"the {printable(rdtype)} set of {name}"
            self.unread.append(Unread(place, f"{kind} has neither values nor an alias", (zone,)))
            return
        for value, line in zip(values, values.lines, strict=True):
            written = text_of(value, "Value")
            place = Place(path, line_of(value, "Value") if isinstance(value, Obj) else line)
            try:
                if written is None:
                    raise ValueProblem("the value is no text")
                if rdtype in {"TXT", "SPF"}:
                    text = texts.route53(written)
                    self.slips += [
                        Slip(kind, name, rdtype, place, zone, written, published)
                        for kind, published in text.slips
                    ]
                    self.add(name, rdtype, ttl, text.data, zone, place)
                else:
                    kind, data = other_data(rdtype, written)
                    self.add(name, kind, ttl, data, zone, place)
            except ValueProblem as error:
                problem = f"a value of {name} cannot be read: {error}"
                self.unread.append(Unread(place, problem, (zone,)))


def _zone(path: str, whole: Obj, named: list[tuple[Domain, Obj]]) -> Domain | None:
    """Tell the zone of a file."""
    owners = [name for name, entry in named if text_of(entry, "Type") == "SOA"]
    if owners:
        return owners[0]
    names = [name for name, _ in named]
    stem, before = path.rpartition("/")[2], ""
    while stem != before:
        stem, before = _AFFIX.sub("", stem), stem
    for text in (text_of(whole.get("HostedZone"), "Name"), stem):
        try:
            zone = route53_name(text or "")
        except DomainError:
            continue
        if len(zone.labels) > 1 and all(name.is_under(zone) for name in names):
            return zone
    return _above_all(names)


def _above_all(names: list[Domain]) -> Domain | None:
    """Give the one registrable domain that all names are or lie under."""
    from sendgate.dmarc.suffixes import registrable

    owners = {registrable(name) for name in names}
    return owners.pop() if len(owners) == 1 else None


def _why_incomplete(whole: Obj, named: list[tuple[Domain, Obj]]) -> str | None:
    """Say why the zone has further records: a change batch, one page, a selection."""
    if "ResourceRecordSets" not in whole:
        return "a change batch shows only what it changes"
    if whole.get("IsTruncated") is True or any(k in whole for k in ("NextToken", "NextRecordName")):
        return "the export is one page of several"
    if not any(text_of(entry, "Type") == "SOA" for _, entry in named):
        return "the export has no SOA record, so it is a selection"
    return None
