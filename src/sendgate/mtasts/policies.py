"""The policies that are in force: found through DNS, fetched when their id is new, then kept.

    TXT _mta-sts ─► id ─► kept under that id? ─► no: fetch ─► keep for max_age
                                                 └ fails: what is kept stays in force

A policy once seen holds until its `max_age` is over, whatever DNS or the policy host say
meanwhile (RFC 8461 section 5.1): else whoever can suppress an answer could switch it off.
With a shelf it holds in later runs, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sendgate.dns.answers import Question, Records, Txt
from sendgate.dns.source import DnsSource
from sendgate.errors import DomainError
from sendgate.mtasts.fetch import Unavailable
from sendgate.mtasts.record import Mode, Policy, StsRecord, parse_record
from sendgate.names import Domain
from sendgate.versioned import choose

__all__ = ["Fetcher", "Kept", "Policies", "Shelf"]

_REFRESH = timedelta(days=1)  # RFC 8461 section 3.3: renewed before it runs out
_AGAIN = timedelta(minutes=5)  # between fetches that fail (section 3.3)


class Fetcher(Protocol):
    """What gets a policy file; `HttpsFetcher`, or a double in tests."""

    async def fetch(self, domain: Domain) -> Policy | Unavailable:
        """The policy that `domain` offers now."""
        ...


class Shelf(Protocol):
    """What outlives a run; `sendgate.send.store.PolicyShelf`, or a double in tests."""

    async def load(self, domain: Domain) -> Kept | None:
        """What was kept of a domain last."""
        ...

    async def keep(self, domain: Domain, kept: Kept) -> None:
        """Keep it, in the place of what was kept before."""
        ...


@dataclass(frozen=True)
class Kept:
    """What is known of one domain.

    `policy`, `id` and `fetched` are those of the last policy that was had, None where there
    was none; `failed` is when the last fetch failed, None where none did since.
    """

    id: str | None = None
    policy: Policy | None = None
    fetched: datetime | None = None
    failed: datetime | None = None

    def in_force(self, now: datetime) -> Policy | None:
        """The policy, for as long as its `max_age` has not passed since it was fetched."""
        if self.policy is None or self.fetched is None:
            return None
        over = now - self.fetched >= timedelta(seconds=self.policy.max_age)
        return None if over else self.policy

    def is_due(self, record: StsRecord, now: datetime) -> bool:
        """Whether the policy is to be fetched: not kept under this id, or to be renewed."""
        if self.failed is not None and timedelta() <= now - self.failed < _AGAIN:
            return False
        policy = self.in_force(now)
        if policy is None or self.fetched is None or self.id != record.id:
            return True
        return now - self.fetched >= min(_REFRESH, timedelta(seconds=policy.max_age) / 2)


class Policies:
    """The policies of recipients' domains; one object for a run.

    `clock` gives the time (aware). At most `capacity` domains are kept in memory; the one
    asked for longest ago goes first. On the `shelf` all are kept, beyond this run.
    """

    def __init__(
        self,
        source: DnsSource,
        fetcher: Fetcher,
        *,
        clock: Callable[[], datetime],
        capacity: int = 10_000,
        shelf: Shelf | None = None,
    ) -> None:
        self._source = source
        self._fetcher = fetcher
        self._clock = clock
        self._capacity = capacity
        self._shelf = shelf
        self._kept: dict[Domain, Kept] = {}

    async def find(self, domain: Domain) -> Policy | None:
        """The policy in force for mail to `domain`; None: none is, or none can be seen."""
        policy = await self._find(domain)
        return None if policy is None or policy.mode is Mode.NONE else policy

    async def _find(self, domain: Domain) -> Policy | None:
        record = await self._record(domain)
        kept = await self._known(domain)
        if record is not None and kept.is_due(record, self._clock()):
            fetched = await self._fetcher.fetch(domain)
            if isinstance(fetched, Policy):
                kept = Kept(record.id, fetched, self._clock())
                if self._shelf is not None:
                    await self._shelf.keep(domain, kept)
                self._keep(domain, kept)
                return fetched  # also where max_age is 0: it holds for this mail
            kept = replace(kept, failed=self._clock())
        if kept != Kept():
            self._keep(domain, kept)
        return kept.in_force(self._clock())

    async def _known(self, domain: Domain) -> Kept:
        if domain in self._kept:
            return self._kept[domain]
        known = None if self._shelf is None else await self._shelf.load(domain)
        return known or Kept()

    async def _record(self, domain: Domain) -> StsRecord | None:
        try:
            name = domain.child("_mta-sts")
        except DomainError:
            return None
        answer = await self._source.ask(Question(name, "TXT"))
        if not isinstance(answer, Records):
            return None
        record = choose((txt.text for txt in answer.of(Txt)), parse_record)
        return record if isinstance(record, StsRecord) else None

    def _keep(self, domain: Domain, kept: Kept) -> None:
        self._kept.pop(domain, None)
        self._kept[domain] = kept
        if len(self._kept) > self._capacity:
            del self._kept[next(iter(self._kept))]
