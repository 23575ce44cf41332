"""HTTPS to hosts that somebody else's records name: one fetcher, and its limits.

    url ─► host ─► its addresses, through the run's own DnsSource ─► those that may be called
                                                                        │
        Fetched | Unfetched ◄─ status, body within the limits ◄─ TLS for the host's name

A published record decides where such a connection goes. So only addresses of the Internet
are called; the address that was checked is the one connected to, whatever the name says a
moment later; every redirect is checked like the first request; size and time are bounded,
and nothing that comes packed is unpacked here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from sendgate.dns.answers import Address, Failed, Question, Reason, Records
from sendgate.dns.source import DnsSource
from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.profile import IpAddress

if TYPE_CHECKING:
    import httpx2

__all__ = [
    "Fetched",
    "Fetcher",
    "Limits",
    "NoWeb",
    "Unfetched",
    "Web",
    "anywhere",
    "is_public",
]

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_MAX_ADDRESSES = 4  # of one host that are called
_REDIRECTS = {301, 302, 303, 307, 308}
_FOR_A_WHILE = {408, 425, 429}  # client errors that say "later"; so do all of 5xx


@dataclass(frozen=True)
class Limits:
    """How much one fetch may take: octets of the body, seconds in all, redirects followed."""

    octets: int
    seconds: float = 20.0
    redirects: int = 0


@dataclass(frozen=True)
class Fetched:
    """A body that came with status 200.

    `url` is where it was in the end, `redirects` what led there; `media_type` is in lower
    case without parameters, empty where none was said; `encoding` is the content coding
    that the body still has, ``identity`` for none.
    """

    url: str
    body: bytes
    media_type: str = ""
    encoding: str = "identity"
    redirects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unfetched:
    """There is nothing to be had; `detail` says why.

    `reason` is None where DNS or the server itself said no, so that everybody gets the same
    answer: no such host, a status, a certificate for another name. Else nobody can tell, and
    the reason says why; `private` where the host was not called because of its address.
    """

    detail: str
    reason: Reason | None = None
    private: bool = False


class Web(Protocol):
    """What gets a file by its https address; `Fetcher`, `NoWeb`, or a double in tests."""

    async def get(self, url: str, limits: Limits, accept: str = "*/*") -> Fetched | Unfetched:
        """Fetch one file; every failure is an `Unfetched`."""
        ...


class NoWeb:
    """The web of a run that may ask nobody."""

    async def get(self, url: str, limits: Limits, accept: str = "*/*") -> Fetched | Unfetched:
        """Say that nobody was asked."""
        del limits, accept  # nothing is fetched that could exceed them
        return Unfetched(f"{url[:200]} was not fetched", Reason.NOT_ASKED)


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


def anywhere(_: IpAddress) -> bool:
    """Allow every address, also of this machine and its networks: what --allow-private says."""
    return True


class Fetcher:
    """Fetches files over HTTPS; one object for a run.

    `context` verifies hosts, None: by the system's authorities. `allowed` says which
    addresses may be called. `port` is where hosts listen whose address names none,
    `concurrency` the fetches at a time.
    """

    def __init__(
        self,
        source: DnsSource,
        *,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[IpAddress], bool] = is_public,
        port: int = 443,
        concurrency: int = 64,
    ) -> None:
        self._source = source
        self._context = context
        self._allowed = allowed
        self._port = port
        self._turn = asyncio.Semaphore(concurrency)

    async def get(self, url: str, limits: Limits, accept: str = "*/*") -> Fetched | Unfetched:
        """Fetch one file, redirects and all, within the limits."""
        async with self._turn:
            try:
                async with asyncio.timeout(limits.seconds):
                    return await self._follow(url, limits, accept)
            except TimeoutError:
                return Unfetched(
                    f"{url[:200]}: nothing within {limits.seconds:g} s", Reason.TIMEOUT
                )

    async def _follow(self, url: str, limits: Limits, accept: str) -> Fetched | Unfetched:
        passed: list[str] = []
        while True:
            got = await self._one(url, limits, accept)
            if not isinstance(got, _Moved):
                return replace(got, redirects=tuple(passed)) if isinstance(got, Fetched) else got
            passed.append(url)
            url = urljoin(url, got.location)
            if len(passed) > limits.redirects:
                many = "redirects" if limits.redirects == 0 else "redirects once more"
                return Unfetched(
                    f"{passed[-1][:200]}: HTTP status {got.status}, {many} to {url[:200]}"
                )

    async def _one(self, url: str, limits: Limits, accept: str) -> Fetched | Unfetched | _Moved:
        place = _place(url)
        if isinstance(place, str):
            return Unfetched(f"{url[:200]} {place}")
        addresses = await self._addresses(place.host)
        if isinstance(addresses, Unfetched):
            return addresses
        result: Fetched | Unfetched | _Moved = Unfetched(f"{place.host} has no address")
        for address in addresses[:_MAX_ADDRESSES]:
            result = await self._call(place, address, limits, accept)
            if not isinstance(result, Unfetched):
                return result
        return result

    async def _addresses(self, host: Domain | IpAddress) -> list[IpAddress] | Unfetched:
        found: list[IpAddress] = []
        failed: Failed | None = None
        if isinstance(host, Domain):
            questions = Question(host, "A"), Question(host, "AAAA")
            answers = await asyncio.gather(*(self._source.ask(question) for question in questions))
            for answer in answers:
                if isinstance(answer, Records):
                    found += [r.ip for r in answer.of(Address) if r.ip is not None]
                elif isinstance(answer, Failed):
                    failed = failed or answer
        else:
            found.append(host)
        if not found and failed is not None:
            return Unfetched(f"{failed.question}: {failed.text}", failed.reason)
        allowed = [ip for ip in found if self._allowed(ip)]
        if found and not allowed:
            return Unfetched(
                f"{host} has no address on the Internet, but {found[0]}",
                Reason.NOT_ASKED,
                private=True,
            )
        return allowed

    async def _call(
        self, place: _Place, address: IpAddress, limits: Limits, accept: str
    ) -> Fetched | Unfetched | _Moved:
        """Ask one address; the certificate must be for the host's name."""
        import httpx2

        from sendgate import __version__

        literal = f"[{address}]" if address.version == 6 else str(address)
        url = f"https://{literal}:{place.port or self._port}{place.target}"
        headers = {
            "host": place.authority,
            "user-agent": f"sendgate/{__version__}",
            "accept": accept,
            "accept-encoding": "identity",  # what is small on the wire may be large unpacked
            "connection": "close",
        }
        extensions = {"sni_hostname": str(place.host)} if isinstance(place.host, Domain) else {}
        client = httpx2.AsyncClient(
            verify=self._verifying(),
            timeout=limits.seconds,
            trust_env=False,
            follow_redirects=False,
        )
        try:
            async with (
                client,
                client.stream("GET", url, headers=headers, extensions=extensions) as response,
            ):
                return await _read(place, response, limits)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            # A certificate is refused by everybody; a connection that fails may be our own fault.
            final = _is_about_the_certificate(error)
            return Unfetched(
                f"{place.host} at {address}: {str(error) or type(error).__name__}",
                None if final else Reason.UNREACHABLE,
            )

    def _verifying(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.hostname_checks_common_name = False  # DNS-IDs only (RFC 6125)
        return self._context


@dataclass(frozen=True)
class _Moved:
    """An answer that sends the asker elsewhere."""

    status: int
    location: str


@dataclass(frozen=True)
class _Place:
    """An https address, taken apart: whom to ask (`port` None: the usual), and what for."""

    url: str
    host: Domain | IpAddress
    port: int | None
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return host if self.port is None else f"{host}:{self.port}"


def _place(url: str) -> _Place | str:
    """Take an address apart; a text says what is wrong with it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme != "https" or not host:
        return "is no https address"
    try:
        return _Place(url, ipaddress.ip_address(host), port, _target(parts))
    except ValueError:
        pass
    try:
        return _Place(url, Domain.parse(host), port, _target(parts))
    except DomainError as error:
        return f"names no host: {error}"


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


async def _read(
    place: _Place, response: httpx2.Response, limits: Limits
) -> Fetched | Unfetched | _Moved:
    status = response.status_code
    location = response.headers.get("location")
    if status in _REDIRECTS and location:
        return _Moved(status, location)
    if status != 200:
        later = status >= 500 or status in _FOR_A_WHILE
        return Unfetched(
            f"{place.host}: HTTP status {status}", Reason.UNREACHABLE if later else None
        )
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limits.octets:
            return Unfetched(f"{place.host}: the file has more than {limits.octets} octets")
    return Fetched(
        place.url,
        bytes(body),
        response.headers.get("content-type", "").partition(";")[0].strip().lower(),
        response.headers.get("content-encoding", "identity").strip().lower() or "identity",
    )


def _is_about_the_certificate(error: BaseException | None) -> bool:
    """Whether a failed connection failed for the certificate that the host showed."""
    for _ in range(8):
        if error is None or isinstance(error, ssl.SSLCertVerificationError):
            return error is not None
        error = error.__cause__ or error.__context__
    return False
