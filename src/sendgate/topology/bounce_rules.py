"""Who takes the bounces at the return path, by what the sending provider asks for there.

TOP008, TOP009, TOP011 to TOP013 and TOP017. They speak where the return path was declared
and the provider is named, or known by its records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import NoData, NxDomain
from sendgate.observed import Present, alias_evidence, evidence_of
from sendgate.topology import providers
from sendgate.topology.judging import beside, both_at_server, provider_of, speaker, subject
from sendgate.topology.paths import (
    all_failed,
    bounce_alias,
    is_at,
    is_hubspot_dedicated,
    is_of_ses,
    lets_provider_send,
    own_path,
    owners_of,
    sender_of,
    serves_as_copy,
    takes_bounces,
)
from sendgate.vocabulary import Hit, Rfc, Rule, Severity, Verdicts, rule, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "TOP008",
    Severity.ERROR,
    Rfc(5321, "4.5.5"),
    remedy="Let the MX record of the return path name the provider's host, and nothing else.",
)
def bounces_go_elsewhere(facts: DomainFacts) -> Verdicts:
    """The MX record of the return path leads to another system than the sending provider's.

    Bounces then land where nobody handles them: the provider goes on sending to addresses
    that do not exist, and the reputation of the sender suffers. A host that the catalogue does
    not know is a warning.
    """
    path, provider = own_path(facts), sender_of(facts)
    if path is None or provider is None or "a" not in provider.families or path.aliases:
        return
    mx = facts.mx[path.name]
    owners = owners_of(facts, path)
    if not owners or any(owner and owner.id in provider.systems for _, owner in owners):
        yield from unread(mx.answer)
        return
    if not takes_bounces(provider):
        return
    if "amazon-ses" in provider.systems and any(is_of_ses(host) for host, _ in owners):
        return  # the wrong host of the right system: TOP018
    host, owner = next(((h, o) for h, o in owners if o is not None), owners[0])
    whose = "which is not known to be its host" if owner is None else f"a host of {owner.name}"
    sure = owner is not None and provider.is_confirmed("return-path")
    yield Hit(
        f"bounces of {provider.name} to {path.name} go to {host}, {whose}",
        evidence_of(mx.answer),
        None if sure else Severity.WARNING,
    )


@rule(
    "TOP009",
    Severity.ERROR,
    Rfc(7208, "2.4"),
    remedy="Publish the MX record and the SPF include that the provider shows for the return path.",
)
def return_path_incomplete(facts: DomainFacts) -> Verdicts:
    """The return path lacks what the named provider asks for there.

    Without an MX record bounces go nowhere and the provider does not use the name. Where the
    SPF record does not include the provider, the mail fails SPF: an error where DKIM does not
    align either, as nothing then vouches for it; else a warning.
    """
    path, provider = own_path(facts), provider_of(facts)
    if path is None or provider is None or path.aliases:
        return
    if "a" not in provider.families or not takes_bounces(provider):
        return
    if is_hubspot_dedicated(facts, path):
        return  # TOP022 tells all that is missing there
    sure = provider.is_confirmed("return-path")
    mx = facts.mx[path.name]
    if provider.id != "amazon-ses" and mx.can_receive is False and not mx.hosts:
        yield Hit(
            f"the return path {path.name} has no MX record, and {provider.name} needs one",
            evidence_of(mx.answer),
            None if sure else Severity.WARNING,
        )
    elif lets_provider_send(facts, provider) is False and isinstance(facts.spf, Present):
        vouched = facts.alignment.dkim_can_pass is not False
        yield Hit(
            f"the SPF record of {path.name} does not include {provider.name}",
            facts.spf.evidence or subject(path),
            Severity.WARNING if vouched or not sure else None,
        )


@rule(
    "TOP011",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Publish the CNAME that the provider shows at the return path, and nothing beside it.",
)
def return_path_without_its_alias(facts: DomainFacts) -> Verdicts:
    """The named provider keeps the return path by a CNAME, and none to its host is there.

    The provider then does not use this name: its own takes the place, so that SPF passes and
    never aligns, or the mail is not sent. Where a provider also takes MX and SPF records at
    the name, those do as well.
    """
    path, provider = own_path(facts), provider_of(facts)
    if path is None or provider is None or "b" not in provider.families:
        return
    if not provider.return_path_targets or {"a", "same"} & set(provider.families):
        return
    if any(is_at(provider, alias.target) for alias in path.aliases) or path.behind:
        return  # of one that a proxy hides TOP027 speaks
    if not path.aliases and all_failed(path):
        yield from unread(path.failed)
        return
    if not path.aliases and serves_as_copy(facts, path, provider):
        return  # the same data without the alias: a provider of DNS that flattens it
    where = f"is an alias of {path.aliases[0].target}" if path.aliases else "is no alias"
    yield Hit(
        f"the return path {path.name} {where}; {provider.name} needs a CNAME to a name of "
        f"{provider.return_path_targets[0]}",
        subject(path),
        None if provider.is_confirmed("return-path") else Severity.WARNING,
    )


@rule(
    "TOP012",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Remove everything but the CNAME from the return path; the provider's host has the MX "
    "and SPF records.",
)
def data_beside_return_path_alias(facts: DomainFacts) -> Verdicts:
    """Other records stand beside the CNAME that the provider keeps the return path by.

    A name that is an alias can hold nothing else. Servers refuse such a zone, or resolvers see
    one or the other by chance: the SPF record that was added to be safe takes the provider's
    place, and bounces are lost. Through a resolver alone this does not show.
    """
    path = own_path(facts)
    if path is None:
        return
    alias, told = bounce_alias(facts, path), both_at_server(facts, path.name)
    if alias is None:
        return
    if speaker(facts, path) == "TOP012":
        yield Hit(
            f"the return path {path.name} is an alias of {alias.target} and also has "
            f"{' and '.join(beside(alias))} records",
            alias_evidence([alias]),
        )
    elif told is not None:
        server, aliased, plain = told
        yield Hit(
            f"{server.server} answers for the return path {path.name} with an alias of "
            f"{alias.target} and also with {plain.question.rdtype} records",
            (*alias_evidence(aliased.aliases), *evidence_of(plain)),
        )


@rule(
    "TOP013",
    Severity.ERROR,
    Rfc(5321, "5.1"),
    remedy="Ask the provider for the target of this account, or remove the CNAME where the account "
    "is closed.",
)
def return_path_leads_nowhere(facts: DomainFacts) -> Verdicts:
    """The return path is an alias of a provider's host that takes no bounces or has no SPF.

    The account is closed, or the target was copied with a slip: bounces are lost, and SPF
    finds no record for the mail. Names of closed accounts can also be taken by others.
    """
    path = own_path(facts)
    if path is None:
        return
    found = ((alias, providers.by_return_path_target(alias.target)) for alias in path.aliases)
    target, owner = next(((a.target, p) for a, p in found if p is not None), (None, None))
    if target is None or owner is None:
        return
    mx = facts.mx[path.name]
    if isinstance(mx.answer, NxDomain):
        what = "does not exist"
    elif isinstance(mx.answer, NoData) and mx.can_receive is False:
        what = "has no MX record"
    elif isinstance(path.txt, NoData):
        what = "has no SPF record"
    else:
        return
    yield Hit(
        f"the return path {path.name} leads to {target} of {owner.name}, which {what}",
        evidence_of(mx.answer),
        None if owner.is_confirmed("return-path") else Severity.WARNING,
    )


@rule(
    "TOP017",
    Severity.ERROR,
    Rfc(5321, "5.1"),
    remedy="Keep the MX records of the provider that sends with this return path, and give the "
    "other system a name of its own.",
)
def bounces_go_to_two_systems(facts: DomainFacts) -> Verdicts:
    """The return path has MX records of two different systems.

    Which of them gets a bounce is decided by preference or by chance. Each loses what the
    other one gets, and a provider that checks the name refuses to use it.
    """
    path = own_path(facts)
    if path is None or path.aliases:
        return
    found = {owner.id: owner for _, owner in owners_of(facts, path) if owner is not None}
    if len(found) > 1:
        names = " and ".join(owner.name for owner in found.values())
        yield Hit(
            f"the MX records of the return path {path.name} are of {names}",
            evidence_of(facts.mx[path.name].answer),
        )


RULES: tuple[Rule, ...] = (
    bounces_go_elsewhere,
    return_path_incomplete,
    return_path_without_its_alias,
    data_beside_return_path_alias,
    return_path_leads_nowhere,
    bounces_go_to_two_systems,
)
