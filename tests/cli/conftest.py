"""Running the command line in tests: in this process, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent.parent
HEALTHY = [
    "--return-path", "12345m.example.com", "--sender", "dedicated", "--selector", "s1",
    "--ip", "192.0.2.10",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration and no variable of the machine reaches a test."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("SENDGATE_") or name in {"NO_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)


@pytest.fixture
def healthy(fixtures: Path) -> list[str]:
    """The arguments of the README's first audit."""
    return ["news.example.com", *HEALTHY, "--zone", str(fixtures / "first-audit.zone"), "--offline"]


@pytest.fixture
def sendgate() -> Callable[..., Any]:
    """Run a command in this process; gives `exit_code`, `stdout` and `stderr`."""

    def run(*arguments: str, env: dict[str, str] | None = None, input: str | None = None) -> Any:
        from sendgate.cli.app import app

        return CliRunner().invoke(app, list(arguments), env=env, input=input, prog_name="sendgate")

    return run


def process(arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, in an environment without variables of ours."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SENDGATE_") and name not in {"NO_COLOR", "COLUMNS"}
    }
    return subprocess.run(
        [sys.executable, "-m", "sendgate", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env=environment | options.pop("env", {}), **options,
    )  # fmt: skip
