"""Running the command line in this process; `command_line` runs it as one of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from send.peer import Act, ScriptedPeer
from send_setup import Setup, rsa_key, served, written
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


@pytest.fixture(scope="session")
def usual_names(tmp_path_factory: pytest.TempPathFactory, pem: bytes) -> Iterator[str]:
    """The name server of the usual world, for all tests that leave it as it is."""
    with served(tmp_path_factory.mktemp("names"), 25, pem) as usual:
        yield usual.nameserver


def _unchangeable() -> None:
    raise AssertionError("other tests ask these names, too: make a world with own_names")


@pytest.fixture
def world(tmp_path: Path, pem: bytes, usual_names: str) -> Worlds:
    """Make a world whose receiver plays a script, and serve it.

    Its names are the usual ones unless it has others, or `own_names` to be changed.
    """

    def named(
        port: int, toml: str = "", *, own_names: bool = False, **names: str
    ) -> AbstractContextManager[Setup]:
        if own_names or names:
            return served(tmp_path, port, pem, toml=toml, **names)
        file = written(tmp_path, port, pem, toml)
        return nullcontext(Setup(tmp_path, file, usual_names, _unchangeable))

    @asynccontextmanager
    async def make(
        script: dict[str, Act | Sequence[Act]] | None = None, **options: Any
    ) -> AsyncIterator[World]:
        async with ScriptedPeer(script=script) as peer:
            with named(peer.port, **options) as made:
                found = World(made, peer)
                try:
                    yield found
                finally:
                    for process in found.started:
                        if process.returncode is None:
                            process.kill()
                            await process.communicate()

    return make
