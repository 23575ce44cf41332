"""What `dnscontrol print-ir` writes, for tests, and a program that declares it."""

from __future__ import annotations

import json
from typing import Any

from memory_tree import MemoryTree

from sendgate.repo.readers import dnscontrol
from sendgate.repo.reading import Reading


def record(rdtype: str, name: str, target: str, **more: object) -> dict[str, Any]:
    return {"type": rdtype, "name": name, "target": target, "ttl": 300, **more}


def domain(name: str, *records: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"name": name, "registrar": "none", "records": list(records), **more}


def read(*domains: dict[str, Any], indent: int | None = 1, **files: str) -> Reading:
    whole = {"registrars": [], "dns_providers": [], "domains": list(domains)}
    given_files: dict[str, bytes | str] = {"print-ir.json": json.dumps(whole, indent=indent)}
    given_files |= {path.replace("__", "."): text for path, text in files.items()}
    return dnscontrol.read(MemoryTree(given_files))


def data(reading: Reading) -> list[tuple[str, str, str]]:
    return [(r.name.text, r.rdtype, str(r.data)) for r in reading.records]


SOURCE = """\
// TXT("@", "v=spf1 -all") stands in a comment
var SPF = "v=spf1 include:_spf.example.net -all";
/* TXT("@", "nothing") */
function google() { return [
  MX("@", 1, "aspmx.l.google.com."),
] }
D("example.com", REG,
  TXT("@", SPF), google(),
  TXT("s1._domainkey",
    "v=DKIM1; p=" +
    "AAAA"),
  TXT('it\\'s', 'a "b" \\x41'),
  A("www", IP("192.0.2.1")),
  CNAME("a", "b"),
)
D_EXTEND("sub.example.com", TXT("_dmarc", "v=DMARC1; p=none"), A("@", "192.0.2.2"))
D("example.org", REG, TXT("@", "one"), TXT("only", VALUE),
  SPF_BUILDER({label: "@", parts: ["v=spf1", "ip4:192.0.2.0/24", "-all"]}))
"""
