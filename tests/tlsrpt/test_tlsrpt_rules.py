"""TLSRPT001 and TLSRPT002: who asks for reports, and whether they can arrive."""

from __future__ import annotations

import pytest
from audits import audit_domain
from worlds import SENDER, Table, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.render.json import audit as as_json

NAME = ("_smtp._tls.news.example.com", "TXT")
STS: Table = {("_mta-sts.news.example.com", "TXT"): [txt("v=STSv1; id=1;")]}


async def report_of(change: Table) -> Report:
    return await audit_domain("news.example.com", SENDER, DnsDouble(healthy() | change))


def said(report: Report) -> list[tuple[str, str]]:
    found = (f for f in report.findings if f.rule.area == "TLSRPT")
    return [(f.rule.id, str(f.severity)) for f in found]


async def test_none_is_a_note_and_a_warning_beside_mta_sts() -> None:
    """Where a failure keeps mail back, somebody should hear of it."""
    assert said(await report_of({})) == [("TLSRPT001", "note")]
    assert said(await report_of(STS)) == [("TLSRPT001", "warning")]


async def test_a_domain_that_takes_no_mail_needs_none() -> None:
    """Without MX, or with a null one, nothing is asked and nothing said."""
    null: Table = {("news.example.com", "MX"): [mx(0, ".")]}
    none: Table = {("news.example.com", "MX"): []}
    for change in (null, none):
        report = await report_of(change)
        assert not {f.rule.area for f in report.findings} & {"STS", "TLSRPT", "DANE"}
        facts = as_json(report)["facts"]
        assert facts["tlsrpt"] == {"state": "not_applicable", "rua": None}
        assert facts["mtasts"]["state"] == facts["dane"]["state"] == "not_applicable"


@pytest.mark.parametrize(
    ("texts", "severity"),
    [
        (["v=TLSRPTv1; rua=mailto:a@example.com"], None),
        (["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:b@example.com"], "error"),
        (["v=tlsrptv1; rua=mailto:a@example.com"], "error"),
        (["v=TLSRPTv1;"], "error"),
        (["v=TLSRPTv1; rua=ftp://example.com"], "error"),
        (["v=TLSRPTv1; rua=ftp://example.com,mailto:a@example.com"], "warning"),
        (["v=TLSRPTv1 ; rua=mailto:a@example.com"], "warning"),
        (["v=TLSRPTv1; rua=mailto:a@example.com "], "warning"),
    ],
)
async def test_a_void_record_is_an_error(texts: list[str], severity: str | None) -> None:
    """What every sender discards; what only some may discard is a warning."""
    expected = [] if severity is None else [("TLSRPT002", severity)]
    assert said(await report_of({NAME: [txt(text) for text in texts]})) == expected


async def test_unknown_is_not_missing() -> None:
    """A lookup that failed is neither an absent record nor a void one."""
    report = await report_of({NAME: Reason.SERVFAIL})
    assert said(report) == []
    assert {u.rule.id: u.decisive for u in report.unknown} == {
        "TLSRPT001": False, "TLSRPT002": True
    }  # fmt: skip
    report = await report_of({NAME: Reason.NOT_ASKED})
    assert {u.rule.id: u.decisive for u in report.unknown} == {"TLSRPT001": False}
    assert report.verdict == "pass"
