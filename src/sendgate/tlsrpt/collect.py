"""Ask for the TLS-RPT record of a domain that receives mail."""

from __future__ import annotations

from sendgate.dns.answers import Answer, Failed, Question, Records, Txt
from sendgate.dns.source import Desk
from sendgate.errors import DomainError
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.observed import Malformed, Present, Unknown, absent, evidence_of
from sendgate.tlsrpt import record as texts
from sendgate.tlsrpt.facts import TlsrptFacts

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
    if isinstance(answer, Failed):
        return TlsrptFacts(domain, answer, Unknown.of(answer))
    found = list(answer.holding(Txt)) if isinstance(answer, Records) else []
    ours = [record for record, txt in found if texts.parse_record(txt.text) is not None]
    meant = tuple(ours or (record for record, txt in found if texts.is_meant(txt.text)))
    if not meant:
        return TlsrptFacts(domain, answer, absent(answer))
    evidence = evidence_of(answer, *meant)
    if not ours:
        fault = "it does not begin with v=TLSRPTv1"
        return TlsrptFacts(domain, answer, Malformed(fault, evidence), meant)
    chosen = texts.choose(txt.text for _, txt in found)
    if isinstance(chosen, texts.TlsrptRecord):
        return TlsrptFacts(domain, answer, Present(chosen, evidence), meant)
    why = chosen.why if chosen is not None else "there is none"
    return TlsrptFacts(domain, answer, Malformed(why, evidence), meant)
