"""A certificate authority for one test, and what it has signed."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from signed import certificate, common_name, key_usage

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs host certificates; `intermediate` makes another authority below this one."""

    def __init__(self, name: str = "test authority", above: Authority | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = common_name(name)
        self.above = above
        issuer = above or self
        builder = (
            _begun(self.name, issuer, self.key, 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(sign_certificates=True), critical=True)
        )
        self.certificate = builder.sign(issuer.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self, folder: Path, names: Sequence[str], *, days: int = 30, file: str = "host.pem"
    ) -> tuple[Path, x509.Certificate]:
        """A file with key, certificate and the chain below the root; `days` < 0: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = common_name("mail host")
        builder = (
            _begun(subject, self, key, days)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        )
        signed = builder.sign(self.key, hashes.SHA256())
        parts = [
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            signed.public_bytes(Encoding.PEM),
        ]
        authority: Authority | None = self
        while authority is not None:
            parts.append(authority.pem)
            authority = authority.above
        path = folder / file
        path.write_bytes(b"".join(parts))
        path.chmod(0o600)
        return path, signed


def server_context(chain: Path) -> ssl.SSLContext:
    """TLS for a server that shows this chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _begun(
    subject: x509.Name, issuer: Authority, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return certificate(subject, issuer, key, now + min(2 * days, -1) * DAY, now + days * DAY)
