"""What a logo asks of DMARC, and can be wrong there: BIMI007 to BIMI010.

Two records decide, that of the sending domain and that of the organizational domain; a BIMI
record that declines to have a logo asks for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.bimi.facts import BimiPlace
from sendgate.bimi.judging import applied, draft, seen
from sendgate.dmarc.record import DmarcRecord, Policy
from sendgate.names import Domain
from sendgate.observed import Absent, Evidence, Present, Unknown
from sendgate.vocabulary import Document, Hit, Rule, Scope, Severity, Verdicts, cannot_tell, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["POLICY_RULES", "dmarc_policy_none"]


@rule(
    "BIMI007",
    Severity.ERROR,
    draft("7.1 step 7"),
    remedy="Publish p=quarantine or p=reject at the sending domain and the organizational domain.",
    scope=Scope.BRAND,
)
def dmarc_policy_none(facts: DomainFacts) -> Verdicts:
    """A BIMI record is published, but DMARC asks for nothing: p=none, or no policy at all.

    Receivers show a logo only where the sending domain and the organizational domain both
    ask for quarantine or reject.
    """
    place = _wanted(facts)
    if place is None:
        return
    gates = tuple(_gates(facts))
    for domain, record, evidence in gates:
        policy = record.policy_when_published("p")
        if policy is None or policy is Policy.NONE:
            asks = "asks for nothing that receivers act on" if policy is None else "asks for p=none"
            yield Hit(f"_dmarc.{domain} {asks}", evidence + seen(place))
    unknown = _gate_unknown(facts)
    if unknown is not None:
        yield cannot_tell(unknown)
    elif not gates and isinstance(facts.dmarc.policy, Absent):
        yield Hit(
            f"no DMARC policy covers {facts.profile.sending}",
            facts.dmarc.policy.evidence + seen(place),
        )


@rule(
    "BIMI008",
    Severity.ERROR,
    draft("7.1 step 8"),
    remedy="Remove sp=none, or raise it to quarantine or reject.",
    scope=Scope.BRAND,
)
def dmarc_subdomain_policy_none(facts: DomainFacts) -> Verdicts:
    """A BIMI record is published, but a DMARC record has sp=none.

    Receivers then show no logo, for mail of the domain itself neither.
    """
    place = _wanted(facts)
    if place is not None:
        for domain, record, evidence in _gates(facts):
            if record.sp is Policy.NONE:
                yield Hit(f"_dmarc.{domain} has sp=none", evidence + seen(place))


@rule(
    "BIMI009",
    Severity.ERROR,
    draft("7.1 step 9"),
    remedy="Remove pct from the DMARC record.",
    scope=Scope.BRAND,
)
def dmarc_percentage_below_100(facts: DomainFacts) -> Verdicts:
    """A BIMI record is published, but DMARC asks for quarantine with a pct other than 100.

    Receivers then show no logo. Without pct the policy holds for all mail.
    """
    place = _wanted(facts)
    if place is None:
        return
    for domain, record, evidence in _gates(facts):
        pct = record.value("pct")
        quarantine = record.policy_when_published("p") is Policy.QUARANTINE
        if quarantine and pct is not None and pct != "100":
            yield Hit(f"_dmarc.{domain} has p=quarantine with pct={pct}", evidence + seen(place))


@rule(
    "BIMI010",
    Severity.WARNING,
    Document(
        "mailauth, BIMI policy check",
        "https://github.com/postalsys/mailauth/blob/master/lib/bimi/index.js",
    ),
    remedy="Remove t=y from the DMARC record once reports are clean.",
    scope=Scope.BRAND,
)
def dmarc_in_test_mode(facts: DomainFacts) -> Verdicts:
    """A BIMI record is published, but the DMARC policy is marked as a test by t=y.

    A receiver that knows the tag takes the policy as one step weaker, and may show no logo.
    """
    place = _wanted(facts)
    policy = facts.dmarc.policy
    if place is None or not isinstance(policy, Present) or not policy.value.record.testing:
        return
    if policy.value.policy is not Policy.NONE:
        yield Hit(f"_dmarc.{policy.value.domain} has t=y", policy.evidence + seen(place))


def _wanted(facts: DomainFacts) -> BimiPlace | None:
    """Give the place of a record that wants a logo shown; a declination needs no DMARC."""
    return next((place for place, record in applied(facts) if not record.declines), None)


def _gates(facts: DomainFacts) -> Iterator[tuple[Domain, DmarcRecord, tuple[Evidence, ...]]]:
    """Give the DMARC records that decide: the sending and the organizational domain's."""
    for domain in dict.fromkeys((facts.dmarc.author, facts.dmarc.organizational)):
        step = None if domain is None else facts.dmarc.steps.get(domain)
        if step is not None and isinstance(step.seen, Present):
            yield step.domain, step.seen.value, step.seen.evidence


def _gate_unknown(facts: DomainFacts) -> Unknown | None:
    if isinstance(facts.dmarc.author_record, Unknown):
        return facts.dmarc.author_record
    return facts.dmarc.organizational_unknown


POLICY_RULES: tuple[Rule, ...] = (
    dmarc_policy_none,
    dmarc_subdomain_policy_none,
    dmarc_percentage_below_100,
    dmarc_in_test_mode,
)
