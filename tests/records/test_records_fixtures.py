"""Over every fixture of a rule: proposals never crash, never weaken, and bring no new error."""

from __future__ import annotations

import asyncio
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audits import REVERSE, SEED, offline, options_of

from sendgate.audit.infer import build_profile
from sendgate.dmarc.record import Policy, parse
from sendgate.dns.answers import Txt
from sendgate.errors import InputError
from sendgate.names import Domain
from sendgate.records.forms import FORMS, Heading, write
from sendgate.records.plan import Proposal, Supplied
from sendgate.records.work import propose
from sendgate.render.records import document, heading, summary
from sendgate.vocabulary import Severity

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "rules"
TIME = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CASES = sorted(path.parent for path in FOLDER.glob("*/case.toml"))
ZONES = [folder / f"{half}.zone" for folder in CASES for half in ("bad", "good")]


def strength(made: Proposal, *, after: bool) -> dict[str, int]:
    """How strict each DMARC record is that a proposal touches, before or after."""
    found = {}
    for change in made.changes:
        sets = change.after if after else change.before
        texts = [d.text for d in sets.data if isinstance(d, Txt)] if sets is not None else []
        ranks = [r.p.rank for r in map(parse, texts) if r is not None and isinstance(r.p, Policy)]
        if ranks:
            found[change.one.name.text] = max(ranks)
    return found


@pytest.mark.parametrize(
    "zone", [z for z in ZONES if z.exists()], ids=lambda zone: f"{zone.parent.name}-{zone.stem}"
)
def test_a_proposal_only_mends(zone: Path) -> None:
    """What passed still passes, no rule fails that did not, and every form says it or refuses."""
    case: dict[str, Any] = tomllib.loads((zone.parent / "case.toml").read_text(encoding="utf-8"))
    if "domain" not in case:
        pytest.skip("the fixture is of another kind of rule")
    profile = build_profile(Domain.parse(case["domain"]), options_of(case.get("options", {})))
    own_reverse = "in-addr.arpa" in zone.read_text(encoding="utf-8")
    source = offline(zone, *(() if own_reverse else (REVERSE,)))
    made = asyncio.run(propose(profile, source, Supplied(), time=TIME, seed=SEED))
    errors = [
        # A receiver may ask for SPF, and once that is mended still for DKIM, by another rule.
        {
            f.rule.id
            for f in report.findings
            if f.severity is Severity.ERROR and f.rule.area != "RCV"
        }
        for report in (made.before, made.after)
    ]
    assert errors[1] <= errors[0], heading(made)
    if made.before.verdict.exit_code == 0:
        assert made.after.verdict.exit_code == 0
    before, after = strength(made, after=False), strength(made, after=True)
    assert all(after.get(name, -1) >= rank for name, rank in before.items())
    assert document(made)["format"] == "sendgate.records/1"
    assert list(summary(made))
    assert all(change.why and change.one.data for change in made.changes)
    for form in FORMS:
        try:
            assert write(form, made.changes, Heading(heading(made))).isascii()
        except InputError as error:
            refused = str(error)
            assert "--as bind" in refused or "--in-zone" in refused, refused
