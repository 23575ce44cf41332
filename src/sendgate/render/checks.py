"""The forms of the single checks: `spf` and `dmarc`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sendgate.dmarc.discover import Discovery
from sendgate.names import Domain
from sendgate.observed import Present
from sendgate.profile import IpAddress
from sendgate.render import json
from sendgate.render.page import Page
from sendgate.render.safe import safe, shorten
from sendgate.render.summaries import or_null
from sendgate.render.text import findings_on, shown_name, unknown_on
from sendgate.spf.facts import MAX_LOOKUPS, MAX_VOID_LOOKUPS, CheckResult

if TYPE_CHECKING:
    from sendgate.audit.report import Report

__all__ = ["discovery_json", "dmarc_json", "dmarc_on", "spf_json", "spf_on"]


def spf_json(result: CheckResult) -> dict[str, Any]:
    """Give the result of one evaluation as ``sendgate.spf/1``."""
    return {
        "format": "sendgate.spf/1",
        "result": str(result.result),
        "explanation": result.explanation,
        "mechanism": result.mechanism,
        "lookups": result.lookups,
        "void_lookups": result.void_lookups,
        "path": [
            {
                "depth": step.depth,
                "domain": str(step.domain),
                "term": step.term,
                "outcome": step.outcome,
            }
            for step in result.path
        ],
        "problem": result.problem,
        "unknown": None if result.unknown is None else json.unseen(result.unknown),
    }


_SPF_STYLES = {"pass": "good", "fail": "bad", "permerror": "bad", "temperror": "open"}


def spf_on(page: Page, ip: IpAddress, result: CheckResult) -> None:
    """Put the result on the page, then the path that led to it."""
    word = str(result.result)
    mechanism = "" if result.mechanism is None else f"  ({safe(result.mechanism)})"
    page.line((f"{ip}: ", "strong"), (word, _SPF_STYLES.get(word, "")), mechanism)
    if result.problem:
        page.entry("why", safe(result.problem))
    if result.unknown is not None:
        page.entry("why", safe(f"{result.unknown.question}: {result.unknown.text}"))
    if result.explanation is not None:
        page.entry("says", f'"{safe(result.explanation)}"')
    if result.path:
        page.blank()
    domain: Domain | None = None
    for step in result.path:
        indent = 2 + 2 * min(step.depth, 12)
        if step.domain != domain:
            page.entry("", safe(str(step.domain)), indent=indent)
            domain = step.domain
        page.entry("", f"{safe(step.term)}  {safe(step.outcome)}", indent=indent + 2)
    page.blank()
    lookups = f"{result.lookups} of {MAX_LOOKUPS} lookups"
    page.line((f"{lookups}, {result.void_lookups} of {MAX_VOID_LOOKUPS} void", "dim"))


def dmarc_json(found: Discovery, report: Report) -> dict[str, Any]:
    """Give one discovery as ``sendgate.dmarc/1``, with what the DMARC rules say of it."""
    judged = json.audit(report)
    return {
        "format": "sendgate.dmarc/1",
        "domain": str(found.domain),
        **discovery_json(found),
        "findings": judged["findings"],
        "waived": judged["waived"],
    }


def discovery_json(found: Discovery) -> dict[str, Any]:
    """Give what was discovered, without what the rules say of it."""
    return {
        "queries": [str(name) for name in found.queries],
        "record": found.record,
        "policy_domain": or_null(found.policy_domain),
        "organizational_domain": or_null(found.organizational_domain),
        "applies": found.applies,
        "policy": or_null(found.policy),
        "effective_policy": or_null(found.effective_policy),
        "testing": found.testing,
        "alignment": {"spf": found.spf, "dkim": found.dkim},
        "unknown": [json.unseen(unknown) for unknown in found.unknown],
    }


def dmarc_on(page: Page, found: Discovery, report: Report) -> None:
    """Put the discovery on the page, then the findings."""
    policy = "no policy" if found.effective_policy is None else f"policy {found.effective_policy}"
    if found.unknown and found.policy_domain is None:
        policy = "unknown"
    page.line((f"{shown_name(found.domain)}: ", "strong"), (policy, "strong"))
    page.blank()
    column = 18

    def say(label: str, text: str) -> None:
        page.entry(label, text, column=column)

    say("asked", ", ".join(safe(str(name)) for name in found.queries))
    if found.record is not None:
        value = shorten(safe(found.record), page.width - column - 2, len(found.record))
        page.line(("  record".ljust(column), "dim"), f'"{value}"')
        say("published by", f"{safe(str(found.policy_domain))}{_by_tag(found)}")
    if found.testing:
        say("testing", f"t=y: {found.policy} is published, {found.effective_policy} is asked for")
    say("organizational", _or_unknown(found.organizational_domain))
    for label, verdict in (("spf", found.spf), ("dkim", found.dkim)):
        if verdict is not None:
            say(label, verdict)
    findings_on(page, report.findings)
    unknown_on(page, report.unknown)
    _open_on(page, [f"{u.question}: {u.text}" for u in found.unknown], bool(report.unknown))


def _by_tag(found: Discovery) -> str:
    """Name the tag that gives the policy; nothing where nobody acts on the record."""
    policy = found.facts.policy
    if found.applies is None or not isinstance(policy, Present):
        return ""
    missing = policy.value.applies
    want = "" if missing == found.applies else f" for want of {missing}="
    return f", by its {found.applies}= tag{want}"


def _open_on(page: Page, questions: Sequence[str], told: bool) -> None:
    if questions and not told:
        page.blank()
        page.line(("could not be determined", "strong"))
        for question in questions:
            page.entry("", safe(question), style="open")


def _or_unknown(name: Domain | None) -> str:
    return "not known" if name is None else safe(str(name))
