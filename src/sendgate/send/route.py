"""Where mail to a domain goes, and what TLS it must have there.

    domain ─► MX ─► hosts ─► A, AAAA ─► TLSA (DANE) ┐
           └► MTA-STS policy ───────────────────────┴► Route | NoRoute | Unresolved | Unmet

| case                                            | result       | what follows                |
|-------------------------------------------------|--------------|-----------------------------|
| a host with an address and a policy to call it  | `Route`      | an attempt                  |
| null MX, or no such domain                      | `NoRoute`    | never sent to               |
| DNS fails, or no host has an address            | `Unresolved` | tried again; ends not sent  |
| every host is against a policy of the recipient | `Unmet`      | deferred, ``tls_policy``    |

DANE comes before MTA-STS (RFC 8461 section 2); a host whose TLSA answer fails is passed over
(RFC 7672 section 2.1.2), as is one that an enforced MTA-STS policy does not name.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Protocol

from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    Mx,
    NoData,
    NxDomain,
    Question,
    Records,
)
from sendgate.dns.source import DnsSource
from sendgate.mtasts.record import Mode, Policy
from sendgate.mx.facts import is_host
from sendgate.names import Domain
from sendgate.profile import IpAddress
from sendgate.send.dane import TlsaSet, find_tlsa
from sendgate.send.shaping import Shaping, Site
from sendgate.send.smtp.tls import TlsLevel, TlsPolicy

__all__ = [
    "Host",
    "NoRoute",
    "PolicyFinder",
    "Route",
    "Router",
    "Routing",
    "Unmet",
    "Unresolved",
    "Why",
    "can_be_called",
]

MAX_HOSTS = 16  # of one domain; who lists more is not reached by the rest either
MAX_ADDRESSES = 4  # of one host and one kind
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=1)  # that an answer is kept
_NEGATIVE = 300  # seconds that "no" is kept; the TTL of RFC 2308 does not reach us
_FAILURE = 60  # seconds that a failure is, so that a whole campaign does not repeat it


@dataclass(frozen=True)
class Host:
    """A mail exchanger: its addresses in the order to be tried, and the TLS to demand of it."""

    name: Domain
    preference: int
    addresses: tuple[IpAddress, ...]
    tls: TlsPolicy


@dataclass(frozen=True)
class Route:
    """The hosts for a domain, in the order to be tried, and the site that they are.

    Good until `until` (aware). `passed_over` says which hosts were left out, and why.
    """

    domain: Domain
    site: Site
    hosts: tuple[Host, ...]
    until: datetime
    passed_over: tuple[str, ...] = ()


class Why(StrEnum):
    """Why a domain takes no mail; the codes of excluded contacts."""

    NULL_MX = "null_mx_domain"  # RFC 7505
    NO_SUCH_DOMAIN = "no_such_domain"


@dataclass(frozen=True)
class NoRoute:
    """The domain takes no mail, by its own word or for want of existence."""

    domain: Domain
    code: Why
    detail: str
    until: datetime


@dataclass(frozen=True)
class Unresolved:
    """Nobody could tell where the mail goes, or nowhere was found: to be tried again."""

    domain: Domain
    detail: str
    until: datetime


@dataclass(frozen=True)
class Unmet:
    """The recipient's own TLS policy lets no host of its MX take the mail: to be deferred."""

    domain: Domain
    detail: str
    until: datetime


Routing = Route | NoRoute | Unresolved | Unmet


class PolicyFinder(Protocol):
    """What knows MTA-STS policies: `sendgate.mtasts.policies.Policies`."""

    async def find(self, domain: Domain) -> Policy | None:
        """The policy in force for mail to `domain`."""
        ...


@dataclass(frozen=True)
class _Seen:
    """What DNS said of one host."""

    name: Domain
    preference: int
    addresses: tuple[IpAddress, ...]
    ttl: int
    tlsa: TlsaSet | Failed | None = None
    fault: str = ""


def can_be_called(ip: IpAddress) -> bool:
    """Whether an address can be one host's at all: not unspecified, multicast or reserved."""
    reserved = ip.version == 4 and ip.is_reserved
    return not (ip.is_unspecified or ip.is_multicast or reserved)


class Router:
    """Finds routes and keeps them for their TTL; one object for a run.

    `clock` gives the time (aware); `dice` shuffle hosts of equal preference, anew for each
    caller. `policies` None: MTA-STS is not looked for. `tls_required` is the campaign's wish;
    the provider table may have it too. `allowed` says which addresses may be called. At most
    `capacity` domains are kept, the one asked for longest ago goes first.
    """

    def __init__(
        self,
        source: DnsSource,
        table: Shaping,
        *,
        clock: Callable[[], datetime],
        dice: random.Random,
        policies: PolicyFinder | None = None,
        tls_required: bool = False,
        allowed: Callable[[IpAddress], bool] = can_be_called,
        capacity: int = 10_000,
    ) -> None:
        self._source = source
        self._table = table
        self._clock = clock
        self._policies = policies
        self._tls_required = tls_required
        self._dice = dice
        self._allowed = allowed
        self._capacity = capacity
        self._kept: dict[Domain, Routing] = {}
        self._asking: dict[Domain, asyncio.Task[Routing]] = {}

    async def route(self, domain: Domain) -> Routing:
        """Where mail to `domain` goes now; askers who come together share the questions."""
        kept, now = self._kept.get(domain), self._clock()
        if kept is None or not now < kept.until <= now + _LONGEST:
            kept = await self._shared(domain)
        self._kept.pop(domain, None)
        self._kept[domain] = kept
        if len(self._kept) > self._capacity:
            del self._kept[next(iter(self._kept))]
        return replace(kept, hosts=self._shuffled(kept.hosts)) if isinstance(kept, Route) else kept

    def forget(self, domain: Domain) -> None:
        """Ask again next time, as after a host did not meet its policy (RFC 8461 section 5.1)."""
        self._kept.pop(domain, None)

    async def _shared(self, domain: Domain) -> Routing:
        task = self._asking.get(domain)
        if task is None:
            task = asyncio.ensure_future(self._find(domain))
            self._asking[domain] = task
            task.add_done_callback(lambda _: self._asking.pop(domain, None))
        # A cancelled asker must not cancel the questions that others share.
        return await asyncio.shield(task)

    async def _find(self, domain: Domain) -> Routing:
        mx = await self._source.ask(Question(domain, "MX"))
        if isinstance(mx, Failed):
            return Unresolved(domain, f"{mx.question}: {mx.text}", self._until(_FAILURE))
        if isinstance(mx, NxDomain):
            detail = f"{domain} does not exist"
            return NoRoute(domain, Why.NO_SUCH_DOMAIN, detail, self._until(_NEGATIVE))
        exchangers = tuple(mx.of(Mx)) if isinstance(mx, Records) else ()
        if isinstance(mx, Records) and exchangers and all(one.is_null for one in exchangers):
            detail = f"{domain} takes no mail: its MX is null"
            return NoRoute(domain, Why.NULL_MX, detail, self._until(mx.ttl))
        targets = _targets(domain, mx)
        if not targets:
            detail = f"no MX record of {domain} names a host"
            return Unresolved(domain, detail, self._until(_NEGATIVE))
        seen, policy = await asyncio.gather(
            asyncio.gather(*(self._see(name, at, mx) for at, name in targets)),
            self._policy(domain),
        )
        ttl = min(one.ttl for one in seen)
        ttl = min(ttl, mx.ttl) if isinstance(mx, Records) else min(ttl, _NEGATIVE)
        return self._judge(domain, seen, policy, self._until(ttl))

    async def _policy(self, domain: Domain) -> Policy | None:
        return None if self._policies is None else await self._policies.find(domain)

    async def _see(self, name: Domain, preference: int, mx: Answer) -> _Seen:
        """Ask for a host's addresses, and for its TLSA records where they can be trusted."""
        questions = Question(name, "A"), Question(name, "AAAA")
        answers = await asyncio.gather(*(self._source.ask(question) for question in questions))
        found = [
            record.ip
            for answer in answers
            if isinstance(answer, Records)
            for record in answer.of(Address)
            if record.ip is not None
        ]
        usable = tuple(dict.fromkeys(ip for ip in found if self._allowed(ip)))
        ttl = min(map(_ttl, answers))
        if not usable:
            return _Seen(name, preference, (), ttl, fault=_no_address(name, answers, found))
        tlsa = None
        if isinstance(mx, Records | NoData) and mx.authentic:
            tlsa = await find_tlsa(self._source, name, answers)
        ttl = min(ttl, _FAILURE if isinstance(tlsa, Failed) else tlsa.ttl if tlsa else ttl)
        return _Seen(name, preference, usable, ttl, tlsa)

    def _judge(
        self, domain: Domain, seen: Sequence[_Seen], policy: Policy | None, until: datetime
    ) -> Route | Unresolved | Unmet:
        hosts: list[Host] = []
        faults: list[str] = []
        against_policy = False
        for one in seen:
            tls = one.fault or self._tls(domain, one, policy)
            if isinstance(tls, TlsPolicy):
                hosts.append(Host(one.name, one.preference, one.addresses, tls))
            else:
                faults.append(tls)
                against_policy |= not one.fault and not isinstance(one.tlsa, Failed)
        if hosts:
            best = [host.name for host in hosts if host.preference == hosts[0].preference]
            return Route(domain, self._table.site(best), tuple(hosts), until, tuple(faults))
        detail = "; ".join(faults)
        return Unmet(domain, detail, until) if against_policy else Unresolved(domain, detail, until)

    def _tls(self, domain: Domain, host: _Seen, policy: Policy | None) -> TlsPolicy | str:
        """The TLS to demand of a host, or why it may not be called."""
        row = self._table.provider(host.name)
        limits = row.limits if row else self._table.default
        least = TlsPolicy.opportunistic()
        if self._tls_required or limits.tls_required:
            least = TlsPolicy.required()
        if isinstance(host.tlsa, Failed):
            return f"{host.tlsa.question}: {host.tlsa.text}, so {host.name} is not called"
        if host.tlsa is not None:
            names = dict.fromkeys(name.text for name in (*host.tlsa.names, domain))
            dane = TlsPolicy.dane(host.tlsa.records, tuple(names))
            if dane.level is TlsLevel.DANE:
                return dane
            least = dane  # nothing usable in them: encryption at least (RFC 7672 section 2.2)
        if policy is not None and policy.mode is Mode.ENFORCE:
            if not policy.covers(host.name):
                return f"the MTA-STS policy of {domain} does not name {host.name}"
            return TlsPolicy.verified((host.name.text,))
        return least

    def _shuffled(self, hosts: Iterable[Host]) -> tuple[Host, ...]:
        """Equal hosts in random order (RFC 5321 section 5.1), and each host's addresses.

        IPv4 comes first: receivers ask more of senders on IPv6.
        """
        order: list[Host] = []
        for _, group in groupby(hosts, key=lambda host: host.preference):
            equal = list(group)
            self._dice.shuffle(equal)
            for host in equal:
                addresses = list(host.addresses)
                self._dice.shuffle(addresses)
                kinds = ([ip for ip in addresses if ip.version == kind] for kind in (4, 6))
                first = tuple(ip for kind in kinds for ip in kind[:MAX_ADDRESSES])
                order.append(replace(host, addresses=first))
        return tuple(order)

    def _until(self, seconds: int) -> datetime:
        kept = min(max(timedelta(seconds=seconds), _SHORTEST), _LONGEST)
        return self._clock() + kept


def _targets(domain: Domain, mx: Answer) -> list[tuple[int, Domain]]:
    """Preference and name of the hosts; without MX the domain itself (RFC 5321 section 5.1)."""
    if not isinstance(mx, Records):
        return [(0, domain)]
    best: dict[Domain, int] = {}
    for record in mx.of(Mx):
        if not record.is_null and is_host(record.exchange):
            before = best.get(record.exchange, record.preference)
            best[record.exchange] = min(before, record.preference)
    return sorted((preference, name) for name, preference in best.items())[:MAX_HOSTS]


def _ttl(answer: Answer) -> int:
    if isinstance(answer, Records):
        return answer.ttl
    return _FAILURE if isinstance(answer, Failed) else _NEGATIVE


def _no_address(name: Domain, answers: Sequence[Answer], found: Sequence[IpAddress]) -> str:
    failed = next((answer for answer in answers if isinstance(answer, Failed)), None)
    if failed is not None and not found:
        return f"{failed.question}: {failed.text}"
    return f"{name} has {'no usable' if found else 'no'} address"
