"""What several topology rules need to see in the facts, and which of them speaks for an alias.

An alias at a mail name can be many things at once: a web host at the return path, dangling,
made by a wildcard. One fault is reported once, by the first of these that holds:

    DNS003  the chain has no end, or several CNAMEs stand there
    DNS002  the name is the apex of its zone
    TOP012  other records stand beside the CNAME of the return path to its provider
    DNS001  other records stand beside any other CNAME
    TOP001  the sending domain is also a content host
    TOP004  the return path is also a content host
    TOP010  the return path needs records of its own for the declared provider
    TOP026  a wildcard made the alias
    DNS004  the target does not exist
    TOP024  the target is a web host

TOP001 and TOP004 speak of roles, so they are reported beside DNS001 too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import (
    Alias,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Reason,
    Records,
    Soa,
)
from sendgate.names import Domain
from sendgate.observed import Evidence, evidence_of, nothing_seen
from sendgate.spf.facts import candidates
from sendgate.topology import providers
from sendgate.topology.facts import NameFacts, ServerAnswers, ZoneFacts
from sendgate.topology.paths import bounce_alias

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = [
    "beside",
    "both_at_server",
    "is_apex",
    "is_dangling",
    "is_synthesised",
    "mail_names",
    "provider_of",
    "speaker",
    "subject",
    "zone_of",
]

# Types that DNSSEC puts beside every name, a CNAME included (RFC 4034 sections 3 and 4).
_DNSSEC_TYPES = frozenset({"RRSIG", "NSEC", "NSEC3"})


def mail_names(facts: DomainFacts) -> tuple[NameFacts, ...]:
    """Give what was seen at each of the sender's mail names."""
    return tuple(facts.names[name] for name in facts.profile.mail_names)


def provider_of(facts: DomainFacts) -> providers.Provider | None:
    """Give the declared provider."""
    return providers.find(facts.profile.provider) if facts.profile.provider else None


def zone_of(facts: DomainFacts, name: Domain) -> ZoneFacts:
    """Give what is known of a mail name's zone."""
    return next((zone for zone in facts.zones if zone.name == name), ZoneFacts(name))


def subject(name: NameFacts) -> tuple[Evidence, ...]:
    """Give evidence whose first piece is about the name itself: what was seen there."""
    for answer in (name.mx, name.txt, name.a, name.aaaa):
        if answer is not None and not isinstance(answer, Failed | NoData | NxDomain):
            return evidence_of(answer)
    told = next((x for x in name.answers if not isinstance(x, Failed)), None)
    if told is not None:
        return evidence_of(told)
    return (nothing_seen(name.name, "MX"),)


def beside(alias: Alias) -> tuple[str, ...]:
    """Give the types that stand beside a CNAME where they must not."""
    return tuple(rdtype for rdtype in alias.beside if rdtype not in _DNSSEC_TYPES)


def both_at_server(
    facts: DomainFacts, name: Domain
) -> tuple[ServerAnswers, Answer, Records] | None:
    """Find a server of the zone that answers one type with an alias and another with data.

    None too where the zone itself was read and shows as much.
    """
    zone = zone_of(facts, name)
    if facts.names[name].aliases and beside(facts.names[name].aliases[0]):
        return None
    for told in zone.servers:
        aliased = next((x for x in (told.mx, told.txt) if x.aliases), None)
        answers = (told.mx, told.txt)
        plain = next((x for x in answers if isinstance(x, Records) and not x.aliases), None)
        if aliased is not None and plain is not None:
            return told, aliased, plain
    return None


def is_apex(facts: DomainFacts, name: NameFacts) -> bool:
    """Whether a mail name is the apex of its zone, as far as that shows.

    An alias hides the SOA record from a resolver, and many DNS repositories leave it to the
    provider. There, a name directly below a registry's suffix counts: registries delegate.
    """
    if isinstance(name.soa, Records) and not name.soa.aliases and any(name.soa.of(Soa)):
        return True
    if not name.aliases:
        return zone_of(facts, name.name).is_apex
    if {"SOA", "NS"} & set(name.aliases[0].beside):
        return True
    from sendgate.dmarc.suffixes import is_icann_suffix

    return len(name.name.labels) > 1 and is_icann_suffix(name.name.parent)


def is_dangling(name: NameFacts) -> bool:
    """Whether the name is an alias whose last target does not exist."""
    return any(isinstance(x, NxDomain) and x.aliases for x in name.answers)


def is_synthesised(facts: DomainFacts, name: NameFacts) -> bool | None:
    """Whether a wildcard made the answers at a mail name; None where that was not seen.

    Zone files say so. Through a resolver it shows in two answers that equal the name's own:
    one for a made-up name below it (a name that is published shields what is below it, RFC
    4592 section 2.2.1), and one for the wildcard beside it.
    """
    if not name.exists:
        return name.exists
    told = [x for x in name.answers if isinstance(x, Records | NoData)]
    if any(answer.wildcard is not None for answer in told):
        return True
    if any(answer.origin.kind == "file" for answer in told):
        return False
    zone = zone_of(facts, name.name)
    if zone.is_apex or not zone.probes:
        return False if zone.is_apex else None
    if any(isinstance(probe, NxDomain) and not probe.aliases for probe in zone.probes):
        return False
    own = {x.question.rdtype: _shown(x) for x in name.answers}
    for answer in (*zone.probes, *(() if zone.above is None else (zone.above,))):
        if isinstance(answer, Failed) and not answer.aliases:
            return None
        if own.get(answer.question.rdtype) != _shown(answer):
            return False
    return zone.above is not None


def _shown(answer: Answer) -> tuple[frozenset[str], Domain | None]:
    """Give what an answer shows whatever name was asked: its data and its first alias's target."""
    target = answer.aliases[0].target if answer.aliases else None
    data = answer.records if isinstance(answer, Records) else ()
    return frozenset(str(record.data) for record in data), target


def speaker(facts: DomainFacts, name: NameFacts) -> str | None:
    """Give the id of the rule that speaks for the alias at a mail name; None for no fault."""
    looped = any(isinstance(x, Failed) and x.reason is Reason.ALIAS_LOOP for x in name.answers)
    if looped or any(alias.others for alias in name.aliases):
        return "DNS003"
    if not name.aliases:
        return None
    if is_apex(facts, name):
        return "DNS002"
    if beside(name.aliases[0]):
        return "DNS001" if bounce_alias(facts, name) is None else "TOP012"
    if name.name in facts.profile.declared_content:
        return "TOP001" if name.name == facts.profile.sending else "TOP004"
    if name.name == facts.profile.envelope and _needs_records(facts, name):
        return "TOP010"
    if is_synthesised(facts, name):
        return "TOP026"
    if is_dangling(name):
        return "DNS004"
    return "TOP024" if _leads_to_web(name) else None


def _needs_records(facts: DomainFacts, path: NameFacts) -> bool:
    """Whether the declared provider wants MX and SPF at the return path, and no alias."""
    provider = provider_of(facts)
    if provider is None or not {"a", "same"} & set(provider.families):
        return False
    return not any(
        alias.target.is_under(suffix)
        for alias in path.aliases
        for suffix in provider.return_path_targets
    )


def _leads_to_web(name: NameFacts) -> bool:
    """Whether the alias ends at a host with an address that neither takes mail nor has SPF."""
    if any(providers.by_web_target(alias.target) for alias in name.aliases):
        return True
    if any(providers.by_return_path_target(alias.target) for alias in name.aliases):
        return False
    mailless = isinstance(name.mx, NoData) and not (name.txt and candidates(name.txt))
    return mailless and name.has_address is True
