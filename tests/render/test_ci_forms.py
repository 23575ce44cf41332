"""GitHub annotations, GitLab code quality, JUnit, markdown and CSV: each as its reader takes it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from batches import STALE, UNREAD, WAIVER, audited, changed, repository

from sendgate.audit.judge import Policy
from sendgate.audit.report import Report
from sendgate.names import Domain
from sendgate.render import csv as csv_form
from sendgate.render import github, gitlab, junit, markdown
from sendgate.render.batch import Batch
from sendgate.repo.reading import Place
from sendgate.vocabulary import Severity

OUTSIDE = '$ORIGIN example.com.\n@ SOA a b 1 2 3 4 5\n TXT "v=spf1 include:x.example.net -all"\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def many(report: Report, number: int, severity: Severity = Severity.ERROR) -> Report:
    """A report with so many findings of one severity, at so many names."""
    finding = report.findings[0]
    piece = finding.evidence[0]
    return replace(
        report,
        findings=tuple(
            replace(
                finding,
                severity=severity,
                evidence=(replace(piece, name=Domain(f"n{n}.example.com")),),
            )
            for n in range(number)
        ),
    )


# GitHub


def test_an_annotation_stands_beside_its_line(tmp_path: Path) -> None:
    """File from the top of the tree, first and last line, title, what to do."""
    lines = github.text(Batch.of_repository(repository(audited(tmp_path)))).splitlines()
    (line,) = [line for line in lines if "SPF003" in line]
    assert line.startswith(
        "::error file=dns/x.zone,line=14,endLine=16,title=SPF003 spf-syntax-error::"
        "news.example.com TXT: the SPF record"
    )
    assert "%0Afix: Correct or remove the named terms.%0Asee: RFC 7208 section 4.6, " in line
    (policy,) = [line for line in lines if "DMARC004" in line]
    assert "%0Aalso at news.example.com, shop.example.com%0A" in policy
    assert lines[-1] == "sendgate: fail, 5 errors, no warnings, 4 notes"


def test_the_gravest_annotations_come_first(tmp_path: Path) -> None:
    """A runner shows the first of each kind."""
    lines = github.text(Batch.of_repository(repository(audited(tmp_path)))).splitlines()[:-1]
    kinds = [re.match(r"::(\w+)", line)[1] for line in lines]  # type: ignore[index]
    assert kinds == sorted(kinds, key=["error", "warning", "notice"].index)


@pytest.mark.parametrize(("number", "shown"), [(10, 10), (11, 10), (400, 10)])
def test_the_tenth_annotation_says_how_many_more(tmp_path: Path, number: int, shown: int) -> None:
    """Ten of a kind are shown; the tenth stands for the rest."""
    report = many(audited(tmp_path)[0], number)
    lines = github.text(Batch.of_reports([report])).splitlines()[:-1]
    assert len(lines) == shown
    assert ("title=sendgate%3A" in lines[-1]) is (number > 10)
    if number > 10:
        assert f"::and {number - 9} more of this kind" in lines[-1]


def test_with_a_base_only_what_is_new_is_annotated(tmp_path: Path) -> None:
    """What stood there before is counted in the last line."""
    reports = audited(tmp_path)
    change = replace(changed(reports), gone_unread=(UNREAD,))
    report = repository(reports, change=change, unread=(UNREAD, replace(UNREAD, problem="old")))
    text = github.text(Batch.of_repository(report))
    assert "SPF011" in text
    assert "SPF003" not in text
    assert text.count("title=not read") == 1
    assert text.splitlines()[-1] == (
        "sendgate: fail, 2 errors, no warnings, 2 notes new, 1 fixed, 5 still there"
    )


def test_an_open_question_is_a_warning_and_named_last(tmp_path: Path) -> None:
    """Exit code 3 is explained where the step failed."""
    text = github.text(Batch.of_reports(audited(tmp_path, OUTSIDE, ["example.com"])))
    assert re.search(r"^::warning .*x\.example\.net TXT: not-asked", text, re.MULTILINE)
    assert text.endswith("something decisive could not be determined\n")


def test_a_path_is_escaped_and_a_strange_one_is_only_told() -> None:
    """Colons and commas are no separators; a file that no runner could find is shown."""
    for path, start in (
        ("a,b:c%.zone", "::error file=a%2Cb%3Ac%25.zone,line=3,title=not read::"),
        ("a\n::stop-commands::x", "::error title=not read::"),
        ("\udcff", "::error title=not read::"),
    ):
        unread = (replace(UNREAD, place=Place(path, 3)),)
        line = github.text(Batch.of_repository(repository([], unread=unread, prefix="")))
        assert line.startswith(start)
        assert line.isascii()
        assert line.count("\n") == 2


# GitLab


def test_issues_have_path_line_severity_and_one_fingerprint_each(tmp_path: Path) -> None:
    """The keys that GitLab demands, for findings, unread files and open questions."""
    reports = audited(tmp_path)
    twice = replace(reports[0], findings=reports[0].findings * 2)
    report = repository([twice, *reports[1:]], unread=(UNREAD,))
    issues = json.loads(gitlab.text(Batch.of_repository(report)))
    assert {"description", "check_name", "fingerprint", "severity", "location"} <= set(issues[0])
    prints = [issue["fingerprint"] for issue in issues]
    assert len(prints) == len(set(prints)) == sum(len(r.findings) for r in report.reports) + 1
    (issue,) = [issue for issue in issues if issue["check_name"].startswith("SPF003")]
    assert issue["location"] == {"path": "dns/x.zone", "lines": {"begin": 14, "end": 16}}
    assert issue["severity"] == "critical"
    assert {"info"} == {i["severity"] for i in issues if i["check_name"].startswith("TOP")}
    (unread,) = [issue for issue in issues if issue["check_name"] == "not-read"]
    assert unread["location"] == {"path": "dns/zones/broken.yaml", "lines": {"begin": 3}}
    asked = Batch.of_reports(audited(tmp_path, OUTSIDE, ["example.com"]))
    assert "not-determined" in {issue["check_name"] for issue in gitlab.document(asked)}


def test_gitlab_compares_for_itself(tmp_path: Path) -> None:
    """What stood in the base stays in the report, and what is fixed or waived is gone."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    plain = gitlab.document(Batch.of_repository(repository(reports)))
    based = gitlab.document(Batch.of_repository(repository(reports, change=changed(reports))))
    assert based == plain
    assert not [issue for issue in plain if issue["check_name"].startswith("SPF003")]


def test_gitlab_fingerprints_do_not_move_with_lines(tmp_path: Path) -> None:
    """A line put before a record changes no identity."""
    from batches import ZONE

    before = gitlab.document(Batch.of_reports(audited(tmp_path)))
    after = gitlab.document(Batch.of_reports(audited(tmp_path, "\n\n" + ZONE)))
    assert [i["fingerprint"] for i in before] == [i["fingerprint"] for i in after]
    assert [i["location"] for i in before] != [i["location"] for i in after]


# JUnit


def junit_of(batch: Batch) -> ET.Element:
    return ET.fromstring(junit.text(batch))


def outcomes(root: ET.Element) -> dict[tuple[str, str], str]:
    return {
        (case.get("classname", ""), case.get("name", "")): case[0].tag if len(case) else "passed"
        for case in root.iter("testcase")
    }


def test_a_suite_a_zone_and_a_case_for_each_rule_and_name(tmp_path: Path) -> None:
    """All names of a zone are in its suite, each case under its audited domain."""
    root = junit_of(Batch.of_repository(repository(audited(tmp_path), unread=(UNREAD,))))
    assert [s.get("name") for s in root] == ["example.com", "files that could not be read"]
    found = outcomes(root)
    syntax = "SPF003 spf-syntax-error news.example.com TXT"
    assert found["news.example.com", syntax] == "failure"
    assert found["shop.example.com", "DMARC004 invalid-policy-value _dmarc.example.com TXT"]
    layout = "TOP007 recommended-layout news.example.com MX"
    assert found["news.example.com", layout] == "system-out", "a note fails nothing"
    assert found["files", "dns/zones/broken.yaml"] == "error"
    assert root.get("failures") == "5"
    assert root.get("tests") == str(len(found))
    for suite in root:
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    (case,) = [c for c in root.iter("testcase") if c.get("name") == syntax]
    assert (case.get("file"), case.get("line")) == ("dns/x.zone", "14")
    assert 'nclude:x.example.com -all"\nfix: Correct' in (case[0].text or "")


def test_what_fails_follows_fail_on_the_base_and_waivers(tmp_path: Path) -> None:
    """A note fails with --fail-on note; what stood in the base, or is waived, is skipped."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    layout = ("news.example.com", "TOP007 recommended-layout news.example.com MX")
    syntax = ("news.example.com", "SPF003 spf-syntax-error news.example.com TXT")
    strict = outcomes(junit_of(Batch.of_reports(reports, fail_on=Severity.NOTE)))
    assert strict[layout] == "failure"
    assert strict[syntax] == "skipped"
    reports = audited(tmp_path)
    found = outcomes(junit_of(Batch.of_repository(repository(reports, change=changed(reports)))))
    assert found[syntax] == "skipped"
    assert found["example.com", "SPF011 authorises-everyone example.com TXT"] == "failure"


def test_unknowns_are_errors_where_they_decide_and_a_clean_domain_has_a_case(
    tmp_path: Path,
) -> None:
    """No suite is empty, and nothing undecided passes."""
    found = outcomes(junit_of(Batch.of_reports(audited(tmp_path, OUTSIDE, ["example.com"]))))
    lookups = "SPF004 too-many-lookups x.example.net TXT"
    assert found["example.com", lookups] == "error"
    clean = replace(audited(tmp_path)[0], findings=(), unknown=())
    assert outcomes(junit_of(Batch.of_reports([clean]))) == {("example.com", "audit"): "passed"}


# Markdown


def test_markdown_has_a_row_for_each_fault(tmp_path: Path) -> None:
    """Errors and warnings in the open, notes, waivers and domains folded away."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    text = markdown.text(Batch.of_repository(repository(reports, unread=(UNREAD,), stale=(STALE,))))
    assert text.startswith("## sendgate: fail\n\n4 errors, no warnings, 4 notes; 3 domains")
    assert "`p=rejct` is no policy" in text
    assert "(and at `news.example.com`, `shop.example.com`) |" in text
    assert "| `dns/zones/broken.yaml:3` | `broken.example` | a mapping ends early |" in text
    assert "| SPF003 | `news.example.com` | 2026-12-31 | until the move |" in text
    assert "without effect: nothing matched it" in text
    assert text.count("<details>") == text.count("</details>") == 3


def test_remarks_and_a_baseline_are_told(tmp_path: Path) -> None:
    """What stands in no finding is not lost: a waiver that is none, what a baseline knows."""
    reports = audited(tmp_path)
    known, remarks = reports[0].findings, ("a waiver has no day",)
    report = repository(reports, known=known, remarks=remarks, notes=("one of two",))
    text = markdown.text(Batch.of_repository(report))
    for words in ("a waiver has no day", "one of two", "4 findings are known to the baseline"):
        assert f"| {words} |" in text


def test_markdown_of_a_change_opens_with_what_it_does(tmp_path: Path) -> None:
    """New in the open; fixed and still there folded."""
    reports = audited(tmp_path)
    text = markdown.text(Batch.of_repository(repository(reports, change=changed(reports))))
    assert "Against `main`: 2 errors, no warnings, 2 notes new; 1 fixed; 5 still there." in text
    order = [text.index(word) for word in ("### New", "Fixed: 1", "Still there: 5")]
    assert order == sorted(order)


@pytest.mark.parametrize("limit", [0, 1000, 2000, 5000, 20_000])
def test_a_summary_fits_and_says_what_is_cut(tmp_path: Path, limit: int) -> None:
    """GitHub drops a summary above its limit; ours ends before, with nothing left open."""
    batch = Batch.of_reports([many(audited(tmp_path)[0], 300)])
    text = markdown.summary(batch, limit)
    assert len(text.encode()) <= limit
    assert text.count("<details>") == text.count("</details>")
    if limit >= 1000:
        rows = text.count("| **error** |")
        assert re.search(r"^\d+ more lines do not fit into a summary\.$", text, re.MULTILINE)
        assert rows < 300
    assert len(markdown.text(batch)) > 20_000
    assert markdown.summary(batch) == markdown.text(batch)


# CSV


def test_csv_has_a_row_for_each_finding_unknown_and_unread_file(tmp_path: Path) -> None:
    """RFC 4180: CR LF, as many cells in each row as in the header."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    report = repository(reports, unread=(UNREAD,), change=changed(audited(tmp_path)))
    text = csv_form.text(Batch.of_repository(report))
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == csv_form.COLUMNS
    kinds = [row["kind"] for row in rows]
    assert kinds.count("finding") == sum(len(r.findings) for r in reports) + 1
    assert kinds.count("waived") == 1
    assert kinds.count("unread") == 1
    assert {row["state"] for row in rows if row["kind"] == "finding"} == {"new", "still", "fixed"}
    (row,) = [row for row in rows if row["rule"] == "SPF011"]
    assert (row["file"], row["line"], row["severity"]) == ("dns/x.zone", "7", "error")


def test_csv_names_what_is_unknown(tmp_path: Path) -> None:
    """A row for each rule and domain that hangs on a question."""
    text = csv_form.text(Batch.of_reports(audited(tmp_path, OUTSIDE, ["example.com"])))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    told = [row for row in rows if row["kind"] == "unknown" and row["rule"] == "SPF004"]
    assert [(row["domain"], row["message"]) for row in told] == [
        ("example.com", "x.example.net TXT: not-asked (outside the given zones (--offline))")
    ]


def test_the_columns_of_csv_are_frozen() -> None:
    """Scripts read by number: columns are only ever added at the end."""
    assert csv_form.COLUMNS[:14] == (
        "kind", "state", "severity", "rule", "name", "domain", "subject", "type", "file", "line",
        "message", "remedy", "reference", "fingerprint",
    )  # fmt: skip
