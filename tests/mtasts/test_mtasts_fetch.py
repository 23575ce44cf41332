"""Policies over HTTPS from a server on loopback with a local authority's certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from send.certificates import Authority, server_context

from sendgate.dns.answers import Address, Rdata, Reason
from sendgate.dns.double import DnsDouble
from sendgate.mtasts.fetch import HttpsFetcher, Unavailable, is_public
from sendgate.mtasts.record import Mode, Policy
from sendgate.names import Domain
from sendgate.profile import IpAddress

DOMAIN = Domain("example.com")
HOST = "mta-sts.example.com"
BODY = b"version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n"
TEXT = "200 OK\r\ncontent-type: text/plain; charset=utf-8"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@contextlib.asynccontextmanager
async def web(
    certificate: Path, head: str = TEXT, body: bytes = BODY, silent: bool = False
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that gives one answer to all; its port and the requests that came."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            if silent:
                await reader.read()
            else:
                writer.write(f"HTTP/1.1 {head}\r\n".encode("ascii"))
                writer.write(f"content-length: {len(body)}\r\n\r\n".encode("ascii") + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(certificate))
    try:
        yield server.sockets[0].getsockname()[1], requests
    finally:
        server.close()
        await server.wait_closed()


def anywhere(_: IpAddress) -> bool:
    return True


def fetcher(
    authority: Authority,
    port: int,
    allowed: Callable[[IpAddress], bool] = anywhere,
    seconds: float = 20.0,
) -> HttpsFetcher:
    table: dict[tuple[str, str], list[Rdata] | Reason] = {
        (HOST, "A"): [Address(ipaddress.IPv4Address("127.0.0.1"))],
        (HOST, "AAAA"): Reason.SERVFAIL,
    }
    context = ssl.create_default_context(cadata=authority.pem.decode("ascii"))
    return HttpsFetcher(
        DnsDouble(table), context=context, allowed=allowed, port=port, seconds=seconds
    )


async def test_a_policy_is_fetched_by_name_and_not_by_address(
    authority: Authority, tmp_path: Path
) -> None:
    """The host is asked under its name, over a certificate for that name."""
    certificate, _ = authority.issue(tmp_path, [HOST])
    async with web(certificate) as (port, requests):
        got = await fetcher(authority, port).fetch(DOMAIN)
    assert got == Policy(Mode.ENFORCE, 86400, ("mx.example.com",))
    lines = requests[0].decode("ascii").lower().split("\r\n")
    assert lines[0] == "get /.well-known/mta-sts.txt http/1.1"
    assert f"host: {HOST}" in lines
    assert "accept-encoding: identity" in lines


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        ("404 Not Found\r\ncontent-type: text/plain", BODY, "status 404"),
        ("302 Found\r\nlocation: https://127.0.0.1/\r\ncontent-type: text/plain", b"", "302"),
        ("200 OK\r\ncontent-type: text/html", BODY, "not text/plain"),
        ("200 OK", BODY, "of no type"),
        (f"{TEXT}\r\ncontent-encoding: gzip", BODY, "compressed"),
        (TEXT, BODY + b"a" * 65_536, "more than 65536 octets"),
        (TEXT, b"version: STSv1\n", "malformed policy"),
        (TEXT, BODY + b"ext: \xff\n", "not UTF-8"),
        ("not HTTP at all", b"", "127.0.0.1"),
    ],
)
async def test_what_is_no_policy_is_none(
    authority: Authority, tmp_path: Path, head: str, body: bytes, why: str
) -> None:
    """Errors, redirects, other types, packed and endless files, broken texts."""
    certificate, _ = authority.issue(tmp_path, [HOST])
    async with web(certificate, head, body) as (port, _):
        got = await fetcher(authority, port).fetch(DOMAIN)
    assert isinstance(got, Unavailable)
    assert why in got.detail


@pytest.mark.parametrize(
    ("names", "days", "known"),
    [(["example.com"], 30, True), ([HOST], -2, True), ([HOST], 30, False)],
    ids=["another name", "expired", "unknown authority"],
)
async def test_the_certificate_must_be_valid_for_the_policy_host(
    authority: Authority, tmp_path: Path, names: list[str], days: int, known: bool
) -> None:
    """Else the policy is anybody's; nothing is asked over such a connection."""
    signer = authority if known else Authority("another authority")
    certificate, _ = signer.issue(tmp_path, names, days=days)
    async with web(certificate) as (port, requests):
        got = await fetcher(authority, port).fetch(DOMAIN)
    assert isinstance(got, Unavailable)
    assert "certificate" in got.detail.lower()
    assert requests == []


async def test_a_fetch_is_bounded_in_time(authority: Authority, tmp_path: Path) -> None:
    """A host that accepts and stays silent does not hold the mail."""
    certificate, _ = authority.issue(tmp_path, [HOST])
    async with web(certificate, silent=True) as (port, _):
        got = await fetcher(authority, port, seconds=0.2).fetch(DOMAIN)
    assert got == Unavailable(f"{HOST}: no policy within 0.2 s", Reason.TIMEOUT)


async def test_an_address_of_ours_is_not_called(authority: Authority, tmp_path: Path) -> None:
    """A recipient's domain must not make this machine call itself or its neighbours."""
    certificate, _ = authority.issue(tmp_path, [HOST])
    async with web(certificate) as (port, requests):
        got = await fetcher(authority, port, allowed=is_public).fetch(DOMAIN)
    said = f"{HOST} has no address on the Internet, but 127.0.0.1"
    assert got == Unavailable(said, Reason.NOT_ASKED, private=True)
    assert requests == []


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::1", False),
    ],
)
def test_which_addresses_are_the_internets(text: str, public: bool) -> None:
    """Whatever disguise an address of the local network comes in."""
    assert is_public(ipaddress.ip_address(text)) is public
