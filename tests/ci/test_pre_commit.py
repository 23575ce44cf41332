"""The pre-commit hook, run by pre-commit itself in a scratch repository."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkouts import BROKEN, ZONE, environment, git, repository
from command_line import ROOT

(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("zones/example.com.yaml", True),
        ("config/production.yml", True),
        ("db.example.com", True),
        ("zones/example.com.zone", True),
        ("dnsconfig.js", True),
        ("main.tf", True),
        ("plan.json", True),
        ("sendgate.toml", True),
        ("README.md", False),
        ("src/main.py", False),
        ("xdb.example", False),
    ],
)
def test_the_hook_runs_for_files_of_zones(path: str, runs: bool) -> None:
    """A commit that touches none of them does not wait."""
    assert bool(re.search(HOOK["files"], path)) is runs


def test_pre_commit_runs_the_hook(checkout: Path, tmp_path: Path) -> None:
    """It installs the package by itself, passes a healthy zone and stops a broken one."""
    folder = repository(tmp_path / "dns", {"zones/example.com.zone": ZONE})
    revision = git(checkout, "rev-parse", "HEAD")
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {checkout}\n  rev: {revision}\n  hooks:\n  - id: sendgate\n"
    )
    git(folder, "add", "--all")

    def hook() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"],
            cwd=folder, capture_output=True, text=True, timeout=600, check=False,
            env=environment(PRE_COMMIT_HOME=str(tmp_path / "cache")),
        )  # fmt: skip

    done = hook()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^sendgate\.+Passed$", done.stdout, re.MULTILINE)
    (folder / "zones" / "example.com.zone").write_text(BROKEN)
    git(folder, "add", "--all")
    done = hook()
    assert done.returncode == 1
    assert "- exit code: 1" in done.stdout
    assert "error DMARC004 invalid-policy-value  _dmarc.example.com" in done.stdout
    assert "zones/example.com.zone:9" in done.stdout
