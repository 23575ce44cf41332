"""A message on the wire: dots, the cut before the last block, and what SMTP cannot carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.send.smtp.payload import LAST_BLOCK_OCTETS, Envelope, Payload, Unsendable


def unstuffed(wire: bytes) -> bytes:
    """What a receiver makes of the wire (RFC 5321 section 4.5.2), by its own simple rule."""
    lines = wire.split(b"\r\n")
    assert lines[-2:] == [b".", b""], "the message ends with a lone dot"
    kept = [line[1:] if line.startswith(b".") else line for line in lines[:-2]]
    assert b"." not in lines[:-2], "no lone dot comes before the end"
    return b"".join(line + b"\r\n" for line in kept)


LINE = st.sampled_from([b"", b".", b"..", b".x", b"text", b"x.", "ü".encode(), b"." * 990])


@given(st.lists(LINE, min_size=1, max_size=60), st.booleans())
def test_a_receiver_gets_back_what_was_given(lines: list[bytes], ended: bool) -> None:
    """Stuffing, cutting and unstuffing give the message again, its last line ended."""
    message = b"\r\n".join(lines) + (b"\r\n" if ended else b"")
    payload = Payload.of(message)
    whole = message if message.endswith(b"\r\n") else message + b"\r\n"
    assert unstuffed(payload.head + payload.last) == whole
    assert payload.size == len(whole)
    assert b"\r\n.\r\n" not in payload.head
    assert payload.last.endswith(b".\r\n")
    assert len(payload.last) <= LAST_BLOCK_OCTETS


def test_only_the_end_of_a_long_message_waits() -> None:
    """What fits goes as the last block alone; of a longer message only its end is left for it."""
    fits = Payload.of(b"x\r\n" * ((LAST_BLOCK_OCTETS - 3) // 3))
    assert fits.head == b""
    longer = Payload.of(b"x\r\n" * (LAST_BLOCK_OCTETS // 3 + 1))
    assert (len(longer.head), len(longer.last)) == (5, LAST_BLOCK_OCTETS)


def test_no_octet_of_an_empty_message_is_lost() -> None:
    """Even the empty message is one line and the final dot."""
    assert Payload.of(b"").last == b"\r\n.\r\n"


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (b"a\nb\r\n", "bare"),
        (b"a\rb\r\n", "bare"),
        (b"a\r\n.\n\r\n", "bare"),
        (b"a\r\n\r.\r\nMAIL FROM:<x@example.com>\r\n", "bare"),
        (b"a\r\nb\r", "bare"),
        (b"a\0b\r\n", "NUL"),
        (b"x" * 999 + b"\r\n", "998"),
    ],
)
def test_a_message_that_smtp_cannot_carry_is_not_repaired(message: bytes, word: str) -> None:
    """A repair would break the signature; a bare CR or LF could smuggle a second message."""
    with pytest.raises(Unsendable, match=word):
        Payload.of(message)


def test_a_line_of_998_octets_is_carried() -> None:
    """The longest line that RFC 5321 allows."""
    assert Payload.of(b"x" * 998 + b"\r\n").size == 1000


@pytest.mark.parametrize(
    ("message", "is_ascii", "header"),
    [
        (b"Subject: a\r\n\r\nb\r\n", True, True),
        ("Subject: a\r\n\r\nü\r\n".encode(), False, True),
        ("Subject: ü\r\n\r\nb\r\n".encode(), False, False),
        ("Subject: ü\r\n".encode(), False, False),
    ],
)
def test_what_a_message_asks_for(message: bytes, is_ascii: bool, header: bool) -> None:
    """8-bit content asks for 8BITMIME, in the header for SMTPUTF8 too."""
    payload = Payload.of(message)
    assert (payload.is_ascii, payload.has_ascii_header) == (is_ascii, header)


@pytest.mark.parametrize(
    "address",
    ["a@b>\r\nRCPT TO:<c@d", "a b@c", "a\n@b", "a\0@b", "<a@b>", "a@b\x7f", "\udc80@b"],
)
def test_an_address_cannot_end_its_command(address: str) -> None:
    """Brackets, spaces, controls and lone surrogates stand in no path."""
    with pytest.raises(Unsendable):
        Envelope(address, "x@example.com").check()
    with pytest.raises(Unsendable):
        Envelope("x@example.com", address).check()


def test_only_the_sender_may_be_null() -> None:
    """The null path is a sender (RFC 5321 section 4.5.5) and no recipient."""
    Envelope("", "x@example.com").check()
    with pytest.raises(Unsendable):
        Envelope("x@example.com", "").check()
