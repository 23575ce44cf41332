"""Discovery for one author domain: the policy that applies, and what aligns with it.

What `sendgate dmarc` shows. The identifiers are taken as authenticated; whether SPF or
DKIM would pass for them is not asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sendgate.dmarc.collect import read_walks
from sendgate.dmarc.facts import Applies, DmarcFacts
from sendgate.dmarc.record import Policy
from sendgate.dns.source import DnsSource
from sendgate.names import Domain
from sendgate.observed import Present, Unknown

__all__ = ["Discovery", "Verdict", "discover", "discovery_of"]

Verdict = Literal["aligned", "unaligned"]


@dataclass(frozen=True)
class Discovery:
    """The facts of one discovery, as `sendgate.dmarc/1` gives them.

    `queries` are the walk's questions in order. `organizational_domain` is None only where
    a failed question leaves it open. `spf` and `dkim` are None where no identifier was
    given or its alignment could not be told. `unknown` holds what failed and mattered.
    """

    domain: Domain
    queries: tuple[Domain, ...]
    record: str | None
    policy_domain: Domain | None
    organizational_domain: Domain | None
    applies: Applies | None
    policy: Policy | None
    effective_policy: Policy | None
    testing: bool
    spf: Verdict | None
    dkim: Verdict | None
    unknown: tuple[Unknown, ...]
    facts: DmarcFacts


async def discover(
    domain: Domain, spf_domain: Domain | None, dkim_domain: Domain | None, source: DnsSource
) -> Discovery:
    """Walk for `domain` and compare the identifiers with it (RFC 9989 sections 4.4, 4.10)."""
    identifiers = [name for name in (spf_domain, dkim_domain) if name is not None]
    facts = await read_walks(domain, identifiers, source)
    return discovery_of(facts, spf_domain, dkim_domain)


def discovery_of(
    facts: DmarcFacts, spf_domain: Domain | None, dkim_domain: Domain | None
) -> Discovery:
    """Sum up facts already collected."""
    applied = facts.policy.value if isinstance(facts.policy, Present) else None
    spf = _aligned(facts, spf_domain, applied is not None and applied.record.aspf == "s")
    dkim = _aligned(facts, dkim_domain, applied is not None and applied.record.adkim == "s")
    return Discovery(
        domain=facts.author,
        queries=facts.walk.queries,
        record=None if applied is None else str(applied.record),
        policy_domain=None if applied is None else applied.domain,
        organizational_domain=facts.organizational,
        applies=applied.tag if applied is not None and applied.processed else None,
        policy=None if applied is None else applied.policy,
        effective_policy=None if applied is None else applied.effective_policy,
        testing=applied is not None and applied.record.testing,
        spf=spf,
        dkim=dkim,
        unknown=_unknown(facts, {spf_domain: spf, dkim_domain: dkim}),
        facts=facts,
    )


def _aligned(facts: DmarcFacts, name: Domain | None, strict: bool) -> Verdict | None:
    if name is None:
        return None
    aligned = facts.aligns(name, strict=strict)
    if aligned and name != facts.author and isinstance(facts.policy, Unknown):
        return None  # the record that was not seen may ask for strict alignment
    return None if aligned is None else "aligned" if aligned else "unaligned"


def _unknown(facts: DmarcFacts, told: dict[Domain | None, Verdict | None]) -> tuple[Unknown, ...]:
    found = [facts.policy if isinstance(facts.policy, Unknown) else None]
    found.append(facts.organizational_unknown)
    for name, verdict in told.items():
        if name is not None and verdict is None:
            found.append(facts.unknown_of(name) or facts.walk.unknown)
    return tuple(dict.fromkeys(u for u in found if u is not None))
