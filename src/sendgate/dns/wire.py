"""Between dnspython's messages and our values: a query goes out, an answer is read.

Everything here is a pure function of the message; sockets are in `transport`, retries and
the choice of server in `live`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendgate.dns.answers import (
    MAX_ALIASES,
    Address,
    Alias,
    Answer,
    Failed,
    Mx,
    NoData,
    NxDomain,
    Origin,
    Question,
    Raw,
    Rdata,
    Reason,
    Record,
    Records,
    Soa,
    Target,
    Txt,
)
from sendgate.errors import DomainError
from sendgate.names import Domain

if TYPE_CHECKING:
    import dns.message
    import dns.name
    import dns.rdata
    import dns.rrset

__all__ = [
    "EDNS_PAYLOAD",
    "Heard",
    "Onward",
    "chain_fault",
    "domain_of",
    "make_query",
    "rdata_of",
    "read_answer",
]

EDNS_PAYLOAD = 1232  # octets; fits the smallest IPv6 path unfragmented (DNS flag day 2020)


@dataclass(frozen=True)
class Heard:
    """Who answered and how far it may be believed.

    `trusted` keeps the AD bit; `direct` means that a zone's own server was asked without
    recursion, so it must speak with authority.
    """

    origin: Origin
    trusted: bool = False
    direct: bool = False


@dataclass(frozen=True)
class Onward:
    """The answer stops at an alias and says nothing of its target: that is to be asked next.

    `authentic` tells whether the aliases so far were.
    """

    aliases: tuple[Alias, ...]
    authentic: bool

    @property
    def target(self) -> Domain:
        """The name to ask for."""
        return self.aliases[-1].target


def make_query(
    name: Domain,
    question: Question,
    *,
    recursive: bool = True,
    want_ad: bool = False,
    edns: bool = True,
) -> dns.message.QueryMessage:
    """Make a query for `name` with the question's type, a random id and, by default, EDNS.

    Raises `DomainError` where the name or type cannot be put on the wire.
    """
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.rdatatype

    flags = dns.flags.RD if recursive else dns.flags.Flag(0)
    if want_ad:
        flags |= dns.flags.AD  # RFC 6840 section 5.7: asks for AD without DNSSEC records
    if question.checking_disabled:
        flags |= dns.flags.CD
    try:
        rdtype = dns.rdatatype.from_text(question.rdtype)
        labels = name.wire_labels
        if Domain.from_labels(labels) != name:
            raise DomainError(f"{name} is not in the form of a domain name")
        qname = dns.name.Name([*labels, b""])
        if dns.rdatatype.is_metatype(rdtype):
            raise DomainError(f"{question.rdtype} is not a record type that can be asked for")
        return dns.message.make_query(
            qname,
            rdtype,
            flags=int(flags),
            use_edns=0 if edns else False,
            payload=EDNS_PAYLOAD if edns else None,
        )
    except (dns.exception.DNSException, ValueError) as error:
        raise DomainError(f"{name} {question.rdtype} cannot be asked: {error}") from None


def read_answer(
    message: dns.message.Message,
    question: Question,
    heard: Heard,
    before: Onward | None = None,
) -> Answer | Onward:
    """Read a matching response as the answer to `question`.

    `before` holds the aliases that earlier responses led through. An error code, a
    referral and a broken alias chain are `Failed`; see `sendgate.dns.answers.Reason`.
    """
    import dns.flags
    import dns.rcode

    aliases = before.aliases if before else ()
    rcode = message.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return Failed(question, _reason(rcode), _said(message, heard), heard.origin, aliases)
    if heard.direct and not message.flags & dns.flags.AA and not _referral(message):
        why = f"{heard.origin.where} answers without authority"
        return Failed(question, Reason.LAME, why, heard.origin, aliases)
    authentic = heard.trusted and bool(message.flags & dns.flags.AD)
    if before:
        authentic = authentic and before.authentic
    start = before.target if before else question.name
    chain = _follow(message.answer, start, question, heard.origin, aliases)
    broken = chain_fault(question, chain)
    if broken:
        return Failed(question, Reason.ALIAS_LOOP, broken, heard.origin, chain)
    return _conclude(message, question, heard, chain, authentic, len(chain) > len(aliases))


def _conclude(
    message: dns.message.Message,
    question: Question,
    heard: Heard,
    aliases: tuple[Alias, ...],
    authentic: bool,
    followed: bool,
) -> Answer | Onward:
    """Tell what stands at the end of the alias chain; `followed`: this message had a part of it."""
    import dns.rcode

    origin = heard.origin
    name = aliases[-1].target if aliases else question.name
    records = _records(message.answer, name, question.rdtype, origin)
    zone = _zone(message.authority, name)
    if message.rcode() == dns.rcode.NXDOMAIN:
        # RFC 6604 section 3: with aliases, the code speaks of the last name.
        if records:
            why = f"{origin.where} says NXDOMAIN and gives data"
            return Failed(question, Reason.MALFORMED, why, origin, aliases)
        return NxDomain(question, origin, aliases, authentic, zone)
    if records:
        return Records(question, records, origin, aliases, authentic)
    if zone is None and followed:
        return Onward(aliases, authentic)
    servers = _referral(message)
    if servers and zone is None:
        # The NS records of a delegation, asked of a server of the zone above, are its answer.
        below = _records(message.authority, name, "NS", origin)
        if heard.direct and question.rdtype == "NS" and below:
            return Records(question, below, origin, aliases)
        why = f"{origin.where} only refers to {', '.join(servers)}"
        return Failed(question, Reason.LAME, why, origin, aliases)
    # RFC 2308 section 2.2: types 1 and 2 have the SOA, type 3 has nothing at all.
    return NoData(question, origin, aliases, authentic, zone)


def rdata_of(rdata: dns.rdata.Rdata) -> Rdata:
    """Turn one record's data into our value; a type without one of its own is kept as text."""
    import dns.rdtypes.ANY.CNAME
    import dns.rdtypes.ANY.MX
    import dns.rdtypes.ANY.NS
    import dns.rdtypes.ANY.PTR
    import dns.rdtypes.ANY.SOA
    import dns.rdtypes.ANY.SPF
    import dns.rdtypes.ANY.TXT
    import dns.rdtypes.IN.A
    import dns.rdtypes.IN.AAAA

    any_, in_ = dns.rdtypes.ANY, dns.rdtypes.IN
    match rdata:
        case any_.TXT.TXT() | any_.SPF.SPF():
            return Txt(tuple(rdata.strings))
        case any_.MX.MX():
            return Mx(rdata.preference, domain_of(rdata.exchange))
        case in_.A.A() | in_.AAAA.AAAA():
            return Address(ipaddress.ip_address(rdata.address))
        case any_.CNAME.CNAME() | any_.NS.NS() | any_.PTR.PTR():
            return Target(domain_of(rdata.target))
        case any_.SOA.SOA():
            names = domain_of(rdata.mname), domain_of(rdata.rname)
            return Soa(*names, rdata.serial, rdata.minimum)
    return Raw(rdata.to_text())


def domain_of(name: dns.name.Name) -> Domain:
    """Turn an absolute name of dnspython into ours."""
    return Domain.from_labels(name.labels[:-1])


def _follow(
    answer: Sequence[dns.rrset.RRset],
    start: Domain,
    question: Question,
    origin: Origin,
    aliases: tuple[Alias, ...],
) -> tuple[Alias, ...]:
    """Append this answer section's aliases to those so far, until one repeats or none is left.

    RFC 1034 section 3.6.2: every type but CNAME itself is looked up at the alias's target.
    """
    if question.rdtype == "CNAME":
        return aliases
    chain, name = aliases, start
    while True:
        alias = _alias(answer, name, origin)
        if alias is None:
            return chain
        chain = (*chain, alias)
        if chain_fault(question, chain):
            return chain
        name = alias.target


def _alias(answer: Sequence[dns.rrset.RRset], name: Domain, origin: Origin) -> Alias | None:
    """Find the alias that the answer section holds at `name`, with what stands beside it."""
    import dns.rdatatype

    targets: list[Domain] = []
    beside: set[str] = set()
    ttl = 0
    for rrset in _at(answer, name):
        if rrset.rdtype == dns.rdatatype.CNAME:
            ttl = ttl if targets else rrset.ttl
            targets += [domain_of(rdata.target) for rdata in rrset]
        elif rrset.rdtype not in {dns.rdatatype.RRSIG, dns.rdatatype.NSEC}:
            beside.add(dns.rdatatype.to_text(rrset.rdtype))
    if not targets:
        return None
    others = tuple(dict.fromkeys(t for t in targets[1:] if t != targets[0]))
    return Alias(name, targets[0], ttl, origin, tuple(sorted(beside)), others)


def chain_fault(question: Question, chain: tuple[Alias, ...]) -> str:
    """Say why the alias chain has no end; an empty text where it has one."""
    names = [question.name, *(alias.target for alias in chain)]
    if len(set(names)) < len(names):
        return f"the alias chain returns to {names[-1]}"
    if len(chain) > MAX_ALIASES:
        return f"more than {MAX_ALIASES} aliases in a row"
    return ""


def _records(
    answer: Sequence[dns.rrset.RRset], name: Domain, rdtype: str, origin: Origin
) -> tuple[Record, ...]:
    import dns.rdatatype

    wanted = dns.rdatatype.from_text(rdtype)
    return tuple(
        Record(rdata_of(rdata), rrset.ttl, origin)
        for rrset in _at(answer, name)
        if rrset.rdtype == wanted
        for rdata in rrset
    )


def _at(section: Sequence[dns.rrset.RRset], name: Domain) -> list[dns.rrset.RRset]:
    import dns.rdataclass

    return [
        rrset
        for rrset in section
        if rrset.rdclass == dns.rdataclass.IN and domain_of(rrset.name) == name
    ]


def _zone(authority: Sequence[dns.rrset.RRset], name: Domain) -> Domain | None:
    """Find the owner of the SOA record that speaks for `name` (RFC 2308 section 3)."""
    import dns.rdatatype

    owners = (domain_of(r.name) for r in authority if r.rdtype == dns.rdatatype.SOA)
    return next((owner for owner in owners if name.is_under(owner)), None)


def _referral(message: dns.message.Message) -> tuple[str, ...]:
    """List the servers that an answer without authority refers to (RFC 2308 section 2.2)."""
    import dns.flags
    import dns.rdatatype

    if message.flags & dns.flags.AA or message.answer:
        return ()
    servers = [
        str(domain_of(rdata.target))
        for rrset in message.authority
        if rrset.rdtype == dns.rdatatype.NS
        for rdata in rrset
    ]
    return tuple(sorted(set(servers)))


def _reason(rcode: int) -> Reason:
    import dns.rcode

    if rcode == dns.rcode.SERVFAIL:
        return Reason.SERVFAIL
    # NOTAUTH is what some servers say for a zone that they do not have.
    return Reason.REFUSED if rcode in {dns.rcode.REFUSED, dns.rcode.NOTAUTH} else Reason.MALFORMED


def _said(message: dns.message.Message, heard: Heard) -> str:
    """Name the server, its response code (unless the reason is that code) and extended errors.

    Only the codes of RFC 8914 are kept: the free text beside them is the server's own.
    """
    import dns.edns
    import dns.rcode

    rcode = message.rcode()
    code = dns.rcode.to_text(rcode)
    parts = [] if code.lower() == _reason(rcode) else [code]
    for option in message.extended_errors():
        try:
            parts.append(dns.edns.EDECode(option.code).name.lower().replace("_", " "))
        except ValueError:
            parts.append(f"extended error {int(option.code)}")
    return ": ".join([heard.origin.where, *([", ".join(parts)] if parts else [])])
