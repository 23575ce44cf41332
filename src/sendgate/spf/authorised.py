"""Whether a collected SPF tree lets an address send, without asking anything more.

Pure: a reading of `SpfFacts`, for rules that hold an address against a record. What the
tree cannot tell (macros that depend on the message, `ptr`, an include that was not read)
is None, never a guess. The full evaluation is `sendgate.spf.evaluate`.
"""

from __future__ import annotations

import ipaddress

from sendgate.dns.answers import Address, Answer, Failed, Records
from sendgate.observed import Absent, Malformed
from sendgate.profile import IpAddress
from sendgate.spf import record as spf
from sendgate.spf.facts import AddressLookup, Family, SpfFacts, SpfNode

__all__ = ["authorises"]


def authorises(facts: SpfFacts, ip: IpAddress) -> bool | None:
    """Tell whether the record gives pass for `ip`; None where the tree alone cannot tell.

    False too where the evaluation ends in permerror, which authorises nobody.
    """
    try:
        return _passes(facts.tree, ip)
    except _PermanentError:
        return False


class _PermanentError(Exception):
    """A record on the way is broken, missing or in a loop (RFC 7208 sections 5.2 and 6.1)."""


def _passes(node: SpfNode, ip: IpAddress) -> bool | None:
    if node.record is None:
        if isinstance(node.observed, Absent | Malformed) or node.loop:
            raise _PermanentError
        return None
    below = iter(node.children)  # one for each include, in their order, then the redirect's
    lookups = iter(node.addresses)  # one for each a, mx and exists, in their order
    open_answers: set[bool] = set()
    for term in node.record.reached:
        child = next(below, None) if isinstance(term, spf.Include) else None
        looked_up = isinstance(term, spf.A | spf.Mx | spf.Exists)
        lookup = next(lookups, None) if looked_up else None
        matched = _matches(term, ip, child, lookup)
        says = term.qualifier is spf.Qualifier.PASS
        if matched:
            return says if open_answers <= {says} else None
        if matched is None:
            open_answers.add(says)
    last: bool | None = False
    if node.record.active_redirect is not None and node.children:
        last = _passes(node.children[-1], ip)
    return last if last is not None and open_answers <= {last} else None


def _matches(
    term: spf.Mechanism, ip: IpAddress, child: SpfNode | None, lookup: AddressLookup | None
) -> bool | None:
    match term:
        case spf.All():
            return True
        case spf.Ip4() | spf.Ip6():
            return ip in term.network
        case spf.Include():
            return None if child is None else _passes(child, ip)
        case spf.A() | spf.Mx() if lookup is not None:
            return _in_hosts(term, ip, lookup)
        case spf.Exists() if lookup is not None and lookup.a:
            return _exists(lookup.a[0])
        case _:
            return None


def _in_hosts(term: spf.A | spf.Mx, ip: IpAddress, lookup: AddressLookup) -> bool | None:
    version6 = isinstance(ip, ipaddress.IPv6Address)
    family, prefix = (Family.IPV6, term.prefix6) if version6 else (Family.IPV4, term.prefix4)
    answers = lookup.answers(family)
    for answer in answers:
        if isinstance(answer, Records) and any(
            _within(ip, address, prefix) for address in answer.of(Address)
        ):
            return True
    if isinstance(lookup.mx, Failed) or any(not _known(answer) for answer in answers):
        return None
    # Without an answer there is no host, or its addresses were not asked for.
    return False if answers or (lookup.mx is not None and not lookup.hosts) else None


def _within(ip: IpAddress, address: Address, prefix: int) -> bool:
    if address.ip is None or address.ip.version != ip.version:
        return False
    return ip in ipaddress.ip_network((address.ip, prefix), strict=False)


def _known(answer: Answer) -> bool:
    """Whether the answer leaves no address open (an ALIAS in a file has an unknown one)."""
    if isinstance(answer, Records):
        return all(address.ip is not None for address in answer.of(Address))
    return not isinstance(answer, Failed)


def _exists(answer: Answer) -> bool | None:
    return None if isinstance(answer, Failed) else isinstance(answer, Records)
