"""How long the check of a large repository takes, and how much memory: the README's figure.

    SENDGATE_SUITES=... python -m tests.repo.bench_repo [FOLDER] [--base]

Checks the 405 zones of suites/dns-repos/moj-octodns offline, in a process of its own, three
times. With `--base` a copy in git is checked against a commit that changes one record.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 3


def measure(folder: Path, *arguments: str) -> tuple[float, float]:
    """Check a folder; give wall and processor seconds."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "sendgate", "repo", str(folder), "--format", "json"]
    done = subprocess.run(
        [*command, "--output", os.devnull, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode not in {0, 1, 3}:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begun, spent


def with_history(folder: Path, target: Path) -> None:
    """Copy a repository, commit it, and change one policy."""
    shutil.copytree(folder, target, symlinks=True)
    git = ["git", "-C", str(target), "-c", "user.name=b", "-c", "user.email=b@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run([*git, *words], check=True)
    first = next(p for p in sorted(target.rglob("*.yaml")) if "p=reject" in p.read_text())
    first.write_text(first.read_text().replace("p=reject", "p=none", 1))


def main() -> None:
    """Measure and print."""
    suites = os.environ.get("SENDGATE_SUITES", "")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--base", action="store_true")
    given = parser.parse_args()
    folder = given.folder or Path(suites, "dns-repos", "moj-octodns")
    with tempfile.TemporaryDirectory() as scratch:
        arguments = []
        if given.base:
            with_history(folder, Path(scratch, "copy"))
            folder, arguments = Path(scratch, "copy"), ["--base", "HEAD"]
        runs = [measure(folder, *arguments) for _ in range(RUNS)]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    for wall, spent in runs:
        print(f"{wall:.1f} s, of which {spent:.1f} s of a processor")
    print(f"at most {peak:.0f} MB")


if __name__ == "__main__":
    main()
