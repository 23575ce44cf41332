"""gate: what the gate decided about a campaign, as text to read and as JSON to keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sendgate.render import json
from sendgate.render.page import Page
from sendgate.render.safe import safe
from sendgate.render.text import counted, findings_on, unknown_on
from sendgate.send.eligibility import Tally
from sendgate.send.gate import Hold, Refuse
from sendgate.send.gate_audit import GateAudit
from sendgate.send.plan import Plan

__all__ = ["gate_json", "gate_on", "in_time", "plan_on", "reason"]

_COLUMN = 18
_NAMED = 5  # questions or rules named in a line
_SITES = 20  # lines of a plan; the rest is summed up

_WORDS = {"allow": ("may be sent", "good"), "refuse": ("refused", "bad"), "hold": ("held", "open")}


def reason(found: GateAudit) -> str:
    """Say in a line why a campaign is not sent."""
    match found.decision:
        case Refuse(findings=findings):
            return f"the audit fails: {_some(finding.rule.id for finding in findings)}"
        case Hold(unknown=unknown, receivers=receivers):
            questions = [str(item.unknown.question) for item in unknown]
            what = _some(questions or [str(entry.receiver) for entry in receivers])
            return f"the audit could not be completed: {what}"
        case _:
            return ""


def _some(words: Iterable[str]) -> str:
    """Name the first few of them, each once."""
    each = list(dict.fromkeys(words))
    rest = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    return ", ".join(each[:_NAMED]) + rest


def gate_on(page: Page, name: str, found: GateAudit) -> None:
    """Put the decision on the page, and all that it rests on where it is not a yes."""
    word, style = _WORDS[found.decision.word]
    page.line((f"{safe(name, letters=True)}: ", "strong"), (word, style))
    match found.decision:
        case Refuse(findings=findings):
            page.entry("", f"{counted(len(findings), 'error')}; nothing was sent")
            findings_on(page, findings)
        case Hold(unknown=unknown, receivers=receivers):
            page.entry("", "not everything could be determined; nothing was sent")
            unknown_on(page, unknown)
            for entry in receivers:
                why = ", ".join(entry.unknown)
                page.entry(str(entry.receiver), f"its verdict is open{f' ({why})' if why else ''}")


def gate_json(found: GateAudit) -> dict[str, Any]:
    """Give the audit's report with what the gate judged beside it."""
    said = (found.campaign, *found.messages)
    return {
        **json.audit(found.report),
        "gate": {
            "decision": found.decision.word,
            "reason": reason(found) or None,
            "findings": [json.finding(f) for judged in said for f in judged.findings],
            "unknown": [json.unknown(item) for judged in said for item in judged.unknown],
        },
    }


def in_time(seconds: float) -> str:
    """A length of time in words: ``40 s``, ``12 min``, ``3 h 5 min``."""
    if seconds < 100:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def plan_on(page: Page, plan: Plan, tally: Tally) -> None:
    """Put on the page who may be mailed, where their mail goes, and how long it will take."""

    def say(label: str, text: str) -> None:
        page.entry(label, text, column=_COLUMN)

    page.blank()
    say("eligible", f"{tally.eligible:,}")
    for code, number in tally.excluded_by.items():
        if number:
            page.entry(safe(code), f"{number:,} excluded", column=28)
    if tally.unengaged:
        say("unengaged", f"{tally.unengaged:,} of the eligible showed no interest for long")
    if tally.problems:
        say("unreadable", counted(tally.problems, "row"))
    page.blank()
    page.line(("plan by receiver", "strong"))
    for site in plan.sites[:_SITES]:
        limit = f", {site.rate:g}/s" if site.rate is not None else ""
        pace = f"{counted(site.connections, 'connection')} at most{limit}"
        page.entry(f"{site.recipients:>9,}", f"{safe(str(site.site))}  ({pace})")
    rest = plan.sites[_SITES:]
    if rest:
        number = sum(site.recipients for site in rest)
        page.entry(f"{number:>9,}", f"at {len(rest):,} other receivers")
    for why, number in plan.unreachable.items():
        page.entry(f"{number:>9,}", f"cannot be called: {safe(why)}")
    page.blank()
    seconds = plan.seconds
    told = "no limit is known" if seconds is None else f"at least {in_time(seconds)}"
    say("time to finish", f"{told}; receivers that ask for less make it longer")
