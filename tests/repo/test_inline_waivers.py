"""Waivers in comments: where they stand, what they speak of, and what is only text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from repo.repositories import write

from sendgate.repo.detect import read_repository
from sendgate.repo.run import rule_ids
from sendgate.repo.tree import FolderTree
from sendgate.repo.waivers import read_inline

SAY = "sendgate: waive DMARC006 until 2027-01-31 roll-out"
ZONE = "$ORIGIN example.com.\n$TTL 300\n@ SOA ns h 1 7200 3600 1209600 300\n@ NS ns\n"  # 4 lines


def targets(folder: Path, files: dict[str, str]) -> list[list[tuple[str, int]]]:
    """The records that each waiver of a repository speaks of; none may be malformed."""
    tree = FolderTree(write(folder, files))
    waivers, problems = read_inline(tree, read_repository(tree), rule_ids())
    assert problems == ()
    return [sorted(waiver.targets) for waiver in waivers]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (f'_dmarc TXT "v=DMARC1; p=none" ; {SAY}\n', 5),
        (f'; {SAY}\n_dmarc TXT "v=DMARC1; p=none"\n', 6),
        (f';;{SAY}\n_dmarc TXT "v=DMARC1; p=none"\n', 6),
        (f'_dmarc TXT ( "v=DMARC1; "\n   "p=none" ) ; {SAY}\n', 5),
        (f'_dmarc TXT ( "v=DMARC1; "\n ; {SAY}\n   "p=none" )\n', 5),
    ],
)
def test_in_a_master_file(tmp_path: Path, lines: str, line: int) -> None:
    """On the record's line, the line before, and inside its parentheses."""
    assert targets(tmp_path, {"db.example.com": ZONE + lines}) == [[("db.example.com", line)]]


def test_it_speaks_of_one_record_alone(tmp_path: Path) -> None:
    """The records above and below are none of its business."""
    text = f'a TXT "x"\n; {SAY}\n_dmarc TXT "v=DMARC1; p=none"\nb TXT "x"\n'
    assert targets(tmp_path, {"db.example.com": ZONE + text}) == [[("db.example.com", 7)]]


@pytest.mark.parametrize(
    "line",
    [
        f'a TXT "; {SAY}"\n',
        f'a TXT "\\"; {SAY}"\n',
        f'a TXT "x" ; not {SAY}\n',
        f'a TXT "x" # {SAY.replace("sendgate", "another")}\n'.replace("#", ";"),
    ],
)
def test_what_is_no_comment_to_us_is_left_alone(tmp_path: Path, line: str) -> None:
    """Text inside quotes is published; other comments are for others."""
    assert targets(tmp_path, {"db.example.com": ZONE + line}) == []


def test_in_javascript(tmp_path: Path) -> None:
    """Beside the call that the IR's record comes from."""
    values = {"_dmarc": "v=DMARC1; p=none", "@": f"https://x.example//{SAY}"}
    records = [{"type": "TXT", "name": name, "target": text} for name, text in values.items()]
    zone = {"name": "example.com", "records": records}
    files = {
        "dnsconfig.js": f'D("example.com", REG,\n  // {SAY}\n  TXT("_dmarc", "v=DMARC1; p=none"),\n'
        f'  TXT("@", "https://x.example//{SAY}"));\n',
        "print-ir.json": json.dumps({"registrars": [], "dns_providers": [], "domains": [zone]}),
    }
    assert targets(tmp_path, files) == [[("dnsconfig.js", 3)]]


def test_in_a_list_of_values(tmp_path: Path) -> None:
    """In an octoDNS list it speaks of the value beside it, before the list of the whole entry."""
    text = f"---\n'':\n  type: TXT\n  values:\n  - a\n  - v=spf1 +all  # {SAY}\n  - b\n"
    assert targets(tmp_path / "one", {"example.com.yaml": text}) == [[("example.com.yaml", 6)]]
    text = f"---\n'':\n  # {SAY}\n  type: TXT\n  values:\n  - a\n  - b\n"
    (whole,) = targets(tmp_path / "all", {"example.com.yaml": text})
    assert whole == [("example.com.yaml", 6), ("example.com.yaml", 7)]
