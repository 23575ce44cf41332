"""A second opinion: as part of the text report, and in JSON."""

from __future__ import annotations

from typing import Any

from sendgate.audit.opinion import Comparison, CrossCheck, Outcome
from sendgate.render.page import Page
from sendgate.render.safe import safe, shorten

__all__ = ["headline", "opinion_json", "opinion_on", "said"]

_COLUMN = 15  # where the readings begin
_MAX_READING = 300  # characters of a reading that are shown


def headline(opinion: CrossCheck) -> str:
    """Sum it up: ``second opinion (checkdmarc 6.0.4): 5 agree, 1 differs``."""
    if opinion.problem is not None:
        return f"no second opinion: {safe(opinion.problem)}"
    return f"second opinion ({safe(opinion.by)}): {opinion.tally}"


def said(text: str) -> str:
    """Make a reading safe, and not too long."""
    return shorten(safe(text), _MAX_READING, len(text))


def opinion_on(page: Page, opinion: CrossCheck) -> None:
    """Put a second opinion on the page: one line if all agree, else both readings."""
    page.blank()
    page.line((headline(opinion), "strong"))
    for entry in opinion.comparisons:
        if entry.outcome is not Outcome.AGREES:
            _comparison_on(page, entry)


def _comparison_on(page: Page, entry: Comparison) -> None:
    style = "open" if entry.outcome is Outcome.DIFFERS else ""
    page.entry(entry.topic, entry.outcome.words, column=_COLUMN, style=style)
    page.entry("here", said(entry.ours), indent=4, column=_COLUMN)
    if entry.theirs:
        page.entry("there", said(entry.theirs), indent=4, column=_COLUMN)
    if entry.why:
        page.entry("why", said(entry.why), indent=4, column=_COLUMN)


def opinion_json(opinion: CrossCheck | None) -> dict[str, Any] | None:
    """Give a second opinion as ``cross_check``; None where none was asked for."""
    if opinion is None:
        return None
    return {
        "by": opinion.by or None,
        "problem": opinion.problem,
        "topics": [
            {
                "topic": entry.topic,
                "outcome": str(entry.outcome),
                "ours": entry.ours,
                "theirs": entry.theirs or None,
                "why": entry.why or None,
            }
            for entry in opinion.comparisons
        ],
    }
