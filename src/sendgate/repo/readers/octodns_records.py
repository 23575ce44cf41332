r"""The records of one octoDNS zone, as octoDNS 1.x publishes them.

TXT: ``\;`` is a semicolon, the outer quotes go, ``" "`` joins two strings, any other quote
or backslash is data, and the text is cut every 255 octets. A target is absolute with or
without its final dot. What octoDNS itself refuses makes the zone unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sendgate.dns.answers import Origin, Raw, Rdata
from sendgate.dns.zonefile import ZoneRecord
from sendgate.errors import DomainError
from sendgate.names import Domain, printable
from sendgate.repo.readers.octodns_values import (
    field_of,
    other_data,
    published_text,
    quoting,
    text_of,
    txt_value,
)
from sendgate.repo.readers.slips import cut_by_comment, is_doubled, spread_slips
from sendgate.repo.readers.values import HIDDEN_ADDRESS, address_before, chunks
from sendgate.repo.readers.yamlfiles import Node, Pair, YamlFiles, YamlProblem
from sendgate.repo.reading import Place, Slip, SlipKind, Unread

__all__ = ["Source", "ZoneReader", "ZoneRules"]

MAX_PROBLEMS = 20  # of one zone that are told of one by one
MAX_TTL = 2**31 - 1
MAX_VALUES = 200_000  # of one zone, so that aliases of whole records end

_UNESCAPED = re.compile(r"\w;")  # what octoDNS's own check looks for
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_-]{0,63}")
_ADDRESS_TYPES = ("A", "AAAA")
_TRUE = {"true", "yes", "on"}
_SINGLE = {"CNAME", "ALIAS", "DNAME"}  # octoDNS reads `value` alone
_KNOWN = {
    "A", "AAAA", "ALIAS", "CAA", "CNAME", "DNAME", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS",
    "OPENPGPKEY", "PTR", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "URI", "URLFWD",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """What one YAML provider adds to a zone: its files, in octoDNS's order, and its options."""

    name: str
    paths: tuple[str, ...]
    default_ttl: int = 3600
    escaped_semicolons: bool = True
    replaces: bool = False


@dataclass(frozen=True)
class ZoneRules:
    """What the configuration does to the records of a zone.

    `targets` are the providers it is published to, where they are known. `templated`: a
    processor fills in braces. `dropped` are patterns of full names that are not published.
    """

    targets: tuple[str, ...] = ()
    templated: bool = False
    dropped: tuple[re.Pattern[str], ...] = ()


@dataclass
class ZoneReader:
    """One zone, read from its sources in their order."""

    files: YamlFiles
    apex: Domain
    view: str = ""
    rules: ZoneRules = field(default_factory=ZoneRules)
    slips: list[Slip] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unknown_types: list[tuple[str, Place]] = field(default_factory=list)
    unescaped: list[Place] = field(default_factory=list)
    dynamic: list[Place] = field(default_factory=list)
    _sets: dict[tuple[Domain, str], list[ZoneRecord]] = field(default_factory=dict)
    _values: int = 0

    def records(self) -> list[ZoneRecord]:
        """Every record of the zone, in the order of its files."""
        return [record for records in self._sets.values() for record in records]

    def read(self, source: Source) -> None:
        """Read the files of one source; what is wrong with one goes to `unread`."""
        for path in source.paths:
            self.files.begin()
            try:
                root = self.files.real(self.files.load(path))
                if root.kind != "null":
                    self._owners(root, source)
            except YamlProblem as problem:
                self._refuse(problem)

    def finish(self) -> None:
        """Look at the zone as a whole."""
        self.slips += spread_slips(self.records())

    def _refuse(self, problem: YamlProblem) -> None:
        if len(self.unread) < MAX_PROBLEMS:
            place = Place(problem.path, problem.line)
            self.unread.append(Unread(place, str(problem), (self.apex,)))

    def _owners(self, root: Node, source: Source) -> None:
        owners, lost = self.files.mapping(root)
        for label, pair in owners.items():
            try:
                name = self._name(label, pair.key)
                value = self.files.real(pair.value)
                entries = self.files.sequence(value)
            except YamlProblem as problem:
                self._refuse(problem)
                continue
            for entry in entries:
                try:
                    first = pair.key if value.kind != "seq" else entry
                    self._entry(name, label, entry, first, source)
                except YamlProblem as problem:
                    self._refuse(problem)
            if self._values > MAX_VALUES:
                return
        for gone in lost:
            self._lost_owner(gone.name, gone.pair)

    def _name(self, label: str, key: Node) -> Domain:
        text = label.lower()
        if text == "":
            return self.apex
        if text == "@":
            raise YamlProblem("octoDNS knows no '@'; the zone's own name is ''", key.path, key.line)
        if text.startswith(".") or text.endswith(".") or ".." in text or set(text) & set(" \t"):
            raise YamlProblem(
                f"{printable(label[:80])} is no name within the zone", key.path, key.line
            )
        try:
            return self.apex.child(text)
        except DomainError as error:
            raise YamlProblem(str(error), key.path, key.line) from None

    def _entry(self, name: Domain, label: str, entry: Node, first: Node, source: Source) -> None:
        """Read one record of octoDNS: a type, a TTL, and its values."""
        given, lost = self.files.mapping(entry)
        if "type" not in given:
            raise YamlProblem("the record has no type", entry.path, entry.line)
        kind = text_of(self.files, given["type"].value, "a type")
        if not _TYPE.fullmatch(kind):
            raise YamlProblem("its type is no record type", entry.path, entry.line)
        start = first if first.path == entry.path else entry
        place = Place(entry.path, start.line, max(entry.end, start.line))
        if not self._is_published(name, given):
            return
        ttl = self._ttl(given.get("ttl"), source)
        made = [
            ZoneRecord(name, rdtype, ttl, data, Origin("file", node.path, node.line), self.apex,
                       self.view)
            for rdtype, data, node in self._values_of(kind, name, given, entry, source)
        ]  # fmt: skip
        self._add(name, kind, made, entry, source)
        if place.end and place.line and place.end > place.line:
            self.places.append(place)
        for gone in lost:
            self._lost(name, kind, gone.pair, gone.by)
        if is_doubled(name, self.apex):
            self._slip(SlipKind.DOUBLED_ORIGIN, name, kind, place, label, name)

    def _add(
        self, name: Domain, kind: str, made: list[ZoneRecord], entry: Node, source: Source
    ) -> None:
        """Put a record's values into the zone, as octoDNS does where it has that record already."""
        if (name, kind) in self._sets and not source.replaces:
            raise YamlProblem(
                f"{name} has a second {kind} record; octoDNS takes one, with all its values",
                entry.path,
                entry.line,
            )
        self._sets[name, kind] = made

    def _is_published(self, name: Domain, given: dict[str, Pair]) -> bool:
        """Whether octoDNS publishes the record; one that it ignores is left to others."""
        if any(pattern.search(name.text) for pattern in self.rules.dropped):
            return False
        if "octodns" not in given:
            return True
        options, _ = self.files.mapping(given["octodns"].value)
        if "ignored" in options and options["ignored"].value.text.lower() in _TRUE:
            self.ignored.append(f"^{re.escape(name.text)}$")
            return False
        for word, published in (("included", True), ("excluded", False)):
            if word not in options or not self.rules.targets:
                continue
            listed = {node.text for node in self.files.sequence(options[word].value)}
            if published and not listed & set(self.rules.targets):
                return False
            if not published and listed >= set(self.rules.targets):
                return False
        return True

    def _ttl(self, pair: Pair | None, source: Source) -> int:
        if pair is None:
            return source.default_ttl
        node = self.files.real(pair.value)
        text = node.text.replace("_", "") if node.is_scalar else ""
        if not re.fullmatch(r"\+?[0-9]{1,12}", text):
            raise YamlProblem("its ttl is no number of seconds", node.path, node.line)
        return min(int(text), MAX_TTL)

    def _values_of(
        self, kind: str, name: Domain, given: dict[str, Pair], entry: Node, source: Source
    ) -> Iterator[tuple[str, Rdata, Node]]:
        """Give the type, the data and the node of each value."""
        if kind == "ALIAS" or kind.endswith("/ALIAS"):
            yield from self._alias(given, entry)
            return
        if kind not in _KNOWN:
            yield self._unknown(kind, entry)
            return
        if kind in {"A", "AAAA", "CNAME"} and self._is_proxied(given):
            yield from self._proxied(kind, given, entry)
            return
        seen: set[Rdata] = set()
        for node in self._nodes(kind, given, entry):
            self._values += 1
            if self._values > MAX_VALUES:
                raise YamlProblem(
                    f"the zone has more than {MAX_VALUES} values", node.path, node.line
                )
            data = self._data(kind, name, node, source)
            if data not in seen or kind not in _ADDRESS_TYPES:
                yield kind, data, node
            seen.add(data)
        if not seen:
            raise YamlProblem(f"the {kind} record has no value", entry.path, entry.line)

    def _nodes(self, kind: str, given: dict[str, Pair], entry: Node) -> Iterator[Node]:
        if kind in _SINGLE:
            if "value" not in given:
                raise YamlProblem(f"a {kind} record has one value", entry.path, entry.line)
            node = self.files.real(given["value"].value)
            if node.kind == "seq":
                raise YamlProblem(f"a {kind} record has one value", node.path, node.line)
            yield node
        else:
            pair = given.get("values") or given.get("value")
            if pair is not None:
                yield from self.files.sequence(pair.value)
        if "dynamic" in given:
            self.dynamic.append(Place(entry.path, entry.line))
        if kind in _ADDRESS_TYPES:
            yield from self._pooled(given)

    def _pooled(self, given: dict[str, Pair]) -> Iterator[Node]:
        """List what a dynamic record may also answer, by who asks and what is up."""
        if "dynamic" in given:
            dynamic, _ = self.files.mapping(given["dynamic"].value)
            pools = self.files.mapping(dynamic["pools"].value)[0] if "pools" in dynamic else {}
            for pool in pools.values():
                inner, _ = self.files.mapping(pool.value)
                for item in self.files.sequence(inner["values"].value) if "values" in inner else []:
                    yield field_of(self.files, item, "value")
        if "geo" in given:
            for place in self.files.mapping(given["geo"].value)[0].values():
                yield from self.files.sequence(place.value)

    def _alias(self, given: dict[str, Pair], entry: Node) -> Iterator[tuple[str, Rdata, Node]]:
        """An alias that the provider resolves: there is an address, and nobody sees which."""
        pair = given.get("values") or given.get("value")
        if pair is None:
            raise YamlProblem("the alias has no value", entry.path, entry.line)
        for node in self.files.sequence(pair.value):
            kinds: tuple[str, ...] = _ADDRESS_TYPES
            if node.kind == "map":
                fields, _ = self.files.mapping(node)
                stated = fields["type"].value.text.upper() if "type" in fields else ""
                kinds = (stated,) if stated in _ADDRESS_TYPES else kinds
            for rdtype in kinds:
                yield rdtype, HIDDEN_ADDRESS, node

    def _is_proxied(self, given: dict[str, Pair]) -> bool:
        """Whether Cloudflare answers for the name, with addresses of its own."""
        if "octodns" not in given:
            return False
        options, _ = self.files.mapping(given["octodns"].value)
        if "cloudflare" not in options:
            return False
        settings, _ = self.files.mapping(options["cloudflare"].value)
        return "proxied" in settings and settings["proxied"].value.text.lower() in _TRUE

    def _proxied(
        self, kind: str, given: dict[str, Pair], entry: Node
    ) -> Iterator[tuple[str, Rdata, Node]]:
        """Give both kinds of address, which the proxy has in place of the record."""
        node = next(iter(self._nodes(kind, given, entry)), entry)
        data = address_before(node.text) if kind == "CNAME" else HIDDEN_ADDRESS
        for rdtype in _ADDRESS_TYPES:
            yield rdtype, data, node

    def _unknown(self, kind: str, entry: Node) -> tuple[str, Rdata, Node]:
        """A type that needs a plug-in: its name exists, and what it answers is not told."""
        if kind.upper() in _KNOWN:
            raise YamlProblem(
                f"octoDNS knows no type {kind}; write {kind.upper()}", entry.path, entry.line
            )
        self.unknown_types.append((kind, Place(entry.path, entry.line)))
        return kind, Raw(f"({kind} of a plug-in)"), entry

    def _data(self, kind: str, name: Domain, node: Node, source: Source) -> Rdata:
        node = self.files.real(node)
        if kind not in {"TXT", "SPF"}:
            return other_data(self.files, kind, node)
        if self.rules.templated and "{" in node.text:
            raise YamlProblem("the value is a template that octoDNS fills in", node.path, node.line)
        written = txt_value(kind, node)
        published = published_text(written, escaped=source.escaped_semicolons)
        place = Place(node.path, node.line, node.end)
        if node.tail and cut_by_comment(published, node.tail):
            whole = written + node.tail
            self._slip(SlipKind.CUT_BY_COMMENT, name, kind, place, whole, published)
        how = quoting(written, published)
        if how is not None:
            self._slip(how, name, kind, place, written, published)
        if source.escaped_semicolons and _UNESCAPED.search(written):
            self.unescaped.append(place)
        return chunks(published.encode("utf-8", "replace"))

    def _slip(
        self, how: SlipKind, name: Domain, kind: str, place: Place, written: str,
        published: object = None,
    ) -> None:  # fmt: skip
        shown = None if published is None else str(published)
        self.slips.append(Slip(how, name, kind, place, self.apex, written, shown))

    def _lost_owner(self, label: str, pair: Pair) -> None:
        """Tell of an owner that the file names twice: its first entry is gone."""
        try:
            name = self._name(label, pair.key)
            entries = self.files.sequence(pair.value)
            for entry in entries:
                given, _ = self.files.mapping(entry)
                kind = given["type"].value.text if "type" in given else ""
                place = Place(pair.key.path, pair.key.line, max(entry.end, pair.key.line))
                held = given.get("values") or given.get("value")
                values = self.files.sequence(held.value) if held is not None else []
                texts = [f"{label}: {value.text}" for value in values if value.text]
                written = "\n".join(texts) or label
                self._slip(SlipKind.DUPLICATE_KEY, name, kind, place, written)
        except YamlProblem as problem:
            self._refuse(problem)

    def _lost(self, name: Domain, kind: str, gone: Pair, by: Pair) -> None:
        """Tell of a field that a record names twice: its first value is gone."""
        place = Place(gone.key.path, gone.key.line, max(gone.value.end, gone.key.line))
        written = f"{gone.key.text}: {gone.value.text}"
        self._slip(SlipKind.DUPLICATE_KEY, name, kind, place, written, by.value.text or None)
