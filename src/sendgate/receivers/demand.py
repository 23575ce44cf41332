"""How a receiver's demand is written: `demand` makes a rule of it that speaks where it applies.

    family, bulk, replies, state + function of DomainFacts ──► Demand(rule, …)

A demand judges by what was seen for the other rules, never by DNS of its own. As a rule of
the audit it speaks only where its receiver was declared; `sendgate.audit.receivers` asks it
for the others too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sendgate.observed import Unknown
from sendgate.profile import Receiver
from sendgate.vocabulary import (
    Document,
    Hit,
    Rule,
    RuleFunction,
    RuleOf,
    Scope,
    Severity,
    Verdicts,
    cannot_tell,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["Demand", "Family", "State", "StateOf", "demand", "family_of"]

State = bool | Unknown | None  # met, not met; could not be seen; not declared, so not to be seen
StateOf = Callable[["DomainFacts"], State]


class Family(StrEnum):
    """The operators whose demands are known, whatever the volume."""

    GOOGLE = "google"
    YAHOO = "yahoo"
    MICROSOFT = "microsoft"
    APPLE = "apple"
    LAPOSTE = "laposte"


def family_of(receiver: Receiver) -> Family:
    """The operator whose demands a receiver makes."""
    return Family(receiver.value.removesuffix("-bulk"))


@dataclass(frozen=True)
class Demand:
    """One demand: its rule, who makes it, and whether of bulk senders alone.

    `state` tells whether it is met, where a single state decides; `shows` whether what was
    declared lets DNS show it at all.
    """

    rule: Rule
    family: Family
    bulk: bool
    state: StateOf | None
    shows: Callable[[DomainFacts], bool]

    def applies_to(self, receiver: Receiver) -> bool:
        """Whether this receiver makes the demand."""
        return family_of(receiver) is self.family and (receiver.is_bulk or not self.bulk)


def demand(
    id: str,
    severity: Severity,
    citation: Document,
    *,
    of: Family,
    remedy: str,
    bulk: bool = False,
    replies: str = "",
    state: StateOf | None = None,
    shows: Callable[[DomainFacts], bool] = lambda _facts: True,
    scope: Scope = Scope.SENDING,
) -> Callable[[RuleFunction], Demand]:
    """Make a demand of a function that says how it is not met.

    With `state` the function is called only where that is False; an unknown state is said
    as such. `replies` are the SMTP replies to expect; every message names them. What a
    demand rests on is in the evidence of other rules, so a hit keeps its subject alone.
    """

    def make(function: RuleFunction) -> Demand:
        @functools.wraps(function)
        def judged(facts: DomainFacts) -> Verdicts:
            if not any(made.applies_to(receiver) for receiver in facts.profile.receivers):
                return
            met = False if state is None else state(facts)
            if isinstance(met, Unknown):
                yield cannot_tell(met)
            elif met is False:
                for said in function(facts):
                    yield _with_replies(said, replies) if isinstance(said, Hit) else said

        if replies:
            judged.__doc__ = f"{function.__doc__}\n    Replies to expect: {replies}."
        rule: Rule = RuleOf(id, severity, scope, citation, remedy, judged)
        made = Demand(rule, of, bulk, state, shows)
        return made

    return make


def _with_replies(hit: Hit, replies: str) -> Hit:
    expect = f" (expect {replies})" if replies else ""
    return replace(hit, message=hit.message + expect, evidence=hit.evidence[:1])
