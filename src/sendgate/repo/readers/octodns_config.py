"""An octoDNS configuration: which zones it publishes, from which files, and what else feeds them.

A zone whose sources are all YAML files of the tree is complete: octoDNS deletes what is not
there. Another source, or a processor that leaves records alone, makes it incomplete.
"""

from __future__ import annotations

import contextlib
import fnmatch
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sendgate.errors import DomainError
from sendgate.names import Domain, printable
from sendgate.repo.readers.octodns_records import Source, ZoneRules
from sendgate.repo.readers.yamlfiles import Node, Pair, YamlFiles, YamlProblem
from sendgate.repo.reading import Place, Unread

__all__ = ["Config", "ZonePlan", "is_config", "read_config"]

MAX_ZONES = 50_000  # of one configuration
MAX_PATTERN = 200  # characters of a regex that zones are chosen by

_YAML_CLASSES = {"YamlProvider", "SplitYamlProvider"}
# Processors that neither add records, nor leave any to others.
_HARMLESS = {
    "EnsureTrailingDots", "ExcludeRootNsChanges", "IgnoreRootNsFilter", "MetaProcessor",
    "SpfDnsLookupProcessor", "TtlClampProcessor", "TtlRestrictionFilter", "ZoneNameFilter",
}  # fmt: skip
_ACME = {"AcmeManagingProcessor", "AcmeMangingProcessor"}
_COSTLY = re.compile(r"\)[*+?{]|\\[1-9]|\(\?P=")
_UNBOUNDED = re.compile(r"[*+{]")
_ACME_NAMES = r"^_acme-challenge\."


@dataclass(frozen=True)
class ZonePlan:
    """One zone that a configuration publishes."""

    apex: Domain
    place: Place
    sources: tuple[Source, ...]
    rules: ZoneRules = field(default_factory=ZoneRules)
    incomplete: str | None = None
    ignored: tuple[str, ...] = ()
    alias_of: Domain | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that the zone is read from."""
        return tuple(path for source in self.sources for path in source.paths)


@dataclass
class Config:
    """What one configuration file says."""

    path: str
    plans: dict[Domain, ZonePlan] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)  # that its YAML providers read
    notes: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


@dataclass(frozen=True)
class _Provider:
    """A source of octoDNS: a YAML provider with its folder in the tree, or another class."""

    name: str
    class_name: str
    folder: str | None = None
    default_ttl: int = 3600
    escaped_semicolons: bool = True
    replaces: bool = False
    split: str = ""
    shared: str = ""
    zonefiles: bool = True
    lenient_missing: bool = False


def is_config(files: YamlFiles, path: str) -> bool:
    """Whether a file configures octoDNS: each of its `providers` has a class."""
    try:
        keys, _ = files.mapping(files.load(path))
        providers = files.mapping(keys["providers"].value)[0] if "providers" in keys else {}
        return bool(providers) and all(
            "class" in files.mapping(pair.value)[0] for pair in providers.values()
        )
    except YamlProblem:
        return False


def read_config(files: YamlFiles, path: str, tree_paths: Iterable[str]) -> Config:
    """Read one configuration; what cannot be read of it is in its `unread`."""
    reader = _ConfigReader(files, path, tuple(tree_paths))
    try:
        reader.read()
    except YamlProblem as problem:
        reader.config.unread.append(Unread(Place(problem.path, problem.line), str(problem)))
    return reader.config


class _ConfigReader:
    def __init__(self, files: YamlFiles, path: str, tree_paths: tuple[str, ...]) -> None:
        self.config = Config(path)
        self._files = files
        self._paths = tree_paths
        self._present = set(tree_paths)
        self._inside: dict[str, list[str]] = {}
        for each in tree_paths:
            if each.endswith(".yaml"):
                self._inside.setdefault(posixpath.dirname(each), []).append(each)
        self._folders = {
            "/".join(parts[:i]) for p in tree_paths for parts in [p.split("/")]
            for i in range(len(parts))
        }  # fmt: skip
        self._providers: dict[str, _Provider] = {}
        self._processors: dict[str, dict[str, Node]] = {}
        self._global: list[str] = []

    def read(self) -> None:
        """Read providers, processors, then zones."""
        top = self._map(self._files.load(self.config.path))
        for name, node in self._map(top.get("providers")).items():
            self._providers[name] = self._provider(name, self._map(node))
        for name, node in self._map(top.get("processors")).items():
            self._processors[name] = self._map(node)
        manager = self._map(top.get("manager"))
        self._global = self._list(manager.get("processors"))
        self._global += self._list(manager.get("post_processors"))
        zones, _ = self._files.mapping(top["zones"]) if "zones" in top else ({}, [])
        dynamic: list[tuple[str, Pair]] = []
        for name, pair in zones.items():
            if name.startswith("*"):
                dynamic.append((name, pair))
            else:
                self._fixed(name, pair)
        for _, pair in dynamic:
            self._dynamic(pair)

    def _map(self, node: Node | None) -> dict[str, Node]:
        """Give a mapping by its keys; nothing where there is none."""
        if node is None or self._files.real(node).kind == "null":
            return {}
        return {key: self._files.real(p.value) for key, p in self._files.mapping(node)[0].items()}

    def _list(self, node: Node | None) -> list[str]:
        if node is None or node.kind == "null":
            return []
        return [item.text for item in self._files.sequence(node)]

    def _provider(self, name: str, given: dict[str, Node]) -> _Provider:
        class_name = given["class"].text.rpartition(".")[2] if "class" in given else ""
        if class_name not in _YAML_CLASSES:
            return _Provider(name, class_name)

        def true(key: str, default: bool) -> bool:
            if key not in given or given[key].kind == "null":
                return default
            return given[key].text.lower() in {"true", "yes", "on", "y"}

        ttl = given["default_ttl"].text if "default_ttl" in given else ""
        old = class_name == "SplitYamlProvider"
        split = given.get("extension" if old else "split_extension")
        extension = split.text if split is not None and split.kind == "str" else ""
        return _Provider(
            name,
            class_name,
            self._folder(given.get("directory")),
            int(ttl) if ttl.isascii() and ttl.isdigit() and len(ttl) < 10 else 3600,
            true("escaped_semicolons", default=True),
            true("populate_should_replace", default=False),
            extension or ("." if old else ""),
            given["shared_filename"].text if "shared_filename" in given else "",
            not (old or true("disable_zonefile", default=False)),
            true("ignore_missing_zones", default=False),
        )

    def _folder(self, node: Node | None) -> str | None:
        """Find a provider's folder: relative to where octoDNS runs, which the tree does not say."""
        given = node.text if node is not None else ""
        home = posixpath.dirname(self.config.path)
        bases = [home]
        while bases[-1]:
            bases.append(posixpath.dirname(bases[-1]))
        if given and not given.startswith(("/", "~", "env/")):
            for base in ["", *bases]:
                folder = posixpath.normpath(posixpath.join(base, given))
                folder = "" if folder == "." else folder
                if folder in self._folders:
                    self.config.folders.add(folder)
                    return folder
        line = node.line if node is not None else None
        self.config.notes.append(
            f"{Place(self.config.path, line)}: the folder {printable(given[:200])} "
            "is not in the repository"
        )
        return None

    def _fixed(self, name: str, pair: Pair) -> None:
        """Plan a zone that the configuration names."""
        place = Place(pair.key.path, pair.key.line)
        try:
            apex = Domain.parse(name.removesuffix(".") or ".")
            given = self._map(pair.value)
            if "alias" in given:
                target = Domain.parse(given["alias"].text)
                self._plan(ZonePlan(apex, place, (), alias_of=target))
            else:
                plan = self._zone(apex, given, place)
                if plan.sources:
                    self._plan(plan)
                else:
                    self.config.notes.append(
                        f"{place}: nothing of {apex} is YAML of this repository; not read"
                    )
        except (DomainError, YamlProblem) as error:
            line = error.line if isinstance(error, YamlProblem) else place.line
            unread = Unread(Place(place.path, line), f"the zone {printable(name[:80])}: {error}")
            with contextlib.suppress(DomainError):
                unread = Unread(unread.place, unread.problem, (Domain.parse(name),))
            self.config.unread.append(unread)

    def _dynamic(self, pair: Pair) -> None:
        """Plan the zones that the sources of a `*` list, where no other entry names them."""
        given = self._map(pair.value)
        place = Place(pair.key.path, pair.key.line)
        chosen = _chooser(given, pair)
        for source in self._list(given.get("sources")):
            provider = self._providers.get(source)
            if provider is None or provider.folder is None:
                self.config.notes.append(
                    f"{place}: the zones that {printable(source[:80])} lists are not in "
                    "the repository"
                )
                continue
            for text in self._listed(provider):
                with contextlib.suppress(DomainError):
                    apex = Domain.parse(text)
                    if apex not in self.config.plans and chosen(f"{text}."):
                        self._plan(self._zone(apex, given, None))

    def _plan(self, plan: ZonePlan) -> None:
        if len(self.config.plans) >= MAX_ZONES:
            raise YamlProblem(f"more than {MAX_ZONES} zones", self.config.path, plan.place.line)
        self.config.plans[plan.apex] = plan

    def _listed(self, provider: _Provider) -> Iterator[str]:
        """List the zones that a YAML provider finds in its folder, as it does."""
        prefix = f"{provider.folder}/" if provider.folder else ""
        found: dict[str, None] = {}
        for path in self._paths:
            if not path.startswith(prefix):
                continue
            name, _, below = path[len(prefix) :].partition("/")
            if below:
                if provider.split and name.endswith(provider.split):
                    found[name.removesuffix(provider.split)] = None
            elif provider.zonefiles and name.endswith(".yaml") and name.count(".") >= 2:
                found[name.removesuffix(".yaml")] = None
        yield from found

    def _zone(self, apex: Domain, given: dict[str, Node], place: Place | None) -> ZonePlan:
        """Plan a zone from its sources; `place` is None where it is named after its file."""
        names = self._list(given.get("sources"))
        if not names:
            raise YamlProblem("it has no sources", self.config.path, place.line if place else None)
        sources: list[Source] = []
        others: list[str] = []
        for name in names:
            provider = self._providers.get(name)
            if provider is None:
                what = printable(name[:80])
                line = place.line if place else None
                raise YamlProblem(f"no provider is called {what}", self.config.path, line)
            if provider.folder is None:
                others.append(_shown(name, provider.class_name))
                continue
            paths = self._files_of(provider, apex)
            if paths:
                sources.append(_source(provider, paths))
            elif not provider.lenient_missing:
                raise YamlProblem(
                    f"the source {printable(name[:80])} has no file for it",
                    self.config.path,
                    place.line if place else None,
                )
        why = f"it has further sources: {', '.join(others)}" if others else None
        first = next((path for source in sources for path in source.paths), self.config.path)
        plan = ZonePlan(apex, place or Place(first, 1), tuple(sources), incomplete=why)
        return self._processed(plan, given)

    def _processed(self, plan: ZonePlan, given: dict[str, Node]) -> ZonePlan:
        """Take in what the processors of a zone do."""
        incomplete, ignored, templated = plan.incomplete, list(plan.ignored), False
        dropped: list[re.Pattern[str]] = []
        for name in [*self._global, *self._list(given.get("processors"))]:
            options = self._processors.get(name, {})
            kind = options["class"].text.rpartition(".")[2] if "class" in options else ""
            if kind in _HARMLESS:
                continue
            if kind == "Templating":
                templated = True
            elif kind in _ACME:
                ignored.append(_ACME_NAMES)
            elif kind == "NameRejectlistFilter":
                names = self._list(options.get("rejectlist"))
                patterns = [_rejected(text, plan.apex) for text in names]
                ignored += patterns
                dropped += filter(None, map(_compiled, patterns))
            elif incomplete is None:
                shown = _shown(name, kind)
                incomplete = f"the processor {shown} may leave records to others"
        targets = tuple(self._list(given.get("targets")))
        rules = ZoneRules(targets, templated, tuple(dropped))
        return ZonePlan(plan.apex, plan.place, plan.sources, rules, incomplete, tuple(ignored))

    def _files_of(self, provider: _Provider, apex: Domain) -> tuple[str, ...]:
        """Name the files that a YAML provider reads for a zone, in its order."""
        prefix = f"{provider.folder}/" if provider.folder else ""
        spellings = list(dict.fromkeys([apex.unicode, apex.text]))
        found: list[str] = []
        if provider.split:
            folders = [f"{prefix}{name}{provider.split}" for name in spellings]
            found += self._only(apex, [x for x in folders if x in self._folders])
            found = [path for folder in found for path in self._inside.get(folder, [])]
        if provider.zonefiles:
            named = [f"{prefix}{name}.yaml" for name in spellings]
            found += self._only(apex, [path for path in named if path in self._present])
        shared = posixpath.normpath(prefix + provider.shared) if provider.shared else ""
        if found and shared:
            if shared not in self._present:
                raise YamlProblem(
                    f"the shared file {printable(shared)} is missing", self.config.path
                )
            found.append(shared)
        return tuple(sorted(found))

    def _only(self, apex: Domain, found: list[str]) -> list[str]:
        if len(found) > 1:
            first, second = map(printable, found[:2])
            raise YamlProblem(f"both {first} and {second} are the zone {apex.unicode}", found[1])
        return found


def _source(provider: _Provider, paths: tuple[str, ...]) -> Source:
    return Source(
        provider.name, paths, provider.default_ttl, provider.escaped_semicolons, provider.replaces
    )


def _chooser(given: dict[str, Node], pair: Pair) -> _Chooser:
    return _Chooser(
        given["glob"].text if "glob" in given else "",
        given["regex"].text if "regex" in given else "",
        pair,
    )


class _Chooser:
    """Which of the listed zones an entry with `glob` or `regex` takes."""

    def __init__(self, glob: str, regex: str, pair: Pair) -> None:
        self._glob = glob
        self._regex = _compiled(regex) if regex and not glob else None
        if regex and not glob and self._regex is None:
            shown = printable(regex[:80])
            place = pair.key
            raise YamlProblem(f"the regex {shown} cannot be used", place.path, place.line)

    def __call__(self, zone: str) -> bool:
        if self._glob:
            return fnmatch.fnmatchcase(zone, self._glob)
        return self._regex is None or self._regex.search(zone) is not None


def _shown(name: str, class_name: str) -> str:
    """Write a name of the configuration, with its class, so that no character takes effect."""
    words = [
        x if re.fullmatch(r"[\w.-]{1,64}", x) else printable(x[:64]) for x in (name, class_name)
    ]
    return f"{words[0]} ({words[1]})" if class_name else words[0]


def _compiled(text: str) -> re.Pattern[str] | None:
    """Compile a pattern of the repository; None where it is none, or could match for ever."""
    if len(text) > MAX_PATTERN or _COSTLY.search(text) or len(_UNBOUNDED.findall(text)) > 3:
        return None
    try:
        return re.compile(text)
    except (re.error, OverflowError):
        return None


def _rejected(text: str, apex: Domain) -> str:
    """Write a name or /regex/ of a reject list as a pattern of full names."""
    tail = re.escape(f".{apex}")
    if len(text) > 2 and text[0] == text[-1] == "/":
        body = text[1:-1]
        return f"{body[:-1]}{tail}$" if body.endswith("$") else body
    return f"^{re.escape(text.lower())}{tail}$" if text else f"^{re.escape(apex.text)}$"
