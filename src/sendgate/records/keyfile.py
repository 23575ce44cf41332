"""The text of a key record, from what people have of a public key: PEM, or the record itself."""

from __future__ import annotations

import base64
import re

from sendgate.dkim.record import KeyRecord, parse
from sendgate.errors import SourceError

__all__ = ["key_text"]

_STRINGS = re.compile(rb'"((?:[^"\\]|\\.)*)"')


def key_text(octets: bytes, where: str) -> str:
    """Give the key record of a public key in PEM, or of a record's text, quoted or not.

    Raises `SourceError` for what is no public key that DKIM knows, and for a revoked one.
    """
    if b"-----BEGIN" in octets:
        return _of_pem(octets, where)
    strings = _STRINGS.findall(octets)
    text = b"".join(strings) if strings else octets.strip()
    record = parse(text)
    if not isinstance(record, KeyRecord) or not record.valid or record.revoked:
        raise SourceError("holds neither a public key in PEM nor the text of a key record", where)
    if not text.isascii() or not text.decode("ascii").isprintable():
        raise SourceError("holds a key record with octets that are no printable ASCII", where)
    return text.decode("ascii")


def _of_pem(octets: bytes, where: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    try:
        key = load_pem_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise SourceError("holds no public key that can be read", where) from None
    if isinstance(key, Ed25519PublicKey):
        kind, data = "ed25519", key.public_bytes_raw()
    elif isinstance(key, RSAPublicKey):
        kind, data = "rsa", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        raise SourceError("holds a key of a kind that DKIM has not: use RSA or Ed25519", where)
    text = f"v=DKIM1; k={kind}; p={base64.b64encode(data).decode('ascii')}"
    record = parse(text.encode("ascii"))
    if not isinstance(record, KeyRecord) or not record.valid:
        raise SourceError("holds a public key that no verifier takes", where)
    return text
