"""What DNS shows of a sender's BIMI assertion record, and which record would be used."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.bimi.assets import Assets
from sendgate.bimi.record import BimiRecord, parse
from sendgate.dns.answers import Answer, NxDomain, Record, Txt
from sendgate.names import Domain
from sendgate.observed import Absent, Observed, Present, Unknown

__all__ = ["BimiFacts", "BimiPlace"]


@dataclass(frozen=True)
class BimiPlace:
    """What stands at ``<selector>._bimi.<domain>``.

    `records` are the TXT records that begin with the BIMI version, or seem meant to;
    others at the name are somebody else's and are discarded. `observed` is Malformed
    where there are several, or where the one there has another version or none.
    """

    domain: Domain
    answer: Answer
    observed: Observed[BimiRecord]
    records: tuple[Record, ...] = ()

    @property
    def record(self) -> BimiRecord | None:
        """The one record that counts here, or None."""
        return self.observed.value if isinstance(self.observed, Present) else None

    @property
    def counts(self) -> bool:
        """Whether discovery ends here: at least one record has the version (section 7.2)."""
        return any(record.is_bimi for record in self.texts)

    @property
    def texts(self) -> tuple[BimiRecord, ...]:
        """Each of `records`, read."""
        read = (parse(r.data.octets) for r in self.records if isinstance(r.data, Txt))
        return tuple(record for record in read if record is not None)


@dataclass(frozen=True)
class BimiFacts:
    """The record at the Author Domain, and the organizational domain's beside it.

    `fallback` is None where the Author Domain is its own organizational domain, where that
    is not known, or where discovery ends at the Author Domain. `assets` are None where nothing
    was fetched.
    """

    selector: str
    author: BimiPlace
    fallback: BimiPlace | None = None
    assets: Assets | None = None

    @property
    def places(self) -> tuple[BimiPlace, ...]:
        """The places that were asked, in the order of discovery."""
        return (self.author,) if self.fallback is None else (self.author, self.fallback)

    @property
    def domain(self) -> Domain:
        """The Author Domain."""
        return self.author.domain

    @property
    def applied(self) -> BimiPlace | None:
        """The place whose record a receiver uses; None where none was found or seen."""
        return next((place for place in self.places if place.counts), None)

    @property
    def record(self) -> BimiRecord | None:
        """The record that a receiver uses, or None."""
        return None if self.applied is None else self.applied.record

    @property
    def unknown(self) -> Unknown | None:
        """The first unknown on the way to the record, if nothing before it decided."""
        for place in self.places:
            if place.counts:
                return None
            if isinstance(place.observed, Unknown):
                return place.observed
        return None

    @property
    def observed(self) -> Observed[BimiRecord]:
        """What discovery comes to: the record used, or why there is none."""
        if self.applied is not None:
            return self.applied.observed
        if self.unknown is not None:
            return self.unknown
        # Malformed before absent: what is there and discarded says more than what is not.
        for place in self.places:
            if not isinstance(place.observed, Absent):
                return place.observed
        evidence = tuple(
            piece
            for place in self.places
            if isinstance(place.observed, Absent)
            for piece in place.observed.evidence
        )
        return Absent(isinstance(self.author.answer, NxDomain), evidence)
