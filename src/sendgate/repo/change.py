"""What a change does: two trees audited as wholes, and their findings compared by fingerprint.

A line filter would be wrong for DNS: what is deleted at one name breaks others. So the
effects of a change are compared, wherever they show; a change to `_dmarc.example.com` shows at
each name below that it governs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sendgate.audit.judge import Policy
from sendgate.audit.report import Finding, Report, Verdict, Waiver
from sendgate.dns.answers import Reason
from sendgate.repo.reading import Reading
from sendgate.repo.report import Change
from sendgate.repo.settle import InlineWaiver, Terms
from sendgate.repo.waivers import identity
from sendgate.vocabulary import Severity

__all__ = ["Side", "base_policy", "compare", "terms_before", "verdict_of_change"]


@dataclass(frozen=True)
class Side:
    """One of the two trees: its reading, its settled reports, and all that is wrong in it.

    `worst` gives, for the fingerprint of every finding, waived ones too, its severity.
    """

    reading: Reading
    reports: tuple[Report, ...]
    worst: Mapping[str, Severity]

    @classmethod
    def of(cls, reading: Reading, reports: Iterable[Report]) -> Side:
        """Take the settled reports of a reading."""
        kept = tuple(reports)
        worst: dict[str, Severity] = {}
        for report in kept:
            waived = (item.finding for item in report.waived)
            for finding in (*report.findings, *waived):
                before = worst.get(finding.fingerprint)
                if before is None or before < finding.severity:
                    worst[finding.fingerprint] = finding.severity
        return cls(reading, kept, worst)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all reports, in their order."""
        return tuple(finding for report in self.reports for finding in report.findings)


def compare(revision: str, base: Side, head: Side) -> Change:
    """Compare two trees: a finding is new where the base has none of its fingerprint as grave.

    It is fixed where it is gone and would have been seen: not in a zone that can no longer
    be read, nor by a rule that the repository leaves open now.
    """
    new: list[Finding] = []
    still: list[Finding] = []
    for finding in head.findings:
        before = base.worst.get(finding.fingerprint)
        (new if before is None or before < finding.severity else still).append(finding)
    open_ones = {
        (item.rule.id, report.domain)
        for report in head.reports
        for item in report.unknown
        if item.unknown.reason is not Reason.NOT_ASKED
    }
    fixed = [
        finding
        for finding in base.findings
        if finding.fingerprint not in head.worst
        and (finding.rule.id, finding.domain) not in open_ones
        and not any(finding.domain.is_under(zone) for zone in head.reading.unread_zones)
    ]
    known = {item.place.path for item in base.reading.unread}
    gone = [item for item in head.reading.unread if item.place.path not in known]
    return Change(revision, tuple(new), tuple(fixed), tuple(still), tuple(gone))


def verdict_of_change(change: Change, base: Side, head: Side, fail_on: Severity) -> Verdict:
    """Come to a verdict on a change: only what it adds can fail, or leave it unknown."""
    if any(fail_on <= finding.severity for finding in change.new):
        return Verdict.FAIL
    if change.gone_unread or _open(head.reports) - _open(base.reports):
        return Verdict.UNKNOWN
    return Verdict.PASS


def _open(reports: Sequence[Report]) -> set[tuple[str, str, str, str]]:
    """List what is decisive and not known: rule, domain, question and reason."""
    return {
        (item.rule.id, str(report.domain), str(item.unknown.question), str(item.unknown.reason))
        for report in reports
        for item in report.unknown
        if item.decisive
    }


def terms_before(
    terms: Terms,
    configured: Iterable[Waiver] | None,
    inline: Iterable[InlineWaiver],
    readings: tuple[Reading, Reading],
) -> tuple[Terms, tuple[str, ...]]:
    """Take away the waivers that the change itself adds, and say so of each.

    `configured` are those of the configuration at the base; None where the configuration is
    no part of the repository. `inline` are the base's, `readings` those of base and head.
    A waiver whose reason is put in other words stays the same; one that lasts longer does not.
    """
    policy = terms.policy
    remarks: list[str] = []
    if configured is not None:
        before = {_key(waiver) for waiver in configured}
        kept = tuple(waiver for waiver in policy.waivers if _key(waiver) in before)
        remarks += [_added(waiver) for waiver in policy.waivers if waiver not in kept]
        policy = replace(policy, waivers=kept)
    base, head = readings
    known = {identity(waiver, base) for waiver in inline}
    stays = tuple(waiver for waiver in terms.inline if identity(waiver, head) in known)
    remarks += [_added(entry.waiver) for entry in terms.inline if entry not in stays]
    return replace(terms, policy=policy, inline=stays), tuple(remarks)


def _key(waiver: Waiver) -> tuple[object, ...]:
    return waiver.rule, waiver.domain, waiver.expires


def _added(waiver: Waiver) -> str:
    return f"the waiver of {waiver.rule} for {waiver.domain} is new with this change: not applied"


def base_policy(policy: Policy, configured: Iterable[Waiver] | None) -> Policy:
    """Give the policy with the waivers that the configuration had at the base."""
    return policy if configured is None else replace(policy, waivers=tuple(configured))
