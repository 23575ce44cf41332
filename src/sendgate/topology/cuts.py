"""Ask where a return path is delegated, to whom, and whether its servers know of it (family c).

    the return path and the names above it ──► NS at each ──► Cut: NS, SOA, what each server says

A zone file shows its own side of the cut, a resolver that of the zone below. Where that zone
cannot be read, the servers of the one above are asked, as `--authoritative` wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Question,
    Records,
    Soa,
    Target,
)
from sendgate.dns.source import Desk, DnsSource
from sendgate.names import Domain
from sendgate.profile import Profile
from sendgate.topology import providers
from sendgate.topology.facts import Cut, CutServer, NameFacts

__all__ = ["collect_cut"]

MAX_SERVERS = 8  # of a delegation that are looked at; more than 8 are very rare
_ABOVE = 2  # servers of the zone above that are asked for its side of the cut


async def collect_cut(facts: NameFacts, profile: Profile, desk: Desk) -> Cut | None:
    """Ask where the return path is delegated.

    None where nothing calls for it: the named provider takes no delegation and no name that
    must be unused, and the name can be read.
    """
    provider = providers.find(profile.provider) if profile.provider else None
    called_for = provider is not None and ("c" in provider.families or provider.unused_name)
    unread = all(isinstance(answer, Failed) for answer in facts.answers)
    if facts.name != profile.envelope or not (called_for or unread):
        return None
    source = desk.listed if profile.authoritative else desk.spare
    names = _within_organization(facts.name)
    asked = await asyncio.gather(*(source.ask(Question(name, "NS")) for name in names))
    found = next((x for x in asked if isinstance(x, Records) and not x.aliases), None)
    if found is None and profile.authoritative:
        found = await _side_above(asked, source)
    if found is None:
        return Cut(facts.name, tuple(asked))
    cut = found.question.name
    soa = await source.ask(Question(cut, "SOA")) if _may_be_proposed(found, facts) else None
    servers: tuple[CutServer, ...] = ()
    if profile.authoritative:
        servers = await _ask_servers(found, source)
    return Cut(cut, (found,), soa, servers)


def _may_be_proposed(ns: Records, facts: NameFacts) -> bool:
    """Whether a zone file has the delegation, and the name's records are from elsewhere."""
    origins = {answer.origin.kind for answer in facts.answers if answer.origin is not None}
    return ns.origin.kind == "file" and bool(origins - {"file"})


def _within_organization(name: Domain) -> list[Domain]:
    """List the name and those above it, below the organization's registered domain."""
    from sendgate.dmarc.suffixes import registrable

    top = registrable(name)
    return [n for n in (name, *name.ancestors) if top is not None and n.is_under(top) and n != top]


async def _side_above(asked: Sequence[Answer], source: DnsSource) -> Records | None:
    """Ask the servers of the zone above for its NS records of the topmost name that fails."""
    broken = [answer.question.name for answer in asked if isinstance(answer, Failed)]
    if not broken:
        return None
    name = broken[-1]
    above = await source.ask(Question(name.parent, "SOA"))
    apex = name.parent if isinstance(above, Records) and any(above.of(Soa)) else None
    if isinstance(above, NoData | NxDomain):
        apex = above.zone
    if apex is None:
        return None
    ns = await source.ask(Question(apex, "NS"))
    targets = [target.name for target in ns.of(Target)] if isinstance(ns, Records) else []
    hosts = await asyncio.gather(*(source.ask(Question(t, "A")) for t in targets[:_ABOVE]))
    for address in map(_first_address, hosts):
        if address is not None:
            told = await source.ask(Question(name, "NS", server=address))
            if isinstance(told, Records) and not told.aliases:
                return Records(Question(name, "NS"), told.records, told.origin)
    return None


async def _ask_servers(ns: Records, source: DnsSource) -> tuple[CutServer, ...]:
    """Ask each server of the delegation, at its first address, for the zone's SOA record."""
    zone = ns.question.name

    async def ask(target: Domain) -> CutServer:
        host = await source.ask(Question(target, "A"))
        address = _first_address(host)
        if address is None:
            return CutServer(target, host)
        return CutServer(target, host, await source.ask(Question(zone, "SOA", server=address)))

    targets = [target.name for target in ns.of(Target)][:MAX_SERVERS]
    return tuple(await asyncio.gather(*map(ask, targets)))


def _first_address(answer: Answer) -> str | None:
    found = answer.of(Address) if isinstance(answer, Records) else ()
    return next((str(x.ip) for x in found if x.ip is not None), None)
