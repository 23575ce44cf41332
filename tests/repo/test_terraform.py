"""Terraform: what plans and states hold, which zone it is in, and what is not known of it."""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from memory_tree import MemoryTree, broken, read_or_refused
from plans import (
    AZURE,
    CLOUDFLARE,
    GOOGLE,
    MAIN,
    RECORD,
    Node,
    aws,
    config,
    data,
    node,
    plan,
    read,
    unknown_zone,
)

from sendgate.dns.answers import Address, Mx, Raw, Target, Txt
from sendgate.errors import SourceError
from sendgate.names import Domain
from sendgate.repo.readers import terraform
from sendgate.repo.reading import Place, Reading, SlipKind
from sendgate.repo.tree import FolderTree

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
    assert found["web.example.com", "A"] == found["web.example.com", "AAAA"] == Address(None)
    for name in ("example.com", "flat.example.com"):
        behind = Address(None, Domain("host.example.net"))
        assert found[name, "A"] == found[name, "AAAA"] == behind
    assert len(reading.records) == 18
    assert {r.ttl for r in reading.records if r.name.text == "host.example.com"} == {120, 300}


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


def test_a_plan_that_powershell_wrote_is_read() -> None:
    """Its `>` writes UTF-16."""
    tree = MemoryTree({"plan.json": json.dumps(AZURE).encode("utf-16")})
    assert terraform.detect(tree) is not None
    assert len(terraform.read(tree).records) == 13


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
    read_or_refused(terraform.read, tree)


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
            plan = json.dumps({**real_plan, key: odd}, indent=2)
            read_or_refused(terraform.read, MemoryTree({"plan.json": plan}))
