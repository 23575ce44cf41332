"""What several rules of BIMI need: the record that receivers use, its evidence, the citation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.bimi.facts import BimiPlace
from sendgate.bimi.record import BimiRecord
from sendgate.observed import Evidence, evidence_of
from sendgate.vocabulary import Document

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["applied", "draft", "seen"]


def draft(section: str) -> Document:
    """Cite a section of the draft of BIMI records, such as ``7.1 step 7``."""
    name = "draft-brand-indicators-for-message-identification-12"
    url = f"https://datatracker.ietf.org/doc/html/{name}#section-{section.split()[0]}"
    return Document(f"{name} section {section}", url)


def seen(place: BimiPlace) -> tuple[Evidence, ...]:
    """The evidence of the BIMI records at a place."""
    return evidence_of(place.answer, *place.records)


def applied(facts: DomainFacts) -> Iterator[tuple[BimiPlace, BimiRecord]]:
    """Give the one record that receivers use, with its place, if there is one."""
    place = facts.bimi.applied
    if place is not None and place.record is not None:
        yield place, place.record
