"""Reading messages and their fields: everything is kept, nothing raises."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message.signing import PLAIN

from sendgate.message.headers import MailboxText, angle_uris, decode_words, mailboxes
from sendgate.message.record import MAX_FIELDS, Flaw, parse


def flaws(octets: bytes) -> dict[Flaw, tuple[int, int]]:
    return {p.flaw: (p.count, p.line) for p in parse(octets).problems}


def test_fields_keep_their_octets_and_unfold() -> None:
    """A field's raw octets are the message's own; its text is one line."""
    octets = b"Subject: one\r\n two\r\n\tthree \r\nX-Empty:\r\nOld : way\r\n\r\nBody\r\n"
    message = parse(octets)
    assert [field.name for field in message.fields] == ["Subject", "X-Empty", "Old"]
    assert [field.text for field in message.fields] == ["one two\tthree", "", "way"]
    assert b"".join(field.raw for field in message.fields) == octets[: message.body_offset - 2]
    assert [field.line for field in message.fields] == [1, 4, 5]
    assert message.body == b"Body\r\n"
    assert message.problems == ()
    assert message.first("subject") is message.fields[0]
    assert message.first("nothing") is None


def test_a_healthy_message_has_no_problem() -> None:
    """Neither as on the wire, nor as a file with LF line ends."""
    assert parse(PLAIN).problems == ()
    local = parse(PLAIN.replace(b"\r\n", b"\n"))
    assert (local.problems, local.local_lines) == ((), True)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", {Flaw.CUT_OFF: (1, 1)}),
        (b"\r\nbody", {}),
        (b"A: b\r\n", {Flaw.CUT_OFF: (1, 2)}),
        (b"A: b", {Flaw.CUT_OFF: (1, 2)}),
        (b"A: b\r\nno field\r\nnor this\r\n\r\n", {Flaw.NOT_A_FIELD: (2, 2)}),
        (b" fold first\r\n\r\n", {Flaw.NOT_A_FIELD: (1, 1)}),
        (b"A: b\0c\r\n\r\n", {Flaw.NUL_IN_HEADER: (1, 1)}),
        (b"A: b\r\n\r\nx\r\n\0\0", {Flaw.NUL_IN_BODY: (2, 4)}),
        (b"A: b\rc\r\n\r\n", {Flaw.BREAK_IN_HEADER: (1, 1)}),
        (b"A: b\r\nB: c\nC: d\r\n\r\n", {Flaw.BREAK_IN_HEADER: (1, 2)}),
        (b"A: b\r\n\r\nx\r\ny\nz\r", {Flaw.BREAK_IN_BODY: (2, 4)}),
        (b"A: \xff\r\n\r\n", {Flaw.NOT_UTF8: (1, 1)}),
        ("A: é\r\n\r\n".encode(), {}),
        (b"A: b\r\n\r\n" + b"x" * 998 + b"\r\n", {}),
        (b"A: b\r\n\r\n" + b"x" * 999 + b"\r\n", {Flaw.LONG_LINE: (1, 3)}),
        (b"A: b\n\n" + b"x" * 998 + b"\n" + b"x" * 999, {Flaw.LONG_LINE: (1, 4)}),
    ],
)
def test_each_flaw_is_named_counted_and_placed(
    octets: bytes, expected: dict[Flaw, tuple[int, int]]
) -> None:
    """What is wrong has a kind, a count and the line of its first place."""
    assert flaws(octets) == expected


def test_more_fields_than_are_read_leave_the_body_in_its_place() -> None:
    """Ten thousand fields are kept; the body still begins after the empty line."""
    message = parse(b"A: b\r\n" * (MAX_FIELDS + 5) + b"\r\nbody")
    assert len(message.fields) == MAX_FIELDS
    assert message.problem(Flaw.TOO_MANY_FIELDS) is not None
    assert message.body == b"body"


@pytest.mark.parametrize(
    "octets",
    [
        b"A: b\r\n\r\n" + b"x" * 51_000_000,
        b"A: " + b" \r\n" * 3_000_000,
        b"\n" * 5_000_000,
        b"x\r" * 3_000_000,
        b"A:b\n" * 1_000_000,
    ],
    ids=["large body", "long fold", "empty lines", "lone CR", "many fields"],
)
def test_hostile_sizes_are_read_in_bounded_time(octets: bytes) -> None:
    """Millions of lines, folds or octets end in a message within seconds."""
    start = time.process_time()
    message = parse(octets)
    assert time.process_time() - start < 10
    assert message.octets is octets
    assert len(message.fields) <= MAX_FIELDS


@given(st.binary(max_size=400))
def test_any_octets_are_a_message(octets: bytes) -> None:
    """No octets raise, and header and body together are what was given."""
    message = parse(octets)
    assert octets[message.body_offset :] == message.body
    for field in message.fields:
        assert field.raw in octets
        assert field.text == field.text.strip(" \t\r\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@example.net", [("", "ann@example.net")]),
        ("Ann <ann@example.net>", [("Ann", "ann@example.net")]),
        ('"Ann, B." <a@b.example>, c@d.example', [("Ann, B.", "a@b.example"), ("", "c@d.example")]),
        ('"a\\"b" <a@b.example>', [('a"b', "a@b.example")]),
        ("Ann (the, one) <a@b.example>", [("Ann", "a@b.example")]),
        ("a@b.example (Ann)", [("", "a@b.example")]),
        ("Team: a@b.example, c@d.example;", [("", "a@b.example"), ("", "c@d.example")]),
        ("undisclosed-recipients:;", []),
        ("=?utf-8?q?J=C3=B6?= =?utf-8?b?xZE=?= <a@b.example>", [("Jöő", "a@b.example")]),
        ("<@relay.example:a@b.example>", [("", "a@b.example")]),
        ('"x@y.example" <a@b.example>', [("x@y.example", "a@b.example")]),
        ("no address", [("", "noaddress")]),
        ("", []),
        ("Ann <a@b.example", [("Ann", "a@b.example")]),
    ],
)
def test_mailboxes_are_read(text: str, expected: list[tuple[str, str]]) -> None:
    """Names, quotes, comments, groups and encoded words, as RFC 5322 section 3.4 has them."""
    assert [(m.name, m.address) for m in mailboxes(text)] == expected


def test_a_mailbox_gives_its_domain_where_it_has_one() -> None:
    """The domain is a name in A-labels; an address without one has none."""
    assert str(MailboxText("", "a@BÜCHER.example").domain) == "xn--bcher-kva.example"
    assert MailboxText("", "a@[192.0.2.1]").domain is None
    assert MailboxText("", "nobody").domain is None
    assert MailboxText("", "a@").domain is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("=?UTF-8?Q?Re=3A_a?=", "Re: a"),
        ("=?utf-8?b?UmU6?= x", "Re: x"),
        ("=?iso-8859-1*de?q?=E9?=", "é"),
        ("=?none?q?a?=", "=?none?q?a?="),
        ("=?utf-8?b?!?=", ""),
        ("=?utf-8?q?open", "=?utf-8?q?open"),
    ],
)
def test_encoded_words_are_decoded(text: str, expected: str) -> None:
    """RFC 2047; a word of an unknown charset stays as it stands."""
    assert decode_words(text) == expected


def test_uris_stand_in_angle_brackets() -> None:
    """RFC 2369 section 2: a list of URIs, each in brackets, blanks in them meaning nothing."""
    text = "<mailto:u@example.com?subject=x>,\t<https://example.com/ u/1> (comment)"
    assert angle_uris(text) == ("mailto:u@example.com?subject=x", "https://example.com/u/1")


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    """Whatever a field says, reading it ends in values."""
    for mailbox in mailboxes(text):
        assert mailbox.domain is None or mailbox.domain.is_hostname
    assert isinstance(decode_words(text), str)
    assert all("<" not in uri for uri in angle_uris(text))
