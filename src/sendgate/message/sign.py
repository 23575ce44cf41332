"""Sign a message with DKIM (RFC 6376, RFC 8301, RFC 8463): final bytes in, final bytes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sendgate.errors import DomainError, InputError
from sendgate.message.adapter import sign_field
from sendgate.message.keys import SigningKey
from sendgate.message.record import Flaw, Message, parse
from sendgate.message.signature import SELECTOR
from sendgate.names import Domain

__all__ = ["SIGNED_FIELDS", "Signer", "sign", "sign_message"]

# What a reader sees or a receiver acts on (RFC 6376 section 5.4.1, RFC 8058 section 4).
SIGNED_FIELDS = (
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to",
    "references", "mime-version", "content-type", "content-transfer-encoding", "list-id",
    "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
# Named once more than they stand there, so that none can be added (RFC 6376 section 5.4).
# The unsubscribe fields too: a message signed without them cannot be given false ones.
OVERSIGNED = frozenset(
    {
        "from", "reply-to", "to", "subject", "date", "message-id", "content-type",
        "list-unsubscribe", "list-unsubscribe-post",
    }
)  # fmt: skip

_SPOILED = (
    Flaw.TOO_BIG,
    Flaw.TOO_MANY_FIELDS,
    Flaw.NOT_A_FIELD,
    Flaw.CUT_OFF,
    Flaw.NUL_IN_HEADER,
    Flaw.NUL_IN_BODY,
    Flaw.BREAK_IN_HEADER,
    Flaw.BREAK_IN_BODY,
)


@dataclass(frozen=True)
class Signer:
    """A key with the domain (d=) and selector (s=) at which its other half is published.

    Raises `InputError` where the selector is none.
    """

    domain: Domain
    selector: str
    key: SigningKey

    def __post_init__(self) -> None:
        if not SELECTOR.match(self.selector):
            raise InputError(f"{self.selector!r} is no DKIM selector")
        try:
            self.domain.child(f"{self.selector}._domainkey")
        except DomainError as error:
            raise InputError(f"the selector {self.selector!r} is too long: {error}") from None


def sign(octets: bytes, signers: Sequence[Signer], now: datetime) -> bytes:
    """Sign a message with every key and return it with its signatures on top.

    `octets` is the message as it will be sent: CRLF line ends, nothing to be changed by a
    mail system on the way. Raises `InputError` where it is not so, or lacks its From.
    """
    return sign_message(parse(octets), signers, now) + octets


def sign_message(message: Message, signers: Sequence[Signer], now: datetime) -> bytes:
    """Make the signature fields alone, the first signer's on top; errors as in `sign`."""
    spoiled = next((p for p in message.problems if p.flaw in _SPOILED), None)
    if spoiled is not None:
        raise InputError(f"the message cannot be signed: it {spoiled.flaw.value}")
    if message.local_lines:
        raise InputError("the message cannot be signed: its lines end in LF instead of CRLF")
    present = Counter(field.key for field in message.fields)
    if not present["from"]:
        raise InputError("the message cannot be signed: it has no From field")
    names: list[str] = []
    for name in SIGNED_FIELDS:
        names += [name] * (present[name] + (name in OVERSIGNED))
    keys = [(signer.domain.text, signer.selector, signer.key.secret) for signer in signers]
    return sign_field(message, keys, names, now)
