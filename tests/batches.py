"""Batches for the tests of forms: real audits over a zone file, alone or as a repository's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from audits import audit_domain, offline

from sendgate.audit.judge import Policy
from sendgate.audit.report import Report, StaleWaiver, Verdict, Waiver
from sendgate.names import Domain
from sendgate.repo.reading import DeclaredZone, Place, Reading, Unread
from sendgate.repo.report import Change, RepositoryReport

ZONE = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  A 192.0.2.1
  MX 10 mx
  TXT "v=spf1 include:_one.example.com ~all"
_one TXT "v=spf1 include:_two.example.com ?all"
_two TXT "v=spf1 ip4:192.0.2.0/24 +all"
ns1 A 192.0.2.53
mx A 192.0.2.25
_dmarc TXT "v=DMARC1; p=rejct; rua=mailto:d@example.com"
news MX 10 mx
news TXT "v=spf1 ip4:192.0.2.1 nclude:x.example.com -all"
shop MX 10 mx
shop TXT "v=spf1 -all"
"""
DOMAINS = ("example.com", "news.example.com", "shop.example.com")


def audited(
    folder: Path,
    zone: str = ZONE,
    domains: Sequence[str] = DOMAINS,
    options: Mapping[str, Any] | None = None,
    policy: Policy | None = None,
) -> tuple[Report, ...]:
    """Audit names of one zone, whose file is ``x.zone`` in the folder, named as it stands there."""
    (folder / "x.zone").write_text(zone, encoding="utf-8", newline="")
    source = offline(Path("x.zone")) if Path.cwd() == folder else offline(folder / "x.zone")

    async def run() -> tuple[Report, ...]:
        return tuple([await audit_domain(name, options or {}, source, policy) for name in domains])

    return asyncio.run(run())


def repository(reports: Sequence[Report], **changes: Any) -> RepositoryReport:
    """Make the check of a repository of these audits, with an entry of two lines at line 7."""
    apex = Domain("example.com")
    reading = Reading(
        "bind",
        "x.zone is a master file",
        records=(),
        zones=(DeclaredZone(apex, Place("x.zone", 1)),),
        places=(Place("x.zone", 7, 8), Place("x.zone", 1, 16)),
    )
    given = {name: changes.pop(name) for name in ("unread", "notes") if name in changes}
    codes = [report.verdict.exit_code for report in reports]
    worst = Verdict.FAIL if 1 in codes else Verdict.UNKNOWN if 3 in codes else Verdict.PASS
    changes.setdefault("verdict", worst)
    return RepositoryReport(
        replace(reading, **given), tuple(reports), prefix=changes.pop("prefix", "dns/"), **changes
    )


def changed(reports: Sequence[Report]) -> Change:
    """A change that brought the findings of the first audit, and mended a copy of another's."""
    return Change(
        "main",
        new=reports[0].findings,
        fixed=tuple(replace(f, domain=Domain("old.example.com")) for f in reports[1].findings[:1]),
        still=tuple(f for report in reports[1:] for f in report.findings),
    )


UNREAD = Unread(Place("zones/broken.yaml", 3), "a mapping ends early", (Domain("broken.example"),))
WAIVER = Waiver("SPF003", "*.example.com", "until the move", date(2026, 12, 31))
STALE = StaleWaiver(Waiver("DMARC006", "example.com", "roll-out", date(2026, 12, 31)), False)
