"""Entry: one finding as the forms for CI see it, with what stands around it.

That is the audit it belongs to (or the `Single` thing that was judged), whether a change
brought or mended it, the waiver that takes it away, and its place in a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sendgate.audit.judge import Judgement
from sendgate.audit.opinion import CrossCheck
from sendgate.audit.report import (
    DnsCost,
    Finding,
    Report,
    UnknownItem,
    Verdict,
    WaivedItem,
    Waiver,
)
from sendgate.names import ROOT, Domain
from sendgate.render.safe import safe, shorten
from sendgate.repo.reading import Place
from sendgate.vocabulary import AnyRule, Severity

__all__ = ["Entry", "Single", "State", "Told", "located", "said"]

MAX_MESSAGE = 1000  # characters of a finding's sentence in a form for machines of others


class State(StrEnum):
    """What a change has to do with a finding."""

    NEW = "new"
    STILL = "still"
    FIXED = "fixed"


def said(text: str, width: int = MAX_MESSAGE) -> str:
    """Make a foreign text safe and at most about `width` characters long."""
    # What follows the mark of a cut begins a word, and a word may be a command to a runner.
    return safe(shorten(safe(text), width, len(text)))


def located(place: Place) -> str:
    """Show a place safely, as editors and terminals take it: ``zones/example.com.yaml:14``."""
    path = safe(place.path, letters=True)
    return path if place.line is None else f"{path}:{place.line}"


@dataclass(frozen=True)
class Single:
    """What the rules said of one thing that is no sender: a message, or a logo and its record.

    It reads as an audit's report does; `what` names the thing.
    """

    what: str
    domain: Domain
    verdict: Verdict
    said: Judgement
    time: datetime
    dns: DnsCost = field(default_factory=lambda: DnsCost(0, 0, 0.0))
    cross_check: CrossCheck | None = None

    @property
    def left_out(self) -> int:
        """How many findings were not wanted."""
        return self.said.left_out

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found."""
        return self.said.findings

    @property
    def unknown(self) -> tuple[UnknownItem, ...]:
        """What could not be told."""
        return self.said.unknown

    @property
    def waived(self) -> tuple[WaivedItem, ...]:
        """What waivers took out of the verdict."""
        return self.said.waived


Told = Report | Single


@dataclass(frozen=True)
class Entry:
    """One finding and what stands around it.

    `report` is None for what a change mended: that stood in the audit of the base. `state`
    is None where there is no base. `twin` counts the findings of one fingerprint from 1.
    """

    finding: Finding
    report: Told | None
    state: State | None = None
    waiver: Waiver | None = None
    place: Place | None = None
    twin: int = 1

    @property
    def rule(self) -> AnyRule:
        """The rule."""
        return self.finding.rule

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.finding.severity

    @property
    def subject(self) -> Domain:
        """The name the finding is about."""
        evidence = self.finding.evidence
        return evidence[0].name if evidence else self.finding.domain

    @property
    def rdtype(self) -> str:
        """The record type it is about; empty where nothing shows it."""
        return self.finding.evidence[0].rdtype if self.finding.evidence else ""

    @property
    def about(self) -> str:
        """The name and the type that it is about; of a file, which has no name, its type."""
        return self.rdtype if self.subject == ROOT else f"{self.subject} {self.rdtype}".strip()

    @property
    def message(self) -> str:
        """The sentence, safe and not too long."""
        return said(self.finding.message)

    @property
    def fingerprint(self) -> str:
        """The finding's fingerprint; a further finding of the same one has its number behind."""
        own = self.finding.fingerprint
        return own if self.twin == 1 else f"{own}:{self.twin}"
