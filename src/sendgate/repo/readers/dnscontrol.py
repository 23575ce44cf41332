"""DNSControl: the records that `dnscontrol print-ir` writes, with the lines of the JavaScript.

A `dnsconfig.js` is a program, and nothing of a repository is run here. DNSControl itself
writes what the program declares, without credentials, as JSON: pretty or not, before
(`--raw`) or after its own corrections. A zone with `NO_PURGE()` has further records, and
what `IGNORE()` names is left to others.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain, printable
from sendgate.repo.readers import dnscontrol_records as records_of
from sendgate.repo.readers.dnscontrol_lines import Sought, Sources
from sendgate.repo.readers.gathered import Gathered
from sendgate.repo.readers.jsonfiles import Found, read_files
from sendgate.repo.readers.jsontext import Arr, Obj, line_of, lines_of, number_of, objects, text_of
from sendgate.repo.readers.values import ValueProblem, ttl_of
from sendgate.repo.reading import DeclaredZone, Hidden, Place, Reading, Slip, SlipKind, Unread
from sendgate.repo.tree import Tree

__all__ = ["NAME", "detect", "read"]

NAME = "dnscontrol"
COMMAND = "dnscontrol print-ir --pretty --out print-ir.json"
UNTAGGED = "untagged"  # the view of a zone without a tag, where its name has tagged ones too

_MARKS = (("domains", "records", "registrars"), ("domains", "records", "registrar"))
# Patterns of names that concern only types which no audit asks about matter to nobody here.
_ASKED = {"A", "AAAA", "CNAME", "DNAME", "MX", "NS", "PTR", "SPF", "TLSA", "TXT"}


def detect(tree: Tree) -> str | None:
    """Say why this is a repository of DNSControl, or None."""
    found, unread = _files(tree)
    if found:
        return f"{printable(found[0][0])} is what dnscontrol print-ir writes"
    program = _program(tree)
    if program is not None:
        return f"{printable(program)} is a configuration of DNSControl"
    return (
        f"{printable(unread[0].place.path)} begins as dnscontrol print-ir does" if unread else None
    )


def read(tree: Tree) -> Reading:
    """Read every IR of the tree; raise `SourceError` where there is none that can be read."""
    found, unread = _files(tree)
    if not found:
        raise _nothing(tree, unread)
    work = _Work(unread=list(unread), sources=Sources(tree))
    seen: dict[tuple[str, str], tuple[str, Obj]] = {}
    for path, whole in found:
        for domain in objects(whole.get("domains")):
            work.domain(domain, path, seen)
    work.tell_views()
    paths = ", ".join(printable(path) for path, _ in found)
    return work.reading(NAME, f"{paths}: what dnscontrol print-ir writes")


def _files(tree: Tree) -> tuple[Found, list[Unread]]:
    found, unread = read_files(tree, _MARKS)
    return [(path, whole) for path, whole in found if _is_ir(whole)], unread


def _is_ir(whole: Obj) -> bool:
    domains = list(objects(whole.get("domains")))
    return bool(domains) and all("name" in domain and "records" in domain for domain in domains)


def _program(tree: Tree) -> str | None:
    return next((p for p in tree.paths() if p.rpartition("/")[2] == "dnsconfig.js"), None)


def _nothing(tree: Tree, unread: list[Unread]) -> SourceError:
    if unread:
        place = unread[0].place
        problem = f"{unread[0].problem}; write it anew: {COMMAND}"
        return SourceError(problem, place.path, place.line)
    program = _program(tree)
    if program is None:
        return SourceError(f"holds no IR of DNSControl; write one: {COMMAND}", ".")
    folder = program.rpartition("/")[0]
    where = f"(cd {folder} && {COMMAND})" if folder else COMMAND
    return SourceError(
        "is a program, and no program of a repository is run here; let DNSControl write the "
        f"records that it declares, and check again: {where}",
        program,
    )


@dataclass
class _Zone:
    """One zone while its records are read."""

    apex: Domain
    view: str
    unique: str  # with its tag: ``example.com!inside``
    path: str  # of the IR
    ignored: list[str] = field(default_factory=list)
    incomplete: str | None = None


@dataclass(kw_only=True)
class _Work(Gathered):
    """What has been read so far."""

    sources: Sources

    def domain(self, domain: Obj, path: str, seen: dict[tuple[str, str], tuple[str, Obj]]) -> None:
        """Read one zone; a second one of the same name and tag is told of."""
        place = Place(path, line_of(domain, "name"))
        given = text_of(domain, "uniquename") or text_of(
            domain.get("meta"), "dnscontrol_uniquename"
        )
        name, _, tag = (text_of(domain, "name") or "").partition("!")
        tag = tag or (given or "").partition("!")[2] or text_of(domain, "tag") or ""
        try:
            apex = Domain.parse(name)
        except DomainError as error:
            self.unread.append(Unread(place, f"the zone has no name that DNS knows: {error}"))
            return
        first = seen.setdefault((apex.text, tag), (path, domain))
        if first[1] is not domain:
            self._again(apex, place, first, domain)
            return
        zone = _Zone(apex, tag, f"{apex.text}!{tag}" if tag else apex.text, path)
        _leave_to_others(domain, zone)
        if not isinstance(domain.get("records"), Arr | None):
            self.unread.append(Unread(place, "the records of the zone are no list", (apex,)))
        if any(objects(domain.get("rawrecords"))):
            zone.incomplete = "print-ir --raw leaves some records as calls; write it without --raw"
        for record in objects(domain.get("records")):
            self._record(record, zone)
        self.zones.append(
            DeclaredZone(
                apex,
                self.sources.domain(zone.unique) or place,
                zone.incomplete,
                tuple(dict.fromkeys(zone.ignored)),
                tag,
            )
        )

    def _again(self, apex: Domain, place: Place, first: tuple[str, Obj], domain: Obj) -> None:
        """Tell of a zone that is declared twice: harmless where both say the same."""
        other = Place(first[0], line_of(first[1], "name"))
        if first[1] == domain:
            self.notes.append(f"{place}: the zone {apex} stands in {other} too, just the same")
            return
        problem = f"the zone {apex} is declared in {other} too, and differently"
        self.unread.append(Unread(place, problem, (apex,)))

    def _record(self, record: Obj, zone: _Zone) -> None:
        rdtype = (text_of(record, "type") or "").upper()
        if rdtype in records_of.NOT_PUBLISHED:
            return
        if rdtype == "IMPORT_TRANSFORM":
            zone.incomplete = "IMPORT_TRANSFORM makes records that only print-ir without --raw has"
            return
        value, entry = self._where(record, rdtype, zone)
        try:
            name = records_of.name_of_record(record, zone.apex)
            made = records_of.data_of(record, zone.apex)
        except (DomainError, ValueProblem) as error:
            kind = rdtype if rdtype.isalnum() else printable(rdtype)
            label = printable(text_of(record, "name") or "")
            problem = f"the {kind} record of {label} cannot be read: {error}"
            self.unread.append(Unread(value, problem, (zone.apex,)))
            return
        if made is None:
            zone.ignored.append(_exactly(name))
            self.notes.append(f"{value}: {printable(rdtype)} is no type that is read here")
            return
        self.entry(entry)
        if made.wrapped is not None:
            wrapped = made.wrapped
            kind = SlipKind.WRAPPED
            self.slips.append(Slip(kind, name, rdtype, value, zone.apex, wrapped, wrapped))
        if made.hidden is not None:
            self.hidden.append(Hidden(name, made.hidden, zone.apex, value, made.why))
        ttl = ttl_of(number_of(record, "ttl") or None)
        for kind, data in made.data:
            self.add(name, kind, ttl, data, zone.apex, value, zone.view)

    def _where(self, record: Obj, rdtype: str, zone: _Zone) -> tuple[Place, Place]:
        """Give the places of the value and of the entry, in the JavaScript or in the IR."""
        label = (text_of(record, "name") or "@").lower()
        sought = Sought(zone.unique, rdtype, label, records_of.value_of(record))
        found = self.sources.find(sought)
        if found is not None:
            return found
        first, last = lines_of(record)
        return Place(zone.path, line_of(record, "target")), Place(zone.path, first, last)

    def tell_views(self) -> None:
        """Give an untagged zone a view of its own where its name has tagged ones too."""
        views = Counter(zone.apex for zone in self.zones)
        split = {zone.apex for zone in self.zones if views[zone.apex] > 1}
        if not split:
            return
        self.zones = [
            replace(zone, view=zone.view or UNTAGGED) if zone.apex in split else zone
            for zone in self.zones
        ]
        self.records = [
            replace(record, view=record.view or UNTAGGED) if record.zone in split else record
            for record in self.records
        ]


def _leave_to_others(domain: Obj, zone: _Zone) -> None:
    """Note what DNSControl does not own of the zone: NO_PURGE, IGNORE, external-dns."""
    if domain.get("keepunknown") is True:
        zone.incomplete = "NO_PURGE() keeps records that are not declared"
    elif domain.get("ignore_external_dns") is True:
        zone.incomplete = "IGNORE_EXTERNAL_DNS() leaves records to external-dns"
    rules = [*objects(domain.get("unmanaged"))]
    for rule in rules:
        label = text_of(rule, "label_pattern") or "*"
        _leave(zone, label, text_of(rule, "rType_pattern") or "*")
    for rule in objects(domain.get("ignored_names")):  # as before version 4
        _leave(zone, text_of(rule, "pattern") or "*", text_of(rule, "types") or "*")
    if any(objects(domain.get("ignored_targets"))):
        _leave(zone, "*", "*")


def _leave(zone: _Zone, label: str, types: str) -> None:
    kinds = {kind.strip().upper() for kind in types.split(",")}
    if "*" not in kinds and not kinds & _ASKED:
        return
    if set(label) <= {"*"}:
        zone.incomplete = zone.incomplete or "IGNORE() leaves names all over the zone to others"
    elif label == "@":
        zone.ignored.append(_exactly(zone.apex))
    else:
        zone.ignored.append(rf"\A{_glob(label.lower())}\.{re.escape(zone.apex.text)}\Z")


def _exactly(name: Domain) -> str:
    return rf"\A{re.escape(name.text)}\Z"


def _glob(pattern: str) -> str:
    """Make a regular expression of a glob: `*`, `?`, `[a-z]`, `[!a-z]`, `{one,other}`."""
    made, depth, position = "", 0, 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        closing = pattern.find("]", position + 1)
        if character == "*":
            made += "" if made.endswith(".*") else ".*"
        elif character == "?":
            made += "."
        elif character == "[" and closing > 0:
            inside = re.sub(r"[^\w-]", "", pattern[position:closing])
            negated = "^" if pattern[position] in "!^" else ""
            made += f"[{negated}{inside}]" if inside.strip("-") else "."
            position = closing + 1
        elif character == "{":
            depth += 1
            made += "(?:"
        elif character in ",}" and depth:
            depth -= character == "}"
            made += "|" if character == "," else ")"
        else:
            made += re.escape(character)
    return made + ")" * depth
