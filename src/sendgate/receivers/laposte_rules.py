"""What La Poste (laposte.net) asks of all senders, whatever their volume: RCV035 to RCV039."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.report_rules import no_aggregate_reports
from sendgate.observed import Present
from sendgate.receivers import states
from sendgate.receivers.demand import Demand, Family, demand
from sendgate.receivers.reverse import reverse_faults, shows_addresses
from sendgate.spf.facts import Result
from sendgate.vocabulary import CannotTell, Document, Hit, Scope, Severity, Verdicts, cannot_tell

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["DEMANDS"]

_POSTMASTER = Document(
    "Technical specifications for senders, La Poste", "https://postmaster.laposte.net"
)
_ANNOUNCEMENT = Document(
    "La Poste's new sender requirements, DMARCwise",
    "https://dmarcwise.io/blog/laposte-new-requirements-2025",
)


@demand(
    "RCV035",
    Severity.ERROR,
    _ANNOUNCEMENT,
    of=Family.LAPOSTE,
    remedy="Align the return path or a DKIM signature with the From domain.",
    state=states.aligned_pass,
)
def laposte_not_aligned(facts: DomainFacts) -> Verdicts:
    """La Poste asks every sender for SPF or DKIM that aligns with From, and neither does.

    A pass of another domain, such as a provider's, counts for nothing. Such mail goes into
    spam at best, or is refused.
    """
    sending = facts.profile.sending
    said = f"La Poste asks for an aligned pass, and neither SPF nor DKIM gives {sending} one"
    yield Hit(said, states.spf_evidence(facts))


@demand(
    "RCV036",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.LAPOSTE,
    remedy="Publish one valid SPF record at the return path that passes every sending address.",
    shows=lambda facts: facts.profile.envelope is None or bool(facts.spf_checks),
)
def laposte_spf_fails(facts: DomainFacts) -> Verdicts:
    """SPF fails for a sending address, or its record is not valid.

    La Poste refuses mail from addresses that SPF excludes, and strictly so where the record
    is invalid.
    """
    for check in facts.spf_checks:
        result = check.result.result
        if result in {Result.FAIL, Result.PERMERROR}:
            yield Hit(
                f"La Poste refuses what SPF excludes: {check.ip} gets {result} at {check.domain}",
                states.spf_evidence(facts),
            )
        elif check.result.unknown is not None:
            yield cannot_tell(check.result.unknown)


@demand(
    "RCV037",
    Severity.ERROR,
    _POSTMASTER,
    of=Family.LAPOSTE,
    remedy="Have the holder of the address set a PTR record whose name leads back to it.",
    shows=shows_addresses,
)
def laposte_reverse_dns_missing(facts: DomainFacts) -> Verdicts:
    """La Poste asks every sender for coherent reverse DNS, and an address has none.

    Mail from such an address is refused or filed as spam.
    """
    yield from reverse_faults(facts, "La Poste")


@demand(
    "RCV038",
    Severity.WARNING,
    _POSTMASTER,
    of=Family.LAPOSTE,
    remedy="Publish a DMARC record, p=none at least, with rua.",
    state=states.dmarc_record,
)
def laposte_without_dmarc(facts: DomainFacts) -> Verdicts:
    """La Poste asks for a DMARC record, and none counts for the domain.

    Without one, aligned SPF or DKIM still lets the mail in.
    """
    said = f"La Poste asks for a DMARC record, and none counts for {facts.profile.sending}"
    yield Hit(said, states.dmarc_evidence(facts))


@demand(
    "RCV039",
    Severity.WARNING,
    _POSTMASTER,
    of=Family.LAPOSTE,
    remedy="Add rua=mailto: to the DMARC record.",
    scope=Scope.RECEIVING,
)
def laposte_without_reports(facts: DomainFacts) -> Verdicts:
    """La Poste asks for rua in the DMARC record, and it has none.

    La Poste then has nowhere to send reports on the domain's mail. Delivery is not known to
    depend on it.
    """
    if not isinstance(facts.dmarc.policy, Present):
        return  # RCV038 speaks of a record that is missing or could not be read
    for said in no_aggregate_reports.judge(facts):
        if isinstance(said, CannotTell):
            yield CannotTell(said.unknown, Severity.WARNING)
        else:
            yield Hit(f"La Poste asks for reports: {said.message}", said.evidence)


DEMANDS: tuple[Demand, ...] = (
    laposte_not_aligned,
    laposte_spf_fails,
    laposte_reverse_dns_missing,
    laposte_without_dmarc,
    laposte_without_reports,
)
