"""ARC (RFC 8617): the chain of signatures that forwarders add -> none, pass or fail.

    Message ──► read_chain ──► Chain (sets, or what breaks it) ──► verify_chain ──► ArcResult

Judging asks nothing, as with DKIM: `Chain.questions` says what to ask. A set has three
fields with one instance number: results (AAR), a signature over the message (AMS), and a
seal (AS) over all ARC fields so far.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendgate.dns.answers import Answer, Question
from sendgate.message.adapter import Checker
from sendgate.message.record import Field, Message
from sendgate.message.signature import Cause, Kind, Signature, read
from sendgate.message.verify import SignatureResult, verify_one
from sendgate.observed import Unknown

__all__ = ["MAX_SETS", "ArcResult", "ArcSet", "ArcState", "Chain", "read_chain", "verify_chain"]

MAX_SETS = 50  # RFC 8617 section 4.2.1

_NAMES = ("ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal")
_INSTANCE = re.compile(rb"(?:^|;)[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,3})[ \t\r\n]*(?:;|\Z)")


class ArcState(StrEnum):
    """The chain validation status (RFC 8617 section 4.4)."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"


@dataclass(frozen=True)
class ArcSet:
    """One set of the chain: its three fields, its two signatures as read."""

    instance: int
    fields: tuple[Field, Field, Field]
    message: Signature
    seal: Signature


@dataclass(frozen=True)
class Chain:
    """The sets, the first one first; `fault` says why there is no sound chain, else None."""

    sets: tuple[ArcSet, ...] = ()
    fault: str | None = None

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions for the keys: of each seal, and of the last message signature."""
        if self.fault is not None or not self.sets:
            return ()
        found = [one.seal.question for one in self.sets] + [self.sets[-1].message.question]
        return tuple(dict.fromkeys(question for question in found if question is not None))


@dataclass(frozen=True)
class ArcResult:
    """What the chain comes to: why it fails, how many sets it has, who sealed it last.

    `unknown` says which answer was missing where a failure rests on that: RFC 8617 has no
    result for a while.
    """

    state: ArcState
    reason: str = ""
    sets: int = 0
    sealer: str | None = None
    unknown: Unknown | None = None


def read_chain(message: Message) -> Chain:
    """Put the ARC fields of a message in order (RFC 8617 section 5.2, steps 1 to 3)."""
    found: dict[int, dict[str, Field]] = {}
    for name in _NAMES:
        for field in message.all(name):
            instance = _instance(field)
            if instance is None:
                return Chain(fault=f"an {name} field has no instance number (i=)")
            if not 1 <= instance <= MAX_SETS:
                return Chain(fault=f"an {name} field has the instance number {instance}")
            if name in found.setdefault(instance, {}):
                return Chain(fault=f"two {name} fields have the instance number {instance}")
            found[instance][name] = field
    sets = []
    for number in range(1, len(found) + 1):
        fields = found.get(number, {})
        missing = [name for name in _NAMES if name not in fields]
        if missing:
            return Chain(fault=f"set {number} has no {missing[0]} field")
        results, signed, seal = (fields[name] for name in _NAMES)
        sets.append(
            ArcSet(
                number,
                (results, signed, seal),
                read(signed, Kind.ARC_MESSAGE),
                read(seal, Kind.ARC_SEAL),
            )
        )
    return Chain(tuple(sets), _fault(sets))


def _instance(field: Field) -> int | None:
    # An AAR is no tag list, but begins with i= as one does.
    match = _INSTANCE.search(field.value[:20_000].strip(b" \t\r\n"))
    return None if match is None else int(match[1])


def _fault(sets: list[ArcSet]) -> str | None:
    for one in sets:
        cv = one.seal.tags.get("cv") or ""
        due = "none" if one.instance == 1 else "pass"
        if cv.lower() == "fail":
            return f"set {one.instance} says that the chain failed before it"
        if cv.lower() != due:
            return f"the seal of set {one.instance} has cv={cv[:20] or '(nothing)'}, not cv={due}"
        if one.seal.tags.get("h") is not None:
            return f"the seal of set {one.instance} has h=, which no seal may have"
        if "arc-seal" in one.message.signed:
            return f"the message signature of set {one.instance} covers ARC-Seal"
        for what, read_as in (("message signature", one.message), ("seal", one.seal)):
            # Older message signatures may no longer fit; they must still be ones.
            if read_as.problem is not None and read_as.problem.cause is Cause.SYNTAX:
                return f"the {what} of set {one.instance} {read_as.problem.text}"
    return None


def verify_chain(
    message: Message, chain: Chain, answers: Mapping[Question, Answer], now: datetime
) -> ArcResult:
    """Verify the last message signature and every seal (RFC 8617 section 5.2, steps 4 to 7)."""
    if chain.fault is not None:
        return ArcResult(ArcState.FAIL, chain.fault, len(chain.sets))
    if not chain.sets:
        return ArcResult(ArcState.NONE)
    last, seconds = chain.sets[-1], int(now.timestamp())
    sealer = str(last.seal.domain)
    checker = Checker(message)

    def failed(what: str, result: SignatureResult) -> ArcResult:
        text = f"the {what} {result.reason}"
        return ArcResult(ArcState.FAIL, text, len(chain.sets), sealer, result.unknown)

    signed = verify_one(checker, last.message, answers, seconds)
    if not signed.passed:
        return failed(f"message signature of set {last.instance}", signed)
    for one in reversed(chain.sets):
        before = [field for each in chain.sets[: one.instance] for field in each.fields]
        sealed = verify_one(checker, one.seal, answers, seconds, before[:-1])
        if not sealed.passed:
            return failed(f"seal of set {one.instance}", sealed)
    return ArcResult(ArcState.PASS, "", len(chain.sets), sealer)
