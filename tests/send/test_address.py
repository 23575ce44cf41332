"""Mail addresses: what is one, when two are one recipient, and by what they are suppressed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.errors import AddressError
from sendgate.names import Domain
from sendgate.send.address import (
    Address,
    Mailbox,
    parse_mailbox,
    read_suppression,
    suppression_keys,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("joe@example.com", "joe@example.com"),
        ("  Joe.Bloggs+x@Example.COM ", "Joe.Bloggs+x@example.com"),
        ("joe@bücher.example", "joe@xn--bcher-kva.example"),
        ("joe@BÜCHER.example", "joe@xn--bcher-kva.example"),
        ("joe@xn--bcher-kva.example", "joe@xn--bcher-kva.example"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("jose\u0301@example.com", "jos\xe9@example.com"),
        ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
        ("b@y.test", "b@y.test"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
        (
            f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 56}.com",
            f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 56}.com",
        ),
    ],
)
def test_an_address_keeps_its_local_part_and_lowers_its_domain(text: str, address: str) -> None:
    """White space around goes, the domain becomes A-labels, the local part stays (NFC)."""
    assert str(Address.parse(text)) == address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no @"),
        ("joe", "has no @"),
        ("@example.com", "nothing before the @"),
        ("joe@", "empty text is not a domain"),
        ("joe@localhost", "no full domain"),
        ("joe@example.com.", "ends in a dot"),
        ("joe@192.0.2.1", "no full domain"),
        ("joe@[192.0.2.1]", "names an IP address"),
        ("joe@-a.example", "domain with a character out of place"),
        ("joe@a_b.example", "domain with a character out of place"),
        ("joe@a..example", "empty label"),
        ("joe@xn--a.example", "not a valid IDN label"),
        (".joe@example.com", "local part with a character out of place"),
        ("joe..b@example.com", "local part with a character out of place"),
        ("joe b@example.com", "local part with a character out of place"),
        ("Joe <joe@example.com>", "out of place"),
        ("joe@example.com,ann@example.com", "out of place"),
        ('"joe b"@example.com', "quoted local part"),
        ("joe\r\nRCPT TO:<x@example.com", "out of place"),
        ("joe\x00@example.com", "out of place"),
        ("jo\u200be@example.com", "does not show"),
        ("jo\u202ee@example.com", "does not show"),
        ("jo\ud800e@example.com", "does not show"),
        ("x" * 65 + "@example.com", "local part of 65 octets"),
        ("é" * 33 + "@example.com", "local part of 66 octets"),
        (f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 57}.com", "255 octets"),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason(text: str, said: str) -> None:
    """The reason is named, and shown without any control character of the text."""
    with pytest.raises(AddressError, match=said) as caught:
        Address.parse(text)
    assert str(caught.value).isprintable()


def test_a_refusal_of_an_endless_address_is_short() -> None:
    """A cell of a megabyte makes no message of a megabyte."""
    with pytest.raises(AddressError) as caught:
        Address.parse("x" * 1_000_000 + "@example.com")
    assert len(str(caught.value)) < 300


@given(st.text(max_size=40), st.sampled_from(["example.com", "bücher.example", "a.b.example"]))
def test_what_is_accepted_is_read_back_the_same(local: str, domain: str) -> None:
    """An accepted address prints as one that parses to itself, and never breaks a line."""
    try:
        address = Address.parse(f"{local}@{domain}")
    except AddressError:
        return
    assert Address.parse(str(address)) == address
    assert str(address).isprintable()
    assert len(address.local.encode()) <= 64
    assert Address.parse(address.key).key == address.key


def test_case_makes_no_second_recipient() -> None:
    """Joe@ and joe@ are one recipient with one key, though the envelope keeps what was written."""
    upper, lower = Address.parse("Joe@Example.com"), Address.parse("joe@example.COM")
    assert upper.key == lower.key == "joe@example.com"
    assert str(upper) == "Joe@example.com"


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    """An IDN domain travels as A-labels and needs nothing of the receiver."""
    assert not Address.parse("joe@bücher.example").needs_smtputf8
    assert Address.parse("josé@example.com").needs_smtputf8


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("hello@news.example.com", "", "hello@news.example.com"),
        ("<hello@news.example.com>", "", "hello@news.example.com"),
        ("Example News <hello@news.example.com>", "Example News", "hello@news.example.com"),
        ('"News, \\"daily\\"" <hello@a.example>', 'News, "daily"', "hello@a.example"),
        ("Bücher <hello@bücher.example>", "Bücher", "hello@xn--bcher-kva.example"),
    ],
)
def test_a_mailbox_is_a_name_and_an_address(text: str, name: str, address: str) -> None:
    """With or without name and brackets; a quoted name loses its quotes."""
    assert parse_mailbox(text) == Mailbox(Address.parse(address), name)


@pytest.mark.parametrize(
    "text",
    ["", "News", "a@a.example, b@b.example", "News <a@a.example> <b@b.example>",
     "News\r\nBcc: x@x.example <a@a.example>", "News <a@a.example", "a@a.example>"],
)  # fmt: skip
def test_what_is_not_one_mailbox_is_refused(text: str) -> None:
    """A list, a broken bracket or a line break is no mailbox."""
    with pytest.raises(AddressError):
        parse_mailbox(text)


def test_suppression_reaches_an_address_by_each_of_its_keys() -> None:
    """By itself in any case, by its domain, and by its hash alone."""
    keys = suppression_keys(Address.parse("Joe@Bücher.example"))
    digest = hashlib.sha256(b"joe@xn--bcher-kva.example").hexdigest()
    as_written = hashlib.sha256(b"Joe@xn--bcher-kva.example").hexdigest()
    for entry in ("JOE@bücher.example", "bücher.example", "@BÜCHER.example",
                  digest, f"sha256:{digest.upper()}", as_written):  # fmt: skip
        assert read_suppression(entry) in keys
    for entry in ("joe@example.com", "example", "a.bücher.example", "0" * 64):
        try:
            key = read_suppression(entry)
        except AddressError:
            continue
        assert key not in keys


@pytest.mark.parametrize("text", ["", "@", "joe", "joe@", "a b.example", "ab" * 31])
def test_a_wrong_entry_of_a_suppression_list_is_refused(text: str) -> None:
    """What is neither address, domain nor hash is an error, not an entry that never matches."""
    with pytest.raises(AddressError):
        read_suppression(text)


def test_a_domain_of_an_address_is_a_domain_value() -> None:
    """The fast path and the slow one end in equal values."""
    assert Address.parse("a@b.example").domain == Domain.parse("B.example")
