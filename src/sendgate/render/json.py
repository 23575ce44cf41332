"""JSON forms. Each is a contract: its key names and its version are said here and nowhere else.

Keys may be added to a version; none is renamed, removed or given another meaning. The
schemas in `sendgate/schemas` say the same, and tests hold the two together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sendgate import __version__
from sendgate.audit.facts import DomainFacts
from sendgate.audit.judge import Judgement
from sendgate.audit.receivers import receiver_verdicts
from sendgate.audit.report import Finding, Report, UnknownItem
from sendgate.observed import Evidence, Unknown
from sendgate.profile import Role
from sendgate.render.opinion import opinion_json
from sendgate.render.summaries import alignment_of_dmarc, facts_of, or_null
from sendgate.vocabulary import Rule

__all__ = [
    "audit",
    "dumps",
    "finding",
    "judged",
    "rfc3339",
    "rule",
    "rules",
    "unknown",
    "unseen",
    "whole",
]

_LONE = re.compile("[\ud800-\udfff]")


def dumps(document: Mapping[str, Any], *, line: bool = False) -> str:
    """Write one document: indented, or with `line` on one line; ASCII, ended by a newline."""
    if line:
        return json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n"
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def whole(text: str) -> str:
    """Give a text that every reader of JSON takes; what is no character becomes U+FFFD.

    A lone surrogate (RFC 8259 section 8.2) stands for an octet of a file's name that is not UTF-8.
    """
    return _LONE.sub("\ufffd", text)


def rfc3339(time: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, to the second: ``2026-11-23T12:00:00Z``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def audit(report: Report) -> dict[str, Any]:
    """Give one report as ``sendgate.audit/1``."""
    facts = report.facts
    return {
        "format": "sendgate.audit/1",
        "tool": {"name": "sendgate", "version": __version__},
        "time": rfc3339(report.time),
        "domain": str(report.domain),
        "verdict": str(report.verdict),
        "roles": _roles(facts),
        "topology": {"outcome": facts.topology.outcome, "why": facts.topology.why},
        "alignment": _alignment(report),
        "receivers": _receivers(report),
        **judged(report),
        "cross_check": opinion_json(report.cross_check),
        "facts": facts_of(facts),
        "dns": {
            "questions": report.dns.questions,
            "failed": report.dns.failed,
            "seconds": report.dns.seconds,
        },
    }


def _role(role: Role) -> dict[str, Any]:
    return {"name": str(role.name), "assumed": role.assumed}


def _roles(facts: DomainFacts) -> dict[str, Any]:
    profile, provider = facts.profile, facts.provider
    return {
        "sending": str(profile.sending),
        "content": [_role(role) for role in profile.content],
        "return_path": None if profile.return_path is None else _role(profile.return_path),
        "sender": or_null(profile.sender),
        "provider": provider,
        "provider_assumed": provider is not None and profile.provider is None,
    }


def _alignment(report: Report) -> dict[str, Any]:
    alignment = report.facts.alignment
    return {
        "spf": {
            "possible": alignment.spf.possible,
            "mode": alignment.spf.mode,
            "domain": or_null(alignment.spf.domain),
            "why": alignment.spf.why,
        },
        "dkim": [
            {
                "domain": str(key.selector.domain),
                "selector": key.selector.name,
                "aligned": key.aligned,
                "assumed": not key.selector.named,
            }
            for key in alignment.dkim
            if key.selector.named or key.can_pass
        ],
        "dmarc": alignment_of_dmarc(report.facts),
    }


def _receivers(report: Report) -> dict[str, Any]:
    return {
        str(entry.receiver): {
            "verdict": str(entry.verdict),
            "declared": entry.declared,
            "failed": list(entry.failed),
            "why": dict(entry.why),
            "not_observable": list(entry.not_observable),
        }
        for entry in receiver_verdicts(report.facts)
    }


def judged(said: Report | Judgement) -> dict[str, Any]:
    """Give what the rules said: the findings, what could not be told, and what is waived."""
    return {
        "findings": [finding(entry) for entry in said.findings],
        "unknown": [unknown(item) for item in said.unknown],
        "waived": [
            {
                "rule": item.finding.rule.id,
                "reason": item.waiver.reason,
                "expires": item.waiver.expires.isoformat(),
                "finding": finding(item.finding),
            }
            for item in said.waived
        ],
    }


def finding(found: Finding) -> dict[str, Any]:
    """Give one finding."""
    return {
        "rule": found.rule.id,
        "name": found.rule.name,
        "severity": str(found.severity),
        "scope": str(found.rule.scope),
        "domain": str(found.domain),
        "message": found.message,
        "evidence": [_evidence(piece) for piece in found.evidence],
        "remedy": found.rule.remedy,
        "reference": {"text": found.rule.citation.text, "url": found.rule.citation.url},
        "fingerprint": found.fingerprint,
    }


def unknown(item: UnknownItem) -> dict[str, Any]:
    """Give one rule that could not tell, and the question that failed."""
    return {
        "rule": item.rule.id,
        **unseen(item.unknown),
        "severity": str(item.severity),
        "decisive": item.decisive,
    }


def unseen(fact: Unknown) -> dict[str, Any]:
    """Give one fact that nobody could tell: the question that failed, and why."""
    return {
        "question": str(fact.question),
        "reason": str(fact.reason),
        "detail": fact.detail or None,
    }


def _evidence(piece: Evidence) -> dict[str, Any]:
    origin = piece.origin
    return {
        "name": str(piece.name),
        "type": piece.rdtype,
        "values": list(piece.values),
        "origin": {"kind": origin.kind, "where": whole(origin.where), "line": origin.line},
    }


def rule(rule: Rule) -> dict[str, Any]:
    """Give one rule of the catalogue."""
    return {
        "id": rule.id,
        "name": rule.name,
        "area": rule.area,
        "severity": str(rule.severity),
        "scope": str(rule.scope),
        "summary": rule.summary,
        "explanation": rule.explanation,
        "remedy": rule.remedy,
        "reference": {"text": rule.citation.text, "url": rule.citation.url},
    }


def rules(catalogue: Iterable[Rule]) -> dict[str, Any]:
    """Give rules as ``sendgate.rules/1``."""
    return {"format": "sendgate.rules/1", "rules": [rule(entry) for entry in catalogue]}
