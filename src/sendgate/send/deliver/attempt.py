"""One attempt for one recipient: call the hosts of a route until one gives an answer.

    open line? ─► give ─► answer
        │ stale      no answer, nothing committed
        └──► dial hop 1 ─► give ─┴─► dial hop 2 ─► … ─► the tries, in order

Another host is called only before the final dot. From the commit record on, what the host
at hand says or fails to say is the end of the attempt.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from sendgate.send.deliver.parts import Hop, Made, Route
from sendgate.send.deliver.verdict import is_definite, is_put_off
from sendgate.send.outcome import Peer, Phase
from sendgate.send.smtp.client import Endpoint, Reuse, Session, Timeouts, connect
from sendgate.send.smtp.result import Attempt, Broken, Fault, Refused
from sendgate.send.smtp.tls import TlsLevel, TlsPolicy, Trust

__all__ = ["Caller", "Line", "Try", "dial_order"]

MOST_HOPS = 8  # addresses called in one attempt
_MOST_PUTTING_OFF = 2  # hosts that talk, and have trouble with the message
_SERVICE_CLOSING = 421


@dataclass(frozen=True)
class Caller:
    """How we call: our name, our addresses (none: any), whom we trust, how long we wait."""

    helo: str
    trust: Trust
    sources: tuple[str, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    dice: random.Random = field(default_factory=random.Random)

    def groups(self, route: Route) -> list[list[str | None]]:
        """Our addresses that a route's hosts can be called from: by family, the better one first.

        That is the family in which the most preferred host can be reached, IPv4 before IPv6.
        ``[[None]]`` where none of ours is declared, empty where no host can be reached.
        """
        if not self.sources:
            return [[None]]
        best: dict[bool, int] = {}
        for hop in route.hops:
            is_v6 = _is_v6(hop.address)
            best[is_v6] = min(best.get(is_v6, hop.preference), hop.preference)
        families = sorted(best, key=lambda is_v6: (best[is_v6], is_v6))
        groups = [[s for s in self.sources if _is_v6(s) is is_v6] for is_v6 in families]
        for group in groups:
            self.dice.shuffle(group)
        return [list(group) for group in groups if group]


def _is_v6(address: str) -> bool:
    return ":" in address


@dataclass(frozen=True)
class Line:
    """An open connection and the hop it leads to."""

    session: Session
    hop: Hop

    def serves(self, route: Route) -> bool:
        """Whether a message with this route may take it: the same host, the same demand."""
        mine = _ignoring_preference(self.hop)
        return self.session.is_usable and any(mine == _ignoring_preference(h) for h in route.hops)


def _ignoring_preference(hop: Hop) -> tuple[str, str, int, TlsPolicy]:
    """What makes a hop the same for two domains, which may prefer it differently."""
    return hop.mx, hop.address, hop.port, hop.policy


def dial_order(hops: Sequence[Hop], dice: random.Random, sources: Sequence[str] = ()) -> list[Hop]:
    """Hops by preference (RFC 5321 section 5.1): equal hosts shuffled, a host's addresses kept.

    Hops that none of our `sources` can reach are left out; of equal hosts, those that the
    first one reaches come first. Without any source every hop can be reached.
    """
    if sources:
        hops = [hop for hop in hops if _source_for(hop, sources)]
    ordered: list[Hop] = []
    for _, equals in groupby(sorted(hops, key=lambda h: h.preference), lambda h: h.preference):
        hosts: dict[str, list[Hop]] = {}
        for hop in equals:
            hosts.setdefault(hop.mx, []).append(hop)
        names = list(hosts)
        dice.shuffle(names)
        mixed = [hop for name in names for hop in hosts[name]]
        if sources:
            mixed.sort(key=lambda hop: _is_v6(hop.address) is not _is_v6(sources[0]))
        ordered += mixed
    return ordered


def _source_for(hop: Hop, sources: Sequence[str]) -> str | None:
    """The first of our addresses that reaches a hop; None: none does, or any may."""
    return next((one for one in sources if _is_v6(one) is _is_v6(hop.address)), None)


@dataclass
class Try:
    """One attempt under way, and what it has come to; whoever breaks it off looks here.

    `sources` are our addresses that it may be made from, the first before the others; none:
    from whichever. Mail never leaves from an address that was not declared: it has not been
    audited.
    """

    made: Made
    route: Route
    reuse: Reuse
    commit: Callable[[Peer], Awaitable[None]]
    note: Callable[[str], None] = lambda _: None
    line: Line | None = None
    sources: tuple[str, ...] = ()
    tries: list[Attempt] = field(default_factory=list)
    committed: bool = False
    answer: Attempt | None = None  # what came of the commit record

    @property
    def in_doubt(self) -> bool:
        """Whether the final dot may have left without an answer."""
        return self.committed and self.line is not None and self.line.session.in_doubt

    async def run(self, caller: Caller) -> None:
        """Make the attempt; `tries` then holds the result for each host that was called.

        A `line` that is open already is tried first, and where it proves stale the hosts
        are called anew. Raises what `commit` raises.
        """
        if self.line is not None:
            if self.line.serves(self.route):
                result = await self._give(self.line)
                if self.committed or not _is_stale(result):
                    self.tries.append(result)
                if self.committed or is_definite(result):
                    return
            else:
                await self._hang_up()
        for hop in dial_order(self.route.hops, caller.dice, self.sources)[:MOST_HOPS]:
            if not self._may_help(hop):
                continue
            await self._hang_up()
            result = await self._call(caller, hop, _source_for(hop, self.sources))
            self.tries.append(result)
            if self.committed or is_definite(result):
                return
        if not (self.tries and is_put_off(self.tries[-1])):
            await self._hang_up()

    def _may_help(self, hop: Hop) -> bool:
        """Whether a host may be called after those that had trouble with the message."""
        had = [one.peer.mx for one in self.tries if isinstance(one, Refused) and is_put_off(one)]
        return hop.mx not in had and len(had) < _MOST_PUTTING_OFF

    async def _call(self, caller: Caller, hop: Hop, source: str | None) -> Attempt:
        self.note("connecting")
        opened = await self._dial(caller, hop, source, hop.policy)
        if (
            isinstance(opened, Broken)
            and opened.fault is Fault.TLS
            and hop.policy.level is TlsLevel.OPPORTUNISTIC
        ):
            # TLS that nobody demands must not cost the message (RFC 7435 section 3).
            opened = await self._dial(caller, hop, source, TlsPolicy.clear())
        if not isinstance(opened, Session):
            return opened
        self.line = Line(opened, hop)
        return await self._give(self.line)

    async def _dial(
        self, caller: Caller, hop: Hop, source: str | None, policy: TlsPolicy
    ) -> Session | Refused | Broken:
        endpoint = Endpoint(hop.mx, hop.address, hop.port, source)
        return await connect(
            endpoint,
            caller.helo,
            trust=caller.trust,
            policy=policy,
            timeouts=caller.timeouts,
            reuse=self.reuse,
        )

    async def _give(self, line: Line) -> Attempt:
        session = line.session

        async def commit() -> None:
            self.note("committing")
            # From here on the record may be on the disk, whatever becomes of the wait for it.
            self.committed = True
            await self.commit(session.peer)
            self.note("committed")

        result = await session.deliver(self.made.envelope, self.made.data, commit)
        if self.committed:
            self.answer = result
        self.note("answered")
        return result

    async def _hang_up(self) -> None:
        line, self.line = self.line, None
        if line is not None:
            await line.session.quit()


def _is_stale(result: Attempt) -> bool:
    """Whether a connection that had served before was simply over, which says nothing."""
    match result:
        case Refused(reply=reply):
            return reply.code == _SERVICE_CLOSING
        case Broken(phase):
            return phase in {Phase.MAIL, Phase.RCPT, Phase.DATA}
        case _:
            return False
