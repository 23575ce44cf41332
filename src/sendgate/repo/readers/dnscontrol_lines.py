"""Where a record of DNSControl's IR stands in the JavaScript that it comes from.

The IR's own positions name no file and only the outermost line, so a record is looked for
by the name of its call, its label and its value; first inside the `D()` of its zone, then
in what stands outside of any, where macros and shared values live. What is not found with
certainty is not told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sendgate.repo.readers.javascript import Call, calls
from sendgate.repo.reading import Place
from sendgate.repo.tree import Tree, program_text

__all__ = ["Sought", "Sources"]

MAX_OCTETS = 4 * 1024 * 1024  # of one JavaScript file that somebody writes by hand
_MAX_ALIKE = 1000  # calls or literals that are looked through for one record
_MAX_NAME = 1000  # characters of what may be a domain name, escapes included
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
        self._builders_of: dict[tuple[str, str], list[_Spot]] = defaultdict(list)
        # By type, label, owner and value; by type, label and owner those without a value.
        self._written: dict[tuple[str, str, str, str], tuple[_Spot, int]] = {}
        self._computed: dict[tuple[str, str, str], list[_Spot]] = defaultdict(list)
        self._by_text: dict[str, list[tuple[_Spot, int]]] = defaultdict(list)
        self._domains: dict[str, Place] = {}
        self._below: dict[str, dict[str, None]] = defaultdict(dict)  # as an ordered set
        for path in _sources(tree.paths()):
            self._take(path, tree)

    def _take(self, path: str, tree: Tree) -> None:
        text = program_text(tree, path, MAX_OCTETS)
        if text is None:
            return
        for call in calls(text):
            spot = _Spot(path, call, _owner(call))
            if call.name.endswith("_BUILDER"):
                self._builders_of[call.name, spot.owner].append(spot)
            if call.first is not None:
                self._note(spot, call.first.lower())
            if call.name in _DOMAIN_CALLS and call.first:
                place = Place(path, call.line, call.end)
                self._domains.setdefault(spot.owner, place)
                for above in _and_above(spot.owner):
                    self._below[above].setdefault(spot.owner)
            for literal in call.literals:
                self._by_text[literal.text].append((spot, literal.line))

    def _note(self, spot: _Spot, label: str) -> None:
        """Note a call by its label and its values: each literal, and all of them joined."""
        call, key = spot.call, (spot.call.name, label, spot.owner)
        if len(call.literals) == 1:
            self._computed[key].append(spot)
            return
        plain = [literal for literal in call.literals[1:] if not literal.key]
        joined = "".join(literal.text for literal in plain)
        values = [(literal.text, literal.line) for literal in call.literals[1:]]
        for text, line in [(joined, call.literals[1].line), *values]:
            self._written.setdefault((*key, text), (spot, line))

    def domain(self, zone: str) -> Place | None:
        """Give the lines of the `D()` of a zone, named with its tag (``example.com!inside``)."""
        return self._domains.get(zone.lower())

    def find(self, sought: Sought) -> tuple[Place, Place] | None:
        """Give the place of a record's value and that of its whole call."""
        if len(sought.label) > _MAX_NAME:
            return None
        for key in self._keys(sought):
            for form in _forms(sought):
                found = self._written.get((*key, form))
                if found is not None:
                    return _places(*found)
        for spot in (*self._builders(sought), *self._variables(sought)):
            return _places(spot, spot.call.line)
        return self._alone(sought)

    def _keys(self, sought: Sought) -> Iterator[tuple[str, str, str]]:
        """List the type, label and owner that a call of the record may have.

        The label is written as seen from the `D()` or `D_EXTEND()` around it, or whole.
        """
        apex = sought.zone.lower().partition("!")[0]
        label = sought.label.lower()
        whole = apex if label == "@" else f"{label}.{apex}"
        for owner in self._owners(sought.zone):
            base = owner.partition("!")[0] or apex
            if whole == base:
                yield sought.rdtype, "@", owner
            elif whole.endswith(f".{base}"):
                yield sought.rdtype, whole.removesuffix(f".{base}"), owner
            yield sought.rdtype, f"{whole}.", owner

    def _owners(self, zone: str) -> list[str]:
        """List the domains whose `D()` or `D_EXTEND()` may hold a zone's records; last, none."""
        zone = zone.lower()
        below = self._below.get(zone.partition("!")[0], {})
        return [zone, *islice((o for o in below if o != zone and "!" not in o), _MAX_ALIKE), ""]

    def _builders(self, sought: Sought) -> list[_Spot]:
        """List the builder calls that make such a record; of several, the one with its label."""
        for builder, kind, made in _BUILDERS:
            if sought.rdtype not in kind or not made(sought):
                continue
            owners = self._owners(sought.zone)
            spots = [s for owner in owners for s in self._builders_of.get((builder, owner), ())]
            fitting = [s for s in spots if sought.label in _built_labels(s.call)]
            if fitting:
                return fitting[:1]
            if len(spots) == 1 and builder in {"SPF_BUILDER", "M365_BUILDER"}:
                return spots  # the further records that these make have labels of their own
        return []

    def _variables(self, sought: Sought) -> list[_Spot]:
        """List the one call with the record's type and label whose value is no literal."""
        fitting = [spot for key in self._keys(sought) for spot in self._computed.get(key, ())]
        return fitting if len(fitting) == 1 else []

    def _alone(self, sought: Sought) -> tuple[Place, Place] | None:
        """Find the only literal that is the record's value."""
        if len(sought.value) < 4:
            return None
        found = self._by_text.get(sought.value, [])
        if len(found) > _MAX_ALIKE:
            return None
        owners = set(self._owners(sought.zone))
        near = [(spot, line) for spot, line in found if spot.owner in owners]
        return _places(*near[0]) if len(near) == 1 else None


def _and_above(domain: str) -> list[str]:
    """List a domain and all above it, a tag left out."""
    labels = domain.partition("!")[0][-_MAX_NAME:].split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


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


def _forms(sought: Sought) -> list[str]:
    """List the ways to write a target: whole, without its dot, or below the zone."""
    value = sought.value
    apex = sought.zone.partition("!")[0]
    forms = [value]
    if sought.rdtype == "TXT":
        return forms
    forms.append(value.removesuffix("."))
    if value == f"{apex}.":
        forms.append("@")
    elif value.endswith(f".{apex}."):
        forms.append(value.removesuffix(f".{apex}."))
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
