"""Tokens: what a link, a return path and a Message-ID say about a recipient, signed.

    Ticket(campaign, recipient) ─► token ─► https://…/u/<token>
                                         └► bounce-<token>@<return-path domain>

A token is base32 in lower case (a mail system on the way may fold the case of a local
part) of a payload of two numbers and an HMAC over it (RFC 2104, SHA-256). Each use has its
own HMAC key, so a token seen in a return path does not unsubscribe anybody. Tokens do not
expire: a link in a message must work for as long as the message is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from sendgate.errors import InputError
from sendgate.names import Domain

__all__ = ["Ticket", "Tokens"]

MIN_KEY_OCTETS = 16
MAX_NUMBER = 2**63 - 1  # what an SQLite row id can be
MAX_TOKEN_CHARACTERS = 64
RETURN_PATH_PREFIX = "bounce-"

# 80 bits: forging one takes 2^80 mails to us. The local part of a return path has 64
# octets (RFC 5321 section 4.5.3.1.1); the longest made here has 52.
_RETURN_PATH_MAC = 10
_UNSUBSCRIBE_MAC = 16  # 128 bits: guesses over HTTP are cheap
_BASE32 = re.compile(r"[a-z2-7]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which message a token is about: the store's numbers of a campaign and a recipient."""

    campaign: int
    recipient: int


class Tokens:
    """Makes and reads tokens with one secret: the store's own key, or SENDGATE_SECRET."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_KEY_OCTETS:
            raise InputError(
                f"the secret has {len(secret)} octets; at least {MIN_KEY_OCTETS} are needed"
            )
        # One key a use (NIST SP 800-108: the label separates them).
        self._bases = {
            use: hmac.new(
                hmac.digest(secret, b"sendgate " + use, "sha256"), digestmod=hashlib.sha256
            )
            for use in (b"unsubscribe", b"return path", b"message id", b"boundary")
        }

    def unsubscribe(self, ticket: Ticket) -> str:
        """The token of an unsubscribe link."""
        return self._sealed(b"unsubscribe", ticket, _UNSUBSCRIBE_MAC)

    def read_unsubscribe(self, token: str) -> Ticket | None:
        """Whom a link's token unsubscribes; None where we never made that token."""
        return self._opened(b"unsubscribe", token, _UNSUBSCRIBE_MAC)

    def return_path(self, ticket: Ticket, domain: Domain) -> str:
        """The envelope sender whose bounces are about this recipient alone (VERP)."""
        token = self._sealed(b"return path", ticket, _RETURN_PATH_MAC)
        return f"{RETURN_PATH_PREFIX}{token}@{domain.text}"

    def read_return_path(self, address: str) -> Ticket | None:
        """Whom a mail to this address is about; None where we never made that address.

        Only the local part is read, its case ignored; whether the domain is ours is the
        caller's to know.
        """
        local = address.strip().strip("<>").partition("@")[0].lower()
        if not local.startswith(RETURN_PATH_PREFIX):
            return None
        token = local.removeprefix(RETURN_PATH_PREFIX)
        return self._opened(b"return path", token, _RETURN_PATH_MAC)

    def message_id(self, ticket: Ticket, domain: Domain) -> str:
        """The Message-ID, with its brackets, of every attempt for this recipient."""
        return f"<{self._name(b'message id', ticket)}@{domain.text}>"

    def boundary(self, ticket: Ticket) -> str:
        """A MIME boundary that nobody who fills a message can foresee.

        ``=_`` occurs in no quoted-printable and no base64 text (RFC 2045 section 6.7).
        """
        return f"=_{self._name(b'boundary', ticket)}"

    def _name(self, use: bytes, ticket: Ticket) -> str:
        return self._mac(use, _payload(ticket))[:16].hex()

    def _mac(self, use: bytes, payload: bytes) -> bytes:
        mac = self._bases[use].copy()
        mac.update(payload)
        return mac.digest()

    def _sealed(self, use: bytes, ticket: Ticket, octets: int) -> str:
        payload = _payload(ticket)
        return _text(payload + self._mac(use, payload)[:octets])

    def _opened(self, use: bytes, token: str, octets: int) -> Ticket | None:
        if len(token) > MAX_TOKEN_CHARACTERS or not _BASE32.match(token):
            return None
        try:
            raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except binascii.Error:
            return None
        payload, mac = raw[:-octets], raw[-octets:]
        if not hmac.compare_digest(mac, self._mac(use, payload)[:octets]):
            return None
        # Base32 leaves bits unused at the end: only the one spelling we make is ours.
        return _read_payload(payload) if _text(raw) == token else None


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").rstrip("=").lower()


def _payload(ticket: Ticket) -> bytes:
    """Two numbers, each as its length and its octets: short for the small ones in use."""
    parts = []
    for number in (ticket.campaign, ticket.recipient):
        if not 0 <= number <= MAX_NUMBER:
            raise ValueError(f"{number} is no number of a campaign or recipient")
        octets = (number.bit_length() + 7) // 8
        parts.append(bytes((octets,)) + number.to_bytes(octets, "big"))
    return b"".join(parts)


def _read_payload(payload: bytes) -> Ticket:
    """Read back what `_payload` wrote; the HMAC has shown that we wrote it."""
    split = 1 + payload[0]
    campaign = int.from_bytes(payload[1:split], "big")
    return Ticket(campaign, int.from_bytes(payload[split + 1 :], "big"))
