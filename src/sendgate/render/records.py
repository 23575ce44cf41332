"""A proposal for people, in lines, and as ``sendgate.records/1``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sendgate import __version__
from sendgate.audit.report import Finding, Verdict
from sendgate.dns.answers import Rdata, Txt
from sendgate.records.forms.common import data_of, quoted
from sendgate.records.plan import Change, Proposal, RecordSet
from sendgate.render.json import finding, rfc3339, unseen

__all__ = ["document", "heading", "outcome", "summary"]


def outcome(proposal: Proposal) -> str:
    """Say what the audit will come to once the records are published."""
    words = "with these records" if proposal.changes else "as it is"
    match proposal.after.verdict:
        case Verdict.PASS:
            return f"the audit passes {words}"
        case Verdict.NOT_APPLICABLE:
            return "the domain neither sends nor receives mail, so no audit applies"
        case Verdict.UNKNOWN:
            return f"the audit cannot be completed {words}: something decisive was not seen"
        case _:
            if proposal.needed:
                return (
                    f"the audit does not pass {words}, and will not until what is needed is known"
                )
            return f"the audit does not pass {words}: what is left is for people to decide"


def heading(proposal: Proposal) -> tuple[str, ...]:
    """Give the lines that stand above the records: for whom, how many, with what outcome."""
    who = "" if proposal.provider is None else f" with {proposal.provider.name}"
    counts = [
        f"{len(proposal.of(kind))} to {kind}" for kind in ("add", "change", "remove")
        if proposal.of(kind)
    ]  # fmt: skip
    what = ", ".join(counts) or "nothing to publish"
    return (
        f"{proposal.after.domain}{who}: {what}; {outcome(proposal)}",
        *_needed(proposal),
        *_left(proposal),
        *proposal.notes,
    )


def summary(proposal: Proposal) -> Iterator[str]:
    """Say on a line each what is done and why, what is needed, and what is left."""
    first, *rest = heading(proposal)
    for change in proposal.changes:
        why = "; ".join(text for text in change.why if text)
        mends = f" (mends {', '.join(change.mends)})" if change.mends else ""
        yield f"{change.kind} {change.one.name} {change.one.rdtype}: {why}{mends}"
        if change.unconfirmed:
            yield f"{change.one.name}: the catalogue's sources do not confirm this record"
        if change.before is not None and not change.exact_ttl:
            yield (f"{change.one.name}: the TTL of what is there is what a resolver has left of it")
    yield from rest
    yield from (f"not seen: {item.question}: {item.text}" for item in proposal.unseen)
    yield first


def _needed(proposal: Proposal) -> Iterator[str]:
    for need in proposal.needed:
        give = f"; give it with {need.option}" if need.option else ""
        yield f"needed: {need.what}, from {need.where}{give}"


def _left(proposal: Proposal) -> Iterator[str]:
    for found in _grave(proposal.left, proposal):
        yield f"not mended: {found.rule.id}: {found.message}. {found.rule.remedy}"


def _grave(findings: Iterable[Finding], proposal: Proposal) -> Iterator[Finding]:
    """Give the findings for which the audit fails."""
    return (f for f in findings if proposal.fail_on <= f.severity)


def document(proposal: Proposal) -> dict[str, Any]:
    """Give a proposal as ``sendgate.records/1``."""
    provider = proposal.provider
    return {
        "format": "sendgate.records/1",
        "tool": {"name": "sendgate", "version": __version__},
        "time": rfc3339(proposal.after.time),
        "domain": str(proposal.after.domain),
        "provider": None if provider is None else provider.id,
        "verdict": {
            "before": str(proposal.before.verdict),
            "after": str(proposal.after.verdict),
        },
        "add": [_change(change) for change in proposal.of("add")],
        "change": [_change(change) for change in proposal.of("change")],
        "remove": [_change(change) for change in proposal.of("remove")],
        "needed": [
            {
                "what": need.what,
                "where": need.where,
                "option": need.option,
                "name": None if need.name is None else str(need.name),
                "type": need.rdtype,
                "like": need.like,
            }
            for need in proposal.needed
        ],
        "left": [finding(found) for found in proposal.left],
        "unseen": [unseen(item) for item in proposal.unseen],
        "notes": list(proposal.notes),
    }


def _change(change: Change) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": str(change.one.name),
        "type": change.one.rdtype,
        "zone": str(change.one.zone),
        **_set(change.one),
        "why": [text for text in change.why if text],
        "mends": list(change.mends),
        "unconfirmed": change.unconfirmed,
    }
    if change.kind == "change" and change.before is not None:
        made["before"] = _set(change.before)
    return made


def _set(records: RecordSet) -> dict[str, Any]:
    return {"ttl": records.ttl, "values": [_value(data) for data in records.data]}


def _value(data: Rdata) -> str:
    return quoted(data.strings) if isinstance(data, Txt) else data_of(data)
