"""What the BIMI rules say of one record with its files, or of files alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendgate.audit.judge import Judgement, Policy, run_rules
from sendgate.audit.report import Report, Verdict
from sendgate.bimi.asset_rules import CERTIFICATE_RULES, LOGO_RULES
from sendgate.bimi.assets import Assets
from sendgate.names import ROOT, Domain

__all__ = ["BrandReport", "brand_of", "judge_files"]


@dataclass(frozen=True)
class BrandReport:
    """A report on a logo; `domain`, `selector` and `record` are None where files were given."""

    time: datetime
    verdict: Verdict
    said: Judgement
    assets: Assets | None
    domain: Domain | None = None
    selector: str | None = None
    record: str | None = None


@dataclass(frozen=True)
class _Files:
    """Files as facts."""

    assets: Assets


def judge_files(assets: Assets, policy: Policy) -> BrandReport:
    """Judge files that no record names; a finding's subject is the root."""
    rules = (*LOGO_RULES, *CERTIFICATE_RULES)
    said = run_rules(_Files(assets), rules, policy, ROOT, assets.time.date())
    verdict = Verdict.PASS
    if any(item.decisive for item in said.unknown):
        verdict = Verdict.UNKNOWN
    if any(policy.fail_on <= finding.severity for finding in said.findings):
        verdict = Verdict.FAIL
    return BrandReport(assets.time, verdict, said, assets)


def brand_of(report: Report) -> BrandReport:
    """Take what an audit says of the logo."""
    bimi = report.facts.bimi
    said = Judgement(report.findings, report.unknown, report.waived, report.left_out)
    return BrandReport(
        time=report.time,
        verdict=report.verdict,
        said=said,
        assets=bimi.assets,
        domain=report.domain,
        selector=bimi.selector,
        record=None if bimi.record is None else str(bimi.record),
    )
