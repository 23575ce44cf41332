"""What DNS shows of the hosts that send: reverse DNS of each address, and the HELO name."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.dns.answers import Address, Answer, Failed, Reason, Records, Target
from sendgate.hosts.blocklist import Blocklist
from sendgate.names import Domain
from sendgate.observed import Evidence, Unknown, any_of, evidence_of
from sendgate.profile import IpAddress

__all__ = ["HeloName", "HostFacts", "SendingAddress"]


@dataclass(frozen=True)
class SendingAddress:
    """One declared address and its reverse DNS.

    `ptr` answers for PTR at `reverse_name`. `forward` holds the answer for A (AAAA for an
    IPv6 address) of each name found there, as far as these were followed.
    """

    ip: IpAddress
    ptr: Answer
    forward: tuple[Answer, ...] = ()

    @property
    def names(self) -> tuple[Domain, ...]:
        """The names that the address has, in the order of the answer."""
        return tuple(x.name for x in self.ptr.of(Target)) if isinstance(self.ptr, Records) else ()

    @property
    def confirmed(self) -> bool | None:
        """Whether a name of the address leads back to it; None where DNS did not tell.

        This is forward-confirmed reverse DNS (RFC 8601 section 3, "iprev"): one name that
        does is enough.
        """
        if isinstance(self.ptr, Failed):
            return None
        return any_of(_leads_to(answer, self.ip) for answer in self.forward)

    @property
    def unknown(self) -> Unknown | None:
        """Why it is not known whether a name leads back, where it is not."""
        if self.confirmed is not None:
            return None
        for answer in (self.ptr, *self.forward):
            if isinstance(answer, Failed):
                return Unknown.of(answer)
        hidden = next(x for x in self.forward if _leads_to(x, self.ip) is None)
        return Unknown(hidden.question, Reason.HIDDEN)  # an ALIAS in a file

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The PTR answer, then what its names resolve to."""
        return tuple(piece for x in (self.ptr, *self.forward) for piece in evidence_of(x))


def _leads_to(answer: Answer, ip: IpAddress) -> bool | None:
    if isinstance(answer, Failed):
        return None
    found = [x.ip for x in answer.of(Address)] if isinstance(answer, Records) else []
    return True if ip in found else None if None in found else False


@dataclass(frozen=True)
class HeloName:
    """The declared HELO name, and its addresses.

    `a` and `aaaa` are None where they were not asked: the name is none that a host can
    have, or an A record had already settled it.
    """

    name: Domain
    a: Answer | None = None
    aaaa: Answer | None = None

    @property
    def is_qualified(self) -> bool:
        """Whether it is a fully-qualified host name (RFC 5321 section 2.3.5)."""
        return self.name.is_hostname and len(self.name.labels) > 1

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers for A and AAAA, as far as they were asked."""
        return tuple(x for x in (self.a, self.aaaa) if x is not None)

    @property
    def resolves(self) -> bool | None:
        """Whether the name has an address; None where DNS did not tell, or was not asked."""
        if any(isinstance(x, Records) for x in self.answers):
            return True
        return False if self.answers and self.failed is None else None

    @property
    def failed(self) -> Failed | None:
        """The first of its questions that nobody could answer."""
        return next((x for x in self.answers if isinstance(x, Failed)), None)


@dataclass(frozen=True)
class HostFacts:
    """What was seen of the hosts that send, as far as the sender operates them.

    `lists` are the lists that were asked about every declared address, whoever operates it.
    """

    addresses: tuple[SendingAddress, ...] = ()
    helo: HeloName | None = None
    lists: tuple[Blocklist, ...] = ()
