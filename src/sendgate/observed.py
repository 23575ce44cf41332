"""What was observed: present, absent, malformed, or unknown. Each calls for another sentence.

Answer ──► protocol's collect.py ──► Observed[its facts] ──► protocol's rules.py
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from sendgate.dns.answers import (
    Alias,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Origin,
    Question,
    Reason,
    Record,
    Records,
)
from sendgate.names import Domain

__all__ = [
    "Absent",
    "Evidence",
    "Malformed",
    "Observed",
    "Present",
    "Unknown",
    "absent",
    "alias_evidence",
    "all_of",
    "any_of",
    "evidence_of",
    "nothing_seen",
    "wildcard_evidence",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Evidence:
    """What was seen and where: the name, the record type, the values (empty: none there)."""

    name: Domain
    rdtype: str
    values: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True)
class Present(Generic[T]):
    """It is there and could be read."""

    value: T
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Absent:
    """It is not there: an authoritative no. `nxdomain`: the whole name is not there."""

    nxdomain: bool
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Malformed:
    """It is there but broken; `error` says how, in words for a person."""

    error: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """Nobody could tell: the question that failed, and why; `detail` says more in words."""

    question: Question
    reason: Reason
    detail: str = ""

    @classmethod
    def of(cls, failed: Failed) -> Unknown:
        """The unknown that a failed answer stands for."""
        return cls(failed.question, failed.reason, failed.detail)

    @property
    def text(self) -> str:
        """The reason in words: ``timeout``, ``refused (192.0.2.1)``."""
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)


Observed = Present[T] | Absent | Malformed | Unknown


def evidence_of(answer: Answer, *only: Record) -> tuple[Evidence, ...]:
    """The evidence of one answer: its aliases, then its records (or just `only` of them).

    A failed answer is evidence of nothing and gives its aliases alone.
    """
    question = answer.question
    found = list(alias_evidence(answer.aliases))
    if isinstance(answer, Records):
        by_origin: dict[Origin, list[str]] = {}
        for record in only or answer.records:
            by_origin.setdefault(record.origin, []).append(str(record.data))
        found += [
            Evidence(answer.owner, question.rdtype, tuple(values), origin)
            for origin, values in by_origin.items()
        ]
    elif not isinstance(answer, Failed):
        name = answer.aliases[-1].target if answer.aliases else question.name
        found.append(Evidence(name, question.rdtype, (), answer.origin))
    return tuple(found)


def alias_evidence(aliases: Iterable[Alias]) -> tuple[Evidence, ...]:
    """The CNAMEs as evidence, the first of the chain first, each with all its targets."""
    return tuple(
        Evidence(a.name, "CNAME", tuple(map(str, (a.target, *a.others))), a.origin) for a in aliases
    )


def wildcard_evidence(answer: Answer, below: Domain) -> tuple[Evidence, ...]:
    """The evidence of an answer at a made-up name below `below`, as the wildcard's that made it.

    The made-up name is another one in each run, and would be in every fingerprint.
    """
    seen = answer.wildcard if isinstance(answer, Records | NoData) else None
    owner = seen or Domain(f"*.{below}")
    return tuple(
        replace(piece, name=owner) if piece.name == answer.question.name else piece
        for piece in evidence_of(answer)
    )


def nothing_seen(name: Domain, rdtype: str, origin: Origin | None = None) -> Evidence:
    """Evidence that only names a finding's subject, where no answer shows anything of it."""
    return Evidence(name, rdtype, (), origin or Origin("resolver", "no answer"))


def absent(answer: Answer) -> Absent:
    """The absence that an answer without data proves (never call it with a failed one)."""
    return Absent(isinstance(answer, NxDomain), evidence_of(answer))


def any_of(values: Iterable[bool | None]) -> bool | None:
    """True if one is; False if all are false; None where one that is not known could decide."""
    found = tuple(values)
    return True if True in found else None if None in found else False


def all_of(values: Iterable[bool | None]) -> bool | None:
    """False if one is; True if all are true; None where one that is not known could decide."""
    found = tuple(values)
    return False if False in found else None if None in found else True
