"""A network of its own on this machine, where names, ports and addresses are as they really are.

A Linux network namespace holds nothing but a loopback device, which is given the addresses
of every host: port 25, port 53 and port 443 are free there, mail comes from a routable
address, and nothing can leave. A mount namespace gives it a ``/etc/resolv.conf`` of its own.
All that runs in it ends with its first process, which ends with this one.

It needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN), util-linux and iproute2; what is missing
skips the test, and says so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_SECONDS = 20.0
_LISTEN = "0A"  # in /proc/net/tcp

_BEGIN = """\
set -e
echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6 || true
ip link set lo up
for address in {addresses}; do ip address add $address dev lo; done
mount --bind {resolv} "$(readlink -f /etc/resolv.conf)"
echo ready
exec cat
"""


@dataclass(frozen=True)
class Island:
    """A running namespace; `pid` is a process in it, `folder` one that every user may enter."""

    pid: int
    folder: Path
    _started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def _inside(self, command: Sequence[str]) -> list[str]:
        process = f"/proc/{self.pid}"
        return [
            "nsenter", f"--net={process}/ns/net", f"--mount={process}/ns/mnt",
            f"--pid={process}/ns/pid_for_children", f"--root={process}/root",
            f"--wdns={self.folder}", *command,
        ]  # fmt: skip

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a server; what it says is kept in the file `log(name)`."""
        with self.log(name).open("wb") as output:
            self._started[name] = subprocess.Popen(
                self._inside(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self._inside(command), capture_output=True, text=True, check=False,
            timeout=seconds, env=environment,
        )  # fmt: skip

    def log(self, name: str) -> Path:
        """Where a server's own words are."""
        return self.folder / f"{name}.log"

    def wait_for(self, places: Mapping[str, str]) -> None:
        """Wait until there is a listener at each place (``address:port``); fail with its log."""
        end = time.monotonic() + START_SECONDS
        while missing := set(places) - self._listening():
            for place in missing:
                process = self._started[places[place]]
                if process.poll() is not None or time.monotonic() > end:
                    said = self.log(places[place]).read_text(errors="replace")[-2000:]
                    pytest.fail(f"nobody listens at {place}; {places[place]} says:\n{said}")
            time.sleep(0.02)

    def _listening(self) -> set[str]:
        """The places where somebody listens for TCP."""
        found = set()
        for file, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
            for line in Path(f"/proc/{self.pid}/net/{file}").read_text("ascii").splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                if state == _LISTEN:
                    words, port = local.split(":")
                    found.add(f"{socket.inet_ntop(family, _octets(words))}:{int(port, 16)}")
        return found

    def wait(self) -> None:
        """Wait for the end of all servers, which comes with the end of the namespace."""
        for process in self._started.values():
            process.wait(10)


def _octets(words: str) -> bytes:
    """An address as the kernel shows it: 32-bit words in this machine's order."""
    parts = (words[at : at + 8] for at in range(0, len(words), 8))
    return b"".join(int(part, 16).to_bytes(4, sys.byteorder) for part in parts)


@contextlib.contextmanager
def island(folder: Path, addresses: Sequence[str]) -> Iterator[Island]:
    """Make a namespace with these addresses; its resolver is 127.0.0.1."""
    if os.geteuid() != 0:
        pytest.skip("not root: there can be no network of its own for real peers")
    for program in ("unshare", "nsenter", "ip", "mount"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            pytest.skip(f"{program} is not installed: there can be no network for real peers")
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n", "ascii")
    script = _BEGIN.format(addresses=" ".join(addresses), resolv=resolv)
    process = subprocess.Popen(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    found = Island(process.pid, folder)
    try:
        if process.stdout.readline() != b"ready\n":
            _, why = process.communicate()
            pytest.skip(f"no network namespace for real peers: {why.decode(errors='replace')}")
        yield found
    finally:
        process.communicate()  # closes its input: it ends, and all in the namespace with it
        found.wait()
