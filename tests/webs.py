"""A web server for tests: HTTPS on loopback, answers by path, certificates of a local authority."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from send.certificates import Authority, server_context

from sendgate.dns.answers import Address, Answer, Question, Rdata, Reason
from sendgate.dns.double import DnsDouble
from sendgate.web import Fetched, Limits, Unfetched

Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(body: bytes = b"", *head: str, status: str = "200 OK") -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", *head, f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("ascii") + body


@dataclass
class Server:
    """What serves: its port, the requests that came, the address that it listens on."""

    port: int
    address: str
    requests: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def serving(
    certificate: Path, replies: Mapping[str, Reply], address: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """A server that answers each path as told, 404 otherwise."""
    server = Server(0, address)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            request = await reader.readuntil(b"\r\n\r\n")
            server.requests.append(request)
            answer = replies.get(request.split(b" ")[1].decode(), reply(status="404 Not Found"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        writer.close()

    listener = await asyncio.start_server(serve, address, 0, ssl=server_context(certificate))
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


def names(addresses: Mapping[str, list[str]]) -> DnsDouble:
    """DNS that knows the addresses of hosts."""
    table: dict[tuple[str, str], list[Rdata] | Reason] = {}
    for host, texts in addresses.items():
        ips = [ipaddress.ip_address(text) for text in texts]
        for rdtype, version in (("A", 4), ("AAAA", 6)):
            found: list[Rdata] = [Address(ip) for ip in ips if ip.version == version]
            if found:
                table[host, rdtype] = found
    return DnsDouble(table)


class Rebinding:
    """DNS that tells the first asker one address, and everybody after that another."""

    def __init__(self, host: str, first: str, later: str) -> None:
        self._turns = [names({host: [first]}), names({host: [later]})]
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        turn = self._turns[1 if question in self.asked else 0]
        self.asked.append(question)
        return await turn.ask(question)


def context_of(authority: Authority) -> ssl.SSLContext:
    """TLS for a client that trusts this authority alone."""
    return ssl.create_default_context(cadata=authority.pem.decode("ascii"))


@dataclass
class WebDouble:
    """A web of files, or of what there is in their place; keeps what was asked."""

    files: Mapping[str, bytes | Fetched | Unfetched]
    asked: list[str] = field(default_factory=list)

    async def get(self, url: str, limits: Limits, accept: str = "*/*") -> Fetched | Unfetched:
        self.asked.append(url)
        found = self.files.get(url, Unfetched(f"{url}: HTTP status 404"))
        return Fetched(url, found) if isinstance(found, bytes) else found
