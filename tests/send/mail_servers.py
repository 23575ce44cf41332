"""Postfix, Exim and Postfix's smtp-sink as receivers on loopback, each in a folder of its own.

They need root, since both drop to users of their own. Postfix and smtp-sink come with
Debian's package postfix. Exim conflicts with it, so it is taken from its unpacked package:
the variable SENDGATE_EXIM names the program, and the user Debian-exim must exist. What is
missing skips the test, and says so.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dns_servers import free_port

START_SECONDS = 15.0
HOST = "mx.example.com"
DOMAIN = "example.net"  # that they receive mail for; refused@ is unknown


@dataclass(frozen=True)
class MailServer:
    """A running receiver: its port on 127.0.0.1, and where its mail arrives."""

    port: int
    mail: Path

    def messages(self, count: int, seconds: float = 10.0) -> list[bytes]:
        """The messages that have arrived, once there are `count` of them."""
        end = time.monotonic() + seconds
        while True:
            found = [path for path in self.mail.rglob("*") if path.is_file() and _is_mail(path)]
            if len(found) >= count or time.monotonic() > end:
                return [path.read_bytes() for path in sorted(found)]
            time.sleep(0.05)


def _is_mail(path: Path) -> bool:
    return path.parent.name in {"new", "cur"}


def program(name: str) -> str:
    """The path of a server program, or a skip that names what is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: tests against it are not run")
    return found


def exim_program() -> str:
    """The path of Exim, or a skip."""
    found = os.environ.get("SENDGATE_EXIM") or shutil.which("exim4", path="/usr/sbin")
    if not found or not Path(found).exists():
        pytest.skip("SENDGATE_EXIM names no exim4: tests against Exim are not run")
    return found


def _user(name: str) -> int:
    if os.geteuid() != 0:
        pytest.skip("not root: mail servers that change their user are not run")
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        pytest.skip(f"there is no user {name}: tests against its mail server are not run")


@contextlib.contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="sendgate-mta-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


SERVICES = """\
cleanup    unix  n - n - 0    cleanup
qmgr       unix  n - n 300 1  qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - -    trivial-rewrite
bounce     unix  - - n - 0    bounce
defer      unix  - - n - 0    bounce
trace      unix  - - n - 0    bounce
verify     unix  - - n - 1    verify
proxymap   unix  - - n - -    proxymap
error      unix  - - n - -    error
retry      unix  - - n - -    error
virtual    unix  - n n - -    virtual
anvil      unix  - - n - 1    anvil
postlog    unix-dgram n - n - 1 postlogd
"""
"""The lines of master.cf for what stands behind any Postfix that receives: all but smtpd."""


@contextlib.contextmanager
def postfix(chain: Path | None = None, settings: str = "") -> Iterator[MailServer]:
    """A Postfix that receives for `DOMAIN`; `chain` gives it STARTTLS, `settings` more main.cf."""
    command = program("postfix")
    _user("postfix")
    with folder_for_all() as folder:
        port = free_port()
        for name, owner in (("spool", "root"), ("data", "postfix"), ("mail", "nobody")):
            (folder / name).mkdir()
            shutil.chown(folder / name, owner)
        tls = ""
        if chain is not None:
            shutil.copy(chain, folder / "chain.pem")
            tls = f"smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {folder}/chain.pem\n"
        (folder / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}")
        (folder / "main.cf").write_text(
            "compatibility_level = 3.6\nmaillog_file = /dev/stdout\n"
            f"queue_directory = {folder}/spool\ndata_directory = {folder}/data\n"
            f"myhostname = {HOST}\nmydestination =\ninet_protocols = ipv4\n"
            "alias_maps =\nlocal_recipient_maps =\n"
            f"virtual_mailbox_domains = {DOMAIN}\nvirtual_mailbox_base = {folder}/mail\n"
            "virtual_mailbox_maps = static:inbox/\n"
            "virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n"
            f"smtpd_recipient_restrictions = check_recipient_access inline:"
            f"{{{{refused@{DOMAIN} = 550 5.1.1 no such user}}}}, reject_unauth_destination\n"
            f"smtpd_data_restrictions = reject_unauth_pipelining\n{tls}{settings}\n"
        )
        with running([command, "-c", str(folder), "start-fg"], port, folder / "log"):
            try:
                yield MailServer(port, folder / "mail")
            finally:
                subprocess.run(
                    [command, "-c", str(folder), "stop"], capture_output=True, check=False
                )


@contextlib.contextmanager
def exim(chain: Path | None = None) -> Iterator[MailServer]:
    """An Exim that receives for `DOMAIN`; `chain` gives it STARTTLS."""
    command = exim_program()
    _user("Debian-exim")
    with folder_for_all() as folder:
        port = free_port()
        for name in ("spool", "log", "mail"):
            (folder / name).mkdir()
            shutil.chown(folder / name, "Debian-exim")
        tls = ""
        if chain is not None:
            shutil.copy(chain, folder / "chain.pem")
            shutil.chown(folder / "chain.pem", "Debian-exim")
            tls = f"tls_advertise_hosts = *\ntls_certificate = {folder}/chain.pem\n"
        (folder / "exim.conf").write_text(
            f"primary_hostname = {HOST}\nexim_path = {command}\nspool_directory = {folder}/spool\n"
            f"log_file_path = {folder}/log/%slog\nkeep_environment =\n"
            "smtputf8_advertise_hosts = *\n"
            f"acl_smtp_rcpt = rcpt\nacl_smtp_data = accept\n{tls or 'tls_advertise_hosts ='}\n"
            "begin acl\nrcpt:\n"
            f"  deny local_parts = refused\n    message = 5.1.1 no such user\n"
            f"  accept domains = {DOMAIN}\n  deny message = 5.7.1 relaying denied\n"
            "begin routers\nall:\n  driver = accept\n  transport = inbox\n"
            f"begin transports\ninbox:\n  driver = appendfile\n  directory = {folder}/mail/inbox\n"
            "  maildir_format\n  create_directory\n  user = Debian-exim\n"
        )
        arguments = ["-C", str(folder / "exim.conf"), "-bdf", "-oX", f"127.0.0.1.{port}"]
        arguments += ["-oP", str(folder / "spool" / "pid")]
        with running([command, *arguments], port, folder / "started"):
            yield MailServer(port, folder / "mail")


@contextlib.contextmanager
def smtp_sink(*options: str) -> Iterator[int]:
    """Postfix's smtp-sink with these options; its port."""
    command = [program("smtp-sink")]
    if os.geteuid() == 0:
        command += ["-u", "nobody"]
    with folder_for_all() as folder:
        port = free_port()
        command += ["-h", HOST, *options, f"127.0.0.1:{port}", "100"]
        with running(command, port, folder / "log"):
            yield port
