"""The report of one audit: what was found, what could not be told, what was waived.

A report is what renderers print and what the gate decides on; it is frozen, and it keeps
the facts it rests on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sendgate.audit.facts import DomainFacts
from sendgate.audit.opinion import CrossCheck
from sendgate.names import Domain
from sendgate.observed import Evidence, Unknown
from sendgate.vocabulary import AnyRule, Hit, Severity

__all__ = [
    "DnsCost",
    "Finding",
    "Report",
    "StaleWaiver",
    "UnknownItem",
    "Verdict",
    "WaivedItem",
    "Waiver",
    "exit_code",
]


class Verdict(StrEnum):
    """What the audit of one sender comes to; the exit code follows it."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"  # neither sends nor receives mail, by its own records

    @property
    def exit_code(self) -> int:
        """1 for fail, 3 for unknown, else 0."""
        return {Verdict.FAIL: 1, Verdict.UNKNOWN: 3}.get(self, 0)


@dataclass(frozen=True)
class Finding:
    """A hit with all that its rule says of it; `domain` is the domain that was audited."""

    rule: AnyRule
    severity: Severity
    domain: Domain
    message: str
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, rule: AnyRule, hit: Hit, domain: Domain) -> Finding:
        """The finding that `rule` makes of its hit."""
        return cls(rule, hit.severity or rule.severity, domain, hit.message, hit.evidence)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over rule, audited domain, subject name and type; no values, no lines."""
        subject = self.evidence[0] if self.evidence else None
        parts = (
            self.rule.id,
            str(self.domain),
            str(subject.name) if subject else "",
            subject.rdtype if subject else "",
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class UnknownItem:
    """A rule that could not tell; `decisive` where the verdict depends on it."""

    rule: AnyRule
    unknown: Unknown
    severity: Severity
    decisive: bool


@dataclass(frozen=True)
class Waiver:
    """A finding that somebody answers for: `domain` is exact, or ``*.x`` for all below x.

    Valid through the day `expires` (UTC).
    """

    rule: str
    domain: str
    reason: str
    expires: date

    def covers(self, domain: Domain) -> bool:
        """Whether the waiver speaks of this audited domain."""
        if self.domain.startswith("*."):
            return domain.text.endswith(self.domain[1:])
        return domain.text == self.domain

    def matches(self, rule: AnyRule, domain: Domain) -> bool:
        """Whether the waiver, while valid, takes this rule's findings for this domain away."""
        return self.rule == rule.id and self.covers(domain)


@dataclass(frozen=True)
class WaivedItem:
    """A finding that a waiver took out of the verdict."""

    finding: Finding
    waiver: Waiver


@dataclass(frozen=True)
class StaleWaiver:
    """A waiver that does nothing: nothing matched it, or its day is past."""

    waiver: Waiver
    expired: bool


@dataclass(frozen=True)
class DnsCost:
    """What the audit asked: how many questions, how many failed, the seconds waited."""

    questions: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class Report:
    """One sender, judged. `left_out` counts findings that --select or --ignore removed.

    `cross_check` is a second opinion on what was read, where one was asked for; the verdict
    does not rest on it.
    """

    facts: DomainFacts
    verdict: Verdict
    findings: tuple[Finding, ...]
    unknown: tuple[UnknownItem, ...]
    waived: tuple[WaivedItem, ...]
    left_out: int
    time: datetime
    dns: DnsCost
    cross_check: CrossCheck | None = None

    @property
    def domain(self) -> Domain:
        """The domain that was audited: the sending domain."""
        return self.facts.profile.sending


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """What several audits come to: 1 if any fails, else 3 if any is unknown, else 0."""
    codes = {verdict.exit_code for verdict in verdicts}
    return 1 if 1 in codes else 3 if 3 in codes else 0
