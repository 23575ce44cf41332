"""What Yahoo asks of all senders, and of those in bulk: RCV014 to RCV022."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.bimi.policy_rules import dmarc_policy_none
from sendgate.dmarc.report_rules import no_aggregate_reports
from sendgate.mx.facts import MxFacts
from sendgate.observed import evidence_of
from sendgate.receivers import states
from sendgate.receivers.demand import Demand, Family, demand
from sendgate.receivers.reverse import reverse_faults, shows_addresses
from sendgate.receivers.shared import mail_names, unresolved
from sendgate.vocabulary import (
    CannotTell,
    Document,
    Hit,
    Scope,
    Severity,
    Verdicts,
    unread,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["DEMANDS"]

_PRACTICES = Document(
    "Sender best practices, Yahoo", "https://senders.yahooinc.com/best-practices/"
)
_FAQ = Document("Sender FAQ, Yahoo", "https://senders.yahooinc.com/faqs/")


@demand(
    "RCV014",
    Severity.ERROR,
    _PRACTICES,
    of=Family.YAHOO,
    replies="550 5.7.9",
    remedy="Let SPF pass at the return path, or sign with DKIM.",
    state=states.either_passes,
)
def yahoo_neither_spf_nor_dkim(facts: DomainFacts) -> Verdicts:
    """Yahoo asks every sender for SPF or DKIM, and neither can pass.

    Yahoo refuses mail that nothing authenticates, from whatever volume on.
    """
    said = f"Yahoo asks for SPF or DKIM: {states.spf_what(facts)}, and no key can pass"
    yield Hit(said, states.spf_evidence(facts))


@demand(
    "RCV015",
    Severity.ERROR,
    _PRACTICES,
    of=Family.YAHOO,
    bulk=True,
    replies="550 5.7.9",
    remedy="Let SPF pass at the return path and sign with DKIM as well.",
    state=states.both_pass,
)
def yahoo_bulk_without_spf_and_dkim(facts: DomainFacts) -> Verdicts:
    """Yahoo asks bulk senders for SPF and DKIM, and one of the two does not pass.

    Yahoo does not say from which volume on a sender counts as one in bulk.
    """
    if states.spf_pass(facts) is False:
        missing, evidence = states.spf_what(facts), states.spf_evidence(facts)
    else:
        missing = f"{states.signers(facts)} cannot be verified"
        evidence = states.key_evidence(facts)
    yield Hit(f"Yahoo asks bulk senders for SPF and DKIM: {missing}", evidence)


@demand(
    "RCV016",
    Severity.ERROR,
    _PRACTICES,
    of=Family.YAHOO,
    bulk=True,
    replies="550 5.7.9",
    remedy="Publish a DMARC record, p=none at least, and let SPF or DKIM align with From.",
    state=states.dmarc_pass,
)
def yahoo_bulk_without_dmarc_pass(facts: DomainFacts) -> Verdicts:
    """Yahoo asks bulk senders for a DMARC record and a pass, and one of them is missing.

    A policy of none and relaxed alignment are enough.
    """
    record = states.dmarc_record(facts)
    what = "no DMARC record counts" if record is False else "nothing aligned passes"
    said = f"Yahoo asks bulk senders for a DMARC pass: {what} for {facts.profile.sending}"
    yield Hit(said, states.dmarc_evidence(facts))


@demand(
    "RCV017",
    Severity.ERROR,
    _FAQ,
    of=Family.YAHOO,
    replies="451, then 554",
    remedy="Publish the domain in DNS, or send from one that exists.",
)
def yahoo_domain_does_not_resolve(facts: DomainFacts) -> Verdicts:
    """The domain of From or of the return path does not exist in DNS.

    Yahoo looks for the zone of both and refuses mail where there is none.
    """
    yield from unresolved(facts, "Yahoo")


@demand(
    "RCV018",
    Severity.ERROR,
    _PRACTICES,
    of=Family.YAHOO,
    remedy="Have the holder of the address set a PTR record whose name leads back to it.",
    shows=shows_addresses,
)
def yahoo_reverse_dns_missing(facts: DomainFacts) -> Verdicts:
    """Yahoo asks every sender for reverse DNS that leads back, and an address has none.

    Mail from such an address is deferred or refused.
    """
    yield from reverse_faults(facts, "Yahoo")


@demand(
    "RCV019",
    Severity.ERROR,
    _FAQ,
    of=Family.YAHOO,
    replies="550 or 554",
    remedy="Replace the null MX by the host that takes replies and bounces.",
)
def yahoo_null_mx_sender(facts: DomainFacts) -> Verdicts:
    """The domain of From or of the return path has a null MX.

    It says that it takes no mail, and Yahoo refuses mail from such domains.
    """
    for role, mx in _mail_exchangers(facts):
        if mx.is_null:
            said = f"{role} {mx.name} has a null MX, and Yahoo refuses mail from such a domain"
            yield Hit(said, evidence_of(mx.answer))
        yield from unread(mx.answer)


@demand(
    "RCV020",
    Severity.ERROR,
    _PRACTICES,
    of=Family.YAHOO,
    remedy="Publish an RSA key of 2048 bits and sign with it.",
    state=states.long_enough_key,
)
def yahoo_dkim_key_too_short(facts: DomainFacts) -> Verdicts:
    """Yahoo takes DKIM keys from 1024 bits on, and every key is shorter.

    The signature then counts for nothing. 2048 bits are recommended.
    """
    yield Hit(
        f"Yahoo takes no RSA key below 1024 bits: {states.signers(facts)}",
        states.key_evidence(facts),
    )


@demand(
    "RCV021",
    Severity.NOTE,
    _PRACTICES,
    of=Family.YAHOO,
    bulk=True,
    remedy="Add rua=mailto: to the DMARC record.",
    scope=Scope.RECEIVING,
)
def yahoo_bulk_without_reports(facts: DomainFacts) -> Verdicts:
    """The DMARC record has no rua, which Yahoo recommends to bulk senders.

    Yahoo then has nowhere to send its reports on the domain's mail. Delivery does not
    depend on it.
    """
    for said in no_aggregate_reports.judge(facts):
        if isinstance(said, Hit):
            said = Hit(f"Yahoo recommends reports: {said.message}", said.evidence)
        yield said


@demand(
    "RCV022",
    Severity.NOTE,
    _FAQ,
    of=Family.YAHOO,
    remedy="Publish p=quarantine or p=reject before a logo is expected.",
    scope=Scope.BRAND,
)
def yahoo_logo_without_policy(facts: DomainFacts) -> Verdicts:
    """A logo is published, and DMARC asks for neither quarantine nor reject.

    Yahoo then does not show it. It also looks at volume and reputation, which DNS does not
    tell.
    """
    for said in dmarc_policy_none.judge(facts):
        if isinstance(said, CannotTell):
            yield CannotTell(said.unknown)
        else:
            yield Hit(f"Yahoo shows no logo: {said.message}", said.evidence)


def _mail_exchangers(facts: DomainFacts) -> Iterator[tuple[str, MxFacts]]:
    for role, name in mail_names(facts):
        if name.name in facts.mx:
            yield role, facts.mx[name.name]


DEMANDS: tuple[Demand, ...] = (
    yahoo_neither_spf_nor_dkim,
    yahoo_bulk_without_spf_and_dkim,
    yahoo_bulk_without_dmarc_pass,
    yahoo_domain_does_not_resolve,
    yahoo_reverse_dns_missing,
    yahoo_null_mx_sender,
    yahoo_dkim_key_too_short,
    yahoo_bulk_without_reports,
    yahoo_logo_without_policy,
)
