"""A key record is read whole, prints itself back, and each fault in it is named once."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import dkim_key

from sendgate.dkim.record import (
    Ed25519Key,
    Fault,
    KeyRecord,
    NotAKey,
    NotAKeyKind,
    RsaKey,
    is_key_text,
    parse,
)

ED25519 = base64.b64encode(bytes(range(32))).decode()


def read(text: str) -> KeyRecord:
    record = parse(text.encode("latin-1"))
    assert isinstance(record, KeyRecord)
    return record


def faults(text: str) -> list[Fault]:
    return [problem.fault for problem in read(text).problems]


def test_defaults_are_those_of_the_rfc() -> None:
    record = read(f"p={dkim_key()}")
    assert record.valid
    assert record.key == RsaKey(2048)
    assert record.key_type == "rsa"
    assert record.services == ("*",)
    assert record.hashes is None
    assert record.flags == ()
    assert record.for_email
    assert record.for_sha256


def test_folding_white_space_in_p_is_ignored() -> None:
    folded = "\r\n ".join(dkim_key()[i : i + 60] for i in range(0, len(dkim_key()), 60))
    assert read(f"v=DKIM1; p={folded}").key == RsaKey(2048)


def test_base64_may_lack_its_padding() -> None:
    assert read(f"v=DKIM1; k=ed25519; p={ED25519.rstrip('=')}").valid


def test_unknown_tags_values_and_bad_notes_do_no_harm() -> None:
    record = read(f'v=DKIM1; nk=rsa; t=zz; h=sha256:new; n=caf\u00e9 "x"; p={dkim_key()}')
    assert record.valid
    assert not record.testing
    assert record.for_sha256


@pytest.mark.parametrize("text", ["h=sha1", "h=", "h=sha1:sha512"])
def test_h_without_sha256(text: str) -> None:
    assert not read(f"v=DKIM1; {text}; p={dkim_key()}").for_sha256


@pytest.mark.parametrize(
    ("tag", "email"), [("s=*", True), ("s= Email ", True), ("s=tlsrpt", False), ("s=", False)]
)
def test_services(tag: str, email: bool) -> None:
    assert read(f"v=DKIM1; {tag}; p={dkim_key()}").for_email is email


def test_an_empty_p_revokes_and_is_no_fault() -> None:
    record = read("v=DKIM1; p=")
    assert record.revoked
    assert record.valid
    assert record.key is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DKIM2; p={key}", Fault.VERSION),
        ("k=rsa; v=DKIM1; p={key}", Fault.VERSION),
        ("v=DKIM1; k=dsa; p={key}", Fault.KEY_TYPE),
        ("v=DKIM1; k=; p={key}", Fault.KEY_TYPE),
        ("v=DKIM1; p=!!!", Fault.KEY_DATA),
        ("v=DKIM1; p=AAAAA", Fault.KEY_DATA),
        ("v=DKIM1; p={ed}", Fault.KEY_DATA),
        ("v=DKIM1; k=ed25519; p={key}", Fault.KEY_DATA),
        ("v=DKIM1; p=-----BEGIN PUBLIC KEY-----", Fault.KEY_DATA),
        ("v=DKIM1; p={key}; p={key}", Fault.REPEATED),
        ("v=DKIM1; k=rsa; k=rsa; p={key}", Fault.REPEATED),
        ("v=DKIM1", Fault.NO_KEY),
        ("v=DKIM1 k=rsa p={key}", Fault.NO_KEY),
        ("v=DKIM1; k=rsa; P={key}", Fault.NO_KEY),
        ('v=DKIM1; p=AB""CD', Fault.QUOTED),
        ('v=DKIM1;t=s;""p=AB""CD', Fault.QUOTED),
        ('"v=DKIM1; p={key}"', Fault.QUOTED),
        ("v=DKIM1\\; k=rsa\\; p={key}", Fault.QUOTED),
    ],
)
def test_each_fault_is_named_once_and_alone(text: str, expected: Fault) -> None:
    assert faults(text.format(key=dkim_key(), ed=ED25519)) == [expected]


def test_two_causes_are_two_faults() -> None:
    assert faults("v=dkim1; p=!") == [Fault.VERSION, Fault.KEY_DATA]


def test_trailing_octets_after_the_key_are_a_fault() -> None:
    longer = base64.b64encode(base64.b64decode(dkim_key()) + b"\0").decode()
    assert faults(f"v=DKIM1; p={longer}") == [Fault.KEY_DATA]


def test_an_elliptic_key_is_no_rsa_key() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    problem = read(f"v=DKIM1; p={base64.b64encode(der).decode()}").problem(Fault.KEY_DATA)
    assert problem is not None
    assert "another kind" in problem.text


def test_ed25519_is_the_bare_32_octets() -> None:
    assert read(f"v=DKIM1; k=Ed25519; p={ED25519}").key == Ed25519Key(bytes(range(32)))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", NotAKeyKind.EMPTY),
        (" \t", NotAKeyKind.EMPTY),
        ("o=~", NotAKeyKind.DOMAINKEYS_POLICY),
        ("t=y; o=~; r=a@example.com", NotAKeyKind.DOMAINKEYS_POLICY),
        ("o=-; n=strict", NotAKeyKind.DOMAINKEYS_POLICY),
        ("dkim=all", NotAKeyKind.ADSP),
        ("dkim=discardable; t=s", NotAKeyKind.ADSP),
        ("abc.dkim.amazonses.com", NotAKeyKind.HOST_NAME),
        ("selector1-a-com._domainkey.A.onmicrosoft.com.", NotAKeyKind.HOST_NAME),
        ("v=spf1 -all", NotAKeyKind.OTHER),
        ("v=DMARC1; p=none", NotAKeyKind.OTHER),
        ("google-site-verification=abc", NotAKeyKind.OTHER),
    ],
)
def test_texts_that_were_never_keys(text: str, kind: NotAKeyKind) -> None:
    found = parse(text.encode())
    assert isinstance(found, NotAKey)
    assert found.kind is kind
    assert str(found) == text


def test_key_text_begins_with_its_version() -> None:
    assert is_key_text(b" v = DKIM1 ; p=")
    assert not is_key_text(b"k=rsa; p=AB")
    assert not is_key_text(b"v=DKIM10; p=")


@given(st.binary(max_size=80) | st.text('vkphtsg=;DKIM1 rsa:"\\\r\nAB+/', max_size=60))
def test_any_octets_are_read_without_an_error_and_printed_back(given_: bytes | str) -> None:
    octets = given_ if isinstance(given_, bytes) else given_.encode("latin-1")
    assert str(parse(octets)).encode("latin-1") == octets
