"""Where a record of DNSControl's IR stands in the JavaScript that it comes from.

The IR's own positions name no file and only the outermost line, so a record is looked for
by the name of its call, its label and its value; first inside the `D()` of its zone, then
in what stands outside of any, where macros and shared values live. What is not found with
certainty is not told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sendgate.errors import SourceError
from sendgate.repo.readers.javascript import Call, calls
from sendgate.repo.reading import Place
from sendgate.repo.tree import Tree

__all__ = ["Sought", "Sources"]

MAX_OCTETS = 8 * 1024 * 1024  # of one JavaScript file that somebody writes by hand
_DOMAIN_CALLS = {"D", "D_EXTEND"}
_MICROSOFT = re.compile(r"outlook\.com|lync\.com|microsoft|windows\.net", re.IGNORECASE)


@dataclass(frozen=True)
class Sought:
    """A record as the IR has it: zone with its tag, type, label below the zone, value."""

    zone: str
    rdtype: str
    label: str
    value: str


@dataclass(frozen=True)
class _Spot:
    """A call in a file, and the domain whose `D()` it stands in (``""``: none)."""

    path: str
    call: Call
    owner: str


class Sources:
    """The JavaScript of a tree, ready to be asked where a record stands."""

    def __init__(self, tree: Tree) -> None:
        self._builders_of: dict[str, list[_Spot]] = defaultdict(list)
        self._by_label: dict[tuple[str, str], list[_Spot]] = defaultdict(list)
        self._by_text: dict[str, list[tuple[_Spot, int]]] = defaultdict(list)
        self._domains: dict[str, Place] = {}
        for path in _sources(tree.paths()):
            self._take(path, tree)

    def _take(self, path: str, tree: Tree) -> None:
        try:
            octets = tree.read(path)
        except SourceError:
            return
        if len(octets) > MAX_OCTETS or b"\0" in octets:
            return
        for call in calls(octets.decode("utf-8", "replace")):
            spot = _Spot(path, call, _owner(call))
            if call.name.endswith("_BUILDER"):
                self._builders_of[call.name].append(spot)
            if call.first is not None:
                self._by_label[call.name, call.first.lower()].append(spot)
            if call.name in _DOMAIN_CALLS and call.first:
                place = Place(path, call.line, call.end)
                self._domains.setdefault(call.first.lower(), place)
            for literal in call.literals:
                self._by_text[literal.text].append((spot, literal.line))

    def domain(self, zone: str) -> Place | None:
        """Give the lines of the `D()` of a zone, named with its tag (``example.com!inside``)."""
        return self._domains.get(zone.lower())

    def find(self, sought: Sought) -> tuple[Place, Place] | None:
        """Give the place of a record's value and that of its whole call."""
        written = [
            (spot, line)
            for spot in self._calls(sought)
            if (line := _value_line(spot.call, sought)) is not None
        ]
        for spot, line in written[:1]:
            return _places(spot, line)
        for spot in (*self._builders(sought), *self._variables(sought)):
            return _places(spot, spot.call.line)
        return self._alone(sought)

    def _calls(self, sought: Sought) -> list[_Spot]:
        """List the calls of the record's type with its label, those of its zone first."""
        whole = [
            *sought.label.lower().split("."),
            *sought.zone.lower().partition("!")[0].split("."),
        ]
        below = whole[1:] if whole[0] == "@" else whole
        heads = {".".join(below[:i]) or "@" for i in range(len(below))} | {".".join(below) + "."}
        spots = [s for head in heads for s in self._by_label.get((sought.rdtype, head), ())]
        return [spot for spot in self._scope(spots, sought.zone) if _is_label(spot, sought)]

    def _scope(self, spots: Iterable[_Spot], zone: str) -> list[_Spot]:
        """List those inside the zone's `D()`, then those outside of any."""
        apex = zone.lower().partition("!")[0]
        inside = [s for s in spots if s.owner == zone.lower() or s.owner.endswith("." + apex)]
        return inside + [s for s in spots if not s.owner]

    def _builders(self, sought: Sought) -> list[_Spot]:
        """List the builder calls that make such a record; of several, the one with its label."""
        for builder, kind, made in _BUILDERS:
            if sought.rdtype not in kind or not made(sought):
                continue
            spots = self._scope(self._builders_of[builder], sought.zone)
            fitting = [s for s in spots if sought.label in _built_labels(s.call)]
            if fitting:
                return fitting[:1]
            if len(spots) == 1 and builder in {"SPF_BUILDER", "M365_BUILDER"}:
                return spots  # the further records that these make have labels of their own
        return []

    def _variables(self, sought: Sought) -> list[_Spot]:
        """List the one call with the record's type and label whose value is no literal."""
        fitting = [spot for spot in self._calls(sought) if len(spot.call.literals) == 1]
        return fitting if len(fitting) == 1 else []

    def _alone(self, sought: Sought) -> tuple[Place, Place] | None:
        """Find the only literal that is the record's value."""
        if len(sought.value) < 4:
            return None
        found = self._by_text.get(sought.value, [])
        near = [(s, n) for s, n in found if s in self._scope([s], sought.zone)]
        return _places(*near[0]) if len(near) == 1 else None


def _sources(paths: Iterable[str]) -> list[str]:
    """List the JavaScript beside and below the folders that hold a `dnsconfig.js`."""
    scripts = [path for path in paths if path.endswith(".js")]
    folders = {p[: -len("dnsconfig.js")] for p in scripts if p.rpartition("/")[2] == "dnsconfig.js"}
    if not folders:
        return scripts
    return [path for path in scripts if any(path.startswith(folder) for folder in folders)]


def _owner(call: Call) -> str:
    outer: Call | None = call
    while outer is not None:
        if outer.name in _DOMAIN_CALLS and outer.first:
            return outer.first.lower()
        outer = outer.inside
    return ""


def _is_label(spot: _Spot, sought: Sought) -> bool:
    """Whether the call's first literal is the record's label, as seen from its `D_EXTEND()`."""
    given = spot.call.first
    if given is None:
        return False
    apex = sought.zone.partition("!")[0]
    whole = apex if sought.label == "@" else f"{sought.label}.{apex}"
    base = spot.owner.partition("!")[0] or apex
    wanted = {sought.label, f"{whole}."}
    if base != apex and (whole == base or whole.endswith("." + base)):
        wanted = {whole.removesuffix(base).removesuffix(".") or "@", f"{whole}."}
    return given.lower() in {label.lower() for label in wanted}


def _value_line(call: Call, sought: Sought) -> int | None:
    """Give the line on which the call has the record's value, where it has it."""
    values = call.literals[1:]
    if sought.rdtype == "TXT":
        joined = "".join(literal.text for literal in values if not literal.key)
        if joined == sought.value and values:
            return values[0].line
    forms = _forms(sought)
    return next((literal.line for literal in values if literal.text in forms), None)


def _forms(sought: Sought) -> set[str]:
    """List the ways to write a target: whole, without its dot, or below the zone."""
    value = sought.value
    apex = sought.zone.partition("!")[0]
    forms = {value, value.removesuffix(".")}
    if value == f"{apex}.":
        forms.add("@")
    elif value.endswith(f".{apex}."):
        forms.add(value.removesuffix(f".{apex}."))
    return forms


def _built_labels(call: Call) -> set[str]:
    """List the labels of the records that a builder call makes."""
    label = call.of("label") or "@"
    below = "" if label == "@" else f".{label}"
    match call.name:
        case "DMARC_BUILDER":
            return {f"_dmarc{below}"}
        case "DKIM_BUILDER":
            return {f"{call.of('selector')}._domainkey{below}"}
    return {label}


def _places(spot: _Spot, line: int) -> tuple[Place, Place]:
    entry = Place(spot.path, min(spot.call.line, line), max(spot.call.end, line))
    return Place(spot.path, line), entry


_BUILDERS = (
    ("SPF_BUILDER", {"TXT"}, lambda sought: sought.value.lower().startswith("v=spf1")),
    ("DMARC_BUILDER", {"TXT"}, lambda sought: sought.label.startswith("_dmarc")),
    ("DKIM_BUILDER", {"TXT"}, lambda sought: "._domainkey" in sought.label),
    ("CAA_BUILDER", {"CAA"}, lambda _: True),
    (
        "M365_BUILDER",
        {"MX", "CNAME", "TXT", "SRV"},
        lambda sought: _MICROSOFT.search(sought.value) is not None,
    ),
)
