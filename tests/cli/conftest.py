"""Running the command line in this process; `command_line` runs it as one of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from send.peer import Act, ScriptedPeer
from send_setup import rsa_key, served
from send_world import World, Worlds
from typer.testing import CliRunner

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


@pytest.fixture(scope="session")
def pem() -> bytes:
    """A private key; making one takes a while."""
    return rsa_key()


@pytest.fixture
def world(tmp_path: Path, pem: bytes) -> Worlds:
    """Make a world whose receiver plays a script, and serve it."""

    @asynccontextmanager
    async def make(
        script: dict[str, Act | Sequence[Act]] | None = None, **options: Any
    ) -> AsyncIterator[World]:
        async with ScriptedPeer(script=script) as peer:
            with served(tmp_path, peer.port, pem, **options) as made:
                found = World(made, peer)
                try:
                    yield found
                finally:
                    for process in found.started:
                        if process.returncode is None:
                            process.kill()
                            await process.communicate()

    return make
