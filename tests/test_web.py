"""Fetching what foreign records name, from a real HTTPS server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from send.certificates import Authority
from webs import Rebinding, Server, context_of, names, reply, serving

from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import DnsSource
from sendgate.profile import IpAddress
from sendgate.web import Fetched, Fetcher, Limits, NoWeb, Unfetched, anywhere, is_public

HOST = "www.example.com"
URL = f"https://{HOST}/logo.svg"
LIMITS = Limits(octets=1000, seconds=10, redirects=3)
LOOPBACK = names({HOST: ["127.0.0.1"]})


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def certificate(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority.issue(tmp_path_factory.mktemp("web"), [HOST, "cdn.example.net"])[0]


def fetcher(
    authority: Authority,
    server: Server,
    source: DnsSource = LOOPBACK,
    allowed: Callable[[IpAddress], bool] = anywhere,
) -> Fetcher:
    return Fetcher(source, context=context_of(authority), allowed=allowed, port=server.port)


async def test_a_file_is_fetched_under_its_hosts_name(
    authority: Authority, certificate: Path
) -> None:
    """The host is asked by its name at the address that DNS gave, and nothing is packed."""
    files = {"/logo.svg?v=2": reply(b"<svg/>", "content-type: image/SVG+xml; charset=utf-8")}
    async with serving(certificate, files) as server:
        got = await fetcher(authority, server).get(f"{URL}?v=2", LIMITS, "image/svg+xml")
    assert got == Fetched(f"{URL}?v=2", b"<svg/>", "image/svg+xml")
    lines = server.requests[0].decode().lower().split("\r\n")
    assert {f"host: {HOST}", "accept-encoding: identity", "accept: image/svg+xml"} <= set(lines)


async def test_redirects_are_followed_as_far_as_allowed(
    authority: Authority, certificate: Path
) -> None:
    """Each is kept; a relative one too; the one too many, and a loop, are a final no."""
    files = {
        "/logo.svg": reply(b"", f"location: https://{HOST}/b", status="301 Moved"),
        "/b": reply(b"", "location: c", status="302 Found"),
        "/c": reply(b"<svg/>"),
        "/loop": reply(b"", "location: /loop", status="302 Found"),
    }
    async with serving(certificate, files) as server:
        web = fetcher(authority, server)
        got = await web.get(URL, LIMITS)
        refused = await web.get(URL, Limits(1000, redirects=0))
        loop = await web.get(f"https://{HOST}/loop", LIMITS)
    assert got == Fetched(f"https://{HOST}/c", b"<svg/>", redirects=(URL, f"https://{HOST}/b"))
    assert isinstance(refused, Unfetched)
    assert refused.reason is None
    assert "status 301" in refused.detail
    assert isinstance(loop, Unfetched)
    assert loop.reason is None
    assert "redirects once more" in loop.detail
    assert len(server.requests) == 3 + 1 + 4


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://www.example.com/x", "no https address"),
        ("file:///etc/passwd", "no https address"),
        ("https://127.0.0.2/x", "no address on the Internet, but 127.0.0.2"),
        ("https://[::ffff:127.0.0.2]/x", "no address on the Internet"),
        ("https://inside.example.com/x", "no address on the Internet, but 10.0.0.1"),
        ("https://metadata.example.com/x", "no address on the Internet, but 169.254.169.254"),
    ],
)
async def test_a_redirect_leads_nowhere_else(
    authority: Authority, certificate: Path, target: str, why: str
) -> None:
    """Not to plain HTTP, not to files, and not to an address of ours, by number or by name."""
    source = names(
        {
            HOST: ["127.0.0.1"],
            "inside.example.com": ["10.0.0.1"],
            "metadata.example.com": ["169.254.169.254"],
        }
    )
    files = {"/logo.svg": reply(b"", f"location: {target}", status="302 Found")}
    first = ipaddress.ip_address("127.0.0.1")
    async with serving(certificate, files) as server:
        web = fetcher(authority, server, source, lambda ip: ip == first or is_public(ip))
        got = await web.get(URL, LIMITS)
    assert isinstance(got, Unfetched)
    assert why in got.detail
    assert len(server.requests) == 1


@pytest.mark.parametrize("host", [HOST, "127.0.0.1", "[::1]"])
async def test_an_address_of_ours_is_not_called(
    authority: Authority, certificate: Path, host: str
) -> None:
    """By name or by number; that nobody was asked is said, and why."""
    async with serving(certificate, {}) as server:
        web = fetcher(authority, server, allowed=is_public)
        got = await web.get(f"https://{host}:{server.port}/logo.svg", LIMITS)
    assert isinstance(got, Unfetched)
    assert got.private
    assert got.reason is Reason.NOT_ASKED
    assert server.requests == []


async def test_the_address_that_was_checked_is_the_one_called(
    authority: Authority, certificate: Path
) -> None:
    """A name that changes its address behind the check (DNS rebinding) reaches nothing else."""
    source = Rebinding(HOST, "127.0.0.1", "127.0.0.2")
    good = ipaddress.ip_address("127.0.0.1")
    moved = reply(b"", "location: /again", status="302 Found")
    async with serving(certificate, {"/logo.svg": moved, "/again": reply(b"x")}) as server:
        web = fetcher(authority, server, source, lambda ip: ip == good)
        once = await web.get(f"https://{HOST}/again", LIMITS)
        assert once == Fetched(f"https://{HOST}/again", b"x")
        assert len(source.asked) == 2  # A and AAAA, and never again for this request
        got = await web.get(URL, LIMITS)
    assert isinstance(got, Unfetched)
    assert got.detail == f"{HOST} has no address on the Internet, but 127.0.0.2"
    assert len(server.requests) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_bounded(authority: Authority, certificate: Path, chunked: bool) -> None:
    """Of 10 MB no more is taken than the limit; whether or not the server says its length."""

    async def endless(writer: asyncio.StreamWriter) -> None:
        head = "transfer-encoding: chunked" if chunked else f"content-length: {10_000_000}"
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        for _ in range(1000):
            data = b"a" * 10_000
            writer.write(b"2710\r\n" + data + b"\r\n" if chunked else data)
            await writer.drain()

    async with serving(certificate, {"/logo.svg": endless}) as server:
        got = await fetcher(authority, server).get(URL, LIMITS)
    assert got == Unfetched(f"{HOST}: the file has more than 1000 octets")


async def test_a_packed_body_stays_packed(authority: Authority, certificate: Path) -> None:
    """A bomb is not unpacked here: it comes as it is, with its coding named."""
    bomb = gzip.compress(b"\0" * 500_000)
    files = {"/logo.svg": reply(bomb, "content-encoding: gzip")}
    async with serving(certificate, files) as server:
        got = await fetcher(authority, server).get(URL, LIMITS)
    assert got == Fetched(URL, bomb, encoding="gzip")


async def test_a_slow_drip_is_bounded_in_time(authority: Authority, certificate: Path) -> None:
    """Octets that come one by one do not keep a fetch alive."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
        for _ in range(500):
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(certificate, {"/logo.svg": drip}) as server:
        begin = monotonic()
        got = await fetcher(authority, server).get(URL, Limits(1000, seconds=0.4))
        took = monotonic() - begin
    assert got == Unfetched(f"{URL}: nothing within 0.4 s", Reason.TIMEOUT)
    assert took < 5


@pytest.mark.parametrize(
    ("hosts", "days", "known"),
    [(["example.com"], 30, True), ([HOST], -2, True), ([HOST], 30, False)],
    ids=["another name", "expired", "unknown authority"],
)
async def test_a_wrong_certificate_is_a_final_no(
    authority: Authority, tmp_path: Path, hosts: list[str], days: int, known: bool
) -> None:
    """Everybody refuses it, so this is no doubt but an answer; nothing is asked over it."""
    signer = authority if known else Authority("another authority")
    wrong, _ = signer.issue(tmp_path, hosts, days=days)
    async with serving(wrong, {"/logo.svg": reply(b"<svg/>")}) as server:
        got = await fetcher(authority, server).get(URL, LIMITS)
    assert isinstance(got, Unfetched)
    assert got.reason is None
    assert "certificate" in got.detail.lower()
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("404 Not Found", None),
        ("403 Forbidden", None),
        ("429 Too Many Requests", Reason.UNREACHABLE),
        ("503 Service Unavailable", Reason.UNREACHABLE),
    ],
)
async def test_what_may_pass_is_no_answer(
    authority: Authority, certificate: Path, status: str, reason: Reason | None
) -> None:
    """A server in trouble says nothing of the file; one that says no does."""
    async with serving(certificate, {"/logo.svg": reply(status=status)}) as server:
        got = await fetcher(authority, server).get(URL, LIMITS)
    assert got == Unfetched(f"{HOST}: HTTP status {status[:3]}", reason)


async def test_what_dns_says_decides(authority: Authority, certificate: Path) -> None:
    """No address is a no; a question that failed is a doubt."""
    failing = DnsDouble({(HOST, "A"): Reason.SERVFAIL, (HOST, "AAAA"): Reason.SERVFAIL})
    async with serving(certificate, {}) as server:
        none = await fetcher(authority, server, names({})).get(URL, LIMITS)
        doubt = await fetcher(authority, server, failing).get(URL, LIMITS)
    assert none == Unfetched(f"{HOST} has no address")
    assert isinstance(doubt, Unfetched)
    assert doubt.reason is Reason.SERVFAIL


@pytest.mark.parametrize("url", ["http://www.example.com/", "https://", "https://[x/", "logo.svg"])
async def test_what_is_no_https_address_is_not_fetched(url: str, authority: Authority) -> None:
    """Whatever stands in a record."""
    got = await Fetcher(LOOPBACK, context=context_of(authority)).get(url, LIMITS)
    assert isinstance(got, Unfetched)
    assert got.reason is None


async def test_no_web_asks_nobody() -> None:
    """With --offline a file is not checked, and nobody says that it is not there."""
    got = await NoWeb().get(URL, LIMITS)
    assert got == Unfetched(f"{URL} was not fetched", Reason.NOT_ASKED)
