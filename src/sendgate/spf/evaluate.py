"""check_host (RFC 7208 section 4): whether a domain authorises a client.

A result is a value; nothing here raises for what DNS or a record holds.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sendgate.dns.answers import Address, Answer, Failed, Mx, Question, Reason, Records, Target, Txt
from sendgate.dns.source import DnsSource
from sendgate.errors import DomainError, InternalError
from sendgate.names import Domain
from sendgate.observed import Unknown
from sendgate.profile import IpAddress
from sendgate.spf import record as spf
from sendgate.spf.facts import (
    MAX_LOOKUPS,
    MAX_MX_HOSTS,
    MAX_VOID_LOOKUPS,
    CheckResult,
    Family,
    Result,
    Step,
    candidates,
    read_record,
)
from sendgate.spf.identity import Identity, identity_domain, read_identity
from sendgate.spf.macro import MacroError, MacroString, parse_explanation, to_domain

__all__ = ["check_host", "check_identity"]

MAX_PTR_NAMES = 10  # RFC 7208 section 4.6.4: further names are ignored
MAX_SECONDS = 60.0  # RFC 7208 section 4.6.4: at least 20; beyond it the result is temperror
_RESULTS = {
    spf.Qualifier.PASS: Result.PASS,
    spf.Qualifier.FAIL: Result.FAIL,
    spf.Qualifier.SOFTFAIL: Result.SOFTFAIL,
    spf.Qualifier.NEUTRAL: Result.NEUTRAL,
}


async def check_host(
    ip: IpAddress,
    domain: Domain | str,
    sender: str,
    helo: str,
    source: DnsSource,
    *,
    receiver: str = "unknown",
    now: datetime | None = None,
) -> CheckResult:
    """Evaluate whether `domain` authorises `ip` to send as `sender`.

    `sender` is the MAIL FROM address, or postmaster at the HELO name; without a local part
    it is postmaster's. `helo`, `receiver` and `now` (default: the present) serve macros.
    """
    name = identity_domain(domain) if isinstance(domain, str) else domain
    if name is None or len(name.labels) < 2:
        # RFC 7208 section 4.3
        return CheckResult(Result.NONE, problem="the identity has no fully qualified domain name")
    local, _, tail = sender.rpartition("@")
    run = _Evaluation(
        _unmapped(ip),
        Identity(name, local or "postmaster", tail or str(name), helo),
        source,
        receiver,
        now,
    )
    try:
        async with asyncio.timeout(MAX_SECONDS):
            return await run.result()
    except TimeoutError:
        why = f"the evaluation took over {MAX_SECONDS:.0f} s"
        late = Unknown(Question(name, "TXT"), Reason.TIMEOUT, why)
        return run.close(CheckResult(Result.TEMPERROR, unknown=late))


async def check_identity(
    ip: IpAddress,
    mail_from: str | None,
    helo: str | None,
    domain: Domain | None,
    source: DnsSource,
    *,
    receiver: str = "unknown",
    now: datetime | None = None,
) -> CheckResult:
    """Evaluate an SMTP client's identity (RFC 7208 sections 2.3 and 2.4).

    `mail_from` as given in MAIL FROM: empty is the null sender, whose identity is
    postmaster at `helo`; None means no MAIL FROM, so that `domain` is checked for its
    postmaster, or else `helo`. `domain` given beside `mail_from` is the one checked.
    """
    identity = read_identity(mail_from, helo, domain)
    if identity is None:
        return CheckResult(Result.NONE, problem="the identity has no fully qualified domain name")
    sender = f"{identity.local}@{identity.sender_domain}"
    return await check_host(
        ip, identity.domain, sender, identity.helo, source, receiver=receiver, now=now
    )


class _StopError(Exception):
    """The evaluation is over: temperror with its question, or permerror with its reason."""

    def __init__(self, problem: str, unknown: Unknown | None = None) -> None:
        self.problem = problem
        self.unknown = unknown
        self.result = Result.PERMERROR if unknown is None else Result.TEMPERROR
        super().__init__(problem)


@dataclass(frozen=True)
class _Verdict:
    """What one record says, and where it says so (for the explanation)."""

    result: Result
    mechanism: str | None
    domain: Domain
    record: spf.SpfRecord | None
    problem: str | None = None


@dataclass
class _Evaluation:
    """One run of check_host, with the counts that its whole tree shares."""

    ip: IpAddress
    identity: Identity
    source: DnsSource
    receiver: str
    now: datetime | None
    lookups: int = 0
    voids: int = 0
    path: list[Step] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def family(self) -> Family:
        return Family.IPV4 if self.ip.version == 4 else Family.IPV6

    async def result(self) -> CheckResult:
        try:
            verdict = await self.evaluate(self.identity.domain, 0)
        except _StopError as stop:
            if stop.unknown is None:
                return self.close(CheckResult(stop.result, problem=stop.problem))
            return self.close(CheckResult(stop.result, unknown=stop.unknown))
        explanation = None
        if verdict.result is Result.FAIL and verdict.record and verdict.record.exp:
            explanation = await self.explain(verdict.record.exp.target, verdict.domain)
        return self.close(
            CheckResult(verdict.result, explanation, verdict.mechanism, problem=verdict.problem)
        )

    def close(self, result: CheckResult) -> CheckResult:
        """Add the counts, the path taken, and the answer it began with."""
        return replace(result, lookups=self.lookups, void_lookups=self.voids, path=tuple(self.path))

    async def evaluate(self, domain: Domain, depth: int) -> _Verdict:
        """Evaluate the record at `domain`, sections 4.4 to 4.7."""
        record = await self.fetch(domain)
        if isinstance(record, str):
            return _Verdict(Result.NONE, None, domain, None, record)
        for term in record.mechanisms:
            if await self.matches(term, domain, depth):
                return _Verdict(_RESULTS[term.qualifier], term.text, domain, record)
        if record.redirect is not None:
            return await self.redirect(record.redirect, domain, depth)
        return _Verdict(Result.NEUTRAL, "default", domain, record)

    async def fetch(self, domain: Domain) -> spf.SpfRecord | str:
        """Give the one valid record at `domain`, or why there is none."""
        answer = await self.source.ask(Question(domain, "TXT"))
        self.answer = self.answer or answer
        if isinstance(answer, Failed):
            raise _StopError("", Unknown.of(answer))
        found = candidates(answer)
        if not found:
            return f"{domain} has no SPF record"
        if len(found) > 1:
            raise _StopError(f"{domain} has {len(found)} SPF records")
        record = read_record(found[0])
        if record.problems:
            raise _StopError(f"the record at {domain} has a syntax error: {record.problems[0]}")
        return record

    async def matches(self, term: spf.Mechanism, domain: Domain, depth: int) -> bool:
        """Evaluate one mechanism, and note what came of it."""
        at = len(self.path)
        self.path.append(Step(depth, domain, term.text, "not finished"))
        try:
            matched = await self.match(term, domain, depth)
        except _StopError as stop:
            self.path[at] = replace(self.path[at], outcome=str(stop.result))
            raise
        outcome = str(_RESULTS[term.qualifier]) if matched else "no match"
        self.path[at] = replace(self.path[at], outcome=outcome)
        return matched

    async def match(self, term: spf.Mechanism, domain: Domain, depth: int) -> bool:
        match term:
            case spf.All():
                return True
            case spf.Ip4() | spf.Ip6():
                return self.ip in term.network
        self.count(term.text)
        match term:
            case spf.Include():
                return await self.include(term, domain, depth)
            case spf.A():
                return await self.match_a(term, domain)
            case spf.Mx():
                return await self.match_mx(term, domain)
            case spf.Ptr():
                return await self.match_ptr(term, domain)
            case spf.Exists():
                return await self.match_exists(term, domain)
        raise InternalError(f"no evaluation is known for the mechanism {term.text}")

    def count(self, term: str) -> None:
        """Count a term that causes DNS queries (section 4.6.4)."""
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise _StopError(f"{term} is DNS lookup {self.lookups}; {MAX_LOOKUPS} are allowed")

    def count_void(self, answer: Answer) -> None:
        """Count an answer without data (section 4.6.4), whether or not it came from a cache."""
        if isinstance(answer, (Records, Failed)):
            return
        self.voids += 1
        if self.voids > MAX_VOID_LOOKUPS:
            raise _StopError(
                f"{answer.question} is the void lookup number {self.voids};"
                f" {MAX_VOID_LOOKUPS} are allowed"
            )

    async def ask(self, name: Domain, rdtype: str) -> Answer:
        """Ask for a mechanism: a failure is a temperror (section 5), no data a void lookup."""
        return self.weigh(await self.source.ask(Question(name, rdtype)))

    def weigh(self, answer: Answer) -> Answer:
        if isinstance(answer, Failed):
            raise _StopError("", Unknown.of(answer))
        self.count_void(answer)
        return answer

    async def include(self, term: spf.Include, domain: Domain, depth: int) -> bool:
        target = await self.target(term.target, domain)
        if target is None or len(target.labels) < 2:
            raise _StopError(f"{term.text} names no fully qualified domain")
        inner = await self.evaluate(target, depth + 1)
        if inner.result is Result.NONE:  # section 5.2: none becomes permerror
            raise _StopError(f"{term.text}: {inner.problem}")
        return inner.result is Result.PASS

    async def redirect(self, term: spf.Redirect, domain: Domain, depth: int) -> _Verdict:
        self.count(term.text)
        at = len(self.path)
        self.path.append(Step(depth, domain, term.text, "not finished"))
        try:
            target = await self.target(term.target, domain)
            if target is None or len(target.labels) < 2:  # section 6.1
                raise _StopError(f"{term.text} names no fully qualified domain")
            verdict = await self.evaluate(target, depth + 1)
            if verdict.result is Result.NONE:  # section 6.1: none becomes permerror
                raise _StopError(f"{term.text}: {verdict.problem}")
        except _StopError as stop:
            self.path[at] = replace(self.path[at], outcome=str(stop.result))
            raise
        self.path[at] = replace(self.path[at], outcome=str(verdict.result))
        return verdict

    async def match_a(self, term: spf.A, domain: Domain) -> bool:
        target = domain if term.target is None else await self.target(term.target, domain)
        if target is None:
            return False
        return self.holds(await self.ask(target, self.family), term)

    async def match_mx(self, term: spf.Mx, domain: Domain) -> bool:
        target = domain if term.target is None else await self.target(term.target, domain)
        if target is None:
            return False
        answer = await self.ask(target, "MX")
        if not isinstance(answer, Records):
            return False
        if len(answer.records) > MAX_MX_HOSTS:  # section 4.6.4
            raise _StopError(
                f"{target} has {len(answer.records)} MX hosts; {MAX_MX_HOSTS} are allowed"
            )
        # DNS gives them in any order; by preference and name, the result is always the same.
        records = sorted(answer.of(Mx), key=lambda mx: (mx.preference, mx.exchange))
        hosts = [mx.exchange for mx in records if not mx.is_null]
        found = await asyncio.gather(
            *(self.source.ask(Question(host, self.family)) for host in hosts)
        )
        # Asked together, weighed one by one: what stands behind a match decides nothing.
        return any(self.holds(self.weigh(one), term) for one in found)

    def holds(self, answer: Answer, term: spf.A | spf.Mx) -> bool:
        """Whether one of the answer's addresses, with the term's prefix, covers the client."""
        if not isinstance(answer, Records):
            return False
        length = term.prefix4 if self.family is Family.IPV4 else term.prefix6
        found = [address.ip for address in answer.of(Address)]
        if any(ip and self.ip in ipaddress.ip_network((ip, length), strict=False) for ip in found):
            return True
        if None in found:  # an alias kept by the DNS provider: there, but not to be seen
            raise _StopError("", Unknown(answer.question, Reason.HIDDEN))
        return False

    async def match_exists(self, term: spf.Exists, domain: Domain) -> bool:
        target = await self.target(term.target, domain)
        # Section 5.7: the A type, whatever the client's family.
        return target is not None and isinstance(await self.ask(target, "A"), Records)

    async def match_ptr(self, term: spf.Ptr, domain: Domain) -> bool:
        target = domain if term.target is None else await self.target(term.target, domain)
        if target is None:
            return False
        return any(name.is_under(target) for name in await self.validated(counted=True))

    async def validated(self, *, counted: bool) -> list[Domain]:
        """Give the client's reverse names that resolve back to it (section 5.5)."""
        name = Domain.parse(self.ip.reverse_pointer)
        answer = await self.source.ask(Question(name, "PTR"))
        if counted:
            self.count_void(answer)
        if not isinstance(answer, Records):
            return []  # section 5.5: a DNS error is no match
        names = [target.name for target in answer.of(Target)][:MAX_PTR_NAMES]
        found = await asyncio.gather(*(self.source.ask(Question(n, self.family)) for n in names))
        valid = []
        for one, addresses in zip(names, found, strict=True):
            if counted:
                self.count_void(addresses)
            if isinstance(addresses, Records) and any(
                address.ip == self.ip for address in addresses.of(Address)
            ):
                valid.append(one)
        return valid

    async def target(self, spec: MacroString, domain: Domain) -> Domain | None:
        """Expand a domain-spec; None where the result is no name that DNS can carry.

        Section 4.8 leaves open what such a name means; taken here as one that does not
        exist, as it is the client who may have caused it.
        """
        try:
            return to_domain(spec.expand(await self.values(spec, domain, counted=True)))
        except DomainError:
            return None

    async def values(self, text: MacroString, domain: Domain, *, counted: bool) -> dict[str, str]:
        """Give the values of the macro letters (section 7.2)."""
        who = self.identity
        four = isinstance(self.ip, ipaddress.IPv4Address)
        values = {
            "s": f"{who.local}@{who.sender_domain}",
            "l": who.local,
            "o": who.sender_domain,
            "d": _plain(domain),
            "i": str(self.ip) if four else ".".join(self.ip.exploded.replace(":", "").upper()),
            "v": "in-addr" if four else "ip6",
            "h": who.helo,
            "c": str(self.ip),
            "r": self.receiver,
        }
        if "t" in text.letters:
            values["t"] = str(int((self.now or datetime.now(UTC)).timestamp()))
        if "p" in text.letters:
            values["p"] = _preferred(await self.validated(counted=counted), domain)
        return values

    async def explain(self, spec: MacroString, domain: Domain) -> str | None:
        """Fetch and expand an explanation; None on any trouble (section 6.2).

        Its lookups count against no limit.
        """
        try:
            name = to_domain(spec.expand(await self.values(spec, domain, counted=False)))
            answer = await self.source.ask(Question(name, "TXT"))
            if not isinstance(answer, Records) or len(answer.records) != 1:
                return None
            data = answer.records[0].data
            if not isinstance(data, Txt) or not data.octets.isascii():
                return None
            text = parse_explanation(data.text)
        except (DomainError, MacroError):
            return None
        return text.expand(await self.values(text, domain, counted=False)) or None


def _unmapped(ip: IpAddress) -> IpAddress:
    """Give the IPv4 address inside an IPv4-mapped one (section 5), else the address."""
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return ip if mapped is None else mapped


def _plain(domain: Domain) -> str:
    return ".".join(label.decode("utf-8", "replace") for label in domain.wire_labels)


def _preferred(names: list[Domain], domain: Domain) -> str:
    """Choose the text of the `p` macro (section 7.3)."""
    below = [name for name in names if name.is_under(domain)]
    if domain in below:
        return _plain(domain)
    return _plain((below or names)[0]) if names else "unknown"
