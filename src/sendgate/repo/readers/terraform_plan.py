"""What `terraform show -json` tells of resources: planned values, unknown and sensitive ones.

plan or state ──► `Resource`: address, values, which of them are not known or not to be shown
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from sendgate.repo.readers.jsontext import Arr, Json, Obj, objects, text_of

__all__ = [
    "Resource", "config_of", "is_plan", "is_state", "module_calls", "module_names", "resources",
    "root_of",
]  # fmt: skip

_MODULE = re.compile(r'(module\.([\w-]+)(?:\[(?:"((?:[^"\\]|\\.)*)"|([0-9]+))\])?)\.?')


@dataclass(frozen=True)
class Resource:
    """One resource as it will be, or, in a state, as it is.

    `module` is the address of its module (``""``: the root), `index` the key of `count` or
    `for_each`, `unknown` and `sensitive` have the shape of `values` with true in the places.
    """

    address: str
    module: str
    mode: str
    type: str
    name: str
    index: Json
    values: Obj
    unknown: Json
    sensitive: Json
    line: int

    def is_unknown(self, key: str) -> bool:
        """Whether the value is known only after the change is applied."""
        return isinstance(self.unknown, Obj) and self.unknown.get(key) is True

    def is_sensitive(self, key: str) -> bool:
        """Whether the value, or a part of it, is not to be shown."""
        if not isinstance(self.sensitive, Obj):
            return self.sensitive is True
        return _has_true(self.sensitive.get(key))


def is_plan(whole: Obj) -> bool:
    """Whether the file is a plan."""
    return "format_version" in whole and isinstance(whole.get("planned_values"), Obj)


def is_state(whole: Obj) -> bool:
    """Whether the file is a state, as `terraform show -json` writes it."""
    values = whole.get("values")
    return "format_version" in whole and isinstance(values, Obj) and "root_module" in values


def root_of(whole: Json, *keys: str) -> Obj | None:
    """Give the root module below the keys: ``planned_values``, or ``prior_state, values``."""
    for key in (*keys, "root_module"):
        whole = whole.get(key) if isinstance(whole, Obj) else None
    return whole if isinstance(whole, Obj) else None


def resources(root: Obj | None, whole: Obj) -> list[Resource]:
    """List the resources of a module and of all below it, those without a type left out."""
    changes = {
        text_of(change, "address"): change["change"]
        for change in objects(whole.get("resource_changes"))
        if isinstance(change.get("change"), Obj)
    }
    found: list[Resource] = []
    pending = deque([root] if root is not None else [])
    while pending:
        module = pending.popleft()
        pending += objects(module.get("child_modules"))
        for node in objects(module.get("resources")):
            made = _resource(node, text_of(module, "address") or "", changes)
            if made is not None:
                found.append(made)
    return found


def config_of(whole: Obj, module: tuple[str, ...]) -> Obj | None:
    """Give the configuration of a module, by the names of the calls that lead to it."""
    here = root_of(whole, "configuration")
    for name in module:
        calls = here.get("module_calls") if here else None
        call = calls.get(name) if isinstance(calls, Obj) else None
        inner = call.get("module") if isinstance(call, Obj) else None
        here = inner if isinstance(inner, Obj) else None
    return here


def module_names(address: str) -> tuple[str, ...]:
    """Give the names of the calls in a module's address: ``module.a["x"].module.b``."""
    return tuple(match[2] for match in _MODULE.finditer(address))


def module_calls(address: str) -> dict[str, str]:
    """Give the calls in a module's address, each with its key: ``module.a["x"]`` and ``x``."""
    return {match[1]: match[3] or match[4] or "" for match in _MODULE.finditer(address)}


def _resource(node: Obj, module: str, changes: dict[str | None, Json]) -> Resource | None:
    values, kind, name = node.get("values"), text_of(node, "type"), text_of(node, "name")
    if not isinstance(values, Obj) or kind is None or name is None:
        return None
    address = text_of(node, "address") or f"{kind}.{name}"
    change = changes.get(address)
    unknown = change.get("after_unknown") if isinstance(change, Obj) else None
    later = change.get("after_sensitive") if isinstance(change, Obj) else None
    sensitive = node.get("sensitive_values")
    if sensitive is None or later is True:
        sensitive = later
    mode = text_of(node, "mode") or "managed"
    index = node.get("index")
    return Resource(address, module, mode, kind, name, index, values, unknown, sensitive, node.line)


def _has_true(value: Json) -> bool:
    return any(item is True for item in _leaves(value))


def _leaves(value: Json) -> Iterator[Json]:
    pending = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, Obj | Arr):
            pending += here.values() if isinstance(here, Obj) else here
        else:
            yield here
