"""`sendgate send` run whole: a campaign, the hosts of its recipients, the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from send.peer import ScriptedPeer
from send_setup import Setup
from typer.testing import CliRunner

# Runs sendgate in a process that reports every address it connects to or sends to, and, given
# the ports that it may use, is denied all others.
MAIN = """
import os, sys
log = open(sys.argv.pop(1), "a", buffering=1)
only = os.environ.get("ONLY_PORTS")
def hook(event, arguments):
    if event == "socket.getaddrinfo":
        where = arguments[1]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
        where = arguments[1][1]
    else:
        return
    log.write(f"{where}\\n")
    if only is not None and str(where) not in only.split():
        raise PermissionError(f"port {where} is none of {only}")
sys.addaudithook(hook)
PRELUDE
from sendgate.__main__ import main
if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    code: int | None
    out: str
    err: str

    @property
    def counts(self) -> dict[str, int]:
        numbers: dict[str, int] = json.loads(self.out)["counts"]
        return {key: number for key, number in numbers.items() if number}


@dataclass(frozen=True)
class World:
    """A campaign, the hosts of its recipients, and the command line."""

    setup: Setup
    peer: ScriptedPeer
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(
        self, *arguments: str, only: Sequence[int] | None = None, prelude: str = ""
    ) -> asyncio.subprocess.Process:
        """Start sendgate; `only` these ports may be dialled, `prelude` is run before it."""
        main = self.setup.folder / "main.py"
        main.write_text(MAIN.replace("PRELUDE", prelude), "utf-8")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SENDGATE_")}
        if only is not None:
            environment["ONLY_PORTS"] = " ".join(map(str, only))
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(main), str(self.setup.folder / "dialled"), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=self.setup.folder, env=environment,
        )  # fmt: skip
        self.started.append(process)
        return process

    async def run(
        self, *arguments: str, only: Sequence[int] | None = None, prelude: str = ""
    ) -> Done:
        return await ended(await self.start(*arguments, only=only, prelude=prelude))

    async def send(self, *options: str, prelude: str = "") -> Done:
        """Send, with the campaign's status as JSON."""
        arguments = [*self.setup.arguments, "--format", "json", *options]
        return await self.run(*arguments, prelude=prelude)

    @property
    def dns_port(self) -> int:
        return int(self.setup.nameserver.rpartition(":")[2])

    def campaign(self, command: str, *options: str) -> Done:
        from sendgate.cli.app import app

        arguments = ["campaign", command, "--store", self.setup.store, *options]
        done = CliRunner().invoke(app, arguments)
        return Done(done.exit_code, done.stdout, done.stderr)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.campaign("status", "--format", "json").out)
        return found

    @property
    def dialled(self) -> set[int]:
        """The ports that were connected or sent to, denied ones too."""
        path = self.setup.folder / "dialled"
        return {int(line) for line in path.read_text("utf-8").split()} if path.exists() else set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(2000):
            if is_so():
                return
            await asyncio.sleep(0.01)
        pytest.fail("it did not come to that")

    async def until_accepted(self) -> None:
        await self.until(lambda: bool(self.peer.accepted))


async def ended(process: asyncio.subprocess.Process) -> Done:
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    return Done(process.returncode, out.decode(), err.decode())


Worlds = Callable[..., AbstractAsyncContextManager[World]]
