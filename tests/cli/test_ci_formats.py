"""`sendgate audit --format` in the forms of CI: one document, the exit code of the verdict."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from checkouts import BROKEN, commit, repository

from sendgate.cli.forms import CI_FORMS, sender_places
from sendgate.config import load_config
from sendgate.names import Domain
from sendgate.render.forms import FORMS
from sendgate.repo.reading import Place

Run = Callable[..., Any]
CONFIG = """
fail-on = "error"
[[sender]]
from = "news.example.com"

  [[ sender ]]   # a second one
from = "shop.example.com"
"""


@pytest.fixture(autouse=True)
def _no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_the_command_line_knows_every_form() -> None:
    """Their names are listed without loading them."""
    assert tuple(FORMS) == CI_FORMS


@pytest.mark.parametrize("form", CI_FORMS)
def test_every_form_is_one_document_for_all_domains(
    sendgate: Run, healthy: list[str], form: str
) -> None:
    """Two domains, one report, and nothing on stderr; the exit code is the verdict's."""
    done = sendgate("audit", *healthy, "example.com", "--format", form)
    assert done.exit_code == sendgate("audit", *healthy, "example.com").exit_code == 1
    assert done.stderr == ""
    match form:
        case "sarif":
            (run,) = json.loads(done.stdout)["runs"]
            domains = {result["properties"]["domain"] for result in run["results"]}
            assert domains == {"news.example.com", "example.com"}
        case "gitlab":
            assert json.loads(done.stdout)
        case "junit":
            assert len(ET.fromstring(done.stdout)) == 2
        case "csv":
            assert len(list(csv.reader(io.StringIO(done.stdout)))) > 3
        case _:
            assert done.stdout


def test_paths_are_relative_to_the_working_folder(sendgate: Run, tmp_path: Path) -> None:
    """A zone below it is named from there, however it was given."""
    zone = tmp_path / "zones" / "x.zone"
    zone.parent.mkdir()
    zone.write_text('$ORIGIN example.com.\n@ SOA a b 1 2 3 4 5\n TXT "v=spf1 +all"\n')
    done = sendgate("audit", "example.com", "--zone", str(zone), "--offline", "--format", "gitlab")
    (issue,) = [i for i in json.loads(done.stdout) if i["check_name"].startswith("SPF011")]
    assert issue["location"] == {"path": "zones/x.zone", "lines": {"begin": 3}}


def test_paths_are_from_the_top_of_the_repository(
    sendgate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zones and configuration, from whichever folder of it the audit runs."""
    config = 'zones = ["../zones/x.zone"]\n[[sender]]\nfrom = "example.com"\n'
    files = {"zones/x.zone": BROKEN, "mail/sendgate.toml": config}
    folder = repository(tmp_path / "dns", files)
    monkeypatch.chdir(folder / "mail")
    issues = json.loads(sendgate("audit", "--offline", "--format", "gitlab").stdout)
    assert {"path": "zones/x.zone", "lines": {"begin": 9}} in [i["location"] for i in issues]
    places = sender_places(load_config(None, lambda _: None))
    assert places == {Domain("example.com"): Place("mail/sendgate.toml", 2)}


def test_annotations_come_with_a_summary(sendgate: Run, healthy: list[str], tmp_path: Path) -> None:
    """What stands in the file stays, and the report is appended."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = sendgate(
        "audit", *healthy, "--format", "github", env={"GITHUB_STEP_SUMMARY": str(summary)}
    )
    assert done.exit_code == 0
    assert "::warning " in done.stdout
    text = summary.read_text()
    assert text.startswith("before\n## sendgate: pass\n")
    assert "DMARC007" in text


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_only_annotations_write_a_summary(
    sendgate: Run, healthy: list[str], tmp_path: Path, form: str
) -> None:
    """Another form goes where the user says, and nowhere else."""
    summary = tmp_path / "summary.md"
    sendgate("audit", *healthy, "--format", form, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert not summary.exists()


def test_a_summary_that_cannot_be_written_changes_no_verdict(
    sendgate: Run, healthy: list[str], tmp_path: Path
) -> None:
    """It is said, and the annotations and the exit code stand."""
    done = sendgate(
        "audit", *healthy, "--format", "github", env={"GITHUB_STEP_SUMMARY": str(tmp_path)}
    )
    assert done.exit_code == 0
    assert "GITHUB_STEP_SUMMARY" in done.stderr
    assert "::warning " in done.stdout


def test_a_full_summary_takes_no_more(sendgate: Run, healthy: list[str], tmp_path: Path) -> None:
    """GitHub drops the whole of it above 1 MiB, so what is there is left alone."""
    summary = tmp_path / "summary.md"
    summary.write_text("x" * 1024 * 1024)
    sendgate("audit", *healthy, "--format", "github", env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.stat().st_size == 1024 * 1024


def test_an_output_file_takes_the_report(sendgate: Run, healthy: list[str], tmp_path: Path) -> None:
    """`--output` keeps stdout empty."""
    out = tmp_path / "x.sarif"
    done = sendgate("audit", *healthy, "--format", "sarif", "--output", str(out))
    assert done.stdout == ""
    assert json.loads(out.read_text())["version"] == "2.1.0"


def test_a_repository_is_told_in_every_form(sendgate: Run, tmp_path: Path) -> None:
    """With its prefix, its base, a waiver in a comment, and the exit code of the check."""
    waived = BROKEN.replace("rejct", "none").replace('@example.com"', '@example.com" {}')
    comment = "; sendgate: waive DMARC006 until 2999-01-31 roll-out"
    folder = repository(tmp_path / "dns", {"zones/example.com.zone": waived.format(comment)})
    base = commit(folder, {"README": "x"})
    done = sendgate("repo", str(folder / "zones"), "--format", "sarif")
    assert done.exit_code == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    (result,) = [result for result in run["results"] if result["ruleId"] == "DMARC006"]
    assert result["suppressions"] == [
        {"kind": "inSource", "status": "accepted", "justification": "roll-out (until 2999-01-31)"}
    ]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "zones/example.com.zone"
    assert location["region"]["startLine"] == 9
    commit(folder, {"zones/example.com.zone": BROKEN.replace(" -all", " +all")})
    states = {}
    for form in CI_FORMS:
        done = sendgate("repo", str(folder), "--base", base, "--format", form)
        assert done.exit_code == 1, done.stderr
        states[form] = done.stdout
    (run,) = json.loads(states["sarif"])["runs"]
    found = {(result["ruleId"], result["baselineState"]) for result in run["results"]}
    assert {("DMARC004", "new"), ("SPF011", "new")} <= found
    assert "unchanged" in {state for _, state in found}
    assert states["github"].count("::error file=zones/example.com.zone,line=") == 2
    assert f"Against `{base}`: 2 errors" in states["markdown"]
    assert ET.fromstring(states["junit"]).get("failures") == "2"


def test_senders_are_found_at_their_lines(tmp_path: Path) -> None:
    """The line of the [[sender]] that declares a domain; the first line where it is not plain."""
    path = tmp_path / "sendgate.toml"
    path.write_text(CONFIG)
    config = load_config(None, lambda _: None, str(tmp_path))
    at = path.as_posix()
    assert sender_places(config) == {
        Domain("news.example.com"): Place(at, 3),
        Domain("shop.example.com"): Place(at, 6),
    }
    path.write_text('sender = [{ from = "news.example.com" }]\n')
    config = load_config(None, lambda _: None, str(tmp_path))
    assert sender_places(config) == {Domain("news.example.com"): Place(at, 1)}
    path.unlink()
    assert sender_places(config) == {}
