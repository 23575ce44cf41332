"""What Microsoft's consumer mail asks of senders in bulk, and of all: RCV023 to RCV027."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import Failed
from sendgate.observed import evidence_of
from sendgate.receivers import states
from sendgate.receivers.demand import Demand, Family, demand
from sendgate.receivers.reverse import reverse_faults, shows_addresses
from sendgate.vocabulary import Document, Hit, Severity, Verdicts, cannot_tell, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["DEMANDS"]

_ANNOUNCEMENT = Document(
    "Outlook's requirements for high-volume senders, Microsoft",
    "https://techcommunity.microsoft.com/blog/MicrosoftDefenderforOffice365Blog/"
    "strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-"
    "senders/4399730",
)
_POLICIES = Document(
    "Policies of Outlook.com, Microsoft",
    "https://substrate.office.com/ip-domain-management-snds/Postmaster/Policies",
)


@demand(
    "RCV023",
    Severity.ERROR,
    _ANNOUNCEMENT,
    of=Family.MICROSOFT,
    bulk=True,
    replies="550 5.7.515 or 5.7.23",
    remedy="Publish an SPF record at the return path that passes every sending address.",
    state=states.spf_pass,
)
def microsoft_bulk_without_spf(facts: DomainFacts) -> Verdicts:
    """Microsoft asks senders of more than 5,000 messages a day for SPF, and it does not pass.

    The pass is needed beside that of DKIM; it need not align. Without it the mail is
    rejected.
    """
    said = f"Microsoft asks bulk senders for an SPF pass: {states.spf_what(facts)}"
    yield Hit(said, states.spf_evidence(facts))


@demand(
    "RCV024",
    Severity.ERROR,
    _ANNOUNCEMENT,
    of=Family.MICROSOFT,
    bulk=True,
    replies="550 5.7.515",
    remedy="Publish a valid key at the selector and sign with it.",
    state=states.dkim_pass,
)
def microsoft_bulk_without_dkim(facts: DomainFacts) -> Verdicts:
    """Microsoft asks senders of more than 5,000 messages a day for DKIM; no key can be verified.

    The pass is needed beside that of SPF. Without it the mail is rejected.
    """
    said = f"Microsoft asks bulk senders for DKIM, and {states.signers(facts)} cannot be verified"
    yield Hit(said, states.key_evidence(facts))


@demand(
    "RCV025",
    Severity.ERROR,
    _ANNOUNCEMENT,
    of=Family.MICROSOFT,
    bulk=True,
    replies="550 5.7.515 or 5.7.509",
    remedy="Publish a DMARC record, p=none at least, and let SPF or DKIM align with From.",
    state=states.dmarc_pass,
)
def microsoft_bulk_without_dmarc_pass(facts: DomainFacts) -> Verdicts:
    """Microsoft asks bulk senders for a DMARC record and alignment, and one of them is missing.

    A policy of none is enough, and one aligned pass; both are preferred.
    """
    record = states.dmarc_record(facts)
    what = "no DMARC record counts" if record is False else "nothing aligned passes"
    said = f"Microsoft asks bulk senders for a DMARC pass: {what} for {facts.profile.sending}"
    yield Hit(said, states.dmarc_evidence(facts))


@demand(
    "RCV026",
    Severity.ERROR,
    _ANNOUNCEMENT,
    of=Family.MICROSOFT,
    bulk=True,
    remedy="Let the MX of the From domain name a host that takes replies.",
)
def microsoft_bulk_without_replies(facts: DomainFacts) -> Verdicts:
    """Microsoft asks that replies reach the From domain, and it cannot receive mail.

    A null MX says so outright. A domain that merely has no host for its mail is a warning.
    Another domain in Reply-To has to take replies too; only a message shows it.
    """
    mx = facts.mx[facts.profile.sending]
    if mx.is_null:
        said = f"Microsoft asks that replies reach {mx.name}, and its null MX refuses them"
        yield Hit(said, evidence_of(mx.answer))
    elif mx.can_receive is False:
        said = f"Microsoft asks that replies reach {mx.name}, and nothing there takes mail"
        yield Hit(said, evidence_of(mx.answer), Severity.WARNING)
    elif isinstance(mx.answer, Failed):
        yield cannot_tell(mx.answer)
    elif mx.can_receive is None:
        hosts = (host.failed for host in mx.hosts if host.resolves is None)
        yield from unread(next(hosts, facts.sending.failed), Severity.WARNING)


@demand(
    "RCV027",
    Severity.ERROR,
    _POLICIES,
    of=Family.MICROSOFT,
    replies="5.7.25",
    remedy="Have the holder of the address set a PTR record whose name leads back to it.",
    shows=shows_addresses,
)
def microsoft_reverse_dns_missing(facts: DomainFacts) -> Verdicts:
    """Microsoft asks every sender for valid reverse DNS, and an address has none.

    Connections from such addresses are refused.
    """
    yield from reverse_faults(facts, "Microsoft")


DEMANDS: tuple[Demand, ...] = (
    microsoft_bulk_without_spf,
    microsoft_bulk_without_dkim,
    microsoft_bulk_without_dmarc_pass,
    microsoft_bulk_without_replies,
    microsoft_reverse_dns_missing,
)
