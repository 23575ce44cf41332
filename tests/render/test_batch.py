"""Batch: what the forms for CI are made of, from a repository or from a command line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from batches import DOMAINS, UNREAD, WAIVER, audited, changed, repository

from sendgate.audit.judge import Policy
from sendgate.audit.report import Verdict
from sendgate.names import Domain
from sendgate.render.batch import Batch, Totals
from sendgate.render.entry import State, said
from sendgate.repo.reading import Place
from sendgate.vocabulary import Severity


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_entry_stands_at_its_line_from_the_top_of_the_tree(tmp_path: Path) -> None:
    """The place is that of the first evidence in a file, with the entry's last line."""
    batch = Batch.of_repository(repository(audited(tmp_path)))
    places = {entry.rule.id: entry.place for entry in batch.findings}
    assert places["SPF011"] == Place("dns/x.zone", 7, 8)
    assert places["SPF003"] == Place("dns/x.zone", 14, 16)


def test_one_record_is_one_group(tmp_path: Path) -> None:
    """A policy that three names inherit is shown once, and names the three."""
    batch = Batch.of_repository(repository(audited(tmp_path)))
    groups = batch.grouped(batch.findings)
    assert [g.first.severity for g in groups] == sorted(
        (g.first.severity for g in groups), reverse=True
    )
    (policy,) = [group for group in groups if group.first.rule.id == "DMARC004"]
    assert policy.domains == tuple(map(Domain, DOMAINS))
    assert policy.others == policy.domains[1:]


def test_a_change_parts_what_is_new_from_what_stood_there(tmp_path: Path) -> None:
    """Only what is new is current; the verdict follows it."""
    reports = audited(tmp_path)
    change = changed(reports)
    batch = Batch.of_repository(repository(reports, change=change))
    assert [entry.finding for entry in batch.current] == list(reports[0].findings)
    assert {entry.state for entry in batch.current} == {State.NEW}
    assert len(batch.still) == len(reports[1].findings) + len(reports[2].findings)
    assert [entry.state for entry in batch.fixed] == [State.FIXED]
    assert batch.fixed[0].report is None
    assert batch.verdict is Verdict.FAIL
    calm = repository(reports, change=change, verdict=Verdict.PASS)
    assert Batch.of_repository(calm).verdict is Verdict.PASS, "the check's own verdict stands"


def test_without_evidence_in_a_file_the_sender_the_zone_or_the_unread_file_speaks(
    tmp_path: Path,
) -> None:
    """The line of the [[sender]], else the zone's file, else the first file not read."""
    reports = audited(tmp_path)
    report = repository(reports, unread=(UNREAD,))
    news = Domain("news.example.com")
    declared = Batch.of_repository(report, senders={news: Place("sendgate.toml", 4)})
    assert declared.fallback(news) == Place("sendgate.toml", 4)
    batch = Batch.of_repository(report)
    assert batch.fallback(news) == Place("dns/x.zone", 1)
    assert batch.fallback(Domain("example.net")) == Place("dns/zones/broken.yaml", 3)
    assert Batch.of_reports(reports).fallback(news) is None


def test_findings_of_one_fingerprint_are_numbered(tmp_path: Path) -> None:
    """Two findings of a rule at one record keep apart, so that no consumer loses one."""
    reports = audited(tmp_path)
    twice = replace(reports[0], findings=reports[0].findings[:1] * 2)
    batch = Batch.of_reports([twice])
    own = reports[0].findings[0].fingerprint
    assert [entry.fingerprint for entry in batch.findings] == [own, f"{own}:2"]


def test_waived_findings_are_apart(tmp_path: Path) -> None:
    """A waiver takes its finding out, and stands beside it."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    batch = Batch.of_reports(reports)
    assert [(e.rule.id, e.waiver) for e in batch.waived] == [("SPF003", WAIVER)]
    assert "SPF003" not in {entry.rule.id for entry in batch.findings}


def test_unknowns_are_told_by_question_decisive_ones_first(tmp_path: Path) -> None:
    """What hangs on one question is one item, with every rule and domain."""
    zone = '$ORIGIN example.com.\n@ SOA ns1 h 1 2 3 4 5\n TXT "v=spf1 include:x.example.net -all"\n'
    zone += 'news TXT "v=spf1 include:x.example.net -all"\n'
    batch = Batch.of_reports(audited(tmp_path, zone, ("example.com", "news.example.com")))
    (item,) = [item for item in batch.unknown if item.question == "x.example.net TXT"]
    assert item.domains == (Domain("example.com"), Domain("news.example.com"))
    assert {"SPF004", "SPF011"} <= set(item.rules)
    order = [item.decisive for item in batch.unknown]
    assert order == sorted(order, reverse=True)
    assert batch.decisive
    assert batch.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("/srv/dns/zones/x.zone", "dns/zones/x.zone"),
        ("/elsewhere/x.zone", "/elsewhere/x.zone"),
        ("./x.zone", "dns/x.zone"),
        ("../x.zone", "x.zone"),
        ("../../x.zone", "../../x.zone"),
        ("..x/x.zone", "dns/..x/x.zone"),
    ],
)
def test_paths_are_from_the_top_of_the_tree_where_they_can_be(where: str, shown: str) -> None:
    """A file in the version-controlled tree is named from its top, however it was given."""
    assert Batch((), root="/srv", prefix="dns/").path(where) == shown


@pytest.mark.parametrize("after", range(20))
def test_a_cut_makes_no_command(after: int) -> None:
    """Wherever a long text is cut, no word of what is left is one that a runner obeys."""
    text = "y::error file=x::boo" * 30 + "x" * after
    shown = said(text, 200)
    assert f"[...{len(text)} octets...]" in shown
    assert not re.search(r"(?<!\S)::[a-z]+( .*)?::", shown)


def test_totals_in_words() -> None:
    """Errors and warnings are always counted, notes where there are some."""
    assert Totals(0, 1, 0).text == "no errors, 1 warning"
    assert Totals(2, 0, 1).text == "2 errors, no warnings, 1 note"


def test_the_verdict_of_audits_is_that_of_the_worst(tmp_path: Path) -> None:
    """As the exit code; only parked names make it not applicable."""
    reports = audited(tmp_path, policy=Policy(fail_on=Severity.ERROR))
    assert Batch.of_reports(reports).verdict is Verdict.FAIL
    told = [replace(r, verdict=Verdict.NOT_APPLICABLE) for r in reports]
    assert Batch.of_reports(told).verdict is Verdict.NOT_APPLICABLE
    told[0] = replace(told[0], verdict=Verdict.PASS)
    assert Batch.of_reports(told).verdict is Verdict.PASS
    assert Batch.of_reports([]).verdict is Verdict.PASS
