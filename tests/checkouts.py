"""Scratch git repositories, copies of this checkout, and whether packages can be installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from command_line import ROOT

ZONE = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  MX 10 mx
  TXT "v=spf1 mx -all"
ns1 A 192.0.2.53
mx A 192.0.2.25
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"
"""
BROKEN = ZONE.replace("p=reject", "p=rejct")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with a name, without the user's configuration and hooks."""
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
        cwd=folder, capture_output=True, text=True, check=True, timeout=120, env=environment(),
    )  # fmt: skip
    return done.stdout.strip()


def environment(**more: str) -> dict[str, str]:
    """The environment without variables of git, GitHub, pre-commit and sendgate."""
    ours = ("SENDGATE_", "GITHUB_", "GIT_", "PRE_COMMIT", "INPUT_", "VIRTUAL_ENV", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | more


def repository(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a git repository of these files, with one commit on `main`."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, files)
    return folder


def commit(folder: Path, files: Mapping[str, str]) -> str:
    """Write files, commit all, and give the revision."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a change")
    return git(folder, "rev-parse", "HEAD")


def copy_of_the_checkout(folder: Path) -> Path:
    """Copy what the package is built of, as it is now, into a git repository of its own."""
    folder.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "action.yml"):
        shutil.copy(ROOT / name, folder)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignore)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "the checkout")
    return folder


def index_problem(folder: Path) -> str | None:
    """Say why no package can be installed here; None where one can."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder),
             "hatchling"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "no package index answers"
    return None if done.returncode == 0 else "no package index can be reached"
