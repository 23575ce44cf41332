"""DNS servers on loopback for tests: knot, BIND and unbound as processes, and a scripted one.

The processes run as the current user on a free port with everything they write in one
folder, and are ended by their own pid. Debian has them in the packages knot, bind9 and
unbound; a test whose server is not installed skips and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import pytest

START_SECONDS = 10.0
_STARTS = 3  # another process may take the free port in between


@dataclass(frozen=True)
class Server:
    """A running server: its ports on 127.0.0.1 by use, such as ``dns`` or ``tls``."""

    ports: dict[str, int]
    pid: int

    @property
    def port(self) -> int:
        return self.ports["dns"]

    @property
    def place(self) -> str:
        """What ``--nameserver`` takes."""
        return f"127.0.0.1:{self.port}"


def free_port() -> int:
    """A port that is free for UDP and TCP on 127.0.0.1."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            with contextlib.suppress(OSError):
                datagram.bind(("127.0.0.1", port))
                return port


def program(name: str) -> str:
    """The path of a server program, or a skip that names what is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: tests against this DNS server are not run")
    return found


@contextlib.contextmanager
def running(
    uses: tuple[str, ...], command: Callable[[dict[str, int]], list[str]], log: Path
) -> Iterator[Server]:
    """Start the server that `command` gives for free ports, and end it afterwards."""
    for _ in range(_STARTS):
        ports = {use: free_port() for use in uses}
        with log.open("ab") as output:
            process = subprocess.Popen(
                command(ports), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            if _answers(process, ports["dns"]):
                yield Server(ports, process.pid)
                return
        finally:
            _end(process)
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    query = dns.message.make_query("example.com.", "SOA")
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            dns.query.udp(query, "127.0.0.1", timeout=0.2, port=port)
        except (OSError, dns.exception.DNSException):
            time.sleep(0.05)
        else:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def quoted(text: str) -> str:
    """A text as a zone file has it, in strings short enough for TXT."""
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


def knot_server(folder: Path, listen: str) -> list[str]:
    """The lines of knot.conf for a small server at ``ADDRESS@PORT``, all of it in a folder."""
    return [
        "server:",
        f"    listen: {listen}",
        f"    rundir: {folder}",
        "    udp-workers: 1",
        "    tcp-workers: 1",
        "    background-workers: 1",
        "log:",
        "  - target: stderr",
        "    any: warning",
        "database:",
        f"    storage: {folder}",
        "    journal-db-max-size: 4M",
    ]


def knot_zone(name: str, file: Path) -> list[str]:
    """The lines of knot.conf for a zone that stays as its file has it."""
    return [
        f"  - domain: {name}",
        f"    file: {file}",
        "    journal-content: none",
        "    zonefile-sync: -1",
    ]


def knot(
    folder: Path, zones: dict[str, str], signed: tuple[str, ...] = ()
) -> AbstractContextManager[Server]:
    """Run a knot that is authoritative for `zones` (an empty text: no file)."""
    knotd = program("knotd")
    for name, text in zones.items():
        if text:
            (folder / f"{name}.zone").write_text(text, encoding="ascii")

    def command(ports: dict[str, int]) -> list[str]:
        lines = [
            *knot_server(folder, f"127.0.0.1@{ports['dns']}"),
            "policy:",
            "  - id: once",
            "    algorithm: ecdsap256sha256",
            "    single-type-signing: on",
            "zone:",
        ]
        for name in zones:
            lines += knot_zone(name, folder / f"{name}.zone")
            if name in signed:
                lines += ["    dnssec-signing: on", "    dnssec-policy: once"]
        (folder / "knot.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [knotd, "-c", str(folder / "knot.conf")]

    return running(("dns",), command, folder / "knot.log")


def bind(folder: Path, zones: dict[str, str]) -> AbstractContextManager[Server]:
    """Run a BIND that is authoritative for `zones` and does not recurse."""
    named = program("named")
    for name, text in zones.items():
        (folder / f"{name}.zone").write_text(text, encoding="ascii")

    def command(ports: dict[str, int]) -> list[str]:
        port = ports["dns"]
        lines = [
            "options {",
            f'  directory "{folder}"; managed-keys-directory "{folder}";',
            f"  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};",
            "  pid-file none; session-keyfile none; recursion no; dnssec-validation no;",
            "  notify no; check-names master ignore;",
            "};",
            "controls {};",
        ]
        lines += [f'zone "{z}" {{ type master; file "{folder}/{z}.zone"; }};' for z in zones]
        (folder / "named.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [named, "-g", "-n", "1", "-c", str(folder / "named.conf")]

    return running(("dns",), command, folder / "named.log")


def unbound(
    folder: Path, stubs: dict[str, int], anchors: list[str], authority: Authority
) -> AbstractContextManager[Server]:
    """Run an unbound that asks only `stubs` (zone to port), also over TLS and HTTPS.

    `anchors` are DNSKEY records that it trusts. Every other name goes to the stub of ".",
    so that nothing leaves this machine.
    """
    unbound_ = program("unbound")
    key, certificate = authority.issue(folder, ["127.0.0.1", "dns.example.net"])

    def command(ports: dict[str, int]) -> list[str]:
        lines = [
            "server:",
            *(f"  interface: 127.0.0.1@{port}" for port in ports.values()),
            f"  tls-port: {ports['tls']}",
            f"  https-port: {ports['https']}",
            f'  tls-service-key: "{key}"',
            f'  tls-service-pem: "{certificate}"',
            '  username: ""',
            '  chroot: ""',
            '  pidfile: ""',
            f'  directory: "{folder}"',
            "  use-syslog: no",
            "  num-threads: 1",
            "  do-ip6: no",
            "  do-not-query-localhost: no",
            '  module-config: "validator iterator"',
            "  infra-host-ttl: 1",
            *(f'  trust-anchor: "{anchor}"' for anchor in anchors),
            "remote-control:",
            "  control-enable: no",
        ]
        for name, port in stubs.items():
            lines += ["stub-zone:", f'  name: "{name}"', f"  stub-addr: 127.0.0.1@{port}"]
        (folder / "unbound.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [unbound_, "-d", "-p", "-c", str(folder / "unbound.conf")]

    return running(("dns", "tls", "https"), command, folder / "unbound.log")


def dnskeys(server: Server, zone: str) -> list[str]:
    """The zone's DNSKEY records as text, once the server has signed it."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        query = dns.message.make_query(zone, "DNSKEY")
        answer = dns.query.tcp(query, "127.0.0.1", timeout=2, port=server.port).answer
        if answer:
            return [f"{zone}. DNSKEY {rdata.to_text()}" for rdata in answer[0]]
        time.sleep(0.05)
    pytest.fail(f"{zone} was not signed in time")


class Authority:
    """A certificate authority for one test run."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._sign("sendgate test CA", self._key.public_key(), [], ca=True)

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this authority alone."""
        from cryptography.hazmat.primitives.serialization import Encoding

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        pem = self._certificate.public_bytes(Encoding.PEM).decode("ascii")
        context.load_verify_locations(cadata=pem)
        return context

    def server_context(self, folder: Path, names: list[str]) -> ssl.SSLContext:
        """A context that presents a certificate for `names`."""
        key, certificate = self.issue(folder, names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def issue(self, folder: Path, names: list[str]) -> tuple[Path, Path]:
        """Write a key and a certificate for `names` into `folder`; return their paths."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(names[-1], key.public_key(), names)
        paths = folder / "tls.key", folder / "tls.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        paths[0].write_bytes(private)
        paths[1].write_bytes(certificate.public_bytes(Encoding.PEM))
        return paths

    def _sign(self, subject: str, public: Any, names: list[str], ca: bool = False) -> Any:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        now = datetime.datetime.now(datetime.UTC)
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sendgate test CA")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        if names:
            general = [_general_name(name) for name in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _general_name(name: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


Reply = Callable[[bytes, str], Awaitable[list[bytes]]]


class Scripted(asyncio.DatagramProtocol):
    """A DNS server in this event loop that sends what the test's function says.

    `reply` gets the query and ``udp``, ``tcp`` or ``tls``, and returns the messages to send.
    `queries` logs what came, `connections` counts streams, `most` is the largest number of
    queries that were waiting for their reply at one time.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._writers: list[asyncio.StreamWriter] = []
        self.queries: list[tuple[str, bytes]] = []
        self.sources: list[tuple[str, int]] = []
        self.connections = 0
        self.most = 0
        self.port = free_port()

    @property
    def place(self) -> str:
        """What ``--nameserver`` takes."""
        return f"127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def serve(
        self, tls: ssl.SSLContext | None = None, *, streams: bool = True
    ) -> AsyncIterator[Scripted]:
        """Listen on 127.0.0.1: UDP and (unless told otherwise) TCP, or TLS alone."""
        loop = asyncio.get_running_loop()
        listener = await asyncio.start_server(
            lambda r, w: self._stream(r, w, "tls" if tls else "tcp"),
            "127.0.0.1",
            self.port,
            ssl=tls,
        )
        self._transport = None
        if tls is None:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=("127.0.0.1", self.port)
            )
        if not streams:
            listener.close()
        try:
            yield self
        finally:
            listener.close()
            if self._transport is not None:
                self._transport.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)

    def hang_up(self) -> None:
        """Close every stream from this side."""
        for writer in self._writers:
            writer.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sources.append(addr)
        self._start(self._udp(data, addr))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _udp(self, data: bytes, addr: tuple[str, int]) -> None:
        for message in await self._answer(data, "udp"):
            if self._transport is not None:
                self._transport.sendto(message, addr)

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: str
    ) -> None:
        self.connections += 1
        self._writers.append(writer)

        async def send(query: bytes) -> None:
            for message in await self._answer(query, kind):
                writer.write(len(message).to_bytes(2, "big") + message)

        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                self._start(send(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, query: bytes, kind: str) -> list[bytes]:
        self.queries.append((kind, query))
        self._waiting += 1
        self.most = max(self.most, self._waiting)
        try:
            return await self._reply(query, kind)
        finally:
            self._waiting -= 1


def scripted(
    reply: Callable[[dns.message.Message, str], list[dns.message.Message | bytes]],
) -> Scripted:
    """A scripted server whose function works on messages; no message is silence."""

    async def answer(wire: bytes, kind: str) -> list[bytes]:
        messages = reply(dns.message.from_wire(wire), kind)
        return [m if isinstance(m, bytes) else m.to_wire() for m in messages]

    return Scripted(answer)
