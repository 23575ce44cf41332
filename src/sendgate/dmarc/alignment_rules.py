"""What can be wrong between From, return path and d=: ALN001 to ALN007, DMARC025, DMARC026."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.record import Policy
from sendgate.dmarc.suffixes import is_icann_suffix, is_public_suffix, registrable
from sendgate.names import Domain
from sendgate.observed import Evidence, Present, Unknown, all_of, nothing_seen
from sendgate.profile import SenderKind
from sendgate.vocabulary import (
    Document,
    Hit,
    Rfc,
    Rule,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["DMARC_RULES", "RULES"]


@rule(
    "ALN001",
    Severity.ERROR,
    Rfc(9989, "5.3.5"),
    remedy="Sign with a d= at or below the From domain's organization, or use a return path there.",
)
def nothing_aligns(facts: DomainFacts) -> Verdicts:
    """Neither SPF nor DKIM will give a pass that aligns with the From domain.

    DMARC then fails for every message: it is quarantined or rejected as the policy says,
    and the large providers refuse bulk mail whatever the policy.
    """
    spf, dkim = _spf_state(facts), _dkim_state(facts)
    if spf is False and dkim is False:
        root = registrable(facts.profile.sending)
        if any(registrable(name) != root for name, _ in _only_suffix_shared(facts)):
            return  # ALN004 says the same, and why
        yield Hit(_nothing_aligns(facts), _evidence(facts))
    elif True not in (spf, dkim) and None not in (spf, dkim):
        for state in (spf, dkim):
            if isinstance(state, Unknown):
                yield cannot_tell(state)


@rule(
    "ALN002",
    Severity.WARNING,
    Rfc(9989, "7.4"),
    remedy="Sign with DKIM under the From domain as well.",
)
def only_spf_aligns(facts: DomainFacts) -> Verdicts:
    """SPF aligns and DKIM does not, so forwarding breaks DMARC.

    A forwarder's own address is not in the SPF record, so forwarded mail keeps only its
    signature. With p=reject it is lost: that is DMARC025.
    """
    yield from _spf_alone(facts, rejecting=False)


@rule(
    "DMARC025",
    Severity.WARNING,
    Rfc(9989, "8"),
    remedy="Sign with DKIM under the From domain before p=reject is published.",
)
def reject_on_spf_alone(facts: DomainFacts) -> Verdicts:
    """p=reject is published, and SPF is all that aligns.

    Forwarded mail passes SPF no longer and is rejected. The standard forbids a domain to
    rest p=reject on SPF alone.
    """
    yield from _spf_alone(facts, rejecting=True)


def _spf_alone(facts: DomainFacts, *, rejecting: bool) -> Verdicts:
    policy = facts.dmarc.policy
    rejects = isinstance(policy, Present) and policy.value.policy is Policy.REJECT
    spf, dkim = facts.alignment.spf, _dkim_state(facts)
    if not spf.possible or spf.can_pass is False:
        return
    if rejecting and isinstance(policy, Unknown):
        yield cannot_tell(policy)
    elif rejecting is not rejects:
        return
    elif isinstance(dkim, Unknown):
        yield cannot_tell(dkim)
    elif dkim is False:
        keys = " and ".join(_signers(facts))
        how = "p=reject rests on SPF alone" if rejecting else "only SPF aligns"
        yield Hit(f"{how}: {keys} gives no pass that aligns", _evidence(facts))


@rule(
    "DMARC026",
    Severity.WARNING,
    Rfc(9989, "4.4"),
    remedy="Use the From domain itself as d= and return path, or drop adkim=s and aspf=s.",
)
def strict_mode_excludes_name(facts: DomainFacts) -> Verdicts:
    """Strict alignment is asked for, and a declared d= or return path is another name.

    It would align in relaxed mode; strict mode accepts only the From domain itself, so that
    mechanism never counts.
    """
    dmarc, author = facts.dmarc, facts.profile.sending
    if not isinstance(dmarc.policy, Present):
        if isinstance(dmarc.policy, Unknown):
            yield cannot_tell(dmarc.policy)
        return
    record = dmarc.policy.value.record
    role = facts.profile.return_path
    names = (
        [("aspf=s", "return path", role.name)] if role is not None and record.aspf == "s" else []
    )
    if record.adkim == "s":
        domains = dict.fromkeys(s.domain for s in facts.profile.selectors if s.named)
        names += [("adkim=s", "d=", domain) for domain in domains]
    for mode, what, name in names:
        relaxed = dmarc.aligns(name)
        unknown = dmarc.unknown_of(name) or dmarc.organizational_unknown
        if name == author or relaxed is False:
            continue
        if relaxed is None and unknown is not None:
            yield cannot_tell(unknown)
        elif relaxed:
            joined = f"{what}{name}" if what.endswith("=") else f"{what} {name}"
            yield Hit(
                f"{mode} at {dmarc.policy.value.domain} excludes {joined}", dmarc.policy.evidence
            )


@rule(
    "ALN003",
    Severity.NOTE,
    Rfc(9989, "4.4"),
    remedy="Nothing needs to be done; an SPF include at the From domain would not help.",
)
def spf_passes_elsewhere(facts: DomainFacts) -> Verdicts:
    """The return path belongs to the sending service, so SPF passes for it and does not align.

    DMARC passes by DKIM alone. That is normal for shared addresses.
    """
    spf, role = facts.alignment.spf, facts.profile.return_path
    if role is None or spf.possible is not False or facts.alignment.dkim_can_pass is not True:
        return
    outside = registrable(role.name) != registrable(facts.profile.sending)
    passes = facts.profile.provider_return_path or _spf_passes(facts) is not False
    if outside and passes:
        yield Hit(
            f"SPF passes for {role.name}, outside {facts.dmarc.organizational}; DKIM aligns",
            _evidence(facts),
        )


@rule(
    "ALN004",
    Severity.ERROR,
    Rfc(9989, "4.10.2"),
    remedy="Use a return path or d= of the organization that is in From.",
)
def only_registry_shared(facts: DomainFacts) -> Verdicts:
    """A declared name and the From domain have nothing in common but a registry above them.

    The shared name takes registrations, by psd=y or by the public suffix list, so the two
    are different organizations and never align. A warning where something else aligns, or
    where the list disagrees with the walk.
    """
    aligned = True in (_spf_state(facts), _dkim_state(facts))
    for name, registry in _only_suffix_shared(facts):
        same_by_list = registrable(name) == registrable(facts.profile.sending)
        if aligned and same_by_list:
            continue  # the psd=y that parts them is a fault of its own: DMARC020
        lower = aligned or same_by_list
        yield Hit(
            f"{name} and {facts.profile.sending} share only the registry {registry}",
            _evidence(facts),
            Severity.WARNING if lower else None,
        )


@rule(
    "ALN006",
    Severity.NOTE,
    Rfc(9989, "4.4.2"),
    remedy="Align the return path or a DKIM signature; the HELO name does not count.",
)
def only_helo_aligns(facts: DomainFacts) -> Verdicts:
    """The HELO name matches the From domain, and nothing that counts does.

    Alignment looks at the return path and at d= alone. HELO stands in for the return path
    only in messages that have none, such as bounces.
    """
    helo, author = facts.profile.helo, facts.profile.sending
    if helo is None or facts.alignment.spf.possible is not False:
        return
    if facts.alignment.dkim_can_pass is True or registrable(author) is None:
        return
    if registrable(helo) == registrable(author):
        yield Hit(f"HELO {helo} matches {author}, which does not count", _evidence(facts))


@rule(
    "ALN007",
    Severity.ERROR,
    Document("Email sender guidelines FAQ, Google", "https://support.google.com/a/answer/14229414"),
    remedy="Send from a domain of your own.",
)
def from_at_mailbox_provider(facts: DomainFacts) -> Verdicts:
    """From is at a mailbox provider, but another service sends the mail.

    Only the provider's own servers can authenticate its domain, and its DMARC policy asks
    receivers to quarantine or reject what others send. Without such a policy this is
    TOP029.
    """
    from sendgate.topology.providers import is_mailbox_domain

    if not is_mailbox_domain(facts.profile.sending) or not _sent_by_another(facts):
        return
    match facts.dmarc.policy:
        case Unknown() as unknown:
            yield cannot_tell(unknown)
        case Present(applied, evidence) if applied.effective_policy not in {None, Policy.NONE}:
            yield Hit(
                f"{facts.profile.sending} is a mailbox provider's and asks receivers to"
                f" {applied.effective_policy} what others send",
                evidence,
            )


def _sent_by_another(facts: DomainFacts) -> bool:
    """Whether something that was declared shows that the mailbox provider does not send."""
    profile = facts.profile
    if facts.alignment.dkim_can_pass or facts.alignment.spf_can_pass:
        return False
    names = [] if profile.return_path is None else [profile.return_path.name]
    foreign = any(facts.dmarc.aligns(name) is False for name in (*names, *profile.dkim_domains))
    shared = profile.sender in {SenderKind.SHARED, SenderKind.DEDICATED}
    return foreign or profile.provider is not None or shared


def _spf_state(facts: DomainFacts) -> bool | Unknown | None:
    """Whether an aligned SPF pass is to be expected; Unknown: DNS failed; None: not declared."""
    spf = facts.alignment.spf
    if spf.domain is None:
        return None
    if spf.possible is None:
        return facts.dmarc.unknown_of(spf.domain) or facts.dmarc.organizational_unknown
    return (
        spf.can_pass if spf.possible is False or spf.can_pass is not None else _spf_unknown(facts)
    )


def _spf_unknown(facts: DomainFacts) -> Unknown | None:
    if isinstance(facts.spf, Unknown):
        return facts.spf
    return next((c.result.unknown for c in facts.spf_checks if c.result.unknown is not None), None)


def _spf_passes(facts: DomainFacts) -> bool | None:
    """Whether SPF passes for all declared addresses, aligned or not; None: none declared."""
    return all_of(check.passes for check in facts.spf_checks) if facts.spf_checks else None


def _dkim_state(facts: DomainFacts) -> bool | Unknown | None:
    """Whether an aligned DKIM pass can be had; Unknown: DNS failed; None: nothing declared."""
    can_pass = facts.alignment.dkim_can_pass
    if can_pass is not None:
        return can_pass
    for key in facts.dkim.named:
        if isinstance(key.observed, Unknown):
            return key.observed
        name = key.selector.domain
        if facts.dmarc.aligns(name) is None:
            return facts.dmarc.unknown_of(name) or facts.dmarc.organizational_unknown
    return None


def _declared_names(facts: DomainFacts) -> tuple[Domain, ...]:
    role = facts.profile.return_path
    names = [] if role is None else [role.name]
    return tuple(dict.fromkeys([*names, *(key.selector.domain for key in facts.dkim.named)]))


def _only_suffix_shared(facts: DomainFacts) -> list[tuple[Domain, Domain]]:
    """Declared names that share a registry with From and nothing more, each with the registry.

    A registry's top level (com) is left out: there every two names are strangers, and
    nobody takes them for one organization.
    """
    author, found = facts.profile.sending, []
    declared = {
        step.domain for step in facts.dmarc.walk.records if step.record and step.record.psd == "y"
    }
    for name in _declared_names(facts):
        shared = next((n for n in name.ancestors if author.is_under(n) and n != author), None)
        if shared is None or is_icann_suffix(shared) or facts.dmarc.aligns(name) is not False:
            continue
        if shared in declared or is_public_suffix(shared):
            found.append((name, shared))
    return found


def _signers(facts: DomainFacts) -> list[str]:
    return [f"{key.selector.name} of {key.selector.domain}" for key in facts.dkim.named]


def _nothing_aligns(facts: DomainFacts) -> str:
    spf = facts.alignment.spf
    spf_part = f"SPF at {spf.domain}" if spf.possible else f"the return path {spf.domain}"
    signers = " and ".join(_signers(facts))
    return f"neither {spf_part} nor the key {signers} gives a pass that aligns"


def _evidence(facts: DomainFacts) -> tuple[Evidence, ...]:
    """The record that asks for alignment, or its absence; then the declared names' own records."""
    policy = facts.dmarc.policy
    own = () if isinstance(policy, Unknown) else policy.evidence
    spf = () if isinstance(facts.spf, Unknown) else facts.spf.evidence
    keys = (key.observed for key in facts.dkim.named)
    dkim = tuple(e for seen in keys if not isinstance(seen, Unknown) for e in seen.evidence)
    found = (*own, *spf, *dkim)
    return found or (nothing_seen(facts.profile.sending, "TXT"),)


DMARC_RULES: tuple[Rule, ...] = (reject_on_spf_alone, strict_mode_excludes_name)

RULES: tuple[Rule, ...] = (
    nothing_aligns,
    only_spf_aligns,
    spf_passes_elsewhere,
    only_registry_shared,
    only_helo_aligns,
    from_at_mailbox_provider,
)
