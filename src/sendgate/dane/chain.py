"""A certificate chain as a mail host shows it, held against its TLSA records (RFC 7672 section 3).

Usage 3 (DANE-EE) compares the certificate or its key, and nothing else counts. Usage 2
(DANE-TA) needs a path from it to the certificate that the record names, as `cryptography`
accepts it by the rules of the Web's PKI. Usages 0 and 1 are of no use with SMTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sendgate.dane.record import CERTIFICATE, DANE_EE, DANE_TA, EXACT, Tlsa

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["Mismatch", "covers", "key_record", "mismatch"]


@dataclass(frozen=True)
class Mismatch:
    """No record matches the chain.

    `why` says more where a record names an authority of the chain and that does not help.
    `certain` is false where others may yet accept it: the path is refused for a rule that
    not every verifier has.
    """

    why: str = ""
    certain: bool = True

    def __str__(self) -> str:
        return "no TLSA record matches the certificate" + (f": {self.why}" if self.why else "")


def mismatch(
    records: Sequence[Tlsa], chain: Sequence[bytes], names: Sequence[str], at: datetime
) -> Mismatch | None:
    """Hold a chain of DER certificates, the host's own first, against TLSA records; None: it fits.

    `names` are those that a certificate under usage 2 may be for, `at` (aware) the time at
    which it must be valid. Neither counts for usage 3 (RFC 7672 section 3.1.1).
    """
    from cryptography import x509

    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
    except ValueError:
        return Mismatch("a certificate of the peer cannot be read", certain=False)
    if not certificates:
        return Mismatch("the peer showed no certificate")
    if any(r.usage == DANE_EE and _matches(r, certificates[0]) for r in records):
        return None
    found: list[Mismatch] = []
    for record in records:
        for anchor in _anchors(record, certificates) if record.usage == DANE_TA else ():
            if _leads_to(anchor, certificates, names, at):
                return None
            found.append(_fault(record, anchor, certificates, names, at))
    if not found:
        # A key of a kind unknown here cannot be compared; others may know it.
        return Mismatch(certain=key_record(chain[0]) is not None)
    return next((fault for fault in found if not fault.certain), found[0])


def key_record(certificate: bytes) -> str | None:
    """The record ``3 1 1 …`` for the key of a DER certificate; None where it cannot be read."""
    from hashlib import sha256

    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return f"3 1 1 {sha256(octets).hexdigest()}"


def covers(pattern: str, name: str) -> bool:
    """Whether a name in a certificate is for `name`, both in lower case (RFC 6125 section 6.4.3).

    A wildcard counts only as the whole leftmost label, and not right below a top-level name.
    """
    if pattern.startswith("*."):
        return pattern[2:] == name.partition(".")[2] and "." in pattern[2:]
    return pattern == name


def _matches(record: Tlsa, certificate: x509.Certificate) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return record.matches(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # a key that cryptography does not know
        return False


def _anchors(record: Tlsa, chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    from cryptography import x509

    found = [certificate for certificate in chain[1:] if _matches(record, certificate)]
    if not found and record.selector == CERTIFICATE and record.matching == EXACT:
        try:  # the record is the anchor itself, which the peer may leave out
            found = [x509.load_der_x509_certificate(record.data)]
        except ValueError:
            return []
    return found


def _leads_to(
    anchor: x509.Certificate,
    chain: Sequence[x509.Certificate],
    names: Sequence[str],
    at: datetime,
) -> bool:
    from cryptography import x509
    from cryptography.x509 import verification

    builder = verification.PolicyBuilder().store(verification.Store([anchor])).time(at)
    for name in names:
        try:
            verifier = builder.build_server_verifier(x509.DNSName(name.rstrip(".")))
            verifier.verify(chain[0], list(chain[1:]))
        except (verification.VerificationError, ValueError):
            continue
        return True
    return False


def _fault(
    record: Tlsa,
    anchor: x509.Certificate,
    chain: Sequence[x509.Certificate],
    names: Sequence[str],
    at: datetime,
) -> Mismatch:
    """Say why a chain does not lead to an anchor, and whether every verifier says so."""
    start = f"{record.usage} {record.selector} {record.matching} names an authority, but "
    path = _path(anchor, chain)
    if path is None:
        return Mismatch(start + "no signatures lead from the certificate to it", certain=False)
    for certificate in path:
        if at > certificate.not_valid_after_utc:
            day = certificate.not_valid_after_utc.date()
            return Mismatch(f"{start}a certificate below it expired on {day}")
        if at < certificate.not_valid_before_utc:
            day = certificate.not_valid_before_utc.date()
            return Mismatch(f"{start}a certificate below it is valid only from {day}")
    wanted = [name.rstrip(".").lower() for name in names]
    shown = _names(chain[0])
    if not any(covers(pattern, name) for pattern in shown for name in wanted):
        return Mismatch(f"{start}the certificate is not for {' or '.join(wanted)}")
    return Mismatch(f"{start}the path to it breaks a rule of the Web's PKI", certain=False)


def _path(
    anchor: x509.Certificate, chain: Sequence[x509.Certificate]
) -> list[x509.Certificate] | None:
    """The certificates below the anchor, the host's own first, each signed by the next."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    def is_signed_by(one: x509.Certificate, other: x509.Certificate) -> bool:
        try:
            one.verify_directly_issued_by(other)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True

    path = [chain[0]]
    while not is_signed_by(path[-1], anchor):
        above = next((c for c in chain if c not in path and is_signed_by(path[-1], c)), None)
        if above is None:
            return None
        path.append(above)
    return path


def _names(certificate: x509.Certificate) -> list[str]:
    """The names that a certificate is for: its DNS names, or for want of them its common name."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = found.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = []
    if not names:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        names = [str(attribute.value) for attribute in common]
    return [name.rstrip(".").lower() for name in names]
