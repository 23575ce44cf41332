"""SARIF 2.1.0 (OASIS, errata 01): findings for code scanning, each at a line of a file.

Section numbers in comments are those of the standard.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from sendgate import __version__
from sendgate.names import Domain
from sendgate.render.batch import Batch, Open
from sendgate.render.entry import Entry, State, said
from sendgate.render.flows import Step, include_flow
from sendgate.render.json import rfc3339
from sendgate.render.markdown import marked
from sendgate.repo.reading import Place, Unread
from sendgate.vocabulary import AnyRule, Severity

__all__ = ["NOWHERE", "SCHEMA", "document", "text"]

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
NOWHERE = Place("sendgate.toml", 1)
"""Where a sender would be declared; for what no file shows and a form wants a line of."""

_BASE = "SRCROOT"
_BASELINE = {State.NEW: "new", State.STILL: "unchanged", State.FIXED: "absent"}
_PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}
_MAX_RELATED = 20
_MAX_VALUES = 10


def text(batch: Batch) -> str:
    """Write the batch as one SARIF log, in ASCII."""
    return json.dumps(document(batch), ensure_ascii=True, indent=2) + "\n"


def document(batch: Batch) -> dict[str, Any]:
    """Give the batch as a `sarifLog`.

    With a base, results are new, unchanged or absent, and what a waiver takes away is left
    out, as nobody compared it; else it is there, suppressed.
    """
    entries = [*batch.findings, *(batch.fixed if batch.change else batch.waived)]
    rules = list({entry.rule.id: entry.rule for entry in entries}.values())
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "sendgate",
                "version": __version__,
                "rules": [_descriptor(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            _BASE: {"description": {"text": "The top of the version-controlled tree."}}
        },
        "invocations": [_invocation(batch)],
        "results": [_result(entry, numbers[entry.rule.id], batch) for entry in entries],
        "properties": {"verdict": str(batch.verdict)}
        | ({"source": batch.reading.source} if batch.reading else {}),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _descriptor(rule: AnyRule) -> dict[str, Any]:
    link = f"[{rule.citation.text}]({rule.citation.url})"
    parts = [*_paragraphs(rule.summary), *_paragraphs(rule.explanation)]
    parts.append(f"What to do: {rule.remedy}")
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": _escaped(rule.summary)},
        "fullDescription": {"text": _escaped("\n\n".join(parts[1:-1] or parts[:1]))},
        "helpUri": rule.citation.url,
        "help": {
            "text": _escaped("\n\n".join([*parts, rule.citation.text])),
            "markdown": "\n\n".join([*map(marked, parts), link]),
        },
        "defaultConfiguration": {"level": str(rule.severity)},
        "properties": {
            "tags": [rule.area, str(rule.scope)],
            "problem.severity": _PROBLEM[rule.severity],
        },
    }


def _result(entry: Entry, number: int, batch: Batch) -> dict[str, Any]:
    finding, place = entry.finding, entry.place or NOWHERE
    result: dict[str, Any] = {
        "ruleId": entry.rule.id,
        "ruleIndex": number,
        "kind": "fail",
        "level": str(entry.severity),
        "message": {"text": _escaped(entry.message)},
        "locations": [
            {"physicalLocation": _physical(place), "logicalLocations": [_logical(entry.subject)]}
        ],
        # The second is the only one that GitHub compares by.
        "partialFingerprints": {
            "sendgate/v1": entry.fingerprint,
            "primaryLocationLineHash": entry.fingerprint,
        },
        "properties": {
            "domain": str(finding.domain),
            "name": str(entry.subject),
            "type": entry.rdtype,
            "scope": str(entry.rule.scope),
            "remedy": entry.rule.remedy,
            "values": [
                said(value)
                for piece in finding.evidence[:1]
                for value in piece.values[:_MAX_VALUES]
            ],
        },
    }
    if entry.state is not None:
        result["baselineState"] = _BASELINE[entry.state]
    if batch.change is None:  # 3.27.23: on every result or on none
        result["suppressions"] = _suppressions(entry)
    if related := _related(entry, batch):
        result["relatedLocations"] = related
    if steps := include_flow(entry):
        result["codeFlows"] = [{"threadFlows": [{"locations": _flow(steps, place, batch)}]}]
    return result


def _suppressions(entry: Entry) -> list[dict[str, Any]]:
    if entry.waiver is None:
        return []
    reason = said(f"{entry.waiver.reason} (until {entry.waiver.expires})")
    # One in a comment beside the record has a place where a configured one has a domain.
    kind = "external" if entry.waiver.covers(entry.finding.domain) else "inSource"
    return [{"kind": kind, "status": "accepted", "justification": reason}]


def _related(entry: Entry, batch: Batch) -> list[dict[str, Any]]:
    """The other records that the finding rests on, as far as files show them."""
    found: list[dict[str, Any]] = []
    for piece in entry.finding.evidence[1 : _MAX_RELATED + 1]:
        place = batch.place_at(piece.origin)
        if place is not None:
            found.append(
                {
                    "id": len(found) + 1,
                    "message": {"text": _escaped(said(f"{piece.name} {piece.rdtype}"))},
                    "physicalLocation": _physical(place),
                    "logicalLocations": [_logical(piece.name)],
                }
            )
    return found


def _flow(steps: Sequence[Step], place: Place, batch: Batch) -> list[dict[str, Any]]:
    """The records of an include chain; one that no file shows stands where it is named."""
    found: list[dict[str, Any]] = []
    at: dict[int, Place] = {0: place}
    for step in steps:
        own = batch.place_of(step.evidence)
        at[step.depth] = own or at.get(step.depth - 1, place)
        name = "a name that depends on the message" if step.domain is None else str(step.domain)
        words = name if step.term is None else f"{step.term} leads to {name}"
        location: dict[str, Any] = {
            "message": {"text": _escaped(said(words))},
            "physicalLocation": _physical(at[step.depth]),
        }
        if step.domain is not None:
            location["logicalLocations"] = [_logical(step.domain)]
        found.append(
            {"location": location, "nestingLevel": step.depth, "executionOrder": len(found) + 1}
        )
    return found


def _invocation(batch: Batch) -> dict[str, Any]:
    notices = [_unread(item, batch) for item in batch.unread]
    notices += [_open(item) for item in batch.decisive]
    notices += [
        {"level": "note", "message": {"text": _escaped(said(words))}} for words in batch.remarks
    ]
    times = [report.time for report in batch.reports]
    invocation: dict[str, Any] = {"executionSuccessful": True}
    if times:
        invocation["endTimeUtc"] = rfc3339(max(times))
    if notices:
        invocation["toolExecutionNotifications"] = notices
    return invocation


def _unread(item: Unread, batch: Batch) -> dict[str, Any]:
    place = replace(item.place, path=batch.path(item.place.path))
    return {
        "level": "error",
        "message": {"text": _escaped(f"could not be read: {said(item.problem)}")},
        "locations": [{"physicalLocation": _physical(place)}],
    }


def _open(item: Open) -> dict[str, Any]:
    rules = ", ".join(item.rules)
    words = f"could not be determined: {item.question}: {item.reason}; {rules} cannot tell"
    return {
        "level": "warning",
        "message": {"text": _escaped(words)},
        "locations": [{"physicalLocation": _physical(item.place or NOWHERE)}],
    }


def _logical(name: Domain) -> dict[str, str]:
    return {"name": str(name), "fullyQualifiedName": str(name), "kind": "resource"}


def _physical(place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _artifact(place.path)}
    if place.line is not None:
        location["region"] = {"startLine": place.line}
        if place.end is not None and place.end > place.line:
            location["region"]["endLine"] = place.end
    return location


def _artifact(path: str) -> dict[str, str]:
    octets = path.encode("utf-8", "surrogateescape" if _is_octets(path) else "backslashreplace")
    if posixpath.isabs(path):
        return {"uri": "file://" + quote(octets)}
    # A colon in the first segment would read as the scheme of a URI (RFC 3986 section 4.2).
    return {"uri": quote(octets, safe="/"), "uriBaseId": _BASE}


def _is_octets(path: str) -> bool:
    """Whether lone surrogates in a path are only those that stand for undecodable octets."""
    return all(not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff" for c in path)


def _paragraphs(words: str) -> list[str]:
    """The paragraphs of a rule's own text, each on one line."""
    return [" ".join(part.split()) for part in words.split("\n\n") if part.strip()]


def _escaped(words: str) -> str:
    """Keep a plain message from having links (3.11.6) and placeholders (3.11.5) of others."""
    words = words.replace("](", r"]\x28")
    return re.sub(r"\{(\d+)\}", r"{{\1}}", words)
