"""What DNS shows of DANE at a domain's mail hosts, and what DNSSEC says of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sendgate.dane.chain import Mismatch, mismatch
from sendgate.dane.probe import Called, Shown
from sendgate.dane.record import Tlsa, read_tlsa
from sendgate.dns.answers import Answer, Failed, Raw, Reason, Records
from sendgate.names import Domain

__all__ = ["DaneFacts", "DaneHost"]


@dataclass(frozen=True)
class DaneHost:
    """One mail host: whether its address is secure, and its TLSA records.

    `secure` says that the resolver vouches for its addresses. `tlsa` answers for TLSA at
    ``_25._tcp`` of the host, None where nobody asked; `again` for the same question once
    more, without DNSSEC checking, where the resolver failed at it. `called` is what the host
    showed at its addresses, empty where nobody called it.
    """

    host: Domain
    secure: bool
    tlsa: Answer | None = None
    again: Answer | None = None
    called: tuple[Called, ...] = ()

    @cached_property
    def records(self) -> tuple[Tlsa | None, ...]:
        """The TLSA records, None for each that cannot be read."""
        if not isinstance(self.tlsa, Records):
            return ()
        return tuple(read_tlsa(raw.text) for raw in self.tlsa.of(Raw))

    @property
    def usable(self) -> tuple[Tlsa, ...]:
        """Those that an SMTP client can use (RFC 7672 section 3.1)."""
        return tuple(
            record
            for record in self.records
            if record is not None and record.is_usable and record.has_right_length
        )

    @property
    def fails(self) -> bool:
        """Whether the lookup fails for everybody who validates: twice, and not for want of time."""
        return (
            isinstance(self.tlsa, Failed)
            and self.tlsa.reason is Reason.SERVFAIL
            and self.again is not None
            and (not isinstance(self.again, Failed) or self.again.reason is Reason.SERVFAIL)
        )


@dataclass(frozen=True)
class DaneFacts:
    """DANE at the mail hosts of one domain; empty where it receives no mail.

    `validated`: the resolver's word on DNSSEC can be relied on, as it has vouched for
    something. Else security is *not checked*: the way to it is not trusted (RFC 6840
    section 5.8), it does not validate, or the answers come from files.
    """

    domain: Domain | None = None
    mx_secure: bool = False
    hosts: tuple[DaneHost, ...] = ()
    validated: bool = False

    def is_secure(self, host: DaneHost) -> bool:
        """Whether senders that use DANE hold to the host's TLSA records (RFC 7672 section 2.2)."""
        vouched = isinstance(host.tlsa, Records) and host.tlsa.authentic
        return self.mx_secure and host.secure and vouched

    def binds(self, host: DaneHost) -> bool:
        """Whether senders that use DANE give a host mail only for a certificate that fits."""
        return self.is_secure(host) and bool(host.usable)

    def mismatch(self, host: DaneHost, shown: Shown) -> Mismatch | None:
        """Hold what a host showed against its TLSA records; None: it fits.

        Under usage 2 the certificate may be for the host or for the domain that it takes mail
        for (RFC 7672 section 3.2.2).
        """
        names = [str(name) for name in (host.host, self.domain) if name is not None]
        return mismatch(host.usable, shown.chain, names, shown.at)

    @property
    def in_force(self) -> bool:
        """Whether senders that use DANE demand a certificate of at least one mail host."""
        return any(self.binds(host) for host in self.hosts)

    @property
    def state(self) -> str:
        """``secure``, ``insecure``, ``failing``, ``absent``, or ``not_checked``."""
        if any(self.mx_secure and host.secure and host.fails for host in self.hosts):
            return "failing"
        if self.in_force:
            return "secure"
        if not self.validated:
            return "not_checked"
        return "insecure" if any(host.records for host in self.hosts) else "absent"
