"""A relay that signs: Postfix with opendkim as its milter, as most who send campaigns have it.

It takes mail on loopback, signs it with RSA-2048, and hands it to one next host. It comes in
two settings: Postfix as it is installed, with the milter at a port of its own; and tuned, with
what slows it down taken away: no brake on the queue, and the milter behind a Unix socket.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dns_servers import free_port
from send import mail_servers
from send.mail_servers import program

_QUEUES = ("maildrop", "incoming", "active", "deferred")
_OUTBOUND = """\
smtp       unix  - - n - -    smtp
relay      unix  - - n - -    smtp
scache     unix  - - n - 1    scache
"""


@dataclass(frozen=True)
class SigningRelay:
    """A running relay: its port on 127.0.0.1, and its folder."""

    port: int
    folder: Path

    @property
    def waiting(self) -> int:
        """How many messages are in its queues."""
        return sum(
            len(files) for name in _QUEUES for _, _, files in os.walk(self.folder / "spool" / name)
        )

    def pass_on(self, count: int, sessions: int, sender: str, recipient: str) -> float:
        """Seconds until `count` messages of 4 kB have been taken, signed and handed on."""
        begun = time.perf_counter()
        subprocess.run(
            [
                program("smtp-source"), "-d", "-s", str(sessions), "-m", str(count), "-l", "4096",
                "-f", sender, "-t", recipient, "-M", "client.example.com",
                f"127.0.0.1:{self.port}",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        while self.waiting:
            time.sleep(0.02)
        seconds = time.perf_counter() - begun
        log = (self.folder / "maillog").read_text(errors="replace")
        handed_on = log.count("status=sent")
        assert handed_on == count, f"{handed_on} of {count} messages were handed on"
        return seconds


@contextlib.contextmanager
def signing_relay(
    next_port: int, key: bytes, domain: str, *, tuned: bool = True
) -> Iterator[SigningRelay]:
    """Run one that hands all on to `next_port` and signs for `domain` with a key (PEM)."""
    with mail_servers.folder_for_all() as folder:
        port = free_port()
        milter = free_port()
        at, listens = f"inet:127.0.0.1:{milter}", f"inet:{milter}@127.0.0.1"
        if tuned:
            at, listens = f"unix:{folder}/opendkim.sock", f"local:{folder}/opendkim.sock"
        for name, owner in (("spool", "root"), ("data", "postfix")):
            (folder / name).mkdir()
            shutil.chown(folder / name, owner)
        (folder / "key.pem").write_bytes(key)
        (folder / "key.pem").chmod(0o600)
        (folder / "opendkim.conf").write_text(
            f"Mode s\nDomain {domain}\nSelector s1\nKeyFile {folder}/key.pem\n"
            f"Socket {listens}\nUMask 000\nRequireSafeKeys no\n"
            "Canonicalization relaxed/relaxed\nSyslog no\n"
        )
        (folder / "master.cf").write_text(
            f"127.0.0.1:{port} inet n - n - - smtpd\n{mail_servers.SERVICES}{_OUTBOUND}"
        )
        (folder / "main.cf").write_text(
            f"compatibility_level = 3.6\nmaillog_file = {folder}/maillog\n"
            f"maillog_file_prefixes = {folder}\n"
            f"queue_directory = {folder}/spool\ndata_directory = {folder}/data\n"
            "myhostname = mail.example.com\nmydestination =\ninet_protocols = ipv4\n"
            "alias_maps =\nmynetworks = 127.0.0.0/8\n"
            f"{'in_flow_delay = 0' if tuned else ''}\n"
            f"relayhost = [127.0.0.1]:{next_port}\n"
            f"smtpd_milters = {at}\nmilter_default_action = tempfail\n"
        )
        command = program("postfix")
        with (
            _opendkim(folder, folder / "opendkim.sock" if tuned else milter),
            mail_servers.running([command, "-c", str(folder), "start-fg"], port, folder / "log"),
        ):
            try:
                yield SigningRelay(port, folder)
            finally:
                subprocess.run(
                    [command, "-c", str(folder), "stop"], capture_output=True, check=False
                )


@contextlib.contextmanager
def _opendkim(folder: Path, opened: Path | int) -> Iterator[None]:
    """Run the milter until it has opened what it listens on: a socket's path or a port."""
    process = subprocess.Popen(
        [program("opendkim"), "-f", "-x", str(folder / "opendkim.conf")],
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + mail_servers.START_SECONDS
        while not (mail_servers.listens(opened) if isinstance(opened, int) else opened.exists()):
            assert process.poll() is None, "opendkim did not start"
            assert time.monotonic() < end, "opendkim did not open its socket"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)
