"""Who takes the bounces at the return path, by what the sending provider asks for there.

TOP008, TOP009, TOP011, TOP013, TOP017 to TOP019, TOP021, TOP023 and TOP035. They speak where
the return path was declared and the provider is named, or known by its records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.dns.answers import Failed, NoData, NxDomain, Records
from sendgate.names import Domain
from sendgate.observed import Present, any_of, evidence_of
from sendgate.profile import SenderKind
from sendgate.spf.facts import candidates
from sendgate.topology import providers
from sendgate.topology.facts import NameFacts
from sendgate.topology.judging import provider_of, subject
from sendgate.topology.providers import Provider
from sendgate.vocabulary import Document, Hit, Rfc, Rule, Severity, Verdicts, rule, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

_SES = Document(
    "Amazon SES, SetIdentityMailFromDomain",
    "https://docs.aws.amazon.com/ses/latest/APIReference/API_SetIdentityMailFromDomain.html",
)
_FALLBACK = Document(
    "HubSpot, Verify the email address used to send marketing emails",
    "https://knowledge.hubspot.com/marketing-email/"
    "verify-the-email-address-used-to-send-marketing-emails",
)
_AMAZON = Domain("amazonses.com")
_AMAZON_INBOUND = Domain("amazonaws.com")


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
    path, provider = _own_path(facts), _provider(facts)
    if path is None or provider is None or "a" not in provider.families or path.aliases:
        return
    mx = facts.mx[path.name]
    owners = _owners(facts, path)
    if not owners or any(owner and owner.id in provider.systems for _, owner in owners):
        yield from unread(mx.answer)
        return
    if not _takes_bounces(provider):
        return
    if "amazon-ses" in provider.systems and any(_is_of_ses(host) for host, _ in owners):
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
    path, provider = _own_path(facts), provider_of(facts)
    if path is None or provider is None or path.aliases:
        return
    if "a" not in provider.families or not _takes_bounces(provider):
        return
    sure = provider.is_confirmed("return-path")
    mx = facts.mx[path.name]
    if provider.id != "amazon-ses" and mx.can_receive is False and not mx.hosts:
        yield Hit(
            f"the return path {path.name} has no MX record, and {provider.name} needs one",
            evidence_of(mx.answer),
            None if sure else Severity.WARNING,
        )
    elif _lets_provider_send(facts, provider) is False and isinstance(facts.spf, Present):
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
    path, provider = _own_path(facts), provider_of(facts)
    if path is None or provider is None or "b" not in provider.families:
        return
    if not provider.return_path_targets or {"a", "same"} & set(provider.families):
        return
    if any(_is_at(provider, alias.target) for alias in path.aliases):
        return
    if not path.aliases and _all_failed(path):
        yield from unread(path.failed)
        return
    if not path.aliases and _serves_as_copy(facts, path, provider):
        return  # the same data without the alias: a provider of DNS that flattens it
    where = f"is an alias of {path.aliases[0].target}" if path.aliases else "is no alias"
    yield Hit(
        f"the return path {path.name} {where}; {provider.name} needs a CNAME to a name of "
        f"{provider.return_path_targets[0]}",
        subject(path),
        None if provider.is_confirmed("return-path") else Severity.WARNING,
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
    path = _own_path(facts)
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
    path = _own_path(facts)
    if path is None or path.aliases:
        return
    found = {owner.id: owner for _, owner in _owners(facts, path) if owner is not None}
    if len(found) > 1:
        names = " and ".join(owner.name for owner in found.values())
        yield Hit(
            f"the MX records of the return path {path.name} are of {names}",
            evidence_of(facts.mx[path.name].answer),
        )


@rule(
    "TOP018",
    Severity.ERROR,
    _SES,
    remedy="Publish exactly one MX record there, to feedback-smtp.<region>.amazonses.com.",
)
def ses_feedback_host_wrong(facts: DomainFacts) -> Verdicts:
    """A MAIL FROM domain of Amazon SES has not exactly one MX record to its feedback host.

    SES then takes the setup for failed. It falls back to amazonses.com, so that SPF no longer
    aligns, or refuses to send, by the setting of the identity. A host for inbound mail takes
    no bounces.
    """
    path, provider = _own_path(facts), _provider(facts)
    if path is None or path.aliases:
        return
    owners = _owners(facts, path)
    of_ses = [host for host, owner in owners if _is_of_ses(host)]
    if not of_ses or len({owner.id for _, owner in owners if owner is not None}) > 1:
        return  # of two systems TOP017 speaks
    feedback = [host for host in of_ses if _is_feedback(host)]
    if len(feedback) == len(owners) == 1:
        return
    if not feedback and (provider is None or "amazon-ses" not in provider.systems):
        return  # a name that takes mail by SES, and sends by another system
    said = f"{len(owners)} MX records" if len(owners) > 1 else f"the MX host {of_ses[0]}"
    yield Hit(
        f"the MAIL FROM domain {path.name} has {said}, where Amazon SES needs one record, to "
        "feedback-smtp.<region>.amazonses.com",
        evidence_of(facts.mx[path.name].answer),
    )


@rule(
    "TOP019",
    Severity.ERROR,
    _SES,
    remedy="Use a subdomain for MAIL FROM that neither takes mail nor stands in From.",
)
def ses_mail_from_in_use(facts: DomainFacts) -> Verdicts:
    """The sending domain has the feedback host of Amazon SES as its MX.

    That host takes bounces alone. Replies to the From address are lost, and SES asks for a
    MAIL FROM domain that stands in no From.
    """
    sending, profile = facts.sending, facts.profile
    declared = profile.return_path is not None and not profile.return_path.assumed
    if not declared or sending.aliases or profile.sender is SenderKind.DEDICATED:
        return  # of dedicated addresses with one name for both TOP003 speaks
    hosts = [host for host, _ in _owners(facts, sending) if _is_feedback(host)]
    if hosts:
        yield Hit(
            f"the MX record of {sending.name}, which stands in From, leads to {hosts[0]}, which "
            "takes bounces alone",
            evidence_of(facts.mx[sending.name].answer),
        )


@rule(
    "TOP021",
    Severity.WARNING,
    _SES,
    remedy="Publish one MX record there, to feedback-smtp.<region>.amazonses.com, and have the "
    "identity verified again.",
)
def ses_mail_from_not_in_force(facts: DomainFacts) -> Verdicts:
    """The MAIL FROM domain of Amazon SES has no MX record, so SES does not use it.

    What SES then does is a setting of the identity that DNS does not show: UseDefaultValue
    sends with amazonses.com as the return path, and SPF stops aligning without a sign;
    RejectMessage refuses to send at all.
    """
    path, provider = _own_path(facts), provider_of(facts)
    if path is None or provider is None or provider.id != "amazon-ses" or path.aliases:
        return
    mx = facts.mx[path.name]
    if isinstance(mx.answer, NoData | NxDomain):
        yield Hit(
            f"{path.name} has no MX record: SES falls back to amazonses.com (UseDefaultValue) or "
            "refuses to send (RejectMessage)",
            evidence_of(mx.answer),
        )
    else:
        yield from unread(mx.answer)


@rule(
    "TOP023",
    Severity.NOTE,
    Document(
        "HubSpot, Understand email sending",
        "https://knowledge.hubspot.com/marketing-email/understand-email-sending-in-hubspot",
    ),
    remedy="Nothing is to be done: keep the two DKIM records, on which DMARC rests.",
)
def shared_return_path(facts: DomainFacts) -> Verdicts:
    """The mail leaves from HubSpot's shared addresses, with a return path of HubSpot's.

    SPF passes for that name and never aligns with From, so DMARC rests on DKIM alone. This is
    how shared addresses work; an SPF include at the sending domain would change nothing.
    """
    role = facts.profile.return_path
    if facts.profile.provider_return_path and role is not None and facts.provider == "hubspot":
        yield Hit(
            f"the return path is at {role.name}, HubSpot's own, so DMARC rests on DKIM",
            subject(facts.sending),
        )


@rule(
    "TOP035",
    Severity.WARNING,
    _FALLBACK,
    remedy="Authenticate the sending domain at the provider before the next send.",
)
def from_will_be_rewritten(facts: DomainFacts) -> Verdicts:
    """The provider replaces the From address, for the domain has no key of it.

    The mail is sent all the same, from an address that recipients do not know, and replies and
    reputation are no longer the sender's.
    """
    provider = provider_of(facts)
    if provider is None or provider.from_fallback is None:
        return
    sending = facts.profile.sending
    keys = [key for key in facts.dkim.named if key.selector.domain == sending]
    none = facts.dkim.proven_none(sending)
    gone = bool(keys) and all(
        not isinstance(key.answer, Records | Failed) and not key.answer.aliases for key in keys
    )
    if none or gone:
        at = evidence_of(keys[0].answer) if keys else subject(facts.sending)
        yield Hit(
            f"{provider.name} has no key for {sending}, and sends as {provider.from_fallback}", at
        )


def _own_path(facts: DomainFacts) -> NameFacts | None:
    """Give the return path that was declared, where it is a name of its own."""
    role, path = facts.profile.return_path, facts.return_path
    if path is None or role is None or role.assumed or path.name == facts.profile.sending:
        return None
    return path


def _provider(facts: DomainFacts) -> Provider | None:
    """Give the named provider, else the one whose keys or includes the domain has."""
    return None if facts.provider is None else providers.find(facts.provider)


def _owners(facts: DomainFacts, name: NameFacts) -> list[tuple[Domain, Provider | None]]:
    """Give the mail hosts of a name, each with the provider it belongs to."""
    return [(host.target, providers.by_mx(host.target)) for host in facts.mx[name.name].hosts]


def _lets_provider_send(facts: DomainFacts, provider: Provider) -> bool | None:
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


def _takes_bounces(provider: Provider) -> bool:
    """Whether the catalogue knows a host that takes the bounces of this provider."""
    return any(providers.find(one).bounce_mx for one in provider.systems)


def _is_feedback(host: Domain) -> bool:
    return host.is_under(_AMAZON) and host.labels[0] == "feedback-smtp" and len(host.labels) == 4


def _is_of_ses(host: Domain) -> bool:
    inbound = host.is_under(_AMAZON_INBOUND) and host.labels[0] == "inbound-smtp"
    return inbound or host.is_under(_AMAZON)


def _is_at(provider: Provider, target: Domain) -> bool:
    return any(target.is_under(suffix) for suffix in provider.return_path_targets)


def _all_failed(name: NameFacts) -> bool:
    return all(isinstance(answer, Failed) for answer in name.answers)


def _serves_as_copy(facts: DomainFacts, path: NameFacts, provider: Provider) -> bool:
    """Whether MX and SPF records at the name are what the provider's own host has."""
    hosts = facts.mx[path.name].hosts
    taken: Iterator[bool] = (
        _is_at(provider, h.target) or providers.by_mx(h.target) is provider for h in hosts
    )
    return any(taken) or bool(hosts and path.txt is not None and candidates(path.txt))


RULES: tuple[Rule, ...] = (
    bounces_go_elsewhere,
    return_path_incomplete,
    return_path_without_its_alias,
    return_path_leads_nowhere,
    bounces_go_to_two_systems,
    ses_feedback_host_wrong,
    ses_mail_from_in_use,
    ses_mail_from_not_in_force,
    shared_return_path,
    from_will_be_rewritten,
)
