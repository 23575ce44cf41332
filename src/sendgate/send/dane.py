"""DANE for SMTP: the TLSA records that speak for a mail host (RFC 7672 sections 2.1 and 2.2).

Only what DNSSEC vouches for counts: the caller has an authentic answer for MX, and here the
addresses and the TLSA records must be authentic too. Where the addresses are not, nothing is
asked: name servers of unsigned zones are known to fail at TLSA (section 2.1.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sendgate.dane.record import Tlsa, read_tlsa
from sendgate.dns.answers import Answer, Failed, Question, Raw, Records
from sendgate.dns.source import DnsSource
from sendgate.errors import DomainError
from sendgate.names import Domain

__all__ = ["TlsaSet", "find_tlsa"]


@dataclass(frozen=True)
class TlsaSet:
    """Authentic TLSA records, usable or not; the names they stand for; their TTL in seconds."""

    records: tuple[Tlsa, ...]
    names: tuple[Domain, ...]
    ttl: int


async def find_tlsa(
    source: DnsSource, host: Domain, addresses: Sequence[Answer]
) -> TlsaSet | Failed | None:
    """The TLSA records of a mail host, given the answers for its addresses.

    None: DANE does not apply to it. `Failed`: nobody could tell, so no mail may go there.
    An alias in signed zones is looked up by its target's name first (section 2.2.3).
    """
    bases = await _bases(source, host, addresses)
    if isinstance(bases, Failed):
        return bases
    for base in bases:
        try:
            question = Question(base.child("_25._tcp"), "TLSA")
        except DomainError:
            continue
        answer = await source.ask(question)
        if isinstance(answer, Failed):
            return answer
        if isinstance(answer, Records) and answer.authentic:
            read = (read_tlsa(raw.text) for raw in answer.of(Raw))
            records = tuple(record for record in read if record is not None)
            return TlsaSet(records, tuple(dict.fromkeys((base, host))), answer.ttl)
    return None


async def _bases(
    source: DnsSource, host: Domain, addresses: Sequence[Answer]
) -> tuple[Domain, ...] | Failed:
    """The names that TLSA records of the host may stand at, below ``_25._tcp``."""
    seen = [answer for answer in addresses if isinstance(answer, Records)]
    if not seen:
        return ()
    if all(answer.authentic for answer in seen):
        return tuple(dict.fromkeys((seen[0].owner, host)))
    if not any(answer.aliases for answer in seen):
        return ()
    # Its target is unsigned, the alias itself may be signed (section 2.2.2).
    alias = await source.ask(Question(host, "CNAME"))
    if isinstance(alias, Failed):
        return alias
    return (host,) if isinstance(alias, Records) and alias.authentic else ()
