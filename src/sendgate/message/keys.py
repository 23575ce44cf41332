"""Private keys for DKIM: a file -> `SigningKey`, and whether a published key is its other half."""

from __future__ import annotations

import base64
import binascii
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sendgate.dkim.record import KeyRecord
from sendgate.errors import SourceError
from sendgate.files import why

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["MIN_RSA_BITS", "SigningKey", "load_key", "matches", "read_private_key"]

MIN_RSA_BITS = 1024  # RFC 8301 section 3.2: no verifier takes a shorter one
MAX_FILE = 100_000  # octets; a key of 16384 bits has an eighth of it

_SEED = re.compile(rb"[A-Za-z0-9+/]{43}=?\Z")
_ENCRYPTED = re.compile(rb"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: *4, *ENCRYPTED")


@dataclass(frozen=True)
class SigningKey:
    """A private key, ready to sign; it never shows itself.

    `public` are the octets that p= publishes: SubjectPublicKeyInfo for RSA, the bare 32
    octets for Ed25519. `world_readable`: everybody on the machine may read its file.
    """

    algorithm: Literal["rsa-sha256", "ed25519-sha256"]
    bits: int
    public: bytes
    secret: RSAPrivateKey | bytes = field(repr=False, compare=False)
    world_readable: bool = False

    @property
    def key_type(self) -> str:
        """The value of k=: ``rsa`` or ``ed25519``."""
        return self.algorithm.partition("-")[0]

    @property
    def record_text(self) -> str:
        """The key record to publish."""
        return f"v=DKIM1; k={self.key_type}; p={base64.b64encode(self.public).decode('ascii')}"

    def __reduce__(self) -> Any:
        raise TypeError("a private key is loaded where it is used, and not passed on")


def load_key(path: str | Path) -> SigningKey:
    """Read a private key from a file, as `read_private_key` does; raise `SourceError`."""
    where = str(path)
    try:
        with Path(path).open("rb") as stream:
            octets = stream.read(MAX_FILE + 1)
            mode = Path(path).stat().st_mode
    except OSError as error:
        raise SourceError(f"the private key cannot be read: {why(error)}", where) from None
    if len(octets) > MAX_FILE:
        raise SourceError("is too large to be a private key", where)
    world_readable = stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)
    return read_private_key(octets, where, world_readable=world_readable)


def read_private_key(octets: bytes, where: str, *, world_readable: bool = False) -> SigningKey:
    """Read a private key: PEM of PKCS#1 or PKCS#8, or the base64 of an Ed25519 seed.

    `where` names it in errors. Raises `SourceError` for what is no private key, a key of
    another kind than RSA and Ed25519, an encrypted one, or RSA below `MIN_RSA_BITS`.
    """
    if _SEED.match(octets.strip()):
        seed = binascii.a2b_base64(octets.strip() + b"=" * (-len(octets.strip()) % 4))
        return _ed25519(seed, world_readable=world_readable)
    if b"-----BEGIN" not in octets:
        raise SourceError(
            "is no private key: expected PEM text, or the base64 of an Ed25519 seed", where
        )
    if _ENCRYPTED.search(octets):
        raise SourceError("holds an encrypted private key; decrypt it first", where)
    if b"PRIVATE KEY-----" not in octets:
        raise SourceError("holds no private key: this is the public half, or a certificate", where)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(octets, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SourceError(f"holds a private key that cannot be read: {error}", where) from None
    if isinstance(key, Ed25519PrivateKey):
        return _ed25519(key.private_bytes_raw(), world_readable=world_readable)
    if not isinstance(key, RSAPrivateKey):
        raise SourceError("holds a private key of a kind that DKIM has not: use RSA or Ed25519",
                          where)  # fmt: skip
    if key.key_size < MIN_RSA_BITS:
        raise SourceError(
            f"holds an RSA key of {key.key_size} bits; verifiers take none below {MIN_RSA_BITS}, "
            "and 2048 are advised",
            where,
        )
    return _rsa(key, world_readable=world_readable)


def _rsa(key: RSAPrivateKey, *, world_readable: bool) -> SigningKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey("rsa-sha256", key.key_size, public, key, world_readable)


def _ed25519(seed: bytes, *, world_readable: bool) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return SigningKey("ed25519-sha256", 256, public, seed, world_readable)


def matches(key: SigningKey, record: KeyRecord) -> bool:
    """Tell whether a published key record is the other half of a private key.

    Both encodings of an RSA key are compared as numbers. False for a revoked or broken
    record, and for one of another key type.
    """
    if record.key is None or record.key_type != key.key_type:
        return False
    data = (record.data or "").rstrip("=")
    published = binascii.a2b_base64(data + "=" * (-len(data) % 4))
    if key.key_type == "ed25519":
        return published == key.public
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    ours, theirs = load_der_public_key(key.public), load_der_public_key(published)
    assert isinstance(ours, RSAPublicKey)
    assert isinstance(theirs, RSAPublicKey)
    return ours.public_numbers() == theirs.public_numbers()
