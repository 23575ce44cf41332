"""Every rule has its proof: a zone in which it speaks, and one at the edge in which it does not.

Each zone must yield *exactly* the ids that its case names, from the whole catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audits import audit_fixture, check_fixture
from mail_hosts import HostsDouble, chain_in
from rule_cases import assert_is_whole, assert_shows_its_own_rule, read
from webs import WebDouble

from sendgate.audit.catalogue import RULES as AUDIT_RULES
from sendgate.audit.report import Report
from sendgate.repo.rules import RULES as TEXT_RULES
from sendgate.web import Fetched

FOLDER = Path(__file__).parent.parent / "fixtures" / "rules"
CASES = sorted(path.parent for path in FOLDER.glob("*/case.toml"))
RULES = (*AUDIT_RULES, *TEXT_RULES)
TYPES = {
    ".txt": "text/plain",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".pem": "application/pem-certificate-chain",
}
TIME = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


async def reports_of(folder: Path, half: str) -> tuple[tuple[Report, ...], dict[str, Any]]:
    """Audit a zone, or where a folder stands in its place, check a repository."""
    case = read(folder)
    expected = case[half]
    options = case.get("options", {}) | expected.get("options", {})
    domain = expected.get("domain", case["domain"])
    if (folder / half).is_dir():
        return (await check_fixture(domain, options, folder / half, TIME)).reports, expected
    data = folder / expected.get("replay", f"{half}.zone")
    web = web_of(folder, expected.get("web"))
    roots = folder / case["mark-roots"] if "mark-roots" in case else None
    mail = hosts_of(folder, expected.get("hosts"))
    report = await audit_fixture(domain, options, data, TIME, web, roots, mail)
    return (report,), expected


def web_of(folder: Path, files: Mapping[str, str] | None) -> WebDouble | None:
    """Make the web of a case: its files by address, each of the type that its name says."""
    if files is None:
        return None
    return WebDouble(
        {
            url: Fetched(url, (folder / name).read_bytes(), TYPES[Path(name).suffix])
            for url, name in files.items()
        }
    )


def hosts_of(folder: Path, files: Mapping[str, str] | None) -> HostsDouble | None:
    """Make the mail hosts of a case: by host, the file of the chain that it shows."""
    if files is None:
        return None
    return HostsDouble({host: chain_in(folder / name) for host, name in files.items()}, TIME)


@pytest.mark.parametrize("half", ["bad", "good"])
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_zone_yields_exactly_the_expected_ids(folder: Path, half: str) -> None:
    """The audit of a fixture finds what its case names: nothing more, nothing less."""
    reports, expected = await reports_of(folder, half)
    found = [finding for report in reports for finding in report.findings]
    said = {f"{f.rule.id}: {f.message}" for f in found}
    assert sorted({f.rule.id for f in found}) == expected["findings"], said
    open_ones = [item for report in reports for item in report.unknown]
    unknown = {f"{u.rule.id}: {u.unknown.question} {u.unknown.text}" for u in open_ones}
    assert sorted({u.rule.id for u in open_ones}) == expected.get("unknown", []), unknown


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_case_shows_its_own_rule(folder: Path) -> None:
    """The bad half has the rule that the folder is named for, the good half has not."""
    assert_shows_its_own_rule(folder)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_catalogue_is_whole(rule: Any) -> None:
    """A rule says what is wrong, what then happens, what to do, where it is written."""
    assert_is_whole(rule, FOLDER)


def test_ids_and_names_are_unique() -> None:
    """One id says one thing."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_no_fixture_without_a_rule() -> None:
    """A fixture folder is named for a rule that exists."""
    known = {f"{rule.id}-{rule.name}" for rule in RULES}
    assert {folder.name for folder in CASES} <= known
