"""Ask for a domain's SPF record and for all that it leads to; judge nothing.

The tree is read level by level, each level's questions together, so that it costs its
depth in rounds. A tree is read no deeper and no wider than any evaluation can get. The
addresses of its `a`, `mx` and `exists` terms are asked for when it is whole, in the order
in which an evaluation meets them, as far as there is room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sendgate.dns.answers import Answer, Failed, Question
from sendgate.dns.source import Desk, DnsSource
from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.observed import Absent, Malformed, Observed, Present, Unknown, absent, evidence_of
from sendgate.spf import record as spf
from sendgate.spf.facts import (
    MAX_LOOKUPS,
    MAX_MX_HOSTS,
    AddressLookup,
    Family,
    SpfFacts,
    SpfNode,
    candidates,
    read_record,
)
from sendgate.spf.macro import MacroString, to_domain

__all__ = ["collect_spf", "complete_spf", "enrich_spf"]

# An eleventh level is beyond the limit for every path that leads there (section 4.6.4).
MAX_DEPTH = MAX_LOOKUPS + 1
# Ten lookups a path, so a tree with so many records is far past the limit; how far is then
# no matter.
MAX_NODES = 64
# Terms that ask for addresses are looked up while one evaluation could still meet them all;
# beyond that the record needs too many lookups (SPF004), whatever they hold.
MAX_ADDRESS_TERMS = MAX_LOOKUPS


async def collect_spf(domain: Domain, desk: Desk) -> Observed[SpfFacts]:
    """Read what `domain` publishes for SPF, with its whole tree of records.

    Absent where no TXT record is an SPF record; Unknown where the TXT question failed;
    else Present, however broken the record is or many they are.
    """
    answer = await desk.core.ask(Question(domain, "TXT"))
    if isinstance(answer, Failed):
        return Unknown.of(answer)
    found = candidates(answer)
    if not found:
        return absent(answer)
    tree = await _read_tree(domain, answer, desk)
    return Present(SpfFacts(domain, answer, found, tree), evidence_of(answer, *found))


async def complete_spf(
    facts: SpfFacts, desk: Desk, families: Sequence[Family] = (Family.IPV4,)
) -> SpfFacts:
    """Ask for the addresses of the tree's terms, as far as one evaluation could meet them.

    `families` are those of the clients whose addresses `a` and `mx` terms are to match. More
    terms than the limit allows decide nothing by what they find.
    """
    wanted: list[list[_AddressTerm]] = []
    room = MAX_ADDRESS_TERMS
    for node in facts.nodes:
        wanted.append(_address_terms(node)[:room])
        room -= len(wanted[-1])
    found = await asyncio.gather(
        *(
            _look_up(node.domain, terms, desk, families)
            for node, terms in zip(facts.nodes, wanted, strict=True)
        )
    )
    return replace(facts, tree=_with_addresses(facts.tree, iter(found)))


def _with_addresses(node: SpfNode, found: Iterator[tuple[AddressLookup, ...]]) -> SpfNode:
    """Put what was found, in the order of `SpfNode.walk`, into the nodes."""
    return replace(
        node,
        addresses=next(found),
        children=tuple(_with_addresses(child, found) for child in node.children),
    )


async def enrich_spf(facts: SpfFacts, desk: Desk) -> SpfFacts:
    """Ask what is nice to know: the retired SPF type, and AAAA of `a` and `mx` terms."""
    questions = [Question(facts.domain, "SPF")]
    for lookup in facts.addresses:
        if not isinstance(lookup.term, spf.Exists):
            questions += lookup.asked(Family.IPV6)[:MAX_MX_HOSTS]
    distinct = list(dict.fromkeys(questions))
    answers = dict(zip(distinct, await _ask_all(desk.spare, distinct), strict=True))
    return replace(facts, type99=answers[questions[0]], tree=_with_ipv6(facts.tree, answers))


def _with_ipv6(node: SpfNode, answers: dict[Question, Answer]) -> SpfNode:
    def enriched(lookup: AddressLookup) -> AddressLookup:
        asked = lookup.asked(Family.IPV6)
        return replace(lookup, aaaa=tuple(answers[q] for q in asked if q in answers))

    return replace(
        node,
        addresses=tuple(enriched(lookup) for lookup in node.addresses),
        children=tuple(_with_ipv6(child, answers) for child in node.children),
    )


@dataclass
class _Growing:
    """A node while its tree is being read."""

    domain: Domain | None
    via: spf.Include | spf.Redirect | None
    above: tuple[Domain, ...]  # the records that lead here, this one not included
    answer: Answer | None = None
    observed: Observed[spf.SpfRecord] | None = None
    children: list[_Growing] = field(default_factory=list)
    skipped: bool = False

    @property
    def loop(self) -> tuple[Domain, ...]:
        if self.domain not in self.above:
            return ()
        return (*self.above[self.above.index(self.domain) :], self.domain)

    def take(self, answer: Answer) -> None:
        self.answer = answer
        self.observed = _observe(answer)

    def branch(self) -> None:
        """Make a child of each include and of the redirect of a record, without asking."""
        if self.domain is None or not isinstance(self.observed, Present):
            return
        record = self.observed.value
        targets: list[spf.Include | spf.Redirect] = [
            term for term in record.reached if isinstance(term, spf.Include)
        ]
        if record.active_redirect is not None:
            targets.append(record.active_redirect)
        above = (*self.above, self.domain)
        self.children = [
            _Growing(_static(term.target, self.domain), term, above) for term in targets
        ]

    def freeze(self) -> SpfNode:
        return SpfNode(
            self.domain,
            self.via,
            self.answer,
            self.observed,
            tuple(child.freeze() for child in self.children),
            loop=self.loop,
            skipped=self.skipped,
        )


async def _read_tree(domain: Domain, answer: Answer, desk: Desk) -> SpfNode:
    root = _Growing(domain, None, ())
    root.take(answer)
    level, seen = [root], 1
    for depth in range(1, MAX_DEPTH + 1):
        below: list[_Growing] = []
        for node in level:
            node.branch()
            below += [c for c in node.children if c.domain is not None and not c.loop]
        for index, node in enumerate(below):
            node.skipped = depth == MAX_DEPTH or seen + index >= MAX_NODES
        level = [node for node in below if not node.skipped]
        seen += len(level)
        questions = [Question(node.domain, "TXT") for node in level if node.domain]
        for node, found in zip(level, await _ask_all(desk.listed, questions), strict=True):
            node.take(found)
    return root.freeze()


_AddressTerm = spf.A | spf.Mx | spf.Exists


def _address_terms(node: SpfNode) -> list[_AddressTerm]:
    """Pick the terms that ask for addresses."""
    reached = () if node.record is None else node.record.reached
    return [term for term in reached if isinstance(term, (spf.A, spf.Mx, spf.Exists))]


async def _look_up(
    domain: Domain | None, terms: list[_AddressTerm], desk: Desk, families: Sequence[Family]
) -> tuple[AddressLookup, ...]:
    """Ask for the addresses of some of the record's own terms, all together."""
    if domain is None:
        return ()
    found = await asyncio.gather(*(_look_up_term(term, domain, desk, families) for term in terms))
    return tuple(found)


async def _look_up_term(
    term: _AddressTerm, domain: Domain, desk: Desk, families: Sequence[Family]
) -> AddressLookup:
    target = domain if term.target is None else _static(term.target, domain)
    lookup = AddressLookup(domain, term, target)
    if target is None:
        return lookup
    if isinstance(term, spf.Mx):
        lookup = replace(lookup, mx=await desk.spare.ask(Question(target, "MX")))
    # With more hosts the term is a permerror before any of them is looked up.
    if len(lookup.hosts) > MAX_MX_HOSTS:
        return lookup
    wanted = {family: lookup.asked(family) for family in (Family.IPV4, Family.IPV6)}
    if Family.IPV6 not in families or isinstance(term, spf.Exists):
        wanted[Family.IPV6] = ()
    # Only the hosts of a mail exchanger are something that records list.
    source = desk.listed if isinstance(term, spf.Mx) else desk.spare
    four, six = await asyncio.gather(*(_ask_all(source, asked) for asked in wanted.values()))
    return replace(lookup, a=tuple(four), aaaa=tuple(six))


async def _ask_all(source: DnsSource, questions: Sequence[Question]) -> list[Answer]:
    return list(await asyncio.gather(*(source.ask(question) for question in questions)))


def _observe(answer: Answer) -> Observed[spf.SpfRecord]:
    """Take the one record of a TXT answer, as an evaluation meets it (sections 4.4 to 4.6)."""
    if isinstance(answer, Failed):
        return Unknown.of(answer)
    found = candidates(answer)
    if not found:
        return Absent(absent(answer).nxdomain, evidence_of(answer))
    evidence = evidence_of(answer, *found)
    if len(found) > 1:
        return Malformed(f"{len(found)} SPF records stand at one name", evidence)
    record = read_record(found[0])
    if record.problems:
        return Malformed("; ".join(str(problem) for problem in record.problems), evidence)
    return Present(record, evidence)


def _static(target: MacroString, domain: Domain) -> Domain | None:
    """Give the name that every evaluation makes of a target; None where messages decide."""
    if not target.letters <= {"d"}:
        return None
    try:
        return to_domain(target.expand({"d": domain.text}))
    except DomainError:
        return None
