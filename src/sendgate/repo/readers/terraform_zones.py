"""Which zone a record of a Terraform plan belongs to.

A zone that the same plan creates has no id yet, so its records do not name it: then the
references of the configuration tell. In this order: the id, where a zone of the plan or of
the state before it has it; what the configuration refers to, over variables, outputs and
`for_each`; the zone above an absolute name. A zone that is managed elsewhere is taken to be
the one registrable domain that all records with its id have in their names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.repo.readers.jsontext import Arr, Obj, objects, text_of
from sendgate.repo.readers.terraform_plan import (
    Resource,
    config_of,
    module_calls,
    module_names,
)
from sendgate.repo.readers.terraform_references import Leaf, follow, references

__all__ = ["KEYS", "Zone", "Zones"]

# The keys that hold a zone's id, and those that hold its name.
_ZONES = {
    "aws_route53_zone": (("zone_id", "id"), ("name",)),
    "cloudflare_zone": (("id", "zone_id"), ("name", "zone")),
    "google_dns_managed_zone": (("name", "id"), ("dns_name",)),
    "azurerm_dns_zone": (("name", "id"), ("name",)),
}
_LISTS = {"cloudflare_zones": ("zones", "result")}
KEYS = {"aws": "zone_id", "cloudflare": "zone_id", "google": "managed_zone", "azurerm": "zone_name"}
_REFERENCE = re.compile(
    r"""(?P<data>data\.)?(?P<type>[a-z][a-z0-9_]*)\.(?P<name>[\w-]+)
        (?:\[(?:"(?P<key>(?:[^"\\]|\\.)*)"|(?P<number>[0-9]+))\])?""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Zone:
    """A zone that the plan or the state knows."""

    apex: Domain
    resource: Resource
    private: bool = False


class Zones:
    """The zones of a plan, by id and by address."""

    def __init__(self, whole: Obj, known: list[Resource], records: list[Resource]) -> None:
        self._whole = whole
        self._configs: dict[tuple[str, ...], dict[tuple[str | None, str | None], Obj]] = {}
        self._by_id: dict[tuple[str, str], list[Zone]] = defaultdict(list)
        self._by_address: dict[tuple[str, str, str], list[Zone]] = defaultdict(list)
        self.all: dict[Domain, Zone] = {}
        for resource in known:
            self._take(resource)
        self._named: dict[tuple[str, str], set[Domain]] = defaultdict(set)
        for record in records:
            self._name(record)

    def of(self, record: Resource) -> Zone | Domain | None:
        """Give the zone of a record; a mere name where only names tell it, None: not known."""
        provider = record.type.partition("_")[0]
        key = KEYS[provider]
        given = text_of(record.values, key)
        found = self._by_id.get((provider, _short(given)), []) if given else []
        if not found:
            found = self._referred(record, key)
        if len(found) != 1:
            found = _choose(found, record) or self._above(record)
        if found:
            return found[0]
        if provider == "azurerm" and given:
            return _domain(given)
        if record.is_unknown(key):  # the plan itself makes the zone: a name would be a guess
            return None
        names = self._named.get(self._group(record), set())
        return next(iter(names)) if len(names) == 1 else None

    def _take(self, resource: Resource) -> None:
        for key in _LISTS.get(resource.type, ()):
            for item in objects(resource.values.get(key)):
                self._put(resource, item, ("id",), ("name",))
        if resource.type in _ZONES:
            self._put(resource, resource.values, *_ZONES[resource.type])

    def _put(
        self, resource: Resource, values: Obj, ids: tuple[str, ...], names: tuple[str, ...]
    ) -> None:
        apex = _domain(text_of(values, *names))
        if apex is None:
            return
        vpc = values.get("vpc")
        private = (isinstance(vpc, Arr) and bool(vpc)) or values.get("private_zone") is True
        zone = Zone(apex, resource, private or text_of(values, "visibility") == "private")
        provider = resource.type.partition("_")[0]
        for given in {_short(text_of(values, key) or "") for key in ids} - {""}:
            self._by_id[provider, given].append(zone)
        self._by_address[resource.mode, resource.type, resource.name].append(zone)
        if not zone.private:
            self.all.setdefault(apex, zone)

    def _above(self, record: Resource) -> list[Zone]:
        """Find the deepest zone that an absolute name lies in."""
        for key in ("fqdn", "hostname", "name"):
            name = _domain(text_of(record.values, key))
            for above in (name, *name.ancestors) if name is not None else ():
                if above in self.all:
                    return [self.all[above]]
        return []

    def _referred(self, record: Resource, key: str) -> list[Zone]:
        """Find the zones that the record's configuration refers to."""
        module = module_names(record.module)
        config = self._config(module, record)
        expressions = config.get("expressions") if config else None
        expression = expressions.get(key) if isinstance(expressions, Obj) else None
        unsure: dict[Domain, Zone] = {}
        for leaf in follow(self._whole, expression, module, config):
            found = self._at(leaf, record)
            if found and leaf.sure:
                return found
            unsure |= {zone.apex: zone for zone in found}
        if len(unsure) == 1:
            return list(unsure.values())
        return self._made_here(record) if record.is_unknown(key) else []

    def _at(self, leaf: Leaf, record: Resource) -> list[Zone]:
        """Find the zones at the end of a trail; of several, those with a key of the record."""
        if leaf.reference.startswith("var."):
            return self._variable(re.split(r"[.\[]", leaf.reference)[1], record)
        if leaf.reference:
            match = _REFERENCE.match(leaf.reference)
            if match is None:
                return []
            mode = "data" if match["data"] else "managed"
            zones = self._by_address.get((mode, match["type"], match["name"]), [])
            index = match["number"] or match["key"]
            if index is not None:
                zones = [z for z in zones if str(z.resource.index) == index] or zones
        else:
            zones = [zone for named in self._by_address.values() for zone in named]
        zones = [z for z in zones if module_names(z.resource.module) == leaf.module]
        if leaf.within:
            zones = [z for z in zones if leaf.within in module_calls(z.resource.module)]
        if len(zones) > 1:
            zones = [z for z in zones if z.resource.module == record.module] or zones
        keys = _keys(record)
        if len(zones) > 1 and keys:
            zones = [z for z in zones if keys & {z.apex.text, *_keys(z.resource)}] or zones
        return zones

    def _variable(self, name: str, record: Resource) -> list[Zone]:
        """Find the zone whose id is the value of a variable of the root module."""
        variables = self._whole.get("variables")
        value = text_of(variables.get(name) if isinstance(variables, Obj) else None, "value")
        return self._by_id.get((record.type.partition("_")[0], _short(value or "")), [])

    def _made_here(self, record: Resource) -> list[Zone]:
        """Find the zone of a record whose zone has no id yet: one that the same plan makes."""
        kinds = [kind for kind in _ZONES if kind.startswith(record.type.partition("_")[0])]
        made = [
            zone
            for (mode, kind, _), zones in self._by_address.items()
            for zone in zones
            if mode == "managed" and kind in kinds and not _has_id(zone.resource)
        ]
        if len(made) > 1:
            keys = _keys(record)
            made = [zone for zone in made if zone.apex.text in keys]
        return made

    def _config(self, module: tuple[str, ...], record: Resource) -> Obj | None:
        """Give the configuration of a resource."""
        found = self._configs.get(module)
        if found is None:
            here = config_of(self._whole, module)
            entries = objects(here.get("resources") if here else None)
            found = {(text_of(e, "type"), text_of(e, "name")): e for e in entries}
            self._configs[module] = found
        return found.get((record.type, record.name))

    def _name(self, record: Resource) -> None:
        """Note the registrable domain of a record's name, for its zone's id."""
        from sendgate.dmarc.suffixes import is_listed, registrable

        for key in ("fqdn", "hostname", "name"):
            name = _domain(text_of(record.values, key))
            owner = registrable(name) if name is not None and is_listed(name) else None
            if owner is not None:
                self._named[self._group(record)].add(owner)
                return

    def _group(self, record: Resource) -> tuple[str, str]:
        key = KEYS[record.type.partition("_")[0]]
        given = text_of(record.values, key)
        if given:
            return record.type, given
        config = self._config(module_names(record.module), record)
        expressions = config.get("expressions") if config else None
        expression = expressions.get(key) if isinstance(expressions, Obj) else None
        return record.module, " ".join(references(expression)) or record.address


def _choose(zones: list[Zone], record: Resource) -> list[Zone]:
    """Choose the zones that the record's name is absolute in, the deepest first."""
    name = _domain(text_of(record.values, "fqdn", "hostname", "name"))
    fitting = [zone for zone in zones if name is not None and name.is_under(zone.apex)]
    if not fitting and len({zone.apex for zone in zones}) == 1:
        return zones[:1]
    return sorted(fitting, key=lambda zone: -len(zone.apex.labels))[:1]


def _keys(resource: Resource) -> set[str]:
    """Give the keys of `count` and `for_each` that a resource and its modules were made with."""
    keys = {str(resource.index)} if isinstance(resource.index, str | int) else set()
    return {key for key in (*keys, *module_calls(resource.module).values()) if key}


def _has_id(resource: Resource) -> bool:
    return any(text_of(resource.values, key) for key in ("id", "zone_id"))


def _short(given: str) -> str:
    """Give the last part of an id: ``projects/p/managedZones/main`` and ``main`` are one."""
    return given.rpartition("/")[2].lower()


def _domain(text: str | None) -> Domain | None:
    try:
        return Domain.parse(text) if text else None
    except DomainError:
        return None
