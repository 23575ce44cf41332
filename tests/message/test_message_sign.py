"""Signing: keys from files, what is covered, and what other verifiers say."""

from __future__ import annotations

import base64
import copy
import pickle
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from message.signing import DOMAIN, NOW, PLAIN, ed_signer, key_of, pem, rsa_signer

from sendgate.dkim.record import KeyRecord
from sendgate.dkim.record import parse as parse_record
from sendgate.errors import InputError, SourceError
from sendgate.message.adapter import compress_blanks, strip_line_ends
from sendgate.message.keys import SigningKey, load_key, matches, read_private_key
from sendgate.message.record import parse
from sendgate.message.sign import Signer, sign
from sendgate.message.signature import signatures
from sendgate.names import Domain

OPENDKIM = shutil.which("opendkim", path="/usr/sbin:/usr/bin:/usr/local/sbin")


def record_of(text: str) -> KeyRecord:
    record = parse_record(text.encode("latin-1"))
    assert isinstance(record, KeyRecord)
    return record


def test_the_message_is_left_as_it_is() -> None:
    """Signatures are put on top; not one octet of the message changes."""
    signed = sign(PLAIN, [rsa_signer(), ed_signer()], NOW)
    assert signed.endswith(PLAIN)
    head = signed.removesuffix(PLAIN)
    assert head.count(b"DKIM-Signature:") == 2
    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert b"\n" not in head.replace(b"\r\n", b"")


def test_the_same_message_at_the_same_time_has_the_same_signature() -> None:
    """The clock is the caller's; RSA with PKCS#1 v1.5 and Ed25519 take no chance."""
    signers = [rsa_signer(), ed_signer()]
    assert sign(PLAIN, signers, NOW) == sign(PLAIN, signers, NOW)
    assert b"t=%d" % NOW.timestamp() in sign(PLAIN, signers, NOW)


def test_what_a_reader_sees_is_signed_and_cannot_be_added() -> None:
    """Present fields are covered once, and those that matter once more (oversigned)."""
    (found,) = signatures(parse(sign(PLAIN, [rsa_signer()], NOW)))
    counts = {name: found.signed.count(name) for name in found.signed}
    twice = {"from", "to", "subject", "date", "message-id", "content-type",
             "list-unsubscribe", "list-unsubscribe-post"}  # fmt: skip
    assert {name for name, count in counts.items() if count == 2} == twice
    assert counts["mime-version"] == counts["content-transfer-encoding"] == 1
    assert counts["reply-to"] == 1, "it is not there, and cannot be added"
    assert "cc" not in counts


def test_stock_dkimpy_and_ours_live_in_one_process() -> None:
    """dkimpy given its own PEM signs as ever, also once the adapter replaced its RSA."""
    import dkim

    ours = sign(PLAIN, [rsa_signer()], NOW)
    theirs = dkim.sign(PLAIN, b"s1", b"news.example.com", _pkcs1())
    record = key_of().record_text.encode()
    for signed in (ours, theirs + PLAIN):
        assert dkim.verify(signed, dnsfunc=lambda *_, **__: record)
    ed = sign(PLAIN, [ed_signer()], NOW)
    assert dkim.verify(ed, dnsfunc=lambda *_, **__: key_of("ed25519").record_text.encode())


def _pkcs1() -> bytes:
    key = load_pem_private_key(pem(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.mark.skipif(OPENDKIM is None, reason="opendkim is not installed")
@pytest.mark.parametrize("domain", ["news.example.com", f"{'a' * 60}.{'b' * 60}.example.com"])
def test_an_independent_verifier_accepts_our_signatures(tmp_path: Path, domain: str) -> None:
    """OpenDKIM finds both signatures good, and neither once the message was changed."""
    assert OPENDKIM is not None
    signers = [rsa_signer(Domain(domain)), ed_signer(Domain(domain), "ed" * 30)]
    keys = tmp_path / "keys"
    keys.write_text(
        "".join(f"{s.selector}._domainkey.{s.domain} {s.key.record_text}\n" for s in signers)
    )
    (tmp_path / "conf").write_text(f"Mode v\nTestPublicKeys {keys}\nSyslog no\n")
    signed = sign(PLAIN, signers, datetime.now(UTC))
    for octets, result in (
        (signed, "pass"),
        (signed.replace(b"is  news", b"is fake"), "fail"),
        (signed.replace(b"Subject: What", b"Subject: Not what"), "fail"),
        (signed.replace(b"/u/1>", b"/u/2>"), "fail"),
    ):
        (tmp_path / "message.eml").write_bytes(octets)
        done = subprocess.run(
            [OPENDKIM, "-x", tmp_path / "conf", "-vv", "-t", tmp_path / "message.eml"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert re.findall(r"\sdkim=(\w+)", done.stdout) == [result] * 2, done.stdout
        assert re.findall(r"header\.a=(\S+)", done.stdout) == ["rsa-sha256", "ed25519-sha256"]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_rsa_keys_are_read_in_every_form(tmp_path: Path, form: str, ends: bytes) -> None:
    """PKCS#1 and PKCS#8, with Unix or Windows line ends, are the same key."""
    key = load_pem_private_key(pem(), None)
    text = key.private_bytes(Encoding.PEM, getattr(PrivateFormat, form), NoEncryption())
    path = tmp_path / "key.pem"
    path.write_bytes(text.replace(b"\n", ends))
    path.chmod(0o600)
    loaded = load_key(path)
    assert loaded == key_of()
    assert (loaded.algorithm, loaded.bits, loaded.world_readable) == ("rsa-sha256", 2048, False)


def test_ed25519_keys_are_read_as_pem_and_as_seed(tmp_path: Path) -> None:
    """An Ed25519 key may be PKCS#8, or the base64 seed that dkimpy's tool writes."""
    seed = load_pem_private_key(pem("ed25519"), None).private_bytes(
        Encoding.Raw, PrivateFormat.Raw, NoEncryption()
    )
    path = tmp_path / "seed.key"
    path.write_bytes(base64.b64encode(seed) + b"\r\n")
    path.chmod(0o600)
    assert load_key(path) == key_of("ed25519")
    assert load_key(path).key_type == "ed25519"


def test_a_key_that_everybody_may_read_is_marked(tmp_path: Path) -> None:
    """The flag is for the caller to warn with; the key works all the same."""
    path = tmp_path / "key.pem"
    path.write_bytes(pem())
    path.chmod(0o644)
    assert load_key(path).world_readable
    path.chmod(0o640)
    assert not load_key(path).world_readable


def _foreign() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _encrypted() -> bytes:
    key = load_pem_private_key(pem(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


def _public() -> bytes:
    key = load_pem_private_key(pem(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _short() -> bytes:
    openssl = subprocess.run(
        ["openssl", "genrsa", "-traditional", "512"], capture_output=True, check=False
    )
    if openssl.returncode:
        pytest.skip("openssl makes no short key here")
    return openssl.stdout


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", "is no private key"),
        (lambda: b"hello", "is no private key"),
        (lambda: b"\0" * 200_000, "too large"),
        (_foreign, "of a kind that DKIM has not"),
        (_encrypted, "encrypted"),
        (_public, "no private key"),
        (_short, "512|too short|key size|cannot be read"),
        (lambda: pem()[:900] + b"\n-----END PRIVATE KEY-----\n", "cannot be read"),
    ],
)
def test_what_is_no_key_is_an_error_that_names_the_file(
    tmp_path: Path, make: object, says: str
) -> None:
    """Of every unusable file the error says what it is instead, and never shows the content."""
    path = tmp_path / "given.pem"
    assert callable(make)
    path.write_bytes(make())
    with pytest.raises(SourceError, match=says) as caught:
        load_key(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_missing_key_and_a_folder_are_errors(tmp_path: Path) -> None:
    """What cannot be opened is said with the system's reason."""
    with pytest.raises(SourceError, match="no such file"):
        load_key(tmp_path / "none.pem")
    with pytest.raises(SourceError, match="directory"):
        load_key(tmp_path)


def test_a_key_never_shows_itself() -> None:
    """Neither printing nor pickling gives the private half away."""
    for key in (key_of(), key_of("ed25519")):
        assert "secret" not in repr(key)
        with pytest.raises(TypeError):
            pickle.dumps(key)
        with pytest.raises(TypeError):
            copy.deepcopy(key)


def test_a_key_is_held_against_what_is_published() -> None:
    """The other half matches in either encoding; every other record does not."""
    rsa, ed = key_of(), key_of("ed25519")
    public = load_pem_private_key(pem(), None).public_key()
    bare = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    assert matches(rsa, record_of(rsa.record_text))
    assert matches(rsa, record_of(f"p={bare}"))
    assert matches(ed, record_of(ed.record_text))
    assert not matches(rsa, record_of(key_of("rsa", 1024).record_text))
    assert not matches(rsa, record_of(ed.record_text))
    assert not matches(ed, record_of(rsa.record_text))
    assert not matches(rsa, record_of("v=DKIM1; p="))
    assert not matches(rsa, record_of("v=DKIM1; k=rsa; p=AAAA"))


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (PLAIN.replace(b"\r\n", b"\n"), "LF instead of CRLF"),
        (PLAIN.replace(b"is  news", b"is\nnews"), "lone CR or LF in its body"),
        (PLAIN.replace(b"is  news", b"is\rnews"), "lone CR or LF in its body"),
        (PLAIN.replace(b"What is", b"What\ris"), "lone CR or LF in its header"),
        (PLAIN.replace(b"What is", b"What\0is"), "NUL in its header"),
        (PLAIN.replace(b"From: ", b"X-From: "), "no From"),
        (PLAIN.replace(b"To: <ann", b"To <ann"), "no field"),
        (PLAIN.partition(b"\r\n\r\n")[0], "ends within its header"),
        (b"", "ends within its header"),
    ],
)
def test_bytes_that_are_not_final_are_refused(octets: bytes, says: str) -> None:
    """What a mail system would change on the way breaks the signature: it is not signed."""
    with pytest.raises(InputError, match=re.escape(says)):
        sign(octets, [rsa_signer()], NOW)


@pytest.mark.parametrize("selector", ["", "a b", "a;b", "x\r\ny", "s.", "é", "l" * 64])
def test_a_selector_that_is_none_is_refused(selector: str) -> None:
    """A selector is one or more labels (RFC 6376 section 3.1); it cannot inject a tag."""
    with pytest.raises(InputError):
        Signer(DOMAIN, selector, key_of())


def test_the_algorithms_are_the_two_that_receivers_take() -> None:
    """rsa-sha1 cannot be asked for: a key has one algorithm, and there are two."""
    assert {key_of().algorithm, key_of("ed25519").algorithm} == {"rsa-sha256", "ed25519-sha256"}
    assert isinstance(read_private_key(pem(), "x"), SigningKey)


@given(st.binary(max_size=60).map(lambda b: bytes(b" \t\r\nab"[c % 6] for c in b)))
def test_blanks_have_the_form_that_the_standard_gives_them(octets: bytes) -> None:
    """RFC 6376 section 3.4.4, as patterns: slow ones, which is why they are not used."""
    assert strip_line_ends(octets) == re.sub(rb"[\t ]+\r\n", b"\r\n", octets)
    assert compress_blanks(octets) == re.sub(rb"[\t ]+", b" ", octets)
