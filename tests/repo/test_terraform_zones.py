"""Terraform: which zone a record of a plan is in, and what is left out and said."""

from __future__ import annotations

from pathlib import Path

import pytest
from plans import (
    AZURE_ZONE,
    MAIN,
    RECORD,
    Node,
    aws,
    cloudflare,
    config,
    data,
    node,
    plan,
    read,
    unknown_zone,
)

from sendgate.errors import SourceError
from sendgate.repo.readers import terraform
from sendgate.repo.tree import FolderTree


def zones_of(whole: Node) -> list[str]:
    return [record.zone.text for record in read(whole).records]


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
            MAIN,
            node("aws_route53_zone.old", {"name": "example.org", "id": "Z7"}),
            RECORD,
            resource_changes=[unknown_zone("aws_route53_record.r")],
            configuration=config("local.zone"),
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


def test_zones_that_modules_make_and_hand_on(fixtures: Path) -> None:
    """A plan by Terraform 1.11.4: one module makes zones, another takes them by key and by map.

    Of a local value a plan tells nothing, and two zones may be meant: it is left out.
    """
    reading = terraform.read(FolderTree(fixtures / "repositories" / "terraform-modules"))
    assert [(name, value) for name, _, value in data(reading)] == [
        ("each.example.com", "example.com"),
        ("each.example.org", "example.org"),
        ("mail.example.com", "10 mx.example.net"),
        ("example.com", "v=spf1 include:example.com -all"),
        ("example.org", "v=spf1 include:example.org -all"),
    ]
    (note,) = reading.notes
    assert note == (
        "'mail/main.tf':16: 'module.mail.aws_route53_record.local' is left out: "
        "the plan does not tell its zone"
    )


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
    """A relative name alone is nowhere; where no record has a zone, nothing is read."""
    root = whole["planned_values"]["root_module"]
    beside = {
        **whole,
        "planned_values": {"root_module": {"resources": [*root["resources"], AZURE_ZONE]}},
    }
    reading = read(beside)
    assert not reading.records
    assert not reading.unread
    assert "does not tell its zone" in reading.notes[0]
    if len(root["resources"]) == 1:
        with pytest.raises(SourceError, match="does not tell its zone"):
            read(whole)


def test_records_that_are_left_out_are_said_once_for_each_reason() -> None:
    """Not once for each of them; types of other providers are named too."""
    left = [aws(f"aws_route53_record.r{n}", "x", "TXT", "y") for n in range(5)]
    reading = read(plan(MAIN, AZURE_ZONE, *left, node("other_dns_record.x", {"name": "x"})))
    assert len(reading.notes) == 2
    assert "'other_dns_record' are not read here" in reading.notes[0]
    assert reading.notes[1].endswith("and so are 4 more")


def test_names_of_the_state_before_tell_the_zone_of_new_records() -> None:
    """A zone that is managed elsewhere, and only relative names in the plan itself."""
    before = cloudflare("www", "A", value="192.0.2.1", hostname="www.example.com")
    state = {"format_version": "1.0", "values": {"root_module": {"resources": [before]}}}
    new = cloudflare("@", "TXT", value="v=spf1 -all")
    reading = read(plan(new, prior_state=state))
    assert data(reading) == [("example.com", "TXT", "v=spf1 -all")]


def test_private_zones_are_left_out() -> None:
    """Nobody outside asks them."""
    private = node("aws_route53_zone.main", {"name": "example.com", "id": "Z1", "vpc": [{}]})
    inside = aws("aws_route53_record.r", "", "TXT", "x", zone_id="Z1")
    reading = read(plan(private, inside, node("aws_route53_zone.o", {"name": "example.org"})))
    assert not reading.records
    assert [zone.apex.text for zone in reading.zones] == ["example.org"]
    assert "private" in reading.notes[0]
    with pytest.raises(SourceError, match="private"):
        read(plan(private, inside))


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


def test_a_zone_that_the_plan_deletes_is_not_declared() -> None:
    """The state before still has it."""
    gone = node("aws_route53_zone.gone", {"name": "example.org", "id": "Z2"})
    state = {"format_version": "1.0", "values": {"root_module": {"resources": [gone, MAIN]}}}
    reading = read(plan(MAIN, prior_state=state))
    assert [zone.apex.text for zone in reading.zones] == ["example.com"]
