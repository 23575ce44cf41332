"""The seam between judging and the world: one method, answers as values.

A source never raises for a DNS condition. `RunSource` gives a source the cache of one run;
the cache is the object's own, so two sources can never see each other's answers. `Desk` is
what one audit's collectors ask through: it counts, and keeps the audit small.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from sendgate.dns.answers import Answer, Failed, Question, Reason

__all__ = ["ALLOWANCE", "Desk", "DnsSource", "RunSource"]

_TURNS = 10  # of the event loop

ALLOWANCE = 24  # questions an audit may ask beside those of `Desk.listed`


class DnsSource(Protocol):
    """Anything that answers questions: live DNS, zone files, a recording, a test double."""

    async def ask(self, question: Question) -> Answer:
        """Answer one question; a DNS condition is an `Answer`, never an exception."""
        ...


class RunSource:
    """A source with a cache of its own, for one run: each question is asked once.

    Askers who come while a question is out share the wait.
    """

    def __init__(self, source: DnsSource) -> None:
        self._source = source
        self._answers: dict[Question, asyncio.Future[Answer]] = {}

    async def ask(self, question: Question) -> Answer:
        """Answer from the cache, from a question already under way, or from the source."""
        waiting = self._answers.get(question)
        if waiting is None:
            waiting = asyncio.ensure_future(self._source.ask(question))
            self._answers[question] = waiting
        # A cancelled asker must not cancel the question that others share.
        return await asyncio.shield(waiting)


class Desk:
    """Where the collectors of one audit ask, so that an audit stays small.

    Three ways to ask, each a `DnsSource`:

    - `core`: what every verdict rests on; always asked, and counted. The collectors see to
      it that these are never more than `limit`, whatever the domain publishes.
    - `listed`: what the records or the options themselves list: hosts of MX records, SPF
      includes, selectors, addresses; always asked, not counted.
    - `spare`: all else, in the order of its worth: asked while fewer than `limit` questions
      are counted, then `Failed(ALLOWANCE)`. Spare questions come after all core ones, in a
      fixed order, so that the same domain gets the same report. What was once refused
      stays refused, however it is asked for.

    `failed` counts the questions that ended as `Failed` although the source was willing to
    ask, `seconds` is the wall time during which at least one question was out.
    """

    def __init__(self, source: DnsSource, limit: int = ALLOWANCE) -> None:
        self._source = source
        self._limit = limit
        self._charged: set[Question] = set()
        self._free: set[Question] = set()
        self._refused: set[Question] = set()
        self._failed: set[Question] = set()
        self._pending: set[asyncio.Future[None]] = set()
        self._out = 0
        self._since = 0.0
        self.seconds = 0.0
        self.core: DnsSource = _Way(self._ask_core)
        self.listed: DnsSource = _Way(self._ask_listed)
        self.spare: DnsSource = _Way(self._ask_spare)

    @property
    def questions(self) -> int:
        """How many different questions this audit asked, of whichever kind."""
        return len(self._charged | self._free)

    @property
    def failed(self) -> int:
        """How many of them nobody could answer."""
        return len(self._failed)

    async def answered(self) -> None:
        """Wait until what is asked now has been answered, and those who asked have gone on.

        What is worth least is asked after this, and still in the round of what follows from
        the answers.
        """
        await _turns()
        if self._pending:
            await asyncio.wait(self._pending)
        await _turns()

    async def _ask_core(self, question: Question) -> Answer:
        if question not in self._free:
            self._charged.add(question)
        return await self._put(question)

    async def _ask_listed(self, question: Question) -> Answer:
        if question in self._refused:
            return _refusal(question)
        if question not in self._charged:
            self._free.add(question)
        return await self._put(question)

    async def _ask_spare(self, question: Question) -> Answer:
        if question not in self._free and question not in self._charged:
            if len(self._charged) >= self._limit:
                self._refused.add(question)
                return _refusal(question)
            self._charged.add(question)
        return await self._put(question)

    async def _put(self, question: Question) -> Answer:
        if self._out == 0:
            self._since = time.monotonic()
        self._out += 1
        pending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.add(pending)
        try:
            answer = await self._source.ask(question)
        finally:
            self._pending.discard(pending)
            pending.set_result(None)
            self._out -= 1
            if self._out == 0:
                self.seconds += time.monotonic() - self._since
        if isinstance(answer, Failed) and answer.reason is not Reason.NOT_ASKED:
            self._failed.add(question)
        return answer


async def _turns() -> None:
    """Let every task put the questions that it begins or goes on with."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _refusal(question: Question) -> Failed:
    return Failed(question, Reason.ALLOWANCE, "not asked, to keep the audit small")


class _Way:
    """One of a desk's ways to ask, as a `DnsSource`."""

    def __init__(self, ask: Callable[[Question], Awaitable[Answer]]) -> None:
        self._ask = ask

    async def ask(self, question: Question) -> Answer:
        return await self._ask(question)
