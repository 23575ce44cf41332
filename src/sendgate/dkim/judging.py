"""What the DKIM rules share: which keys are judged, and how severely.

A named selector was declared, or is the named provider's: what is wrong there breaks this
sender's mail. A guessed selector may be another system's, or an old one: what is wrong
there is worth a note, and nothing at all where a wildcard made the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.dkim.facts import DkimFacts, DkimKey
from sendgate.dkim.record import Fault, KeyRecord
from sendgate.names import Domain
from sendgate.observed import Evidence, evidence_of
from sendgate.vocabulary import Severity

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["at", "degree", "judged", "live_records", "rotation_partner_serves"]

# Where the selector pair of Microsoft 365 leads, before and since May 2025.
_MICROSOFT_365 = (Domain("onmicrosoft.com"), Domain("dkim.mail.microsoft"))
_MICROSOFT_365_PAIR = {"selector1": "selector2", "selector2": "selector1"}


def judged(facts: DomainFacts) -> Iterator[tuple[DkimKey, KeyRecord]]:
    """Give each key record that the sender answers for, or that a guess really found."""
    for key in (*facts.dkim.named, *facts.dkim.guessed_found):
        if key.record is not None:
            yield key, key.record


def live_records(facts: DomainFacts) -> Iterator[tuple[DkimKey, KeyRecord]]:
    """Give the judged records that are not revoked, and whose tags mean something.

    Of a revoked key nothing more is to be said; of a list that is void as a whole, or that
    holds no key at all, its tags are not worth reading.
    """
    for key, record in judged(facts):
        if not record.revoked and not record.problem(Fault.REPEATED, Fault.QUOTED, Fault.NO_KEY):
            yield key, record


def degree(key: DkimKey, severity: Severity) -> Severity:
    """Give the severity for this key: the rule's own at a named selector, else a note."""
    return severity if key.selector.named else Severity.NOTE


def at(key: DkimKey) -> tuple[Evidence, ...]:
    """Give what was seen at the key's name."""
    return evidence_of(key.answer)


def rotation_partner_serves(key: DkimKey, facts: DomainFacts) -> bool:
    """Tell whether this is the idle half of a Microsoft 365 pair.

    Of `selector1` and `selector2` only one signs; the other may have no key before the
    first rotation. Where the partner could not be read, that is said of the partner.
    """
    partner = _partner(key, facts.dkim)
    if partner is None or partner.usable is False:
        return False
    targets = [alias.target for each in (key, partner) for alias in each.answer.aliases]
    return facts.profile.provider == "microsoft-365" or any(
        target.is_under(home) for target in targets for home in _MICROSOFT_365
    )


def _partner(key: DkimKey, dkim: DkimFacts) -> DkimKey | None:
    name = _MICROSOFT_365_PAIR.get(key.selector.name.lower())
    return next(
        (
            other
            for other in dkim.keys
            if other.selector.name.lower() == name and other.selector.domain == key.selector.domain
        ),
        None,
    )
