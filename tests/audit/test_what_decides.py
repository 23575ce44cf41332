"""What decides: each line of the README's section of that name, shown on a whole audit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from audits import audit_domain, offline
from worlds import SENDER, Table, healthy, mx, txt

from sendgate.audit.judge import Policy, stale_waivers
from sendgate.audit.report import Report, Verdict, Waiver, exit_code
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.vocabulary import Severity

NEWS = "news.example.com"


async def audit(
    table: Table, given: dict[str, Any] | None = None, policy: Policy | None = None, **kwargs: Any
) -> Report:
    options = SENDER if given is None else given
    return await audit_domain(
        kwargs.pop("domain", NEWS), options, DnsDouble(table), policy, **kwargs
    )


def ids(report: Report) -> set[str]:
    return {finding.rule.id for finding in report.findings}


def errors(report: Report) -> set[str]:
    return {f.rule.id for f in report.findings if f.severity is Severity.ERROR}


async def test_a_healthy_sender_passes() -> None:
    """Nothing at or above error, nothing decisive unknown: pass, exit 0."""
    report = await audit(healthy())
    assert report.verdict is Verdict.PASS, (report.findings, report.unknown)
    assert report.verdict.exit_code == 0
    assert not [f for f in report.findings if f.severity is not Severity.NOTE], report.findings


async def test_an_error_fails() -> None:
    """A finding at error fails: exit 1."""
    table = healthy() | {("12345m.example.com", "TXT"): [txt("v=spf1 nclude:x.example -all")]}
    report = await audit(table)
    assert report.verdict is Verdict.FAIL
    assert report.verdict.exit_code == 1
    assert "SPF003" in errors(report)


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.SERVFAIL, Reason.REFUSED])
@pytest.mark.parametrize(
    "question",
    [
        ("12345m.example.com", "TXT"),
        ("s1._domainkey.news.example.com", "TXT"),
        ("12345m.example.com", "MX"),
    ],
    ids=" ".join,
)
async def test_not_seen_is_not_absent(question: tuple[str, str], reason: Reason) -> None:
    """A timeout, SERVFAIL or REFUSED is unknown and exit 3; nothing is called missing."""
    before = ids(await audit(healthy()))
    report = await audit(healthy() | {question: reason})
    assert report.verdict is Verdict.UNKNOWN, (report.findings, report.unknown)
    assert report.verdict.exit_code == 3
    assert any(item.decisive and item.unknown.reason is reason for item in report.unknown)
    assert ids(report) <= before


async def test_a_failure_outweighs_an_unknown() -> None:
    """An error is an error whatever else could not be seen."""
    table = healthy() | {
        ("12345m.example.com", "TXT"): [txt("v=spf1 a:"), txt("v=spf1 -all")],
        ("s1._domainkey.news.example.com", "TXT"): Reason.TIMEOUT,
    }
    assert (await audit(table)).verdict is Verdict.FAIL


async def test_an_unknown_below_the_threshold_does_not_decide() -> None:
    """The DMARC record of a sender without declared volume is a warning's matter: pass at error."""
    table = healthy() | {("_dmarc.example.com", "TXT"): Reason.TIMEOUT}
    report = await audit(table, SENDER | {"selectors": ["s1"]})
    unknown = {item.rule.id: item for item in report.unknown}
    assert "DMARC001" in unknown
    assert not unknown["DMARC001"].decisive
    strict = await audit(table, policy=Policy(fail_on=Severity.WARNING))
    assert strict.verdict is Verdict.UNKNOWN


async def test_declared_volume_makes_a_missing_dmarc_record_an_error() -> None:
    """`*-bulk` declares volume: DMARC001 is an error then, and a warning otherwise."""
    table = healthy()
    del table["_dmarc.example.com", "TXT"]
    calm = await audit(table)
    assert "DMARC001" in ids(calm)
    assert calm.verdict is Verdict.PASS
    small = await audit(table, SENDER | {"receivers": ["google"]})
    assert small.verdict is Verdict.PASS
    bulk = await audit(table, SENDER | {"receivers": ["google-bulk"]})
    assert "DMARC001" in errors(bulk)
    assert bulk.verdict is Verdict.FAIL
    unread = await audit(
        healthy() | {("_dmarc.example.com", "TXT"): Reason.SERVFAIL},
        SENDER | {"receivers": ["google-bulk"]},
    )
    assert unread.verdict is Verdict.UNKNOWN


async def test_fail_on_moves_the_threshold() -> None:
    """A warning fails at --fail-on warning, a note at --fail-on note."""
    table = healthy() | {("_dmarc.example.com", "TXT"): [txt("v=DMARC1; p=none")]}
    assert (await audit(table)).verdict is Verdict.PASS
    assert (await audit(table, policy=Policy(Severity.WARNING))).verdict is Verdict.FAIL
    assert (await audit(healthy(), policy=Policy(Severity.WARNING))).verdict is Verdict.PASS
    assert (await audit(healthy(), policy=Policy(Severity.NOTE))).verdict is Verdict.FAIL


async def test_what_was_not_declared_is_not_applicable() -> None:
    """Without selector, return path and address nothing about them is missing or unknown."""
    report = await audit(
        {("example.com", "A"): healthy()["example.com", "A"]}, {}, domain="example.com"
    )
    said = ids(report) | {item.rule.id for item in report.unknown}
    assert not said & {"SPF001", "SPF025", "DKIM001", "ALN001", "TOP003", "MX008"}, report.findings
    assert report.verdict is Verdict.PASS


async def test_a_null_mx_name_is_not_applicable() -> None:
    """A name that says it takes no part in mail is not judged as a sender."""
    table: Table = {
        ("parked.example", "MX"): [mx(0, ".")],
        ("parked.example", "TXT"): [txt("v=spf1 -all")],
        ("_dmarc.parked.example", "TXT"): [txt("v=DMARC1; p=reject")],
    }
    report = await audit(table, {}, domain="parked.example")
    assert report.verdict is Verdict.NOT_APPLICABLE, report.findings
    assert report.verdict.exit_code == 0
    declared = await audit(table, {"sender": "own"}, domain="parked.example")
    assert declared.verdict is Verdict.FAIL
    assert "MX008" in errors(declared)


async def test_a_name_without_records_is_not_parked() -> None:
    """Saying nothing is not saying no."""
    report = await audit({("example.net", "A"): []}, {}, domain="nothing.example.net")
    assert report.verdict is not Verdict.NOT_APPLICABLE


async def test_unknown_return_path_leaves_spf_open() -> None:
    """No return path: the record at DOMAIN is judged as text, its absence is no error."""
    given = {"selectors": ["s1"]}
    report = await audit(healthy(), given)
    assert report.facts.alignment.spf.possible is None
    assert report.facts.profile.return_path is None
    assert "SPF001" not in ids(report)
    broken = healthy() | {(NEWS, "TXT"): [txt("v=spf1 ip4:192.0.2.300 -all")]}
    assert "SPF003" in errors(await audit(broken, given))


async def test_a_shared_providers_return_path_is_assumed() -> None:
    """The provider's own return path is known: SPF cannot align, DKIM decides."""
    given = {"provider": "hubspot", "sender": "shared", "selectors": ["s1"]}
    report = await audit(healthy(), given)
    role = report.facts.profile.return_path
    assert role is not None
    assert role.assumed
    assert report.facts.alignment.spf.possible is False
    assert str(report.facts.alignment.result) == "pass"
    assert report.verdict is Verdict.PASS, report.findings


async def test_offline_walk_above_the_given_zones_is_assumed_absent(tmp_path: Any) -> None:
    """`_dmarc.com` in no given zone counts as without record; other names stay unknown."""
    zone = tmp_path / "example.com.zone"
    zone.write_text(
        "$ORIGIN example.com.\n$TTL 300\n@ SOA ns.example.com. h.example.com. 1 1 1 1 1\n"
        '@ NS ns\nns A 192.0.2.1\n@ TXT "v=spf1 ip4:192.0.2.10 -all"\n@ MX 10 ns\n'
        "@ A 192.0.2.1\nwww A 192.0.2.1\n"
        '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@example.com"\n'
    )
    report = await audit_domain("example.com", {"receivers": ["google-bulk"]}, offline(zone))
    assert "DMARC001" not in {item.rule.id for item in report.unknown}
    assert report.verdict is Verdict.PASS, (report.findings, report.unknown)
    outside = await audit_domain(
        "example.com",
        {"return-path": "bounce.example.net", "ips": ["192.0.2.10"]},
        offline(zone),
    )
    assert outside.verdict is Verdict.UNKNOWN


WAIVER = Waiver("SPF003", NEWS, "on its way out", date(2026, 11, 23))


async def test_waivers_take_findings_out_until_their_day_ends() -> None:
    """A waiver is valid through its day, exact or for all below a name; then it is stale."""
    table = healthy() | {("12345m.example.com", "TXT"): [txt("v=spf1 ip4:192.0.2.300 -all")]}
    dkim_holds = SENDER | {"ips": []}
    policy = Policy(waivers=(WAIVER,))
    report = await audit(table, dkim_holds, policy)
    assert [item.finding.rule.id for item in report.waived] == ["SPF003"]
    assert report.verdict is Verdict.PASS, report.findings
    assert not stale_waivers(policy, [report])

    late = datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC)
    expired = await audit(table, dkim_holds, policy, time=late)
    assert expired.verdict is Verdict.FAIL
    assert [stale.expired for stale in stale_waivers(policy, [expired])] == [True]

    below = Policy(waivers=(replace(WAIVER, domain="*.example.com"),))
    assert (await audit(table, dkim_holds, below)).verdict is Verdict.PASS
    not_itself = Policy(waivers=(replace(WAIVER, domain="*.news.example.com"),))
    report = await audit(table, dkim_holds, not_itself)
    assert report.verdict is Verdict.FAIL
    assert not stale_waivers(not_itself, [report]), "its domain was not audited"


async def test_unused_waivers_are_told_apart() -> None:
    """A waiver whose domain was audited and that took nothing away is unused."""
    policy = Policy(waivers=(WAIVER,))
    report = await audit(healthy(), policy=policy)
    (stale,) = stale_waivers(policy, [report])
    assert not stale.expired


async def test_what_a_waiver_covers_cannot_decide_by_being_unseen() -> None:
    """An unknown of a waived rule is listed, and decides nothing."""
    table = healthy() | {("12345m.example.com", "TXT"): Reason.TIMEOUT}
    report = await audit(table)
    rules = {item.rule.id for item in report.unknown if item.decisive}
    policy = Policy(waivers=tuple(replace(WAIVER, rule=rule) for rule in rules))
    assert (await audit(table, policy=policy)).verdict is Verdict.PASS


async def test_select_and_ignore_filter_and_are_counted() -> None:
    """Findings left out by --select or --ignore do not decide, and are counted."""
    table = healthy() | {("12345m.example.com", "TXT"): [txt("v=spf1 ip4:192.0.2.300 -all")]}
    dkim_holds = SENDER | {"ips": []}
    ignored = await audit(table, dkim_holds, Policy(ignore=frozenset({"SPF"})))
    assert ignored.verdict is Verdict.PASS
    assert ignored.left_out >= 1
    selected = await audit(table, dkim_holds, Policy(select=frozenset({"DMARC"})))
    assert {f.rule.area for f in selected.findings} <= {"DMARC"}


async def test_fingerprints_hold_still() -> None:
    """Values and lines do not change a fingerprint; the subject does."""
    one = healthy() | {("12345m.example.com", "TXT"): [txt("v=spf1 ip4:192.0.2.300 -all")]}
    two = healthy() | {("12345m.example.com", "TXT"): [txt("v=spf1 ip4:999 ~all")]}
    prints = [
        {f.fingerprint for f in (await audit(t)).findings if f.rule.id == "SPF003"}
        for t in (one, two)
    ]
    assert prints[0] == prints[1]
    assert len(prints[0]) == 1


async def test_bulk_takes_the_worst() -> None:
    """1 if any domain fails, else 3 if any is unknown, else 0."""
    good = await audit(healthy())
    unknown = await audit(healthy() | {("12345m.example.com", "TXT"): Reason.TIMEOUT})
    bad = await audit(healthy() | {("12345m.example.com", "TXT"): [txt("v=spf1 a:")]})
    assert exit_code([good.verdict]) == 0
    assert exit_code([good.verdict, unknown.verdict]) == 3
    assert exit_code([unknown.verdict, bad.verdict, good.verdict]) == 1
