"""Call mail hosts for the certificates that they show, and give them no mail.

    connect ─► banner ─► EHLO ─► STARTTLS (SNI: the host's name) ─► its chain ─► QUIT

The SMTP client is the one that sends campaigns, so what a host says is bounded in lines and
octets as it is there. A call ends after 30 seconds, however the host drips; OpenSSL takes at
most 100 kB of certificates. Only addresses of the Internet are called.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sendgate.dane.probe import Called, Plain, Shown, Unreached
from sendgate.dns.answers import Reason
from sendgate.names import Domain
from sendgate.profile import IpAddress
from sendgate.send.outcome import Phase
from sendgate.send.smtp.client import Endpoint, Session, Timeouts, connect
from sendgate.send.smtp.result import Broken, Fault, Refused
from sendgate.send.smtp.tls import TlsPolicy, Trust, chain_of
from sendgate.web import is_public

__all__ = ["SmtpCaller"]

_SMTP = 25
_SECONDS = 30.0  # of one call, all in all; some hosts let strangers wait 20 s for the banner
_MAX_OF_A_FAMILY = 2  # addresses of one host that are called
_SHOWN = 300  # characters of a host's own words
_REASONS = {Fault.TIMEOUT: Reason.TIMEOUT, Fault.PROTOCOL: Reason.MALFORMED}


class SmtpCaller:
    """Calls mail hosts, each address of a host once; one object for a run.

    `allowed` says which addresses may be called, `port` is where hosts listen, `seconds` how
    long one call may take, `concurrency` how many are made at a time.
    """

    def __init__(
        self,
        *,
        allowed: Callable[[IpAddress], bool] = is_public,
        port: int = _SMTP,
        seconds: float = _SECONDS,
        concurrency: int = 32,
    ) -> None:
        self._allowed = allowed
        self._port = port
        self._seconds = seconds
        self._turn = asyncio.Semaphore(concurrency)
        self._calls: dict[tuple[Domain, IpAddress], asyncio.Future[Called]] = {}

    async def call(self, host: Domain, addresses: Sequence[IpAddress]) -> tuple[Called, ...]:
        """Call a host at two addresses of each family at most."""
        chosen = [
            ip
            for version in (4, 6)
            for ip in [a for a in addresses if a.version == version][:_MAX_OF_A_FAMILY]
        ]
        return tuple(await asyncio.gather(*(self._known(host, ip) for ip in chosen)))

    async def _known(self, host: Domain, ip: IpAddress) -> Called:
        """Call once, however many domains name the host."""
        call = self._calls.get((host, ip))
        if call is None:
            call = self._calls[host, ip] = asyncio.ensure_future(self._one(host, ip))
        return await asyncio.shield(call)

    async def _one(self, host: Domain, ip: IpAddress) -> Called:
        if not self._allowed(ip):
            detail = f"{ip} is not on the Internet (--allow-private calls it all the same)"
            return Unreached(ip, Reason.NOT_ASKED, detail)
        trust = _Seeing()
        opened: Session | Refused | Broken | None = None
        async with self._turn:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    opened = await self._open(host, ip, trust)
        if trust.chain:
            return Shown(ip, trust.chain, datetime.now(UTC))
        if isinstance(opened, Session) and not opened.capabilities.starttls:
            return Plain(ip)
        return Unreached(ip, *self._why(opened, f"{ip} port {self._port}"))

    async def _open(
        self, host: Domain, ip: IpAddress, trust: _Seeing
    ) -> Session | Refused | Broken:
        """Open a connection as far as TLS, and end it in good order."""
        limit = self._seconds
        opened = await connect(
            Endpoint(str(host), str(ip), self._port),
            _literal_to(ip, self._port),
            trust=trust,
            policy=TlsPolicy.opportunistic(),
            timeouts=Timeouts(connect=limit, banner=limit, ehlo=limit, starttls=limit, quit=1.0),
        )
        if isinstance(opened, Session):
            await opened.quit()
        return opened

    def _why(self, opened: Session | Refused | Broken | None, where: str) -> tuple[Reason, str]:
        """Say why a call came to no certificate."""
        match opened:
            case None:
                return Reason.TIMEOUT, f"{where}: no certificate within {self._seconds:g} s"
            case Broken():
                reason = _REASONS.get(opened.fault, Reason.UNREACHABLE)
                at_port = "; many networks let no connection out to port 25"
                hint = at_port if opened.phase is Phase.CONNECT else ""
                return reason, f"{where}: {opened.detail}{hint}"
            case Refused():
                said = f"{opened.phase} was answered with {opened.reply}"
                return Reason.REFUSED, f"{where}: {said[:_SHOWN]}"
        return Reason.REFUSED, f"{where}: STARTTLS is offered, and was refused"


class _Seeing(Trust):
    """Takes any certificate, and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.chain: tuple[bytes, ...] = ()

    def check(self, policy: TlsPolicy, tls: ssl.SSLObject, at: datetime) -> str:
        self.chain = tuple(chain_of(tls))
        return super().check(policy, tls, at)


def _literal_to(ip: IpAddress, port: int) -> str:
    """Our address on the way there as EHLO wants it (RFC 5321 section 4.1.3); nothing is sent."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((str(ip), port))
            own = ipaddress.ip_address(sock.getsockname()[0].partition("%")[0])
    except OSError:
        own = ipaddress.ip_address("127.0.0.1")  # there is no way, as the connection will tell
    return f"[{own}]" if own.version == 4 else f"[IPv6:{own}]"
