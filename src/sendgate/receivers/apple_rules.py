"""What Apple's iCloud Mail asks of all senders, whatever their volume: RCV029 to RCV034."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.receivers import states
from sendgate.receivers.demand import Demand, Family, State, demand
from sendgate.receivers.reverse import reverse_faults, shows_addresses
from sendgate.receivers.shared import rejected_by_own_policy, unresolved
from sendgate.vocabulary import Document, Hit, Severity, Verdicts

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["DEMANDS"]

_POSTMASTER = Document(
    "Postmaster information for iCloud Mail, Apple", "https://support.apple.com/en-us/102322"
)


@demand(
    "RCV029",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.APPLE,
    replies="554 5.7.1 [HME1]",
    remedy="Let SPF pass at the return path, and sign with DKIM.",
    state=states.either_passes,
)
def apple_neither_spf_nor_dkim(facts: DomainFacts) -> Verdicts:
    """Apple asks every sender for SPF and DKIM, and neither can pass.

    iCloud Mail rejects mail that nothing authenticates.
    """
    said = f"Apple asks for SPF and DKIM: {states.spf_what(facts)}, and no key can pass"
    yield Hit(said, states.spf_evidence(facts))


def _one_is_missing(facts: DomainFacts) -> State:
    """False where exactly one passes; where none does, RCV029 says so."""
    return True if states.either_passes(facts) is False else states.both_pass(facts)


@demand(
    "RCV030",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.APPLE,
    remedy="Let SPF pass at the return path and sign with DKIM as well.",
    state=_one_is_missing,
)
def apple_without_spf_and_dkim(facts: DomainFacts) -> Verdicts:
    """Apple asks every sender for SPF and DKIM, and one of the two does not pass.

    Apple names both among what must be met for mail not to be rejected, at any volume.
    """
    if states.spf_pass(facts) is False:
        missing, evidence = states.spf_what(facts), states.spf_evidence(facts)
    else:
        missing = f"{states.signers(facts)} cannot be verified"
        evidence = states.key_evidence(facts)
    yield Hit(f"Apple asks for SPF and DKIM: {missing}", evidence)


@demand(
    "RCV031",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.APPLE,
    remedy="Publish a DMARC record, p=none at least.",
    state=states.dmarc_record,
)
def apple_without_dmarc(facts: DomainFacts) -> Verdicts:
    """Apple asks every sender for a DMARC record, and none counts for the domain.

    Any policy is enough. Mail without one is to be rejected.
    """
    said = f"Apple asks for a DMARC record, and none counts for {facts.profile.sending}"
    yield Hit(said, states.dmarc_evidence(facts))


@demand(
    "RCV032",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.APPLE,
    replies="554 5.7.1",
    remedy="Align the return path or a DKIM signature with the From domain.",
)
def apple_rejected_by_own_policy(facts: DomainFacts) -> Verdicts:
    """The From domain's own DMARC policy is reject, and nothing aligns.

    Apple then refuses the mail as the domain itself asks.
    """
    yield from rejected_by_own_policy(facts, "Apple")


@demand(
    "RCV033",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.APPLE,
    replies="450 4.1.8",
    remedy="Publish the domain in DNS, or send from one that exists.",
)
def apple_domain_not_found(facts: DomainFacts) -> Verdicts:
    """The domain of From or of the return path does not exist in DNS.

    Apple defers mail from a domain that it cannot find, until the sender gives up.
    """
    yield from unresolved(facts, "Apple")


@demand(
    "RCV034",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.APPLE,
    remedy="Have the holder of the address set a PTR record whose name leads back to it.",
    shows=shows_addresses,
)
def apple_reverse_dns_missing(facts: DomainFacts) -> Verdicts:
    """Apple asks every sender for reverse DNS, and an address has none that leads back.

    It is among what must be met for mail not to be rejected.
    """
    yield from reverse_faults(facts, "Apple")


DEMANDS: tuple[Demand, ...] = (
    apple_neither_spf_nor_dkim,
    apple_without_spf_and_dkim,
    apple_without_dmarc,
    apple_rejected_by_own_policy,
    apple_domain_not_found,
    apple_reverse_dns_missing,
)
