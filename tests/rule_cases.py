"""What holds for the folders in which rules are shown, of domains and of messages alike."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any


def read(folder: Path) -> dict[str, Any]:
    """The case of a folder: what its two halves show."""
    return tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))


def assert_shows_its_own_rule(folder: Path) -> None:
    """The bad half has the rule that the folder is named for, the good half has not."""
    rule_id, case = folder.name.partition("-")[0], read(folder)
    assert rule_id in case["bad"]["findings"], f"{folder.name}: the bad half lacks it"
    assert rule_id not in case["good"]["findings"], f"{folder.name}: the good half has it"


def assert_is_whole(rule: Any, fixtures: Path) -> None:
    """A rule says what is wrong, what then happens, what to do, where it is written."""
    assert re.fullmatch(r"[A-Z]+[0-9]{3}", rule.id), rule.id
    assert rule.summary.endswith("."), "the docstring's first line is a sentence"
    assert len(rule.explanation) > 40, "the docstring says what a receiver then does"
    assert rule.remedy.endswith("."), "the remedy is a sentence"
    assert rule.citation.text, "the rule cites what it rests on"
    assert rule.citation.url.startswith("https://"), rule.citation.url
    assert (fixtures / f"{rule.id}-{rule.name}" / "case.toml").is_file(), "the rule has no fixture"
