"""Live DNS: the system's resolver or the servers given, asked as a careful stub resolver does.

    ask ──► one errand per name of the alias chain ──► tries over the servers in turn
                                                        └► transport: UDP, TCP, TLS, HTTPS

A try that stays silent is not given up when the next one starts: whichever answers first
counts, so a slow answer is not lost to a retry. A server that answers with an error code
is not asked again; once all have, that is the answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sendgate.dns.answers import (
    Alias,
    Answer,
    Failed,
    Origin,
    Question,
    Reason,
    Records,
    Target,
)
from sendgate.dns.nameserver import DNS_PORT, Nameserver, parse_nameserver, system_nameservers
from sendgate.dns.transport import Exchange, TransportError
from sendgate.dns.wire import Heard, Onward, chain_fault, make_query, read_answer
from sendgate.errors import DomainError

__all__ = ["LiveSource", "Nameserver", "parse_nameserver"]

TRIES = 3  # of a single server; with more servers, two of each
_MAX_TRIES = 6

# Which failure speaks for all: one that a server stated says more than silence.
_WEIGHT = (
    Reason.SERVFAIL,
    Reason.REFUSED,
    Reason.LAME,
    Reason.MALFORMED,
    Reason.TIMEOUT,
    Reason.UNREACHABLE,
)


@dataclass(frozen=True)
class _Errand:
    """One name to ask for on behalf of a question, and what was learnt on the way to it."""

    question: Question
    servers: tuple[Nameserver, ...]
    deadline: float
    before: Onward | None = None

    @property
    def direct(self) -> bool:
        return self.question.server is not None

    def failed(self, reason: Reason, detail: str, server: Nameserver | None = None) -> Failed:
        origin = Origin("resolver", str(server)) if server else None
        aliases = self.before.aliases if self.before else ()
        return Failed(self.question, reason, detail, origin, aliases)


@dataclass(frozen=True)
class _Outcome:
    """How one try ended; `final` means that this server need not be asked again."""

    server: Nameserver
    step: Answer | Onward
    final: bool


class LiveSource:
    """Live DNS as a `DnsSource`.

    `nameservers`: asked in this order; none means the system's resolvers, and `InputError`
    where it has none. `timeout`: seconds for one question, with all its tries and aliases,
    counted from when it is its turn. `concurrency`: questions out at one time; more wait.
    `tls_context` verifies tls:// and https:// servers. `direct_port` is where a
    `Question.server` is asked.

    A source belongs to one event loop and is closed with `aclose` or ``async with``.
    """

    def __init__(
        self,
        nameservers: Sequence[Nameserver] = (),
        timeout: float = 5.0,
        concurrency: int = 64,
        *,
        tls_context: ssl.SSLContext | None = None,
        direct_port: int = DNS_PORT,
    ) -> None:
        self.nameservers = tuple(nameservers) or system_nameservers()
        self._timeout = timeout
        self._turn = asyncio.Semaphore(concurrency)
        self._direct_port = direct_port
        self._exchange = Exchange(tls_context)

    async def __aenter__(self) -> LiveSource:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections that tls:// and https:// servers keep open."""
        await self._exchange.aclose()

    async def ask(self, question: Question) -> Answer:
        """Ask, following aliases to their end; every failure is an `Answer`."""
        async with self._turn:
            deadline = asyncio.get_running_loop().time() + self._timeout
            servers = self._servers(question)
            errand = _Errand(question, servers, deadline)
            if not servers:
                return errand.failed(Reason.UNREACHABLE, f"{question.server} is no IP address")
            try:
                make_query(question.name, question)
            except DomainError as error:
                return errand.failed(Reason.MALFORMED, str(error))
            step = await self._run(errand)
            while isinstance(step, Onward):
                step = await self._run(_Errand(question, servers, deadline, step))
            if isinstance(step, Failed) and step.reason is Reason.SERVFAIL and not errand.direct:
                return await self._explain(step, servers, deadline)
            return step

    async def _explain(
        self, failed: Failed, servers: tuple[Nameserver, ...], deadline: float
    ) -> Failed:
        """Find the aliases that a resolver's SERVFAIL hides, one CNAME question at a time.

        Resolvers answer an endless chain with SERVFAIL, as they do what is broken at the
        end of a good one; asked for the CNAME itself they follow nothing.
        """
        question, chain = failed.question, failed.aliases
        while question.rdtype != "CNAME":
            name = chain[-1].target if chain else question.name
            asked = Question(name, "CNAME", question.checking_disabled)
            answer = await self._run(_Errand(asked, servers, deadline))
            target = next(answer.of(Target), None) if isinstance(answer, Records) else None
            if not isinstance(answer, Records) or target is None:
                break
            chain = (*chain, Alias(name, target.name, answer.ttl, answer.origin))
            fault = chain_fault(question, chain)
            if fault:
                return Failed(question, Reason.ALIAS_LOOP, fault, failed.origin, chain)
        return replace(failed, aliases=chain)

    def _servers(self, question: Question) -> tuple[Nameserver, ...]:
        if question.server is None:
            return self.nameservers
        try:
            address = ipaddress.ip_address(question.server)
        except ValueError:
            return ()
        return (Nameserver("dns", str(address), self._direct_port),)

    async def _run(self, errand: _Errand) -> Answer | Onward:
        """Try the servers in turn until one gives an answer, all refuse, or the time is up."""
        loop = asyncio.get_running_loop()
        plan = _plan(errand.servers)
        pause = max(errand.deadline - loop.time(), 0.0) / (len(plan) + 1)
        failures: list[Failed] = []
        out: set[asyncio.Task[_Outcome]] = set()
        try:
            while True:
                if plan:
                    out.add(asyncio.ensure_future(self._try(errand, plan.pop(0))))
                elif not out:
                    return _heaviest(failures)
                left = errand.deadline - loop.time()
                wait = min(pause, left) if plan else left
                done, out = await asyncio.wait(
                    out, timeout=max(wait, 0.0), return_when=asyncio.FIRST_COMPLETED
                )
                outcomes = [task.result() for task in done]
                for outcome in outcomes:
                    step = outcome.step
                    if not isinstance(step, Failed) or step.reason is Reason.ALIAS_LOOP:
                        return step
                    failures.append(step)
                    if outcome.final:
                        plan = [server for server in plan if server != outcome.server]
                if loop.time() >= errand.deadline:
                    return _heaviest([*failures, self._silence(errand)])
        finally:
            for task in out:
                task.cancel()
            await asyncio.gather(*out, return_exceptions=True)

    async def _try(self, errand: _Errand, server: Nameserver) -> _Outcome:
        """Ask one server once; again without EDNS where it does not know EDNS."""
        import dns.rcode

        question, before = errand.question, errand.before
        heard = Heard(
            Origin("resolver", str(server)),
            trusted=server.trusted and not errand.direct,
            direct=errand.direct,
        )
        name = before.target if before else question.name
        try:
            for edns in (True, False):
                query = make_query(
                    name,
                    question,
                    recursive=not errand.direct,
                    want_ad=heard.trusted,
                    edns=edns,
                )
                message = await self._exchange.ask(server, query)
                # RFC 6891 section 7: a server without EDNS says FORMERR (or NOTIMP).
                without = {dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS}
                if message.rcode() not in without:
                    break
            step = read_answer(message, question, heard, before)
        except TransportError as error:
            why = f"{server}: {error.detail}"
            return _Outcome(server, errand.failed(error.reason, why, server), final=False)
        except DomainError as error:
            return _Outcome(server, errand.failed(Reason.MALFORMED, str(error), server), final=True)
        return _Outcome(server, step, final=True)

    def _silence(self, errand: _Errand) -> Failed:
        places = ", ".join(str(server) for server in errand.servers)
        why = f"no answer from {places} within {self._timeout:g} s"
        only = errand.servers[0] if len(errand.servers) == 1 else None
        return errand.failed(Reason.TIMEOUT, why, only)


def _plan(servers: tuple[Nameserver, ...]) -> list[Nameserver]:
    """List the servers to try, in turn: all of them once, then again while tries are left."""
    rounds = TRIES if len(servers) == 1 else 2
    return list(servers * rounds)[: max(_MAX_TRIES, len(servers))]


def _heaviest(failures: Iterable[Failed]) -> Failed:
    """Choose the failure that says most; the first of its kind."""
    return min(failures, key=lambda failed: _WEIGHT.index(failed.reason))
