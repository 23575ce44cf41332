"""What can be wrong with a message's DKIM signatures: DKIM016 to DKIM020, DKIM022.

Each signature that does not pass has one cause, and each cause belongs to one rule. Where
another signature of the same domain passes, or in a received message one that aligns, the
message is authenticated all the same, and the one that does not is a warning.
"""

from __future__ import annotations

from sendgate.message.facts import MessageFacts
from sendgate.message.signature import SHOWN, Cause
from sendgate.message.verify import Result, SignatureResult
from sendgate.observed import Evidence
from sendgate.vocabulary import Hit, Rfc, RuleOf, Severity, Verdicts, cannot_tell, rule

__all__ = ["RULES"]

# Fields that a reader sees; the unsubscribe fields too, where no rule of their own is due.
_SEEN = ("subject", "date", "to")
_LIST = ("list-unsubscribe", "list-unsubscribe-post")


def _at(facts: MessageFacts, result: SignatureResult) -> tuple[Evidence, ...]:
    return (facts.at("DKIM-Signature", result.signature.field),)


def _named(result: SignatureResult) -> str:
    signature = result.signature
    selector = signature.selector[:SHOWN]
    return f"the signature of {signature.domain or 'no domain'} (selector {selector})"


def _degree(facts: MessageFacts, result: SignatureResult) -> Severity | None:
    if facts.dmarc is not None and facts.dmarc.dkim == "aligned":
        return Severity.WARNING  # received, and authenticated by another
    same = [one for one in facts.passing if one.signature.domain == result.signature.domain]
    return Severity.WARNING if same else None


def _of(facts: MessageFacts, *causes: Cause) -> Verdicts:
    for result in facts.results:
        if result.problem is not None and result.problem.cause in causes:
            text = f"{_named(result)} {result.reason}"
            yield Hit(text, _at(facts, result), _degree(facts, result))


@rule(
    "DKIM016",
    Severity.ERROR,
    Rfc(6376, "6.1.3"),
    remedy="Sign the message as the last step, with the key whose public half is published, "
    "and let nothing change it afterwards.",
)
def failed_signature(facts: MessageFacts) -> Verdicts:
    """A DKIM signature does not verify.

    The body or a signed field was changed after signing, or the key at the selector is
    missing, broken, too short or another one. A receiver treats the message as unsigned by
    this domain, so DMARC rests on SPF alone.
    """
    for result in facts.results:
        if result.result is Result.TEMPERROR and result.unknown is not None:
            yield cannot_tell(result.unknown, _degree(facts, result))
    yield from _of(
        facts, Cause.BODY, Cause.SIGNATURE, Cause.NO_KEY, Cause.WEAK_KEY, Cause.SYNTAX
    )  # fmt: skip


@rule(
    "DKIM017",
    Severity.ERROR,
    Rfc(6376, "5.4"),
    remedy="Name From in h= of every signature.",
)
def from_not_signed(facts: MessageFacts) -> Verdicts:
    """A DKIM signature does not cover the From field.

    Verifiers must treat such a signature as void, for anybody could change who the mail
    says it is from.
    """
    yield from _of(facts, Cause.FROM_NOT_SIGNED)


@rule(
    "DKIM018",
    Severity.ERROR,
    Rfc(6376, "3.5"),
    remedy="Sign with a correct clock, and leave x= out or set it days after t=.",
)
def expired_signature(facts: MessageFacts) -> Verdicts:
    """A DKIM signature has expired, or its times contradict each other.

    Verifiers may count a signature as failed once x= is past, when x= is not after t=, or
    when it was made in the future. Deferred mail can arrive days after it was signed.
    """
    yield from _of(facts, Cause.EXPIRED)


@rule(
    "DKIM019",
    Severity.ERROR,
    Rfc(8301, "3.1"),
    remedy="Sign with rsa-sha256, or with it and ed25519-sha256.",
)
def sha1_signature(facts: MessageFacts) -> Verdicts:
    """A DKIM signature uses rsa-sha1.

    SHA-1 is broken: verifiers must not accept it, so the message counts as unsigned.
    """
    yield from _of(facts, Cause.SHA1)


@rule(
    "DKIM020",
    Severity.WARNING,
    Rfc(6376, "8.2"),
    remedy="Sign the whole body: leave l= out.",
)
def partly_signed_body(facts: MessageFacts) -> Verdicts:
    """A DKIM signature covers only the first part of the body, as its l= says.

    Anybody can add text after that part, or replace what the reader sees in HTML mail, and
    the signature still verifies. Some receivers do not count such a signature.
    """
    for result in facts.results:
        if result.signature.length is not None:
            text = f"{_named(result)} covers {result.signature.length} octets of the body"
            yield Hit(text, _at(facts, result))


@rule(
    "DKIM022",
    Severity.NOTE,
    Rfc(6376, "5.4.1"),
    remedy="Name the fields that a reader sees in h=, and From once more than it stands there.",
)
def open_fields(facts: MessageFacts) -> Verdicts:
    """Fields that matter are not signed, or another From could be added.

    What no signature covers can be changed on the way without a trace. Naming From once more
    than it stands there makes a second From break the signature.
    """
    passing = facts.passing
    if not passing:
        return
    signed = {name for result in passing for name in result.signature.signed}
    due = _SEEN if facts.must_unsubscribe else _SEEN + _LIST  # UNS003
    left = [name for name in due if name not in signed and facts.message.all(name)]
    if left:
        fields = [facts.message.first(name) for name in left]
        shown = [field for field in fields if field is not None]
        yield Hit(
            f"no signature covers {', '.join(field.name for field in shown)}",
            (*_at(facts, passing[0]), *(facts.at(field.name, field) for field in shown)),
        )
    count = len(facts.message.all("From"))
    if not any(result.signature.signed.count("from") > count for result in passing):
        yield Hit("no signature names From once more than it stands there", _at(facts, passing[0]))


RULES: tuple[RuleOf[MessageFacts], ...] = (
    failed_signature,
    from_not_signed,
    expired_signature,
    sha1_signature,
    partly_signed_body,
    open_fields,
)
