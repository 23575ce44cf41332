"""sendgate audit --from-file: lists of domains as JSON Lines, in order, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

LIST = """# senders
news.example.com
https://example.com/   # a URL is understood

other.example.net
"""
DOMAINS = ["news.example.com", "example.com", "other.example.net"]


@pytest.fixture
def listed(tmp_path: Path, fixtures: Path) -> list[str]:
    """A list of three domains, of which the last cannot be read."""
    (tmp_path / "list.txt").write_text(LIST)
    return ["--from-file", "list.txt", "--zone", str(fixtures / "first-audit.zone"), "--offline"]


def domains(text: str) -> list[str]:
    return [json.loads(line)["domain"] for line in text.splitlines()]


def test_a_list_gives_a_line_for_each_domain(sendgate: Run, listed: list[str]) -> None:
    """JSON Lines without being asked; 1 if any fails, else 3 if any is unknown."""
    done = sendgate("audit", *listed, "--ordered", "--jobs", "2")
    assert domains(done.stdout) == DOMAINS
    verdicts = {json.loads(line)["verdict"] for line in done.stdout.splitlines()}
    assert "fail" not in verdicts
    assert done.exit_code == 3
    assert sendgate("audit", *listed, "--exit-zero").exit_code == 0
    assert sorted(domains(sendgate("audit", *listed).stdout)) == sorted(DOMAINS)


def test_a_list_reports_waivers_without_effect(
    sendgate: Run, listed: list[str], tmp_path: Path
) -> None:
    """Waived findings are in the lines, unused waivers on stderr."""
    rules = {"DMARC007": "2999-01-01", "SPF001": "2999-01-01", "SPF002": "2020-01-01"}
    (tmp_path / "sendgate.toml").write_text(
        "".join(
            f'[[waive]]\nrule = "{rule}"\ndomain = "news.example.com"\nreason = "r"\n'
            f"expires = {day}\n"
            for rule, day in rules.items()
        )
    )
    done = sendgate("audit", *listed, "--ordered")
    first = json.loads(done.stdout.splitlines()[0])
    assert [waived["rule"] for waived in first["waived"]] == ["DMARC007"]
    assert "waiver of SPF001 for news.example.com: nothing matched it" in done.stderr
    assert "waiver of SPF002 for news.example.com: expired on 2020-01-01" in done.stderr
    assert "DMARC007" not in done.stderr


def test_domains_win_over_a_list_of_the_configuration(
    sendgate: Run, listed: list[str], tmp_path: Path
) -> None:
    """The command line says whom to audit, whatever the file's from-file says."""
    (tmp_path / "sendgate.toml").write_text('from-file = "list.txt"\njobs = 2\n')
    done = sendgate("audit", "news.example.com", *listed[2:], "--format", "json")
    assert json.loads(done.stdout)["domain"] == "news.example.com"
    assert len(sendgate("audit", *listed[2:]).stdout.splitlines()) == 3


def test_a_list_comes_from_stdin(sendgate: Run, listed: list[str]) -> None:
    """`-` is stdin."""
    done = sendgate("audit", "--from-file", "-", *listed[2:], input="news.example.com\n")
    assert domains(done.stdout) == ["news.example.com"]
    assert done.exit_code == 0


@pytest.mark.parametrize("cut", [0, 1, 2])
@pytest.mark.parametrize("torn", ["", '{"format": "sendgate.au'])
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.part"])
def test_resume_goes_on_where_a_run_stopped(
    sendgate: Run, listed: list[str], tmp_path: Path, cut: int, torn: str, name: str
) -> None:
    """Whole lines stay, a torn one is made again, and each domain comes out once."""
    arguments = ["audit", *listed, "--ordered", "--output", "out.jsonl"]
    assert sendgate(*arguments).exit_code == 3
    lines = (tmp_path / "out.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) == 3
    assert not (tmp_path / "out.jsonl.part").exists()
    (tmp_path / "out.jsonl").unlink()
    (tmp_path / name).write_text("".join(lines[:cut]) + torn)
    done = sendgate(*arguments, "--resume")
    assert done.exit_code == 3, done.stderr
    result = (tmp_path / "out.jsonl").read_text()
    assert domains(result) == DOMAINS
    assert result.startswith("".join(lines[:cut]))


def test_resume_counts_the_verdicts_of_the_earlier_run(
    sendgate: Run, listed: list[str], tmp_path: Path
) -> None:
    """A domain that failed before the interruption still decides the exit code."""
    arguments = ["audit", *listed, "--output", "out.jsonl", "--fail-on", "warning"]
    assert sendgate(*arguments).exit_code == 1
    assert sendgate(*arguments, "--resume").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "json"], "JSON Lines"),
        (["--format", "text"], "JSON Lines"),
        (["--resume"], "give --output FILE"),
        (["x.example"], "not both"),
        (["--jobs", "0"], "--jobs: '0'"),
    ],
)
def test_what_does_not_fit_a_list_is_refused(
    sendgate: Run, listed: list[str], arguments: list[str], said: str
) -> None:
    """Usage errors exit 2 before anything is asked."""
    done = sendgate("audit", *listed, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_wrong_line_is_named(sendgate: Run, tmp_path: Path) -> None:
    """File and line, and nothing is audited."""
    (tmp_path / "list.txt").write_text("example.com\njoe@example.com\n")
    done = sendgate("audit", "--from-file", "list.txt", "--offline")
    assert done.exit_code == 2
    assert "list.txt:2" in done.stderr
    assert done.stdout == ""


def test_every_wrong_line_is_named_at_once(sendgate: Run, tmp_path: Path) -> None:
    """So that a long list is mended in one go; of very many, the first ones and their number."""
    (tmp_path / "list.txt").write_text("a..b\nexample.com\n" + "joe@example.com\n" * 12)
    done = sendgate("audit", "--from-file", "list.txt", "--offline")
    assert (done.exit_code, done.stdout) == (2, "")
    for number in (1, 3, 11):
        assert f"list.txt:{number}: " in done.stderr
    assert "list.txt:12: " not in done.stderr
    assert "and 3 lines more" in done.stderr


def test_a_foreign_file_is_not_taken_for_a_journal(
    sendgate: Run, listed: list[str], tmp_path: Path
) -> None:
    """--resume never overwrites a file that is none of its own."""
    (tmp_path / "out.jsonl").write_text("precious\nwords\n")
    done = sendgate("audit", *listed, "--output", "out.jsonl", "--resume")
    assert done.exit_code == 2
    assert "out.jsonl:1" in done.stderr
    assert (tmp_path / "out.jsonl").read_text() == "precious\nwords\n"


@pytest.mark.parametrize("text", ["", "# nobody yet\n\n"])
def test_a_list_that_names_nobody_is_refused(sendgate: Run, tmp_path: Path, text: str) -> None:
    """A check of nothing must not pass: more likely its list was not made."""
    (tmp_path / "list.txt").write_text(text)
    done = sendgate("audit", "--from-file", "list.txt", "--offline")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "list.txt: names no domain" in done.stderr
    done = sendgate("audit", "--from-file", "-", "--offline", input=text)
    assert "stdin: names no domain" in done.stderr


def test_a_name_without_room_for_a_selector_is_named_before_anything_is_audited(
    sendgate: Run, listed: list[str], tmp_path: Path
) -> None:
    """Its line is told, as that of what is no domain; the list does not break in its middle."""
    with (tmp_path / "list.txt").open("a") as file:
        file.write(".".join(["a" * 60] * 4) + "\n")
    done = sendgate("audit", *listed)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "list.txt:6: " in done.stderr
    assert "no selector fits in front of it" in done.stderr
