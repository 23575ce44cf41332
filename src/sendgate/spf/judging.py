"""What the SPF rules share: whose record it is, what is unknown, and how bad a worst case is."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sendgate.dns.answers import Answer, Records, Txt
from sendgate.names import Domain
from sendgate.observed import Evidence, Present, Unknown, evidence_of
from sendgate.spf.facts import SpfFacts, SpfNode, candidates
from sendgate.spf.record import VERSION, SpfRecord, is_spf, is_term
from sendgate.vocabulary import RuleFunction, Severity, Verdicts, cannot_tell

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = [
    "distance",
    "glued_terms_of",
    "glued_words",
    "is_include_only",
    "node_evidence",
    "null_mx",
    "on_record",
    "own_evidence",
    "own_nodes",
    "split_version",
    "worst_case",
]

MAX_DISTANCE = 2
_AUTOMATIC_CUT = 255  # octets; a string this long was cut by software, not by hand


def on_record(function: Callable[[DomainFacts, SpfFacts], Verdicts]) -> RuleFunction:
    """Make a rule of what judges a record that is there; unknown where it could not be read."""

    @functools.wraps(function)
    def judged(facts: DomainFacts) -> Verdicts:
        if isinstance(facts.spf, Unknown):
            yield cannot_tell(facts.spf)
        elif isinstance(facts.spf, Present):
            yield from function(facts, facts.spf.value)

    return judged


def own_evidence(spf: SpfFacts) -> tuple[Evidence, ...]:
    """Give the evidence of the domain's own record or records."""
    return evidence_of(spf.answer, *spf.candidates)


def node_evidence(node: SpfNode) -> tuple[Evidence, ...]:
    """Give the evidence of one record of the tree, or of its absence."""
    return () if node.answer is None else evidence_of(node.answer, *candidates(node.answer))


def own_nodes(facts: DomainFacts, spf: SpfFacts) -> Iterator[tuple[SpfNode, SpfRecord]]:
    """Give the nodes whose record the sender publishes, those of its own organization.

    Each comes with its record. A provider's record is the provider's business.
    """
    organizational = facts.dmarc.organizational or spf.domain
    seen: set[Domain] = set()
    for node in spf.nodes:
        if node.domain is None or node.record is None or node.domain in seen:
            continue
        seen.add(node.domain)
        if node.domain.is_under(spf.domain) or node.domain.is_under(organizational):
            yield node, node.record


def worst_case(facts: DomainFacts) -> Severity | None:
    """Give WARNING where every declared address passes all the same; None: the rule's own.

    A fault on the worst path then makes the record fragile, and the mail passes.
    """
    passes = [check.passes for check in facts.spf_checks]
    return Severity.WARNING if passes and all(passes) else None


def is_include_only(facts: DomainFacts, domain: Domain) -> bool:
    """Whether a name looks like one that other records include, and no mail comes from."""
    if facts.profile.envelope == domain:
        return False
    return any(label.startswith("_") for label in domain.labels) or domain.labels[0][:3] == "spf"


def null_mx(facts: DomainFacts) -> bool:
    """Whether the domain whose SPF is judged says by a null MX that it takes no mail."""
    mx = facts.mx.get(facts.spf_domain)
    return mx is not None and mx.is_null


def glued_words(strings: tuple[bytes, ...]) -> tuple[tuple[str, str], ...]:
    """Find the pairs of terms that a boundary between two strings runs together.

    Strings are joined without a space (RFC 7208 section 3.3). Both sides must be whole
    terms: a boundary inside a term is how long records are cut, and right.
    """
    texts = [string.decode("latin-1") for string in strings if string]
    found = []
    for left, right in itertools.pairwise(texts):
        before, after = left.rpartition(" ")[2], right.partition(" ")[0]
        whole = is_term(after) and (is_term(before) or before.lower() == VERSION)
        if whole and not (len(left) == _AUTOMATIC_CUT and is_term(before + after)):
            found.append((before, after))
    return tuple(found)


def glued_terms_of(spf: SpfFacts) -> dict[str, tuple[str, str]]:
    """Give the glued pairs of the one record, by the word that they make."""
    if len(spf.candidates) != 1:
        return {}
    data = spf.candidates[0].data
    strings = data.strings if isinstance(data, Txt) else ()
    return {before + after: (before, after) for before, after in glued_words(strings)}


def split_version(answer: Answer | None) -> tuple[str, str] | None:
    """Find a record that is none only because ``v=spf1`` is glued to what follows it."""
    if isinstance(answer, Records):
        for data in answer.of(Txt):
            if not is_spf(data.text):
                for before, after in glued_words(data.strings):
                    if before.lower() == VERSION and data.text.lower().startswith(VERSION):
                        return before, after
    return None


def distance(one: str, other: str) -> int:
    """Count the single-letter edits, neighbours swapped being one, between two words.

    Exact up to `MAX_DISTANCE`, which is as far as two words can look alike.
    """
    if abs(len(one) - len(other)) > MAX_DISTANCE:
        return MAX_DISTANCE + 1
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b)))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                row[-1] = min(row[-1], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]
