"""What can be wrong with MTA-STS: STS001 to STS007.

All of it concerns mail to the domain. Without the policy, because no HTTPS was spoken
(offline, over given zones, in a replay), only the record is judged.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sendgate.dns.answers import Failed, Question, Reason, Txt
from sendgate.mtasts.facts import NoPolicy, PolicyFault, StsFacts
from sendgate.mtasts.record import Mode, Policy
from sendgate.names import Domain
from sendgate.observed import Absent, Evidence, Malformed, Present, Unknown, evidence_of
from sendgate.vocabulary import (
    Hit,
    Rfc,
    Rule,
    Scope,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
    unread,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

_DAY = 86_400


@rule(
    "STS001",
    Severity.NOTE,
    Rfc(8461, "3.1"),
    remedy="Publish a policy at https://mta-sts.DOMAIN and a record at _mta-sts, first in mode "
    "testing.",
    scope=Scope.RECEIVING,
)
def no_mta_sts(facts: DomainFacts) -> Verdicts:
    """The domain takes mail and has no MTA-STS record.

    Somebody on the way can then keep senders from using TLS, or pass for the mail host,
    unless DANE protects it. Delivery works. Only told of a domain that was declared as a
    sender.
    """
    sts = facts.mtasts
    if sts is None or facts.dane.in_force or not facts.profile.declared:
        return
    if isinstance(sts.observed, Unknown) and sts.observed.reason is not Reason.ALLOWANCE:
        yield cannot_tell(sts.observed)
    elif isinstance(sts.observed, Absent):
        yield Hit(f"{sts.domain} has no MTA-STS record", sts.observed.evidence)


@rule(
    "STS002",
    Severity.ERROR,
    Rfc(8461, "3.1"),
    remedy="Publish one record, v=STSv1; id=20260101; with a new id for each change of the policy.",
    scope=Scope.RECEIVING,
)
def unusable_mta_sts_record(facts: DomainFacts) -> Verdicts:
    """The MTA-STS record is void: several of them, a wrong beginning, no valid id.

    Senders then take it that there is no policy. White space before the first semicolon is
    a warning: the standard and its erratum differ, and so do senders.
    """
    sts = facts.mtasts
    if sts is None:
        return
    match sts.observed:
        case Malformed(error, evidence):
            yield Hit(f"the MTA-STS record of {sts.domain} is void: {error}", evidence)
        case Present(_, evidence) if _has_early_space(sts):
            yield Hit(
                f"in the MTA-STS record of {sts.domain} white space stands before the first "
                "semicolon, which not every sender takes",
                evidence,
                Severity.WARNING,
            )
        case Unknown(_, reason, _) if reason.was_asked:
            yield cannot_tell(sts.observed)


@rule(
    "STS003",
    Severity.ERROR,
    Rfc(8461, "3.3"),
    remedy="Serve the policy at https://mta-sts.DOMAIN/.well-known/mta-sts.txt as text/plain, with "
    "a valid certificate and without a redirect.",
    scope=Scope.RECEIVING,
)
def policy_not_retrievable(facts: DomainFacts) -> Verdicts:
    """The record announces a policy, and the policy host does not serve it as senders need it.

    The certificate must be valid for the host, the status 200, the type text/plain; a
    redirect is not followed. Otherwise the domain has no policy, or keeps an old one until
    its age is over. Where the host is merely out of reach from here, nothing is claimed.
    """
    sts = facts.mtasts
    if sts is None or not isinstance(sts.observed, Present):
        return
    if isinstance(sts.policy, NoPolicy):
        if sts.policy.fault is PolicyFault.REFUSED:
            said = f"the MTA-STS policy of {sts.domain} cannot be had: {sts.policy.detail}"
            yield Hit(said, sts.observed.evidence)
        elif sts.policy.fault is PolicyFault.OUT_OF_REACH:
            # Who else reaches the host is not known, so this must not leave an audit undecided.
            yield cannot_tell(_unreached(sts, sts.policy), Severity.WARNING)


@rule(
    "STS004",
    Severity.ERROR,
    Rfc(8461, "3.2"),
    remedy="Write version: STSv1, mode, max_age and an mx line for each mail host, one a line.",
    scope=Scope.RECEIVING,
)
def policy_not_parseable(facts: DomainFacts) -> Verdicts:
    """The policy file breaks its grammar, or lacks a field that must be there.

    Senders take it as no policy. Lines may end in LF or CRLF.
    """
    sts = facts.mtasts
    if sts is None or not isinstance(sts.observed, Present):
        return
    if isinstance(sts.policy, NoPolicy) and sts.policy.fault is PolicyFault.MALFORMED:
        said = f"the MTA-STS policy of {sts.domain} counts for nothing: {sts.policy.detail}"
        yield Hit(said, sts.observed.evidence)


@rule(
    "STS005",
    Severity.ERROR,
    Rfc(8461, "4.1"),
    remedy="Name every MX host in the policy, then change the id; only then change MX records.",
    scope=Scope.RECEIVING,
)
def mx_not_in_policy(facts: DomainFacts) -> Verdicts:
    """An MX host is not among those that the MTA-STS policy names.

    With mode enforce, senders that keep to the standard bring no mail to it. In mode testing
    they still do, and report it: a warning. A pattern `*.example.com` stands for exactly one
    label.
    """
    sts = facts.mtasts
    if sts is None or not isinstance(sts.policy, Policy) or not _announced(sts):
        return
    policy = sts.policy
    if policy.mode is Mode.NONE:
        return
    severity = Severity.ERROR if policy.mode is Mode.ENFORCE else Severity.WARNING
    mx = facts.mx[sts.domain]
    if isinstance(mx.answer, Failed):
        yield from unread(mx.answer, severity)
        return
    hosts = list(dict.fromkeys(host.target for host in mx.hosts)) or [mx.name]
    missing = [host for host in hosts if not policy.covers(host)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield Hit(
            f"{_listed(missing)} {verb} not in the policy of {sts.domain}, mode {policy.mode}, "
            f"which names {_listed(policy.mx)}",
            (*_evidence(sts), *evidence_of(mx.answer)),
            severity,
        )


@rule(
    "STS006",
    Severity.WARNING,
    Rfc(8461, "3.2"),
    remedy="Once reports are clean, set mode: enforce and max_age: 604800 or more.",
    scope=Scope.RECEIVING,
)
def weak_policy(facts: DomainFacts) -> Verdicts:
    """The policy asks for nothing yet, or is forgotten within a day.

    In mode testing failures are only reported, and none withdraws the policy. With a
    `max_age` below a day, whoever can keep senders from the policy for that long is rid of it.
    """
    sts = facts.mtasts
    if sts is None or not isinstance(sts.policy, Policy) or not _announced(sts):
        return
    policy = sts.policy
    weak = []
    if policy.mode is not Mode.ENFORCE:
        weak.append(f"has mode {policy.mode}")
    if policy.max_age < _DAY and policy.mode is not Mode.NONE:
        weak.append(f"holds for {policy.max_age} seconds only")
    if weak:
        yield Hit(
            f"the MTA-STS policy of {sts.domain} {' and '.join(weak)}",
            _evidence(sts),
        )


@rule(
    "STS007",
    Severity.WARNING,
    Rfc(8461, "3.1"),
    remedy="Publish v=STSv1; id=20260101; at _mta-sts, or take the policy away.",
    scope=Scope.RECEIVING,
)
def unannounced_policy(facts: DomainFacts) -> Verdicts:
    """A policy is served, and no record at `_mta-sts` announces it.

    Senders fetch a policy only where the record tells them to, so this one is never seen.
    """
    sts = facts.mtasts
    if sts is None or not isinstance(sts.observed, Absent) or not isinstance(sts.policy, Policy):
        return
    yield Hit(
        f"{sts.domain} serves an MTA-STS policy that no record announces",
        sts.observed.evidence,
    )


def _announced(sts: StsFacts) -> bool:
    return isinstance(sts.observed, Present)


def _evidence(sts: StsFacts) -> tuple[Evidence, ...]:
    return sts.observed.evidence if isinstance(sts.observed, Present) else ()


def _has_early_space(sts: StsFacts) -> bool:
    texts = (record.data.text for record in sts.meant if isinstance(record.data, Txt))
    return any(re.match(r"v=STSv1[ \t]", text) for text in texts)


def _unreached(sts: StsFacts, no: NoPolicy) -> Unknown:
    return Unknown(Question(sts.domain.child("mta-sts"), "A"), no.reason, no.detail)


def _listed(things: list[Domain] | tuple[str, ...]) -> str:
    return ", ".join(map(str, things))


RULES: tuple[Rule, ...] = (
    no_mta_sts,
    unusable_mta_sts_record,
    policy_not_retrievable,
    policy_not_parseable,
    mx_not_in_policy,
    weak_policy,
    unannounced_policy,
)
