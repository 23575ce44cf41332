"""Fetch a policy file: HTTPS to ``mta-sts.DOMAIN``, as careful as RFC 8461 section 3.3 asks.

A recipient's domain decides where this connection goes, and an address in a contact list
names the domain: so only addresses of the Internet are called, the host is found through
the run's own `DnsSource`, no redirect is followed, and size and time are bounded.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from sendgate.dns.answers import Address, Failed, Question, Records
from sendgate.dns.source import DnsSource
from sendgate.errors import DomainError
from sendgate.mtasts.record import Malformed, Policy, parse_policy
from sendgate.names import Domain
from sendgate.profile import IpAddress

if TYPE_CHECKING:
    import httpx2

__all__ = ["HttpsFetcher", "Unavailable", "is_public"]

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_MAX_ADDRESSES = 4  # of one policy host that are called


@dataclass(frozen=True)
class Unavailable:
    """There is no policy to be had from the policy host; says why."""

    detail: str


def is_public(ip: IpAddress) -> bool:
    """Whether an address belongs to the open Internet, not to a machine or a network of ours.

    An IPv4 address inside an IPv6 one is judged as itself.
    """
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return ip.is_global and not ip.is_multicast


class HttpsFetcher:
    """Fetches policies; one object for a run.

    `context` verifies policy hosts, None: by the system's authorities. `allowed` says which
    addresses may be called. `seconds` bound one fetch in all (a third of what section 3.3
    suggests, because mail waits for it), `octets` the file, `concurrency` the fetches at a time.
    """

    def __init__(
        self,
        source: DnsSource,
        *,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[IpAddress], bool] = is_public,
        port: int = 443,
        seconds: float = 20.0,
        octets: int = 65_536,
        concurrency: int = 64,
    ) -> None:
        self._source = source
        self._context = context
        self._allowed = allowed
        self._port = port
        self._seconds = seconds
        self._octets = octets
        self._turn = asyncio.Semaphore(concurrency)

    async def fetch(self, domain: Domain) -> Policy | Unavailable:
        """The policy that `domain` offers now; every failure is an `Unavailable`."""
        try:
            host = domain.child("mta-sts")
        except DomainError as error:
            return Unavailable(str(error))
        async with self._turn:
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._fetch(host)
            except TimeoutError:
                return Unavailable(f"{host}: no policy within {self._seconds:g} s")

    async def _fetch(self, host: Domain) -> Policy | Unavailable:
        addresses = await self._addresses(host)
        if isinstance(addresses, Unavailable):
            return addresses
        result = Unavailable(f"{host} has no address")
        for address in addresses[:_MAX_ADDRESSES]:
            got = await self._get(host, address)
            if isinstance(got, bytes):
                return _read(host, got)
            result = got
        return result

    async def _addresses(self, host: Domain) -> list[IpAddress] | Unavailable:
        questions = Question(host, "A"), Question(host, "AAAA")
        answers = await asyncio.gather(*(self._source.ask(question) for question in questions))
        found = [
            record.ip
            for answer in answers
            if isinstance(answer, Records)
            for record in answer.of(Address)
            if record.ip is not None
        ]
        failed = next((answer for answer in answers if isinstance(answer, Failed)), None)
        if not found and failed is not None:
            return Unavailable(f"{failed.question}: {failed.text}")
        allowed = [ip for ip in found if self._allowed(ip)]
        if found and not allowed:
            return Unavailable(f"{host} has no address on the Internet, but {found[0]}")
        return allowed

    async def _get(self, host: Domain, address: IpAddress) -> bytes | Unavailable:
        """The file's octets from one address; the certificate must be for `host`."""
        import httpx2

        place = f"[{address}]" if address.version == 6 else str(address)
        url = f"https://{place}:{self._port}/.well-known/mta-sts.txt"
        headers = {
            "host": str(host),
            "accept": "text/plain",
            "accept-encoding": "identity",  # what is small on the wire may be large unpacked
            "connection": "close",
        }
        client = httpx2.AsyncClient(
            verify=self._verifying(), timeout=self._seconds, trust_env=False, follow_redirects=False
        )
        try:
            async with (
                client,
                client.stream(
                    "GET", url, headers=headers, extensions={"sni_hostname": str(host)}
                ) as response,
            ):
                return await self._body(host, response)
        except (httpx2.HTTPError, OSError) as error:
            return Unavailable(f"{host} at {address}: {str(error) or type(error).__name__}")

    async def _body(self, host: Domain, response: httpx2.Response) -> bytes | Unavailable:
        if response.status_code != 200:
            return Unavailable(f"{host}: HTTP status {response.status_code}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/plain":
            return Unavailable(f"{host}: the policy is {kind[:80] or 'of no type'}, not text/plain")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return Unavailable(f"{host}: the policy is compressed, which nobody asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._octets:
                return Unavailable(f"{host}: the policy has more than {self._octets} octets")
        return bytes(body)

    def _verifying(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.hostname_checks_common_name = False  # DNS-IDs only (RFC 6125)
        return self._context


def _read(host: Domain, body: bytes) -> Policy | Unavailable:
    try:
        policy = parse_policy(body.decode("utf-8"))
    except UnicodeDecodeError:
        return Unavailable(f"{host}: the policy is not UTF-8")
    if isinstance(policy, Malformed):
        return Unavailable(f"{host}: malformed policy: {policy.why}")
    return policy
