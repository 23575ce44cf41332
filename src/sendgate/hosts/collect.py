"""Ask for each address's reverse DNS and place on lists, and for the HELO name's addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from sendgate.dns.answers import NxDomain, Question, Records, Target
from sendgate.dns.source import Desk, DnsSource
from sendgate.hosts.blocklist import Blocklist, ListEntry, known_addresses, name_in
from sendgate.hosts.facts import HeloName, HostFacts, SendingAddress
from sendgate.names import Domain
from sendgate.profile import IpAddress, Profile

__all__ = ["MAX_NAMES", "collect_hosts"]

MAX_NAMES = 10  # of one address that are followed, as in RFC 7208 section 4.6.4


async def collect_hosts(profile: Profile, desk: Desk) -> HostFacts:
    """Ask about the hosts that send, where they are declared and the sender's own to set up.

    An audit without addresses and HELO asks nothing here. All questions go through
    `desk.listed`: one for PTR and one for each name found there, of each declared address,
    and two for the HELO name. Lists are asked only where the profile names them: two test
    questions a list and family of addresses, one an address, and one more where it is listed.
    """
    mine = profile.operates_hosts
    helo, addresses, lists = await asyncio.gather(
        _helo(profile.helo if mine else None, desk.listed),
        asyncio.gather(*(_address(ip, desk.listed) for ip in profile.ips if mine)),
        asyncio.gather(*(_list(*each, desk.listed) for each in _wanted(profile))),
    )
    return HostFacts(tuple(addresses), helo, tuple(lists))


def _wanted(profile: Profile) -> Iterator[tuple[Domain, tuple[IpAddress, ...]]]:
    """Each list with the addresses of one family, IPv4 first."""
    for zone in dict.fromkeys(profile.blocklists):
        for version in (4, 6):
            ips = tuple(ip for ip in dict.fromkeys(profile.ips) if ip.version == version)
            if ips:
                yield zone, ips


async def _list(zone: Domain, ips: tuple[IpAddress, ...], source: DnsSource) -> Blocklist:
    """Test a list, and ask it about the addresses only where it stands the test."""
    version = ips[0].version
    held, free = await asyncio.gather(
        *(source.ask(Question(name_in(zone, ip), "A")) for ip in known_addresses(version))
    )
    tested = Blocklist(zone, version, held, free)
    if tested.unknown is not None:
        return tested
    entries = await asyncio.gather(*(_entry(zone, ip, source) for ip in ips))
    return replace(tested, entries=tuple(entries))


async def _entry(zone: Domain, ip: IpAddress, source: DnsSource) -> ListEntry:
    name = name_in(zone, ip)
    entry = ListEntry(ip, await source.ask(Question(name, "A")))
    if not entry.codes:
        return entry
    return replace(entry, why=await source.ask(Question(name, "TXT")))


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
