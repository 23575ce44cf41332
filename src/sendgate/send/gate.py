"""The gate: may this campaign be sent? Yes; no, for these findings; or nobody knows, and why.

    Report + Judgements (messages, keys, unsubscribe host) ──► decide ──► Allow | Refuse | Hold

It decides on what can harm sending, at error alone. How strictly a user has reports made
does not reach it: waivers, selections and thresholds are left behind, as the facts are
judged here anew. What could not be seen never allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from sendgate.audit.judge import Judgement, Policy, run_rules
from sendgate.audit.receivers import ReceiverVerdict, receiver_verdicts
from sendgate.audit.report import Finding, Report, UnknownItem, Verdict
from sendgate.dns.answers import Reason
from sendgate.vocabulary import Scope, Severity

__all__ = ["Allow", "Decision", "Hold", "Refuse", "decide"]


@dataclass(frozen=True)
class Allow:
    """It may be sent."""

    word: ClassVar[str] = "allow"
    exit_code: ClassVar[int] = 0


@dataclass(frozen=True)
class Refuse:
    """It must not be sent: each finding is an error that harms sending."""

    findings: tuple[Finding, ...]
    word: ClassVar[str] = "refuse"
    exit_code: ClassVar[int] = 1


@dataclass(frozen=True)
class Hold:
    """Nobody knows whether it may be sent.

    `unknown` are the questions that failed; `receivers` the declared receivers whose
    verdict is open, be it for these or for what the campaign does not declare.
    """

    unknown: tuple[UnknownItem, ...]
    receivers: tuple[ReceiverVerdict, ...] = ()
    word: ClassVar[str] = "hold"
    exit_code: ClassVar[int] = 3


Decision: TypeAlias = Allow | Refuse | Hold


def decide(report: Report, judgements: Sequence[Judgement] = ()) -> Decision:
    """Decide on the facts of a report and on what else was judged of the campaign.

    The receivers that count are those of the report's profile.
    """
    from sendgate.audit.catalogue import RULES

    audited = run_rules(report.facts, RULES, Policy(), report.domain, report.time.date())
    said = (audited, *judgements)
    findings = tuple(
        finding
        for judgement in said
        for finding in (*judgement.findings, *(item.finding for item in judgement.waived))
        if finding.severity is Severity.ERROR and finding.rule.scope is Scope.SENDING
    )
    if findings:
        return Refuse(tuple(dict.fromkeys(findings)))
    unknown = tuple(item for judgement in said for item in judgement.unknown if _counts(item))
    open_ones = tuple(
        entry
        for entry in receiver_verdicts(report.facts)
        if entry.declared and entry.verdict is Verdict.UNKNOWN
    )
    return Hold(tuple(dict.fromkeys(unknown)), open_ones) if unknown or open_ones else Allow()


def _counts(item: UnknownItem) -> bool:
    """Whether this could have been an error; what was merely not asked is no milder here."""
    not_asked = item.unknown.reason is Reason.NOT_ASKED
    severity = item.rule.severity if not_asked else item.severity
    return severity is Severity.ERROR and item.rule.scope is Scope.SENDING
