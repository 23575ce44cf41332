"""Replies out of bytes: what is read, what is bounded, and that chunks make no difference."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.send.outcome import Reply
from sendgate.send.smtp.replies import MAX_LINE_OCTETS, MAX_LINES, ReplyError, ReplyReader


def read(*chunks: bytes) -> list[Reply | str]:
    """All replies in the chunks, and the error that ended them, if one did."""
    reader, found = ReplyReader(), []
    for chunk in chunks:
        reader.feed(chunk)
    try:
        while (reply := reader.next()) is not None:
            found.append(reply)
    except ReplyError as error:
        found.append(str(error))
    return found


@pytest.mark.parametrize(
    ("wire", "reply"),
    [
        (b"220 mx.example.com ESMTP\r\n", Reply(220, ("mx.example.com ESMTP",))),
        (b"250\r\n", Reply(250, ("",))),
        (b"250 ok\n", Reply(250, ("ok",))),
        (b"250 2.0.0 Ok: queued as X\r\n", Reply(250, ("Ok: queued as X",), "2.0.0")),
        (b"550 5.1.1\r\n", Reply(550, ("",), "5.1.1")),
        (b"550 5.1.1: no such user\r\n", Reply(550, ("no such user",), "5.1.1")),
        (b"550 5.1.1<a@example.com>: no\r\n", Reply(550, ("<a@example.com>: no",), "5.1.1")),
        (
            b"550-5.7.26 first\r\n550-5.7.26 second\r\n550 5.7.26 last\r\n",
            Reply(550, ("first", "second", "last"), "5.7.26"),
        ),
        (
            b"550-no code here\r\n550 5.7.1 but here\r\n",
            Reply(550, ("no code here", "but here"), "5.7.1"),
        ),
        (b"421-4.7.0 a\r\n421 4.7.1 b\r\n", Reply(421, ("a", "4.7.1 b"), "4.7.0")),
        (b"550 5.1.1.1 no code\r\n", Reply(550, ("5.1.1.1 no code",))),
        (b"550 1.2.3.4 is listed\r\n", Reply(550, ("1.2.3.4 is listed",))),
        (b"354 2.0.0 not in 3xx\r\n", Reply(354, ("2.0.0 not in 3xx",))),
        (b"450-a\r\n451 b\r\n", Reply(451, ("a", "b"))),
        ("550 5.1.1 Empfänger\r\n".encode(), Reply(550, ("Empfänger",), "5.1.1")),
        (b"550 a\x00b\x1b[2Jc\xff\r\n", Reply(550, ("a\ufffdb\ufffd[2Jc\ufffd",))),
    ],
)
def test_a_reply_is_read(wire: bytes, reply: Reply) -> None:
    """Code, lines, and the enhanced code cut off; what could steer a terminal is replaced."""
    assert read(wire) == [reply]


@pytest.mark.parametrize(
    "wire",
    [
        b"hello\r\n",
        b"\r\n",
        b"25 ok\r\n",
        b"2500 ok\r\n",
        b"999 ok\r\n",
        b"150 ok\r\n",
        b"250_ok\r\n",
        b"250-ok\r\n550 no\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\xef\xbb\xbf220 hello\r\n",
        b"250 " + b"x" * MAX_LINE_OCTETS + b"\r\n",
        b"2" * (MAX_LINE_OCTETS + 1),
        b"250-more\r\n" * (MAX_LINES + 1),
        b"\0" * 5000,
    ],
)
def test_what_is_no_reply_is_an_error(wire: bytes) -> None:
    """Garbage, mixed classes, and what breaks a bound end the stream, and yield no reply."""
    (found,) = read(wire)
    assert isinstance(found, str)


def test_a_reply_before_garbage_still_counts() -> None:
    """What was complete before the stream lost its meaning is given out first, then the error."""
    first, error = read(b"250 ok\r\nnonsense\r\n250 never\r\n")
    assert first == Reply(250, ("ok",))
    assert isinstance(error, str)


def test_the_bounds_themselves_are_allowed() -> None:
    """A line of exactly the limit, and a reply of exactly the most lines."""
    line = b"250 " + b"x" * (MAX_LINE_OCTETS - 5) + b"\r\n"
    assert isinstance(read(line)[0], Reply)
    reply = read(b"250-a\r\n" * (MAX_LINES - 1) + b"250 a\r\n")[0]
    assert isinstance(reply, Reply)
    assert len(reply.lines) == MAX_LINES


def test_endless_replies_are_bounded() -> None:
    """A peer that answers for ever does not fill the memory: the reader gives up."""
    assert isinstance(read(b"250 ok\r\n" * 1000)[-1], str)


def test_what_was_cleared_never_comes_out() -> None:
    """Replies, half lines and errors from before TLS are forgotten (RFC 3207)."""
    reader = ReplyReader()
    for injected in (b"250 ok\r\n250-half\r\n25", b"garbage\r\n"):
        reader.feed(injected)
        assert not reader.is_empty
        reader.clear()
        assert reader.is_empty
        assert reader.next() is None
    reader.feed(b"220 x\r\n")
    assert reader.next() == Reply(220, ("x",))


LINES = st.one_of(
    st.sampled_from(
        [
            b"250 ok\r\n",
            b"250-PIPELINING\r\n",
            b"250 5.1.1 x\n",
            b"550 no\r\n",
            b"junk\r\n",
            b"421\r\n",
        ]
    ),
    st.binary(max_size=12),
)


@given(st.lists(LINES, max_size=12).map(b"".join), st.data())
def test_chunks_make_no_difference(wire: bytes, data: st.DataObject) -> None:
    """However the network cuts the stream, the same replies and the same error come out."""
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=8).map(sorted))
    chunks = [wire[start:end] for start, end in pairwise([0, *cuts, len(wire)])]
    assert read(*chunks) == read(wire)
    assert read(*(bytes([octet]) for octet in wire)) == read(wire)
