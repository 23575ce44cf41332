"""Mark certificates: a PEM bundle -> `MarkCertificate`, its chain verified to a mark root.

    bundle ─► its entries, a few at most ─► the end entity's certificate ─► what it says
    entries behind it, intermediates known ─► cryptography's verifier ─► Chain

The profile is that of draft-fetch-validation-vmc-wchuang. The chain is verified for the
time of the run by signatures, never by names; an authority that comes in the bundle is not
trusted for that. Revocation and Certificate Transparency are not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sendgate.bimi.logotype import OID as LOGOTYPE
from sendgate.bimi.logotype import EmbeddedLogo, LogotypeError, read_logotypes
from sendgate.errors import SourceError
from sendgate.files import read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509
    from cryptography.x509.verification import Policy

__all__ = [
    "MAX_ENTRIES",
    "MAX_OCTETS",
    "USAGE",
    "Chain",
    "MarkCertificate",
    "MarkRoots",
    "packaged_roots",
    "read_bundle",
    "roots_from_file",
]

USAGE = "1.3.6.1.5.5.7.3.31"  # id-kp-BrandIndicatorforMessageIdentification
MAX_OCTETS = 1_048_576
MAX_ENTRIES = 10  # a mark certificate, its authorities, and some to spare

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_ENTRY = re.compile(_BEGIN + rb"[^-]+-----END CERTIFICATE-----")


@dataclass(frozen=True)
class MarkRoots:
    """Who may vouch for marks: roots that are trusted, and their authorities that are known.

    `origin` says where they come from, in words.
    """

    roots: tuple[x509.Certificate, ...]
    known: tuple[x509.Certificate, ...] = ()
    origin: str = ""


@dataclass(frozen=True)
class Chain:
    """What became of the chain: the `root` that it ends at, or `why` it ends at none.

    With neither, nobody could tell: there was no root to compare with.
    """

    root: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class MarkCertificate:
    """An end entity's certificate as read, and what was found of its chain.

    `names` are the DNS names that it is for; `logos` the images in it, `broken` why they
    could not be read. `entries` is how many certificates the bundle holds.
    """

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    has_usage: bool
    logos: tuple[EmbeddedLogo, ...]
    broken: str | None
    chain: Chain
    entries: int = 1


def packaged_roots() -> MarkRoots | None:
    """The roots of the package mvarcs, and one that it lacks; None where it is not installed.

    What stands among them and is signed by another certificate is an intermediate one.
    """
    try:
        import mvarcs
    except ImportError:
        return None
    from importlib.metadata import version
    from importlib.resources import files

    lacking = files("sendgate.bimi").joinpath("mark_roots.pem").read_bytes()
    pem = mvarcs.contents().encode("ascii") + b"\n" + lacking
    return _roots_of(pem, f"mvarcs {version('mvarcs')}")


def roots_from_file(path: str) -> MarkRoots:
    """The roots in a PEM file; raises `SourceError` where it holds none that can be read."""
    octets = read_file(path, MAX_OCTETS)
    if len(octets) > MAX_OCTETS:
        raise SourceError(f"a file of mark roots has at most {MAX_OCTETS} octets", path)
    try:
        roots = _roots_of(octets, path)
    except ValueError as error:
        raise SourceError(f"a certificate in it cannot be read: {error}", path) from None
    if not roots.roots:
        raise SourceError("it holds no root: no certificate that signed itself", path)
    return roots


def _roots_of(pem: bytes, origin: str) -> MarkRoots:
    from cryptography import x509

    found = [x509.load_pem_x509_certificate(entry) for entry in _ENTRY.findall(pem)]
    roots = tuple(one for one in found if _signed_itself(one))
    return MarkRoots(roots, tuple(one for one in found if one not in roots), origin)


def _signed_itself(certificate: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def read_bundle(octets: bytes, roots: MarkRoots | None, time: datetime) -> MarkCertificate | str:
    """Read a bundle, and verify its mark certificate for `time`; a text says why it is none."""
    from cryptography import x509

    count = octets.count(_BEGIN)
    if len(octets) > MAX_OCTETS:
        return f"has more than {MAX_OCTETS} octets"
    if count == 0:
        return "holds no certificate in PEM form"
    if count > MAX_ENTRIES:
        return f"holds {count} certificates, where a chain has {MAX_ENTRIES} at most"
    found: list[x509.Certificate] = []
    entries = _ENTRY.findall(octets)
    try:
        for entry in entries:
            found.append(x509.load_pem_x509_certificate(entry))
            found[-1].extensions  # noqa: B018 - reading them is what may fail
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return f"has an entry {len(found) or 1} that cannot be read: {error}"
    if len(entries) != count:
        return "has an entry that does not end"
    try:
        return _read(found, roots, time)
    except (ValueError, x509.DuplicateExtension) as error:
        return f"cannot be read: {error}"


def _read(
    found: Sequence[x509.Certificate], roots: MarkRoots | None, time: datetime
) -> MarkCertificate:
    # The draft wants it first, and lets a receiver take it from elsewhere.
    leaf = next((one for one in found if _logotype(one) is not None), found[0])
    above = [one for one in found if one is not leaf]
    logos: tuple[EmbeddedLogo, ...] = ()
    broken: str | None = None
    der = _logotype(leaf)
    try:
        logos = () if der is None else read_logotypes(der)
    except LogotypeError as error:
        broken = str(error)
    return MarkCertificate(
        subject=_name(leaf.subject),
        issuer=_name(leaf.issuer),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        names=_names(leaf),
        has_usage=_has_usage(leaf),
        logos=logos,
        broken=broken,
        chain=_chain(leaf, above, roots, time),
        entries=len(found),
    )


def _chain(
    leaf: x509.Certificate,
    above: Sequence[x509.Certificate],
    roots: MarkRoots | None,
    time: datetime,
) -> Chain:
    """Verify the chain alone: what the end entity's certificate lacks is told by itself.

    An end entity's certificate out of its time is verified for the nearest second within,
    so that the chain is not blamed for it.
    """
    if roots is None or not roots.roots:
        return Chain()
    from cryptography import x509
    from cryptography.x509.verification import (
        Criticality,
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    ours = ExtensionPolicy.webpki_defaults_ca().may_be_present(
        x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_marks
    )
    theirs = ExtensionPolicy.permit_all().may_be_present(
        x509.BasicConstraints, Criticality.AGNOSTIC, _no_authority
    )
    second = timedelta(seconds=1)
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    within = max(start + second, min(time, end - second)) if end > start else time
    builder = (
        PolicyBuilder()
        .store(Store(list(roots.roots)))
        .time(within)
        .max_chain_depth(4)
        .extension_policies(ca_policy=ours, ee_policy=theirs)
    )
    if leaf in roots.roots:
        return Chain(why="the certificate is itself a root")
    try:
        verified = builder.build_client_verifier().verify(leaf, [*above, *roots.known])
    except VerificationError as error:
        return Chain(why=_short(str(error)))
    return Chain(root=_name(verified.chain[-1].subject))


def _for_marks(
    _policy: Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    """An authority that names purposes must name marks among them."""
    if usage is not None and USAGE not in {one.dotted_string for one in usage}:
        raise ValueError(f"{_name(certificate.subject)} may not sign mark certificates")


def _no_authority(
    _policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("the certificate is an authority's")


def _logotype(leaf: x509.Certificate) -> bytes | None:
    from cryptography import x509

    for extension in leaf.extensions:
        if extension.oid.dotted_string == LOGOTYPE:
            value = extension.value
            return value.value if isinstance(value, x509.UnrecognizedExtension) else None
    return None


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower().rstrip(".") for name in names.get_values_for_type(x509.DNSName))


def _has_usage(leaf: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return USAGE in {one.dotted_string for one in usage}


def _name(name: x509.Name) -> str:
    """Give who is meant: the common name, else the whole name."""
    from cryptography.x509.oid import NameOID

    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _short(str(common[0].value) if common else name.rfc4514_string())


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:197] + "..."
