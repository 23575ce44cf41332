"""The check of a repository as text and as JSON: what comes first, and keys that stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from batches import STALE, UNREAD, WAIVER, audited, changed, repository

from sendgate.audit.judge import Policy
from sendgate.audit.report import Verdict
from sendgate.cli.schema import read_schema
from sendgate.names import Domain
from sendgate.render import repository as form
from sendgate.render.json import dumps
from sendgate.render.page import Page
from sendgate.repo.reading import DeclaredZone, Place
from sendgate.repo.report import RepositoryReport


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def holds(name: str, document: Any) -> None:
    jsonschema.Draft202012Validator(
        json.loads(read_schema(name)),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    ).validate(document)


def page(report: RepositoryReport) -> str:
    text = Page(80)
    form.text(text, report)
    return text.text()


UNREAD_KEYS = {"path", "line", "end", "problem", "zones"}
KEYS = {
    "format", "tool", "time", "verdict", "source", "prefix", "zones", "domains", "base", "new",
    "fixed", "still", "known", "unread", "newly_unread", "stale_waivers", "notes", "remarks",
}  # fmt: skip


def test_the_keys_are_frozen(tmp_path: Path) -> None:
    """Scripts rely on these keys: none is renamed or removed within a version."""
    reports = audited(tmp_path)
    change = replace(changed(reports), gone_unread=(UNREAD,))
    report = repository(reports, unread=(UNREAD,), stale=(STALE,), notes=("a",), change=change)
    document = json.loads(dumps(form.document(report)))
    holds("repo", document)
    assert set(document) == KEYS
    assert document["source"] == {"name": "bind", "why": "x.zone is a master file"}
    assert set(document["zones"][0]) == {"name", "path", "line", "view", "incomplete"}
    assert set(document["unread"][0]) == set(document["newly_unread"][0]) == UNREAD_KEYS
    assert set(document["stale_waivers"][0]) == {"rule", "domain", "reason", "expires", "expired"}
    for domain in document["domains"]:
        holds("audit", domain)
    assert document["base"] == "main"
    assert [len(document[key]) for key in ("new", "fixed", "still")] == [
        len(change.new), len(change.fixed), len(change.still)
    ]  # fmt: skip
    known = set(document["domains"][0]["findings"][0])
    assert set(document["new"][0]) == set(document["fixed"][0]) == known


def test_without_base_or_audits_the_shape_is_the_same() -> None:
    """`base` and `time` are null, the lists are empty."""
    report = repository([])
    document = json.loads(dumps(form.document(report)))
    holds("repo", document)
    assert set(document) == KEYS
    assert document["base"] is None
    assert document["time"] is None
    assert document["verdict"] == "pass"
    assert document["new"] == document["domains"] == []


def test_lines_are_the_audits_and_then_the_check(tmp_path: Path) -> None:
    """One audit a line, as `audit --format jsonl`; the last line holds the rest."""
    report = repository(audited(tmp_path), unread=(UNREAD,))
    *audits, last = form.lines(report)
    assert [line["domain"] for line in audits] == [str(r.domain) for r in report.reports]
    for line in audits:
        holds("audit", line)
    holds("repo", last)
    assert last == form.document(report) | {"domains": []}


def test_the_page_opens_with_the_verdict_and_what_was_read(tmp_path: Path) -> None:
    """Then what could not be read, and every fault once, the gravest first."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    text = page(repository(reports, unread=(UNREAD,), stale=(STALE,), notes=("one of two",)))
    head, *_ = text.split("\n\n")
    assert head == "repository: fail  (1 zone, no records, 3 mail domains)"
    for words in (
        "  read as   bind: x.zone is a master file\n  remark    one of two\n",
        "  verdicts  3 fail\n  found     4 errors, no warnings, 4 notes, 1 waived\n",
        "zones/broken.yaml:3: a mapping ends early (broken.example is unknown)\n",
        "error DMARC004 invalid-policy-value  _dmarc.example.com\n",
        "  for  example.com, news.example.com, shop.example.com\n",
        "  TOP007 recommended-layout  news.example.com\n",
        "  SPF003 spf-syntax-error  news.example.com until 2026-12-31: until the move\n",
        "  DMARC006  example.com: nothing matched it\n",
    ):
        assert words in text
    assert text.count("DMARC004") == 1
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_page_of_a_change_shows_what_it_does(tmp_path: Path) -> None:
    """New and fixed findings at length, what stood there counted."""
    reports = audited(tmp_path)
    text = page(repository(reports, change=changed(reports)))
    assert "  base      main\n  new       2 errors, no warnings, 2 notes\n" in text
    new, fixed, still = (text.index(word) for word in ("\nnew\n", "\nfixed\n", "\nstill there"))
    assert new < text.index("error SPF011") < fixed < text.index("error SPF003") < still
    assert "still there  3 errors, no warnings, 2 notes\n" in text


def test_unknowns_that_decide_are_named_and_others_counted(tmp_path: Path) -> None:
    """A question and what hangs on it; the rest is not checked."""
    zone = "$ORIGIN example.com.\n@ SOA a b 1 2 3 4 5\n MX 10 mx\nmx A 192.0.2.1\n"
    zone += ' TXT "v=spf1 include:x.example.net -all"\n'
    reports = audited(tmp_path, zone, ["mx.example.com"])
    text = page(repository(reports))
    assert text.startswith("repository: unknown")
    assert "  x.example.net TXT: not-asked (outside the given zones (--offline))\n" in text
    assert "    decides  SPF004 SPF" in text
    items = tuple(replace(item, decisive=False) for item in reports[0].unknown)
    text = page(repository([replace(reports[0], unknown=items)]))
    assert "could not be determined" not in text
    assert "\n  not checked  1 question that would decide nothing\n" in text


def test_what_a_baseline_knows_is_counted_and_listed(tmp_path: Path) -> None:
    """It stands in no audit, and is not forgotten."""
    reports = audited(tmp_path)
    report = repository(reports, known=reports[0].findings, remarks=("a waiver has no day",))
    assert ", 4 known to the baseline\n" in page(report)
    document = form.document(report)
    assert len(document["known"]) == 4
    assert document["remarks"] == ["a waiver has no day"]


def test_the_verdict_is_that_of_the_check(tmp_path: Path) -> None:
    """With a base it may pass although audits fail."""
    reports = audited(tmp_path)
    report = repository(reports, change=changed(reports), verdict=Verdict.PASS)
    assert page(report).startswith("repository: pass")
    assert form.document(report)["verdict"] == "pass"


def test_many_unread_files_are_cut_and_counted() -> None:
    """A page stays one that is read."""
    text = page(repository([], unread=(UNREAD,) * 60))
    assert text.count("a mapping ends early") == 50
    assert "  and 10 more\n" in text
    assert "none: no name of the repository sends or receives mail" in " ".join(text.split())


def test_a_zone_that_is_not_complete_says_why() -> None:
    """In JSON, with its place."""
    zone = DeclaredZone(Domain("example.com"), Place("a.yaml", 2), "a plan shows only its own")
    report = repository([])
    report = replace(report, reading=replace(report.reading, zones=(zone,)))
    (shown,) = form.document(report)["zones"]
    assert shown == {
        "name": "example.com", "path": "a.yaml", "line": 2, "view": None,
        "incomplete": "a plan shows only its own",
    }  # fmt: skip
