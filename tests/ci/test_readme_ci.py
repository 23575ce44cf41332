"""The README's snippets for CI are what the files and the program take."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml
from checkouts import BROKEN, ZONE, commit, environment, repository
from command_line import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippet(name: str) -> Any:
    """The YAML between two markers."""
    found = re.search(rf"<!-- {name} -->\n```yaml\n(.*?)```\n<!-- /{name} -->", README, re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


def test_the_github_job_gives_inputs_that_the_action_has() -> None:
    """And demands no right but to read."""
    workflow = snippet("github")
    assert workflow["permissions"] == {"contents": "read"}
    checkout, step = workflow["jobs"]["mail"]["steps"]
    assert checkout["with"] == {"fetch-depth": 0}
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert set(step["with"]) <= set(action["inputs"])


def test_the_pre_commit_configuration_names_the_hook() -> None:
    """By its id."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (configured,) = snippet("pre-commit")["repos"]
    assert [entry["id"] for entry in configured["hooks"]] == [hook["id"]]


def test_the_gitlab_job_runs(tmp_path: Path) -> None:
    """Its script writes both reports, and fails for what a merge request brings."""
    job = snippet("gitlab")["mail"]
    folder = repository(tmp_path / "dns", {"zones/example.com.zone": ZONE})
    base = commit(folder, {"README": "x\n"})
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sendgate").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sendgate "$@"\n')
    (tools / "sendgate").chmod(0o755)

    def run() -> int:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(job["script"])],
            cwd=folder, capture_output=True, text=True, timeout=300, check=False,
            env=environment(
                PATH=f"{tools}:{os.environ['PATH']}", CI_MERGE_REQUEST_DIFF_BASE_SHA=base
            ),
        ).returncode  # fmt: skip

    assert run() == 0
    commit(folder, {"zones/example.com.zone": BROKEN})
    assert run() == 1
    reports = job["artifacts"]["reports"]
    issues = json.loads((folder / reports["codequality"]).read_text())
    assert {"path": "zones/example.com.zone", "lines": {"begin": 9}} in [
        issue["location"] for issue in issues
    ]
    assert ET.parse(folder / reports["junit"]).getroot().get("failures") == "1"
