"""Ask for the addresses of the hosts that MX records name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sendgate.dns.answers import Answer, Failed, Mx, Question, Reason, Records
from sendgate.dns.source import Desk, DnsSource
from sendgate.mx.facts import MxFacts, MxHost, is_host
from sendgate.names import Domain
from sendgate.profile import Profile
from sendgate.topology.facts import NameFacts

__all__ = ["collect_mx"]

MAX_HOSTS = 32  # of one name; senders give up on such lists long before their end


async def collect_mx(
    profile: Profile, names: Mapping[Domain, NameFacts], desk: Desk
) -> Mapping[Domain, MxFacts]:
    """Ask for the mail exchangers of the sending domain and of the sender's own return path."""
    facts = await asyncio.gather(*(_mx(names[name], desk.listed) for name in profile.mail_names))
    return {found.name: found for found in facts}


async def _mx(name: NameFacts, source: DnsSource) -> MxFacts:
    assert name.mx is not None, "MX is asked for every mail name"
    records: list[Mx] = []
    if isinstance(name.mx, Records):
        named = [record for record in name.mx.of(Mx) if not record.is_null]
        records = sorted(named, key=lambda record: (record.preference, record.exchange))
    targets = list(dict.fromkeys(record.exchange for record in records))
    answers = await asyncio.gather(*(_addresses(t, i, source) for i, t in enumerate(targets)))
    asked = dict(zip(targets, answers, strict=True))
    hosts = tuple(MxHost(r.exchange, r.preference, *asked[r.exchange]) for r in records)
    return MxFacts(name.name, name.mx, hosts, name.has_address)


async def _addresses(
    target: Domain, position: int, source: DnsSource
) -> tuple[Answer, Answer] | tuple[None, None]:
    if not is_host(target):
        return None, None
    questions = Question(target, "A"), Question(target, "AAAA")
    if position >= MAX_HOSTS:
        detail = f"only the first {MAX_HOSTS} mail exchangers are looked up"
        return Failed(questions[0], Reason.ALLOWANCE, detail), Failed(
            questions[1], Reason.ALLOWANCE, detail
        )
    a, aaaa = await asyncio.gather(*(source.ask(question) for question in questions))
    return a, aaaa
