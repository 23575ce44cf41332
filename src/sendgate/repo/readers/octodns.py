"""octoDNS repositories: YAML zones, and the configuration that says what becomes of them.

    configuration ──► a plan a zone (files, completeness) ──► records, slips, what is unread
    no configuration ──► zones by the names of files and folders

Verified with octoDNS 1.22. A zone is named after its file (``example.com.yaml``), after its
folder where it is split (``example.com./``, with ``$example.com.yaml``), or after what
stands before ``._`` where parts of it are put together (``example.com._0_base.yaml``).
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sendgate.dns.zonefile import ZoneRecord
from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain, printable
from sendgate.repo.readers.octodns_config import Config, ZonePlan, is_config, read_config
from sendgate.repo.readers.octodns_records import Source, ZoneReader
from sendgate.repo.readers.yamlfiles import YamlFiles, YamlProblem
from sendgate.repo.reading import DeclaredZone, Place, Reading, Slip, Unread
from sendgate.repo.tree import Tree

__all__ = ["NAME", "detect", "read"]

NAME = "octodns"

MAX_IN_ALL = 300_000  # values of all zones: 24 seconds, 900 MB
MAX_TOLD = 10  # files beside zones that are told of one by one
_SNIFFED = 256 * 1024  # octets of a file in which its first record must stand
_CONFIG = re.compile(rb"^[\"']?providers[\"']?[ \t]*:", re.MULTILINE)
_RECORD = re.compile(
    rb"\btype[\"']?[ \t]*:[ \t]*[\"']?(?i:A|AAAA|ALIAS|CAA|CNAME|DNAME|DS|HTTPS|LOC|MX|NAPTR|NS|"
    rb"PTR|SPF|SRV|SSHFP|SVCB|TLSA|TXT|URI|URLFWD|[A-Za-z0-9]+Provider/[A-Z]+)\b"
)
_PART = re.compile(r"(?P<zone>.+?)\._[^.]*(?:\..*)?\Z")
_ASSUMED = (
    "no octoDNS configuration lists these zones; each is taken to be published from its files alone"
)


def detect(tree: Tree) -> str | None:
    """Say by what octoDNS is recognised: its configuration, else a zone in YAML."""
    found = _Candidates(tree)
    if found.configs:
        return f"{printable(found.configs[0])} configures octoDNS"
    for path in found.zone_like:
        return f"{printable(path)} is named after a zone and holds octoDNS records"
    return None


def read(tree: Tree) -> Reading:
    """Read every zone; raise `SourceError` where there is none."""
    return _Repository(tree).read()


class _Candidates:
    """The YAML files of a tree that may be of octoDNS, by their names and first octets."""

    def __init__(self, tree: Tree) -> None:
        self.configs: list[str] = []
        self.zone_like: list[str] = []
        self.odd: list[str] = []  # .yml, which octoDNS does not read
        self.paths = tree.paths()
        self.unread: list[Unread] = []
        self.split: dict[str, Domain] = {}  # folders that are zones
        for path in self.paths:
            folder, _, name = path.rpartition("/")
            zone = _domain(name[1:-5]) if name.startswith("$") and name.endswith(".yaml") else None
            zone = zone or (_domain(posixpath.basename(folder)) if folder.endswith(".") else None)
            if zone is not None:
                self.split[folder] = zone
        files = YamlFiles(tree)
        for path in self.paths:
            name = posixpath.basename(path)
            if not name.endswith((".yaml", ".yml")):
                continue
            try:
                octets = tree.read(path)
            except SourceError as error:
                zone = self.zone_of(path)
                if zone is not None:
                    problem = str(error).removeprefix(f"{path}: ")
                    self.unread.append(Unread(Place(path), problem, (zone,)))
                continue
            if _CONFIG.search(octets) and is_config(files, path):
                self.configs.append(path)
            elif self.zone_of(path) is not None and _RECORD.search(octets[:_SNIFFED]):
                (self.zone_like if name.endswith(".yaml") else self.odd).append(path)

    def zone_of(self, path: str) -> Domain | None:
        """Tell which zone a file would be by its folder or name; None where they name none."""
        folder, _, name = path.rpartition("/")
        if folder in self.split:
            return self.split[folder]
        stem = re.sub(r"\.ya?ml\Z", "", name)
        part = _PART.fullmatch(stem)
        return _domain(part["zone"] if part is not None else stem)


def _domain(text: str) -> Domain | None:
    try:
        zone = Domain.parse(text)
    except DomainError:
        return None
    return zone if len(zone.labels) > 1 and not zone.text.startswith("_") else None


@dataclass
class _Repository:
    """Everything that is made of one tree."""

    tree: Tree
    records: list[ZoneRecord] = field(default_factory=list)
    zones: list[DeclaredZone] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    places: dict[Place, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    readers: list[ZoneReader] = field(default_factory=list)

    def read(self) -> Reading:
        self.files = YamlFiles(self.tree)
        self.found = _Candidates(self.tree)
        self.unread += self.found.unread
        configs = [read_config(self.files, path, self.found.paths) for path in self.found.configs]
        self._told(configs)
        planned = self._planned(configs)
        plans = [*planned, *self._by_name(configs, planned)]
        self._views(plans)
        self._remarks()
        if not self.zones and not self.unread:
            raise SourceError(
                "no octoDNS zone: looked for files named after a zone, such as example.com.yaml, "
                "and for a configuration with `providers` and `zones`",
                ".",
            )
        return Reading(
            source=NAME,
            why=detect_words(self.found),
            records=tuple(self.records),
            zones=tuple(self.zones),
            slips=tuple(self.slips),
            unread=tuple(dict.fromkeys(self.unread)),
            notes=tuple(dict.fromkeys(self.notes)),
            places=tuple(self.places),
        )

    def _told(self, configs: list[Config]) -> None:
        """Say of each configuration that it is one."""
        for config in configs:
            zones = f"{len(config.plans)} zones" if len(config.plans) != 1 else "one zone"
            self.notes.append(
                f"{printable(config.path)} is an octoDNS configuration ({zones}), not a zone"
            )
            self.notes += config.notes
            self.unread += config.unread

    def _planned(self, configs: list[Config]) -> list[tuple[ZonePlan, str]]:
        """Join what several configurations say: the same files are one zone, others are views."""
        merged: dict[tuple[Domain, tuple[str, ...]], tuple[ZonePlan, list[str]]] = {}
        for config in configs:
            for plan in config.plans.values():
                key = (plan.apex, plan.paths or (f"alias of {plan.alias_of}",))
                if key in merged:
                    known, names = merged[key]
                    why = known.incomplete or plan.incomplete
                    ignored = tuple(dict.fromkeys(known.ignored + plan.ignored))
                    plan = replace(known, incomplete=why, ignored=ignored)
                    merged[key] = plan, [*names, config.path]
                else:
                    merged[key] = plan, [config.path]
        counts: dict[Domain, int] = defaultdict(int)
        for apex, _ in merged:
            counts[apex] += 1
        views: list[tuple[ZonePlan, str]] = []
        for (apex, _), (plan, names) in merged.items():
            views.append((plan, names[0] if counts[apex] > 1 else ""))
        for apex, count in counts.items():
            if count > 1:
                self.notes.append(
                    f"{count} configurations publish {apex} from different files; each is a view"
                )
        return views

    def _by_name(
        self, configs: list[Config], planned: list[tuple[ZonePlan, str]]
    ) -> list[tuple[ZonePlan, str]]:
        """Plan the zones that only the names of files show."""
        used = {path for plan, _ in planned for path in plan.paths}
        used |= {config.path for config in configs}
        folders = {folder for config in configs for folder in config.folders}
        groups: dict[tuple[Domain, str], list[str]] = defaultdict(list)
        left: list[str] = []
        for path in self._zone_like(used, folders):
            zone = self.found.zone_of(path)
            if zone is None:
                continue
            folder = posixpath.dirname(path)
            if folders and not any(
                f in ("", folder) or folder.startswith(f"{f}/") for f in folders
            ):
                left.append(path)
                continue
            groups[zone, folder].append(path)
        if left:
            self.notes.append(
                f"{printable(left[0])} and {len(left) - 1} more files look like zones and stand "
                "outside the folders that are published; they were not read"
                if len(left) > 1
                else f"{printable(left[0])} looks like a zone and stands outside the folders "
                "that are published; it was not read"
            )
        plans = self._grouped(groups, configs, {plan.apex for plan, _ in planned})
        if plans and not any(config.plans for config in configs):
            self.notes.append(_ASSUMED)
        return plans

    def _zone_like(self, used: set[str], folders: set[str]) -> Iterable[str]:
        """List files that are zones by name and content; others beside them are told of."""
        likely = [path for path in self.found.zone_like if path not in used]
        homes = {posixpath.dirname(path) for path in [*likely, *used]} | folders
        known = {*used, *self.found.zone_like, *self.found.configs}
        beside = [
            path
            for path in self.found.paths
            if path.endswith(".yaml") and path not in known and posixpath.dirname(path) in homes
        ]
        others: list[str] = []
        for path in beside:
            named = self.found.zone_of(path) is not None
            (likely if named and self._is_broken(path) else others).append(path)
        for path in others[:MAX_TOLD]:
            self.notes.append(f"{printable(path)} holds no octoDNS records; it is no zone")
        if others[MAX_TOLD:]:
            self.notes.append(f"{len(others) - MAX_TOLD} more files beside zones hold no records")
        for path in self.found.odd:
            self.notes.append(f"{printable(path)}: octoDNS reads .yaml files only; not read")
        return sorted(likely)

    def _is_broken(self, path: str) -> bool:
        """Whether a file named after a zone is unreadable, so that it may well be one."""
        try:
            return self.files.load(path).kind == "null"
        except YamlProblem:
            return True

    def _grouped(
        self,
        groups: dict[tuple[Domain, str], list[str]],
        configs: list[Config],
        planned: set[Domain],
    ) -> list[tuple[ZonePlan, str]]:
        homes: dict[Domain, list[str]] = defaultdict(list)
        for zone, folder in groups:
            homes[zone].append(folder)
        plans: list[tuple[ZonePlan, str]] = []
        for (zone, folder), paths in groups.items():
            if zone in planned:
                self.notes.append(
                    f"{printable(paths[0])} looks like the zone {zone}, which the configuration "
                    "reads from elsewhere; not read"
                )
                continue
            spellings = {posixpath.basename(p) for p in paths if not _is_part(p)}
            if len(spellings) > 1 and folder not in self.found.split:
                first, second = (printable(path) for path in paths[:2])
                problem = f"both {first} and {second} are the zone {zone.unicode}"
                self.unread.append(Unread(Place(paths[1]), problem, (zone,)))
            listed = any(config.plans for config in configs)
            why = "the octoDNS configuration does not list it" if listed else None
            source = Source("", tuple(sorted(paths)))
            plan = ZonePlan(zone, Place(paths[0], 1), (source,), incomplete=why)
            plans.append((plan, folder if len(homes[zone]) > 1 else ""))
        for zone, folders in homes.items():
            if len(folders) > 1 and zone not in planned:
                shown = ", ".join(printable(folder) for folder in folders)
                self.notes.append(f"{zone} stands in several folders, each a view: {shown}")
        return plans

    def _views(self, plans: list[tuple[ZonePlan, str]]) -> None:
        """Read the zones; an alias is another zone's records under its own name."""
        by_apex = {(plan.apex, view): plan for plan, view in plans}
        for plan, view in plans:
            origin = plan
            if plan.alias_of is not None:
                found = by_apex.get((plan.alias_of, view)) or by_apex.get((plan.alias_of, ""))
                if found is None or found.alias_of is not None:
                    problem = f"the zone {plan.alias_of} that it is an alias of is not published"
                    self.unread.append(Unread(plan.place, problem, (plan.apex,)))
                    continue
                origin = found
            reader = ZoneReader(self.files, plan.apex, view, origin.rules)
            if len(self.records) > MAX_IN_ALL:
                problem = f"the zones before it have {MAX_IN_ALL} records already"
                self.unread.append(Unread(plan.place, problem, (plan.apex,)))
                continue
            for source in origin.sources:
                reader.read(source)
            reader.finish()
            self._take(reader, plan, origin, view)

    def _take(self, reader: ZoneReader, plan: ZonePlan, origin: ZonePlan, view: str) -> None:
        self.records += reader.records()
        self.unread += reader.unread
        ignored = (*plan.ignored, *origin.ignored, *reader.ignored)
        why = plan.incomplete or origin.incomplete
        self.zones.append(
            DeclaredZone(plan.apex, plan.place, why, tuple(dict.fromkeys(ignored)), view)
        )
        if plan is origin:  # what an alias copies is told of once
            self.slips += reader.slips
            self.readers.append(reader)
            self.places.update(dict.fromkeys(reader.places))

    def _remarks(self) -> None:
        """Say once what many records have in common."""
        kinds: dict[str, list[Place]] = defaultdict(list)
        for reader in self.readers:
            for kind, place in reader.unknown_types:
                kinds[kind].append(place)
        for kind, places in kinds.items():
            self.notes.append(
                f"{_times(places)}: the type {printable(kind)} needs a plug-in; "
                "the name counts as one that exists, without data"
            )
        unescaped = [place for reader in self.readers for place in reader.unescaped]
        if unescaped:
            self.notes.append(
                f"{_times(unescaped)}: octoDNS refuses a ; without a backslash before it, unless "
                "the zone is lenient or its provider has `escaped_semicolons: false`"
            )
        dynamic = [place for reader in self.readers for place in reader.dynamic]
        if dynamic:
            self.notes.append(
                f"{_times(dynamic)}: a dynamic record answers by who asks; addresses of all its "
                "pools count, and for an alias its `value`"
            )


def _times(places: list[Place]) -> str:
    return str(places[0]) if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"


def _is_part(path: str) -> bool:
    stem = posixpath.basename(path).removesuffix(".yaml")
    return stem.startswith("$") or _PART.fullmatch(stem) is not None


def detect_words(found: _Candidates) -> str:
    """Say by what the format was recognised."""
    if found.configs:
        return f"{printable(found.configs[0])} configures octoDNS"
    if found.zone_like:
        return f"{printable(found.zone_like[0])} is named after a zone and holds octoDNS records"
    return "asked for"
