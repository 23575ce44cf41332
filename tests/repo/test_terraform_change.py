"""Terraform in change mode: a plan brings the state that it starts from."""

from __future__ import annotations

import json
from pathlib import Path

from plans import MAIN, Node, aws, node, plan
from repo.repositories import Repository, rules, sendgate

ZONE = node("aws_route53_zone.main", {"name": "example.com", "zone_id": "Z1"})


def records(spf: str) -> list[Node]:
    return [
        ZONE,
        aws("aws_route53_record.mx", "", "MX", "10 mx.example.net", zone_id="Z1"),
        aws("aws_route53_record.spf", "", "TXT", spf, zone_id="Z1"),
        aws("aws_route53_record.dmarc", "_dmarc", "TXT", "v=DMARC1; p=rejct", zone_id="Z1"),
    ]


def checked(tmp_path: Path, whole: Node) -> tuple[Repository, str]:
    """A repository whose only commit has no plan, and the plan beside it."""
    repository = Repository.made(tmp_path / "r")
    base = repository.commit("start", {"main.tf": 'resource "aws_route53_record" "spf" {}\n'})
    (repository.folder / "plan.json").write_text(json.dumps(whole))
    return repository, base


def test_only_what_the_plan_changes_is_new(tmp_path: Path) -> None:
    """The fault that stood before is still there, the one that the plan brings is new."""
    state = {
        "format_version": "1.0",
        "values": {"root_module": {"resources": records("v=spf1 ip4:192.0.2.10 -all")}},
    }
    change = {"address": "aws_route53_record.spf", "change": {"actions": ["update"]}}
    whole = plan(*records("v=spf1 nclude:x -all"), prior_state=state, resource_changes=[change])
    repository, base = checked(tmp_path, whole)
    document = repository.check("--base", base, code=1)
    assert rules(document["new"], "error") == ["SPF003 example.com"]
    assert "DMARC004 example.com" in rules(document["still"], "error")
    done = sendgate(repository.folder, "repo", "--base", base)
    assert "the state before the plan stands for it" in done.stderr


def test_a_plan_that_changes_nothing_passes(tmp_path: Path) -> None:
    """However bad what stands there is."""
    nodes = records("v=spf1 nclude:x -all")
    state = {"format_version": "1.0", "values": {"root_module": {"resources": nodes}}}
    repository, base = checked(tmp_path, plan(*nodes, prior_state=state))
    assert repository.check("--base", base, code=0)["new"] == []
    assert repository.check(code=1)["verdict"] == "fail"


def test_without_a_state_before_all_is_new(tmp_path: Path) -> None:
    """As where a plan creates everything."""
    created = plan(MAIN, *records("v=spf1 nclude:x -all"))
    repository, base = checked(tmp_path, created)
    document = repository.check("--base", base, code=1)
    assert "SPF003 example.com" in rules(document["new"], "error")
    assert document["still"] == []
