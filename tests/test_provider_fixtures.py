"""Every provider has its proof: a zone set up as it asks for, and one wrong in its typical way.

The right one yields nothing beyond the notes of every healthy sender, the wrong one exactly
the finding that its case names.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audits import audit_fixture

from sendgate.audit.report import Report
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain
from sendgate.topology import providers
from sendgate.vocabulary import Severity

FOLDER = Path(__file__).parent.parent / "fixtures" / "providers"
CASES = sorted(path.parent for path in FOLDER.glob("*/case.toml"))
TIME = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def read(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "case.toml").read_text())


async def audited(folder: Path, half: str, **changes: Any) -> Report:
    case = read(folder)
    given = {k: v for k, v in (case["options"] | changes).items() if v is not None}
    return await audit_fixture(case["domain"], given, folder / f"{half}.zone", TIME)


def grave(report: Report) -> dict[str, str]:
    return {f.rule.id: f.message for f in report.findings if f.severity is not Severity.NOTE}


def test_there_is_a_fixture_for_most_providers() -> None:
    """At least 25 providers are shown, each under its id."""
    known = {provider.id for provider in providers.load_providers()}
    assert len(CASES) >= 25
    assert {folder.name for folder in CASES} <= known


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_set_up_right_there_is_nothing_to_find(folder: Path) -> None:
    """No error, no warning, nothing that could not be told."""
    report = await audited(folder, "right")
    assert grave(report) == {}
    assert [f"{item.rule.id} {item.unknown.question}" for item in report.unknown] == []


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_set_up_wrong_exactly_that_is_found(folder: Path) -> None:
    """One fault, one finding."""
    report = await audited(folder, "wrong")
    assert list(grave(report)) == [read(folder)["wrong"]], grave(report)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_the_right_zone_has_what_the_catalogue_expects(folder: Path) -> None:
    """Each record that the provider asks for, with one family of return path, is there."""
    provider, case = providers.find(folder.name), read(folder)
    sending = Domain.parse(case["domain"])
    path = case["options"].get("return-path")
    there = list(ZoneSource.from_files([folder / "right.zone"]).records())
    families = {one.family for one in provider.records if one.family} if path else set()

    def has(expected: providers.Expected) -> bool:
        role = None if path is None else Domain.parse(path)
        return any(
            expected.matches(sending, role, record.name, str(record.data)) for record in there
        )

    assert all(has(one) for one in provider.records if one.family is None)
    if families:
        assert any(all(has(e) for e in provider.records if e.family == one) for one in families)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_the_provider_is_told_by_its_records_alone(folder: Path) -> None:
    """Named or not, the right zone shows whose it is, or nothing, and never another's."""
    report = await audited(folder, "right", provider=None)
    provider = providers.find(folder.name)
    assert report.facts.provider in {folder.name, *provider.uses, None}
    shown = provider.dkim_targets or provider.return_path_targets or provider.bounce_mx
    if shown:
        assert report.facts.provider == folder.name
