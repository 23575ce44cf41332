"""CSV (RFC 4180): a row for each finding, waived finding, unknown and file that was not read.

A cell that a spreadsheet would take for a formula gets an apostrophe before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sendgate.render.batch import Batch
from sendgate.render.cells import row
from sendgate.render.entry import Entry, said
from sendgate.repo.reading import Place

__all__ = ["COLUMNS", "text"]

COLUMNS = (
    "kind", "state", "severity", "rule", "name", "domain", "subject", "type", "file", "line",
    "message", "remedy", "reference", "fingerprint",
)  # fmt: skip
"""The header: columns may be added behind these, none is renamed or moved."""


def text(batch: Batch) -> str:
    """Write the batch; lines end with CR LF."""
    rows = (row([found.get(column, "") for column in COLUMNS]) for found in _rows(batch))
    return row(COLUMNS) + "".join(rows)


def _rows(batch: Batch) -> Iterator[dict[str, str]]:
    for entry in (*batch.findings, *batch.fixed):
        yield _row("finding", entry)
    for entry in batch.waived:
        yield _row("waived", entry)
    for item in batch.unknown:
        for domain in item.domains:
            for rule in item.rules:
                yield {
                    "kind": "unknown",
                    "rule": rule,
                    "domain": str(domain),
                    "message": f"{item.question}: {item.reason}",
                } | _at(item.place)
    for unread in batch.unread:
        place = Place(batch.path(unread.place.path), unread.place.line)
        zones = " ".join(map(str, unread.zones))
        found = {"kind": "unread", "domain": zones, "message": said(unread.problem)}
        yield found | _at(place)


def _row(kind: str, entry: Entry) -> dict[str, str]:
    return {
        "kind": kind,
        "state": str(entry.state or ""),
        "severity": str(entry.severity),
        "rule": entry.rule.id,
        "name": entry.rule.name,
        "domain": str(entry.finding.domain),
        "subject": str(entry.subject),
        "type": entry.rdtype,
        "message": entry.message,
        "remedy": entry.rule.remedy,
        "reference": entry.rule.citation.text,
        "fingerprint": entry.fingerprint,
    } | _at(entry.place)


def _at(place: Place | None) -> dict[str, str]:
    if place is None:
        return {}
    return {"file": place.path, "line": "" if place.line is None else str(place.line)}
