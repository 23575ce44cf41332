"""From facts to a report: the one place that runs the rules, filters, waives and decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from sendgate.audit.facts import DomainFacts
from sendgate.audit.report import (
    DnsCost,
    Finding,
    Report,
    StaleWaiver,
    UnknownItem,
    Verdict,
    WaivedItem,
    Waiver,
)
from sendgate.names import Domain
from sendgate.vocabulary import AnyRule, CannotTell, Rule, RuleOf, Severity

__all__ = ["Judgement", "Policy", "judge", "run_rules", "stale_waivers", "verdict_of"]

Facts = TypeVar("Facts")


@dataclass(frozen=True)
class Policy:
    """How strictly to judge.

    `select` and `ignore` hold rule ids or areas (``SPF``); an empty `select` takes all.
    A finding or an unknown at or above `fail_on` decides the verdict.
    """

    fail_on: Severity = Severity.ERROR
    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    waivers: tuple[Waiver, ...] = ()

    def wants(self, rule: AnyRule) -> bool:
        """Whether findings of this rule are reported at all."""
        names = {rule.id, rule.area}
        return (not self.select or bool(names & self.select)) and not names & self.ignore

    def waiver_for(self, rule: AnyRule, domain: Domain, today: date) -> Waiver | None:
        """The first waiver that is valid today and takes this rule's findings away."""
        return next(
            (w for w in self.waivers if w.matches(rule, domain) and today <= w.expires), None
        )


@dataclass(frozen=True)
class Judgement:
    """What the rules said, filtered; `left_out` counts findings that were not wanted."""

    findings: tuple[Finding, ...]
    unknown: tuple[UnknownItem, ...]
    waived: tuple[WaivedItem, ...]
    left_out: int


# What tells the cause, and what tells the consequence of the same fault at the same name.
_EXPLAINS = {
    "TOP009": frozenset({"MX001"}),
    "TOP011": frozenset({"DNS004", "MX001", "SPF001", "TOP025"}),
    "TOP013": frozenset({"DNS004", "MX001", "SPF001"}),
    "TOP023": frozenset({"TOP028"}),
    "TOP030": frozenset({"TOP036"}),
    "TOP032": frozenset({"DKIM014"}),
    "TOP033": frozenset({"DKIM014"}),
}


def run_rules(
    facts: Facts, rules: Sequence[RuleOf[Facts]], policy: Policy, domain: Domain, today: date
) -> Judgement:
    """Run rules over their facts, whichever these are, in the order of the list."""
    findings: list[Finding] = []
    unknown: list[UnknownItem] = []
    waived: list[WaivedItem] = []
    left_out = 0
    for rule in rules:
        waiver = policy.waiver_for(rule, domain, today)
        for said in dict.fromkeys(rule.judge(facts)):
            if not policy.wants(rule):
                left_out += not isinstance(said, CannotTell)
            elif isinstance(said, CannotTell):
                severity = said.severity or rule.severity
                # What a waiver would take away cannot decide anything by being unseen.
                decisive = waiver is None and policy.fail_on <= severity
                unknown.append(UnknownItem(rule, said.unknown, severity, decisive))
            elif waiver is not None:
                waived.append(WaivedItem(Finding.of(rule, said, domain), waiver))
            else:
                findings.append(Finding.of(rule, said, domain))
    kept = tuple(finding for finding in findings if not _is_explained(finding, findings))
    return Judgement(kept, tuple(unknown), tuple(waived), left_out)


def _is_explained(finding: Finding, findings: Sequence[Finding]) -> bool:
    """Whether another finding, no less severe, tells why this one is so."""
    return any(
        finding.rule.id in _EXPLAINS.get(cause.rule.id, frozenset())
        and finding.severity <= cause.severity
        and finding.evidence[:1]
        and cause.evidence[:1]
        and finding.evidence[0].name == cause.evidence[0].name
        for cause in findings
    )


def judge(
    facts: DomainFacts, rules: Sequence[Rule], policy: Policy, time: datetime, dns: DnsCost
) -> Report:
    """Run every rule over the facts, in the order of the list, and come to a verdict."""
    said = run_rules(facts, rules, policy, facts.profile.sending, time.date())
    return Report(
        facts=facts,
        verdict=verdict_of(facts, said.findings, said.unknown, policy.fail_on),
        findings=said.findings,
        unknown=said.unknown,
        waived=said.waived,
        left_out=said.left_out,
        time=time,
        dns=dns,
    )


def verdict_of(
    facts: DomainFacts,
    findings: Iterable[Finding],
    unknown: Iterable[UnknownItem],
    fail_on: Severity,
) -> Verdict:
    """Come to a verdict on what was found and on what could not be told."""
    if any(fail_on <= finding.severity for finding in findings):
        return Verdict.FAIL
    if any(item.decisive for item in unknown):
        return Verdict.UNKNOWN
    return Verdict.NOT_APPLICABLE if facts.is_parked else Verdict.PASS


def stale_waivers(policy: Policy, reports: Sequence[Report]) -> tuple[StaleWaiver, ...]:
    """The waivers that did nothing in this run, of those whose domain was audited."""
    used = {item.waiver for report in reports for item in report.waived}
    stale = []
    for waiver in policy.waivers:
        spoken_of = [report for report in reports if waiver.covers(report.domain)]
        if waiver not in used and spoken_of:
            expired = any(report.time.date() > waiver.expires for report in spoken_of)
            stale.append(StaleWaiver(waiver, expired))
    return tuple(stale)
