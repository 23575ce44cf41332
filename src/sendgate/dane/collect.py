"""Ask for the TLSA records of a domain's mail hosts, where that can show anything.

Name servers of unsigned zones are known to fail at TLSA (RFC 7672 section 2.1.2), so a host
whose address is not secure is asked about only where it lies under the domain's own
organizational domain, or in a zone file. Where mail hosts may be called, those are whose
records bind senders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from sendgate.dane.facts import DaneFacts, DaneHost
from sendgate.dane.probe import MailHosts
from sendgate.dns.answers import Answer, Failed, Question, Reason, Records
from sendgate.dns.source import Desk
from sendgate.errors import DomainError
from sendgate.mx.facts import MxFacts, MxHost
from sendgate.names import Domain

__all__ = ["call_hosts", "enrich_dane", "enrich_path"]

MAX_HOSTS = 5  # of one domain, the first by preference

_ROOT = Question(Domain("."), "NS")  # signed: who validates vouches for it


async def enrich_dane(mx: MxFacts, organizational: Domain, desk: Desk) -> DaneFacts:
    """Ask one question a host.

    It is a spare one, as is one for the root, where nothing is vouched for yet.
    """
    if not mx.takes_mail:
        return DaneFacts()
    hosts = _hosts(mx)
    seen = [mx.answer, *(answer for host in hosts for answer in host.answers)]
    validated = any(isinstance(a, Records) and a.authentic for a in seen)
    told = [host for host in hosts if _is_secure(host) or _from_file(host)]
    # Name servers of unsigned zones may fail at TLSA, so strangers' are left in peace.
    own = [host for host in hosts if host not in told and _is_own(host, organizational)]
    ways = {_tlsa(host): desk.listed for host in told} | {_tlsa(host): desk.spare for host in own}
    ways.pop(None, None)
    if not validated and any(_tlsa(host) for host in own):
        ways[_ROOT] = desk.spare
    asked = [(question, way) for question, way in ways.items() if question is not None]
    got = await asyncio.gather(*(way.ask(question) for question, way in asked))
    answers = {question: answer for (question, _), answer in zip(asked, got, strict=True)}
    found = [DaneHost(host.target, _is_secure(host), _answer(host, answers)) for host in hosts]
    return DaneFacts(
        mx.name,
        isinstance(mx.answer, Records) and mx.answer.authentic,
        tuple(await asyncio.gather(*(_retried(host, desk) for host in found))),
        validated or any(isinstance(a, Records) and a.authentic for a in answers.values()),
    )


async def enrich_path(mx: MxFacts, desk: Desk) -> DaneFacts:
    """Ask for the TLSA records of a return path's mail hosts, where DNSSEC secures the way there.

    Only where mail hosts are called: else nothing rests on them. Listed questions, one a host.
    """
    if not (mx.takes_mail and isinstance(mx.answer, Records) and mx.answer.authentic):
        return DaneFacts()
    asked = [(host, _tlsa(host)) for host in _hosts(mx) if _is_secure(host)]
    found = await asyncio.gather(
        *(_asked(host, question, desk) for host, question in asked if question is not None)
    )
    return DaneFacts(mx.name, True, tuple(found), True)


async def call_hosts(facts: DaneFacts, mx: MxFacts, mail: MailHosts) -> DaneFacts:
    """Call the hosts whose TLSA records bind senders.

    An alias is left out: its records stand at its target (RFC 7672 section 2.2.3), and MX003
    speaks of it.
    """
    addresses = {host.target: tuple(host.addresses) for host in mx.hosts if not host.aliases}

    async def one(host: DaneHost) -> DaneHost:
        if not facts.binds(host) or host.host not in addresses:
            return host
        return replace(host, called=await mail.call(host.host, addresses[host.host]))

    return replace(facts, hosts=tuple(await asyncio.gather(*map(one, facts.hosts))))


async def _asked(host: MxHost, question: Question, desk: Desk) -> DaneHost:
    return DaneHost(host.target, True, await desk.listed.ask(question))


def _hosts(mx: MxFacts) -> list[MxHost]:
    """Each host once, that has an address."""
    hosts = {host.target: host for host in reversed(mx.hosts) if host.resolves}
    return [hosts[h.target] for h in mx.hosts if hosts.get(h.target) is h][:MAX_HOSTS]


def _tlsa(host: MxHost) -> Question | None:
    try:
        return Question(host.target.child("_25._tcp"), "TLSA")
    except DomainError:
        return None  # the name is too long to have such records


def _answer(host: MxHost, answers: Mapping[Question, Answer]) -> Answer | None:
    question = _tlsa(host)
    return None if question is None else answers.get(question)


def _is_own(host: MxHost, organizational: Domain) -> bool:
    return host.target == organizational or host.target.is_under(organizational)


async def _retried(host: DaneHost, desk: Desk) -> DaneHost:
    if not (host.secure and isinstance(host.tlsa, Failed)):
        return host
    if host.tlsa.reason is not Reason.SERVFAIL:
        return host
    return replace(
        host, again=await desk.listed.ask(replace(host.tlsa.question, checking_disabled=True))
    )


def _is_secure(host: MxHost) -> bool:
    found = [answer for answer in host.answers if isinstance(answer, Records)]
    return bool(found) and all(answer.authentic for answer in found)


def _from_file(host: MxHost) -> bool:
    return any(isinstance(a, Records) and a.origin.kind == "file" for a in host.answers)
