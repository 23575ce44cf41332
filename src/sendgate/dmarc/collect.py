"""Ask DNS what DMARC wants to know about one author domain.

Round 1: every name of the author's walk, the first ones of the identifiers beside it, and
whether the author domain exists. A second round is needed only where the identifiers have
more names, or where the organizational domain turns out wider than the suffix list has it.
`enrich_dmarc` asks about report destinations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from sendgate.dmarc.facts import DmarcFacts, ReportDestination, report_name
from sendgate.dmarc.record import ReportUri
from sendgate.dmarc.suffixes import is_public_suffix, registrable
from sendgate.dmarc.walk import Step, policy_name, read_step, walk_names
from sendgate.dns.answers import Answer, NoData, Question
from sendgate.dns.source import Desk, DnsSource
from sendgate.names import Domain
from sendgate.observed import Absent, Present

__all__ = ["MAX_DESTINATIONS", "collect_dmarc", "complete_dmarc", "enrich_dmarc", "read_walks"]

MAX_BESIDE = 3  # names of identifiers' walks in the first round; few senders have more

MAX_DESTINATIONS = 6  # report mailboxes looked at; few owners name more than two


async def collect_dmarc(author: Domain, identifiers: Sequence[Domain], desk: Desk) -> DmarcFacts:
    """Ask for the author's walk; `identifiers` are return path and d= domains."""
    return await _first_round(author, tuple(dict.fromkeys(identifiers)), desk.core)


async def complete_dmarc(facts: DmarcFacts, desk: Desk) -> DmarcFacts:
    """Ask for the names of the identifiers' walks that were not asked for yet."""
    return await _second_round(facts, desk.spare)


async def read_walks(
    author: Domain, identifiers: Sequence[Domain], source: DnsSource
) -> DmarcFacts:
    """Ask for the author's walk, and for what the identifiers' walks need beyond it."""
    facts = await _first_round(author, tuple(dict.fromkeys(identifiers)), source)
    return await _second_round(facts, source)


async def _first_round(
    author: Domain, identifiers: tuple[Domain, ...], source: DnsSource
) -> DmarcFacts:
    # The audit asks for these types at the author domain anyway; asked twice, they count once.
    probes = [source.ask(Question(author, rdtype)) for rdtype in ("TXT", "MX", "A")]
    own = walk_names(author)
    beside = [n for n in _names_under(registrable(author), identifiers) if n not in own]
    first = [*own, *beside[:MAX_BESIDE]]
    existence, steps = await asyncio.gather(asyncio.gather(*probes), _read(first, source))
    return DmarcFacts(author, steps, tuple(existence), identifiers=identifiers)


async def _second_round(facts: DmarcFacts, source: DnsSource) -> DmarcFacts:
    steps, names = facts.steps, _names_under(facts.organizational, facts.identifiers)
    wanted = [name for name in names if name not in steps]
    return replace(facts, steps={**steps, **await _read(wanted, source)})


def _names_under(organizational: Domain | None, identifiers: Iterable[Domain]) -> Iterable[Domain]:
    """Names of the identifiers' walks: only what lies under that domain can align with it."""
    if organizational is None:
        return ()
    under = [name for name in identifiers if name.is_under(organizational)]
    return dict.fromkeys(step for name in under for step in walk_names(name))


async def _read(domains: Iterable[Domain], source: DnsSource) -> dict[Domain, Step]:
    async def step(domain: Domain, name: Domain) -> Step:
        return read_step(domain, await source.ask(Question(name, "TXT")))

    pairs = [(domain, policy_name(domain)) for domain in domains]
    steps = await asyncio.gather(*(step(d, name) for d, name in pairs if name is not None))
    return {step.domain: step for step in steps}


async def enrich_dmarc(facts: DmarcFacts, desk: Desk) -> DmarcFacts:
    """Add what is nice to know to the facts: report destinations, a record in a doubled zone."""
    destinations, misplaced = await asyncio.gather(
        asyncio.gather(*(_ask_about(d, facts, desk.spare) for d in _destinations(facts))),
        _misplaced(facts, desk.spare),
    )
    return replace(facts, destinations=tuple(destinations), misplaced=misplaced)


def _destinations(facts: DmarcFacts) -> list[ReportDestination]:
    """Give the usable mailboxes of the record that applies, one for each domain and tag."""
    if not isinstance(facts.policy, Present) or is_public_suffix(facts.policy.value.domain):
        return []  # a registry's own reports are its own business
    applied = facts.policy.value
    found: dict[tuple[str, Domain], ReportDestination] = {}
    tags: list[tuple[Literal["rua", "ruf"], tuple[ReportUri, ...]]] = [
        ("rua", applied.record.rua),
        ("ruf", applied.record.ruf),
    ]
    for tag, uris in tags:
        for uri in uris:
            if uri.domain is not None and (tag, uri.domain) not in found:
                external = _is_external(uri.domain, applied.domain, facts)
                found[tag, uri.domain] = ReportDestination(tag, uri, uri.domain, external)
    return list(found.values())[:MAX_DESTINATIONS]


def _is_external(host: Domain, policy_domain: Domain, facts: DmarcFacts) -> bool:
    """Whether the mailbox is somebody else's, by the walk and by the suffix list."""
    organizational = facts.organizational
    if organizational is not None and host.is_under(organizational):
        return False
    return registrable(host) != registrable(policy_domain)


async def _ask_about(
    destination: ReportDestination, facts: DmarcFacts, source: DnsSource
) -> ReportDestination:
    authorization, mx = await asyncio.gather(
        _authorization(destination, facts, source), _mx(destination, source)
    )
    addresses: Sequence[Answer] = ()
    if isinstance(mx, NoData):
        # Without MX the name's own address takes the mail (RFC 5321 section 5.1).
        host = destination.domain
        addresses = await asyncio.gather(
            *(source.ask(Question(host, rdtype)) for rdtype in ("A", "AAAA"))
        )
    return replace(destination, authorization=authorization, mx=mx, addresses=tuple(addresses))


async def _authorization(
    destination: ReportDestination, facts: DmarcFacts, source: DnsSource
) -> Answer | None:
    if not destination.external or not isinstance(facts.policy, Present):
        return None
    name = report_name(facts.policy.value.domain, destination.domain)
    return None if name is None else await source.ask(Question(name, "TXT"))


async def _mx(destination: ReportDestination, source: DnsSource) -> Answer | None:
    if destination.tag != "rua":
        return None
    return await source.ask(Question(destination.domain, "MX"))


async def _misplaced(facts: DmarcFacts, source: DnsSource) -> Answer | None:
    """Look for a record whose zone is written twice: ``_dmarc.news.example.com.example.com``."""
    zone = registrable(facts.author)
    step = facts.author_step
    if zone is None or step is None or not isinstance(step.seen, Absent) or step.void:
        return None
    name = zone.fitting_child(f"_dmarc.{facts.author}")
    return None if name is None else await source.ask(Question(name, "TXT"))
