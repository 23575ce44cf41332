"""Terraform plans, written after the published schemas of the providers."""

from __future__ import annotations

import json
import re
from typing import Any

from memory_tree import MemoryTree

from sendgate.repo.readers import terraform
from sendgate.repo.reading import Reading

Node = dict[str, Any]


def node(address: str, values: Node, **more: object) -> Node:
    """A resource of `planned_values`, by its address."""
    kind, _, name = address.removeprefix("data.").partition("[")[0].rpartition(".")
    return {
        "address": address,
        "mode": "data" if address.startswith("data.") else "managed",
        "type": kind.rpartition(".")[2],
        "name": name,
        "provider_name": "registry.terraform.io/x/y",
        "schema_version": 0,
        "values": values,
        "sensitive_values": {},
        **more,
    }


def plan(*nodes: Node, **more: object) -> Node:
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"resources": list(nodes)}},
        **more,
    }


def read(whole: Node) -> Reading:
    return terraform.read(MemoryTree({"plan.json": json.dumps(whole, indent=2)}))


def data(reading: Reading) -> list[tuple[str, str, str]]:
    return [(r.name.text, r.rdtype, str(r.data)) for r in reading.records]


def label(*parts: str) -> str:
    return "r" + re.sub(r"[^a-z0-9]", "_", "_".join(parts).lower())


def cloudflare(name: str, rdtype: str, v5: bool = False, **values: object) -> Node:
    kind = "cloudflare_dns_record" if v5 else "cloudflare_record"
    common = {"zone_id": "c1", "name": name, "type": rdtype, "ttl": 1, "proxied": False}
    return node(f"{kind}.{label(name, rdtype)}", {**common, **values})


CLOUDFLARE = plan(
    node("cloudflare_zone.main", {"id": "c1", "zone": "example.com"}),
    cloudflare("@", "TXT", value="v=spf1 -all"),
    cloudflare("_dmarc.example.com", "TXT", content='"v=DMARC1; p=reject"'),
    cloudflare("s1._domainkey", "TXT", v5=True, content='"p=' + "A" * 100 + '" "B"'),
    cloudflare("example.com", "MX", v5=True, content="mx.example.net", priority=10.0),
    cloudflare("sub", "MX", value="mx2.example.net", priority=5),
    cloudflare("host", "A", value="192.0.2.1", ttl=120),
    cloudflare("host", "AAAA", v5=True, content="2001:db8::1"),
    cloudflare("web", "A", value="192.0.2.2", proxied=True),
    cloudflare("s2._domainkey", "CNAME", v5=True, content="s2.dkim.example.net"),
    cloudflare("example.com", "CNAME", content="host.example.net"),
    cloudflare("flat", "CNAME", v5=True, content="host.example.net",
               settings={"flatten_cname": True}),
    cloudflare("sub", "NS", value="ns.example.net"),
    cloudflare("@", "CAA", data=[{"flags": "0", "tag": "issue", "value": "ca.example.net"}]),
    cloudflare("_sip._tcp", "SRV", v5=True, priority=1,
               data={"priority": 1, "weight": 2, "port": 3, "target": "sip.example.net"}),
    cloudflare("_25._tcp.host", "TLSA", v5=True,
               data={"usage": 3, "selector": 1, "matching_type": 1, "certificate": "ab" * 32}),
)  # fmt: skip


def google(name: str, rdtype: str, *rrdatas: str, **values: object) -> Node:
    common = {"name": name, "type": rdtype, "ttl": 300, "managed_zone": "prod"}
    policy: Node = {"rrdatas": list(rrdatas) or None, "routing_policy": []}
    return node(f"google_dns_record_set.{label(name, rdtype)}", {**common, **policy, **values})


GOOGLE = plan(
    node("google_dns_managed_zone.prod", {"name": "prod", "dns_name": "example.com.",
                                          "visibility": "public"}),
    google("example.com.", "TXT", '"v=spf1 include:_spf.example.net -all"', '"one" "two"'),
    google("_dmarc.example.com.", "TXT", "v=DMARC1; p=none"),
    google("example.com.", "MX", "1 aspmx.l.google.com.", "5 alt1.aspmx.l.google.com."),
    google("s1._domainkey.example.com.", "CNAME", "s1.dkim.example.net."),
    google("w.example.com.", "A", routing_policy=[{"wrr": [
        {"weight": 0.8, "rrdatas": ["192.0.2.1"]}, {"weight": 0.2, "rrdatas": ["192.0.2.2"]}],
        "geo": [], "primary_backup": []}]),
    google("g.example.com.", "A", routing_policy=[{"wrr": [], "geo": [
        {"location": "asia-east1", "rrdatas": ["192.0.2.3"]}], "primary_backup": []}]),
    google("p.example.com.", "A", routing_policy=[{"wrr": [], "geo": [], "primary_backup": [
        {"primary": [{}], "backup_geo": [{"location": "x", "rrdatas": ["192.0.2.4"]}]}]}]),
)  # fmt: skip


def azure(kind: str, name: str, **values: object) -> Node:
    address = f"azurerm_dns_{kind}_record.{label(name)}"
    return node(address, {"name": name, "zone_name": "example.com", "ttl": 300, **values})


AZURE = plan(
    azure("txt", "@", record=[{"value": "v=spf1 -all"}, {"value": "p=" + "A" * 400}]),
    azure("mx", "@", record=[{"preference": "10", "exchange": "mx.example.net"}]),
    azure("cname", "s1._domainkey", record="s1.dkim.example.net"),
    azure("cname", "other", record=None, target_resource_id="/subscriptions/x"),
    azure("a", "host", records=["192.0.2.1", "192.0.2.2"]),
    azure("a", "alias", records=[], target_resource_id="/subscriptions/y"),
    azure("aaaa", "host", records=["2001:db8::1"]),
    azure("ns", "sub", records=["ns1.example.net."]),
    azure("ptr", "ptr", records=["host.example.com"]),
    azure("srv", "_sip._tcp", record=[{"priority": 1, "weight": 2, "port": 3,
                                       "target": "sip.example.net"}]),
    azure("caa", "@", record=[{"flags": 0, "tag": "issue", "value": "ca.example.net"}]),
    azure("txt", "_dmarc.example.com", record=[{"value": "v=DMARC1; p=none"}]),
)  # fmt: skip


def aws(address: str, name: str, rdtype: str, *records: str | None, **values: object) -> Node:
    given_values = {"name": name, "type": rdtype, "ttl": 300, "alias": [], "records": list(records)}
    return node(address, given_values | values)


def unknown_zone(address: str, **after: object) -> Node:
    change = {"actions": ["create"], "after_unknown": {"zone_id": True, **after}}
    return {"address": address, "change": change}


RECORD = aws("aws_route53_record.r", "_dmarc", "TXT", "v=DMARC1; p=none")
AZURE_ZONE = node("azurerm_dns_zone.z", {"name": "example.edu"})
MAIN = node("aws_route53_zone.main", {"name": "example.com"})


def config(*references: str, **more: object) -> Node:
    resource = {
        "type": "aws_route53_record",
        "name": "r",
        "expressions": {"zone_id": {"references": list(references)}},
    }
    return {"root_module": {"resources": [resource], **more}}
