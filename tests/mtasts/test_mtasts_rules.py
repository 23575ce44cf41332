"""STS001 to STS007: the record, and the policy where there is a web to fetch it from."""

from __future__ import annotations

import pytest
from audits import audit_domain
from webs import WebDouble
from worlds import SENDER, Table, address, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.render.json import audit as as_json
from sendgate.web import Fetched, NoWeb, Unfetched, Web

NAME = ("_mta-sts.news.example.com", "TXT")
RECORD: Table = {NAME: [txt("v=STSv1; id=20260831;")]}
URL = "https://mta-sts.news.example.com/.well-known/mta-sts.txt"
ENFORCE = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 604800\n"


def serving(text: str = ENFORCE, media_type: str = "text/plain") -> Fetched:
    return Fetched(URL, text.encode(), media_type)


async def report_of(change: Table, found: Fetched | Unfetched | None = None) -> Report:
    web: Web | None = None if found is None else WebDouble({URL: found})
    double = DnsDouble(healthy() | change)
    return await audit_domain("news.example.com", SENDER, double, web=web)


def said(report: Report) -> list[tuple[str, str]]:
    found = (f for f in report.findings if f.rule.area == "STS")
    return [(f.rule.id, str(f.severity)) for f in found]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ("STS001", "note")),
        (["v=STSv1; id=1;"], None),
        (["v=STSv1; id=1;", "unrelated"], None),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], ("STS002", "error")),
        (["v=STSv1;"], ("STS002", "error")),
        (["v=STSv1; id=2026-08-31;"], ("STS002", "error")),
        (["v=stsv1; id=1;"], ("STS002", "error")),
        (["v=STSv1 ; id=1;"], ("STS002", "warning")),
    ],
)
async def test_the_record_is_judged_without_the_web(
    texts: list[str], expected: tuple[str, str] | None
) -> None:
    """None is a note, a void one an error; the policy is not checked, and so it is said."""
    report = await report_of({NAME: [txt(text) for text in texts]})
    assert said(report) == ([] if expected is None else [expected])
    assert as_json(report)["facts"]["mtasts"]["policy"] == "not_checked"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (serving(), []),
        (serving(ENFORCE.replace("\n", "\r\n")), []),
        (serving(media_type="text/html"), [("STS003", "error")]),
        (Unfetched("HTTP status 301, redirects to elsewhere"), [("STS003", "error")]),
        (Unfetched("certificate has expired"), [("STS003", "error")]),
        (serving("<html>"), [("STS004", "error")]),
        (serving(ENFORCE.replace("max_age: 604800\n", "")), [("STS004", "error")]),
        (serving(ENFORCE.replace("mail.", "*.mail.")), [("STS005", "error")]),
        (serving(ENFORCE.replace("mail.", "*.")), []),
        (serving(ENFORCE.replace("604800", "86399")), [("STS006", "warning")]),
        (
            serving(ENFORCE.replace("enforce", "testing").replace("mail.", "other.")),
            [("STS005", "warning"), ("STS006", "warning")],
        ),
        (serving("version: STSv1\nmode: none\nmax_age: 86400\n"), [("STS006", "warning")]),
    ],
)
async def test_the_policy_is_judged_where_it_is_fetched(
    found: Fetched | Unfetched, expected: list[tuple[str, str]]
) -> None:
    """What senders would meet: a refusal, a broken file, an MX host that is not named."""
    report = await report_of(RECORD, found)
    assert said(report) == expected
    assert not [u for u in report.unknown if u.rule.area == "STS"]


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.UNREACHABLE, Reason.SERVFAIL])
async def test_a_policy_host_out_of_reach_decides_nothing(reason: Reason) -> None:
    """From here it cannot be reached; what others get is not known."""
    report = await report_of(RECORD, Unfetched("no answer", reason))
    assert said(report) == []
    assert [(u.rule.id, u.decisive) for u in report.unknown] == [("STS003", False)]
    assert report.verdict == "pass"


async def test_a_host_that_must_not_be_called_is_not_checked() -> None:
    """Neither an address of a private network nor a run without a web says anything."""
    report = await report_of(RECORD, Unfetched("private", Reason.NOT_ASKED, private=True))
    assert (said(report), report.unknown) == ([], ())
    double = DnsDouble(healthy() | RECORD)
    report = await audit_domain("news.example.com", SENDER, double, web=NoWeb())
    assert (said(report), report.unknown) == ([], ())


async def test_a_policy_that_nobody_announces_is_looked_for() -> None:
    """Only where its host has an address; without one no file is asked for."""
    host: Table = {("mta-sts.news.example.com", "A"): [address("192.0.2.81")]}
    assert said(await report_of(host, serving())) == [("STS001", "note"), ("STS007", "warning")]
    web = WebDouble({URL: serving()})
    await audit_domain("news.example.com", SENDER, DnsDouble(healthy()), web=web)
    assert web.asked == []


async def test_every_mx_host_counts_once() -> None:
    """The message names the hosts that are missing, and the patterns there are."""
    change: Table = {
        ("news.example.com", "MX"): [mx(10, "mail.example.com"), mx(20, "backup.example.com")],
        ("backup.example.com", "A"): [address("192.0.2.30")],
    }
    report = await report_of(RECORD | change, serving())
    (finding,) = (f for f in report.findings if f.rule.id == "STS005")
    assert finding.message == (
        "backup.example.com is not in the policy of news.example.com, mode enforce, "
        "which names mail.example.com"
    )
    assert str(finding.evidence[0].name) == "_mta-sts.news.example.com"


async def test_a_lookup_that_fails_is_no_absence() -> None:
    """Not asked decides nothing; a failure may hide a void record."""
    report = await report_of({NAME: Reason.TIMEOUT})
    assert said(report) == []
    assert {u.rule.id: u.decisive for u in report.unknown} == {"STS001": False, "STS002": True}
    report = await report_of({NAME: Reason.NOT_ASKED})
    assert {u.rule.id: u.decisive for u in report.unknown} == {"STS001": False}
