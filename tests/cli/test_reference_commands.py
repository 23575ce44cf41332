"""sendgate rules, explain and schema; and that real output is what the schemas say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sendgate.cli.schema import NAMES, read_schema
from sendgate.settings import SETTINGS

Run = Callable[..., Any]


def holds(name: str, document: Any) -> None:
    """Validate a document against the schema that sendgate prints."""
    schema = json.loads(read_schema(name))
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(document)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one(sendgate: Run, name: str) -> None:
    """Each is printed, and is a schema of draft 2020-12."""
    done = sendgate("schema", name)
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_schemas_are_listed_and_the_nearest_is_named(sendgate: Run) -> None:
    """Without a name the names; with a wrong one the nearest."""
    assert sendgate("schema").stdout.split() == list(NAMES)
    done = sendgate("schema", "adit")
    assert done.exit_code == 2
    assert "did you mean 'audit'?" in done.stderr


def test_rules_are_listed(sendgate: Run) -> None:
    """The whole catalogue, domains first, then messages, as text, JSON and JSON Lines."""
    from sendgate.send.catalogue import EVERY_RULE

    document = json.loads(sendgate("rules", "--format", "json").stdout)
    holds("rules", document)
    assert [rule["id"] for rule in document["rules"]] == [rule.id for rule in EVERY_RULE]
    lines = sendgate("rules", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == document["rules"]
    text = sendgate("rules").stdout
    assert all(rule.id in text and rule.name in text for rule in EVERY_RULE)
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize("word", ["SPF004", "spf004", "too-many-lookups", "TOO_MANY_LOOKUPS"])
def test_a_rule_is_explained(sendgate: Run, word: str) -> None:
    """By id or by name, in any case: what it means, what to do, where it is written."""
    done = sendgate("explain", word)
    assert done.exit_code == 0
    assert done.stdout.startswith("SPF004 too-many-lookups\n")
    assert "severity  error" in done.stdout
    assert "RFC 7208 section 4.6.4" in done.stdout
    document = json.loads(sendgate("explain", word, "--format", "json").stdout)
    holds("rules", document)
    assert [rule["id"] for rule in document["rules"]] == ["SPF004"]


def test_a_rule_of_messages_is_explained(sendgate: Run) -> None:
    """What the gate of sending reports of a message can be looked up as well."""
    assert sendgate("explain", "UNS001").stdout.startswith("UNS001 no-unsubscribe-address\n")
    assert sendgate("explain", "false-reply").stdout.startswith("MSG006 false-reply\n")


def test_an_unknown_rule_names_the_nearest(sendgate: Run) -> None:
    """Exit 2, with a hint."""
    done = sendgate("explain", "to-many-lookups")
    assert done.exit_code == 2
    assert "did you mean 'too-many-lookups'?" in done.stderr


def test_an_area_is_no_rule(sendgate: Run) -> None:
    """It is named as what it is, and not taken for a slip."""
    done = sendgate("explain", "spf")
    assert done.exit_code == 2
    assert "SPF is an area of rules" in done.stderr
    assert "did you mean" not in done.stderr


def test_what_dns_does_not_show_is_said_to_be_no_rule(sendgate: Run) -> None:
    """An id of `not_observable` tells what it stands for, and what would show it."""
    done = sendgate("explain", "rcv040")
    assert done.exit_code == 2
    assert "TLS on the connection (what shows it: the connection; expect 421 4.7.29" in done.stderr


def keys(document: Any) -> Any:
    """The shape of a document: its keys, with lists by their first entry."""
    if isinstance(document, dict):
        return {key: keys(value) for key, value in document.items()}
    if isinstance(document, list) and document:
        return [keys(document[0])]
    return None


FINDING = {
    "rule": None, "name": None, "severity": None, "scope": None, "domain": None, "message": None,
    "evidence": [{"name": None, "type": None, "values": [None],
                  "origin": {"kind": None, "where": None, "line": None}}],
    "remedy": None, "reference": {"text": None, "url": None}, "fingerprint": None,
}  # fmt: skip
RECEIVER = {
    "verdict": None, "declared": None, "failed": None, "why": {}, "not_observable": [None],
}  # fmt: skip
NAMED_RECEIVERS = (
    "google", "google-bulk", "yahoo", "yahoo-bulk", "microsoft", "microsoft-bulk", "apple",
    "laposte",
)  # fmt: skip
AUDIT = {
    "format": None,
    "tool": {"name": None, "version": None},
    "time": None,
    "domain": None,
    "verdict": None,
    "roles": {
        "sending": None,
        "content": [{"name": None, "assumed": None}],
        "return_path": {"name": None, "assumed": None},
        "sender": None,
        "provider": None,
        "provider_assumed": None,
    },
    "topology": {"outcome": None, "why": None},
    "alignment": {
        "spf": {"possible": None, "mode": None, "domain": None, "why": None},
        "dkim": [{"domain": None, "selector": None, "aligned": None, "assumed": None}],
        "dmarc": {"policy_domain": None, "organizational_domain": None, "policy": None,
                  "result": None},
    },
    "receivers": dict.fromkeys(NAMED_RECEIVERS, RECEIVER),
    "findings": [FINDING],
    "unknown": None,
    "waived": None,
    "dns": {"questions": None, "failed": None, "seconds": None},
    "cross_check": None,
}  # fmt: skip


def test_the_keys_of_an_audit_are_frozen(sendgate: Run, healthy: list[str]) -> None:
    """Scripts rely on these keys: none is renamed or removed within a version."""
    document = json.loads(sendgate("audit", *healthy, "--format", "json").stdout)
    holds("audit", document)
    shape = keys(document)
    protocols = {"spf", "dkim", "dmarc", "bimi", "mx", "mtasts", "tlsrpt", "dane"}
    assert set(shape.pop("facts")) == protocols | {"blocklists"}
    assert shape == AUDIT


def test_unknown_and_bare_audits_hold_to_the_schema(sendgate: Run) -> None:
    """An audit that could see nothing has the same shape."""
    done = sendgate("audit", "example.com", "--offline", "--format", "jsonl", "--receiver", "apple")
    document = json.loads(done.stdout)
    holds("audit", document)
    assert set(document["unknown"][0]) == {
        "rule", "question", "reason", "detail", "severity", "decisive"
    }  # fmt: skip
    assert document["receivers"]["apple"]["declared"] is True
    assert document["receivers"]["google"]["declared"] is False
    assert document["roles"]["return_path"] is None
    assert document["alignment"]["spf"]["possible"] is None


def test_spf_and_dmarc_hold_to_their_schemas(sendgate: Run, fixtures: Path) -> None:
    """The single checks print what their schemas say."""
    zone = ["--zone", str(fixtures / "first-audit.zone"), "--offline", "--format", "json"]
    spf = json.loads(sendgate("spf", "12345m.example.com", "--ip", "192.0.2.10", *zone).stdout)
    holds("spf", spf)
    assert spf["result"] == "pass"
    assert {"format", "result", "explanation", "mechanism", "lookups", "path"} <= set(spf)
    dmarc = json.loads(sendgate("dmarc", "news.example.com", *zone).stdout)
    holds("dmarc", dmarc)
    assert dmarc["queries"] == ["_dmarc.news.example.com", "_dmarc.example.com", "_dmarc.com"]
    assert dmarc["applies"] == "sp"
    assert dmarc["organizational_domain"] == "example.com"


def test_the_schema_of_the_configuration_knows_every_key() -> None:
    """A key that is read is in the schema, and the other way round."""
    schema = json.loads(read_schema("config"))
    file = {key for s in SETTINGS if s.in_file for key in s.keys} | {"sender", "waive"}
    assert set(schema["properties"]) == file
    table = {key for s in SETTINGS if s.group == "sender" for key in s.keys} | {"name", "from"}
    assert set(schema["$defs"]["sender"]["properties"]) == table


def test_the_readmes_configuration_holds_to_the_schema() -> None:
    """A whole configuration, as tomllib reads it."""
    holds(
        "config",
        {
            "fail-on": "error",
            "sender": [{"from": "a.example", "selectors": ["s1"], "receivers": ["google"]}],
            "waive": [
                {"rule": "SPF001", "domain": "*.a.example", "reason": "r", "expires": "2027-01-31"}
            ],
        },
    )
    with pytest.raises(jsonschema.ValidationError):
        holds("config", {"fail_on": "error"})
