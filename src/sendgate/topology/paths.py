"""What several rules about the return path need to see: whose it is, who takes its bounces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.dns.answers import Alias, Failed
from sendgate.names import Domain
from sendgate.observed import Present, any_of
from sendgate.spf.facts import candidates
from sendgate.topology import providers
from sendgate.topology.facts import NameFacts
from sendgate.topology.providers import Provider

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = [
    "all_failed",
    "bounce_alias",
    "is_at",
    "is_dedicated_name",
    "is_feedback",
    "is_hubspot_dedicated",
    "is_of_ses",
    "lets_provider_send",
    "own_path",
    "owners_of",
    "sender_of",
    "serves_as_copy",
    "takes_bounces",
]

_AMAZON = Domain("amazonses.com")
_AMAZON_INBOUND = Domain("amazonaws.com")


def own_path(facts: DomainFacts) -> NameFacts | None:
    """Give the return path that was declared, where it is a name of its own."""
    role, path = facts.profile.return_path, facts.return_path
    if path is None or role is None or role.assumed or path.name == facts.profile.sending:
        return None
    return path


def sender_of(facts: DomainFacts) -> Provider | None:
    """Give the named provider, else the one whose keys or includes the domain has."""
    return None if facts.provider is None else providers.find(facts.provider)


def bounce_alias(facts: DomainFacts, name: NameFacts) -> Alias | None:
    """Give the alias of the declared return path that leads to a provider's return-path host."""
    path = own_path(facts)
    if path is None or name.name != path.name:
        return None
    first = next(iter(name.aliases), None)
    known = first is not None and providers.by_return_path_target(first.target) is not None
    return first if known else None


def owners_of(facts: DomainFacts, name: NameFacts) -> list[tuple[Domain, Provider | None]]:
    """Give the mail hosts of a name, each with the provider it belongs to."""
    return [(host.target, providers.by_mx(host.target)) for host in facts.mx[name.name].hosts]


def lets_provider_send(facts: DomainFacts, provider: Provider) -> bool | None:
    """Whether SPF at the return path lets the provider send; None where that is not known."""
    if not isinstance(facts.spf, Present) or facts.spf.value.broken or facts.spf.value.unread:
        return None
    if facts.spf_checks:
        return any_of(check.passes for check in facts.spf_checks)
    nodes = facts.spf.value.nodes[1:]
    if not provider.spf_includes and not provider.uses:
        return None
    owners = (providers.by_spf_include(node.domain) for node in nodes if node.domain)
    return any(owner is not None and owner.id in provider.systems for owner in owners)


def takes_bounces(provider: Provider) -> bool:
    """Whether the catalogue knows a host that takes the bounces of this provider."""
    return any(providers.find(one).bounce_mx for one in provider.systems)


def is_dedicated_name(name: Domain) -> bool:
    """Whether a return path has the form of dedicated addresses at HubSpot: `12345m.example.com`.

    The letter is m for marketing and t for transactional mail.
    """
    return re.fullmatch(r"[0-9]+[mt]", name.labels[0]) is not None if name.labels else False


def is_hubspot_dedicated(facts: DomainFacts, path: NameFacts) -> bool:
    """Whether the return path is that of dedicated addresses at HubSpot, the named provider."""
    return facts.profile.provider == "hubspot" and is_dedicated_name(path.name)


def is_feedback(host: Domain) -> bool:
    """Whether a host takes the bounces of Amazon SES, in some region."""
    return host.is_under(_AMAZON) and host.labels[0] == "feedback-smtp" and len(host.labels) == 4


def is_of_ses(host: Domain) -> bool:
    """Whether a mail host is one of Amazon SES, for bounces or for inboxes."""
    inbound = host.is_under(_AMAZON_INBOUND) and host.labels[0] == "inbound-smtp"
    return inbound or host.is_under(_AMAZON)


def is_at(provider: Provider, target: Domain) -> bool:
    """Whether a target is one of the provider's return-path hosts."""
    return any(target.is_under(suffix) for suffix in provider.return_path_targets)


def all_failed(name: NameFacts) -> bool:
    """Whether nobody could tell anything of a name."""
    return all(isinstance(answer, Failed) for answer in name.answers)


def serves_as_copy(facts: DomainFacts, path: NameFacts, provider: Provider) -> bool:
    """Whether MX and SPF records at the name are what the provider's own host has."""
    hosts = facts.mx[path.name].hosts
    taken: Iterator[bool] = (
        is_at(provider, h.target) or providers.by_mx(h.target) is provider for h in hosts
    )
    return any(taken) or bool(hosts and path.txt is not None and candidates(path.txt))
