"""Ask DNS all that the rules will want to know about one sender.

Every protocol's questions go out together. What depends on an answer (hosts of MX records,
includes, the organizational domain's records) follows in a second wave; what is only nice
to know comes last, within the desk's allowance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from sendgate.audit.facts import DomainFacts
from sendgate.bimi.collect import collect_bimi, collect_bimi_fallback
from sendgate.bimi.facts import BimiFacts
from sendgate.dkim.collect import collect_dkim, enrich_dkim
from sendgate.dmarc.alignment import predict
from sendgate.dmarc.collect import collect_dmarc, enrich_dmarc
from sendgate.dmarc.facts import DmarcFacts
from sendgate.dns.source import Desk
from sendgate.hosts.collect import collect_hosts
from sendgate.hosts.facts import HostFacts
from sendgate.mx.collect import collect_mx
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.observed import Observed, Present
from sendgate.profile import IpAddress, Profile
from sendgate.spf.collect import collect_spf, enrich_spf
from sendgate.spf.evaluate import check_host
from sendgate.spf.facts import Family, SpfCheck, SpfFacts
from sendgate.topology.collect import collect_names, enrich_zones
from sendgate.topology.facts import NameFacts
from sendgate.topology.outcome import outcome

__all__ = ["collect"]


async def collect(
    profile: Profile, desk: Desk, probe_label: str, *, sending: bool = False
) -> DomainFacts:
    """Everything that was seen about the sender; `probe_label` is a label nobody publishes.

    `sending`: ask about the hosts that send, too.
    """
    spf_domain = profile.envelope or profile.sending
    (names, mx), spf_and_checks, dkim, (dmarc, bimi), hosts = await asyncio.gather(
        _names_and_mx(profile, desk),
        _spf_and_checks(profile, spf_domain, desk),
        collect_dkim(profile, desk, probe_label),
        _dmarc_and_bimi(profile, desk),
        collect_hosts(profile, desk) if sending else _no_hosts(),
    )
    spf, checks, helo_checks = spf_and_checks
    # The order in which the spare questions are listed is the order of their worth.
    dmarc, spf, zones, dkim = await asyncio.gather(
        enrich_dmarc(dmarc, desk),
        _enrich_spf(spf, desk),
        enrich_zones(profile, names, desk, probe_label),
        enrich_dkim(dkim, desk),
    )
    return DomainFacts(
        profile=profile,
        spf=spf,
        spf_domain=spf_domain,
        spf_checks=checks,
        helo_spf=helo_checks,
        dkim=dkim,
        dmarc=dmarc,
        bimi=bimi,
        hosts=hosts,
        mx=mx,
        names=names,
        zones=zones,
        alignment=predict(profile, spf, checks, dkim, dmarc),
        topology=outcome(profile, dmarc.suffix_organizational),
    )


async def _no_hosts() -> HostFacts:
    return HostFacts()


async def _names_and_mx(
    profile: Profile, desk: Desk
) -> tuple[Mapping[Domain, NameFacts], Mapping[Domain, MxFacts]]:
    names = await collect_names(profile, desk)
    return names, await collect_mx(profile, names, desk)


async def _spf_and_checks(
    profile: Profile, domain: Domain, desk: Desk
) -> tuple[Observed[SpfFacts], tuple[SpfCheck, ...], tuple[SpfCheck, ...]]:
    families = [Family.IPV4, *(Family.IPV6 for ip in profile.ips if ip.version == 6)]
    spf = await collect_spf(domain, desk, families)
    # check_host asks one thing after the other; once the tree is read, it finds nearly
    # all of its answers in the run's cache.
    envelope = () if profile.envelope is None else profile.ips
    helo = () if profile.helo is None else profile.ips
    checks = await asyncio.gather(*(_check(profile, domain, ip, desk) for ip in envelope))
    helo_checks = await asyncio.gather(
        *(_check(profile, profile.helo or domain, ip, desk) for ip in helo)
    )
    return spf, tuple(checks), tuple(helo_checks)


async def _check(profile: Profile, domain: Domain, ip: IpAddress, desk: Desk) -> SpfCheck:
    """What a receiver would find for mail from postmaster@domain, sent by `ip`."""
    result = await check_host(
        ip, domain, f"postmaster@{domain}", str(profile.helo or domain), desk.core
    )
    return SpfCheck(ip, domain, result)


async def _enrich_spf(spf: Observed[SpfFacts], desk: Desk) -> Observed[SpfFacts]:
    if not isinstance(spf, Present):
        return spf
    return replace(spf, value=await enrich_spf(spf.value, desk))


async def _dmarc_and_bimi(profile: Profile, desk: Desk) -> tuple[DmarcFacts, BimiFacts]:
    identifiers = [*profile.dkim_domains]
    if profile.return_path is not None:
        identifiers.append(profile.return_path.name)
    dmarc, bimi = await asyncio.gather(
        collect_dmarc(profile.sending, identifiers, desk),
        collect_bimi(profile.sending, profile.bimi_selector, desk),
    )
    return dmarc, await collect_bimi_fallback(bimi, dmarc.organizational, desk)
