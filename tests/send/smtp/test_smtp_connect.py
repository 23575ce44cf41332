"""Connecting to a scripted receiver: every way in which that fails, and from where it is done."""

from __future__ import annotations

import asyncio
import socket

import pytest
from send.peer import Act, ScriptedPeer
from send.sessions import ENVELOPE, MESSAGE, PATIENT, Commit, called, quick

from sendgate.errors import InputError
from sendgate.send.outcome import Delivered, Phase
from sendgate.send.smtp.client import Endpoint, Session, connect
from sendgate.send.smtp.result import Broken, Fault, Refused
from sendgate.send.smtp.tls import Trust

OPENINGS = [
    ("connect", Act("drop"), Broken, Phase.BANNER),
    ("connect", Act("reset"), Broken, Phase.BANNER),
    ("connect", Act("silent"), Broken, Phase.BANNER),
    ("connect", Act("half"), Broken, Phase.BANNER),
    ("connect", Act("drip", delay=0.2), Broken, Phase.BANNER),
    ("connect", Act(reply="554 5.7.1 go away"), Refused, Phase.BANNER),
    ("connect", Act(reply="421 4.7.0 busy"), Refused, Phase.BANNER),
    ("connect", Act(reply="raw:SSH-2.0-x\r\n"), Broken, Phase.BANNER),
    ("connect", Act(reply="raw:" + "220-x\r\n" * 1000), Broken, Phase.BANNER),
    ("ehlo", Act("drop"), Broken, Phase.EHLO),
    ("ehlo", Act("silent"), Broken, Phase.EHLO),
    ("ehlo", Act(reply="450 4.3.2 later"), Refused, Phase.EHLO),
]


@pytest.mark.parametrize(("step", "act", "kind", "phase"), OPENINGS)
async def test_an_opening_that_fails_says_where(
    step: str, act: Act, kind: type, phase: Phase
) -> None:
    """Before any message: a refusal with its reply, or what broke."""
    async with ScriptedPeer(script={step: act}) as peer:
        failure = await called(peer, quick(phase, act))
        assert isinstance(failure, kind)
        assert not isinstance(failure, Session)
        assert failure.phase is phase


async def test_a_receiver_that_says_no_is_told_goodbye() -> None:
    """After a 554 banner it awaits a QUIT (RFC 5321 section 3.1)."""
    async with ScriptedPeer(script={"connect": Act(reply="554 no")}) as peer:
        await called(peer)
        await asyncio.sleep(0.05)
        assert peer.commands == ["QUIT"]


async def test_nobody_listens() -> None:
    """A refused connection is unreachable, at once."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        endpoint = Endpoint("mx.example.com", "127.0.0.1", sock.getsockname()[1])
        failure = await connect(endpoint, "h.example", trust=Trust(), timeouts=PATIENT)
    assert isinstance(failure, Broken)
    assert (failure.phase, failure.fault) == (Phase.CONNECT, Fault.UNREACHABLE)


async def test_nobody_answers_the_connection() -> None:
    """A full backlog on loopback stays silent as a filtered port does: a timeout."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        place = sock.getsockname()
        fillers = []
        try:
            for _ in range(8):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(place)
                fillers.append(filler)
            await asyncio.sleep(0.05)
            endpoint = Endpoint("mx.example.com", *place)
            failure = await connect(endpoint, "h.example", trust=Trust(), timeouts=quick("connect"))
        finally:
            for filler in fillers:
                filler.close()
    assert isinstance(failure, Broken)
    assert failure.fault is Fault.TIMEOUT


async def test_the_source_address_is_the_one_asked_for() -> None:
    """The connection comes from it, and the peer is told so in the result."""
    async with ScriptedPeer() as peer:
        session = await connect(
            Endpoint("mx.example.com", "127.0.0.1", peer.port, "127.0.0.9"),
            "h.example",
            trust=Trust(),
        )
        assert isinstance(session, Session)
        assert session.peer.source == "127.0.0.9"
        session.abort()


@pytest.mark.parametrize("source", ["192.0.2.1", "::1"])
async def test_a_source_address_that_is_not_ours_is_a_local_fault(source: str) -> None:
    """It is nothing that the receiver did."""
    async with ScriptedPeer() as peer:
        endpoint = Endpoint("mx.example.com", "127.0.0.1", peer.port, source)
        failure = await connect(endpoint, "h.example", trust=Trust())
        assert isinstance(failure, Broken)
        assert (failure.phase, failure.fault) == (Phase.CONNECT, Fault.LOCAL)
        assert peer.connections == 0


async def test_ipv6() -> None:
    """An IPv6 address is dialled as one."""
    try:
        peer = await ScriptedPeer(host="::1").__aenter__()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    session = await connect(
        Endpoint("mx.example.com", "::1", peer.port), "h.example", trust=Trust()
    )
    assert isinstance(session, Session)
    assert isinstance(await session.deliver(ENVELOPE, MESSAGE, Commit()), Delivered)
    session.abort()
    await peer.__aexit__()


async def test_a_wrong_name_is_found_before_anybody_is_called() -> None:
    """An EHLO name from a configuration that is none raises, and nothing is dialled."""
    async with ScriptedPeer() as peer:
        with pytest.raises(InputError):
            await connect(Endpoint("mx.example.com", "127.0.0.1", peer.port), "a b", trust=Trust())
        assert peer.connections == 0
