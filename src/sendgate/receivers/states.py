"""Whether mail of a sender will meet what receivers ask: SPF, DKIM, alignment, a DMARC record.

Each is a `State`: True or False; Unknown where DNS did not tell; None where what would
show it was not declared.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sendgate.dkim.facts import MIN_RSA_BITS, DkimKey
from sendgate.dkim.record import RsaKey
from sendgate.dmarc.alignment import aligned, spf_passes
from sendgate.dmarc.walk import Step
from sendgate.names import Domain
from sendgate.observed import Absent, Evidence, Present, Unknown, nothing_seen
from sendgate.receivers.demand import State

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = [
    "aligned_pass",
    "both_pass",
    "dkim_aligned",
    "dkim_pass",
    "dmarc_evidence",
    "dmarc_pass",
    "dmarc_record",
    "either_passes",
    "key_evidence",
    "long_enough_key",
    "signers",
    "spf_aligned",
    "spf_evidence",
    "spf_pass",
    "spf_what",
]


def spf_pass(facts: DomainFacts) -> State:
    """Whether mail gets an SPF pass, aligned or not.

    A provider's own return path passes for the provider's addresses.
    """
    profile = facts.profile
    if profile.provider_return_path:
        return True
    if profile.return_path is None:
        return None
    passes = spf_passes(facts.spf, facts.spf_checks)
    if passes is not None:
        return passes
    if isinstance(facts.spf, Unknown):
        return facts.spf
    return next((c.result.unknown for c in facts.spf_checks if c.result.unknown is not None), None)


def dkim_pass(facts: DomainFacts) -> State:
    """Whether a declared key can give a DKIM pass, aligned or not."""
    return _any(_usable(key) for key in facts.dkim.named)


def spf_aligned(facts: DomainFacts) -> State:
    """Whether mail gets an SPF pass that aligns in relaxed mode, which is all that is asked."""
    role = facts.profile.return_path
    return None if role is None else _and(_aligns(facts, role.name), spf_pass(facts))


def dkim_aligned(facts: DomainFacts) -> State:
    """Whether a declared key can give a DKIM pass that aligns in relaxed mode."""
    keys = facts.dkim.named
    return _any(_and(_aligns(facts, key.selector.domain), _usable(key)) for key in keys)


def either_passes(facts: DomainFacts) -> State:
    """Whether SPF or DKIM passes."""
    return _or(spf_pass(facts), dkim_pass(facts))


def both_pass(facts: DomainFacts) -> State:
    """Whether SPF and DKIM pass."""
    return _and(spf_pass(facts), dkim_pass(facts))


def aligned_pass(facts: DomainFacts) -> State:
    """Whether SPF or DKIM passes and aligns."""
    return _or(spf_aligned(facts), dkim_aligned(facts))


def dmarc_record(facts: DomainFacts) -> State:
    """Whether a DMARC record applies that receivers act on."""
    policy = facts.dmarc.policy
    if isinstance(policy, Unknown):
        # There is one, even if it is open which of its policies applies.
        return True if isinstance(facts.dmarc.walk.policy_step, Step) else policy
    return isinstance(policy, Present) and policy.value.processed


def dmarc_pass(facts: DomainFacts) -> State:
    """Whether a DMARC record applies and something aligned passes."""
    return _and(dmarc_record(facts), aligned_pass(facts))


def long_enough_key(facts: DomainFacts) -> State:
    """Whether a declared key is long enough; True too where there is no key at all."""
    named = facts.dkim.named
    if not named:
        return None
    keys = [key for key in named if key.record is not None and not key.record.revoked]
    if any(not _is_short(key) for key in keys):
        return True
    unread = (key.observed for key in named if isinstance(key.observed, Unknown))
    return next(unread, not keys)


def _is_short(key: DkimKey) -> bool:
    public = None if key.record is None else key.record.key
    return isinstance(public, RsaKey) and public.bits < MIN_RSA_BITS


def spf_what(facts: DomainFacts) -> str:
    """What there is instead of an SPF pass, in words."""
    if isinstance(facts.spf, Absent):
        return f"{facts.spf_domain} has no SPF record"
    failing = [c for c in facts.spf_checks if c.passes is False]
    if failing:
        return f"{failing[0].ip} gets {failing[0].result.result} at {failing[0].domain}"
    return f"the record at {facts.spf_domain} lets nobody pass"


def signers(facts: DomainFacts) -> str:
    """The declared keys in words: ``s1 of news.example.com``."""
    return " and ".join(f"{k.selector.name} of {k.selector.domain}" for k in facts.dkim.named)


def spf_evidence(facts: DomainFacts) -> tuple[Evidence, ...]:
    """The SPF record, or its absence."""
    seen = () if isinstance(facts.spf, Unknown) else facts.spf.evidence
    return seen or (nothing_seen(facts.spf_domain, "TXT"),)


def key_evidence(facts: DomainFacts) -> tuple[Evidence, ...]:
    """The declared keys, or their absence."""
    keys = [key.observed for key in facts.dkim.named if not isinstance(key.observed, Unknown)]
    seen = tuple(piece for observed in keys for piece in observed.evidence)
    return seen or (nothing_seen(facts.profile.sending, "TXT"),)


def dmarc_evidence(facts: DomainFacts) -> tuple[Evidence, ...]:
    """The DMARC record that applies, or its absence."""
    policy = facts.dmarc.policy
    seen = () if isinstance(policy, Unknown) else policy.evidence
    return seen or (nothing_seen(facts.profile.sending, "TXT"),)


def _usable(key: DkimKey) -> State:
    return key.observed if isinstance(key.observed, Unknown) else key.usable


def _aligns(facts: DomainFacts, name: Domain) -> State:
    aligns = aligned(name, facts.dmarc, "relaxed")
    if aligns is not None:
        return aligns
    return facts.dmarc.unknown_of(name) or facts.dmarc.organizational_unknown


def _any(states: Iterable[State]) -> State:
    found = list(states)
    return functools.reduce(_or, found) if found else None


def _or(one: State, other: State) -> State:
    """True if one is; else what is not known, before what was not declared; else False."""
    if one is True or other is True:
        return True
    return _open(one, other, False)


def _and(one: State, other: State) -> State:
    """False if one is; else what is not known, before what was not declared; else True."""
    if one is False or other is False:
        return False
    return _open(one, other, True)


def _open(one: State, other: State, settled: bool) -> State:
    for state in (one, other):
        if isinstance(state, Unknown):
            return state
    return None if one is None or other is None else settled
