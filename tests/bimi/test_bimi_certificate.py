"""Mark certificates: what is read of them, and which chains are believed."""

from __future__ import annotations

import gzip
from pathlib import Path
from time import process_time

import pytest
from bimi.marks import LOGO, TIME, YEAR, MarkAuthority, der, logotype
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from refusals import result_or

from sendgate.bimi.certificate import (
    USAGE,
    Chain,
    MarkCertificate,
    MarkRoots,
    packaged_roots,
    read_bundle,
    roots_from_file,
)
from sendgate.bimi.logotype import LogotypeError, read_logotypes
from sendgate.errors import SourceError

ROOT = MarkAuthority()
ISSUING = MarkAuthority("Example Verified Mark CA 1", ROOT, [USAGE])
ROOTS = MarkRoots((ROOT.certificate,))
SERVER = "1.3.6.1.5.5.7.3.1"


def read(bundle: bytes, roots: MarkRoots | None = ROOTS) -> MarkCertificate:
    got = read_bundle(bundle, roots, TIME)
    assert isinstance(got, MarkCertificate), got
    return got


def test_a_mark_certificate_is_read_whole() -> None:
    """Who, for which names, until when, with which logo, under which root."""
    got = read(ISSUING.issue("example.com", "Default._bimi.News.example.com"))
    assert (got.subject, got.issuer) == ("Example Inc.", "Example Verified Mark CA 1")
    assert got.names == ("example.com", "default._bimi.news.example.com")
    assert (got.not_before, got.not_after) == (TIME - YEAR, TIME + YEAR)
    assert got.has_usage
    assert got.broken is None
    [logo] = got.logos
    assert (logo.media_type, logo.hash_matches) == ("image/svg+xml", True)
    assert logo.octets is not None
    assert gzip.decompress(logo.octets) == LOGO
    assert got.chain == Chain(root="Example Verified Mark Root")
    assert got.entries == 3


@pytest.mark.parametrize("with_root", [True, False])
def test_a_chain_ends_at_a_root_whether_or_not_the_bundle_holds_it(with_root: bool) -> None:
    """The draft leaves the root out or in; straight below the root is a chain, too."""
    assert read(ISSUING.issue("example.com", with_root=with_root)).chain.root
    assert read(ROOT.issue("example.com", with_root=with_root)).chain.root


def test_an_intermediate_that_is_known_may_be_missing() -> None:
    """Some authorities are known beside the roots; they are believed by their signature alone."""
    first = ISSUING.issue("example.com").partition(b"-----END CERTIFICATE-----\n")
    alone = first[0] + first[1]
    assert read(alone).chain.why
    assert read(alone, MarkRoots(ROOTS.roots, (ISSUING.certificate,))).chain.root


def test_the_order_of_a_bundle_does_not_matter() -> None:
    """The certificate with the logo is the one that is meant."""
    entries = ISSUING.issue("example.com").split(b"-----BEGIN")[1:]
    got = read(b"".join(b"-----BEGIN" + entry for entry in reversed(entries)))
    assert got.subject == "Example Inc."
    assert got.chain.root


def forged_names() -> bytes:
    """An authority that calls itself what the mark root is called."""
    return MarkAuthority(str(ROOT.certificate.subject.rfc4514_string())[3:]).issue("example.com")


def forged_issuer() -> bytes:
    """The names of the whole chain, each with a key of the forger's."""
    root = MarkAuthority("Example Verified Mark Root")
    return MarkAuthority("Example Verified Mark CA 1", root, [USAGE]).issue("example.com")


def bundled_authority() -> bytes:
    """A chain that is whole and good, up to a root that comes with it."""
    return MarkAuthority("Trust Me Verified Mark Root").issue("example.com") + ROOT.pem


def another_purpose() -> bytes:
    """An authority below the mark root that may sign for servers alone."""
    return MarkAuthority("Server CA", ROOT, [SERVER]).issue("example.com")


def signed_by_an_end() -> bytes:
    """A mark certificate's own key signs another one."""
    holder = MarkAuthority("Holder", ISSUING, [USAGE])
    holder.certificate = x509.load_pem_x509_certificates(ISSUING.issue("example.net"))[0]
    return holder.issue("example.com")


@pytest.mark.parametrize(
    "forge", [forged_names, forged_issuer, bundled_authority, another_purpose, signed_by_an_end]
)
def test_a_forged_chain_is_refused(forge: object) -> None:
    """Names prove nothing, and what comes in the bundle is not trusted for that."""
    assert callable(forge)
    chain = read(forge()).chain
    assert chain.root is None
    assert chain.why


def test_an_authority_out_of_its_time_is_refused() -> None:
    """A chain holds for the time of the run."""
    old = MarkAuthority("Old CA", ROOT, [USAGE], years=-1)
    assert read(old.issue("example.com")).chain.why


def test_an_expired_certificate_keeps_its_chain() -> None:
    """That it is expired is told by itself, and the chain is not blamed for it."""
    got = read(ISSUING.issue("example.com", until=TIME - YEAR / 4))
    assert got.not_after < TIME
    assert got.chain.root


def test_what_a_certificate_lacks_is_seen() -> None:
    """No purpose, another purpose, no name, no logo."""
    assert not read(ISSUING.issue("example.com", usages=())).has_usage
    assert not read(ISSUING.issue("example.com", usages=[SERVER])).has_usage
    assert read(ISSUING.issue()).names == ()
    assert read(ISSUING.issue("example.com", logo=None)).logos == ()


def test_without_roots_nobody_can_tell() -> None:
    """No root is no refusal."""
    assert read(ISSUING.issue("example.com"), None).chain == Chain()


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        (b"", "no certificate"),
        (b"\0\xff" * 500, "no certificate"),
        (ROOT.pem * 1000, "holds 1000 certificates"),
        (ROOT.pem + b"x" * 1_048_576, "more than 1048576 octets"),
        (ROOT.pem.replace(b"MII", b"MIX"), "cannot be read"),
        (ROOT.pem[:200], "does not end"),
        (ROOT.pem[:200] + ROOT.pem, "does not end"),
    ],
)
def test_what_is_no_bundle_is_told_quickly(bundle: bytes, words: str) -> None:
    """A thousand entries are counted, not parsed."""
    begin = process_time()
    got = read_bundle(bundle, ROOTS, TIME)
    assert isinstance(got, str)
    assert words in got
    assert process_time() - begin < 2


def test_the_hash_beside_a_logo_is_compared() -> None:
    """A logo that was exchanged in the extension does not have its hash."""
    [logo] = read_logotypes(logotype(LOGO, hashed=b"another"))
    assert logo.hash_matches is False
    [unpacked] = read_logotypes(logotype(LOGO, hashed=LOGO))
    assert unpacked.hash_matches  # of the file in the packing
    [outside] = read_logotypes(logotype(LOGO, uri=b"https://www.example.com/logo.svg"))
    assert (outside.octets, outside.hash_matches) == (None, None)
    got = read(ISSUING.issue("example.com", extension=b"\x30\x05ab"))
    assert (got.logos, got.broken) == ((), "a value in it ends too late")


@given(st.binary() | st.binary().map(lambda body: der(0x30, der(0xA2, der(0xA0, body)))))
def test_no_extension_breaks_the_reader(octets: bytes) -> None:
    """It gives images, or says what is wrong."""
    read = result_or(LogotypeError, lambda: read_logotypes(octets))
    assert str(read) if isinstance(read, LogotypeError) else isinstance(read, tuple)


def test_the_packaged_roots_are_roots() -> None:
    """The package's roots signed themselves; its intermediates are known and not trusted."""
    roots = packaged_roots()
    assert roots is not None
    assert roots.origin.startswith("mvarcs ")
    names = {attribute.value for one in roots.roots for attribute in one.subject}
    assert {"DigiCert Verified Mark Root CA", "SSL.com VMC ECC Root CA 2024"} <= names
    assert all(one.issuer == one.subject for one in roots.roots)
    assert all(one.issuer != one.subject for one in roots.known)
    # An authority of the package is believed by its chain to a root of the package.
    assert read(ISSUING.issue("example.com"), roots).chain.why


def test_roots_from_a_file(tmp_path: Path) -> None:
    """Whoever trusts another root says so; a file without one is an error that says why."""
    path = tmp_path / "roots.pem"
    path.write_bytes(ISSUING.pem + ROOT.pem)
    roots = roots_from_file(str(path))
    assert (roots.roots, roots.known) == ((ROOT.certificate,), (ISSUING.certificate,))
    assert read(ISSUING.issue("example.com"), roots).chain.root
    path.write_bytes(ISSUING.pem)
    with pytest.raises(SourceError, match="holds no root"):
        roots_from_file(str(path))
    with pytest.raises(SourceError, match="no such file"):
        roots_from_file(str(tmp_path / "none.pem"))
    path.write_bytes(ROOT.pem.replace(b"MII", b"MIX"))
    with pytest.raises(SourceError, match="cannot be read"):
        roots_from_file(str(path))
