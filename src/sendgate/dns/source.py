"""The seam between judging and the world: one method, answers as values.

A source never raises for a DNS condition. `RunSource` is what a run hands to the
collectors: it asks each question once, lets concurrent askers share the wait, and counts.
The cache is the object's own, so two sources can never see each other's answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from sendgate.dns.answers import Answer, Failed, Question, Reason

__all__ = ["ALLOWANCE", "Desk", "DnsSource", "RunSource"]

ALLOWANCE = 24  # questions an audit may ask beside those of `Desk.listed`



class DnsSource(Protocol):
    """Anything that answers questions: live DNS, zone files, a recording, a test double."""

    async def ask(self, question: Question) -> Answer:
        """Answer one question; a DNS condition is an `Answer`, never an exception."""
        ...


class RunSource:
    """A source with a cache of its own, for one run.

    `questions` counts what was put to the source underneath, `failed` those of them that
    ended as `Failed` although the source was willing to ask, `seconds` the wall time
    during which at least one question was out.
    """

    def __init__(self, source: DnsSource) -> None:
        self._source = source
        self._answers: dict[Question, asyncio.Future[Answer]] = {}
        self._out = 0
        self._since = 0.0
        self.failed = 0
        self.seconds = 0.0

    @property
    def questions(self) -> int:
        """How many different questions were asked."""
        return len(self._answers)

    async def ask(self, question: Question) -> Answer:
        """Answer from the cache, from a question already under way, or from the source."""
        waiting = self._answers.get(question)
        if waiting is None:
            waiting = asyncio.ensure_future(self._put(question))
            self._answers[question] = waiting
        # A cancelled asker must not cancel the question that others share.
        return await asyncio.shield(waiting)

    async def _put(self, question: Question) -> Answer:
        if self._out == 0:
            self._since = time.monotonic()
        self._out += 1
        try:
            answer = await self._source.ask(question)
        finally:
            self._out -= 1
            if self._out == 0:
                self.seconds += time.monotonic() - self._since
        if isinstance(answer, Failed) and answer.reason is not Reason.NOT_ASKED:
            self.failed += 1
        return answer


class Desk:
    """Where the collectors of one audit ask, so that an audit stays small.

    Three ways to ask, each a `DnsSource`:

    - `core`: what the verdict rests on; always asked, and counted.
    - `listed`: what the records themselves list: hosts of MX records, SPF includes,
      selectors; always asked, not counted.
    - `spare`: what is nice to know; asked only while fewer than `limit` questions are
      counted, else `Failed(ALLOWANCE)`. Spare questions come after all core ones, in a
      fixed order, so that the same domain gets the same report.
    """

    def __init__(self, run: RunSource, limit: int = ALLOWANCE) -> None:
        self.run = run
        self._limit = limit
        self._charged: set[Question] = set()
        self._free: set[Question] = set()
        self.core: DnsSource = _Way(self._ask_core)
        self.listed: DnsSource = _Way(self._ask_listed)
        self.spare: DnsSource = _Way(self._ask_spare)

    async def _ask_core(self, question: Question) -> Answer:
        if question not in self._free:
            self._charged.add(question)
        return await self.run.ask(question)

    async def _ask_listed(self, question: Question) -> Answer:
        if question not in self._charged:
            self._free.add(question)
        return await self.run.ask(question)

    async def _ask_spare(self, question: Question) -> Answer:
        if question not in self._free and question not in self._charged:
            if len(self._charged) >= self._limit:
                return Failed(question, Reason.ALLOWANCE, "not asked, to keep the audit small")
            self._charged.add(question)
        return await self.run.ask(question)


class _Way:
    """One of a desk's ways to ask, as a `DnsSource`."""

    def __init__(self, ask: Callable[[Question], Awaitable[Answer]]) -> None:
        self._ask = ask

    async def ask(self, question: Question) -> Answer:
        return await self._ask(question)
