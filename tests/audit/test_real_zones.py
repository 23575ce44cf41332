"""Whole repositories of others: every known defect is found, and every error is a real one.

The repositories are in suites/dns-repos, the known defects in EXPECTED.tsv beside them. An
error anywhere else is a false alarm. Much of the catalogue speaks only of senders that are
declared, so those that the zones show are declared too; what is then found was held against
the zones by hand, line by line, and is counted here: a new error wants to be judged.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from audits import audit_domain, check_fixture

from sendgate.audit.report import Finding, Report, Verdict
from sendgate.dmarc.suffixes import is_suffix_or_above
from sendgate.dns.overlay import NowhereSource, OverlaySource
from sendgate.observed import Present
from sendgate.repo.detect import read_repository
from sendgate.repo.report import RepositoryReport
from sendgate.repo.source import RepositorySource, public_view
from sendgate.repo.tree import FolderTree
from sendgate.vocabulary import Severity

# Zones, values, names that take part in mail.
REPOSITORIES = {
    "moj-octodns": (405, 6549, 493),
    "ocf-bind": (9, 2544, 18),
    "nixos-dnscontrol": (4, 193, 7),  # its ALIAS is an A and an AAAA record
}

# Errors by rule: of names about which nothing is declared, and of the senders that they show.
ERRORS = {
    "moj-octodns": {"DKIM024": 14, "DMARC003": 1, "SPF003": 1},
    "ocf-bind": {},
    "nixos-dnscontrol": {},
}
DECLARED_ERRORS: dict[str, tuple[int, dict[str, int]]] = {
    "moj-octodns": (
        107,
        {
            "DKIM024": 14, "DMARC003": 1, "SPF003": 1,  # the known defects
            # Five of those keys are all that a sender has: it is not signed for anybody.
            "RCV010": 5, "RCV015": 5, "RCV024": 5, "RCV030": 5,
            # hmppsinsights.co.uk, nottinghaminquiry.uk, odpm.gov.uk: SPF, MX, and no _dmarc.
            "DMARC001": 3, "RCV011": 3, "RCV016": 3, "RCV025": 3, "RCV031": 3,
            # design102 and hmctssurvey of justice.gov.uk: SPF that sends, with a null MX.
            "MX008": 2, "RCV019": 2, "RCV026": 2,
            # Names made for the bounces of Amazon SES, declared here as From.
            "TOP019": 7,
        },
    ),
    # ocf.io, hosting.ocf.io and ocfhosted.com have SPF and MX, and no _dmarc.
    "ocf-bind": (9, {"DMARC001": 3, "RCV011": 3, "RCV016": 3, "RCV025": 3, "RCV031": 3}),
    "nixos-dnscontrol": (5, {}),
}  # fmt: skip
RECEIVERS = ["google-bulk", "yahoo-bulk", "microsoft-bulk", "apple", "laposte"]


def places(finding: Finding) -> set[tuple[str, int]]:
    return {(e.origin.where, e.origin.line) for e in finding.evidence if e.origin.line is not None}


def known_defects(suites: Path, repository: str) -> list[dict[str, str]]:
    with (suites / "dns-repos" / "EXPECTED.tsv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return [row for row in rows if row["repository"] == repository]


def errors_of(findings: Iterable[Finding]) -> dict[str, int]:
    """Count errors by rule."""
    return dict(Counter(f.rule.id for f in findings if f.severity is Severity.ERROR))


def declaration(report: Report, selectors: set[str]) -> dict[str, Any] | None:
    """What a zone shows of a sender: its selectors, and itself as return path where that works."""
    spf = report.facts.spf
    sends = isinstance(spf, Present) and not spf.value.is_deny_all
    if not sends and not selectors:
        return None
    given: dict[str, Any] = {"selectors": sorted(selectors), "receivers": RECEIVERS}
    if sends and report.facts.mx[report.domain].takes_mail:
        given["return-path"] = report.domain.text
    return given


async def checked(suites: Path, name: str) -> RepositoryReport:
    return await check_fixture("example.com", {}, suites / "dns-repos" / name)


@pytest.mark.parametrize("name", REPOSITORIES)
async def test_every_error_is_a_real_defect(suites: Path, name: str) -> None:
    """Each known defect is found at its line by its rule, and no error stands anywhere else."""
    report = await checked(suites, name)
    assert report.unread == ()
    zones, records, domains = REPOSITORIES[name]
    assert len(report.reading.zones) == zones
    values = {(r.zone, r.name, r.rdtype, r.data) for r in report.reading.records}
    assert len(values) == records
    assert len(report.reports) == domains
    findings = [finding for one in report.reports for finding in one.findings]
    missed = []
    explained: set[str] = set()
    for row in known_defects(suites, name):
        span = range(int(row["entry"]), int(row["line"]) + 1)
        here = [f for f in findings if any(p == row["file"] and n in span for p, n in places(f))]
        explained |= {f.fingerprint for f in here}
        if row["rule"] not in {f.rule.id for f in here}:
            missed.append(f"{row['rule']} {row['file']}:{row['line']} {row['name']}")
    assert not missed
    alarms = [
        f"{f.rule.id} {f.domain}: {f.message} {sorted(places(f))}"
        for f in findings
        if f.severity is Severity.ERROR and f.fingerprint not in explained
    ]
    assert not alarms
    assert errors_of(findings) == ERRORS[name]
    fails = any(f.severity is Severity.ERROR for f in findings)
    assert report.verdict is (Verdict.FAIL if fails else Verdict.PASS)


@pytest.mark.parametrize("name", REPOSITORIES)
async def test_every_error_of_a_declared_sender_is_a_real_defect(suites: Path, name: str) -> None:
    """With its selectors, its return path and the receivers declared, each error was judged."""
    folder = suites / "dns-repos" / name
    report = await checked(suites, name)
    reading = read_repository(FolderTree(folder), where=str(folder))
    zones = RepositorySource(reading, public_view(reading), open_ended=False)
    source = OverlaySource(zones, NowhereSource(is_suffix_or_above))
    selectors: dict[str, set[str]] = {}
    for record in reading.records:
        selector, key, domain = record.name.text.partition("._domainkey.")
        if key and selector[0] not in "*_":
            selectors.setdefault(domain, set()).add(selector)
    found: list[Finding] = []
    senders = 0
    for one in report.reports:
        given = declaration(one, selectors.get(one.domain.text, set()))
        if given is not None:
            senders += 1
            found += (await audit_domain(one.domain.text, given, source)).findings
    assert (senders, errors_of(found)) == DECLARED_ERRORS[name]
