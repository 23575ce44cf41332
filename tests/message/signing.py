"""Keys and messages for tests of the message package; every key lives for one run."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime

from sendgate.dns.answers import Answer, NxDomain, Origin, Question, Record, Records, Txt
from sendgate.message.keys import SigningKey, read_private_key
from sendgate.message.sign import Signer
from sendgate.names import Domain

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DOMAIN = Domain.parse("news.example.com")
ORIGIN = Origin("resolver", "test")
PLAIN = (
    b"From: Example News <hello@news.example.com>\r\n"
    b"To: <ann@example.net>\r\n"
    b"Subject: What is new\r\n"
    b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@news.example.com>\r\n"
    b"List-Unsubscribe: <https://www.example.com/u/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n"
    b"Content-Transfer-Encoding: 7bit\r\n"
    b"\r\n"
    b"Hello Ann,\r\n\r\nthere is  news. \r\n\r\n"
)


def pem(kind: str = "rsa", bits: int = 2048) -> bytes:
    """A private key as PKCS#8 PEM, the same one at every call."""
    return _pem(kind, bits)


@functools.cache
def _pem(kind: str, bits: int) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if kind == "rsa":
        key = rsa.generate_private_key(65537, bits)
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_of(kind: str = "rsa", bits: int = 2048) -> SigningKey:
    """A private key, loaded; the same one at every call."""
    return _key_of(kind, bits)


@functools.cache
def _key_of(kind: str, bits: int) -> SigningKey:
    return read_private_key(pem(kind, bits), "test.pem")


def rsa_signer(domain: Domain = DOMAIN, selector: str = "s1") -> Signer:
    """A signer with an RSA key of 2048 bits."""
    return Signer(domain, selector, key_of())


def ed_signer(domain: Domain = DOMAIN, selector: str = "ed1") -> Signer:
    """A signer with an Ed25519 key."""
    return Signer(domain, selector, key_of("ed25519"))


def txt_answer(name: str, *texts: str) -> tuple[Question, Answer]:
    """The answer for TXT at a name: these texts, or none at all."""
    question = Question(Domain.parse(name), "TXT")
    if not texts:
        return question, NxDomain(question, ORIGIN)
    records = tuple(
        Record(Txt((text.encode("latin-1"),)), 300, ORIGIN) for text in texts
    )  # longer than a string may be on the wire, which no reader of answers minds
    return question, Records(question, records, ORIGIN)


def published(signers: Iterable[Signer]) -> dict[Question, Answer]:
    """DNS with the public half of each signer's key."""
    return dict(
        txt_answer(f"{s.selector}._domainkey.{s.domain}", s.key.record_text) for s in signers
    )
