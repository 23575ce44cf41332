"""What each receiver's demands come to for one sender, whether it was declared or not.

Undeclared receivers change no verdict of the audit and make no finding; this is where they
are reported. Waivers and filters do not reach these verdicts: they say what a receiver will
do, and a receiver knows of neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sendgate.audit.facts import DomainFacts
from sendgate.audit.report import Verdict
from sendgate.profile import Receiver
from sendgate.receivers.data import RECEIVERS
from sendgate.receivers.demand import Demand
from sendgate.receivers.rules import DEMANDS
from sendgate.vocabulary import CannotTell, Hit, Severity

__all__ = ["ReceiverVerdict", "receiver_verdicts"]


@dataclass(frozen=True)
class ReceiverVerdict:
    """One receiver's verdict.

    `failed` are the rules of the demands that are not met, at error; `why` says of each what
    is asked, what is wrong and which replies to expect. `unknown` are those that
    DNS did not tell, or that what was declared does not show, although mail stands or falls
    by them. `not_observable` are those that DNS does not show at all, or not by what was
    declared. All are ids, sorted.
    """

    receiver: Receiver
    declared: bool
    verdict: Verdict
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    not_observable: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)


def receiver_verdicts(facts: DomainFacts) -> tuple[ReceiverVerdict, ...]:
    """Judge the demands of every receiver.

    They are *not applicable* to a name that nothing says is meant to send, whatever its MX.
    """
    return tuple(_verdict(receiver, facts) for receiver in Receiver)


def _verdict(receiver: Receiver, facts: DomainFacts) -> ReceiverVerdict:
    declared = receiver in facts.profile.receivers
    if not facts.profile.declared:
        return ReceiverVerdict(receiver, declared, Verdict.NOT_APPLICABLE)
    as_declared = replace(facts, profile=replace(facts.profile, receivers=(receiver,)))
    demands = [demand for demand in DEMANDS if demand.applies_to(receiver)]
    said = {d.rule.id: tuple(_deciding(d, as_declared)) for d in demands}
    hits = {
        rule: [one.message for one in ones if isinstance(one, Hit)] for rule, ones in said.items()
    }
    failed = {rule for rule, messages in hits.items() if messages}
    unseen = {rule for rule, ones in said.items() if len(ones) > len(hits[rule])}
    undeclared = {d.rule.id for d in demands if d.state is not None and d.state(facts) is None}
    unshown = {d.rule.id for d in demands if not d.shows(facts)}
    unknown = unseen | undeclared
    verdict = Verdict.FAIL if failed else Verdict.UNKNOWN if unknown else Verdict.PASS
    hidden = {*RECEIVERS[receiver].hidden, *undeclared, *unshown}
    return ReceiverVerdict(
        receiver,
        declared,
        verdict,
        failed=tuple(sorted(failed)),
        unknown=tuple(sorted(unknown)),
        not_observable=tuple(sorted(hidden)),
        why={rule: "; ".join(hits[rule]) for rule in sorted(failed)},
    )


def _deciding(demand: Demand, facts: DomainFacts) -> Iterator[Hit | CannotTell]:
    """What a demand says that decides: only errors do."""
    for said in demand.rule.judge(facts):
        if (said.severity or demand.rule.severity) is Severity.ERROR:
            yield said
