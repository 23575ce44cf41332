"""From what was seen to what counts: the findings that are wanted, waived, known, decisive.

Audits of a repository run unfiltered, once a tree; what the user wants of them is settled
afterwards, so that two trees can be compared by all that is wrong in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sendgate.audit.judge import Policy, verdict_of
from sendgate.audit.report import Finding, Report, StaleWaiver, UnknownItem, WaivedItem, Waiver
from sendgate.dns.answers import Reason
from sendgate.repo.reading import Place

__all__ = ["InlineWaiver", "Terms", "is_wanted", "settled", "stale_inline"]

# Nobody could tell for another cause than the repository's own files.
_OUTSIDE = frozenset({Reason.NOT_ASKED, Reason.INCOMPLETE})


@dataclass(frozen=True)
class InlineWaiver:
    """A waiver that stands beside the records it speaks of; `targets` are their file and line.

    `waiver.domain` holds the place where it stands, for want of a domain.
    """

    waiver: Waiver
    place: Place
    targets: frozenset[tuple[str, int]]

    def matches(self, finding: Finding) -> bool:
        """Whether the finding is this rule's, and rests on one of the records."""
        if finding.rule.id != self.waiver.rule:
            return False
        return any((e.origin.where, e.origin.line) in self.targets for e in finding.evidence)


@dataclass(frozen=True)
class Terms:
    """How a repository is judged: a policy, its inline waivers, known findings, `--strict`.

    `known` holds the fingerprints of a baseline. With `strict`, what lies outside the
    repository decides as much as what lies inside.
    """

    policy: Policy
    inline: tuple[InlineWaiver, ...] = ()
    known: frozenset[str] = frozenset()
    strict: bool = False


def settled(raw: Report, more: Sequence[Finding], terms: Terms) -> tuple[Report, list[Finding]]:
    """Settle one unfiltered report and what the text of its zones adds to it.

    Gives the report, and those of its findings that a baseline knows: these are taken out.
    """
    policy, today = terms.policy, raw.time.date()
    findings: list[Finding] = []
    waived: list[WaivedItem] = []
    known: list[Finding] = []
    left_out = 0
    for finding in (*raw.findings, *more):
        if not policy.wants(finding.rule):
            left_out += 1
            continue
        waiver = policy.waiver_for(finding.rule, finding.domain, today)
        waiver = waiver or _inline(finding, terms, raw)
        if waiver is not None:
            waived.append(WaivedItem(finding, waiver))
        elif finding.fingerprint in terms.known:
            known.append(finding)
        else:
            findings.append(finding)
    unknown = tuple(_unknown(raw, terms))
    report = replace(
        raw,
        findings=tuple(findings),
        unknown=unknown,
        waived=tuple(waived),
        left_out=left_out,
        verdict=verdict_of(raw.facts, findings, unknown, policy.fail_on),
    )
    return report, known


def _inline(finding: Finding, terms: Terms, raw: Report) -> Waiver | None:
    today = raw.time.date()
    return next(
        (
            inline.waiver
            for inline in terms.inline
            if today <= inline.waiver.expires and inline.matches(finding)
        ),
        None,
    )


def _unknown(raw: Report, terms: Terms) -> Iterator[UnknownItem]:
    policy, today = terms.policy, raw.time.date()
    for item in raw.unknown:
        if policy.wants(item.rule):
            waived = policy.waiver_for(item.rule, raw.domain, today) is not None
            outside = item.unknown.reason in _OUTSIDE and not terms.strict
            decisive = not waived and not outside and policy.fail_on <= item.severity
            yield replace(item, decisive=decisive)


def stale_inline(
    inline: Iterable[InlineWaiver], reports: Sequence[Report], policy: Policy
) -> tuple[StaleWaiver, ...]:
    """Give the inline waivers that did nothing, of the rules that are reported at all."""
    used = {item.waiver for report in reports for item in report.waived}
    today = max((report.time.date() for report in reports), default=None)
    return tuple(
        StaleWaiver(entry.waiver, expired=today > entry.waiver.expires)
        for entry in inline
        if today is not None and entry.waiver not in used and is_wanted(policy, entry.waiver.rule)
    )


def is_wanted(policy: Policy, rule: str) -> bool:
    """Whether findings of the rule with this id are reported at all."""
    names = {rule, rule.rstrip("0123456789")}
    return (not policy.select or bool(names & policy.select)) and not names & policy.ignore
