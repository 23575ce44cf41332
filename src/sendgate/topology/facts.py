"""What DNS shows at the names of the roles, whatever the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sendgate.dns.answers import Address, Alias, Answer, Failed, NoData, NxDomain, Records
from sendgate.names import Domain
from sendgate.observed import Evidence, evidence_of
from sendgate.profile import IpAddress

__all__ = ["Cut", "CutServer", "NameFacts", "NameServer", "ServerAnswers", "ZoneFacts"]


@dataclass(frozen=True)
class NameFacts:
    """The answers at one name. A type that the name's role does not call for is None.

    `unchecked` is the answer to a failed question asked once more without DNSSEC checking
    (CD bit), `again` one more answer with checking after it: data without checking and SERVFAIL
    with it mean that validation fails.
    """

    name: Domain
    txt: Answer | None = None
    mx: Answer | None = None
    a: Answer | None = None
    aaaa: Answer | None = None
    soa: Answer | None = None
    unchecked: Answer | None = None
    again: Answer | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Every answer that was asked for."""
        return tuple(x for x in (self.txt, self.mx, self.a, self.aaaa, self.soa) if x is not None)

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """The CNAMEs met at the name, first one first; empty where it is no alias."""
        return next((x.aliases for x in self.answers if x.aliases), ())

    @property
    def exists(self) -> bool | None:
        """Whether the name exists (RFC 8020); None where no answer tells."""
        if self.aliases:
            return True
        told = [x for x in self.answers if not isinstance(x, Failed)]
        return any(not isinstance(x, NxDomain) for x in told) if told else None

    @property
    def addresses(self) -> Iterator[IpAddress]:
        """The name's known addresses, IPv4 first."""
        for answer in (self.a, self.aaaa):
            if isinstance(answer, Records):
                yield from (x.ip for x in answer.of(Address) if x.ip is not None)

    @property
    def behind(self) -> Domain | None:
        """The target of a CNAME that a proxy answers for, where no MX record stands beside it."""
        found = (x for x in (self.a, self.aaaa) if isinstance(x, Records))
        targets = (address.behind for answer in found for address in answer.of(Address))
        return None if isinstance(self.mx, Records) else next(filter(None, targets), None)

    @property
    def address_evidence(self) -> tuple[Evidence, ...]:
        """The address records as evidence; empty where there are none, or none were seen."""
        found = (x for x in (self.a, self.aaaa) if isinstance(x, Records))
        return tuple(piece for answer in found for piece in evidence_of(answer))

    @property
    def has_address(self) -> bool | None:
        """Whether the name has an A or AAAA record; None where that is not known."""
        asked = [x for x in (self.a, self.aaaa) if x is not None]
        if any(isinstance(x, Records) for x in asked):
            return True
        if any(isinstance(x, NxDomain) for x in asked):
            return False  # RFC 8020: no name, no address of either kind
        told = [x for x in asked if not isinstance(x, Failed)]
        return False if len(told) == 2 else None

    @property
    def failed(self) -> Failed | None:
        """The first question here that nobody could answer."""
        return next((x for x in self.answers if isinstance(x, Failed)), None)


@dataclass(frozen=True)
class NameServer:
    """One name server of a zone, and the answer for its address (None: not asked)."""

    target: Domain
    a: Answer | None = None


@dataclass(frozen=True)
class ServerAnswers:
    """What one of a zone's own servers says of a mail name, asked without recursion."""

    server: Domain
    address: str
    mx: Answer
    txt: Answer


@dataclass(frozen=True)
class CutServer:
    """A server of a delegation: the answer for its address, and what it says of the zone's SOA.

    `soa` is None where it was not asked.
    """

    target: Domain
    a: Answer
    soa: Answer | None = None


@dataclass(frozen=True)
class Cut:
    """Where a return path is delegated, as far as that shows.

    `name` is the delegated name, or the return path where none was found. `asked` are the
    answers for NS, `soa` that for SOA at the name, where a file alone may have the delegation.
    `servers` is what each server says, asked only where the profile wants it.
    """

    name: Domain
    asked: tuple[Answer, ...]
    soa: Answer | None = None
    servers: tuple[CutServer, ...] = ()

    @property
    def ns(self) -> Records | None:
        """The NS records of the delegated name; None where no delegation was found."""
        found = (x for x in self.asked if isinstance(x, Records) and not x.aliases)
        return next(found, None)

    @property
    def is_proposed(self) -> bool:
        """Whether a zone file has the delegation, and live DNS does not have it yet."""
        if self.ns is None or self.ns.origin.kind != "file":
            return False
        soa = self.soa
        if not isinstance(soa, NoData | NxDomain) or soa.origin.kind == "file" or soa.aliases:
            return False
        return soa.zone is not None and soa.zone != self.name


@dataclass(frozen=True)
class ZoneFacts:
    """What is known of the zone that a mail name lies in.

    `apex` is the zone's name, None where no answer told. `probes` are the answers for a
    made-up name directly below the mail name, one a type: data there comes from a wildcard
    (RFC 4592). `above` is the answer for the wildcard beside the mail name (`*` and its
    parent), asked only where a probe got what the mail name itself has. `ns` and
    `name_servers` are the zone's servers; `servers` what each of them says, asked only
    where the profile wants it. `cut` tells where the return path is delegated, and `keys` is
    the answer for ``_domainkey`` below it; both only where the provider calls for them.
    """

    name: Domain
    apex: Domain | None = None
    probes: tuple[Answer, ...] = ()
    above: Answer | None = None
    ns: Answer | None = None
    name_servers: tuple[NameServer, ...] = ()
    servers: tuple[ServerAnswers, ...] = ()
    cut: Cut | None = None
    keys: Answer | None = None

    @property
    def is_apex(self) -> bool:
        """Whether the mail name is its zone's own name."""
        return self.apex == self.name
