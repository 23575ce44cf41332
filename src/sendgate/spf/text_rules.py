"""What an SPF record should not say, or says in vain: SPF007, 012 to 014, 019, 020, 022, 023."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import Failed, Records, Txt
from sendgate.names import Domain
from sendgate.networks import unrouted
from sendgate.observed import Unknown, evidence_of
from sendgate.spf import record as spf1
from sendgate.spf.facts import SpfFacts
from sendgate.spf.judging import (
    is_include_only,
    node_evidence,
    on_record,
    own_evidence,
    own_nodes,
)
from sendgate.spf.macro import MacroString
from sendgate.spf.record import Qualifier
from sendgate.vocabulary import Hit, Rfc, Severity, Verdicts, cannot_tell, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

MAX_ANSWER = 512  # octets: a DNS answer over UDP without EDNS (RFC 1035 section 4.2.1)
MAX_TEXT = 450  # octets: what RFC 7208 section 3.4 asks a record to stay within
_NAMED_RANGES = 5  # what one finding lists beside the first range
BROAD4, BROAD6 = 16, 32  # a prefix shorter than this is larger than any one sender's


@rule(
    "SPF007",
    Severity.WARNING,
    Rfc(7208, "5.5"),
    remedy="Replace ptr by ip4, ip6, a or mx terms that name the sending hosts.",
)
@on_record
def ptr_mechanism(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record uses the ptr mechanism, which should not be published.

    It rests on the reverse DNS of whoever connects, costs one of the ten lookups and more
    questions besides, and some receivers skip it, so what it authorises varies.
    """
    for node, record in own_nodes(facts, spf):
        terms = [term.text for term in record.reached if isinstance(term, spf1.Ptr)]
        if terms:
            yield Hit(f"the SPF record of {node.domain} uses {terms[0]}", node_evidence(node))


@rule(
    "SPF012",
    Severity.WARNING,
    Rfc(7208, "4.7"),
    remedy="End the record with ~all or -all, once all sending hosts are listed.",
)
@on_record
def no_default_result(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record has neither all nor redirect.

    A host that no term matches gets neutral, which is no more than having no record:
    forged mail is not told apart.
    """
    last = spf.tree.final
    if is_include_only(facts, spf.domain):
        return
    if isinstance(last.observed, Unknown):
        yield cannot_tell(last.observed)
    elif last.record is not None and last.record.all is None and not last.record.redirect:
        yield Hit(
            f"the SPF record of {last.domain} ends without all or redirect,"
            " so hosts it does not list get neutral",
            node_evidence(last),
        )


@rule(
    "SPF013",
    Severity.WARNING,
    Rfc(7208, "8.2"),
    remedy="Replace ?all by ~all or -all, once all sending hosts are listed.",
)
@on_record
def neutral_default(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record ends in ?all.

    Every host that it does not list gets neutral, which receivers must treat as if there
    were no record, so the record says nothing against forged mail.
    """
    last = spf.tree.final
    if is_include_only(facts, spf.domain):
        return
    if isinstance(last.observed, Unknown):
        yield cannot_tell(last.observed)
    elif last.record and last.record.all and last.record.all.qualifier is Qualifier.NEUTRAL:
        yield Hit(
            f"the SPF record of {last.domain} ends in {last.record.all.text},"
            " so hosts it does not list get neutral",
            node_evidence(last),
        )


@rule(
    "SPF014",
    Severity.WARNING,
    Rfc(7208, "5.1"),
    remedy="Move the terms before all, or remove them.",
)
@on_record
def terms_after_all(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """Terms of the SPF record stand behind all, or beside it, and have no effect.

    Evaluation ends at all, which matches every host: mechanisms behind it are never
    reached, and a redirect beside it is ignored.
    """
    for node, record in own_nodes(facts, spf):
        if record.all is None:
            continue
        late = record.mechanisms[len(record.reached) :]
        # A second all is legal and changes nothing.
        idle: list[spf1.Term] = [term for term in late if not isinstance(term, spf1.All)]
        if record.redirect is not None:
            idle.append(record.redirect)
        if idle:
            terms = ", ".join(term.text for term in idle)
            yield Hit(
                f"the SPF record of {node.domain} has {record.all.text},"
                f" so {terms} {'has' if len(idle) == 1 else 'have'} no effect",
                node_evidence(node),
            )


@rule(
    "SPF019",
    Severity.NOTE,
    Rfc(7208, "3.4"),
    remedy="Move other TXT records to names of their own, or drop terms that are not needed.",
)
@on_record
def large_txt_answer(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The TXT answer that holds the SPF record is larger than a plain UDP answer.

    Nearly every receiver asks in a way that gets it whole (EDNS, or TCP); a very old one,
    or one behind a strict firewall, may not see the record.
    """
    if not isinstance(spf.answer, Records):
        return
    strings = [data.strings for data in spf.answer.of(Txt)]
    # Header, question, and for each record: a pointer to the name, type, class, TTL, length.
    answer = 12 + _wire(spf.domain) + 4 + sum(12 + sum(len(s) + 1 for s in ss) for ss in strings)
    text = max((len(str(entry.data)) for entry in spf.candidates), default=0)
    if answer > MAX_ANSWER:
        message = f"the TXT answer for {spf.domain} takes about {answer} octets, over {MAX_ANSWER}"
        yield Hit(message, own_evidence(spf))
    elif text > MAX_TEXT:
        message = f"the SPF record of {spf.domain} has {text} octets, over {MAX_TEXT}"
        yield Hit(message, own_evidence(spf))


@rule(
    "SPF020",
    Severity.NOTE,
    Rfc(7208, "3.1"),
    remedy="Delete the records of type SPF (99); the TXT record alone counts.",
)
@on_record
def retired_spf_type(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """A record of the retired type SPF (99) stands beside the TXT record.

    Receivers no longer ask for it. It only misleads whoever edits it instead of the TXT
    record.
    """
    if isinstance(spf.type99, Failed):
        yield cannot_tell(Unknown.of(spf.type99))
    elif isinstance(spf.type99, Records):
        message = f"{spf.domain} has a record of type SPF (99), which receivers do not read"
        yield Hit(message, evidence_of(spf.type99))


@rule(
    "SPF022",
    Severity.WARNING,
    Rfc(9989, "7.1"),
    remedy="List only the addresses that send mail for the domain.",
)
@on_record
def broad_or_private_range(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record authorises a very large or a private address range.

    Everybody in a large range can send mail that passes SPF as this domain, and DMARC with
    it. From a private range no mail reaches a receiver on the Internet.
    """
    for node, record in own_nodes(facts, spf):
        passing = (term for term in record.reached if term.qualifier is Qualifier.PASS)
        found = [(term, why) for term in passing if (why := _range_fault(term)) is not None]
        if not found:
            continue
        # One finding a record: its evidence is the whole record, and there may be hundreds.
        first, why = found[0]
        message = f"{first.text} in the SPF record of {node.domain} {why}"
        others = [term.text for term, _ in found[1:]]
        if others:
            more = len(others) - _NAMED_RANGES
            rest = f" and {more} more" if more > 0 else ""
            message += f"; likewise {', '.join(others[:_NAMED_RANGES])}{rest}"
        yield Hit(message, node_evidence(node))


@rule(
    "SPF023",
    Severity.WARNING,
    Rfc(7208, "7.2"),
    remedy="Use another macro, such as %{i} for the client's address.",
)
@on_record
def p_macro(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record uses the macro %{p}, which should not be published.

    It stands for a validated reverse name of the client, which costs receivers many
    questions and often comes out as "unknown".
    """
    for node, record in own_nodes(facts, spf):
        for term in record.terms:
            target = getattr(term, "target", None) or getattr(term, "value", None)
            if isinstance(target, MacroString) and "p" in target.letters:
                message = f"{term.text} in the SPF record of {node.domain} uses the macro p"
                yield Hit(message, node_evidence(node))


def _wire(domain: Domain) -> int:
    return sum(len(label) + 1 for label in domain.wire_labels) + 1


def _range_fault(term: spf1.Mechanism) -> str | None:
    if isinstance(term, (spf1.Ip4, spf1.Ip6)):
        network = term.network
        if network.prefixlen < (BROAD4 if network.version == 4 else BROAD6):
            return f"covers {_count(network.num_addresses)} addresses"
        private = unrouted(network)
        return None if private is None else f"lies in {private}, which is private or reserved"
    if isinstance(term, (spf1.A, spf1.Mx)) and (term.prefix4 < BROAD4 or term.prefix6 < BROAD6):
        return "widens a host's address to a very large range"
    return None


def _count(addresses: int) -> str:
    return f"{addresses:,}" if addresses < 10**10 else f"over 10^{len(str(addresses)) - 1}"
