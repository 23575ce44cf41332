"""Terraform's files: where resource blocks and their literals stand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.repo.readers.hcl import blocks

TEXT = """\
# resource "aws_route53_record" "comment" {
/* resource "aws_route53_record" "comment2" {
} */
locals {
  a = "${var.x ? "}" : "{"}"
}
resource "aws_route53_record" "one" { // same line
  name    = "a"
  records = ["v=spf1 -all", "say \\"hi\\" $${x} %%{y}",
    "with ${local.a} in it"]
  alias {
    name = "b"
  }
}

resource "aws_route53_record" "2two" {
  records = [<<-EOT
    resource "aws_route53_record" "text" {
    EOT
  ]
  name = "c"
}
data "x" "y" {}
resource "t" "open" {
  name = "d"
resource "t" "next" {
}
"""


def test_blocks_and_their_literals_have_lines() -> None:
    """Comments, templates, heredocs and nested blocks do not lead astray."""
    found = blocks(TEXT)
    assert [(b.type, b.name, b.line, b.end) for b in found] == [
        ("aws_route53_record", "one", 7, 14),
        ("aws_route53_record", "2two", 16, 22),
        ("t", "open", 24, 25),
        ("t", "next", 26, 27),
    ]
    assert found[0].literals == [
        ("a", 8), ("v=spf1 -all", 9), ('say "hi" ${x} %{y}', 9), ("b", 12),
    ]  # fmt: skip
    assert found[0].line_with("b") == 12
    assert found[0].line_with("x") is None
    assert found[1].literals == [("c", 21)]


def test_every_resource_of_a_real_repository_is_found(suites: Path) -> None:
    """Old syntax too, with names that begin with a digit."""
    folder = suites / "dns-repos" / "gsa-terraform"
    texts = [path.read_text() for path in folder.rglob("*.tf")]
    kinds = Counter(block.type for text in texts for block in blocks(text))
    assert kinds["aws_route53_record"] == 219
    assert kinds["aws_route53_zone"] == 17


@pytest.mark.parametrize(
    "text", ['"', '"\\', "/*", '"${', '"${"', "<<A\n", "<<A\nA\n", "${", "{", 'resource "a" "b" {']
)
def test_a_text_full_of_open_ends_takes_one_pass(text: str) -> None:
    """Were each of them looked for up to the end, this would not end today."""
    found = blocks(text * (300_000 // len(text)))
    assert all((block.type, block.name) == ("a", "b") for block in found)


@given(st.text(alphabet='resource "{}$%\\\n<#/*-EOT'))
def test_any_text_has_blocks_or_none(text: str) -> None:
    """What is broken gives fewer blocks, within the lines of the text."""
    for block in blocks(text):
        assert 1 <= block.line <= block.end <= text.count("\n") + 1
