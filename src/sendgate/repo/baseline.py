"""A baseline: findings that were there before, by fingerprint; they are counted, and fail nothing.

Any earlier JSON report of ours serves as one. What `--write-baseline` makes is a short form
of it, sorted, so that a repository can keep it and see what changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sendgate.audit.report import Finding
from sendgate.errors import SourceError
from sendgate.files import why

__all__ = ["FORMAT", "baseline_of", "parse_baseline", "read_baseline"]

FORMAT = "sendgate.baseline/1"
MAX_OCTETS = 256 * 1024 * 1024  # of a report; a larger file is none
_REPORTS = {FORMAT, "sendgate.audit/1", "sendgate.repo/1"}


def read_baseline(path: str) -> frozenset[str]:
    """Read the fingerprints of a report: JSON, or JSON Lines.

    Raises `SourceError` where the file cannot be read, or is no report of ours.
    """
    try:
        with Path(path).open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
    except OSError as error:
        hint = "; --write-baseline makes it" if isinstance(error, FileNotFoundError) else ""
        raise SourceError(f"cannot be read: {why(error)}{hint}", path) from None
    return parse_baseline(octets, path)


def parse_baseline(octets: bytes, path: str) -> frozenset[str]:
    """Read the fingerprints of what the file at `path` holds, or held; raise `SourceError`."""
    if len(octets) > MAX_OCTETS:
        raise SourceError(f"has more than {MAX_OCTETS >> 20} MiB; not a report", path)
    return frozenset(
        fingerprint for document in _documents(octets, path) for fingerprint in _of(document)
    )


def _documents(octets: bytes, path: str) -> Iterator[dict[str, Any]]:
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"is no JSON report of sendgate: {why(error)}", path) from None
    try:
        try:
            found = [json.loads(text)]
        except json.JSONDecodeError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise SourceError(f"is no JSON report of sendgate: {error}", path) from None
    if not found:
        raise SourceError("is empty; not a report of sendgate", path)
    for document in found:
        if not isinstance(document, dict) or document.get("format") not in _REPORTS:
            raise SourceError(
                "is no JSON report of sendgate: there is no format sendgate.repo/1, "
                f"sendgate.audit/1 or {FORMAT} in it",
                path,
            )
        yield document


def _of(document: dict[str, Any]) -> Iterator[str]:
    """List the fingerprints in a report, those that a baseline took out of it included."""
    for key in ("findings", "known"):
        for entry in _tables(document.get(key)):
            if isinstance(entry.get("fingerprint"), str):
                yield entry["fingerprint"]
    for domain in _tables(document.get("domains")):
        yield from _of(domain)


def _tables(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def baseline_of(findings: Iterable[Finding]) -> dict[str, Any]:
    """Give findings as ``sendgate.baseline/1``: what they are about, sorted, each once."""
    entries = {
        finding.fingerprint: {
            "rule": finding.rule.id,
            "domain": str(finding.domain),
            "name": str(finding.evidence[0].name) if finding.evidence else None,
            "type": finding.evidence[0].rdtype if finding.evidence else None,
            "fingerprint": finding.fingerprint,
        }
        for finding in findings
    }
    ordered = sorted(entries.values(), key=lambda entry: tuple(str(v) for v in entry.values()))
    return {"format": FORMAT, "findings": ordered}
