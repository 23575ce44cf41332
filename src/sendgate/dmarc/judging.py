"""What the DMARC rules judge: whose records, and what they say where one was not seen.

A registry's record at a public suffix governs names below it and is nobody else's to mend,
so the rules leave it alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from sendgate.dmarc.facts import AppliedPolicy, DmarcFacts
from sendgate.dmarc.suffixes import is_public_suffix
from sendgate.dmarc.walk import Step
from sendgate.names import Domain
from sendgate.observed import Evidence, Malformed, Present, Unknown
from sendgate.vocabulary import CannotTell, RuleFunction, Severity, Verdicts, cannot_tell, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = [
    "Seen",
    "governing",
    "is_void_at",
    "on_policy",
    "open_organizational",
    "owned_steps",
    "unread_steps",
]

Seen = tuple[Evidence, ...]


def governing(facts: DomainFacts) -> Present[AppliedPolicy] | Unknown | None:
    """Give the record that applies to the sender's mail; None: none, or a registry's."""
    policy = facts.dmarc.policy
    if isinstance(policy, Unknown):
        return policy
    if not isinstance(policy, Present) or not _is_owned(facts.dmarc, policy.value.domain):
        return None
    return policy


def on_policy(function: Callable[[DomainFacts, AppliedPolicy, Seen], Verdicts]) -> RuleFunction:
    """Make a rule of what judges the record that applies; unknown where it could not be read."""

    @functools.wraps(function)
    def judged(facts: DomainFacts) -> Verdicts:
        match governing(facts):
            case Unknown() as unknown:
                yield cannot_tell(unknown)
            case Present(applied, evidence):
                yield from function(facts, applied, evidence)

    return judged


def owned_steps(dmarc: DmarcFacts) -> tuple[Step, ...]:
    """Give the steps of the author's walk that are not a registry's."""
    return tuple(step for step in dmarc.walk.steps if _is_owned(dmarc, step.domain))


def _is_owned(dmarc: DmarcFacts, domain: Domain) -> bool:
    return domain == dmarc.author or not is_public_suffix(domain)


def unread_steps(facts: DomainFacts, severity: Severity | None = None) -> Verdicts:
    """Say of each owned step that failed that a rule about its texts cannot tell."""
    for step in owned_steps(facts.dmarc):
        yield from unread(step.answer, severity)


def open_organizational(facts: DomainFacts, severity: Severity | None = None) -> CannotTell | None:
    """Give what to say where the organizational domain is not known; None where it is."""
    unknown = facts.dmarc.organizational_unknown
    return None if unknown is None else cannot_tell(unknown, severity)


def is_void_at(step: Step) -> bool:
    """Whether a record was published here and none of it counts."""
    return isinstance(step.seen, Malformed) or (bool(step.void) and step.record is None)
