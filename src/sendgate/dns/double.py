"""A DNS for tests: answers from a table, keeps a log of what was asked, counts rounds.

A *round* is a set of questions that were all out before any of them was answered: the
double answers only once nothing else can run, so the number of rounds is the number of
round trips that an ideal network would need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

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
)
from sendgate.names import Domain

__all__ = ["DnsDouble"]

_IDLE_TURNS = 25  # event-loop turns without a new question before a round is answered
_ORIGIN = Origin("resolver", "double")


class DnsDouble:
    """Answers from a table of (name, type) to data, a failure, or nothing.

    A name that has an entry, or lies above one, exists; every other name is NXDOMAIN.
    A `CNAME` entry is followed. A `Reason` in place of data makes that question fail.
    """

    def __init__(self, table: Mapping[tuple[str, str], list[Rdata] | Reason]) -> None:
        self._table = {(Domain.parse(n).text, t): data for (n, t), data in table.items()}
        self._exists = {name for name, _ in self._table}
        for name, _ in self._table:
            self._exists.update(a.text for a in Domain(name).ancestors)
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._idle = 0
        self.log: list[Question] = []
        self.rounds: list[list[Question]] = []

    async def ask(self, question: Question) -> Answer:
        """Log the question and answer it together with all others of its round."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self.log.append(question)
        self._idle = 0
        self._waiting.append((question, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._turn)
        return await future

    def _turn(self) -> None:
        self._idle += 1
        if self._idle < _IDLE_TURNS:
            asyncio.get_running_loop().call_soon(self._turn)
            return
        batch, self._waiting = self._waiting, []
        self.rounds.append([question for question, _ in batch])
        for question, future in batch:
            if not future.done():
                future.set_result(self._answer(question))

    def _answer(self, question: Question) -> Answer:
        name = question.name
        aliases: tuple[Alias, ...] = ()
        while question.rdtype != "CNAME":
            entry = self._table.get((name.text, "CNAME"))
            if entry is None:
                break
            if isinstance(entry, Reason) or len(aliases) == MAX_ALIASES:
                return Failed(question, Reason.ALIAS_LOOP, origin=_ORIGIN, aliases=aliases)
            target = Domain.parse(str(entry[0]))
            aliases = (*aliases, Alias(name, target, 300, _ORIGIN))
            name = target
        data = self._table.get((name.text, question.rdtype))
        if isinstance(data, Reason):
            return Failed(question, data, origin=_ORIGIN, aliases=aliases)
        if data:
            records = tuple(Record(rdata, 300, _ORIGIN) for rdata in data)
            return Records(question, records, _ORIGIN, aliases)
        zone = next((x for x in (name, *name.ancestors) if (x.text, "SOA") in self._table), None)
        if name.text in self._exists:
            return NoData(question, _ORIGIN, aliases, zone=zone)
        return NxDomain(question, _ORIGIN, aliases, zone=zone)
