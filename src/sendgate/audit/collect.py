"""Ask DNS all that the rules will want to know about one sender.

    round 1         every protocol's questions together: what each verdict rests on
    + SPF depth     the tree of SPF records; guessed selectors
    round 2         what the answers leave open: other names, addresses of SPF terms, MX hosts
    round 3         the hosts of `mx` terms, check_host for the declared addresses
    rounds 4, 5     what is good to know

Round 1 is small by construction; from round 2 on, what no record lists is asked as far as
the desk's allowance goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from sendgate.audit.facts import DomainFacts
from sendgate.bimi.collect import collect_bimi, enrich_bimi
from sendgate.bimi.facts import BimiFacts
from sendgate.bimi.fetch import AssetReader
from sendgate.dane.collect import call_hosts, enrich_dane, enrich_path
from sendgate.dane.facts import DaneFacts
from sendgate.dane.probe import MailHosts
from sendgate.dkim.collect import collect_dkim, enrich_dkim
from sendgate.dkim.facts import DkimFacts
from sendgate.dmarc.alignment import predict
from sendgate.dmarc.collect import collect_dmarc, complete_dmarc, enrich_dmarc
from sendgate.dmarc.facts import DmarcFacts
from sendgate.dns.source import Desk
from sendgate.hosts.collect import collect_hosts
from sendgate.mtasts.collect import enrich_mtasts
from sendgate.mtasts.facts import StsFacts
from sendgate.mx.collect import collect_mx
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.observed import Observed, Present
from sendgate.profile import IpAddress, Profile
from sendgate.spf.collect import collect_spf, complete_spf, enrich_spf
from sendgate.spf.evaluate import check_host
from sendgate.spf.facts import Family, SpfCheck, SpfFacts
from sendgate.tlsrpt.collect import enrich_tlsrpt
from sendgate.tlsrpt.facts import TlsrptFacts
from sendgate.topology.collect import collect_names, complete_names, enrich_zones
from sendgate.topology.facts import NameFacts
from sendgate.topology.outcome import outcome
from sendgate.web import Web

__all__ = ["collect"]


async def collect(
    profile: Profile,
    desk: Desk,
    probe_label: str,
    *,
    web: Web | None = None,
    brand: AssetReader | None = None,
    mail: MailHosts | None = None,
) -> DomainFacts:
    """Everything that was seen about the sender; `probe_label` is a label nobody publishes.

    `web`: what fetches the files that records name; without it none is fetched. `brand`: what
    reads the logo and its certificate. `mail`: what calls mail hosts; without it none is called.
    """
    spf_domain = profile.envelope or profile.sending
    # Keys and hosts ask in their further rounds only what is listed: no round waits for them.
    keys, hosts, (names, mx, spf, dmarc, bimi, checks, helo_checks) = await asyncio.gather(
        collect_dkim(profile, desk, probe_label),
        collect_hosts(profile, desk),
        _in_rounds(profile, spf_domain, desk),
    )
    # The order in which the spare questions are listed is the order of their worth.
    (bimi, dmarc, spf, zones), (mtasts, tlsrpt, dkim, dane, path_dane) = await asyncio.gather(
        asyncio.gather(
            _enrich_bimi(bimi, dmarc.organizational, desk, brand),
            enrich_dmarc(dmarc, desk),
            _enrich_spf(spf, desk),
            enrich_zones(profile, names, desk, probe_label),
        ),
        _at_last(profile, mx, dmarc.suffix_organizational, keys, desk, web, mail),
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
        mtasts=mtasts,
        tlsrpt=tlsrpt,
        dane=dane,
        path_dane=path_dane,
        alignment=predict(profile, spf, checks, dkim, dmarc),
        topology=outcome(profile, dmarc.suffix_organizational),
    )


_Seen: TypeAlias = tuple[
    Mapping[Domain, NameFacts],
    Mapping[Domain, MxFacts],
    Observed[SpfFacts],
    DmarcFacts,
    BimiFacts,
    tuple[SpfCheck, ...],
    tuple[SpfCheck, ...],
]


async def _in_rounds(profile: Profile, spf_domain: Domain, desk: Desk) -> _Seen:
    """Ask round by round: what each begins with, what that leaves open, what SPF then says."""
    names, spf, dmarc, bimi = await asyncio.gather(
        collect_names(profile, desk),
        collect_spf(spf_domain, desk),
        collect_dmarc(profile.sending, _identifiers(profile), desk),
        collect_bimi(profile.sending, profile.bimi_selector, desk),
    )
    (names, mx), dmarc, spf = await asyncio.gather(
        _complete_names(profile, names, desk),
        complete_dmarc(dmarc, desk),
        _complete_spf(profile, spf, desk),
    )
    checks, helo_checks = await _check_all(profile, spf_domain, desk)
    return names, mx, spf, dmarc, bimi, checks, helo_checks


def _identifiers(profile: Profile) -> list[Domain]:
    """List what may align with the author domain: d= domains and the return path."""
    path = profile.return_path
    return [*profile.dkim_domains, *([] if path is None else [path.name])]


async def _complete_names(
    profile: Profile, names: Mapping[Domain, NameFacts], desk: Desk
) -> tuple[Mapping[Domain, NameFacts], Mapping[Domain, MxFacts]]:
    names = await complete_names(profile, names, desk)
    return names, await collect_mx(profile, names, desk)


async def _complete_spf(
    profile: Profile, spf: Observed[SpfFacts], desk: Desk
) -> Observed[SpfFacts]:
    if not isinstance(spf, Present):
        return spf
    families = [Family.IPV4, *(Family.IPV6 for ip in profile.ips if ip.version == 6)]
    return replace(spf, value=await complete_spf(spf.value, desk, families))


async def _check_all(
    profile: Profile, domain: Domain, desk: Desk
) -> tuple[tuple[SpfCheck, ...], tuple[SpfCheck, ...]]:
    """Run check_host for each declared address: with the return path, and with HELO.

    It asks one thing after the other; once the tree is read, it finds nearly all of its
    answers in the run's cache.
    """
    envelope = () if profile.envelope is None else profile.ips
    helo = () if profile.helo is None else profile.ips
    checks = await asyncio.gather(*(_check(profile, domain, ip, desk) for ip in envelope))
    helo_checks = await asyncio.gather(
        *(_check(profile, profile.helo or domain, ip, desk) for ip in helo)
    )
    return tuple(checks), tuple(helo_checks)


async def _check(profile: Profile, domain: Domain, ip: IpAddress, desk: Desk) -> SpfCheck:
    """What a receiver would find for mail from postmaster@domain, sent by `ip`."""
    result = await check_host(
        ip, domain, f"postmaster@{domain}", str(profile.helo or domain), desk.listed
    )
    return SpfCheck(ip, domain, result)


async def _at_last(
    profile: Profile,
    mx: Mapping[Domain, MxFacts],
    organizational: Domain,
    keys: DkimFacts,
    desk: Desk,
    web: Web | None,
    mail: MailHosts | None,
) -> tuple[StsFacts | None, TlsrptFacts | None, DkimFacts, DaneFacts, DaneFacts]:
    """Ask what is worth least to a sender, so that the others put all their questions first."""
    await desk.answered()
    own = mx[profile.sending]
    path = None if profile.envelope in {None, profile.sending} else mx[profile.envelope]
    return await asyncio.gather(
        enrich_mtasts(own, desk, web),
        enrich_tlsrpt(own, desk),
        enrich_dkim(keys, desk),
        _dane(own, organizational, desk, mail),
        _path_dane(path, desk, mail),
    )


async def _dane(
    mx: MxFacts, organizational: Domain, desk: Desk, mail: MailHosts | None
) -> DaneFacts:
    facts = await enrich_dane(mx, organizational, desk)
    return facts if mail is None else await call_hosts(facts, mx, mail)


async def _path_dane(mx: MxFacts | None, desk: Desk, mail: MailHosts | None) -> DaneFacts:
    if mx is None or mail is None:
        return DaneFacts()
    return await call_hosts(await enrich_path(mx, desk), mx, mail)


async def _enrich_bimi(
    facts: BimiFacts, organizational: Domain | None, desk: Desk, brand: AssetReader | None
) -> BimiFacts:
    facts = await enrich_bimi(facts, organizational, desk)
    if brand is None:
        return facts
    return replace(facts, assets=await brand.read(facts, organizational))


async def _enrich_spf(spf: Observed[SpfFacts], desk: Desk) -> Observed[SpfFacts]:
    if not isinstance(spf, Present):
        return spf
    return replace(spf, value=await enrich_spf(spf.value, desk))
