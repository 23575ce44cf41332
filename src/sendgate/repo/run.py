"""The check of a repository: read, audit, judge the text, settle, compare.

Tree ──► Reading ──► audits ──► findings on text ──► settled reports ──► RepositoryReport
│
the same of a base revision ──► Change
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sendgate.audit.infer import SenderOptions
from sendgate.audit.judge import Policy, run_rules, stale_waivers, verdict_of
from sendgate.audit.report import Finding, Report, StaleWaiver, Verdict, Waiver
from sendgate.dns.answers import Txt
from sendgate.errors import SourceError
from sendgate.names import Domain, printable
from sendgate.observed import Absent
from sendgate.repo.audits import Audited, Outside, TreeAudit, audit_tree
from sendgate.repo.change import Side, base_policy, compare, terms_before, verdict_of_change
from sendgate.repo.detect import read_before, read_repository
from sendgate.repo.facts import Reported, text_facts
from sendgate.repo.reading import Reading
from sendgate.repo.report import RepositoryReport
from sendgate.repo.rules import RULES
from sendgate.repo.settle import Terms, is_wanted, settled, stale_inline
from sendgate.repo.source import views_of
from sendgate.repo.tree import FolderTree, Tree
from sendgate.repo.waivers import read_inline
from sendgate.spf.record import is_spf
from sendgate.vocabulary import AnyRule, Severity

__all__ = ["Asked", "Base", "check", "report_on", "rule_ids", "with_all_known"]

Heard = Callable[[int, int], None]

_NAMED = 3  # broken files that one error names

# A finding on the text tells the cause; what an audit of the same domain tells of its
# consequences is the same fault. For a silent zone this holds of the whole domain, else of
# the record.
_SILENT = "REPO011"
_ZONE_FILE = re.compile(r"(?:\.(?:ya?ml|zone|db|hosts|signed)|(?:^|/)db\.[^/]+)$", re.IGNORECASE)
_INCLUDED = re.compile(r"\s[-+~?]?(?:include:|redirect=)([^\s%]+)", re.IGNORECASE)
_VOID = frozenset({"DMARC003", "DMARC005", "DMARC030", "DKIM005", "DKIM024", "SPF003", "SPF012"})
_WAY_BACK = frozenset({"MX001", "MX002"})  # of no concern where nothing sends
# A view for a network of one's own need not say what other networks ask the public one for.
_INSIDE = frozenset({"inside", "internal", "intern", "intranet", "lan", "local", "private"})
_OF_PUBLIC_VIEWS = frozenset(
    {"BIMI001", "DMARC001", "MX001", "MX009", "SPF001", "STS001", "TLSRPT001", _SILENT}
)
_CONSEQUENCES = {
    _SILENT: frozenset({"DMARC001"}),
    "REPO001": _VOID,
    "REPO002": _VOID,
    "REPO003": _VOID,
    "REPO006": frozenset({"MX004", "DKIM014"}),
}


@dataclass(frozen=True)
class Base:
    """The state that a change starts from: a revision, its files, its waivers and senders.

    `waivers` and `senders` are those of the configuration, None where it is no part of the
    repository.
    """

    revision: str
    tree: Tree
    waivers: tuple[Waiver, ...] | None = None
    senders: tuple[tuple[Domain, SenderOptions], ...] | None = None


@dataclass(frozen=True)
class Asked:
    """What is to be checked, and how.

    `where` is the repository as the user named it, `prefix` as in `RepositoryReport`.
    `known` holds the fingerprints of a baseline.
    """

    tree: Tree
    outside: Outside
    where: str = "."
    source: str = "auto"
    prefix: str = ""
    policy: Policy = Policy()  # noqa: RUF009 - frozen
    senders: tuple[tuple[Domain, SenderOptions], ...] = ()
    known: frozenset[str] = frozenset()
    strict: bool = False


def rule_ids() -> frozenset[str]:
    """Give the ids of every rule that a check of a repository may report."""
    from sendgate.audit import catalogue

    every: tuple[AnyRule, ...] = (*catalogue.RULES, *RULES)
    return frozenset(rule.id for rule in every)


async def check(
    asked: Asked,
    base: Base | None = None,
    heard: Heard = lambda _done, _all: None,
    begun: Callable[[TreeAudit], None] = lambda _audits: None,
) -> RepositoryReport:
    """Check a repository; with a base, what has changed since.

    `heard` is told how many audits of how many are done; `begun` gets the audits at the
    start, so that those that are done can be reported if the run is interrupted. Raises
    `SourceError` where nothing of the repository can be read, and `ConfigError` for an
    unknown provider of a sender.
    """
    reading = read_repository(asked.tree, asked.source, asked.where)
    reading = replace(reading, notes=(*reading.notes, *_links(asked.tree)))
    if base is None and reading.unread and not reading.records and not reading.hidden:
        raise _nothing_read(reading, asked.where)
    audits = TreeAudit(reading)
    begun(audits)
    await audit_tree(audits, asked.outside, asked.senders, heard=heard)
    if base is None:
        return report_on(asked, audits)
    return await _compared(asked, base, audits)


def _links(tree: Tree) -> Iterator[str]:
    """Say which zones are links to what the repository does not hold."""
    found = tree.left_out if isinstance(tree, FolderTree) else ()
    named = [path for path in found if _ZONE_FILE.search(path)]
    if named:
        rest = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        listed = ", ".join(map(printable, named[:_NAMED]))
        yield f"{listed}{rest}: not read, a link to no file of the repository"


def _nothing_read(reading: Reading, where: str) -> SourceError:
    """Make the error for a repository of which every file is broken."""
    named = "; ".join(str(item) for item in reading.unread[:_NAMED])
    rest = len(reading.unread) - _NAMED
    more = f"; and {rest} more" if rest > 0 else ""
    return SourceError(f"nothing of it could be read ({reading.source}): {named}{more}", where)


def report_on(asked: Asked, audits: TreeAudit) -> RepositoryReport:
    """Report on the audits that are done."""
    reading = audits.reading
    terms, problems = _terms(asked, asked.tree, reading)
    reports, known = _settle(audits, terms)
    verdict = _verdict(reports, reading)
    return _report(asked, reading, reports, known, terms, problems, verdict)


def with_all_known(report: RepositoryReport, fail_on: Severity) -> RepositoryReport:
    """Give the report as it is once a baseline holds all of its findings."""
    reports = tuple(
        replace(one, findings=(), verdict=verdict_of(one.facts, (), one.unknown, fail_on))
        for one in report.reports
    )
    found = tuple(finding for one in report.reports for finding in one.findings)
    verdict = _verdict(reports, report.reading)
    return replace(report, reports=reports, known=(*report.known, *found), verdict=verdict)


def _terms(asked: Asked, tree: Tree, reading: Reading) -> tuple[Terms, tuple[str, ...]]:
    inline, problems = read_inline(tree, reading, rule_ids())
    return Terms(asked.policy, inline, asked.known, asked.strict), problems


async def _compared(asked: Asked, base: Base, audits: TreeAudit) -> RepositoryReport:
    reading = audits.reading
    terms, problems = _terms(asked, asked.tree, reading)
    remarks = list(problems)
    try:
        before = read_repository(base.tree, asked.source, base.revision)
    except SourceError as error:
        told = read_before(asked.tree, reading.source)
        before = told or Reading(reading.source, "nothing at the base", (), ())
        instead = f"{told.why} stands for it" if told else f"so all is new: {error}"
        remarks.append(f"nothing can be read at {base.revision}, {instead}")
    earlier, _ = _terms(asked, base.tree, before)
    earlier = replace(earlier, policy=base_policy(terms.policy, base.waivers))
    terms, added = terms_before(terms, base.waivers, earlier.inline, (before, reading))
    remarks += added
    old_audits = TreeAudit(before)
    senders = asked.senders if base.senders is None else base.senders
    await audit_tree(old_audits, asked.outside, senders, like=audits)
    before, reading = old_audits.reading, audits.reading
    reports, known = _settle(audits, terms)
    head = Side.of(reading, reports)
    old = Side.of(before, _settle(old_audits, earlier)[0])
    change = compare(base.revision, old, head)
    verdict = verdict_of_change(change, old, head, terms.policy.fail_on)
    report = _report(asked, reading, reports, known, terms, tuple(remarks), verdict)
    return replace(report, change=change)


def _report(
    asked: Asked,
    reading: Reading,
    reports: tuple[Report, ...],
    known: tuple[Finding, ...],
    terms: Terms,
    remarks: tuple[str, ...],
    verdict: Verdict,
) -> RepositoryReport:
    return RepositoryReport(
        reading=reading,
        reports=reports,
        stale=_stale(terms, reports),
        prefix=asked.prefix,
        verdict=verdict,
        known=known,
        remarks=remarks,
    )


def _settle(audits: TreeAudit, terms: Terms) -> tuple[tuple[Report, ...], tuple[Finding, ...]]:
    reports: list[Report] = []
    known: list[Finding] = []
    parts = _parts_of_spf(audits.reading)
    views = views_of(audits.reading)
    for entry, texts in _with_text(audits):
        idle = _WAY_BACK if _is_idle(entry) or _is_part(entry, parts) else frozenset()
        if len(views) > 1 and not _INSIDE.isdisjoint(entry.view.lower().split("/")):
            idle |= _OF_PUBLIC_VIEWS
        more = [finding for finding in texts if finding.rule.id not in idle]
        kept = tuple(
            finding
            for finding in entry.report.findings
            if finding.rule.id not in idle and not _is_consequence(finding, more)
        )
        raw = replace(entry.report, findings=kept)
        report, passed = settled(raw, more, terms)
        reports.append(report)
        known += passed
    return tuple(reports), tuple(known)


def _is_idle(entry: Audited) -> bool:
    """Whether nothing says that the name sends: only a policy, or a misplaced text, is there."""
    facts = entry.report.facts
    return not facts.profile.declared and isinstance(facts.spf, Absent) and not facts.dkim.named


def _parts_of_spf(reading: Reading) -> frozenset[str]:
    """Name the domains whose SPF records others of the repository include."""
    texts = (record.data.text for record in reading.records if isinstance(record.data, Txt))
    named = (name for text in texts if is_spf(text) for name in _INCLUDED.findall(text))
    return frozenset(name.lower().rstrip(".") for name in named)


def _is_part(entry: Audited, parts: frozenset[str]) -> bool:
    """Whether the name only holds a part of others' SPF records, as far as anything tells."""
    facts = entry.report.facts
    declared = facts.profile.declared or facts.dkim.named
    return not declared and entry.domain.text in parts


def _is_consequence(finding: Finding, causes: Sequence[Finding]) -> bool:
    return any(
        finding.rule.id in _CONSEQUENCES.get(cause.rule.id, frozenset())
        and (cause.rule.id == _SILENT or _subject(finding) == _subject(cause))
        for cause in causes
    )


def _subject(finding: Finding) -> tuple[Domain, str] | None:
    return (finding.evidence[0].name, finding.evidence[0].rdtype) if finding.evidence else None


def _with_text(audits: TreeAudit) -> Iterator[tuple[Audited, Sequence[Finding]]]:
    """Give each audit with the findings on text that belong to its domain."""
    by_view: dict[str, list[Audited]] = defaultdict(list)
    for entry in audits.audits:
        by_view[entry.view].append(entry)
    more: dict[int, Sequence[Finding]] = {}
    for view, entries in by_view.items():
        first = {entry.domain: entry for entry in reversed(entries)}
        found = text_facts(
            {domain: entry.report.facts for domain, entry in first.items()},
            [r for r in audits.reading.records if r.view in ("", view)],
            audits.reading.slips,
            audits.reading.zones,
            Reported(f for entry in entries for f in entry.report.findings),
            audits.reading.unread_zones,
        )
        for domain, facts in found.items():
            entry = first[domain]
            today = entry.report.time.date()
            more[id(entry)] = run_rules(facts, RULES, Policy(), domain, today).findings
    for entry in audits.audits:
        yield entry, more.get(id(entry), ())


def _verdict(reports: Sequence[Report], reading: Reading) -> Verdict:
    verdicts = {report.verdict for report in reports}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    # A file that may have been any zone leaves open what else there is.
    return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts or reading.unread else Verdict.PASS


def _stale(terms: Terms, reports: Sequence[Report]) -> tuple[StaleWaiver, ...]:
    configured = (
        stale
        for stale in stale_waivers(terms.policy, reports)
        if is_wanted(terms.policy, stale.waiver.rule)
    )
    return (*configured, *stale_inline(terms.inline, reports, terms.policy))
