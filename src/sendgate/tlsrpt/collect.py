"""Ask for the TLS-RPT record of a domain that receives mail."""

from __future__ import annotations

from sendgate.dns.answers import Answer, Question
from sendgate.dns.source import Desk
from sendgate.errors import DomainError
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.tlsrpt.facts import TlsrptFacts
from sendgate.tlsrpt.record import VERSION, is_meant, parse_record
from sendgate.versioned import read_answer

__all__ = ["enrich_tlsrpt", "read_tlsrpt"]


async def enrich_tlsrpt(mx: MxFacts, desk: Desk) -> TlsrptFacts | None:
    """Ask one spare question; None where the domain takes no mail, so that nothing is asked."""
    if not mx.takes_mail:
        return None
    try:
        question = Question(mx.name.child("_smtp._tls"), "TXT")
    except DomainError:
        return None  # the name is too long to have the record
    return read_tlsrpt(mx.name, await desk.spare.ask(question))


def read_tlsrpt(domain: Domain, answer: Answer) -> TlsrptFacts:
    """Read what stands at the name; other protocols' texts there are left aside."""
    observed, meant = read_answer(answer, VERSION, parse_record, is_meant)
    return TlsrptFacts(domain, answer, observed, meant)
