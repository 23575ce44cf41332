"""Values from a pull request are hostile: in no form for CI does one of them take effect."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from batches import audited, repository
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sendgate.audit.report import Report, StaleWaiver, WaivedItem, Waiver
from sendgate.names import Domain
from sendgate.render import csv as csv_form
from sendgate.render import github, gitlab, junit, markdown, sarif
from sendgate.render import repository as repo_form
from sendgate.render.batch import Batch
from sendgate.render.forms import FORMS
from sendgate.render.json import dumps
from sendgate.render.markdown import code, marked
from sendgate.render.page import Page
from sendgate.repo.reading import Place, Unread
from sendgate.repo.report import Change, RepositoryReport

HOSTILE = {
    "set-output": "a\n::set-output name=x::y",
    "stop-commands": "\r\n::stop-commands::x\n::error::y",
    "double-colon": "::add-mask::x ##[error]y ##vso[task.complete]z",
    "percent": "%0A::error::x%0D%25 %s%n{0}{1}{verdict}",
    "ansi": "\x1b[31mred\x1b]0;title\x07\x9b1m",
    "bidi": "a\u202egpj.exe\u2066b\u200bc",
    "nul": "\x00\x01\x0b\x0c\x7f\x85\u2028\u2029\ufffe\uffff",
    "surrogate": "\ud800\udcff\udbff",
    "latin-1": "\xed\xa0\x80\xff\xfe",
    "html": '<script>alert(1)</script><img src=x onerror="y">&lt;b&gt;<!-- --></details>',
    "link": "[x](https://evil.example) ![y](//evil.example/z.png) [r]: https://evil.example",
    "reference-link": "[text](1) [a][b] [^1]",
    "autolink": "<https://evil.example> https://evil.example www.evil.example a@evil.example",
    "mention": "@octocat @org/team (@a) x@y fixes #1 GH-1 org/repo#2 !3 ~label $4 :bomb:",
    "commit": "deadbeefcafe 0123456789abcdef0123456789abcdef01234567 see abcdefabcdef.",
    "table": "a | b || c \\| d \\\\| e |\n|---|",
    "fence": "```\n## boo\n``` `` ` ~~~",
    "headline": "# boo\n=====\n> q\n* l\n1. n",
    "cdata": "]]>&x;<![CDATA[ <?xml?> <!DOCTYPE x>",
    "formula": "=cmd|' /C calc'!A0",
    "formula-sign": "@SUM(1+1)*cmd",
    "formula-minus": "-2+3+cmd|' /C calc'!A0",
    "long": "x" * 70_000,
    "words": "very long " * 7_000,
    "ticks": "`" * 5_000,
    "empty": "",
    "spaces": "   ",
}
NAME = Domain.from_labels((b"@octocat\n::error::|`<b>[x](y)", b"=1+1", b"example"))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, ...]:
    return audited(tmp_path_factory.mktemp("hostile"))


def hostile(reports: tuple[Report, ...], text: str) -> RepositoryReport:
    """A check in which whatever can come from a pull request is this text."""

    def spoiled(report: Report) -> Report:
        findings = []
        for finding in report.findings:
            first, *others = finding.evidence
            origin = replace(first.origin, where=text[:3000] or "x", line=3)
            piece = replace(first, name=NAME, values=(text, text), origin=origin)
            evidence = (piece, *others, piece)
            findings.append(replace(finding, message=f"has {text} in it", evidence=evidence))
        waiver = Waiver("SPF003", text, text, date(2026, 12, 31))
        waived = (WaivedItem(findings[0], waiver),)
        return replace(report, findings=tuple(findings), waived=waived)

    spoiled_reports = [spoiled(report) for report in reports]
    place = Place(text[:3000] or "x", 3, 5)
    unread = Unread(place, text, (NAME,))
    report = repository(
        spoiled_reports,
        unread=(unread,),
        notes=(text,),
        stale=(StaleWaiver(Waiver(text, text, text, date(2026, 1, 1)), True),),
        remarks=(text,),
    )
    return replace(report, reading=replace(report.reading, why=text))


def based(report: RepositoryReport, text: str) -> RepositoryReport:
    found = [finding for one in report.reports for finding in one.findings]
    change = Change(text, tuple(found[:3]), tuple(found[:2]), tuple(found[3:]), report.unread)
    return replace(report, change=change)


def both(reports: tuple[Report, ...], kind: str) -> list[Batch]:
    report = hostile(reports, HOSTILE[kind])
    return [Batch.of_repository(report), Batch.of_repository(based(report, HOSTILE[kind]))]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_every_form_is_printable_lines_that_no_runner_obeys(
    reports: tuple[Report, ...], kind: str, form: str
) -> None:
    """Only printable characters, UTF-8, and no command of theirs at the start of a line."""
    for batch in both(reports, kind):
        text = FORMS[form](batch)
        text.encode("utf-8")
        lines = text.replace("\r\n", "\n").split("\n")
        assert all(line.isprintable() for line in lines)
        own = r"::(error|warning|notice) (file|title)=" if form == "github" else r"(?!)"
        for line in lines:
            assert "##[" not in line
            assert "##vso[" not in line
            if line.lstrip().startswith("::"):
                assert re.match(own, line), line[:200]
        assert len(text) < 600_000, "a long value is cut"
        if kind in {"long", "words"} and form != "csv":
            assert re.search(r"\[\.\.\.\d{5} octets\.\.\.\]", text), "and the cut is said"


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_workflow_command_has_our_properties_alone(
    reports: tuple[Report, ...], kind: str
) -> None:
    """Read as a runner does, each line is one annotation with the properties we gave it."""
    for batch in both(reports, kind):
        for line in github.text(batch).splitlines()[:-1]:
            found = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
            assert found is not None, line[:200]
            properties = [part.partition("=")[0] for part in found[2].split(",")]
            assert properties in (
                ["title"],
                ["file", "title"],
                ["file", "line", "title"],
                ["file", "line", "endLine", "title"],
            )
            assert "%0A::" not in found[3]
            assert not re.search(r"%(?!25|0A)", found[3])


@pytest.mark.parametrize("kind", HOSTILE)
def test_sarif_has_no_link_and_no_placeholder_of_theirs(
    reports: tuple[Report, ...], kind: str
) -> None:
    """In a message text a consumer would follow ``[x](y)`` and fill in ``{0}``."""

    def messages(node: Any) -> list[str]:
        if isinstance(node, list):
            return [text for item in node for text in messages(item)]
        if not isinstance(node, dict):
            return []
        own = [node["message"]["text"]] if isinstance(node.get("message"), dict) else []
        return own + [text for value in node.values() for text in messages(value)]

    for batch in both(reports, kind):
        text = sarif.text(batch)
        assert text.isascii()
        found = messages(json.loads(text))
        assert found
        assert not [m for m in found if "](" in m or re.search(r"(?<!\{)\{\d+\}", m)]
        assert all(len(message) < 5000 for message in found)


@pytest.mark.parametrize("kind", HOSTILE)
def test_gitlab_and_json_are_whole_documents(reports: tuple[Report, ...], kind: str) -> None:
    """ASCII, no lone surrogate, one document; JSON Lines keep to their lines."""
    report = hostile(reports, HOSTILE[kind])
    issues = json.loads(gitlab.text(Batch.of_repository(report)))
    assert all(issue["location"]["path"].isprintable() for issue in issues)
    for document in (repo_form.document(report), *repo_form.lines(based(report, HOSTILE[kind]))):
        line = dumps(document, line=True)
        assert line.isascii()
        assert line.count("\n") == 1
        assert json.loads(line)["format"] in {"sendgate.repo/1", "sendgate.audit/1"}


@pytest.mark.parametrize("kind", HOSTILE)
def test_junit_is_well_formed_xml(reports: tuple[Report, ...], kind: str) -> None:
    """Characters that XML 1.0 does not have are shown as escapes, and nothing ends a section."""
    for batch in both(reports, kind):
        text = junit.text(batch)
        root = ET.fromstring(text)
        assert {element.tag for element in root.iter()} <= {
            "testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"
        }  # fmt: skip
        assert "]]>" not in text
        assert "<!" not in text


@pytest.mark.parametrize("kind", HOSTILE)
def test_csv_has_no_formula_and_no_extra_cell(reports: tuple[Report, ...], kind: str) -> None:
    """A spreadsheet computes nothing, and every row has the header's cells."""
    for batch in both(reports, kind):
        rows = list(csv.reader(io.StringIO(csv_form.text(batch), newline=""), strict=True))
        assert {len(row) for row in rows} == {len(csv_form.COLUMNS)}
        assert not [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r\n")]


@pytest.mark.parametrize("kind", HOSTILE)
def test_text_shows_and_never_obeys(reports: tuple[Report, ...], kind: str) -> None:
    """The page of a repository is printable lines, and no value can be its first one."""
    report = hostile(reports, HOSTILE[kind])
    for one in (report, based(report, HOSTILE[kind])):
        page = Page(80)
        repo_form.text(page, one)
        lines = page.text().removesuffix("\n").split("\n")
        assert not [x for x in lines if not x.isprintable() or x.lstrip().startswith("::")]
        assert sum(line.startswith("repository: ") for line in lines) == 1


class Rendered(HTMLParser):
    """What a markdown page comes to: its tags, its addresses, and its text outside code."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.bare = ""
        self.cells: list[int] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for _, value in attrs]
        self._code += tag == "code"
        if tag == "tr":
            self.cells.append(0)
        elif tag in {"td", "th"}:
            self.cells[-1] += 1

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.bare += data


def rendered(text: str) -> Rendered:
    page = Rendered()
    page.feed(MarkdownIt("commonmark").enable("table").enable("strikethrough").render(text))
    page.close()
    return page


OWN_TAGS = {
    "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "a", "code",
    "details", "summary",
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_markdown_holds_no_markup_of_theirs(reports: tuple[Report, ...], kind: str) -> None:
    """Rendered, there is no tag, link or cell but ours, and no mention or bare address."""
    for batch in both(reports, kind):
        text = markdown.text(batch)
        assert text.isascii()
        page = rendered(text)
        assert set(page.tags) <= OWN_TAGS
        urls = {entry.rule.citation.url for entry in batch.findings}
        assert set(page.addresses) <= urls
        assert not re.search(r"[@#!~$<>]|www\.|://|:\w+:|\b[0-9a-f]{7,}\b|GH-", page.bare)
        assert set(page.cells) <= {1, 3, 4, 5}
        rows = re.findall(r"^\| .*$", text, re.MULTILINE)
        assert len(page.cells) == len(rows), "every row of ours is a row, and nothing else is"


@settings(max_examples=300)
@given(st.text(st.sampled_from("`|\\<>[]()@#!*_~&:/.w \n\x1b\u202ea1-=\ud800"), max_size=40))
def test_a_code_span_cannot_be_left(text: str) -> None:
    """Alone and in a table, the value is one code span and shows the same characters."""
    page = rendered(f"| a | b |\n|---|---|\n| {code(text)} | {marked(text)} |\n")
    assert set(page.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert page.cells == [2, 2]
    assert not re.search(r"[@#<>\[\]*_~&`|]", page.bare)
    alone = rendered(f"see {code(text)} here")
    assert alone.bare.strip() in {"see  here", "see (empty) here"}


def test_plain_words_stay_words() -> None:
    """A sentence of ours reads as one; what is a value stands out."""
    assert marked("example.com has p=reject, but sp=none (see p)") == (
        "`example.com` has `p=reject`, but `sp=none` (see p)"
    )
    assert marked("goes to Google (aspmx.l.google.com), too") == (
        "goes to Google (`aspmx.l.google.com`), too"
    )
    assert marked("needs 11 DNS lookups; receivers stop at 10") == (
        "needs 11 DNS lookups; receivers stop at 10"
    )
