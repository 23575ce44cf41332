"""A TLSA record (RFC 6698 section 2.1), and whether an SMTP client can use it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["CERTIFICATE", "DANE_EE", "DANE_TA", "EXACT", "Tlsa", "read_tlsa"]

DANE_TA, DANE_EE = 2, 3  # usages
CERTIFICATE, _PUBLIC_KEY = 0, 1  # selectors
EXACT = 0  # the matching type that gives the octets themselves
_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 section 2.1); `data` in octets."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def is_usable(self) -> bool:
        """Whether an SMTP client can do anything with it (RFC 7672 section 3.1)."""
        return (
            self.usage in {DANE_TA, DANE_EE}
            and self.selector in {CERTIFICATE, _PUBLIC_KEY}
            and (self.matching == EXACT or self.matching in _DIGESTS)
        )

    @property
    def has_right_length(self) -> bool:
        """Whether a digest has as many octets as its kind has; True where none is given."""
        digest = _DIGESTS.get(self.matching)
        return bool(self.data) and (digest is None or len(self.data) == digest().digest_size)

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether the record names this certificate, or its public key."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if self.selector == CERTIFICATE:
            octets = certificate.public_bytes(Encoding.DER)
        else:
            key = certificate.public_key()
            octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = _DIGESTS.get(self.matching)
        return self.data == (digest(octets).digest() if digest else octets)


def read_tlsa(text: str) -> Tlsa | None:
    """Read a TLSA record's presentation form; None where it is none."""
    fields = text.split()
    try:
        usage, selector, matching = (int(field) for field in fields[:3])
        return Tlsa(usage, selector, matching, bytes.fromhex("".join(fields[3:])))
    except ValueError:
        return None
