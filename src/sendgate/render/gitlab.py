"""GitLab's code quality report: the findings of one run; GitLab compares it with the target's.

So what a base had too stays in, and with ``--base`` the comparison comes out the same.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from sendgate.render.batch import Batch, Open
from sendgate.render.entry import Entry, said
from sendgate.render.safe import safe
from sendgate.render.sarif import NOWHERE
from sendgate.repo.reading import Place, Unread
from sendgate.vocabulary import Severity

__all__ = ["document", "text"]

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def text(batch: Batch) -> str:
    """Write the report, in ASCII."""
    return json.dumps(document(batch), ensure_ascii=True, indent=2) + "\n"


def document(batch: Batch) -> list[dict[str, Any]]:
    """Give the issues: findings, files that could not be read, decisive unknowns."""
    issues = [_finding(entry) for entry in batch.findings]
    issues += [_unread(item, batch) for item in batch.unread]
    issues += [_open(item) for item in batch.decisive]
    return list({issue["fingerprint"]: issue for issue in issues}.values())


def _issue(
    check: str, description: str, fingerprint: str, severity: str, place: Place | None
) -> dict[str, Any]:
    at = place or NOWHERE
    lines = {"begin": at.line or 1}
    if at.line is not None and at.end is not None and at.end > at.line:
        lines["end"] = at.end
    return {
        "type": "issue",
        "check_name": check,
        "description": description,
        "categories": ["Bug Risk"],
        "fingerprint": hashlib.sha256(fingerprint.encode()).hexdigest(),
        "severity": severity,
        "location": {"path": _path(at.path), "lines": lines},
    }


def _finding(entry: Entry) -> dict[str, Any]:
    check = f"{entry.rule.id} {entry.rule.name}"
    subject = entry.about
    description = f"{entry.rule.id} {said(subject)}: {entry.message}"
    severity = _SEVERITIES[entry.severity]
    return _issue(check, description, entry.fingerprint, severity, entry.place)


def _unread(item: Unread, batch: Batch) -> dict[str, Any]:
    place = replace(item.place, path=batch.path(item.place.path))
    words = f"could not be read: {said(item.problem)}"
    identity = f"unread\0{place.path!a}\0{item.problem!a}"
    return _issue("not-read", words, identity, "critical", place)


def _open(item: Open) -> dict[str, Any]:
    words = f"could not be determined: {item.question}: {item.reason}"
    return _issue("not-determined", words, f"unknown\0{item.question}", "major", item.place)


def _path(path: str) -> str:
    """Keep a path that is plain text; of another what makes it more is shown as escapes."""
    return safe(path, letters=True)
