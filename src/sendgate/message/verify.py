"""Verify every signature of a message: `Message` + the answers for its keys + a time -> results.

Two steps, so that judging asks nothing: `key_questions` says what to ask, `verify` is a
pure function of the answers. The results are those of RFC 8601 section 2.7.1.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendgate.dkim.facts import MIN_RSA_BITS
from sendgate.dkim.record import KeyRecord, RsaKey, parse
from sendgate.dns.answers import Answer, Failed, Question, Records, Txt
from sendgate.message.adapter import BodyHashError, Checker, KeyUnreadableError
from sendgate.message.record import Field, Message
from sendgate.message.signature import (
    MAX_SIGNATURES,
    Cause,
    Kind,
    Signature,
    SignatureProblem,
    signatures,
)
from sendgate.observed import Unknown

__all__ = ["Result", "SignatureResult", "key_questions", "verify", "verify_one"]

MAX_RSA_BITS = 8192  # verifiers must take 4096 (RFC 8301 section 3.2); more costs them time
CLOCK_SKEW = 3600  # seconds that a signer's clock may be ahead of the receiver's


class Result(StrEnum):
    """What a verifier makes of one signature (RFC 8601 section 2.7.1)."""

    PASS = "pass"
    FAIL = "fail"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"
    POLICY = "policy"


_RESULTS = {
    Cause.SYNTAX: Result.PERMERROR,
    Cause.FROM_NOT_SIGNED: Result.PERMERROR,
    Cause.EXPIRED: Result.FAIL,
    Cause.SHA1: Result.PERMERROR,  # RFC 8301 section 3.1
    Cause.NO_KEY: Result.PERMERROR,
    Cause.WEAK_KEY: Result.POLICY,
    Cause.BODY: Result.FAIL,
    Cause.SIGNATURE: Result.FAIL,
    Cause.DNS: Result.TEMPERROR,
    Cause.NOT_TRIED: Result.POLICY,
}


@dataclass(frozen=True)
class SignatureResult:
    """One signature and what verifying it came to.

    `problem` is None exactly where the result is pass. `key_bits` is None where no key was
    read. `unknown` says which answer was missing where the result is temperror.
    """

    signature: Signature
    problem: SignatureProblem | None
    key_bits: int | None = None
    testing: bool = False
    unknown: Unknown | None = None

    @property
    def result(self) -> Result:
        """The result in the words of RFC 8601."""
        return Result.PASS if self.problem is None else _RESULTS[self.problem.cause]

    @property
    def passed(self) -> bool:
        """Whether the signature verifies."""
        return self.problem is None

    @property
    def reason(self) -> str:
        """Why it does not pass, as a clause that can follow "the signature"; else empty."""
        return "" if self.problem is None else self.problem.text


def key_questions(message: Message) -> tuple[Question, ...]:
    """Give the questions for the keys of a message's signatures, each once, in order."""
    asked = (signature.question for signature in signatures(message)[:MAX_SIGNATURES])
    return tuple(dict.fromkeys(question for question in asked if question is not None))


def verify(
    message: Message, answers: Mapping[Question, Answer], now: datetime
) -> tuple[SignatureResult, ...]:
    """Verify every signature, in the order of the message.

    `now` is the time of receipt of mail already delivered, else the present. A question
    without an answer counts as not asked. Signatures beyond `MAX_SIGNATURES` are not tried.
    """
    seconds = int(now.timestamp())
    found = signatures(message)
    checker = Checker(message)
    tried = [verify_one(checker, one, answers, seconds) for one in found[:MAX_SIGNATURES]]
    text = f"was not tried: {MAX_SIGNATURES} stand before it"
    left = SignatureProblem(Cause.NOT_TRIED, text)
    return (*tried, *(SignatureResult(one, left) for one in found[MAX_SIGNATURES:]))


def verify_one(
    checker: Checker,
    signature: Signature,
    answers: Mapping[Question, Answer],
    seconds: int,
    fields: Sequence[Field] | None = None,
) -> SignatureResult:
    """Verify one signature; `fields` as in `Checker.verifies`."""
    if signature.problem is not None:
        return SignatureResult(signature, signature.problem)
    expired = _expired(signature, seconds)
    if expired:
        return SignatureResult(signature, SignatureProblem(Cause.EXPIRED, expired))
    question = signature.question
    assert question is not None  # syntax, found sound
    answer = answers.get(question)
    if answer is None or isinstance(answer, Failed):
        unknown = _unasked(question) if answer is None else Unknown.of(answer)
        text = f"names a key that could not be looked up: {question.name}, {unknown.text}"
        return SignatureResult(signature, SignatureProblem(Cause.DNS, text), unknown=unknown)
    record = _key_record(answer)
    if isinstance(record, str):
        return SignatureResult(signature, SignatureProblem(Cause.NO_KEY, record))
    return _with_key(checker, signature, record, question, fields)


def _unasked(question: Question) -> Unknown:
    from sendgate.dns.answers import Reason

    return Unknown(question, Reason.NOT_ASKED)


def _expired(signature: Signature, seconds: int) -> str | None:
    """RFC 6376 section 3.5: x= after t=, and not in the past."""
    time, expires = signature.time, signature.expires
    if expires is not None and time is not None and expires <= time:
        return f"expires before it was made: t={time}, x={expires}"
    if expires is not None and expires < seconds:
        return f"expired {_shown(seconds - expires)} before: x={expires}"
    if time is not None and time > seconds + CLOCK_SKEW:
        return f"was made {_shown(time - seconds)} in the future: t={time}"
    return None


def _shown(seconds: int) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _key_record(answer: Answer) -> KeyRecord | str:
    """Find the one key record of an answer, or say why there is none that serves."""
    name = answer.question.name
    found = [*answer.of(Txt)] if isinstance(answer, Records) else []
    if not found:
        return f"names a key that does not exist: {name} has no TXT record"
    read = [record for record in (parse(text.octets) for text in found)
            if isinstance(record, KeyRecord)]  # fmt: skip
    if not read:
        return f"names a key that does not exist: the TXT record at {name} is none"
    if len(read) > 1:
        return f"names a key that is not the only one: {name} has {len(read)} key records"
    record = read[0]
    if record.problems:
        return f"names a key that is broken: the record at {name} {record.problems[0].text}"
    if record.revoked:
        return f"names a key that is revoked: {name}"
    if not record.for_email:
        return f"names a key that is not for e-mail: {name}"
    if not record.for_sha256:
        return f"names a key that is not for SHA-256: {name}"
    return record


def _with_key(
    checker: Checker,
    signature: Signature,
    record: KeyRecord,
    question: Question,
    fields: Sequence[Field] | None,
) -> SignatureResult:
    key = record.key
    assert key is not None  # neither revoked nor broken
    bits = key.bits if isinstance(key, RsaKey) else 256
    problem: SignatureProblem | None = None
    if bits < MIN_RSA_BITS and isinstance(key, RsaKey):
        text = f"names a key of {bits} bits, and verifiers take none below {MIN_RSA_BITS}"
        problem = SignatureProblem(Cause.WEAK_KEY, text)
    elif bits > MAX_RSA_BITS:
        text = f"names a key of {bits} bits, longer than is tried"
        problem = SignatureProblem(Cause.NOT_TRIED, text)
    elif record.same_domain_only and not _same_domain(signature):
        text = f"has an identity in a subdomain, which the key at {question.name} forbids"
        problem = SignatureProblem(Cause.NO_KEY, text)
    else:
        problem = _checked(checker, signature, record, question, fields)
    return SignatureResult(signature, problem, bits, record.testing)


def _same_domain(signature: Signature) -> bool:
    identity = signature.tags.get("i")
    if identity is None or signature.kind is not Kind.DKIM:
        return True
    return identity.rpartition("@")[2].lower() == str(signature.domain)


def _checked(
    checker: Checker,
    signature: Signature,
    record: KeyRecord,
    question: Question,
    fields: Sequence[Field] | None,
) -> SignatureProblem | None:
    data = (record.data or "").rstrip("=")
    octets = binascii.a2b_base64(data + "=" * (-len(data) % 4))
    try:
        if checker.verifies(signature, record.key_type, octets, fields):
            return None
    except BodyHashError:
        return SignatureProblem(
            Cause.BODY, "does not fit the body: its hash differs from bh=, so the body was changed"
        )
    except KeyUnreadableError:
        return SignatureProblem(
            Cause.NO_KEY, f"names a key that does not fit {signature.algorithm}: {question.name}"
        )
    return SignatureProblem(
        Cause.SIGNATURE,
        f"does not verify with the key at {question.name}: "
        "a signed field was changed, or another key signed",
    )
