"""How much memory a large campaign takes, all of its processes summed.

    python -m tests.send.bench_memory [CONTACTS]

The campaign is planned (`--dry-run`), then sent until a hundredth of it has arrived, then
stopped by SIGTERM. Half of its contacts are at one provider, the others at one domain for
every ten of them. Each figure is the most resident memory that the command and all processes
below it held at one moment, pages that they share counted for each.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent.parent
MOST_MEGABYTES = 300
_PACE = 0.05  # seconds between two looks


def resident(root: int) -> tuple[int, int]:
    """The resident memory of a process and all below it, in octets, and how many they are."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            pages[int(entry.name)] = int(Path(entry.path, "statm").read_text().split()[1])
        except OSError:
            continue  # it has just ended
        parents[int(entry.name)] = int(stat[1])
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    found = [pages[pid] for pid in tree if pid in pages]
    return sum(found) * os.sysconf("SC_PAGE_SIZE"), len(found)


@dataclass
class Run:
    """One run of the command line, watched."""

    arguments: list[str]
    folder: Path
    peak: int = 0
    processes: int = 0
    seconds: float = 0.0

    async def through(self, is_enough: Callable[[], bool] | None = None) -> int | None:
        """Run to the end, or to SIGTERM once it is enough; give the exit code."""
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sendgate", *self.arguments, cwd=self.folder,
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        ended = asyncio.ensure_future(process.wait())
        while not ended.done():
            octets, number = resident(process.pid)
            self.peak, self.processes = max(self.peak, octets), max(self.processes, number)
            if is_enough is not None and is_enough():
                process.send_signal(signal.SIGTERM)
                is_enough = None
            await asyncio.sleep(_PACE)
        self.seconds = time.monotonic() - begun
        return process.returncode

    def __str__(self) -> str:
        return (
            f"{self.peak / 1e6:.0f} MB at most in {self.processes} processes, {self.seconds:.0f} s"
        )


def write_list(path: Path, header: str, count: int) -> None:
    dice = Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.write(header + "\n")
        for number in range(count):
            own = f"d{dice.randrange(max(1, count // 20))}.example.net"
            domain = "example.net" if dice.random() < 0.5 else own
            address = f"user{dice.getrandbits(64):x}@{domain}"
            file.write(
                f"{address},Name {number},2026-11-01,form,https://crm.example/{number},yes\n"
            )


async def measure(folder: Path, count: int) -> int:
    """Plan and begin a campaign; give the peak of both in octets."""
    from send.peer import ScriptedPeer
    from send_setup import HEADER, rsa_key, served

    others = "*.example.net. MX 10 mx.example.net."
    async with ScriptedPeer(keep=False) as peer:
        with served(folder, peer.port, rsa_key(), others=others) as s:
            write_list(folder / "contacts.csv", HEADER, count)
            planned = Run([*s.arguments, "--dry-run"], folder)
            assert await planned.through() == 0
            print(f"{count:,} contacts planned: {planned}", flush=True)
            sent = Run(s.arguments, folder)
            assert await sent.through(lambda: len(peer.accepted) >= count // 100) == 4
            print(f"queued, {len(peer.accepted):,} of them sent: {sent}", flush=True)
    return max(planned.peak, sent.peak)


def main() -> None:
    sys.path.insert(0, str(HERE))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        peak = asyncio.run(measure(Path(folder), count))
    if peak > MOST_MEGABYTES * 1e6:
        sys.exit(f"more than {MOST_MEGABYTES} MB")


if __name__ == "__main__":
    main()
