"""What makes an SPF record no record or a broken one: SPF002, 003, 015 to 018."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.observed import Present, Unknown, evidence_of
from sendgate.spf import record as spf1
from sendgate.spf.facts import SpfFacts
from sendgate.spf.judging import (
    distance,
    glued_terms_of,
    on_record,
    own_evidence,
    split_version,
)
from sendgate.spf.record import Problem, ProblemKind
from sendgate.vocabulary import Hit, Rfc, Severity, Verdicts, cannot_tell, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

_MECHANISMS = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")
_MODIFIERS = ("redirect", "exp")
_REPORTING = {"ra", "rp", "rr"}  # modifiers that RFC 6652 defines


@rule(
    "SPF002",
    Severity.ERROR,
    Rfc(7208, "4.5"),
    remedy="Merge the records into one TXT record and delete the others.",
)
@on_record
def several_spf_records(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """More than one SPF record stands at the domain.

    A receiver cannot choose between them and returns permerror, so no mail passes SPF,
    whatever the records say.
    """
    if len(spf.candidates) > 1:
        yield Hit(
            f"{spf.domain} has {len(spf.candidates)} SPF records, and only one is allowed",
            own_evidence(spf),
        )


@rule(
    "SPF003",
    Severity.ERROR,
    Rfc(7208, "4.6"),
    remedy="Correct or remove the named terms.",
)
@on_record
def spf_syntax_error(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record has a syntax error.

    One bad term anywhere, even behind a term that matches, makes the whole record a
    permerror at receivers, so that no mail passes SPF.
    """
    found = [p for p in _problems(spf, ProblemKind.SYNTAX) if p.term not in glued_terms_of(spf)]
    if found:
        said = "; ".join(f"{p}{_meant(p)}" for p in found)
        yield Hit(f"the SPF record of {spf.domain} cannot be read: {said}", own_evidence(spf))


@rule(
    "SPF015",
    Severity.ERROR,
    Rfc(7208, "6"),
    remedy="Keep one redirect and one exp at most.",
)
@on_record
def repeated_modifier(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """A redirect or exp modifier stands in the SPF record more than once.

    Each may appear once; a second one makes the whole record a permerror at receivers, so
    that no mail passes SPF.
    """
    found = _problems(spf, ProblemKind.REPEATED)
    if found:
        why = " and ".join(dict.fromkeys(problem.why for problem in found))
        yield Hit(f"in the SPF record of {spf.domain}, {why}", own_evidence(spf))


@rule(
    "SPF016",
    Severity.ERROR,
    Rfc(7208, "3.1"),
    remedy="Type the terms again in plain ASCII; look for pasted dashes, quotes and spaces.",
)
@on_record
def non_ascii_record(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record holds an octet that is not ASCII.

    Such an octet, mostly a dash, a quote or a space pasted from a word processor, is a
    syntax error: receivers return permerror, so that no mail passes SPF.
    """
    found = _problems(spf, ProblemKind.NON_ASCII)
    if found:
        said = "; ".join(map(str, found))
        yield Hit(f"the SPF record of {spf.domain} is not plain ASCII: {said}", own_evidence(spf))


@rule(
    "SPF017",
    Severity.WARNING,
    Rfc(7208, "6"),
    remedy="Correct the term if another was meant: mechanisms take a colon, as in include:NAME.",
)
@on_record
def unknown_modifier(_facts: DomainFacts, spf: SpfFacts) -> Verdicts:
    """The SPF record has a modifier that no receiver knows.

    It is legal and ignored. Where it looks like a known term, it was probably meant as one,
    and the hosts it should authorise are not authorised.
    """
    for term in spf.record.terms if spf.record else ():
        if not isinstance(term, spf1.UnknownModifier) or term.name.lower() in _REPORTING:
            continue
        near = _near(term.name)
        if near is None:
            message = f"receivers ignore {term.text}"
        else:
            form = f"{near}=" if near in _MODIFIERS else near if near == "all" else f"{near}:"
            message = f"receivers ignore {term.text}, which looks like {form}"
        severity = Severity.NOTE if near is None else None
        yield Hit(f"in the SPF record of {spf.domain}, {message}", own_evidence(spf), severity)


@rule(
    "SPF018",
    Severity.ERROR,
    Rfc(7208, "3.3"),
    remedy="Put a space at the end of the first string or at the start of the second.",
)
def glued_terms(facts: DomainFacts) -> Verdicts:
    """Two terms of the SPF record run together where one string ends and the next begins.

    Receivers join the strings of a TXT record without a space, so the two terms become one
    that means something else or is a syntax error.
    """
    if isinstance(facts.spf, Unknown):
        yield cannot_tell(facts.spf)
        return
    if isinstance(facts.spf, Present):
        spf = facts.spf.value
        evidence, pairs = own_evidence(spf), glued_terms_of(spf).values()
    else:
        # Glued to its neighbour, the version tag makes the text no SPF record at all.
        name = facts.names.get(facts.spf_domain)
        answer = None if name is None else name.txt
        pair = split_version(answer)
        if answer is None or pair is None:
            return
        evidence, pairs = evidence_of(answer), {"": pair}.values()
    for before, after in pairs:
        yield Hit(
            f"the strings of the SPF record of {facts.spf_domain} join {before} and {after}"
            f" to {before}{after}",
            evidence,
        )


def _problems(spf: SpfFacts, kind: ProblemKind) -> list[Problem]:
    return [p for p in spf.record.problems if p.kind is kind] if spf.record else []


def _meant(problem: Problem) -> str:
    """Name the mechanism that a misspelt one is near to."""
    name = problem.text
    if not problem.term.lstrip("+-?~").startswith(name) or not name.isalnum():
        return ""
    near = _near(name, _MECHANISMS)
    return f" ({near} is probably meant)" if near and near != name.lower() else ""


def _near(name: str, known: tuple[str, ...] = (*_MECHANISMS, *_MODIFIERS)) -> str | None:
    """Give the known term that a name is, or is a slip away from.

    A short word is near to everything, so it must be nearly or quite the same.
    """
    word = name.lower()
    for other in known:
        allowed = 0 if len(other) <= 2 else 1 if len(other) <= 3 else 2
        if distance(word, other) <= allowed:
            return other
    return None
