"""What can be wrong with what an SPF record leads to: SPF004 to 006, 008 to 011, 021."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.dns.answers import Answer, Failed, NxDomain, Question, Reason, Records
from sendgate.names import Domain
from sendgate.observed import Absent, Evidence, Malformed, Unknown, evidence_of
from sendgate.spf import record as spf1
from sendgate.spf.facts import (
    MAX_LOOKUPS,
    MAX_MX_HOSTS,
    MAX_VOID_LOOKUPS,
    AddressLookup,
    Family,
    SpfFacts,
    SpfNode,
)
from sendgate.spf.judging import (
    glued_terms_of,
    node_evidence,
    on_record,
    own_evidence,
    own_nodes,
    worst_case,
)
from sendgate.spf.record import Qualifier
from sendgate.vocabulary import (
    Hit,
    Rfc,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts


@rule(
    "SPF004",
    Severity.ERROR,
    Rfc(7208, "4.6.4"),
    remedy="Remove includes of services that are no longer used, and write terms such as a and mx "
    "as ip4 and ip6, which cost nothing.",
)
@on_record
def too_many_lookups(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """Evaluating the SPF record takes more than ten DNS lookups.

    A receiver stops at the eleventh and returns permerror, so mail from a host that no
    earlier term matches fails SPF, however the record goes on.
    """
    severity = worst_case(facts)
    if spf.lookups > MAX_LOOKUPS:
        domain, term = spf.tree.lookup_terms[MAX_LOOKUPS]
        least = "" if spf.exact else "at least "
        yield Hit(
            f"needs {least}{spf.lookups} DNS lookups; receivers stop at {MAX_LOOKUPS},"
            f" before {term.text} in the record of {domain}{_affected(facts)}",
            own_evidence(spf),
            severity,
        )
        return
    for unknown in spf.unread:
        yield cannot_tell(unknown, severity)


@rule(
    "SPF005",
    Severity.ERROR,
    Rfc(7208, "4.6.4"),
    remedy="Remove or correct the terms whose names have no address.",
)
@on_record
def too_many_void_lookups(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """More than two lookups of the SPF record find nothing.

    Most receivers stop at the third and return permerror, so mail from a host that no
    earlier term matches fails SPF. Where only IPv6 clients meet so many, this is a note.
    """
    severity = worst_case(facts)
    if spf.voids(Family.IPV4) > MAX_VOID_LOOKUPS:
        yield _voids(spf, Family.IPV4, severity)
        return
    for unknown in spf.unread:
        yield cannot_tell(unknown, severity)
    open_questions = [
        (failed, MAX_MX_HOSTS if failed.question.rdtype == "MX" else 1)
        for lookup in spf.addresses
        for failed in lookup.failures(Family.IPV4)
    ]
    if spf.voids(Family.IPV4) + sum(most for _, most in open_questions) > MAX_VOID_LOOKUPS:
        for failed, _ in open_questions:
            yield cannot_tell(failed, severity)
    elif spf.voids(Family.IPV6) > MAX_VOID_LOOKUPS:
        yield _voids(spf, Family.IPV6, Severity.NOTE)


@rule(
    "SPF006",
    Severity.ERROR,
    Rfc(7208, "4.6.4"),
    remedy="Replace the mx term by ip4 and ip6 terms for the hosts that send.",
)
@on_record
def too_many_mx_hosts(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """An mx term of the SPF record stands for more than ten mail exchangers.

    A receiver looks up ten of them at most and then returns permerror, so mail that comes
    to this term fails SPF.
    """
    severity = worst_case(facts)
    for lookup in spf.addresses:
        if isinstance(lookup.mx, Failed):
            yield cannot_tell(lookup.mx, severity)
        elif isinstance(lookup.mx, Records) and len(lookup.mx.records) > MAX_MX_HOSTS:
            yield Hit(
                f"{lookup.term.text} in the record of {lookup.domain} stands for"
                f" {len(lookup.mx.records)} mail exchangers; receivers allow {MAX_MX_HOSTS}",
                evidence_of(lookup.mx),
                severity,
            )


@rule(
    "SPF008",
    Severity.ERROR,
    Rfc(7208, "5.2"),
    remedy="Remove the include, or correct it to a name that has a working SPF record.",
)
@on_record
def include_without_record(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """An include leads to a name without an SPF record that could be evaluated.

    A receiver that comes to it returns permerror, so mail from a host that no earlier term
    matches fails SPF.
    """
    yield from _dead_ends(facts, spf, spf1.Include)


@rule(
    "SPF009",
    Severity.ERROR,
    Rfc(7208, "6.1"),
    remedy="Correct the redirect to a name that has a working SPF record, or end with all.",
)
@on_record
def redirect_without_record(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """A redirect leads to a name without an SPF record that could be evaluated.

    A receiver that comes to it returns permerror, so mail from a host that no earlier term
    matches fails SPF.
    """
    yield from _dead_ends(facts, spf, spf1.Redirect)


@rule(
    "SPF010",
    Severity.ERROR,
    Rfc(7208, "4.6.4"),
    remedy="Remove the include or redirect that leads back, or that repeats another.",
)
@on_record
def circular_or_repeated_include(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record leads to the same record twice.

    In a loop, evaluation runs into the limit of ten lookups and ends in permerror. On two
    separate branches it is legal, and pays for the same lookups twice: a note.
    """
    for loop in dict.fromkeys(spf.loops):
        path = " -> ".join(map(str, loop))
        yield Hit(f"the includes run in a loop: {path}", own_evidence(spf), worst_case(facts))
    looped = {name for loop in spf.loops for name in loop}
    met: dict[Domain, list[SpfNode]] = {}
    for node in spf.nodes:
        if node.domain is not None and node.observed is not None and node.domain not in looped:
            met.setdefault(node.domain, []).append(node)
    # Below a repeated record everything repeats; only the topmost is worth a word.
    below = {id(child) for nodes in met.values() for n in nodes[1:] for child in _below(n)}
    for domain, nodes in met.items():
        times = sum(id(node) not in below for node in nodes)
        if times > 1:
            cost = 1 + nodes[0].lookups
            yield Hit(
                f"the record of {domain} is reached {times} times, which costs"
                f" {cost} DNS {'lookup' if cost == 1 else 'lookups'} each time",
                own_evidence(spf),
                Severity.NOTE,
            )


@rule(
    "SPF011",
    Severity.ERROR,
    Rfc(7208, "5.1"),
    remedy="End the record with -all or ~all, and drop includes that let everybody pass.",
)
@on_record
def authorises_everyone(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record lets every host on the Internet pass.

    Anybody can send mail as this domain that passes SPF, and DMARC with it; receivers
    treat such a domain with suspicion.
    """
    path = _open_path(spf.tree)
    if path is not None:
        said = ", then ".join(term.text for term in path)
        yield Hit(f"the SPF record of {spf.domain} passes every host: {said}", own_evidence(spf))
        return
    for unknown in dict.fromkeys(_maybe_open(spf.tree)):
        yield cannot_tell(unknown)


@rule(
    "SPF021",
    Severity.WARNING,
    Rfc(7208, "5.3, 5.4"),
    remedy="Remove the term, or give the name an address.",
)
@on_record
def void_mechanism(facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """An a or mx term of the SPF record finds no address and authorises nobody.

    It costs one of the ten lookups and one or more of the two that may find nothing, and
    a host that it was to authorise does not pass.
    """
    # A word glued of two terms is SPF018's, whatever it comes to.
    done = {(spf.domain, word) for word in glued_terms_of(spf)}
    for node, _ in own_nodes(facts, spf):
        for lookup in node.addresses:
            subject = (lookup.domain, lookup.term.text)
            if isinstance(lookup.term, spf1.Exists) or subject in done:
                continue
            done.add(subject)
            yield from _void_term(lookup)


def _affected(facts: DomainFacts) -> str:
    """Name the declared addresses that meet the fault."""
    ips = [str(check.ip) for check in facts.spf_checks if check.passes is False]
    if not ips:
        return ""
    return f", which {', '.join(ips)} {'meets' if len(ips) == 1 else 'meet'}"


def _voids(spf: SpfFacts, family: Family, severity: Severity | None) -> Hit:
    found = [lookup for lookup in spf.addresses if lookup.voids(family)]
    evidence: list[Evidence] = list(own_evidence(spf))
    for lookup in found:
        for answer in _all_answers(lookup, family):
            if not isinstance(answer, (Records, Failed)):
                evidence += evidence_of(answer)
    terms = ", ".join(dict.fromkeys(lookup.term.text for lookup in found))
    clients = "IPv4" if family is Family.IPV4 else "IPv6"
    return Hit(
        f"{spf.voids(family)} lookups find nothing for an {clients} client ({terms});"
        f" receivers stop after {MAX_VOID_LOOKUPS}",
        tuple(dict.fromkeys(evidence)),
        severity,
    )


def _all_answers(lookup: AddressLookup, family: Family) -> tuple[Answer, ...]:
    found = lookup.answers(family)
    return found if lookup.mx is None else (lookup.mx, *found)


def _dead_ends(
    facts: DomainFacts, spf: SpfFacts, kind: type[spf1.Include] | type[spf1.Redirect]
) -> Verdicts:
    """Judge the targets of all includes, or of all redirects, of the tree, each once."""
    severity = worst_case(facts)
    seen: set[Domain | None] = set()
    glued = glued_terms_of(spf)
    for node in spf.nodes[1:]:
        if not isinstance(node.via, kind) or node.domain in seen or node.via.text in glued:
            continue
        seen.add(node.domain)
        match node.observed:
            case Absent(nxdomain):
                state = "does not exist" if nxdomain else "has no SPF record"
                message = f"{node.via.text} leads nowhere: {node.domain} {state}"
                yield Hit(message, (*node_evidence(node), *own_evidence(spf)), severity)
            case Malformed(error):
                message = f"{node.via.text} leads to a record that receivers reject: {error}"
                yield Hit(message, (*node_evidence(node), *own_evidence(spf)), severity)
            case Unknown() as unknown:
                yield cannot_tell(unknown, severity)


def _below(node: SpfNode) -> Iterator[SpfNode]:
    for child in node.children:
        yield from child.walk


def _open_path(node: SpfNode) -> list[spf1.Term] | None:
    """Give the terms by which every host passes; None where not every host does."""
    if node.record is None:
        return None
    below = iter(node.children)  # one for each include, in their order, then the redirect's
    for term in node.record.reached:
        child = next(below) if isinstance(term, spf1.Include) else None
        if term.qualifier is not Qualifier.PASS:
            continue
        if isinstance(term, spf1.All):
            return [term]
        path = None if child is None else _open_path(child)
        if path is not None:
            return [term, *path]
    redirect = node.record.active_redirect
    path = None if redirect is None else _open_path(next(below))
    return None if path is None or redirect is None else [redirect, *path]


def _maybe_open(node: SpfNode) -> Iterator[Unknown]:
    """Give the unread records that could let every host pass."""
    if isinstance(node.observed, Unknown):
        yield node.observed
    for child in node.children:
        if not isinstance(child.via, spf1.Include) or child.via.qualifier is Qualifier.PASS:
            yield from _maybe_open(child)


def _void_term(lookup: AddressLookup) -> Verdicts:
    term, where = lookup.term.text, f"in the SPF record of {lookup.domain}"
    if isinstance(lookup.mx, Failed):
        yield cannot_tell(lookup.mx)
    elif lookup.mx is not None and not lookup.hosts:
        why = "a null MX stands there" if isinstance(lookup.mx, Records) else "there is no MX"
        yield Hit(f"{term} {where} authorises nobody: {why}", evidence_of(lookup.mx))
    elif not lookup.a or any(isinstance(answer, Records) for answer in lookup.a + lookup.aaaa):
        return  # nothing could be asked, or there is an address
    else:
        asked = {answer.question.name: answer for answer in lookup.aaaa}
        for answer in lookup.a:
            other = asked.get(answer.question.name)
            for one in (answer, other):
                if isinstance(one, Failed) and not isinstance(answer, NxDomain):
                    yield cannot_tell(one)
                    return
            if other is None and not isinstance(answer, NxDomain):
                yield cannot_tell(Unknown(Question(answer.question.name, "AAAA"), Reason.ALLOWANCE))
                return
        evidence = [e for answer in lookup.a + lookup.aaaa for e in evidence_of(answer)]
        yield Hit(f"{term} {where} authorises nobody: no address is found", tuple(evidence))
