"""Terraform: what plans and states hold, which zone it is in, and what is not known of it."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from memory_tree import MemoryTree, broken

from sendgate.dns.answers import Address, Mx, Raw, Target, Txt
from sendgate.errors import SourceError
from sendgate.names import Domain
from sendgate.repo.readers import terraform
from sendgate.repo.reading import Place, Reading, SlipKind
from sendgate.repo.tree import FolderTree

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


# --- plans that Terraform itself wrote


@pytest.fixture(scope="module")
def created(fixtures: Path) -> Reading:
    """A plan by Terraform 1.11.4 that creates all that it shows."""
    return terraform.read(FolderTree(fixtures / "repositories" / "terraform-create"))


def test_a_plan_of_new_zones_holds_every_record_at_its_line(created: Reading) -> None:
    """No zone has an id yet; modules, count, for_each, an apex without a name."""
    assert not created.unread
    assert not created.notes
    assert [(r.name.text, r.rdtype, str(r.data), str(r.origin)) for r in created.records] == [
        ("s1._domainkey.example.com", "TXT", "v=DKIM1; k=rsa; p=firstsecond", "main.tf:60"),
        ("_dmarc.example.net", "TXT", "v=DMARC1; p=reject", "main.tf:69"),
        ("_dmarc.example.org", "TXT", "v=DMARC1; p=reject", "main.tf:69"),
        ("mail.example.com", "A", str(Address(None)), "main.tf:106"),
        ("example.com", "MX", "10 mx1.example.com", "main.tf:52"),
        ("example.com", "MX", "20 mx2.example.com", "main.tf:52"),
        ("example.com", "TXT", "google-site-verification=abc", "main.tf:42"),
        ("example.com", "TXT", "v=spf1 ip4:192.0.2.10 -all", "main.tf:43"),
        ("shop.example.com", "A", "198.51.100.1", "main.tf:83"),
        ("shop.example.com", "A", "198.51.100.2", "main.tf:83"),
        ("www.example.com", "A", str(Address(None)), "main.tf:72"),
        (
            "_dmarc.news.example.com", "TXT", "v=DMARC1; p=quarantine",
            "modules/sender/main.tf:17",
        ),
        (
            "news.example.com", "TXT", "v=spf1 include:_spf.example.com -all",
            "modules/sender/main.tf:9",
        ),
    ]  # fmt: skip
    assert Place("main.tf", 36, 45) in created.places
    assert [(z.apex.text, str(z.place)) for z in created.zones] == [
        ("example.com", "'main.tf':26"), ("example.net", "'main.tf':30"),
        ("example.org", "'main.tf':30"),
    ]  # fmt: skip
    assert {z.incomplete for z in created.zones} == {
        "a Terraform plan shows only its own resources"
    }


def test_values_that_are_not_known_or_not_to_be_shown_are_hidden(created: Reading) -> None:
    """They exist, and a sensitive one stands nowhere in what is read."""
    assert [(h.name.text, h.rdtype, h.place.line) for h in created.hidden] == [
        ("secret.example.com", "TXT", 96), ("later.example.com", "TXT", 114),
    ]  # fmt: skip
    assert "sensitive" in created.hidden[0].why
    assert "after terraform apply" in created.hidden[1].why
    assert "not-for-print" not in repr(created)


def test_a_plan_of_a_change_shows_what_will_be(fixtures: Path) -> None:
    """The new value, not the old one; what is deleted is not there; a state beside it is not read.

    The zone is known by its id; one that is managed elsewhere by the names of its records.
    """
    reading = terraform.read(FolderTree(fixtures / "repositories" / "terraform-change"))
    assert data(reading) == [
        ("_dmarc.example.net", "TXT", "v=DMARC1; p=reject"),
        ("news.example.net", "MX", "10 mx.example.net"),
        ("example.com", "TXT", "v=spf1 ip4:192.0.2.20 -all"),
    ]
    assert len(reading.notes) == 2
    assert "state.json" in reading.notes[0]
    assert "managed elsewhere" in reading.notes[1]


def test_a_state_shows_what_is(fixtures: Path) -> None:
    """As `terraform show -json` writes it without a plan."""
    text = (fixtures / "repositories" / "terraform-change" / "state.json").read_bytes()
    reading = terraform.read(MemoryTree({"state.json": text}))
    assert data(reading) == [
        ("_dmarc.example.com", "TXT", "v=DMARC1; p=reject"),
        ("example.com", "TXT", "v=spf1 ip4:192.0.2.10 -all"),
    ]
    assert reading.zones[0].incomplete == "a Terraform state shows only its own resources"


# --- each provider's resources, after their published schemas


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


def test_cloudflare_records_of_both_versions() -> None:
    """Value or content, quoted or plain; data taken apart; proxied names answer for themselves."""
    reading = read(CLOUDFLARE)
    assert not reading.unread
    assert not reading.slips
    found = {(r.name.text, r.rdtype): r.data for r in reading.records}
    assert found["example.com", "TXT"] == Txt((b"v=spf1 -all",))
    assert found["_dmarc.example.com", "TXT"] == Txt((b"v=DMARC1; p=reject",))
    assert found["s1._domainkey.example.com", "TXT"] == Txt((b"p=" + b"A" * 100, b"B"))
    assert found["example.com", "MX"] == Mx(10, Domain("mx.example.net"))
    assert found["sub.example.com", "MX"] == Mx(5, Domain("mx2.example.net"))
    assert found["host.example.com", "A"] == Address(ipaddress.ip_address("192.0.2.1"))
    assert found["s2._domainkey.example.com", "CNAME"] == Target(Domain("s2.dkim.example.net"))
    assert found["example.com", "CAA"] == Raw('0 issue "ca.example.net"')
    assert found["_sip._tcp.example.com", "SRV"] == Raw("1 2 3 sip.example.net.")
    assert found["_25._tcp.host.example.com", "TLSA"] == Raw("3 1 1 " + "ab" * 32)
    for name in ("web.example.com", "example.com", "flat.example.com"):
        assert found[name, "A"] == found[name, "AAAA"] == Address(None)
    assert len(reading.records) == 18
    assert {r.ttl for r in reading.records if r.name.text == "host.example.com"} == {120, 300}


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


def test_google_record_sets() -> None:
    """Text without inner quotes is split at its spaces; routing policies are answers too."""
    reading = read(GOOGLE)
    assert not reading.unread
    assert data(reading)[:6] == [
        ("example.com", "TXT", "v=spf1 include:_spf.example.net -all"),
        ("example.com", "TXT", "onetwo"),
        ("_dmarc.example.com", "TXT", "v=DMARC1;p=none"),
        ("example.com", "MX", "1 aspmx.l.google.com"),
        ("example.com", "MX", "5 alt1.aspmx.l.google.com"),
        ("s1._domainkey.example.com", "CNAME", "s1.dkim.example.net"),
    ]
    assert [(n, v) for n, t, v in data(reading) if t == "A"] == [
        ("w.example.com", "192.0.2.1"), ("w.example.com", "192.0.2.2"),
        ("g.example.com", "192.0.2.3"), ("p.example.com", "192.0.2.4"),
        ("p.example.com", str(Address(None))),
    ]  # fmt: skip
    (slip,) = reading.slips
    assert slip.kind is SlipKind.SPLIT_BY_SPACE
    assert (slip.written, slip.published) == ("v=DMARC1; p=none", "v=DMARC1;p=none")


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


def test_azure_records_of_every_type() -> None:
    """The zone by its name; texts as they stand; a whole name is appended to the zone."""
    reading = read(AZURE)
    assert not reading.unread
    assert Counter(r.rdtype for r in reading.records) == Counter(
        TXT=3, MX=1, CNAME=1, A=3, AAAA=1, NS=1, PTR=1, SRV=1, CAA=1
    )
    found = {(r.name.text, r.rdtype): str(r.data) for r in reading.records}
    assert found["example.com", "MX"] == "10 mx.example.net"
    assert found["alias.example.com", "A"] == str(Address(None))
    assert found["_sip._tcp.example.com", "SRV"] == "1 2 3 sip.example.net."
    assert found["example.com", "CAA"] == '0 issue "ca.example.net"'
    assert found["example.com", "TXT"] == "p=" + "A" * 400
    (hidden,) = reading.hidden
    assert (hidden.name.text, hidden.rdtype) == ("other.example.com", "CNAME")
    (slip,) = reading.slips
    assert slip.kind is SlipKind.DOUBLED_ORIGIN
    assert slip.published == "_dmarc.example.com.example.com"
    (zone,) = reading.zones
    assert zone.apex.text == "example.com"


def aws(address: str, name: str, rdtype: str, *records: str | None, **values: object) -> Node:
    given_values = {"name": name, "type": rdtype, "ttl": 300, "alias": [], "records": list(records)}
    return node(address, given_values | values)


def test_aws_texts_and_names() -> None:
    """Chunks, quotes by mistake, octal escapes, aliases of other types, a list half known."""
    zone = node("aws_route53_zone.z", {"id": "Z1", "zone_id": "Z1", "name": "example.com"})
    reading = read(
        plan(
            zone,
            aws("aws_route53_record.a", "a", "TXT", 'p=x""y', zone_id="Z1"),
            aws("aws_route53_record.b", "b", "TXT", '"v=spf1 -all"', zone_id="Z1"),
            aws("aws_route53_record.c", "c", "TXT", "p=" + "A" * 300, zone_id="Z1"),
            aws("aws_route53_record.d", "\\052.example.com", "CNAME", "x.y.", zone_id="/z/Z1"),
            aws("aws_route53_record.e", "e", "MX", alias=[{"name": "x"}], zone_id="Z1"),
            aws("aws_route53_record.f", "f", "TXT", "known", None, zone_id="Z1"),
            aws("aws_route53_record.g", "g", "A", "192.0.2.1", None, zone_id="Z1"),
            aws("aws_route53_record.h", "h", "MX", "mx.example.net", zone_id="Z1"),
        )
    )
    assert [(r.name.labels[0], str(r.data)) for r in reading.records] == [
        ("a", "p=xy"), ("b", "v=spf1 -all"), ("c", "p=" + "A" * 300), ("*", "x.y"), ("f", "known"),
        ("g", "192.0.2.1"), ("g", str(Address(None))),
    ]  # fmt: skip
    assert [(h.name.labels[0], h.rdtype) for h in reading.hidden] == [("e", "MX"), ("f", "TXT")]
    assert [slip.kind for slip in reading.slips] == [SlipKind.WRAPPED, SlipKind.TOO_LONG]
    (unread,) = reading.unread
    assert unread.zones == (Domain("example.com"),)
    assert "aws_route53_record.h" in unread.problem
    assert "preference" in unread.problem


# --- which zone


def unknown_zone(address: str, **after: object) -> Node:
    change = {"actions": ["create"], "after_unknown": {"zone_id": True, **after}}
    return {"address": address, "change": change}


def zones_of(whole: Node) -> list[str]:
    return [record.zone.text for record in read(whole).records]


RECORD = aws("aws_route53_record.r", "_dmarc", "TXT", "v=DMARC1; p=none")
MAIN = node("aws_route53_zone.main", {"name": "example.com"})


def config(*references: str, **more: object) -> Node:
    resource = {
        "type": "aws_route53_record",
        "name": "r",
        "expressions": {"zone_id": {"references": list(references)}},
    }
    return {"root_module": {"resources": [resource], **more}}


@pytest.mark.parametrize(
    "whole",
    [
        plan(MAIN, RECORD, configuration=config("aws_route53_zone.main.zone_id")),
        plan(
            node('aws_route53_zone.m["a"]', {"name": "example.com"}, index="a"),
            node('aws_route53_zone.m["b"]', {"name": "example.org"}, index="b"),
            RECORD,
            configuration=config('aws_route53_zone.m["a"].zone_id', "aws_route53_zone.m"),
        ),
        plan(
            node("aws_route53_zone.m[0]", {"name": "example.org"}, index=0),
            node("aws_route53_zone.m[1]", {"name": "example.com"}, index=1),
            RECORD,
            configuration=config("aws_route53_zone.m[1].zone_id"),
        ),
        plan(
            RECORD,
            prior_state={
                "format_version": "1.0",
                "values": {
                    "root_module": {
                        "resources": [
                            node("data.aws_route53_zone.main", {"name": "example.com", "id": "Z9"})
                        ]
                    }
                },
            },
            configuration=config("data.aws_route53_zone.main.zone_id"),
        ),
        plan(
            node("aws_route53_zone.main", {"name": "example.com", "id": "Z9"}),
            RECORD,
            variables={"zone": {"value": "Z9"}},
            configuration=config("var.zone"),
        ),
        plan(
            {**RECORD, "values": {**RECORD["values"], "fqdn": "_dmarc.example.com"}},
            MAIN,
            node("aws_route53_zone.o", {"name": "example.org"}),
        ),
        plan(
            RECORD,
            planned_values={
                "root_module": {
                    "resources": [RECORD],
                    "child_modules": [
                        {
                            "address": "module.dns",
                            "resources": [{**MAIN, "address": "module.dns.aws_route53_zone.main"}],
                        }
                    ],
                }
            },
            configuration=config(
                "module.dns.zone_id",
                "module.dns",
                module_calls={
                    "dns": {
                        "module": {
                            "outputs": {
                                "zone_id": {
                                    "expression": {"references": ["aws_route53_zone.main.zone_id"]}
                                }
                            }
                        }
                    }
                },
            ),
        ),
    ],
)
def test_the_zone_of_a_record_is_found(whole: Node) -> None:
    """By reference, with a key or a number, a data source, a variable, a name, an output."""
    assert zones_of(whole) == ["example.com"]


@pytest.mark.parametrize(
    "whole",
    [
        plan(RECORD),
        plan(RECORD, configuration=config("var.zone")),
        plan(RECORD, configuration=config("local.zone")),
        plan(MAIN, node("aws_route53_zone.o", {"name": "example.org"}), RECORD),
        plan(
            node('aws_route53_zone.m["a"]', {"name": "example.com"}, index="a"),
            node('aws_route53_zone.m["b"]', {"name": "example.org"}, index="b"),
            RECORD,
            configuration=config("aws_route53_zone.m"),
        ),
    ],
)
def test_a_record_of_no_known_zone_is_left_out_and_said(whole: Node) -> None:
    """A relative name alone is nowhere."""
    reading = read(whole)
    assert not reading.records
    assert not reading.unread
    assert "does not tell its zone" in reading.notes[0]


def test_private_zones_are_left_out() -> None:
    """Nobody outside asks them."""
    private = node("aws_route53_zone.main", {"name": "example.com", "id": "Z1", "vpc": [{}]})
    reading = read(plan(private, aws("aws_route53_record.r", "", "TXT", "x", zone_id="Z1")))
    assert not reading.records
    assert not reading.zones
    assert "private" in reading.notes[0]


def test_a_name_that_is_not_known_or_not_to_be_shown_is_said() -> None:
    """Without the name itself."""
    later = aws("aws_route53_record.r", "", "TXT", "x", zone_id="Z1")
    secret = node("aws_route53_record.s", {"name": "hush", "type": "TXT", "records": ["x"]})
    secret["sensitive_values"] = {"name": True}
    reading = read(plan(MAIN, later, secret, resource_changes=[
        unknown_zone("aws_route53_record.r", name=True)]))  # fmt: skip
    assert not reading.records
    assert len(reading.notes) == 2
    assert "hush" not in repr(reading)


@pytest.mark.parametrize("mask", [True, {"records": True}, {"records": [False, True]}])
def test_a_sensitive_value_stands_nowhere(mask: object) -> None:
    """However the plan marks it."""
    record = aws("aws_route53_record.r", "x", "TXT", "one", "s3cret", zone_id="Z1")
    zone = node("aws_route53_zone.z", {"name": "example.com", "id": "Z1"})
    reading = read(plan(zone, {**record, "sensitive_values": mask}))
    assert "s3cret" not in repr(reading)
    assert not reading.records


# --- what cannot be read


def test_hcl_without_a_plan_is_explained(suites: Path) -> None:
    """A real repository: nothing is evaluated, and the message names the command."""
    tree = FolderTree(suites / "dns-repos" / "gsa-terraform")
    assert terraform.detect(tree) == "'terraform/18f.gov.tf' declares DNS records for Terraform"
    with pytest.raises(SourceError, match="terraform show -json"):
        terraform.read(tree)


def test_a_half_written_plan_is_refused_with_its_line() -> None:
    """Alone it ends the run; beside one that is whole it is told of."""
    half = json.dumps(CLOUDFLARE, indent=1)[:1500]
    tree = MemoryTree({"plan.json": half})
    assert terraform.detect(tree) is not None
    with pytest.raises(SourceError) as caught:
        terraform.read(tree)
    assert (caught.value.where, caught.value.line) == ("plan.json", half.count("\n") + 1)
    assert "half-way" in str(caught.value) or "middle" in str(caught.value)
    both = terraform.read(MemoryTree({"a.json": half, "b.json": json.dumps(AZURE)}))
    assert [item.place.path for item in both.unread] == ["a.json"]
    assert both.records


def test_a_format_that_is_not_known_is_refused() -> None:
    """A new major version means other things."""
    with pytest.raises(SourceError, match="format_version"):
        read(plan(MAIN, format_version="2.0"))


def test_other_files_are_not_taken_for_plans() -> None:
    """Nor is a plan without any DNS, nor a folder of other resources."""
    assert terraform.detect(MemoryTree({"x.json": '{"format_version": "1.2"}'})) is None
    bucket = node("aws_s3_bucket.b", {"name": "x"})
    assert terraform.detect(MemoryTree({"plan.json": json.dumps(plan(bucket))})) is None
    assert terraform.detect(MemoryTree({"main.tf": 'resource "aws_s3_bucket" "b" {}'})) is None
    with pytest.raises(SourceError, match="holds no plan"):
        terraform.read(MemoryTree({"x.txt": "x"}))


EVERYTHING = plan(
    *CLOUDFLARE["planned_values"]["root_module"]["resources"],
    *GOOGLE["planned_values"]["root_module"]["resources"],
    *AZURE["planned_values"]["root_module"]["resources"],
    MAIN,
    RECORD,
    configuration=config("var.a", "each.value", "module.x.y", "aws_route53_zone.main.zone_id"),
    resource_changes=[unknown_zone("aws_route53_record.r", records=[False])],
    variables={"a": {"value": "Z1"}},
)


@given(broken(EVERYTHING))
def test_whatever_a_plan_holds_it_is_read_or_refused(octets: bytes) -> None:
    """Values of other kinds, odd texts, missing parts: a `SourceError` at worst."""
    tree = MemoryTree({"plan.json": octets, "main.tf": 'resource "aws_route53_record" "r" {}'})
    terraform.detect(tree)
    with contextlib.suppress(SourceError):
        for record in terraform.read(tree).records:
            assert record.name.is_under(record.zone)


@pytest.fixture(scope="module")
def real_plan(fixtures: Path) -> Node:
    path = fixtures / "repositories" / "terraform-create" / "plan.json"
    whole: Node = json.loads(path.read_bytes())
    return whole


def test_no_part_of_a_real_plan_is_needed_to_end_in_order(real_plan: Node) -> None:
    """Each place of it taken away, or made something else, one after the other."""
    root: Node = {"root_module": {"resources": [1, {}]}}
    odds: list[Any] = [None, [], {}, "x", 1, [None], [{}], root]
    for key in real_plan:
        for odd in odds:
            with contextlib.suppress(SourceError):
                read({**real_plan, key: odd})
