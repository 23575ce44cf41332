"""Edits laid over DNS: what would be answered if they were published."""

from __future__ import annotations

from collections.abc import Iterable
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
    Rdata,
    Reason,
    Record,
    Records,
    Target,
)
from sendgate.dns.source import DnsSource
from sendgate.names import Domain
from sendgate.records.plan import DEFAULT_TTL, Edit

__all__ = ["LaidSource"]

_ORIGIN = Origin("file", "(proposed)")


class LaidSource:
    """`below` with the records of `edits` in the place of those of the same name and type."""

    def __init__(self, edits: Iterable[Edit], below: DnsSource) -> None:
        self._below = below
        self._at: dict[Domain, dict[str, tuple[Rdata, ...]]] = {}
        for edit in edits:
            self._at.setdefault(edit.name, {})[edit.rdtype] = edit.data
        self._made = {n for n, sets in self._at.items() if any(sets.values())}
        self._above = {above for name in self._made for above in name.ancestors}

    async def ask(self, question: Question) -> Answer:
        """Answer as DNS would."""
        name, aliases = question.name, tuple[Alias, ...]()
        while True:
            if len(aliases) > MAX_ALIASES or name in {alias.name for alias in aliases}:
                detail = f"the aliases of {question.name} never end"
                return Failed(question, Reason.ALIAS_LOOP, detail, aliases=aliases)
            own = self._at.get(name)
            target = None if own is None else _target(own)
            if own is not None and question.rdtype != "CNAME" and target is not None:
                aliases = (*aliases, Alias(name, target, DEFAULT_TTL, _ORIGIN))
                name = target
                continue
            if any(self._at.get(above, {}).get("NS") for above in (name, *name.ancestors)):
                detail = "at or below the proposed delegation"
                return Failed(question, Reason.NOT_ASKED, detail, aliases=aliases)
            if own is not None and (told := self._own(question, own, aliases)) is not None:
                return told
            answer = await self._below.ask(replace(question, name=name))
            if own is not None and answer.aliases and answer.aliases[0].name == name:
                # The alias that is published here gives way to the records that are proposed.
                return NoData(question, _ORIGIN, aliases)
            if await self._is_shielded(name, answer):
                made = name in self._made or name in self._above
                kind = NoData if made else NxDomain
                return kind(question, answer.origin or _ORIGIN, aliases)
            onward = next(
                (i for i, a in enumerate(answer.aliases, 1) if self._is_near(a.target)), 0
            )
            if onward:
                aliases = (*aliases, *answer.aliases[:onward])
                name = answer.aliases[onward - 1].target
                continue
            return self._joined(question, name, aliases, answer)

    def _own(
        self, question: Question, own: dict[str, tuple[Rdata, ...]], aliases: tuple[Alias, ...]
    ) -> Answer | None:
        """Answer from what is proposed at the name; None where it says nothing of the type."""
        rdtype = question.rdtype
        if own.get(rdtype):
            records = tuple(Record(data, DEFAULT_TTL, _ORIGIN) for data in own[rdtype])
            return Records(question, records, _ORIGIN, aliases)
        if own.get("CNAME") or rdtype in own or rdtype == "CNAME":
            return NoData(question, _ORIGIN, aliases)
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


def _target(own: dict[str, tuple[Rdata, ...]]) -> Domain | None:
    return next((data.name for data in own.get("CNAME", ()) if isinstance(data, Target)), None)
