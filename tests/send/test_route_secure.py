"""DANE and MTA-STS from DNS to certificate: signed zones, a policy host and mail hosts on loopback.

knot signs the zones, unbound validates them, the policy and the mail hosts present
certificates of the test's own authority.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dns_servers
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from send.certificates import Authority, server_context
from send.peer import ScriptedPeer

from sendgate.dns.live import LiveSource, parse_nameserver
from sendgate.mtasts.fetch import HttpsFetcher
from sendgate.mtasts.policies import Policies
from sendgate.names import Domain
from sendgate.profile import IpAddress
from sendgate.send.route import Route, Router, Routing, Unmet, Unresolved
from sendgate.send.shaping import load_shaping
from sendgate.send.smtp.client import Endpoint, Session, connect
from sendgate.send.smtp.result import Broken, Fault
from sendgate.send.smtp.tls import Trust

ZONE = """\
$ORIGIN {zone}.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 127.0.0.1
@ MX 10 mx
mx A 127.0.0.1
_25._tcp.mx TLSA 3 1 1 {digest}
_mta-sts TXT "v=STSv1; id=1;"
mta-sts A 127.0.0.1
"""
ZONES = ("signed.example", "bogus.example", "unsigned.example")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def certificate(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mail hosts' key, which the zones name, under a certificate for no name at all."""
    folder = tmp_path_factory.mktemp("mx")
    path, made = authority.issue(folder, ["other.example"])
    (folder / "digest").write_text(digest_of(made))
    return path


def digest_of(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(octets).hexdigest()


@pytest.fixture(scope="module")
def resolver(
    certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dns_servers.Server]:
    """A validating resolver that trusts one zone's key, and a wrong one for another."""
    digest = (certificate.parent / "digest").read_text()
    zones = {zone: ZONE.format(zone=zone, digest=digest) for zone in ZONES}
    folder = tmp_path_factory.mktemp("dns")
    with dns_servers.knot(folder, zones, signed=ZONES[:2]) as knot:
        keys = dns_servers.dnskeys(knot, "signed.example")
        dns_servers.dnskeys(knot, "bogus.example")
        wrong = [key.replace("signed.example", "bogus.example") for key in keys]
        stubs = dict.fromkeys((".", *ZONES), knot.port)
        with dns_servers.unbound(folder, stubs, keys + wrong, dns_servers.Authority()) as server:
            yield server


def anywhere(_: IpAddress) -> bool:
    return True


def now() -> datetime:
    return datetime.now(UTC)


async def found(
    resolver: dns_servers.Server, domain: str, authority: Authority, port: int = 1
) -> Routing:
    """The route by live DNS; `port` is the policy host's."""
    context = ssl.create_default_context(cadata=authority.pem.decode("ascii"))
    async with LiveSource([parse_nameserver(resolver.place)]) as source:
        fetcher = HttpsFetcher(source, context=context, allowed=anywhere, port=port)
        policies = Policies(source, fetcher, clock=now)
        dice = random.Random(1)
        router = Router(source, load_shaping(), clock=now, dice=dice, policies=policies)
        return await router.route(Domain(domain))


async def called(route: Routing, certificate: Path, trust: Trust) -> str | Broken | None:
    """TLS in words after calling the route's first host, or how the connection broke."""
    assert isinstance(route, Route), route
    host = route.hosts[0]
    async with ScriptedPeer(tls=server_context(certificate)) as peer:
        endpoint = Endpoint(host.name.text, str(host.addresses[0]), peer.port)
        session = await connect(endpoint, "h.example", trust=trust, policy=host.tls)
        if not isinstance(session, Session):
            assert isinstance(session, Broken)
            return session
        await session.quit()
        return session.peer.tls


async def test_dane_with_the_right_key_and_with_another(
    resolver: dns_servers.Server, authority: Authority, certificate: Path, tmp_path: Path
) -> None:
    """The named key is enough, whatever its certificate says; another one is refused."""
    route = await found(resolver, "signed.example", authority)
    assert await called(route, certificate, Trust()) == "TLSv1.3 (dane)"
    other, _ = authority.issue(tmp_path, ["mx.signed.example"])
    broken = await called(route, other, Trust())
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.TLS_POLICY


async def test_an_unsigned_zone_has_no_dane(
    resolver: dns_servers.Server, authority: Authority, tmp_path: Path
) -> None:
    """Its TLSA record is anybody's: any certificate will do."""
    route = await found(resolver, "unsigned.example", authority)
    other, _ = authority.issue(tmp_path, ["other.example"])
    assert await called(route, other, Trust()) == "TLSv1.3 (unverified)"


async def test_a_bogus_zone_gets_no_mail(
    resolver: dns_servers.Server, authority: Authority
) -> None:
    """What does not validate is a failure of DNS, tried again."""
    assert isinstance(await found(resolver, "bogus.example", authority), Unresolved)


@contextlib.asynccontextmanager
async def policy_host(authority: Authority, folder: Path, pattern: str) -> AsyncIterator[int]:
    """``mta-sts.unsigned.example`` with an enforced policy; its port."""
    body = f"version: STSv1\nmode: enforce\nmx: {pattern}\nmax_age: 86400\n".encode("ascii")
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n\r\n"
    chain, _ = authority.issue(folder, ["mta-sts.unsigned.example"], file="web.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode("ascii") + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(chain))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_mta_sts_with_the_right_certificate_and_with_another(
    resolver: dns_servers.Server, authority: Authority, tmp_path: Path
) -> None:
    """The name must be the host's, and the authority one that is trusted."""
    async with policy_host(authority, tmp_path, "*.unsigned.example") as port:
        route = await found(resolver, "unsigned.example", authority, port)
    (tmp_path / "authority.pem").write_bytes(authority.pem)
    trust = Trust(str(tmp_path / "authority.pem"))
    right, _ = authority.issue(tmp_path, ["mx.unsigned.example"])
    assert await called(route, right, trust) == "TLSv1.3 (verified)"
    wrong, _ = authority.issue(tmp_path, ["other.example"], file="wrong.pem")
    foreign, _ = Authority("foreign").issue(tmp_path, ["mx.unsigned.example"], file="foreign.pem")
    for chain in (wrong, foreign):
        broken = await called(route, chain, trust)
        assert isinstance(broken, Broken)
        assert broken.fault is Fault.TLS_POLICY


async def test_mta_sts_that_names_another_host_lets_none_be_called(
    resolver: dns_servers.Server, authority: Authority, tmp_path: Path
) -> None:
    """The MX of DNS is not the policy's: perhaps it was forged."""
    async with policy_host(authority, tmp_path, "mx.other.example") as port:
        got = await found(resolver, "unsigned.example", authority, port)
    assert isinstance(got, Unmet)
    assert got.detail == (
        "the MTA-STS policy of unsigned.example does not name mx.unsigned.example"
    )
