"""Terraform: the DNS records of `terraform show -json`, a plan or a state.

Terraform's language is not evaluated: values come from variables, modules and other
people's functions, and only Terraform itself can tell what they come to. Its plan does,
and marks what will be known only later; such a value is unknown here, never missing. A
plan holds its own resources alone, so a name that it lacks may exist all the same. The
`.tf` files serve to say on which lines the resources stand.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, field

from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain, printable
from sendgate.repo.readers import terraform_records as records_of
from sendgate.repo.readers.gathered import Gathered
from sendgate.repo.readers.hcl import Block, blocks
from sendgate.repo.readers.jsonfiles import Found, json_files, read_files
from sendgate.repo.readers.jsontext import Obj, lines_of, read_json, text_of
from sendgate.repo.readers.terraform_plan import (
    Resource,
    is_plan,
    is_state,
    module_names,
    resources,
    root_of,
)
from sendgate.repo.readers.terraform_records import TYPES, Value
from sendgate.repo.readers.terraform_zones import Zone, Zones
from sendgate.repo.readers.values import HIDDEN_ADDRESS, ValueProblem, address_before, other_data
from sendgate.repo.reading import DeclaredZone, Hidden, Place, Reading, Slip, Unread
from sendgate.repo.tree import Tree, program_text

__all__ = ["NAME", "before", "detect", "read"]

NAME = "terraform"
COMMAND = "terraform plan -out=plan.out && terraform show -json plan.out > plan.json"

_MARKS = (("format_version", "terraform_version"), ("format_version", "planned_values"))
_PARTIAL = {
    True: "a Terraform plan shows only its own resources",
    False: "a Terraform state shows only its own resources",
}
_MAX_OCTETS = 8 * 1024 * 1024  # of one .tf file


def detect(tree: Tree) -> str | None:
    """Say why this is a repository of Terraform that has DNS in it, or None."""
    found = list(json_files(tree, _MARKS))
    words = [f'"{kind}"'.encode() for kind in TYPES]
    for path, octets in found:
        if any(word in octets for word in words):
            return f"{printable(path)} is what terraform show -json writes"
    block = _Sources(tree).first
    if block is not None:
        return f"{printable(block)} declares DNS records for Terraform"
    for path, octets in found:
        try:
            read_json(octets, path)
        except SourceError:  # cut off before its first record, most likely
            return f"{printable(path)} begins as terraform show -json does"
    return None


def read(tree: Tree) -> Reading:
    """Read every plan of the tree, else every state; raise `SourceError` where none can be."""
    found, unread = _files(tree)
    sources = _Sources(tree)
    if not found:
        raise _nothing(sources, unread)
    work = _Work(unread=list(unread), sources=sources)
    plans = [(path, whole) for path, whole in found if is_plan(whole)]
    for path, _ in found if plans else ():
        if path not in {plan for plan, _ in plans}:
            work.notes.append(f"{printable(path)}: a state, left out beside a plan")
    for path, whole in plans or found:
        work.file(path, whole)
    work.tell_left_out()
    paths = ", ".join(printable(path) for path, _ in plans or found)
    return work.reading(NAME, f"{paths}: what terraform show -json writes")


def before(tree: Tree) -> Reading | None:
    """Read what the plans of a tree say of the records as they are before the change.

    A plan is seldom kept in a repository, so an earlier revision has none to compare with;
    but each plan holds the state that it starts from. None where the tree has no plan.
    """
    plans = [(path, whole) for path, whole in _files(tree)[0] if is_plan(whole)]
    if not plans:
        return None
    work = _Work(sources=_Sources(tree))
    for path, whole in plans:
        work.file(path, _state_before(whole))
    work.tell_left_out()
    paths = ", ".join(printable(path) for path, _ in plans)
    why = f"{paths}: the state before the plan"
    return work.reading(NAME, why) if work.zones else Reading(NAME, why, (), ())


def _state_before(plan: Obj) -> Obj:
    """Make a state of what a plan starts from; without any it is an empty one."""
    state = Obj(plan.line)
    prior = plan.get("prior_state")
    state.update(prior if isinstance(prior, Obj) else {})
    if "configuration" in plan:
        state["configuration"] = plan["configuration"]
    return state


def _files(tree: Tree) -> tuple[Found, list[Unread]]:
    found, unread = read_files(tree, _MARKS)
    taken: Found = []
    for path, whole in found:
        if not is_plan(whole) and not is_state(whole):
            continue
        version = text_of(whole, "format_version") or ""
        if version.partition(".")[0] in {"0", "1"}:
            taken.append((path, whole))
        else:
            problem = f"format_version {printable(version)} is not known here; 0.x and 1.x are"
            unread.append(Unread(Place(path, whole.line_at("format_version")), problem))
    return taken, unread


def _resources(whole: Obj) -> list[Resource]:
    root = root_of(whole, "planned_values") if is_plan(whole) else root_of(whole, "values")
    return resources(root, whole)


def _nothing(sources: _Sources, unread: list[Unread]) -> SourceError:
    if unread:
        place = unread[0].place
        problem = f"{unread[0].problem}; write it anew: {COMMAND}"
        return SourceError(problem, place.path, place.line)
    if sources.first is None:
        return SourceError(f"holds no plan of Terraform; write one: {COMMAND}", ".")
    return SourceError(
        "Terraform's language is not evaluated here; let Terraform show its plan as JSON, and "
        f"check again with that file in the folder, or as PATH: {COMMAND}",
        sources.first,
    )


class _Sources:
    """The resource blocks of the `.tf` files."""

    def __init__(self, tree: Tree) -> None:
        self._blocks: dict[tuple[str, str], list[tuple[str, Block]]] = defaultdict(list)
        self.first: str | None = None
        for path in tree.paths():
            if path.endswith((".tf", ".tofu")):
                self._take(path, tree)

    def _take(self, path: str, tree: Tree) -> None:
        text = program_text(tree, path, _MAX_OCTETS)
        if text is None:
            return
        for block in blocks(text):
            self._blocks[block.type, block.name].append((path, block))
            if block.type in TYPES and self.first is None:
                self.first = path

    def find(self, resource: Resource, folder: str) -> tuple[str, Block] | None:
        """Give the block of a resource; `folder` is that of its module, if it is known."""
        found = self._blocks.get((resource.type, resource.name), [])
        if len(found) > 1:
            found = [(path, block) for path, block in found if posixpath.dirname(path) == folder]
        return found[0] if len(found) == 1 else None


@dataclass(kw_only=True)
class _Work(Gathered):
    """What has been read so far."""

    sources: _Sources
    declared: dict[Domain, None] = field(default_factory=dict)
    left: dict[str, list[tuple[Place, str]]] = field(default_factory=lambda: defaultdict(list))

    def file(self, path: str, whole: Obj) -> None:
        """Read one plan or state."""
        planned = _resources(whole)
        records = [r for r in planned if r.type in TYPES and r.mode == "managed"]
        prior = resources(root_of(whole, "prior_state", "values"), whole)
        known = [*records, *(r for r in prior if r.type in TYPES and r.mode == "managed")]
        zones = Zones(whole, [*planned, *prior], known)
        incomplete = _PARTIAL[is_plan(whole)]
        if whole.get("errored") is True:
            self.notes.append(f"{printable(path)}: the plan ended with an error; it is partial")
        others = {r.type for r in planned if r.mode == "managed" and "_record" in r.type} - TYPES
        if others:
            kinds = ", ".join(map(printable, sorted(others)))
            self.notes.append(f"{printable(path)}: resources of {kinds} are not read here")
        places: dict[Domain, Place] = {}
        staying = {resource.address for resource in planned if resource.mode == "managed"}
        for zone in zones.all.values():
            if zone.resource.address in staying:
                places[zone.apex] = self.place(zone.resource, path, whole, zone.resource.line)
        for record in records:
            self.record(record, zones, path, whole, places)
        for apex, place in places.items():
            if apex not in self.declared:
                self.declared[apex] = None
                self.zones.append(DeclaredZone(apex, place, incomplete))

    def record(
        self, record: Resource, zones: Zones, path: str, whole: Obj, places: dict[Domain, Place]
    ) -> None:
        """Read one resource, with all of its values."""
        place = self.place(record, path, whole, record.line)
        zone, rdtype = zones.of(record), records_of.rdtype_of(record)
        address = printable(record.address)
        if record.is_unknown("name") or record.is_sensitive("name"):
            why = records_of.SECRET if record.is_sensitive("name") else records_of.LATER
            self.left[f"its name is {why}"].append((place, address))
            return
        if zone is None or rdtype is None:
            what = "zone" if zone is None else "type"
            self.left[f"the plan does not tell its {what}"].append((place, address))
            return
        if isinstance(zone, Zone):
            if zone.private:
                self.left[f"the zone {zone.apex} is a private one"].append((place, address))
                return
            zone = zone.apex
        elif zone not in places:
            note = f"{place}: the zone {zone} is managed elsewhere: known by its records' names"
            self.notes.append(note)
        places.setdefault(zone, place)
        try:
            name = records_of.name_of_record(record, zone)
        except DomainError as error:
            self.unread.append(Unread(place, f"{address} has no name: {error}", (zone,)))
            return
        found = self.sources.find(record, _folder(record, path, whole))
        self.entry(
            Place(found[0], found[1].line, found[1].end)
            if found
            else Place(path, record.line, max(record.line, lines_of(record.values)[1]))
        )
        for value in records_of.values_of(record, rdtype, name == zone):
            self.value(record, name, rdtype, value, zone, self.value_place(found, value, path))

    def value(
        self, record: Resource, name: Domain, rdtype: str, value: Value, zone: Domain, place: Place
    ) -> None:
        """Read one value."""
        ttl = records_of.ttl_of_record(record)
        if value.text is None:
            if value.address and not value.why:
                shown = HIDDEN_ADDRESS if value.behind is None else address_before(value.behind)
                self.add(name, "A", ttl, shown, zone, place)
                self.add(name, "AAAA", ttl, shown, zone, place)
            elif value.address or rdtype in {"A", "AAAA"}:
                self.add(name, rdtype, ttl, HIDDEN_ADDRESS, zone, place)
            else:
                why = f"{printable(record.address)}: {value.why}"
                self.hidden.append(Hidden(name, rdtype, zone, place, why))
            return
        try:
            if rdtype in {"TXT", "SPF"}:
                text = records_of.read_text(record)(value.text)
                self.slips += [
                    Slip(kind, name, rdtype, place, zone, value.text, published)
                    for kind, published in text.slips
                ]
                self.add(name, rdtype, ttl, text.data, zone, place)
            else:
                kind, data = other_data(rdtype, value.text)
                self.add(name, kind, ttl, data, zone, place)
        except ValueProblem as error:
            problem = f"a value of {printable(record.address)} cannot be read: {error}"
            self.unread.append(Unread(place, problem, (zone,)))

    def tell_left_out(self) -> None:
        """Say which records are not read, once for each reason."""
        for why, left in self.left.items():
            place, address = left[0]
            more = f", and so are {len(left) - 1} more" if len(left) > 1 else ""
            self.notes.append(f"{place}: {address} is left out: {why}{more}")

    def place(self, resource: Resource, path: str, whole: Obj, line: int) -> Place:
        """Give the place of a resource's block, else that in the JSON."""
        found = self.sources.find(resource, _folder(resource, path, whole))
        return Place(found[0], found[1].line) if found else Place(path, line)

    @staticmethod
    def value_place(found: tuple[str, Block] | None, value: Value, path: str) -> Place:
        """Give the line of a value's literal in its block, else the block's, else the JSON's."""
        if found is None:
            return Place(path, value.line)
        line = found[1].line_with(value.text) if value.text is not None else None
        return Place(found[0], line or found[1].line)


def _folder(resource: Resource, path: str, whole: Obj) -> str:
    """Give the folder of a resource's module, as far as its calls say where it lies."""
    folder = posixpath.dirname(path)
    here = root_of(whole, "configuration")
    for name in module_names(resource.module):
        calls = here.get("module_calls") if here else None
        call = calls.get(name) if isinstance(calls, Obj) else None
        source = text_of(call, "source") or ""
        folder = posixpath.normpath(posixpath.join(folder, source))
        inner = call.get("module") if isinstance(call, Obj) else None
        here = inner if isinstance(inner, Obj) else None
    return "" if folder == "." else folder
