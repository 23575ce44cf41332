"""The whole catalogue over 405 real zones: every error is a real defect.

The zones are the Ministry of Justice's (suites/dns-repos/moj-octodns); the known defects
are in EXPECTED.tsv beside them. An error anywhere else is a false alarm.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from audits import SEED, TIME
from octodns_reader import read_octodns

from sendgate.audit.infer import SenderOptions, build_profile
from sendgate.audit.report import Finding
from sendgate.audit.run import audit
from sendgate.dmarc.suffixes import is_suffix_or_above
from sendgate.dns.answers import Txt
from sendgate.dns.overlay import NowhereSource, OverlaySource
from sendgate.dns.source import RunSource
from sendgate.dns.zonefile import ZoneRecord
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain
from sendgate.vocabulary import Severity

LATER = {"TOP015"}  # rules of a later part: records left below a delegation


def mail_names(records: Iterable[ZoneRecord]) -> dict[Domain, set[str]]:
    """Every name that takes part in mail by its records, with the selectors published for it."""
    names: dict[Domain, set[str]] = defaultdict(set)
    for record in records:
        labels = record.name.labels
        if "*" in labels:
            continue
        if "_domainkey" in labels:
            at = labels.index("_domainkey")
            domain = Domain(".".join(labels[at + 1 :]))
            selector = ".".join(labels[:at])
            if selector and not selector.startswith("_"):
                names[domain].add(selector)
        elif labels[0] == "_dmarc":
            names[record.name.parent]
        elif labels[0].startswith("_"):
            continue  # an auxiliary name, such as the target of a _dmarc alias
        elif record.rdtype == "MX" or (
            isinstance(record.data, Txt)
            and record.data.text.lower().startswith(("v=spf1", "v=dmarc1", "v=dkim1"))
        ):
            names[record.name]
    return names


def places(finding: Finding) -> set[tuple[str, int]]:
    return {
        (Path(e.origin.where).name, e.origin.line)
        for e in finding.evidence
        if e.origin.line is not None
    }


@pytest.fixture(scope="module")
def repository(suites: Path) -> Path:
    return suites / "dns-repos" / "moj-octodns"


async def findings_of(repository: Path) -> list[Finding]:
    records = read_octodns(repository / "hostedzones")
    nowhere = NowhereSource(is_suffix_or_above)
    source = RunSource(OverlaySource(ZoneSource(records), nowhere))
    found: dict[str, Finding] = {}
    for name, selectors in mail_names(records).items():
        # The repository publishes the selectors; that anybody sends, it does not say.
        published = SenderOptions(selectors=tuple(sorted(selectors)))
        profile = replace(build_profile(name, published), declared=False)
        report = await audit(profile, source, time=TIME, seed=SEED)
        for finding in report.findings:
            found.setdefault(finding.fingerprint, finding)
    return list(found.values())


async def test_every_error_is_a_real_defect(repository: Path, suites: Path) -> None:
    """Each known defect is found at its line, and no error stands anywhere else."""
    with (suites / "dns-repos" / "EXPECTED.tsv").open(encoding="utf-8") as lines:
        known = [
            row
            for row in csv.DictReader(lines, delimiter="\t")
            if row["repository"] == repository.name
        ]
    findings = await findings_of(repository)
    missed = []
    explained: set[str] = set()
    for row in known:
        file, span = Path(row["file"]).name, range(int(row["entry"]), int(row["line"]) + 1)
        here = [
            f for f in findings if any(name == file and line in span for name, line in places(f))
        ]
        explained |= {f.fingerprint for f in here}
        if row["rule"] not in LATER and row["rule"] not in {f.rule.id for f in here}:
            missed.append(f"{row['rule']} {row['file']}:{row['line']} {row['name']}")
    assert not missed
    alarms = [
        f"{f.rule.id} {f.domain}: {f.message} {sorted(places(f))}"
        for f in findings
        if f.severity is Severity.ERROR and f.fingerprint not in explained
    ]
    assert not alarms
