"""`dkim`, `bimi` and `message` in the forms of CI: the findings of the one thing that is judged."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sendgate.cli.forms import CI_FORMS

Run = Callable[..., Any]
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" version="1.1">\n<script/>\n</svg>\n'
MESSAGE = """From: News <news@example.com>
To: a@example.net
Subject: an offer
Date: Mon, 23 Nov 2026 12:00:00 +0000
Message-ID: <x@example.com>

hello
"""
ZONE = "$ORIGIN example.com.\n@ SOA ns h 1 2 3 4 5\n NS ns\nns A 192.0.2.53\n"

COMMANDS = {
    "dkim": (["dkim", "example.com", "--selector", "s1", "--zone", "x.zone"], "DKIM001"),
    "bimi": (["bimi", "logo.svg"], "BIMI014"),
    "message": (["message", "x.eml", "--kind", "marketing"], "UNS001"),
}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "logo.svg").write_text(LOGO)
    (tmp_path / "x.eml").write_text(MESSAGE)
    (tmp_path / "x.zone").write_text(ZONE)


def told(form: str, text: str) -> set[str]:
    """The rules that a document names."""
    match form:
        case "sarif":
            (run,) = json.loads(text)["runs"]
            return {found["ruleId"] for found in run["results"] if found["level"] == "error"}
        case "gitlab":
            issues = [one for one in json.loads(text) if one["severity"] == "critical"]
            return {issue["check_name"].split()[0] for issue in issues}
        case "junit":
            cases = ET.fromstring(text).iter("testcase")
            return {c.get("name", "").split()[0] for c in cases if c.find("failure") is not None}
        case "csv":
            rows = csv.DictReader(io.StringIO(text))
            return {row["rule"] for row in rows if row["severity"] == "error"}
        case "github":
            lines = [line for line in text.splitlines() if line.startswith("::error ")]
            return {line.split("title=")[1].split()[0] for line in lines}
    rows = [line for line in text.splitlines() if line.startswith("| **error**")]
    return {row.split("[")[1].split("]")[0] for row in rows}


@pytest.mark.parametrize("form", CI_FORMS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_form_has_the_findings_of_the_json(sendgate: Run, command: str, form: str) -> None:
    """The same errors and the same exit code as in JSON."""
    arguments, rule = COMMANDS[command]
    plain = sendgate(*arguments, "--offline", "--format", "json")
    errors = {f["rule"] for f in json.loads(plain.stdout)["findings"] if f["severity"] == "error"}
    done = sendgate(*arguments, "--offline", "--format", form)
    assert done.exit_code == plain.exit_code == 1
    assert rule in errors
    assert told(form, done.stdout) == errors


def test_a_finding_stands_at_its_line_of_the_file(sendgate: Run) -> None:
    """A logo's element at its line, a message by its file; a file has no name."""
    done = sendgate("bimi", "logo.svg", "--offline", "--format", "github")
    (line,) = [line for line in done.stdout.splitlines() if "BIMI014" in line]
    assert line.startswith("::error file=logo.svg,line=2,title=BIMI014 ")
    assert "::SVG: the logo at logo.svg has the element" in line
    done = sendgate("message", "x.eml", "--kind", "marketing", "--offline", "--format", "github")
    assert "::error file=x.eml,title=UNS001 no-unsubscribe-address::" in done.stdout


def test_markdown_names_what_was_judged(sendgate: Run) -> None:
    """No list of domains where none was audited."""
    for arguments, noun in ((["bimi", "logo.svg"], "logo"), (["message", "x.eml"], "message")):
        text = sendgate(*arguments, "--offline", "--format", "markdown").stdout
        assert f"; 1 {noun} audited." in text
        assert "Domains:" not in text


def test_the_jobs_summary_is_written_for_them_too(
    sendgate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --format github, as for an audit."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    sendgate("bimi", "logo.svg", "--offline", "--format", "github")
    assert "BIMI014" in (tmp_path / "summary.md").read_text()
