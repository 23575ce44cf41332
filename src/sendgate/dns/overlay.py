"""Zones laid over another source, and the source of those who ask nothing else.

Names inside the zones come from the zones alone; a chain of aliases may leave them and
come back, and each of its links is read where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sendgate.dns.answers import (
    MAX_ALIASES,
    Answer,
    Failed,
    NxDomain,
    Origin,
    Question,
    Reason,
)
from sendgate.dns.source import DnsSource
from sendgate.dns.zones import Elsewhere, ZoneSource
from sendgate.names import Domain

__all__ = ["NowhereSource", "OverlaySource"]


class OverlaySource:
    """`zones` first; what lies outside them from `below`."""

    def __init__(self, zones: ZoneSource, below: DnsSource) -> None:
        self._zones = zones
        self._below = below

    async def ask(self, question: Question) -> Answer:
        """Answer from the zones, and go on below where they end."""
        found = self._zones.look_up(question)
        while isinstance(found, Elsewhere):
            answer = await self._below.ask(replace(question, name=found.name))
            back = self._comes_back(answer, found)
            if back is None:
                return _joined(question, found, answer)
            if len(back.aliases) > MAX_ALIASES or back.name in {a.name for a in back.aliases}:
                detail = f"the aliases of {question.name} never end"
                return Failed(question, Reason.ALIAS_LOOP, detail, aliases=back.aliases)
            found = self._zones.go_on(question, back)
        return found

    def _comes_back(self, answer: Answer, found: Elsewhere) -> Elsewhere | None:
        """Where the aliases met below lead back into the zones, which then have the say."""
        for count, alias in enumerate(answer.aliases, 1):
            if self._zones.covers(alias.target):
                aliases = (*found.aliases, *answer.aliases[:count])
                return Elsewhere(alias.target, aliases, found.wildcard)
        return None


def _joined(question: Question, found: Elsewhere, answer: Answer) -> Answer:
    """Make an answer from below one to the question first asked, its aliases in front."""
    if not found.aliases:
        return answer
    aliases = (*found.aliases, *answer.aliases)
    if isinstance(answer, Failed):
        detail = f"{found.name}: {answer.detail}" if answer.detail else str(found.name)
        return replace(answer, question=question, aliases=aliases, detail=detail)
    if isinstance(answer, NxDomain):
        return replace(answer, question=question, aliases=aliases, authentic=False)
    wildcard = found.wildcard or answer.wildcard
    return replace(answer, question=question, aliases=aliases, authentic=False, wildcard=wildcard)


class NowhereSource:
    """What lies outside the given zones with ``--offline``: nothing is asked.

    One absence is assumed, so that a DMARC tree walk can end: a public suffix, or a name
    above one, has no DMARC record. `ends_above` says whether a name is one of these.
    """

    def __init__(self, ends_above: Callable[[Domain], bool]) -> None:
        self._ends_above = ends_above

    async def ask(self, question: Question) -> Answer:
        """`Failed(NOT_ASKED)`, or the assumed absence."""
        name = question.name
        if (
            question.rdtype == "TXT"
            and name.labels[:1] == ("_dmarc",)
            and self._ends_above(name.parent)
        ):
            origin = Origin("file", "(assumed, offline)")
            return NxDomain(question, origin, assumed=True)
        return Failed(question, Reason.NOT_ASKED, "outside the given zones (--offline)")
