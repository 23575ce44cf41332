"""sendgate audit --cross-check: told in every form, and decides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from sendgate.cli.schema import read_schema

Run = Callable[..., Any]

ZONE = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
ns1 A 192.0.2.53
mx A 192.0.2.25
news MX 10 mx
news TXT "v=spf1 {term} -all"
_dmarc TXT "v=DMARC1; p=bogus; rua=mailto:d@example.com"
"""


def of(document: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(document)
    jsonschema.Draft202012Validator(json.loads(read_schema("audit"))).validate(read)
    return read


@pytest.fixture
def sender(tmp_path: Path) -> list[str]:
    """A domain of which the two read SPF and DMARC differently, in JSON."""
    (tmp_path / "x.zone").write_text(ZONE.replace("{term}", "exists:mx.example.com/24"))
    return ["news.example.com", "--zone", "x.zone", "--offline"]


def outcomes(document: dict[str, Any]) -> dict[str, str]:
    return {entry["topic"]: entry["outcome"] for entry in document["cross_check"]["topics"]}


def test_both_readings_are_in_the_text(sendgate: Run, sender: list[str]) -> None:
    """A differing topic shows both, an explained one says why, those that agree are counted."""
    done = sendgate("audit", *sender, "--cross-check")
    assert done.exit_code == 1
    shown = " ".join(done.stdout.split())
    assert "second opinion (checkdmarc 6." in shown
    assert "4 agree, 1 differs as explained, 1 differs" in shown
    assert "spf differs here permerror: 'exists:mx.example.com/24': exists takes no prefix" in shown
    assert "there valid, 1 DNS lookup" in shown
    assert "why checkdmarc refuses a record for one invalid value" in shown


def test_the_json_has_every_topic_and_holds_to_its_schema(sendgate: Run, sender: list[str]) -> None:
    """`cross_check` is null unless it was asked for."""
    assert of(sendgate("audit", *sender, "--format", "json").stdout)["cross_check"] is None
    document = of(sendgate("audit", *sender, "--cross-check", "--format", "json").stdout)
    assert document["cross_check"]["by"].startswith("checkdmarc ")
    assert document["cross_check"]["problem"] is None
    assert outcomes(document) == {
        "spf": "differs", "dmarc": "explained", "mx": "agrees", "bimi": "agrees",
        "mta-sts": "agrees", "tls-rpt": "agrees",
    }  # fmt: skip


def test_the_markdown_tells_what_does_not_agree(sendgate: Run, sender: list[str]) -> None:
    """One row for each topic that differs, behind one for the domain."""
    done = sendgate("audit", *sender, "--cross-check", "--format", "markdown")
    assert "<summary>Second opinion: 1 of 1 differ</summary>" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| `news.example.com` |")]
    assert [row.split(" | ")[1:3] for row in rows[1:3]] == [
        ["spf", "differs"], ["dmarc", "explained"],
    ]  # fmt: skip


@pytest.mark.parametrize("term", ["exists:mx.example.com/24", "a:mx.example.com"])
def test_neither_verdict_nor_exit_code_rests_on_it(
    sendgate: Run, tmp_path: Path, term: str
) -> None:
    """The report but for `cross_check` is the same with it and without."""
    (tmp_path / "x.zone").write_text(ZONE.replace("{term}", term).replace("bogus", "reject"))
    arguments = ["news.example.com", "--zone", "x.zone", "--offline", "--format", "json"]
    plain, crossed = (sendgate("audit", *arguments, *more) for more in ([], ["--cross-check"]))
    assert plain.exit_code == crossed.exit_code
    one, other = json.loads(plain.stdout), json.loads(crossed.stdout)
    for document in (one, other):
        for key in ("cross_check", "time"):
            del document[key]
        del document["dns"]["seconds"]
    assert one == other


def test_a_replay_gives_the_same_opinion(sendgate: Run, sender: list[str]) -> None:
    """It reads the recording, and nothing else."""
    sendgate("audit", *sender, "--record", "run.json")
    form = ("--cross-check", "--format", "json")
    live = of(sendgate("audit", *sender, *form).stdout)
    replayed = of(sendgate("audit", "news.example.com", "--replay", "run.json", *form).stdout)
    assert replayed["cross_check"] == live["cross_check"]


def test_a_recorded_failure_is_not_comparable(
    sendgate: Run, sender: list[str], tmp_path: Path
) -> None:
    """A SERVFAIL in the recording makes no disagreement, and leaves the verdict unknown."""
    sendgate("audit", *sender, "--record", "run.json")
    recording = json.loads((tmp_path / "run.json").read_text())
    failed = {"answer": "failed", "reason": "servfail"}
    recording["answers"] = [
        {"name": a["name"], "type": a["type"], **failed}
        if a["name"].startswith("_dmarc.news")
        else a
        for a in recording["answers"]
    ]
    (tmp_path / "run.json").write_text(json.dumps(recording))
    done = sendgate(
        "audit", "news.example.com", "--replay", "run.json", "--cross-check", "--format", "json"
    )
    document = of(done.stdout)
    assert outcomes(document)["dmarc"] == "not_comparable"
    (entry,) = [e for e in document["cross_check"]["topics"] if e["topic"] == "dmarc"]
    assert "servfail" in entry["ours"]


def test_several_domains_and_lists_have_an_opinion_each(
    sendgate: Run, sender: list[str], tmp_path: Path
) -> None:
    """One process reads them all, on a command line and from a file."""
    zone = sender[1:]
    done = sendgate(
        "audit", "news.example.com", "example.com", *zone, "--cross-check", "--format", "jsonl"
    )
    (tmp_path / "list.txt").write_text("news.example.com\nexample.com\n")
    listed = sendgate("audit", "--from-file", "list.txt", "--ordered", *zone, "--cross-check")
    for run in (done, listed):
        first, second = (of(line) for line in run.stdout.splitlines())
        assert outcomes(first)["spf"] == "differs"
        assert outcomes(second)["spf"] == "agrees"


@pytest.mark.parametrize("how", ["variable", "file"])
def test_it_is_a_setting_like_any_other(
    sendgate: Run, sender: list[str], tmp_path: Path, how: str
) -> None:
    """SENDGATE_CROSS_CHECK and a key of the configuration ask for it, --no-cross-check does not."""
    env = {"SENDGATE_CROSS_CHECK": "yes"} if how == "variable" else None
    if how == "file":
        (tmp_path / "sendgate.toml").write_text("cross-check = true\n")
    assert "second opinion (" in sendgate("audit", *sender, env=env).stdout
    assert "second opinion" not in sendgate("audit", *sender, "--no-cross-check", env=env).stdout


def test_without_the_extra_it_is_a_usage_error(
    sendgate: Run, sender: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 before anything is asked, naming what to install; other audits do not mind."""
    from sendgate.crosscheck import worker

    def without(name: str) -> object:
        return None if name == "checkdmarc" else find_spec(name)

    monkeypatch.setattr(worker, "find_spec", without)
    done = sendgate("audit", *sender, "--cross-check")
    assert done.exit_code == 2
    assert "pip install 'sendgate[cross-check]'" in done.stderr
    assert done.stdout == ""
    assert sendgate("audit", *sender).exit_code == 1


def test_a_reader_that_fails_breaks_no_audit(
    sendgate: Run, sender: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report says that there is no second opinion, and why."""
    from sendgate.crosscheck import worker

    monkeypatch.setattr(worker, "CHILD", "sendgate.crosscheck.nowhere")
    done = sendgate("audit", *sender, "--cross-check")
    assert done.exit_code == 1
    assert "no second opinion: its process ended without an answer" in done.stdout


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_what_checkdmarc_repeats_of_a_record_takes_no_effect(
    sendgate: Run, tmp_path: Path, form: str
) -> None:
    """Its errors quote records: escapes, commands and markup come out as text."""
    (tmp_path / "x.zone").write_text(
        ZONE.replace("{term}", "exists:\\027[2J").replace("bogus", "<b>@x|`::error::")
    )
    done = sendgate(
        "audit", "news.example.com", "--zone", "x.zone", "--offline", "--cross-check",
        "--format", form,
    )  # fmt: skip
    assert "second opinion" in done.stdout or '"cross_check"' in done.stdout
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    if form == "markdown":
        page = MarkdownIt("commonmark").enable("table").render(done.stdout)
        assert "&lt;b&gt;@x" in page
        assert "<b>" not in page
