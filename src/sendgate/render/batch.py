"""Batch: audits as the forms for CI see them, whether of a repository or of a command line.

    RepositoryReport ──► Batch.of_repository ─┐
    Reports, a `Single` ─► Batch.of_reports ──┴─► sarif, github, gitlab, junit, markdown, csv

Its findings are `Entry`s; findings of one fault are a `Group`, unknowns of one question an `Open`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from sendgate.audit.report import (
    Finding,
    StaleWaiver,
    UnknownItem,
    Verdict,
)
from sendgate.dns.answers import Origin, Reason
from sendgate.names import Domain
from sendgate.observed import Evidence
from sendgate.render.entry import Entry, State, Told, said
from sendgate.repo.reading import Place, Reading, Unread
from sendgate.repo.report import Change, RepositoryReport
from sendgate.vocabulary import Severity

__all__ = ["Batch", "Group", "Open", "Totals"]

MAX_ENTRY = 5000  # lines of one entry; nothing points into a longer one


@dataclass(frozen=True)
class Group:
    """One fault that several audits tell of: the same rule at the same record.

    A policy that fifty names inherit is one line to mend, and is shown once.
    """

    first: Entry
    domains: tuple[Domain, ...]

    @property
    def others(self) -> tuple[Domain, ...]:
        """The audited domains besides the first."""
        return self.domains[1:]


@dataclass(frozen=True)
class Open:
    """A question that nobody could answer, and all that hangs on it in one or several audits."""

    question: str
    reason: str
    rules: tuple[str, ...]
    domains: tuple[Domain, ...]
    decisive: bool
    place: Place | None


@dataclass(frozen=True)
class Totals:
    """How many findings of each severity, waived and unknown ones apart."""

    errors: int
    warnings: int
    notes: int

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Totals:
        """Count them."""
        found = [entry.severity for entry in entries]
        return cls(*(found.count(severity) for severity in reversed(Severity)))

    @property
    def text(self) -> str:
        """``1 error, 2 warnings, no notes``."""
        words = ("error", "warning", "note")
        numbers = (self.errors, self.warnings, self.notes)
        return ", ".join(
            f"{number or 'no'} {word}{'' if number == 1 else 's'}"
            for number, word in zip(numbers, words, strict=True)
            if number or word != "note"
        )


@dataclass(frozen=True)
class Batch:
    """Audits, what could not be read for them, and what a change does.

    `senders` gives the place in the configuration where a domain is declared; `root` is
    the top of the version-controlled tree, `prefix` leads from there to where the relative
    paths of evidence begin. `decided` is what the whole comes to where that is more than
    the worst of the audits. `known` counts the findings that a baseline lists, `remarks`
    are for the user.
    """

    reports: tuple[Told, ...]
    stale: tuple[StaleWaiver, ...] = ()
    reading: Reading | None = None
    change: Change | None = None
    prefix: str = ""
    root: str = ""
    senders: Mapping[Domain, Place] = field(default_factory=dict)
    fail_on: Severity = Severity.ERROR
    decided: Verdict | None = None
    known: int = 0
    remarks: tuple[str, ...] = ()

    @classmethod
    def of_reports(
        cls,
        reports: Sequence[Told],
        stale: Sequence[StaleWaiver] = (),
        *,
        senders: Mapping[Domain, Place] | None = None,
        fail_on: Severity = Severity.ERROR,
        root: str = "",
        prefix: str = "",
    ) -> Batch:
        """Make a batch of audits that a command line asked for."""
        return cls(
            tuple(reports), tuple(stale), senders=senders or {}, fail_on=fail_on, root=root,
            prefix=prefix,
        )  # fmt: skip

    @classmethod
    def of_repository(
        cls,
        report: RepositoryReport,
        *,
        senders: Mapping[Domain, Place] | None = None,
        fail_on: Severity = Severity.ERROR,
    ) -> Batch:
        """Make a batch of the check of a repository."""
        return cls(
            report.reports, report.stale, report.reading, report.change, report.prefix,
            senders=senders or {}, fail_on=fail_on, decided=report.verdict,
            known=len(report.known), remarks=report.remarks,
        )  # fmt: skip

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read."""
        return self.reading.unread if self.reading else ()

    @cached_property
    def findings(self) -> tuple[Entry, ...]:
        """What is found now and not waived, in the order of the audits."""
        new = set(self.change.new) if self.change else set()
        twins: dict[str, int] = {}
        found = []
        for report in self.reports:
            for finding in report.findings:
                state = None
                if self.change is not None:
                    state = State.NEW if finding in new else State.STILL
                found.append(self._entry(finding, report, twins, state))
        return tuple(found)

    @cached_property
    def current(self) -> tuple[Entry, ...]:
        """What decides and is shown at length: with a base what is new, else every finding."""
        return tuple(entry for entry in self.findings if entry.state is not State.STILL)

    @cached_property
    def still(self) -> tuple[Entry, ...]:
        """What stood in the base too."""
        return tuple(entry for entry in self.findings if entry.state is State.STILL)

    @cached_property
    def fixed(self) -> tuple[Entry, ...]:
        """What the change mended."""
        twins: dict[str, int] = {}
        mended = self.change.fixed if self.change else ()
        return tuple(self._entry(finding, None, twins, State.FIXED) for finding in mended)

    @cached_property
    def waived(self) -> tuple[Entry, ...]:
        """What waivers took out of the verdict."""
        twins: dict[str, int] = {}
        return tuple(
            replace(self._entry(item.finding, report, twins, None), waiver=item.waiver)
            for report in self.reports
            for item in report.waived
        )

    @cached_property
    def unknown(self) -> tuple[Open, ...]:
        """What could not be told, by question, decisive ones first.

        A question inside a zone that could not be read is left to the place in `unread`.
        """
        items: dict[tuple[str, str], list[tuple[Told, UnknownItem]]] = {}
        for report in self.reports:
            for item in report.unknown:
                if item.unknown.reason is Reason.UNREADABLE and self.unread:
                    continue
                key = (str(item.unknown.question), item.unknown.text)
                items.setdefault(key, []).append((report, item))
        found = [
            Open(
                said(question),
                said(reason),
                tuple(sorted({item.rule.id for _, item in told})),
                tuple(dict.fromkeys(report.domain for report, _ in told)),
                any(item.decisive for _, item in told),
                self.fallback(told[0][0].domain),
            )
            for (question, reason), told in items.items()
        ]
        return tuple(sorted(found, key=lambda item: not item.decisive))

    @property
    def decisive(self) -> tuple[Open, ...]:
        """The unknowns that a verdict rests on."""
        return tuple(item for item in self.unknown if item.decisive)

    @property
    def verdict(self) -> Verdict:
        """What it comes to; the exit code follows it."""
        if self.decided is not None:
            return self.decided
        verdicts = {report.verdict for report in self.reports}
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
            if verdict in verdicts:
                return verdict
        only_parked = verdicts == {Verdict.NOT_APPLICABLE}
        return Verdict.NOT_APPLICABLE if only_parked else Verdict.PASS

    def grouped(self, entries: Iterable[Entry]) -> tuple[Group, ...]:
        """Put together what several audits tell of one record, the gravest first."""
        groups: dict[tuple[object, ...], list[Entry]] = {}
        for entry in entries:
            place = entry.place
            key: tuple[object, ...] = (entry.rule.id, entry.severity, entry.subject, entry.rdtype)
            if not entry.finding.evidence or place is None or place.line is None:
                key = (*key, entry.finding.domain)
            groups.setdefault((*key, place), []).append(entry)
        found = [
            Group(told[0], tuple(dict.fromkeys(entry.finding.domain for entry in told)))
            for told in groups.values()
        ]
        return tuple(sorted(found, key=lambda group: -group.first.severity.rank))

    def place_of(self, evidence: Iterable[Evidence]) -> Place | None:
        """Give the lines of the first piece of evidence that was read in a file."""
        for piece in evidence:
            place = self.place_at(piece.origin)
            if place is not None:
                return place
        return None

    def place_at(self, origin: Origin) -> Place | None:
        """Give the line of a file that an origin names, and the end of the entry it begins."""
        if origin.kind != "file":
            return None
        end = None if origin.line is None else self._ends.get((origin.where, origin.line))
        return Place(self.path(origin.where), origin.line, end)

    def path(self, where: str) -> str:
        """Give a path from the top of the version-controlled tree, as far as that is known."""
        if posixpath.isabs(where):
            relative = posixpath.relpath(where, self.root) if self.root else ".."
        else:
            relative = posixpath.normpath(self.prefix + where) if where else where
        return where if relative.split("/")[0] == ".." else relative

    def fallback(self, domain: Domain) -> Place | None:
        """Give the place that speaks for a domain where no evidence has one.

        That is its `[[sender]]`, its zone's file, or the first file that could not be read.
        """
        declared = self.senders.get(domain)
        if declared is not None:
            return declared
        if self.reading is not None:
            zone = self._zones.get(domain) or next(
                (self._zones[name] for name in domain.ancestors if name in self._zones), None
            )
            places = [zone] if zone else [item.place for item in self.unread]
            if places:
                return replace(places[0], path=self.path(places[0].path))
        return None

    def _entry(
        self,
        finding: Finding,
        report: Told | None,
        twins: dict[str, int],
        state: State | None,
    ) -> Entry:
        twin = twins[finding.fingerprint] = twins.get(finding.fingerprint, 0) + 1
        place = self.place_of(finding.evidence) or self.fallback(finding.domain)
        return Entry(finding, report, state, None, place, twin)

    @cached_property
    def _zones(self) -> dict[Domain, Place]:
        zones = self.reading.zones if self.reading else ()
        return {zone.apex: zone.place for zone in reversed(zones)}

    @cached_property
    def _ends(self) -> dict[tuple[str, int], int]:
        """Where the smallest entry that holds a line of a file ends."""
        ends: dict[tuple[str, int], int] = {}
        sizes: dict[tuple[str, int], int] = {}
        for place in self.reading.places if self.reading else ():
            begin, end = place.line, place.end
            if begin is None or end is None or not begin < end < begin + MAX_ENTRY:
                continue
            for line in range(begin, end + 1):
                if end - begin < sizes.get((place.path, line), MAX_ENTRY):
                    ends[place.path, line], sizes[place.path, line] = end, end - begin
        return ends
