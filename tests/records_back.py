"""What `sendgate records` wrote, read back by the reader of its form.

The readers of DNSControl and Terraform read what these tools print, not their languages, so
here Node runs the JavaScript into an IR, and a parser of HCL makes a plan of the resources.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from typing import Any

import hcl2
import pytest
from memory_tree import MemoryTree

from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain
from sendgate.records.forms import Heading, write
from sendgate.records.plan import Change, RecordSet
from sendgate.repo.readers import bind, dnscontrol, octodns, route53, terraform
from sendgate.repo.reading import Reading

FORMS = ("bind", "octodns", "dnscontrol", "route53", *(
    f"terraform {name}" for name in ("aws", "cloudflare", "google", "azurerm")
))  # fmt: skip
_SHIM = r"""
const vm = require("vm"), lines = require("readline").createInterface({input: process.stdin});
lines.on("line", (line) => {
  const domains = {};
  const record = (type, fields) => (name, ...rest) => {
    const made = {type, name, ttl: 300};
    fields.forEach((field, i) => { made[field] = rest[i]; });
    for (const more of rest.slice(fields.length)) Object.assign(made, more);
    return made;
  };
  const world = {
    TTL: (ttl) => ({ttl}),
    TXT: record("TXT", ["target"]), CNAME: record("CNAME", ["target"]),
    NS: record("NS", ["target"]), MX: record("MX", ["mxpreference", "target"]),
    D_EXTEND: (name, ...records) => { (domains[name] = domains[name] || []).push(...records); },
  };
  vm.runInNewContext(JSON.parse(line), world);
  const ir = Object.entries(domains).map(([name, records]) => ({name, registrar: "none", records}));
  console.log(JSON.stringify({registrars: [], dns_providers: [], domains: ir}));
});
"""


class Node:
    """One Node that runs many programs, each in a context of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, program: str) -> Any:
        """Give the IR of what a dnsconfig.js declares."""
        if self._process is None:
            node = shutil.which("node")
            if node is None:
                pytest.skip("node is not installed, and the form is a program")
            self._process = subprocess.Popen(
                [node, "-e", _SHIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        put, got = self._process.stdin, self._process.stdout
        assert put is not None
        assert got is not None
        put.write(json.dumps(program) + "\n")
        put.flush()
        return json.loads(got.readline())

    def end(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


NODE = Node()


def written(form: str, changes: Iterable[Change], *heading: str) -> str:
    """Write changes in a form, of Terraform for one of its providers."""
    name, _, provider = form.partition(" ")
    return write(name, changes, Heading(heading), provider=provider or "aws")


def read_back(form: str, text: str, zone: str = "example.com") -> Reading:
    """Read what was written, with the reader that `sendgate repo` uses."""
    match form.partition(" ")[0]:
        case "bind":
            return bind.read(MemoryTree({f"{zone}.zone": text}))
        case "octodns":
            return octodns.read(MemoryTree({f"{zone}.yaml": text}))
        case "route53":
            return route53.read(MemoryTree({f"{zone}.json": text}))
        case "dnscontrol":
            return dnscontrol.read(MemoryTree({"print-ir.json": json.dumps(NODE.run(text))}))
        case _:
            return terraform.read(MemoryTree({"plan.json": json.dumps(plan_of(text))}))


def as_records(sets: Iterable[RecordSet]) -> list[tuple[str, str, int, str]]:
    """Give record sets in a form to compare."""
    found = ((s.name.text, s.rdtype, s.ttl, _shown(d)) for s in sets for d in s.data)
    return sorted(found)


def as_read(records: Iterable[ZoneRecord]) -> list[tuple[str, str, int, str]]:
    """Give what a reader read in the same form."""
    return sorted((r.name.text, r.rdtype, r.ttl, _shown(r.data)) for r in records)


def _shown(data: Any) -> str:
    return repr(getattr(data, "strings", None) or str(data))


def plan_of(text: str) -> dict[str, Any]:
    """Make the plan that Terraform would: the resources of a configuration, and their zones."""
    whole = _unquoted(hcl2.loads(text))
    nodes: list[dict[str, Any]] = []
    zones: dict[str, str] = {}
    for block in whole.get("data", []):
        for kind, named in block.items():
            for name, body in named.items():
                apex = body["name"] if kind == "aws_route53_zone" else body["filter"]["name"]
                zones[f"${{data.{kind}.{name}.zone_id}}"] = f"id-{name}"
                values = {"zone_id": f"id-{name}", "id": f"id-{name}", "name": apex}
                nodes.append(_node(kind, name, values, mode="data"))
    for block in whole.get("variable", []):
        for name in block:
            zones[f"${{var.{name}}}"] = name
            if name.endswith("_managed_zone"):
                apex = name.removesuffix("_managed_zone").replace("_", ".")
                values = {"name": name, "dns_name": f"{apex}.", "visibility": "public"}
                nodes.append(_node("google_dns_managed_zone", "z", values))
    for block in whole.get("resource", []):
        for kind, named in block.items():
            for name, body in named.items():
                values = {key: _known(value, zones) for key, value in body.items()}
                nodes.append(_node(kind, name, values))
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"resources": nodes}},
    }


def _known(value: Any, zones: dict[str, str]) -> Any:
    return zones.get(value, value) if isinstance(value, str) else value


def _node(kind: str, name: str, values: dict[str, Any], mode: str = "managed") -> dict[str, Any]:
    values = {k: v for k, v in values.items() if k != "__is_block__"}
    address = f"{kind}.{name}" if mode == "managed" else f"data.{kind}.{name}"
    return {"address": address, "mode": mode, "type": kind, "name": name, "values": values,
            "sensitive_values": {}}  # fmt: skip


def _unquoted(value: Any) -> Any:
    """Read the strings that the parser leaves as they are written (HCL 2, section 5.4)."""
    if isinstance(value, dict):
        return {_unquoted(k): _unquoted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_unquoted(item) for item in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        assert not re.search(r"[$%]\{", value[1:-1]), "a template"
        return re.sub(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)", _character, value[1:-1])
    return value


def _character(found: re.Match[str]) -> str:
    if found[3]:
        return {"n": "\n", "r": "\r", "t": "\t"}.get(found[3], found[3])
    return chr(int(found[1] or found[2], 16))


def laid_over(current: Iterable[ZoneRecord], read: Iterable[ZoneRecord]) -> list[ZoneRecord]:
    """Publish what was read: whole sets, a CNAME alone at its name, other records without it."""
    new = list(read)
    sets = {(r.name, r.rdtype) for r in new}
    names = {name for name, _ in sets}
    kept = [
        r
        for r in current
        if (r.name, r.rdtype) not in sets
        and not (r.name in names and r.rdtype == "CNAME")
        and (r.name, "CNAME") not in sets
    ]
    zones = {r.zone for r in kept if r.rdtype == "SOA"}
    homes = {r.name: _home(r.name, zones) or r.zone for r in new}
    moved = [
        ZoneRecord(r.name, r.rdtype, r.ttl, r.data, r.origin, homes[r.name]) for r in new
    ]  # fmt: skip
    return [*kept, *moved]


def _home(name: Domain, zones: Iterable[Domain]) -> Domain | None:
    known = set(zones)
    return next((above for above in (name, *name.ancestors) if above in known), None)
