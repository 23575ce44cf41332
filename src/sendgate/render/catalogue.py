"""The catalogue as text: the list, and one rule at length."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sendgate.render.page import Page
from sendgate.render.text import counted
from sendgate.vocabulary import Rule, Severity

__all__ = ["rule_on", "rules_on"]


def rules_on(page: Page, rules: Sequence[Rule]) -> None:
    """List rules: a line with id, severity and name, and what is wrong below it."""
    wide = max((len(rule.id) for rule in rules), default=0)
    for rule in rules:
        severity = str(rule.severity)
        page.line(
            (rule.id.ljust(wide), "strong"), "  ", (severity.ljust(7), severity), f"  {rule.name}"
        )
        page.entry("", rule.summary, indent=wide + 11)
    page.blank()
    counts = [
        counted(sum(rule.severity is severity for rule in rules), str(severity))
        for severity in reversed(Severity)
    ]
    page.line((f"{counted(len(rules), 'rule')}: {', '.join(counts)}", "dim"))


def rule_on(page: Page, rule: Rule) -> None:
    """Explain one rule."""
    severity = str(rule.severity)
    page.line((f"{rule.id} {rule.name}", "strong"))
    page.blank()
    page.entry("", rule.summary)
    page.blank()
    for paragraph in rule.explanation.split("\n\n"):
        page.entry("", " ".join(textwrap.dedent(paragraph).split()))
        page.blank()
    page.entry("severity", f"{severity}: {rule.severity.meaning}", column=12)
    page.entry("scope", f"{rule.scope}: {rule.scope.meaning}", column=12)
    page.entry("fix", rule.remedy, column=12)
    page.entry("see", rule.citation.text, column=12)
    page.entry("", rule.citation.url, indent=12)
