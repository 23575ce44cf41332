"""What SPF comes to for the mail that is sent: SPF001, 024 to 027."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.observed import Absent, Evidence, Present, Unknown, evidence_of
from sendgate.profile import SenderKind
from sendgate.spf.facts import Result, SpfCheck, SpfFacts, candidates
from sendgate.spf.judging import node_evidence, null_mx, on_record, own_evidence, split_version
from sendgate.spf.record import VERSION, Mechanism, Qualifier
from sendgate.vocabulary import Hit, Rfc, Severity, Verdicts, cannot_tell, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts


@rule(
    "SPF001",
    Severity.ERROR,
    Rfc(7208, "4.5"),
    remedy="Publish a TXT record at the return path that begins with v=spf1 and lists the"
    " sending hosts.",
)
def no_spf_record(facts: DomainFacts) -> Verdicts:
    """The domain of the return path has no SPF record.

    SPF gives none, so no mail passes it, and large receivers ask for it. An error where
    DKIM does not align either, as nothing then vouches for the mail; else a warning.
    """
    role = facts.profile.return_path
    if role is None or facts.profile.envelope is None:
        return  # only the envelope's domain needs a record, and it is not known or not one's own
    if facts.return_path is not None and facts.return_path.behind is not None:
        return  # a proxy hides the alias that would lead to the record: TOP027
    decisive = not role.assumed and facts.alignment.dkim_can_pass is False
    severity = None if decisive else Severity.WARNING
    if isinstance(facts.spf, Unknown):
        yield cannot_tell(facts.spf, severity)
    elif isinstance(facts.spf, Absent) and not null_mx(facts) and not _is_glued(facts):
        state = " and does not exist" if facts.spf.nxdomain else ""
        too = ", and no DKIM signature aligns either" if decisive else ""
        values = [value for seen in facts.spf.evidence for value in seen.values]
        near = any(value.lower().startswith(VERSION) for value in values)
        hint = f"; a TXT record begins with {VERSION} and no space behind it" if near else ""
        message = f"{facts.spf_domain} has no SPF record{state}{too}{hint}"
        yield Hit(message, facts.spf.evidence, severity)


@rule(
    "SPF024",
    Severity.WARNING,
    Rfc(7208, "2.3, 2.4"),
    remedy="Publish an SPF record at the HELO name that passes its host, such as v=spf1 a -all.",
)
def helo_without_spf_pass(facts: DomainFacts) -> Verdicts:
    """The name that the mail server gives in HELO does not pass SPF.

    Bounces have no MAIL FROM, so receivers check postmaster at the HELO name instead, and
    some check it for every message.
    """
    profile = facts.profile
    if profile.sender in {SenderKind.SHARED, SenderKind.DEDICATED} or profile.provider:
        return  # the provider's servers, and the provider's names
    for check in facts.helo_spf:
        if check.result.unknown is not None:
            yield cannot_tell(check.result.unknown)
        elif check.passes is False:
            yield Hit(
                f"{check.ip} gets {check.result.result} for the HELO name {check.domain}"
                f"{_reason(check)}",
                _check_evidence(check),
            )


@rule(
    "SPF025",
    Severity.ERROR,
    Rfc(7208, "2.6"),
    remedy="Add the sending address, or an include of the system that owns it, to the record.",
)
def sender_not_authorised(facts: DomainFacts) -> Verdicts:
    """A declared sending address does not pass SPF for the return path.

    With fail or permerror receivers may reject the mail outright; softfail and neutral give
    no authenticated identity either, so that DMARC then rests on DKIM alone. A record that
    is broken itself lets nobody pass, and no address added to it would help: that fault is
    told by the rule for it, not here.
    """
    broken = isinstance(facts.spf, Present) and facts.spf.value.broken is not None
    for check in facts.spf_checks:
        result = check.result.result
        if broken and result is Result.PERMERROR:
            continue
        if check.result.unknown is not None:
            yield cannot_tell(check.result.unknown)
        elif result not in {Result.PASS, Result.NONE}:  # that there is no record is SPF001's
            weak = result in {Result.SOFTFAIL, Result.NEUTRAL}
            yield Hit(
                f"{check.ip} gets {result} for mail from {check.domain}{_reason(check)}",
                _check_evidence(check),
                Severity.WARNING if weak else None,
            )


@rule(
    "SPF026",
    Severity.WARNING,
    Rfc(7208, "10.1.2"),
    remedy='Publish "v=spf1 -all" at the domain.',
)
def null_mx_without_deny_all(facts: DomainFacts) -> Verdicts:
    """The domain takes no mail, and no SPF record says that it sends none.

    A null MX speaks of receiving alone; without v=spf1 -all, forged mail from the domain
    is judged as if nothing were known about it.
    """
    if not null_mx(facts):
        return
    mx = evidence_of(facts.mx[facts.spf_domain].answer)
    match facts.spf:
        case Unknown() as unknown:
            yield cannot_tell(unknown)
        case Absent():
            message = f"{facts.spf_domain} has a null MX and no SPF record"
            yield Hit(message, (*facts.spf.evidence, *mx))
        case Present(spf) if _names_nobody(spf) and not spf.is_deny_all:
            message = f"{facts.spf_domain} has a null MX, and its SPF record does not end in -all"
            yield Hit(message, (*own_evidence(spf), *mx))


@rule(
    "SPF027",
    Severity.NOTE,
    Rfc(9989, "7.1"),
    remedy="Keep -all if that is wanted; with DMARC in force, ~all gives DKIM the last word.",
)
@on_record
def hard_fail_before_dkim(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record ends in -all, which some receivers enforce before they see DKIM.

    Forwarded mail can then be rejected although its DKIM signature aligns, and no DMARC
    report tells of it. Under a DMARC policy ~all protects as well; neither is a defect.
    """
    last = spf.tree.final
    if isinstance(last.observed, Unknown):
        yield cannot_tell(last.observed)
    elif last.record and not spf.is_deny_all:
        end = last.record.all
        if end is not None and end.qualifier is Qualifier.FAIL:
            message = f"the SPF record of {last.domain} ends in {end.text}"
            yield Hit(
                f"{message}, which some receivers enforce before DKIM is read",
                node_evidence(last),
            )


def _is_glued(facts: DomainFacts) -> bool:
    """Whether a record is missing only because its version tag is glued, which is SPF018's."""
    name = facts.names.get(facts.spf_domain)
    return name is not None and split_version(name.txt) is not None


def _names_nobody(spf: SpfFacts) -> bool:
    """Whether a valid record has no term that could let a host pass."""
    return spf.valid is not None and not any(
        isinstance(term, Mechanism) and term.qualifier is Qualifier.PASS
        for node in spf.nodes
        if node.record is not None
        for term in node.record.reached
    )


def _reason(check: SpfCheck) -> str:
    result = check.result
    if result.problem:
        return f": {result.problem}"
    if result.mechanism == "default":
        return ": no term of the record matches"
    return f" by {result.mechanism}" if result.mechanism else ""


def _check_evidence(check: SpfCheck) -> tuple[Evidence, ...]:
    answer = check.result.answer
    return () if answer is None else evidence_of(answer, *candidates(answer))
