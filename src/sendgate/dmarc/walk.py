"""The DNS tree walk and what is chosen from it (RFC 9989 section 4.10).

    walk_names(start) ──► answers at each _dmarc name ──► Step ... ──► Walk

Pure: the answers were asked before, all together; only those up to the point at which a
receiver would stop asking belong to the walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sendgate.dmarc.record import DmarcRecord, meant_as_dmarc, parse
from sendgate.dns.answers import Answer, Failed, Record, Records, Txt
from sendgate.names import Domain
from sendgate.observed import Malformed, Observed, Present, Unknown, absent, evidence_of

__all__ = ["MAX_QUERIES", "Step", "Walk", "policy_name", "read_step", "walk_names"]

MAX_QUERIES = 8  # RFC 9989 section 4.10
_LABELS_AFTER_CUT = MAX_QUERIES - 1  # the first query is for the name itself


@dataclass(frozen=True)
class Step:
    """What stands at ``_dmarc.<domain>``.

    `seen` is the one DMARC record there; `Malformed` where several make all of them void.
    `records` are the texts that are DMARC records, `void` those only meant as such,
    `others` the rest.
    """

    domain: Domain
    answer: Answer
    seen: Observed[DmarcRecord]
    records: tuple[Record, ...] = ()
    void: tuple[Record, ...] = ()
    others: tuple[Record, ...] = ()

    @property
    def record(self) -> DmarcRecord | None:
        """The record that counts here, or None."""
        return self.seen.value if isinstance(self.seen, Present) else None

    @property
    def ends_walk(self) -> bool:
        """Whether a single record with psd=y or psd=n stops the walk (steps 2 and 7)."""
        return self.record is not None and self.record.psd in {"y", "n"}


def policy_name(domain: Domain) -> Domain | None:
    """``_dmarc.<domain>``; None where that is too long to be a name, so nothing can be there."""
    return domain.fitting_child("_dmarc")


def walk_names(start: Domain) -> tuple[Domain, ...]:
    """Give the domains whose ``_dmarc`` name the walk asks for, in order; at most eight.

    From eight labels on, the second query goes to the last seven (RFC 9989 section 4.10).
    """
    above = [name for name in start.ancestors if len(name.labels) <= _LABELS_AFTER_CUT]
    names = [start, *above] if start.labels else []
    return tuple(name for name in names if policy_name(name) is not None)


def read_step(domain: Domain, answer: Answer) -> Step:
    """Sort the TXT records at one ``_dmarc`` name (RFC 9989 section 4.10 step 2)."""
    if isinstance(answer, Failed):
        return Step(domain, answer, Unknown.of(answer))
    found: list[tuple[Record, DmarcRecord]] = []
    void: list[Record] = []
    others: list[Record] = []
    for record, txt in answer.holding(Txt) if isinstance(answer, Records) else ():
        parsed = parse(txt.text)
        if parsed is not None:
            found.append((record, parsed))
        else:
            (void if meant_as_dmarc(txt.text) else others).append(record)
    records = tuple(record for record, _ in found)
    seen: Observed[DmarcRecord]
    if len(found) == 1:
        seen = Present(found[0][1], evidence_of(answer, *records))
    elif found:
        seen = Malformed(f"{len(found)} DMARC records", evidence_of(answer, *records))
    else:
        seen = absent(answer)
    return Step(domain, answer, seen, records, tuple(void), tuple(others))


@dataclass(frozen=True)
class Walk:
    """The walk from `start`: its steps in order, up to the one at which it stops.

    A step that failed may have held anything, so it leaves several outcomes open;
    `possible_organizational` holds them all.
    """

    start: Domain
    steps: tuple[Step, ...]

    @classmethod
    def over(cls, start: Domain, steps: Mapping[Domain, Step]) -> Walk | None:
        """Walk through steps already read; None where one that it needs was not asked."""
        taken: list[Step] = []
        for name in walk_names(start):
            step = steps.get(name)
            if step is None:
                return None
            taken.append(step)
            if step.ends_walk:
                break
        return cls(start, tuple(taken))

    @property
    def queries(self) -> tuple[Domain, ...]:
        """The names that a receiver asks for, in order."""
        return tuple(step.answer.question.name for step in self.steps)

    @property
    def records(self) -> tuple[Step, ...]:
        """The steps that hold one valid record."""
        return tuple(step for step in self.steps if step.record is not None)

    @property
    def unknown(self) -> Unknown | None:
        """The first step that nobody could answer, if any."""
        return next((s.seen for s in self.steps if isinstance(s.seen, Unknown)), None)

    @cached_property
    def possible_organizational(self) -> frozenset[Domain]:
        """Every organizational domain that the answers leave possible (section 4.10.2)."""
        outcomes: set[Domain] = set()
        shortest: set[Domain] = {self.start}  # of the names with a record so far
        for step in self.steps:
            kinds = _kinds(step)
            if "n" in kinds:
                outcomes.add(step.domain)  # step 1: psd=n is the organizational domain
            if "y" in kinds:
                # Step 2: one label below a public suffix domain, unless the walk began there.
                outcomes.add(self._one_below(step.domain))
            going_on = shortest if None in kinds else set()
            if "u" in kinds:
                going_on = going_on | {step.domain}  # step 3: the fewest labels win
            shortest = going_on
            if not shortest:
                break
        return frozenset(outcomes | shortest)

    @property
    def organizational(self) -> Domain | None:
        """The organizational domain; None where a failed question leaves it open."""
        possible = self.possible_organizational
        return next(iter(possible)) if len(possible) == 1 else None

    @property
    def policy_step(self) -> Step | Unknown | None:
        """The step whose record applies to mail from `start` (section 4.10.1); None: no record.

        The author's own, else the organizational domain's, else the public suffix domain's.
        """
        own = self.steps[0] if self.steps and self.steps[0].domain == self.start else None
        if own is not None and isinstance(own.seen, Unknown):
            return own.seen
        if own is not None and own.record is not None:
            return own
        if self.unknown is not None:
            return self.unknown
        by_name = {step.domain: step for step in self.records}
        organizational = self.organizational
        if organizational in by_name:
            return by_name[organizational]
        return next((step for step in self.records if step.ends_walk), None)

    def _one_below(self, domain: Domain) -> Domain:
        if domain == self.start:
            return domain
        names = (self.start, *self.start.ancestors)
        return names[names.index(domain) - 1]


def _kinds(step: Step) -> Iterable[str | None]:
    """List what the step may hold: None (no record), or a record with psd u, n or y."""
    if isinstance(step.seen, Unknown):
        return (None, "u", "n", "y")
    return (step.record.psd if step.record is not None else None,)
