"""Whose sending service a domain's records show: from aliases, hosts and includes alone.

    DKIM targets, return path, SPF includes, MX ──► Seen, one a provider ──► the one that sends

A selector that many systems use shows nothing. One that a single provider hands out only
tells a reseller from the service that it sends through. An MX host shows where inboxes are,
and never who sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sendgate.dns.answers import Alias
from sendgate.names import Domain
from sendgate.observed import Evidence, Present, alias_evidence, evidence_of
from sendgate.spf.terms import Include
from sendgate.topology import providers
from sendgate.topology.providers import Provider

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["Mark", "Seen", "provider_that_sends", "seen_providers"]


class Mark(StrEnum):
    """By what a provider was recognised."""

    DKIM = "dkim"
    RETURN_PATH = "return-path"
    SPF = "spf"
    MX = "mx"


@dataclass(frozen=True)
class Seen:
    """One record that belongs to a provider."""

    provider: Provider
    mark: Mark
    evidence: tuple[Evidence, ...]


def seen_providers(facts: DomainFacts) -> tuple[Seen, ...]:
    """Give each record of the mail names that leads to a provider of the catalogue."""
    return (*_by_dkim(facts), *_by_return_path(facts), *_by_spf(facts), *_by_mx(facts))


def provider_that_sends(seen: Iterable[Seen]) -> Provider | None:
    """Tell who sends for the domain; None where nothing shows it, or several are possible.

    The return path says it before all else. A sending service is told apart from the host
    of the domain's inboxes, which sends people's own mail beside it.
    """
    marks: dict[Mark, dict[str, Provider]] = {mark: {} for mark in Mark}
    for one in seen:
        marks[one.mark][one.provider.id] = one.provider
    if path := marks[Mark.RETURN_PATH]:
        return _only(path)
    signers, listed = marks[Mark.DKIM], marks[Mark.SPF]
    services = _services(signers)
    if services:
        return _only(services)
    if not signers:
        return _only(_services(listed) or listed)
    return _only(signers) if not _services(listed) else None


def _services(found: dict[str, Provider]) -> dict[str, Provider]:
    return {key: one for key, one in found.items() if not one.hosts_mailboxes}


def _only(found: dict[str, Provider]) -> Provider | None:
    """Give the one of them; a reseller stands for the service that it sends through."""
    hosts = {used for provider in found.values() for used in provider.uses}
    left = [one for key, one in found.items() if key not in hosts]
    return left[0] if len(left) == 1 else None


def _by_dkim(facts: DomainFacts) -> Iterator[Seen]:
    owned = {s: p for p in providers.load_providers() for s in p.selectors if p.uses}
    for key in facts.dkim.keys:
        if not key.selector.named and key.wildcard is not False:
            continue
        owner = _owner(key.answer.aliases, providers.by_dkim_target)
        if owner is not None:
            yield Seen(owner, Mark.DKIM, alias_evidence(key.answer.aliases))
        elif key.record is not None and key.selector.name.lower() in owned:
            reseller = owned[key.selector.name.lower()]
            yield Seen(reseller, Mark.DKIM, evidence_of(key.answer))


def _by_return_path(facts: DomainFacts) -> Iterator[Seen]:
    role, path = facts.profile.return_path, facts.return_path
    if role is None or role.assumed:
        return
    own = providers.by_return_path(role.name)
    if own is not None:
        yield Seen(own, Mark.RETURN_PATH, ())
    if path is None:
        return
    leads = _owner(path.aliases, providers.by_return_path_target)
    if leads is not None:
        yield Seen(leads, Mark.RETURN_PATH, alias_evidence(path.aliases))
        return
    if path.name == facts.profile.sending:
        return  # the hosts of that name take the domain's own mail
    for host in facts.mx[path.name].hosts:
        takes = providers.by_mx(host.target)
        if takes is not None and not takes.hosts_mailboxes:
            yield Seen(takes, Mark.RETURN_PATH, evidence_of(facts.mx[path.name].answer))


def _by_spf(facts: DomainFacts) -> Iterator[Seen]:
    if not isinstance(facts.spf, Present):
        return
    for node in facts.spf.value.tree.children:
        if not isinstance(node.via, Include) or node.domain is None:
            continue
        owner = providers.by_spf_include(node.domain)
        if owner is not None:
            spf = facts.spf.value
            yield Seen(owner, Mark.SPF, evidence_of(spf.answer, *spf.candidates))


def _by_mx(facts: DomainFacts) -> Iterator[Seen]:
    mx = facts.mx.get(facts.profile.sending)
    for host in () if mx is None else mx.hosts:
        owner = providers.by_mx(host.target)
        if owner is not None and mx is not None:
            yield Seen(owner, Mark.MX, evidence_of(mx.answer))


def _owner(aliases: Iterable[Alias], of: Callable[[Domain], Provider | None]) -> Provider | None:
    found = (of(alias.target) for alias in aliases)
    return next((owner for owner in found if owner is not None), None)
