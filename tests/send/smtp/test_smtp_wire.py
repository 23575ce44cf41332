"""What has left and what has not: the socket under the client, and the doubt that hangs on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sendgate.send.outcome import Peer, Phase, Unknown
from sendgate.send.smtp.client import Reuse, Session, Timeouts
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.protocol import Conversation
from sendgate.send.smtp.result import Attempt, Broken, Fault, Refused
from sendgate.send.smtp.tls import TlsPolicy, Trust
from sendgate.send.smtp.wire import Wire, WireError


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end, non-blocking, and the receiver's, of a TCP connection with small buffers."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = socket.socket()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def fill(sock: socket.socket) -> None:
    """Write until the kernel takes no more, also after it has passed on what it could."""
    took = 1
    while took:
        took = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                took += sock.send(b"z" * 1000)
        await asyncio.sleep(0.05)


async def test_what_a_full_kernel_did_not_take_has_not_left(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """`sent` is the exact number of octets of the latest call that went out."""
    wire = Wire(pair[0], asyncio.get_running_loop())
    await wire.send(b"hello", 1.0)
    assert wire.sent == 5
    with pytest.raises(WireError) as caught:
        await wire.send(b"x" * 10_000_000, 0.1)
    assert caught.value.fault is Fault.TIMEOUT
    assert 0 < wire.sent < 10_000_000
    await fill(pair[0])
    with pytest.raises(WireError):
        await wire.send(b"y", 0.1)
    assert wire.sent == 0


async def test_a_reader_that_catches_up_gets_everything(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Back-pressure waits, and no octet is lost or doubled."""
    ours, theirs = pair
    data = bytes(range(256)) * 4000
    sending = asyncio.create_task(Wire(ours, asyncio.get_running_loop()).send(data, 20.0))
    got = b""
    while len(got) < len(data):
        await asyncio.sleep(0)
        with contextlib.suppress(BlockingIOError):
            got += theirs.recv(65536)
    await sending
    assert got == data


async def at_the_dot(
    ours: socket.socket, theirs: socket.socket, message: bytes, *, full: bool, early: bytes = b""
) -> tuple[Attempt, Session]:
    """A delivery whose last block meets a kernel with no room at all, or with some."""
    wire = Wire(ours, asyncio.get_running_loop())
    conversation = Conversation("h.example", Peer("mx.example.com", "127.0.0.1"), tls=False)
    timeouts = replace(Timeouts(), block=0.2, dot=0.2)
    policy = TlsPolicy.clear()
    session = Session(wire, conversation, policy, Trust(), timeouts, Reuse())
    theirs.send(b"220 hi\r\n250 x\r\n")
    assert await session.open() is None

    async def commit() -> None:
        if full:
            await fill(ours)

    envelope = Envelope("b@m.example.com", "a@example.net")
    task = asyncio.create_task(session.deliver(envelope, message, commit))
    for reply in (b"250 a\r\n", b"250 b\r\n", b"354 c\r\n"):
        await asyncio.sleep(0.02)
        theirs.send(reply)
    await asyncio.sleep(0.05)
    theirs.send(early)
    return await task, session


async def test_a_last_block_of_which_nothing_left_is_definite(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """It was committed, and the kernel took none of it: another try cannot make a second copy."""
    attempt, session = await at_the_dot(*pair, b"a: b\r\n", full=True)
    assert isinstance(attempt, Broken)
    assert (attempt.phase, attempt.fault) == (Phase.DOT, Fault.TIMEOUT)
    assert not session.in_doubt


@pytest.mark.parametrize("early", [b"", b"250 too soon\r\n"])
async def test_a_last_block_of_which_something_left_is_unknown(
    pair: tuple[socket.socket, socket.socket], early: bytes
) -> None:
    """Part of it went out, then the receiver took no more; a yes to a part is none."""
    attempt, session = await at_the_dot(*pair, b"x: y\r\n" * 2700, full=False, early=early)
    assert isinstance(attempt, Unknown)
    assert session.in_doubt


async def test_a_refusal_in_the_middle_of_the_last_block_is_definite(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Who says no before the final dot has come does not have the message."""
    attempt, session = await at_the_dot(
        *pair, b"x: y\r\n" * 2700, full=False, early=b"552 5.3.4 too large\r\n"
    )
    assert isinstance(attempt, Refused)
    assert attempt.phase is Phase.DOT
    assert not session.in_doubt
