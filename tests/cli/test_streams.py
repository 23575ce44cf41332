"""Streams that are closed or full: the exit code still tells the verdict, or why there is none."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest


def shell(arguments: list[str], redirect: str) -> subprocess.CompletedProcess[str]:
    """Run sendgate as a shell does, with its streams redirected."""
    command = shlex.join([sys.executable, "-m", "sendgate", *arguments])
    return subprocess.run(
        ["/bin/sh", "-c", f"{command} {redirect}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_change_the_verdict(healthy: list[str], redirect: str) -> None:
    """Nobody listens: the healthy sender passes all the same, and nothing is said of faults."""
    done = shell(["audit", *healthy], redirect)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr


def test_a_list_from_a_closed_stdin_is_empty() -> None:
    """There is nothing to read, which is no fault of sendgate."""
    done = shell(["audit", "--from-file", "-", "--offline"], "<&-")
    assert "internal error" not in done.stderr
    assert done.returncode in {0, 2}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_stdout_is_said(healthy: list[str]) -> None:
    """The report was lost: exit 2 with the reason, not an internal error."""
    done = shell(["audit", *healthy], ">/dev/full")
    assert done.returncode == 2, done.stderr
    assert "stdout cannot be written: no space left on device" in done.stderr


def test_a_working_directory_that_is_gone(healthy: list[str], tmp_path: Path) -> None:
    """No configuration is found there, and the audit runs."""
    gone = shlex.quote(str(tmp_path / "gone"))
    command = shlex.join([sys.executable, "-m", "sendgate", "audit", *healthy])
    done = subprocess.run(
        ["/bin/sh", "-c", f"mkdir {gone} && cd {gone} && rmdir {gone} && {command}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
