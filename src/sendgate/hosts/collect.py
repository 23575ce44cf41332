"""Ask for the reverse DNS of each declared address, and for the HELO name's addresses."""

from __future__ import annotations

import asyncio

from sendgate.dns.answers import NxDomain, Question, Records, Target
from sendgate.dns.source import Desk, DnsSource
from sendgate.hosts.facts import HeloName, HostFacts, SendingAddress
from sendgate.names import Domain
from sendgate.profile import IpAddress, Profile

__all__ = ["MAX_NAMES", "collect_hosts"]

MAX_NAMES = 10  # of one address that are followed, as in RFC 7208 section 4.6.4


async def collect_hosts(profile: Profile, desk: Desk) -> HostFacts:
    """Ask about the hosts that send, where they are declared and the sender's own to set up.

    An audit without addresses and HELO asks nothing here. All questions go through
    `desk.listed`: one for PTR and one for each name found there, of each declared address,
    and two for the HELO name.
    """
    if not profile.operates_hosts:
        return HostFacts()
    helo, *addresses = await asyncio.gather(
        _helo(profile.helo, desk.listed), *(_address(ip, desk.listed) for ip in profile.ips)
    )
    assert helo is None or isinstance(helo, HeloName)
    found = tuple(x for x in addresses if isinstance(x, SendingAddress))
    return HostFacts(found, helo)


async def _address(ip: IpAddress, source: DnsSource) -> SendingAddress:
    ptr = await source.ask(Question(Domain.parse(ip.reverse_pointer), "PTR"))
    names = [x.name for x in ptr.of(Target)] if isinstance(ptr, Records) else []
    rdtype = "A" if ip.version == 4 else "AAAA"
    forward = await asyncio.gather(
        *(source.ask(Question(name, rdtype)) for name in dict.fromkeys(names[:MAX_NAMES]))
    )
    return SendingAddress(ip, ptr, tuple(forward))


async def _helo(name: Domain | None, source: DnsSource) -> HeloName | None:
    if name is None:
        return None
    if not name.is_hostname:
        return HeloName(name)
    a = await source.ask(Question(name, "A"))
    if isinstance(a, Records | NxDomain):
        return HeloName(name, a)
    return HeloName(name, a, await source.ask(Question(name, "AAAA")))
