"""Sets of records laid over another source: what would be answered if they were published.

A zone says all of its names; a few records say only themselves. Each set stands in the place of
the one of the same name and type, and everything else is asked below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sendgate.dns.answers import (
    MAX_ALIASES,
    Alias,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Origin,
    Question,
    Reason,
    Record,
    Records,
    Target,
)
from sendgate.dns.source import DnsSource
from sendgate.names import Domain

__all__ = ["LaidSource", "RecordSets"]

RecordSets = Mapping[tuple[Domain, str], tuple[Record, ...]]
"""Records by name and type; none of them: the set is taken away."""


class LaidSource:
    """`below` with `sets` in the place of its own of the same names and types.

    A CNAME stands alone at its name. NS records are a delegation, unless more is laid at
    their name or below it: then they are those of a zone. `origin` is that of an absence.
    """

    def __init__(self, sets: RecordSets, below: DnsSource, origin: Origin) -> None:
        self._below = below
        self._origin = origin
        self._at: dict[Domain, dict[str, tuple[Record, ...]]] = {}
        for (name, rdtype), records in sets.items():
            self._at.setdefault(name, {})[rdtype] = records
        self._made = {n for n, sets in self._at.items() if any(sets.values())}
        self._above = {above for name in self._made for above in name.ancestors}
        self._cuts = {
            name
            for name, own in self._at.items()
            if own.get("NS")
            and name not in self._above
            and len([x for x in own.values() if x]) == 1
        }

    async def ask(self, question: Question) -> Answer:
        """Answer as DNS would."""
        name, aliases = question.name, tuple[Alias, ...]()
        while True:
            if len(aliases) > MAX_ALIASES or name in {alias.name for alias in aliases}:
                detail = f"the aliases of {question.name} never end"
                return Failed(question, Reason.ALIAS_LOOP, detail, aliases=aliases)
            own = self._at.get(name)
            alias = None if own is None else _alias(name, own)
            if question.rdtype != "CNAME" and alias is not None:
                aliases = (*aliases, alias)
                name = alias.target
                continue
            if any(above in self._cuts for above in (name, *name.ancestors)):
                detail = "at or below the proposed delegation"
                return Failed(question, Reason.NOT_ASKED, detail, aliases=aliases)
            if own is not None and (told := self._own(question, own, aliases)) is not None:
                return told
            answer = await self._below.ask(replace(question, name=name))
            if own is not None and answer.aliases and answer.aliases[0].name == name:
                # The alias that is published here gives way to the records that are proposed.
                return NoData(question, self._origin, aliases)
            if await self._is_shielded(name, answer):
                made = name in self._made or name in self._above
                kind = NoData if made else NxDomain
                return kind(question, answer.origin or self._origin, aliases)
            onward = next(
                (i for i, a in enumerate(answer.aliases, 1) if self._is_near(a.target)), 0
            )
            if onward:
                aliases = (*aliases, *answer.aliases[:onward])
                name = answer.aliases[onward - 1].target
                continue
            return self._joined(question, name, aliases, answer)

    def _own(
        self, question: Question, own: dict[str, tuple[Record, ...]], aliases: tuple[Alias, ...]
    ) -> Answer | None:
        """Answer from what is proposed at the name; None where it says nothing of the type."""
        rdtype = question.rdtype
        if own.get(rdtype):
            return Records(question, own[rdtype], own[rdtype][0].origin, aliases)
        if own.get("CNAME") or rdtype in own or rdtype == "CNAME":
            return NoData(question, self._origin, aliases)
        return None

    def _joined(
        self, question: Question, name: Domain, aliases: tuple[Alias, ...], answer: Answer
    ) -> Answer:
        if isinstance(answer, NxDomain) and not answer.aliases:
            if name in self._made or name in self._above:
                return NoData(question, answer.origin, aliases, zone=answer.zone)
            return replace(answer, question=question, aliases=aliases)
        return replace(answer, question=question, aliases=(*aliases, *answer.aliases))

    def _is_near(self, name: Domain) -> bool:
        """Whether what is proposed may change the answer at a name: it has names around it."""
        over = (name, *name.ancestors)
        return any(len(n.labels) > 1 and (n in self._at or n in self._above) for n in over)

    async def _is_shielded(self, name: Domain, answer: Answer) -> bool:
        """Whether a wildcard made the answer that a proposed name keeps from answering there.

        The closest name that exists decides which wildcard answers (RFC 4592 section 3.3.1).
        """
        over = [n for n in (name, *name.ancestors) if n in self._made or n in self._above]
        if not over:
            return False
        if answer.aliases and answer.aliases[0].name == name:
            answer = await self._below.ask(Question(name, "CNAME"))
        wildcard = answer.wildcard if isinstance(answer, Records | NoData) else None
        if wildcard is None:
            return False
        above = wildcard.parent
        return any(encloser != above and encloser.is_under(above) for encloser in over)


def _alias(name: Domain, own: dict[str, tuple[Record, ...]]) -> Alias | None:
    """Read the alias that is laid at a name, if one is; the first one counts."""
    targets = [(r, r.data.name) for r in own.get("CNAME", ()) if isinstance(r.data, Target)]
    if not targets:
        return None
    (first, target), *others = targets
    beside = tuple(kind for kind, records in own.items() if records and kind != "CNAME")
    return Alias(name, target, first.ttl, first.origin, beside, tuple(t for _, t in others))
