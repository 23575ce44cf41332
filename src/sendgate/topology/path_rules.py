"""What stands at mail names that should not, and whose names they are.

TOP010, TOP024 to TOP026, TOP028, TOP029 and TOP035.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.record import Policy
from sendgate.dns.answers import Failed, NoData, Records
from sendgate.names import Domain
from sendgate.observed import Evidence, Present, Unknown, alias_evidence, evidence_of
from sendgate.topology import providers
from sendgate.topology.facts import NameFacts
from sendgate.topology.judging import (
    is_apex,
    is_synthesised,
    mail_names,
    provider_of,
    speaker,
    subject,
    zone_of,
)
from sendgate.topology.ses_rules import identity_elsewhere
from sendgate.vocabulary import Document, Hit, Rfc, Rule, Severity, Verdicts, rule, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

_FALLBACK = Document(
    "HubSpot, Verify the email address used to send marketing emails",
    "https://knowledge.hubspot.com/marketing-email/"
    "verify-the-email-address-used-to-send-marketing-emails",
)


@rule(
    "TOP010",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Remove the CNAME from the return path and publish the provider's MX and SPF there.",
)
def return_path_is_alias(facts: DomainFacts) -> Verdicts:
    """The return path is an alias, where the provider needs MX and SPF records at the name.

    Nobody sees records beside a CNAME: receivers read SPF, and send bounces, by what the
    target publishes. SPF then fails or passes for others, and bounces never reach the
    provider.
    """
    path, provider = facts.return_path, provider_of(facts)
    if path is None or provider is None:
        return
    if speaker(facts, path) == "TOP010":
        yield Hit(
            f"the return path {path.name} is an alias of {path.aliases[0].target}; "
            f"{provider.name} needs MX and SPF records at the name itself",
            alias_evidence(path.aliases),
        )
    elif {"a", "same"} & set(provider.families) and _nothing_told(path):
        yield from unread(path.failed)


@rule(
    "TOP024",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Point another name at the web host, and give the mail name its own MX and TXT records.",
)
def mail_name_is_alias_of_web_host(facts: DomainFacts) -> Verdicts:
    """The sending domain or the return path is an alias of a web host.

    MX, SPF and verification records of the name are then those of the web host, which has
    none for this mail: SPF fails and bounces are lost. At a sending domain that is not the
    return path this is a warning: replies are lost, while DKIM and DMARC, which live at
    names below, are not affected.
    """
    for name in mail_names(facts):
        needed = name.name == facts.profile.envelope
        severity = Severity.ERROR if needed else Severity.WARNING
        if speaker(facts, name) == "TOP024":
            target = name.aliases[-1].target
            role = "return path" if needed else "sending domain"
            yield Hit(
                f"the {role} {name.name} is an alias of the web host {target}",
                (*alias_evidence(name.aliases), *name.address_evidence),
                severity,
            )
        elif _nothing_told(name) or (name.aliases and speaker(facts, name) is None):
            # Whether the target takes mail is what could not be seen.
            yield from unread(name.mx if name.aliases else name.failed, severity)


@rule(
    "TOP025",
    Severity.WARNING,
    Rfc(5321, "5.1"),
    remedy="Publish an MX record at the return path that names the host which takes its bounces.",
)
def bounces_go_to_web_server(facts: DomainFacts) -> Verdicts:
    """The return path has an address and no MX record.

    Senders of bounces fall back to the address of the name, which is usually a web server:
    the bounces are refused there or never read. At a sending domain that also serves
    content the same happens to replies, which is a note.
    """
    path = facts.return_path
    if path is not None:
        yield from _implicit(facts, path, "bounces", Severity.WARNING)
    sending = facts.sending
    if sending is not path and sending.name in facts.profile.declared_content:
        yield from _implicit(facts, sending, "replies", Severity.NOTE)


def _implicit(facts: DomainFacts, name: NameFacts, what: str, severity: Severity) -> Verdicts:
    mx = facts.mx[name.name]
    if name.aliases or (name is facts.return_path and name.behind):
        return  # the alias is the fault: TOP001, TOP004, TOP010, TOP024 or TOP027 speaks of it
    if mx.is_implicit:
        yield Hit(
            f"{name.name} has no MX record, so {what} go to the server at its own address",
            (*evidence_of(mx.answer), *name.address_evidence),
            severity,
        )
    elif isinstance(mx.answer, Failed):
        yield from unread(mx.answer, severity)
    elif isinstance(mx.answer, NoData) and mx.has_address is None:
        failed = next((x for x in (name.a, name.aaaa) if isinstance(x, Failed)), None)
        yield from unread(failed, severity)


@rule(
    "TOP026",
    Severity.WARNING,
    Rfc(4592, "2.2.1"),
    remedy="Publish at the name what its mail needs, and do not rely on the wildcard.",
)
def mail_name_from_wildcard(facts: DomainFacts) -> Verdicts:
    """A wildcard answers for the sending domain or the return path, which is not published.

    What receivers see there was meant for no name in particular. It vanishes as soon as
    any record is published at the name or below it, such as a DKIM key or a DMARC record.
    """
    for name in mail_names(facts):
        if name.aliases and speaker(facts, name) != "TOP026":
            continue
        made = None if is_apex(facts, name) else is_synthesised(facts, name)
        if is_apex(facts, name) or made is False:
            continue
        if made:
            types = ", ".join(_types(name))
            yield Hit(
                f"a wildcard{_wildcard(name)} answers for {name.name} ({types}); any record "
                "published there or below it takes that answer away",
                _wildcard_evidence(name),
            )
        else:
            yield from _unread_probe(facts, name)


@rule(
    "TOP028",
    Severity.NOTE,
    Rfc(9989, "4.4"),
    remedy="Nothing is to be done where DKIM aligns; otherwise use a return path under the From "
    "domain's organizational domain.",
)
def return_path_of_another_organization(facts: DomainFacts) -> Verdicts:
    """The return path is outside the organizational domain of the From domain.

    SPF can pass, but never for the From domain, so DMARC rests on DKIM alone. With a
    provider's shared addresses this is normal.
    """
    role = facts.profile.return_path
    if role is None or _share_registrable(facts.profile.sending, role.name):
        return
    if identity_elsewhere(facts) is not None:
        return  # TOP020 tells the cause
    aligns = facts.dmarc.aligns(role.name)
    if aligns is False:
        yield Hit(
            f"the return path {role.name} is outside the organizational domain of "
            f"{facts.profile.sending}, so SPF cannot align",
            _path_evidence(facts, role.name),
        )
    elif aligns is None:
        yield from unread(facts.dmarc.organizational_unknown or facts.dmarc.unknown_of(role.name))


@rule(
    "TOP029",
    Severity.WARNING,
    Rfc(9989, "4.4"),
    remedy="Send from a domain of your own, where DKIM keys and a DMARC policy can be published.",
)
def from_a_foreign_domain(facts: DomainFacts) -> Verdicts:
    """The sending domain is a mailbox provider's or a sending service's, not the sender's own.

    No DKIM key and no SPF record for this mail can be published there, so nothing can
    align, and receivers take such mail for forged as soon as that domain's policy asks
    them to. Where the policy already does, ALN007 says so as an error.
    """
    sending = facts.profile.sending
    owner = providers.by_return_path(sending)
    if not providers.is_mailbox_domain(sending) and owner is None:
        return
    policy = facts.dmarc.policy
    if isinstance(policy, Present) and policy.value.policy in {Policy.QUARANTINE, Policy.REJECT}:
        return
    if isinstance(policy, Unknown) and owner is None:
        yield from unread(policy)
        return
    whose = "a mailbox provider" if owner is None else owner.name
    yield Hit(f"{sending} is a domain of {whose}, not of the sender", subject(facts.sending))


def _nothing_told(name: NameFacts) -> bool:
    return not name.aliases and all(isinstance(answer, Failed) for answer in name.answers)


def _types(name: NameFacts) -> list[str]:
    found = ["CNAME"] if name.aliases else []
    return found + [x.question.rdtype for x in name.answers if isinstance(x, Records)]


def _wildcard(name: NameFacts) -> str:
    told = (x.wildcard for x in name.answers if isinstance(x, Records | NoData))
    star = next((wildcard for wildcard in told if wildcard is not None), None)
    return "" if star is None else f" ({star})"


def _wildcard_evidence(name: NameFacts) -> tuple[Evidence, ...]:
    found = [e for x in name.answers if isinstance(x, Records) for e in evidence_of(x)]
    return tuple(dict.fromkeys([*alias_evidence(name.aliases), *found])) or subject(name)


def _unread_probe(facts: DomainFacts, name: NameFacts) -> Verdicts:
    """What kept a wildcard from being told: the probes, or the name itself."""
    zone = zone_of(facts, name.name)
    answers = (*zone.probes, *(() if zone.above is None else (zone.above,)), *name.answers)
    yield from unread(next((x for x in answers if isinstance(x, Failed)), None))


def _share_registrable(one: Domain, other: Domain) -> bool:
    """Whether the public suffix list puts both names under one organization."""
    from sendgate.dmarc.suffixes import registrable

    found = registrable(one)
    return found is not None and found == registrable(other)


def _path_evidence(facts: DomainFacts, path: Domain) -> tuple[Evidence, ...]:
    name = facts.names.get(path)
    if name is not None:
        return subject(name)
    # The provider's own name: its records are not asked for, the sender's are shown.
    return subject(facts.sending)


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
        sends = "sends" if provider.is_confirmed("from-fallback") else "is said to send"
        shown = provider.from_fallback.replace("{S}", sending.text)
        yield Hit(f"{provider.name} has no key for {sending}, and {sends} as {shown}", at)


RULES: tuple[Rule, ...] = (
    return_path_is_alias,
    mail_name_is_alias_of_web_host,
    bounces_go_to_web_server,
    mail_name_from_wildcard,
    return_path_of_another_organization,
    from_a_foreign_domain,
    from_will_be_rewritten,
)
