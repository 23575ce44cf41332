"""Ask for the keys of a sender, and for what tells a found key from a wildcard's.

Two rounds at most: the named selectors and a probe go out together, and ``_domainkey``
where selectors are to be guessed; the guessed ones follow only below a ``_domainkey`` that
may exist, so that a domain without any key costs two questions instead of sixteen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sendgate.dkim.facts import DkimDomain, DkimFacts, DkimKey
from sendgate.dkim.record import KeyRecord, NotAKey, parse
from sendgate.dns.answers import Answer, Failed, NoData, Question, Reason, Record, Records, Txt
from sendgate.dns.source import Desk, DnsSource
from sendgate.names import Domain
from sendgate.observed import (
    Malformed,
    Observed,
    Present,
    Unknown,
    absent,
    evidence_of,
)
from sendgate.profile import Profile, Selector

__all__ = ["collect_dkim", "enrich_dkim", "read_key"]

# Two counted questions each, of the 24 that an audit may ask; few senders sign for more.
MAX_COUNTED_DOMAINS = 3

_ADSP = "_adsp"  # RFC 5617 section 3.2


async def collect_dkim(profile: Profile, desk: Desk, probe_label: str) -> DkimFacts:
    """Ask at every selector of the profile; `probe_label` is a label that nobody publishes."""
    named = [selector for selector in profile.selectors if selector.named]
    guessed = [selector for selector in profile.selectors if not selector.named]
    names = dict.fromkeys([s.domain for s in profile.selectors] + list(profile.dkim_domains))
    to_guess_at = {selector.domain for selector in guessed}
    first, domains = await asyncio.gather(
        _ask_all(named, desk.listed),
        asyncio.gather(
            *(
                _domain(
                    name,
                    probe_label if name in to_guess_at else None,
                    desk.core if place < MAX_COUNTED_DOMAINS else None,
                )
                for place, name in enumerate(names)
            )
        ),
    )
    none = {domain.domain for domain in domains if domain.has_none}
    asked = [selector for selector in guessed if selector.domain not in none]
    second = await _ask_all(asked, desk.listed)
    answers = dict([*zip(named, first, strict=True), *zip(asked, second, strict=True)])
    known = {domain.domain: domain for domain in domains}
    keys = tuple(
        read_key(selector, answers[selector], known.get(selector.domain))
        for selector in dict.fromkeys(profile.selectors)
        if selector in answers
    )
    return DkimFacts(keys, tuple(domains))


async def enrich_dkim(facts: DkimFacts, desk: Desk) -> DkimFacts:
    """Ask, if there is room, what stands at selectors without a key, and of the domains.

    Of these the ADSP record, and what is at ``_domainkey`` where that was not asked.
    """
    keys, domains = await asyncio.gather(
        asyncio.gather(*(_with_address(key, desk.spare) for key in facts.keys)),
        asyncio.gather(*(_enriched(domain, desk.spare) for domain in facts.domains)),
    )
    return DkimFacts(tuple(keys), tuple(domains))


async def _with_address(key: DkimKey, source: DnsSource) -> DkimKey:
    """Ask for the address of a named selector that exists without a TXT record."""
    answer = key.answer
    if not key.selector.named or not isinstance(answer, NoData) or answer.aliases:
        return key
    return replace(key, address=await source.ask(Question(answer.question.name, "A")))


async def _enriched(domain: DkimDomain, source: DnsSource) -> DkimDomain:
    if domain.subtree is None:
        return replace(domain, subtree=await _ask(domain.domain, "_domainkey", source))
    name = domain.domain.fitting_child(f"{_ADSP}._domainkey")
    if domain.has_none or domain.policy is not None or name is None:
        return domain
    return replace(domain, policy=await source.ask(Question(name, "TXT")))


def read_key(selector: Selector, answer: Answer, domain: DkimDomain | None) -> DkimKey:
    """Read what stands at one selector; `domain` tells whether a wildcard made it."""
    return DkimKey(selector, answer, _observed(answer), _texts(answer), _wildcard(answer, domain))


async def _ask_all(selectors: Sequence[Selector], source: DnsSource) -> list[Answer]:
    return await asyncio.gather(
        *(_ask(s.domain, f"{s.name}._domainkey", source) for s in selectors)
    )


async def _domain(domain: Domain, probe_label: str | None, source: DnsSource | None) -> DkimDomain:
    """Ask of one `d=` what holds for all its selectors: one question, two where some are guessed.

    Where nothing is to be guessed (no `probe_label`), the name of the ADSP record serves as
    the probe: no key is ever published there either, and it tells of ADSP as well.
    """
    if probe_label is None:
        probe = await _ask(domain, f"{_ADSP}._domainkey", source)
        return DkimDomain(domain, None, probe, probe)
    subtree, probe = await asyncio.gather(
        _ask(domain, "_domainkey", source),
        _ask(domain, f"{probe_label}._domainkey", source),
    )
    return DkimDomain(domain, subtree, probe)


async def _ask(domain: Domain, prefix: str, source: DnsSource | None) -> Answer:
    name = domain.fitting_child(prefix)
    if name is None:
        question = Question(domain, "TXT")
        return Failed(question, Reason.NOT_ASKED, f"no name {prefix} fits below {domain}")
    if source is None:
        question = Question(name, "TXT")
        return Failed(question, Reason.ALLOWANCE, "not asked, to keep the audit small")
    return await source.ask(Question(name, "TXT"))


def _texts(answer: Answer) -> tuple[Record, ...]:
    if not isinstance(answer, Records):
        return ()
    return tuple(record for record, _ in answer.holding(Txt))


def _observed(answer: Answer) -> Observed[KeyRecord]:
    if isinstance(answer, Failed):
        return Unknown.of(answer)
    texts = tuple(answer.of(Txt)) if isinstance(answer, Records) else ()
    if not texts:
        return absent(answer)
    if len(texts) > 1:
        return Malformed(f"holds {len(texts)} TXT records", evidence_of(answer))
    read = parse(texts[0].octets)
    if isinstance(read, NotAKey):
        return Malformed(f"holds a text that {read.kind.value}", evidence_of(answer))
    return Present(read, evidence_of(answer))


def _wildcard(answer: Answer, domain: DkimDomain | None) -> bool | None:
    """Tell whether the probe got the same: the same texts, or the same alias to nothing."""
    if isinstance(answer, Failed):
        return None
    if not isinstance(answer, Records) and not answer.aliases:
        return False
    if isinstance(answer, Records) and answer.wildcard is not None:
        return True
    if domain is None or isinstance(domain.probe, Failed):
        return None
    return _gist(answer) == _gist(domain.probe)


def _gist(answer: Answer) -> tuple[frozenset[str], tuple[Domain, ...]]:
    texts = frozenset(str(record.data) for record in _texts(answer))
    return texts, () if texts else tuple(alias.target for alias in answer.aliases)
