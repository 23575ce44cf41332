"""Whole repositories of others: every known defect is found, and every error is a real one.

The repositories are in suites/dns-repos, the known defects in EXPECTED.tsv beside them. An
error anywhere else is a false alarm.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from audits import check_fixture

from sendgate.audit.report import Finding, Verdict
from sendgate.repo.report import RepositoryReport
from sendgate.vocabulary import Severity

# Zones, values, names that take part in mail.
REPOSITORIES = {
    "moj-octodns": (405, 6549, 493),
    "ocf-bind": (9, 2544, 18),
    "nixos-dnscontrol": (4, 193, 7),  # its ALIAS is an A and an AAAA record
}


def places(finding: Finding) -> set[tuple[str, int]]:
    return {(e.origin.where, e.origin.line) for e in finding.evidence if e.origin.line is not None}


def known_defects(suites: Path, repository: str) -> list[dict[str, str]]:
    with (suites / "dns-repos" / "EXPECTED.tsv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return [row for row in rows if row["repository"] == repository]


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
    fails = any(f.severity is Severity.ERROR for f in findings)
    assert report.verdict is (Verdict.FAIL if fails else Verdict.PASS)
