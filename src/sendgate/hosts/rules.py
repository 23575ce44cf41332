"""What can be wrong with the hosts that send: PTR001, PTR002, and RBL001 where lists are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import NxDomain, Reason, Records
from sendgate.hosts.facts import HeloName, SendingAddress
from sendgate.observed import Evidence, evidence_of, nothing_seen
from sendgate.vocabulary import (
    Document,
    Hit,
    Rfc,
    Rule,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES", "fault_of", "unread_reverse"]


@rule(
    "PTR001",
    Severity.ERROR,
    Document("Email sender guidelines, Google", "https://support.google.com/a/answer/81126"),
    remedy="Have the holder of the address set its PTR record to the host's name, and let that "
    "name have this address.",
)
def no_confirmed_reverse_dns(facts: DomainFacts) -> Verdicts:
    """A sending address has no reverse name, or none that leads back to the address.

    Google, Yahoo, Microsoft and others refuse mail from such an address or treat it as
    spam. Judged for declared addresses that the sender operates; those that a provider
    shares among its customers are the provider's. Where only given zones are asked and the
    reverse zone is not among them, that it is unknown is but a note: it is seldom the
    sender's own zone.
    """
    for address in facts.hosts.addresses:
        fault = fault_of(address)
        if fault is not None:
            yield Hit(fault, address.evidence)
        yield from unread_reverse(address)


@rule(
    "PTR002",
    Severity.WARNING,
    Rfc(5321, "4.1.1.1, 2.3.5"),
    remedy="Give the sending host's full name in HELO, and publish its address under that name.",
)
def helo_not_a_host(facts: DomainFacts) -> Verdicts:
    """The name given in HELO is not a full host name, or has no address.

    The standard asks for the primary name of the sending host. Many receivers score a name
    that does not resolve against the mail, and some refuse it.
    """
    helo = facts.hosts.helo
    if helo is None:
        return
    if not helo.is_qualified:
        yield Hit(f"HELO {helo.name} is not the full name of a host", _helo_evidence(helo))
    elif helo.resolves is False:
        gone = any(isinstance(answer, NxDomain) for answer in helo.answers)
        state = "does not exist" if gone else "has no address"
        yield Hit(f"the HELO name {helo.name} {state}", _helo_evidence(helo))
    elif helo.resolves is None and helo.failed is not None:
        yield cannot_tell(helo.failed)


@rule(
    "RBL001",
    Severity.NOTE,
    Rfc(5782, "2.1, 5"),
    remedy="Read at the list's own site why the address is there, mend that, and ask the list to "
    "take it off.",
)
def sending_address_is_listed(facts: DomainFacts) -> Verdicts:
    """A declared address is on a list of addresses that `--blocklist` names.

    Receivers that use the list refuse mail from there or count it as spam; which of them do,
    only they know. What a code means is the list's own matter: some list what is good, or
    what is only not meant to send by itself. A list counts for nothing where it fails the test
    addresses that every list has, or answers as lists refuse questions of public resolvers.
    """
    for each in facts.hosts.lists:
        if not each.is_asked:
            continue
        if each.unknown is not None:
            yield cannot_tell(each.unknown)
        for entry in each.entries:
            if entry.unknown is not None:
                yield cannot_tell(entry.unknown)
            elif entry.codes:
                codes = " and ".join(entry.codes)
                yield Hit(f"{entry.ip} is listed at {each.zone} as {codes}", entry.evidence)


def fault_of(address: SendingAddress) -> str | None:
    """Say what is wrong with the reverse DNS of an address; None: nothing, or not known."""
    if address.confirmed is not False:
        return None
    if not address.names:
        return f"{address.ip} has no reverse name (PTR)"
    names = " and ".join(map(str, address.names[:3]))
    found = [
        value
        for answer in address.forward
        if isinstance(answer, Records)
        for piece in evidence_of(answer)
        if piece.rdtype in {"A", "AAAA"}
        for value in piece.values
    ]
    leads = f"leads to {', '.join(found[:3])}" if found else "has no such address"
    return f"the reverse name {names} of {address.ip} {leads}, not back to it"


def unread_reverse(address: SendingAddress, severity: Severity | None = None) -> Verdicts:
    """Say that the reverse DNS of an address is not known, where it is not."""
    if address.unknown is not None:
        outside = address.unknown.reason is Reason.NOT_ASKED
        yield cannot_tell(address.unknown, Severity.NOTE if outside else severity)


def _helo_evidence(helo: HeloName) -> tuple[Evidence, ...]:
    found = tuple(piece for answer in helo.answers for piece in evidence_of(answer))
    return found or (nothing_seen(helo.name, "A"),)


RULES: tuple[Rule, ...] = (no_confirmed_reverse_dns, helo_not_a_host, sending_address_is_listed)
