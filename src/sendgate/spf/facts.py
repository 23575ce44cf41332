"""What was seen of a domain's SPF: its record, the tree below it, and evaluations.

Counts of the tree are *lower bounds of the worst case*: the path of a client that matches
nothing, so that every reachable term is evaluated. A record that could not be read, or
whose name depends on the message, adds what is certain and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from sendgate.dns.answers import (
    Answer,
    Failed,
    Mx,
    NxDomain,
    Question,
    Record,
    Records,
    Txt,
)
from sendgate.names import Domain
from sendgate.observed import Absent, Malformed, Observed, Present, Unknown
from sendgate.profile import IpAddress
from sendgate.spf import record as spf

__all__ = [
    "MAX_LOOKUPS",
    "MAX_MX_HOSTS",
    "MAX_VOID_LOOKUPS",
    "AddressLookup",
    "CheckResult",
    "Family",
    "Result",
    "SpfCheck",
    "SpfFacts",
    "SpfNode",
    "Step",
    "candidates",
    "read_record",
]

MAX_LOOKUPS = 10  # RFC 7208 section 4.6.4: terms that cause DNS queries
MAX_VOID_LOOKUPS = 2  # RFC 7208 section 4.6.4: queries without data
MAX_MX_HOSTS = 10  # RFC 7208 section 4.6.4: hosts of one mx term
_TOO_VOID = f"more than {MAX_VOID_LOOKUPS} lookups find nothing"


class Family(StrEnum):
    """The client's address family, which decides what `a` and `mx` ask for (section 5)."""

    IPV4 = "A"
    IPV6 = "AAAA"


class Result(StrEnum):
    """The results of check_host (RFC 7208 section 2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True)
class Step:
    """One term evaluated: in whose record (`depth` 0 is the first), and what came of it."""

    depth: int
    domain: Domain
    term: str
    outcome: str


@dataclass(frozen=True)
class CheckResult:
    """What check_host returned (RFC 7208 section 4).

    `mechanism` is the directive that decided, as the record writes it; ``default`` where
    none matched (section 4.7); None where no directive decided. `problem` says why it is
    a permerror or none, `unknown` which question made it a temperror. `answer` is the TXT
    answer of the domain itself, None where it was not asked.
    """

    result: Result
    explanation: str | None = None
    mechanism: str | None = None
    lookups: int = 0
    void_lookups: int = 0
    path: tuple[Step, ...] = ()
    unknown: Unknown | None = None
    problem: str | None = None
    answer: Answer | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SpfCheck:
    """check_host for one declared address with the identity at `domain`."""

    ip: IpAddress
    domain: Domain
    result: CheckResult

    @property
    def passes(self) -> bool | None:
        """Whether mail from this address gets an SPF pass; None where DNS did not tell."""
        if self.result.result is Result.TEMPERROR:
            return None
        return self.result.result is Result.PASS


@dataclass(frozen=True)
class AddressLookup:
    """What DNS holds for one `a`, `mx` or `exists` term of the record at `domain`.

    `target` is None where the name depends on the message, or is none that DNS can carry;
    then nothing was asked. `mx` is the answer to the MX question of an `mx` term. `a` and
    `aaaa` hold one answer for the target, or one for each MX host; `aaaa` is empty until
    it was asked, and stays so for `exists`, which asks for A alone.
    """

    domain: Domain
    term: spf.A | spf.Mx | spf.Exists
    target: Domain | None
    mx: Answer | None = None
    a: tuple[Answer, ...] = ()
    aaaa: tuple[Answer, ...] = ()

    def answers(self, family: Family) -> tuple[Answer, ...]:
        """Give the address answers that a client of this family meets."""
        if family is Family.IPV4 or isinstance(self.term, spf.Exists):
            return self.a
        return self.aaaa

    def voids(self, family: Family) -> int:
        """How many void lookups (section 4.6.4) the term certainly costs such a client."""
        found = list(self.answers(family) if self.mx is None else (self.mx, *self.answers(family)))
        if family is Family.IPV6:
            # A name that does not exist has no AAAA either (RFC 8020), asked or not.
            told = {answer.question.name for answer in found if not isinstance(answer, Failed)}
            found += [x for x in self.a if isinstance(x, NxDomain) and x.question.name not in told]
        return sum(not isinstance(answer, (Records, Failed)) for answer in found)

    def failures(self, family: Family) -> tuple[Failed, ...]:
        """Give the questions of such a client that nobody could answer."""
        found = self.answers(family) if self.mx is None else (self.mx, *self.answers(family))
        return tuple(answer for answer in found if isinstance(answer, Failed))

    @property
    def hosts(self) -> tuple[Domain, ...]:
        """The MX hosts of an `mx` term, without a null MX."""
        if not isinstance(self.mx, Records):
            return ()
        return tuple(host.exchange for host in self.mx.of(Mx) if not host.is_null)

    def asked(self, family: Family) -> tuple[Question, ...]:
        """Give the address questions of the term, known once an `mx` term's hosts are."""
        if isinstance(self.term, spf.Mx):
            return tuple(Question(host, family.value) for host in self.hosts)
        return () if self.target is None else (Question(self.target, family.value),)


@dataclass(frozen=True)
class SpfNode:
    """One record of the tree: the first one (`via` None), an include's or a redirect's.

    `observed` is None where nothing was asked: the name depends on the message (`domain`
    None), or repeats one above it (`loop`, the path from that record back to it), or the
    tree was larger than is worth reading (`skipped`). It is Malformed where a receiver
    gives permerror for the record itself.
    """

    domain: Domain | None
    via: spf.Include | spf.Redirect | None = None
    answer: Answer | None = None
    observed: Observed[spf.SpfRecord] | None = None
    children: tuple[SpfNode, ...] = ()
    addresses: tuple[AddressLookup, ...] = ()
    loop: tuple[Domain, ...] = ()
    skipped: bool = False

    @cached_property
    def record(self) -> spf.SpfRecord | None:
        """The record, where there is exactly one without errors."""
        return self.observed.value if isinstance(self.observed, Present) else None

    @cached_property
    def lookup_terms(self) -> tuple[tuple[Domain, spf.Term], ...]:
        """The terms that cause DNS queries (section 4.6.4), with whose record each stands in.

        In order of evaluation, this record's and all below it, as far as they are known.
        """
        if self.record is None or self.domain is None:
            return ()
        found: list[tuple[Domain, spf.Term]] = []
        below = iter(self.children)  # one for each include, in their order, then the redirect's
        for term in self.record.reached:
            if isinstance(term, (spf.A, spf.Mx, spf.Ptr, spf.Exists, spf.Include)):
                found.append((self.domain, term))
            if isinstance(term, spf.Include):
                found += next(below).lookup_terms
        if self.record.active_redirect is not None:
            found += [(self.domain, self.record.active_redirect), *next(below).lookup_terms]
        return tuple(found)

    @property
    def lookups(self) -> int:
        """How many terms cause DNS queries, at least (section 4.6.4)."""
        return len(self.lookup_terms)

    @property
    def walk(self) -> Iterator[SpfNode]:
        """The node and all below it, in order of evaluation."""
        yield self
        for child in self.children:
            yield from child.walk

    @property
    def final(self) -> SpfNode:
        """The node whose record has the last word: the end of the redirects from here."""
        if self.record is None or self.record.active_redirect is None:
            return self
        return self.children[-1].final


@dataclass(frozen=True)
class SpfFacts:
    """What a domain publishes for SPF.

    `answer` is the TXT answer, `candidates` its SPF records (identical ones once), `tree`
    the record with all it includes and redirects to. With several candidates `tree` is
    Malformed and has nothing below it. `type99` is the answer for the retired SPF type,
    None where it was not asked.
    """

    domain: Domain
    answer: Answer
    candidates: tuple[Record, ...]
    tree: SpfNode
    type99: Answer | None = None

    @cached_property
    def record(self) -> spf.SpfRecord | None:
        """The record, with errors or without; None if there are several."""
        return read_record(self.candidates[0]) if len(self.candidates) == 1 else None

    @property
    def valid(self) -> spf.SpfRecord | None:
        """The record, where there is exactly one without errors."""
        return self.tree.record

    @property
    def lookups(self) -> int:
        """DNS lookup terms on the worst path, at least."""
        return self.tree.lookups

    @property
    def void_lookups(self) -> int:
        """Void lookups on the worst path of an IPv4 client, at least."""
        return self.voids(Family.IPV4)

    def voids(self, family: Family) -> int:
        """Void lookups on the worst path of a client of this family, at least."""
        return sum(lookup.voids(family) for lookup in self.addresses)

    @cached_property
    def nodes(self) -> tuple[SpfNode, ...]:
        """Every record of the tree, in order of evaluation, this domain's own first."""
        return tuple(self.tree.walk)

    @cached_property
    def addresses(self) -> tuple[AddressLookup, ...]:
        """What every reachable `a`, `mx` and `exists` term of the tree finds."""
        return tuple(lookup for node in self.nodes for lookup in node.addresses)

    @property
    def exact(self) -> bool:
        """Whether the counts are more than lower bounds: the whole tree was read."""
        return all(node.observed is not None or node.loop for node in self.nodes) and not (
            self.unread
        )

    @cached_property
    def unread(self) -> tuple[Unknown, ...]:
        """The includes and redirects whose records could not be read, each once."""
        found = (node.observed for node in self.nodes)
        return tuple(dict.fromkeys(seen for seen in found if isinstance(seen, Unknown)))

    @property
    def loops(self) -> tuple[tuple[Domain, ...], ...]:
        """Every loop, as its path: the first and the last name are the same."""
        return tuple(node.loop for node in self.nodes if node.loop)

    @property
    def is_deny_all(self) -> bool:
        """Whether the record says that no host sends for the domain (``v=spf1 -all``)."""
        return _denies_all(self.tree)

    @property
    def broken(self) -> str | None:
        """Why every evaluation ends in permerror, whoever sends; None where it need not."""
        return self.tree.observed.error if isinstance(self.tree.observed, Malformed) else None

    @property
    def permerror(self) -> str | None:
        """Why an evaluation that matches nothing earlier certainly ends in permerror, or None."""
        if self.broken is not None:
            return self.broken
        for node in self.nodes[1:]:
            if node.loop:
                return "the includes run in a loop: " + " -> ".join(map(str, node.loop))
            if isinstance(node.observed, Absent):
                return f"{node.via} leads to no SPF record"
            if isinstance(node.observed, Malformed):
                return f"{node.via} leads to a broken SPF record: {node.observed.error}"
        if self.lookups > MAX_LOOKUPS:
            return f"{self.lookups} DNS lookups are needed and {MAX_LOOKUPS} allowed"
        for lookup in self.addresses:
            if isinstance(lookup.mx, Records) and len(lookup.mx.records) > MAX_MX_HOSTS:
                return f"{lookup.term} has more than {MAX_MX_HOSTS} MX hosts"
        return _TOO_VOID if self._is_too_void else None

    @property
    def only_void(self) -> bool:
        """Whether nothing but too many void lookups makes for the `permerror`."""
        return self.permerror == _TOO_VOID

    @property
    def _is_too_void(self) -> bool:
        return min(self.voids(Family.IPV4), self.voids(Family.IPV6)) > MAX_VOID_LOOKUPS


def candidates(answer: Answer) -> tuple[Record, ...]:
    """Pick the SPF records of a TXT answer; identical ones once, as DNS holds them."""
    if not isinstance(answer, Records):
        return ()
    found: dict[tuple[bytes, ...], Record] = {}
    for entry, txt in answer.holding(Txt):
        if spf.is_spf(txt.text):
            found.setdefault(txt.strings, entry)
    return tuple(found.values())


def read_record(candidate: Record) -> spf.SpfRecord:
    """Read one of the `candidates`."""
    return spf.parse(candidate.data.octets if isinstance(candidate.data, Txt) else b"")


def _denies_all(node: SpfNode) -> bool:
    if node.record is None:
        return False
    below = iter(node.children)  # one for each include, in their order, then the redirect's
    for term in node.record.reached:
        child = next(below) if isinstance(term, spf.Include) else None
        if isinstance(term, spf.All):
            return term.qualifier is spf.Qualifier.FAIL
        if term.qualifier is spf.Qualifier.PASS and (child is None or not _denies_all(child)):
            return False
    return node.record.active_redirect is not None and _denies_all(node.children[-1])
