"""Mail hosts for tests: what each shows who calls it, without a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sendgate.dane.probe import Called, Plain, Shown, Unreached
from sendgate.dns.answers import Reason
from sendgate.names import Domain
from sendgate.profile import IpAddress

TIME = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

Shows = tuple[bytes, ...] | Reason | None  # a chain, why there is none, or no STARTTLS


def chain_in(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file, in DER and in their order."""
    found = x509.load_pem_x509_certificates(path.read_bytes())
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found)


@dataclass
class HostsDouble:
    """Shows what the table has for a host, or for one of its addresses; keeps who was called."""

    shows: Mapping[str, Shows]
    time: datetime = TIME
    called: list[tuple[str, str]] = field(default_factory=list)

    async def call(self, host: Domain, addresses: Sequence[IpAddress]) -> tuple[Called, ...]:
        return tuple(self._one(host, address) for address in addresses)

    def _one(self, host: Domain, address: IpAddress) -> Called:
        self.called.append((str(host), str(address)))
        shows = self.shows.get(str(address), self.shows.get(str(host), Reason.UNREACHABLE))
        if shows is None:
            return Plain(address)
        if isinstance(shows, Reason):
            return Unreached(address, shows, f"{address} port 25: made up")
        return Shown(address, shows, self.time)
