"""What was seen of a domain's mail exchangers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sendgate.dns.answers import Address, Alias, Answer, Failed, Mx, NoData, NxDomain, Records
from sendgate.names import Domain
from sendgate.observed import any_of
from sendgate.profile import IpAddress

__all__ = ["MxFacts", "MxHost", "is_host"]


def is_host(target: Domain) -> bool:
    """Whether an MX target can be a host name (RFC 5321 section 2.3.5, RFC 1123 section 2.1).

    Letters, digits and inner hyphens, and a last label that is not a number: an address in
    the place of a name parses as labels, but no such top-level name can exist (RFC 3696
    section 2). An underscore is tolerated here, as mail servers do; MX005 speaks of it.
    """
    plain = Domain(target.text.replace("_", ""))
    return plain.is_hostname and not target.labels[-1].isdigit()


@dataclass(frozen=True)
class MxHost:
    """One mail exchanger and the answers for its addresses.

    `a` and `aaaa` are None where the target is no host name, so that nothing was asked.
    """

    target: Domain
    preference: int
    a: Answer | None = None
    aaaa: Answer | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers for A and AAAA, as far as they were asked."""
        return tuple(x for x in (self.a, self.aaaa) if x is not None)

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """The CNAMEs met at the target, against RFC 2181 section 10.3."""
        return next((x.aliases for x in self.answers if x.aliases), ())

    @property
    def addresses(self) -> Iterator[IpAddress]:
        """The host's known addresses, IPv4 first."""
        for answer in self.answers:
            if isinstance(answer, Records):
                yield from (x.ip for x in answer.of(Address) if x.ip is not None)

    @property
    def resolves(self) -> bool | None:
        """Whether the host has an address; None where that could not be seen."""
        if any(isinstance(x, Records) for x in self.answers):
            return True
        return None if any(isinstance(x, Failed) for x in self.answers) else False

    @property
    def failed(self) -> Failed | None:
        """The first of its questions that nobody could answer."""
        return next((x for x in self.answers if isinstance(x, Failed)), None)


@dataclass(frozen=True)
class MxFacts:
    """The mail exchangers of one name.

    `hosts` are those of the records that name a host, by preference and name; a null MX is
    in `answer` alone. `has_address` says whether the name itself has an A or AAAA record,
    which is where mail goes without MX (RFC 5321 section 5.1); None: not known.
    """

    name: Domain
    answer: Answer
    hosts: tuple[MxHost, ...] = ()
    has_address: bool | None = None

    @property
    def records(self) -> tuple[Mx, ...]:
        """The MX records, null ones included, in the order of the answer."""
        return tuple(self.answer.of(Mx)) if isinstance(self.answer, Records) else ()

    @property
    def is_null(self) -> bool:
        """Whether the name takes no mail: a null MX and nothing beside it (RFC 7505 section 3)."""
        return bool(self.records) and all(record.is_null for record in self.records)

    @property
    def takes_mail(self) -> bool:
        """Whether MX records say that mail to the name is taken; an address alone says nothing."""
        return any(not record.is_null for record in self.records)

    @property
    def is_implicit(self) -> bool:
        """Whether mail goes to the name's own address, for want of an MX record."""
        return isinstance(self.answer, NoData) and self.has_address is True

    @property
    def can_receive(self) -> bool | None:
        """Whether mail to the name has somewhere to go; None where that could not be seen."""
        if isinstance(self.answer, Failed):
            return None
        if isinstance(self.answer, NxDomain):
            return False
        if isinstance(self.answer, NoData):
            return self.has_address
        return any_of(host.resolves for host in self.hosts)
