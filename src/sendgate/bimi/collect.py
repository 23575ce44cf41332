"""Ask for the BIMI assertion record, in the order of section 7.2 of the draft.

The Author Domain's record is asked for together with everything else; the organizational
domain's only where the first place holds none, and where there is room: a logo is no mail.
"""

from __future__ import annotations

from dataclasses import replace

from sendgate.bimi.facts import BimiFacts, BimiPlace
from sendgate.bimi.record import BimiRecord, parse
from sendgate.dns.answers import Answer, Failed, Question, Reason, Record, Records, Txt
from sendgate.dns.source import Desk, DnsSource
from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.observed import Malformed, Observed, Present, Unknown, absent, evidence_of

__all__ = ["collect_bimi", "enrich_bimi", "read_place"]


async def collect_bimi(domain: Domain, selector: str, desk: Desk) -> BimiFacts:
    """Ask at the Author Domain."""
    return BimiFacts(selector, await _place(domain, selector, desk.core))


async def enrich_bimi(facts: BimiFacts, organizational: Domain | None, desk: Desk) -> BimiFacts:
    """Ask at the organizational domain too, where discovery goes on to it."""
    if organizational is None or organizational == facts.domain or facts.author.counts:
        return facts
    return replace(facts, fallback=await _place(organizational, facts.selector, desk.spare))


async def _place(domain: Domain, selector: str, source: DnsSource) -> BimiPlace:
    try:
        name = domain.child(f"{selector}._bimi")
    except DomainError as error:
        failed = Failed(Question(domain, "TXT"), Reason.NOT_ASKED, str(error))
        return BimiPlace(domain, failed, Unknown.of(failed))
    return read_place(domain, await source.ask(Question(name, "TXT")))


def read_place(domain: Domain, answer: Answer) -> BimiPlace:
    """Read what stands at one place; other protocols' texts there are left aside."""
    if isinstance(answer, Failed):
        return BimiPlace(domain, answer, Unknown.of(answer))
    meant = _meant(answer)
    # Section 7.2: records with another version are discarded before they are counted.
    valid = [(record, read) for record, read in meant if read.is_bimi]
    records = tuple(record for record, _ in (valid or meant))
    return BimiPlace(domain, answer, _observed(answer, valid or meant), records)


def _observed(answer: Answer, found: list[tuple[Record, BimiRecord]]) -> Observed[BimiRecord]:
    if not found:
        return absent(answer)
    evidence = evidence_of(answer, *(record for record, _ in found))
    if len(found) > 1:
        return Malformed(f"holds {len(found)} BIMI records", evidence)
    read = found[0][1]
    if not read.is_bimi:
        return Malformed("does not begin with v=BIMI1", evidence)
    return Present(read, evidence)


def _meant(answer: Answer) -> list[tuple[Record, BimiRecord]]:
    if not isinstance(answer, Records):
        return []
    read = [(r, parse(r.data.octets)) for r in answer.records if isinstance(r.data, Txt)]
    return [(record, bimi) for record, bimi in read if bimi is not None]
