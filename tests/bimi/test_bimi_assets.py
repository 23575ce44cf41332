"""What is fetched for a BIMI record, and what becomes of it where it cannot be had."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from audits import audit_domain, offline
from bimi.marks import LOGO, TIME, YEAR, MarkAuthority
from webs import WebDouble

from sendgate.audit.report import Report
from sendgate.bimi.certificate import MarkRoots
from sendgate.bimi.fetch import AssetReader
from sendgate.dns.answers import Reason
from sendgate.web import Fetched, NoWeb, Unfetched, Web

ROOT = MarkAuthority()
ROOTS = MarkRoots((ROOT.certificate,), origin="roots.pem")
L, A = "https://www.example.com/logo.svg", "https://www.example.com/mark.pem"
GOOD: dict[str, Any] = {L: LOGO, A: ROOT.issue("example.com")}


@pytest.fixture
def zone(fixtures: Path) -> Path:
    return fixtures / "rules" / "BIMI020-invalid-mark-certificate" / "good.zone"


async def audited(zone: Path, web: Web | None, roots: MarkRoots | None = ROOTS) -> Report:
    brand = None if web is None else AssetReader(web, roots, TIME)
    return await audit_domain("news.example.com", {}, offline(zone), web=None, brand=brand)


def bimi(report: Report) -> list[tuple[str, str]]:
    return [(f.rule.id, f.message) for f in report.findings if f.rule.area == "BIMI"]


def unseen(report: Report) -> list[tuple[str, Reason]]:
    return [(i.rule.id, i.unknown.reason) for i in report.unknown if i.rule.area == "BIMI"]


async def test_both_files_are_asked_for_once(zone: Path) -> None:
    """Logo and certificate, by the addresses in the record."""
    web = WebDouble(GOOD)
    report = await audited(zone, web)
    assert sorted(web.asked) == [L, A]
    assert (bimi(report), unseen(report)) == ([], [])


async def test_without_a_web_nothing_is_said(zone: Path) -> None:
    """An audit that may not fetch does not check files, and does not call them missing."""
    report = await audited(zone, None)
    assert (bimi(report), unseen(report)) == ([], [])


@pytest.mark.parametrize("packing", ["gzip", "x-gzip"])
async def test_packed_files_are_read(zone: Path, packing: str) -> None:
    """SVGZ, and servers that pack what they were asked not to."""
    files = {url: Fetched(url, gzip.compress(body), encoding=packing) for url, body in GOOD.items()}
    report = await audited(zone, WebDouble(files))
    assert (bimi(report), unseen(report)) == ([], [])


@pytest.mark.parametrize(("reason", "private"), [(Reason.TIMEOUT, False), (Reason.NOT_ASKED, True)])
async def test_what_could_not_be_told_is_no_finding(
    zone: Path, reason: Reason, private: bool
) -> None:
    """One unknown for each file, and none for what rests on it."""
    gone = Unfetched("www.example.com: why", reason, private)
    report = await audited(zone, WebDouble({L: gone, A: gone}))
    assert bimi(report) == []
    assert unseen(report) == [("BIMI011", reason), ("BIMI020", reason)]


async def test_nobody_is_asked_without_a_network(zone: Path) -> None:
    """Where files are wanted and may not be fetched, that is unknown."""
    report = await audited(zone, NoWeb())
    assert unseen(report) == [("BIMI011", Reason.NOT_ASKED), ("BIMI020", Reason.NOT_ASKED)]


async def test_without_roots_the_chain_is_unknown(zone: Path) -> None:
    """Neither good nor bad, with the remedy in words."""
    report = await audited(zone, WebDouble(GOOD), None)
    assert bimi(report) == []
    assert unseen(report) == [("BIMI020", Reason.NOT_ASKED)]
    assert "--mark-roots" in report.unknown[-1].unknown.detail


async def test_a_redirect_is_a_warning(zone: Path) -> None:
    """The logo is had, but not by every receiver."""
    moved = Fetched(L + "?2", LOGO, redirects=(L,))
    report = await audited(zone, WebDouble(GOOD | {L: moved}))
    [finding] = [f for f in report.findings if f.rule.area == "BIMI"]
    assert (finding.rule.id, str(finding.severity)) == ("BIMI011", "warning")
    assert "by 1 redirect" in finding.message


@pytest.mark.parametrize(
    ("names", "good"),
    [
        (["news.example.com"], True),
        (["example.com"], True),
        (["default._bimi.news.example.com"], True),
        (["other._bimi.news.example.com"], False),
        (["*.example.com"], False),
        (["xample.com"], False),
        ([], False),
    ],
)
async def test_whose_certificate_it_is(zone: Path, names: list[str], good: bool) -> None:
    """The sending or the organizational domain's, with the selector or without."""
    report = await audited(zone, WebDouble(GOOD | {A: ROOT.issue(*names)}))
    assert (bimi(report) == []) is good
    if not good:
        [(rule, message)] = bimi(report)
        assert rule == "BIMI020"
        assert "not for news.example.com" in message


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        (ROOT.issue("example.com", until=TIME - YEAR / 9), "expired on 2026-10-"),
        (ROOT.issue("example.com", usages=()), "does not name marks"),
        (ROOT.issue("example.com", logo=None), "holds no logo"),
        (MarkAuthority().issue("example.com"), "does not chain to a mark root of roots.pem"),
        (b"<html/>", "holds no certificate"),
        (ROOT.pem * 1000, "holds 1000 certificates"),
    ],
)
async def test_each_fault_of_a_certificate_is_one_finding(
    zone: Path, bundle: bytes, words: str
) -> None:
    """In words that say which."""
    [(rule, message)] = bimi(await audited(zone, WebDouble(GOOD | {A: bundle})))
    assert rule == "BIMI020"
    assert words in message
