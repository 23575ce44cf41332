"""The gate over a campaign's life: at its start, every `recheck`, when a receiver rejects us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from sendgate.cli.job import Job, now

if TYPE_CHECKING:
    from sendgate.dns.source import DnsSource
    from sendgate.send.gate_audit import GateAudit, Sample
    from sendgate.send.outcome import Bounced, Deferred
    from sendgate.send.shaping import Site
    from sendgate.send.store import Store

__all__ = ["Gatekeeper", "Pausable"]

_AGAIN = timedelta(minutes=5)  # between two audits that could not be completed


class Pausable(Protocol):
    """What sends, as far as the gate is concerned."""

    async def pause(self, reason: str) -> None:
        """Pause the campaign until a person resumes it."""
        ...


@dataclass
class Gatekeeper:
    """Audits one campaign, keeps each audit with it, and knows when the last one passed."""

    job: Job
    source: DnsSource
    store: Store | None = None
    key: int = 0
    passed: datetime | None = None

    async def audit(self, odd: Sequence[Sample] = ()) -> GateAudit:
        """Audit the campaign now; `odd` are messages to be judged beside its first ones."""
        from sendgate.render.gate import gate_json
        from sendgate.render.json import dumps
        from sendgate.send.gate import Allow
        from sendgate.send.gate_audit import gate_audit

        time = now()
        job = self.job
        found = await gate_audit(
            job.campaign, self.source, keys=job.keys, samples=[*job.samples, *odd], now=time
        )
        if self.store is not None:
            report = dumps(gate_json(found), line=True)
            word = found.decision.word
            await self.store.keep_audit(self.key, time, word, report, found.recording)
        if isinstance(found.decision, Allow):
            self.passed = time
        return found

    async def is_passed(self, _site: Site, _outcome: Bounced | Deferred) -> bool:
        """Audit at once, because a receiver rejects our authentication."""
        from sendgate.send.gate import Allow

        return isinstance((await self.audit()).decision, Allow)

    async def keep_watch(self, engine: Pausable) -> None:
        """Audit every `recheck`, and pause the campaign when it no longer passes."""
        from sendgate.render.gate import reason
        from sendgate.send.gate import Hold, Refuse

        recheck = self.job.campaign.recheck
        wait = recheck
        while True:
            await asyncio.sleep(wait.total_seconds())
            found = await self.audit()
            wait = recheck
            if isinstance(found.decision, Refuse):
                await engine.pause(reason(found))
                return
            if isinstance(found.decision, Hold):
                # A clock that was set back must not make an old pass a new one.
                age = None if self.passed is None else now() - self.passed
                if age is None or not timedelta(0) <= age <= 2 * recheck:
                    await engine.pause(reason(found))
                    return
                wait = min(_AGAIN, recheck)
