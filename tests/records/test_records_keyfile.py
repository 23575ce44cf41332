"""Public keys as people have them, made into the text of a key record."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sendgate.dkim.record import KeyRecord, parse
from sendgate.errors import SourceError
from sendgate.records.keyfile import key_text

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
SPKI = RSA.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
TEXT = f"v=DKIM1; k=rsa; p={base64.b64encode(SPKI).decode()}"


def test_public_keys_in_pem() -> None:
    """RSA in either encoding, and Ed25519 as its bare octets (RFC 8463 section 4)."""
    for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
        assert key_text(RSA.public_bytes(Encoding.PEM, form), "x.pem") == TEXT
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    record = parse(key_text(pem, "x.pem").encode())
    assert isinstance(record, KeyRecord)
    assert record.valid
    assert base64.b64decode(record.data or "") == other.public_bytes_raw()


def test_the_text_of_a_record() -> None:
    """Bare, or as opendkim-genkey writes it, in strings of a master file."""
    assert key_text(TEXT.encode() + b"\n", "x.txt") == TEXT
    head, tail = TEXT[:60], TEXT[60:]
    zone = f's1._domainkey\tIN\tTXT\t( "{head}"\n\t  "{tail}" )  ; ----- DKIM key s1\n'
    assert key_text(zone.encode(), "s1.txt") == TEXT


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"hello", b"v=DKIM1; p=", b"v=DKIM1; k=rsa; p=AAAA", b"\xff\xfe", b'"' * 999,
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        f"v=DKIM1; n=\u00e9; {TEXT[9:]}".encode(),
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(octets: bytes) -> None:
    """With the file's name, and never as a record that no verifier takes."""
    with pytest.raises(SourceError, match=r"^x\.pem: holds"):
        key_text(octets, "x.pem")
