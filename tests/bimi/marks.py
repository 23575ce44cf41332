"""Mark certificates for tests: an authority that signs them, and those that forge them."""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from signed import certificate, common_name, key_usage

from sendgate.bimi.certificate import USAGE
from sendgate.bimi.logotype import OID

TIME = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)
YEAR = datetime.timedelta(days=365)
LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps"'
    b' viewBox="0 0 64 64">\n<title>Example</title>\n'
    b'<rect width="64" height="64" fill="#07c"/>\n</svg>\n'
)


def der(tag: int, *parts: bytes) -> bytes:
    """One DER value."""
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def logotype(logo: bytes, *, uri: bytes | None = None, hashed: bytes | None = None) -> bytes:
    """The value of a logotype extension that holds a logo, packed."""
    packed = gzip.compress(logo, mtime=0)
    address = uri or b"data:image/svg+xml;base64," + base64.b64encode(packed)
    algorithm = der(0x30, der(0x06, bytes.fromhex("608648016503040201")))
    value = der(0x04, hashlib.sha256(packed if hashed is None else hashed).digest())
    details = der(
        0x30,
        der(0x16, b"image/svg+xml"),
        der(0x30, der(0x30, algorithm, value)),
        der(0x30, der(0x16, address)),
    )
    return der(0x30, der(0xA2, der(0xA0, der(0x30, der(0x30, details)))))


class MarkAuthority:
    """Signs mark certificates; `above` makes it one below another."""

    def __init__(
        self,
        name: str = "Example Verified Mark Root",
        above: MarkAuthority | None = None,
        usages: Sequence[str] = (),
        years: int = 10,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = common_name(name)
        self.above = above
        issuer = above or self
        until = TIME + years * YEAR
        builder = (
            certificate(self.name, issuer, self.key, min(TIME, until) - YEAR, until)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(sign_certificates=True), critical=True)
        )
        if usages:
            named = [x509.ObjectIdentifier(oid) for oid in usages]
            builder = builder.add_extension(x509.ExtendedKeyUsage(named), critical=False)
        self.certificate = builder.sign(issuer.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        *names: str,
        logo: bytes | None = LOGO,
        usages: Sequence[str] = (USAGE,),
        until: datetime.datetime = TIME + YEAR,
        extension: bytes | None = None,
        with_root: bool = True,
    ) -> bytes:
        """A bundle: the mark certificate, then the authorities above it."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = common_name("Example Inc.")
        builder = certificate(subject, self, key, min(TIME, until) - YEAR, until)
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        if usages:
            named = [x509.ObjectIdentifier(oid) for oid in usages]
            builder = builder.add_extension(x509.ExtendedKeyUsage(named), critical=False)
        value = extension if extension is not None else logo and logotype(logo)
        if value:
            oid = x509.ObjectIdentifier(OID)
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        bundle = [builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)]
        authority: MarkAuthority | None = self
        while authority is not None:
            if with_root or authority.above is not None:
                bundle.append(authority.pem)
            authority = authority.above
        return b"".join(bundle)
