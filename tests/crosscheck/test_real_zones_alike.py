"""Whole repositories of others: checkdmarc reads every mail domain as the audit does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from audits import SEED, TIME, audit_domain, check_fixture

from sendgate.audit.opinion import Outcome
from sendgate.crosscheck.worker import SecondReader
from sendgate.dmarc.suffixes import is_suffix_or_above
from sendgate.dns.overlay import NowhereSource, OverlaySource
from sendgate.dns.recorded import RecordingSource
from sendgate.repo.detect import read_repository
from sendgate.repo.source import RepositorySource, public_view
from sendgate.repo.tree import FolderTree

# Topics read alike, and those that rest on names outside of the repository.
TOPICS = {"moj-octodns": (1950, 180), "ocf-bind": (75, 25), "nixos-dnscontrol": (34, 0)}


@pytest.mark.parametrize("name", TOPICS)
async def test_no_topic_is_read_differently(suites: Path, name: str) -> None:
    """SPF, DMARC, MX, BIMI, MTA-STS and TLS-RPT of every domain that takes part in mail."""
    folder = suites / "dns-repos" / name
    checked = await check_fixture("example.com", {}, folder)
    reading = read_repository(FolderTree(folder), where=str(folder))
    zones = RepositorySource(reading, public_view(reading), open_ended=False)
    source = OverlaySource(zones, NowhereSource(is_suffix_or_above))
    reader = SecondReader()
    tally: Counter[Outcome] = Counter()
    alarms = []
    for domain in (report.domain for report in checked.reports):
        heard = RecordingSource(source, TIME, SEED)
        report = await audit_domain(domain.text, {}, heard)
        opinion = await reader.on(report.facts, heard.answers)
        assert opinion.problem is None, domain
        for entry in opinion.comparisons:
            tally[entry.outcome] += 1
            if entry.outcome not in {Outcome.AGREES, Outcome.NOT_COMPARABLE}:
                alarms.append(f"{domain} {entry}")
    await reader.aclose()
    assert not alarms
    assert (tally[Outcome.AGREES], tally[Outcome.NOT_COMPARABLE]) == TOPICS[name]
