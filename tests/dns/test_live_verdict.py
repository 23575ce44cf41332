"""The whole command against servers that fail: unknown, exit 3, and never "missing"."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dns_servers import Server


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes questions and never answers."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{server.getsockname()[1]}"


def audit(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `sendgate audit` in an empty folder; its exit code and report."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SENDGATE_")}
    command = [sys.executable, "-m", "sendgate", "audit", "--format", "json", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def assert_unknown(code: int, report: dict[str, Any], reason: str) -> None:
    assert code == 3
    assert report["verdict"] == "unknown"
    assert {item["reason"] for item in report["unknown"]} == {reason}
    assert {finding["severity"] for finding in report["findings"]} <= {"note"}


def test_servfail_is_unknown_and_replays_alike(knot_server: Server, tmp_path: Path) -> None:
    """Exit 3, and the recording of the run gives the same report again."""
    place = ["--nameserver", knot_server.place, "--record", "run.json"]
    code, report = audit(tmp_path, "broken.example", *place)
    assert_unknown(code, report, "servfail")
    again, replayed = audit(tmp_path, "broken.example", "--replay", "run.json")
    assert again == code
    assert {key for key in report if replayed[key] != report[key]} <= {"dns"}
    assert replayed["dns"]["questions"] == report["dns"]["questions"]


def test_refused_is_unknown(bind_server: Server, tmp_path: Path) -> None:
    """A server that refuses the zone has said nothing of its records."""
    code, report = audit(tmp_path, "example.org", "--nameserver", bind_server.place)
    assert_unknown(code, report, "refused")


def test_silence_is_unknown(silent: str, tmp_path: Path) -> None:
    """A server that never answers: every question times out, none is taken for a no."""
    place = ["--nameserver", silent, "--dns-timeout", "0.2"]
    code, report = audit(tmp_path, "example.com", *place)
    assert_unknown(code, report, "timeout")
