"""What every receiver asks of the sending hosts alike: reverse DNS that leads back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import Reason
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
    """Whether addresses were declared and their reverse DNS was asked for.

    Those of a provider are the provider's duty; a reverse zone that was not given offline
    is not checked.
    """
    if not facts.profile.operates_hosts:
        return True
    unseen = [address.unknown for address in facts.hosts.addresses]
    return bool(unseen) and not any(u and u.reason is Reason.NOT_ASKED for u in unseen)
