"""What every receiver asks of the sending hosts alike: reverse DNS that leads back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.hosts.rules import fault_of, unread_reverse
from sendgate.vocabulary import Hit, Verdicts

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["reverse_faults", "shows_addresses"]


def reverse_faults(facts: DomainFacts, who: str) -> Verdicts:
    """Say of each address that the sender operates that its reverse DNS does not lead back."""
    for address in facts.hosts.addresses:
        fault = fault_of(address)
        if fault is not None:
            yield Hit(f"{who} asks for reverse DNS that leads back: {fault}", address.evidence)
        yield from unread_reverse(address)


def shows_addresses(facts: DomainFacts) -> bool:
    """Whether addresses were declared; those of a provider are the provider's duty."""
    return bool(facts.hosts.addresses) or not facts.profile.operates_hosts
