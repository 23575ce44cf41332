"""What a received message shows of faults that an audit foretells: SPF, DKIM keys, alignment.

Each rule here is one of the audit's, with its id and words, judged on what happened to one
message. They are silent about a message that is yet to leave, whose domain is audited.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from sendgate.dkim import rules as dkim
from sendgate.dkim import setting_rules
from sendgate.dkim.rules import ADVISED_RSA_BITS
from sendgate.dmarc import alignment_rules as alignment
from sendgate.dmarc.record import Policy
from sendgate.message.dmarc import DmarcResult, MessageDmarc
from sendgate.message.facts import MessageFacts
from sendgate.message.verify import SignatureResult
from sendgate.names import printable
from sendgate.observed import Evidence, Present, evidence_of
from sendgate.spf import use_rules as spf
from sendgate.spf.facts import Result, candidates
from sendgate.vocabulary import Hit, Rule, RuleOf, Severity, Verdicts, cannot_tell

__all__ = ["RULES"]

Judge = Callable[[MessageFacts], Verdicts]


def _as(rule: Rule) -> Callable[[Judge], RuleOf[MessageFacts]]:
    """Make a rule of the audit one of messages: the same in all but what it looks at."""

    def make(function: Judge) -> RuleOf[MessageFacts]:
        named = functools.wraps(rule.function, assigned=("__name__", "__doc__"))(function)
        return RuleOf(rule.id, rule.severity, rule.scope, rule.citation, rule.remedy, named)

    return make


@_as(spf.no_spf_record)
def _no_spf_record(facts: MessageFacts) -> Verdicts:
    found = facts.spf
    if found is None or found.domain is None or found.result.result is not Result.NONE:
        return
    vouched = facts.dmarc is not None and facts.dmarc.dkim == "aligned"
    severity = Severity.WARNING if vouched else None
    yield Hit(f"{found.domain} has no SPF record", _spf_evidence(facts), severity)


@_as(spf.sender_not_authorised)
def _sender_not_authorised(facts: MessageFacts) -> Verdicts:
    found = facts.spf
    if found is None or found.passed:
        return
    result = found.result
    if result.unknown is not None:
        # Mail that passes DMARC by its signature is taken without this.
        yield cannot_tell(result.unknown, _mild(facts))
        return
    if result.result is Result.NONE and found.domain is not None:
        return  # SPF001
    identity = found.connection.identity
    text = f"{found.connection.ip} gets {result.result} for {printable(identity[:80])}"
    why = result.problem or (result.mechanism and f"by {result.mechanism}") or ""
    weak = result.result in {Result.SOFTFAIL, Result.NEUTRAL, Result.NONE}
    yield Hit(
        f"{text}: {why}" if why else text,
        _spf_evidence(facts),
        Severity.WARNING if weak else _mild(facts),
    )


def _mild(facts: MessageFacts) -> Severity | None:
    passes = facts.dmarc is not None and facts.dmarc.result is DmarcResult.PASS
    return Severity.WARNING if passes else None


def _spf_evidence(facts: MessageFacts) -> tuple[Evidence, ...]:
    answer = None if facts.spf is None else facts.spf.result.answer
    return (facts.at("From"),) if answer is None else evidence_of(answer, *candidates(answer))


@_as(dkim.short_key)
def _short_key(facts: MessageFacts) -> Verdicts:
    for one in _received(facts):
        bits = one.key_bits or ADVISED_RSA_BITS
        if one.signature.algorithm.startswith("rsa") and bits < ADVISED_RSA_BITS:
            yield Hit(
                f"{_named(one)} is made with a key of {bits} bits; {ADVISED_RSA_BITS} are advised",
                _at(facts, one),
            )


@_as(dkim.key_in_test_mode)
def _key_in_test_mode(facts: MessageFacts) -> Verdicts:
    for one in _received(facts):
        if one.testing:
            yield Hit(f"{_named(one)} names a key that is in test mode (t=y)", _at(facts, one))


@_as(setting_rules.only_ed25519_keys)
def _only_ed25519_keys(facts: MessageFacts) -> Verdicts:
    found = _received(facts)
    if {one.signature.algorithm for one in found} == {"ed25519-sha256"}:
        yield Hit("every signature that verifies is an Ed25519 one", _at(facts, found[0]))


@_as(alignment.nothing_aligns)
def _nothing_aligns(facts: MessageFacts) -> Verdicts:
    dmarc = facts.dmarc
    if dmarc is None or dmarc.author is None or _passes(dmarc):
        return
    if dmarc.result is DmarcResult.TEMPERROR:
        for unknown in dmarc.unknown:
            yield cannot_tell(unknown, None if dmarc.spf_checked else Severity.WARNING)
        return
    passed = bool(facts.passing) or (facts.spf is not None and facts.spf.passed)
    no_policy = dmarc.result is DmarcResult.NONE
    # What nobody looked at may align; and without a policy, a pass of another domain serves.
    mild = not dmarc.spf_checked or (no_policy and passed)
    yield Hit(_why(dmarc, facts), _author_evidence(facts), Severity.WARNING if mild else None)


def _passes(dmarc: MessageDmarc) -> bool:
    return "aligned" in (dmarc.spf, dmarc.dkim)


def _why(dmarc: MessageDmarc, facts: MessageFacts) -> str:
    if dmarc.result is DmarcResult.FAIL:
        return dmarc.reason
    passed = [f"DKIM passes for {one.signature.domain}" for one in facts.passing]
    if facts.spf is not None and facts.spf.passed:
        passed.append(f"SPF passes for {facts.spf.domain}")
    if passed:
        return f"{', '.join(dict.fromkeys(passed))}, which does not align with {dmarc.author}"
    if dmarc.spf_checked:
        return f"neither SPF nor a DKIM signature passes for {dmarc.author}"
    return f"no DKIM signature passes for {dmarc.author}; SPF was not checked"


@_as(alignment.only_spf_aligns)
def _only_spf_aligns(facts: MessageFacts) -> Verdicts:
    yield from _spf_alone(facts, rejecting=False)


@_as(alignment.reject_on_spf_alone)
def _reject_on_spf_alone(facts: MessageFacts) -> Verdicts:
    yield from _spf_alone(facts, rejecting=True)


def _spf_alone(facts: MessageFacts, *, rejecting: bool) -> Verdicts:
    dmarc = facts.dmarc
    if dmarc is None or dmarc.facts is None or dmarc.spf != "aligned" or dmarc.dkim == "aligned":
        return
    if any(one.unknown is not None for one in facts.results):
        return  # DKIM016 says what could not be told
    policy = dmarc.facts.policy
    rejects = isinstance(policy, Present) and policy.value.policy is Policy.REJECT
    if rejects is rejecting:
        how = "p=reject rests on SPF alone" if rejecting else "only SPF aligns"
        yield Hit(f"{how}: no signature of {dmarc.author} passes", _author_evidence(facts))


def _received(facts: MessageFacts) -> tuple[SignatureResult, ...]:
    """One signature that verifies for each key, of a message whose domain no audit goes with."""
    passing = facts.passing if facts.dmarc is not None else ()
    keys = {one.signature.question: one for one in reversed(passing)}
    return tuple(reversed(keys.values()))


def _named(one: SignatureResult) -> str:
    return f"the signature of {one.signature.domain} (selector {one.signature.selector})"


def _at(facts: MessageFacts, one: SignatureResult) -> tuple[Evidence, ...]:
    return (facts.at("DKIM-Signature", one.signature.field),)


def _author_evidence(facts: MessageFacts) -> tuple[Evidence, ...]:
    return (facts.at("From", facts.message.first("From")),)


RULES: tuple[RuleOf[MessageFacts], ...] = (
    _no_spf_record,
    _sender_not_authorised,
    _short_key,
    _key_in_test_mode,
    _only_ed25519_keys,
    _reject_on_spf_alone,
    _nothing_aligns,
    _only_spf_aligns,
)
"""The rules for received messages, beside those that every message has."""
