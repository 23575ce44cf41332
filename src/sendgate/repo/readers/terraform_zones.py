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
from sendgate.repo.readers.jsontext import Arr, Json, Obj, objects, text_of
from sendgate.repo.readers.terraform_plan import Resource, config_of, module_names

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
_MAX_STEPS = 30  # from variable to variable through modules


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
        return self._follow(expression, module, config, record)

    def _follow(
        self, expression: Json, module: tuple[str, ...], config: Obj | None, record: Resource
    ) -> list[Zone]:
        steps = 0
        pending = [(reference, module, config) for reference in _references(expression)]
        while pending and steps < _MAX_STEPS:
            steps += 1
            reference, module, config = pending.pop(0)
            head, _, rest = reference.partition(".")
            if head == "var":
                name = re.split(r"[.\[]", rest)[0]
                if not module:
                    found = self._variable(name, record)
                    if found:
                        return found
                pending += self._argument(name, module)
            elif head == "each" and config is not None:
                inner = _references(config.get("for_each_expression"))
                pending += [(item, module, None) for item in inner]
            elif head == "module":
                pending += self._output(rest, module)
            else:
                found = self._at(reference, module, record)
                if found:
                    return found
        return []

    def _variable(self, name: str, record: Resource) -> list[Zone]:
        """Find the zone whose id is the value of a variable of the root module."""
        variables = self._whole.get("variables")
        value = text_of(variables.get(name) if isinstance(variables, Obj) else None, "value")
        return self._by_id.get((record.type.partition("_")[0], _short(value or "")), [])

    def _argument(
        self, name: str, module: tuple[str, ...]
    ) -> list[tuple[str, tuple[str, ...], Obj | None]]:
        """Go from a variable to what the call of its module gives for it."""
        if not module:
            return []
        parent = config_of(self._whole, module[:-1])
        calls = parent.get("module_calls") if parent else None
        call = calls.get(module[-1]) if isinstance(calls, Obj) else None
        given = call.get("expressions") if isinstance(call, Obj) else None
        expression = given.get(name) if isinstance(given, Obj) else None
        config = call if isinstance(call, Obj) else None
        return [(reference, module[:-1], config) for reference in _references(expression)]

    def _output(
        self, rest: str, module: tuple[str, ...]
    ) -> list[tuple[str, tuple[str, ...], Obj | None]]:
        """Go from an output of a module to what it is made of."""
        path = re.findall(r"[\w-]+", re.sub(r"\[[^\]]*\]", "", rest))
        if len(path) < 2:
            return []
        inner = config_of(self._whole, (*module, path[0]))
        outputs = inner.get("outputs") if inner else None
        output = outputs.get(path[1]) if isinstance(outputs, Obj) else None
        expression = output.get("expression") if isinstance(output, Obj) else None
        return [(item, (*module, path[0]), None) for item in _references(expression)]

    def _at(self, reference: str, module: tuple[str, ...], record: Resource) -> list[Zone]:
        """Find the zones of a resource's address; of several, the one with the same key."""
        match = _REFERENCE.match(reference)
        if match is None:
            return []
        mode = "data" if match["data"] else "managed"
        zones = self._by_address.get((mode, match["type"], match["name"]), [])
        zones = [z for z in zones if module_names(z.resource.module) == module]
        index: Json = int(match["number"]) if match["number"] else match["key"]
        if index is not None:
            return [zone for zone in zones if zone.resource.index == index] or zones
        if len(zones) > 1:
            same = [z for z in zones if z.resource.module == record.module] or zones
            return [z for z in same if z.resource.index == record.index] or same
        return zones

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
        return record.module, " ".join(_references(expression)) or record.address


def _choose(zones: list[Zone], record: Resource) -> list[Zone]:
    """Choose the zones that the record's name is absolute in, the deepest first."""
    name = _domain(text_of(record.values, "fqdn", "hostname", "name"))
    fitting = [zone for zone in zones if name is not None and name.is_under(zone.apex)]
    if not fitting and len({zone.apex for zone in zones}) == 1:
        return zones[:1]
    return sorted(fitting, key=lambda zone: -len(zone.apex.labels))[:1]


def _references(expression: Json) -> list[str]:
    given = expression.get("references") if isinstance(expression, Obj) else None
    return [item for item in given if isinstance(item, str)] if isinstance(given, Arr) else []


def _short(given: str) -> str:
    """Give the last part of an id: ``projects/p/managedZones/main`` and ``main`` are one."""
    return given.rpartition("/")[2].lower()


def _domain(text: str | None) -> Domain | None:
    try:
        return Domain.parse(text) if text else None
    except DomainError:
        return None
