"""How long each step of a session may take, and that small writes go out at once."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import asdict
from typing import Any

import pytest
from send.peer import ScriptedPeer
from send.sessions import opened

from sendgate.send.outcome import Phase
from sendgate.send.smtp.client import Timeouts


def test_the_waits_are_those_of_the_standard() -> None:
    """RFC 5321 section 4.5.3.2, in minutes; it names none for connecting, STARTTLS and QUIT."""
    minutes = {name: seconds / 60 for name, seconds in asdict(Timeouts()).items()}
    assert minutes == {
        "connect": 0.5, "banner": 5, "ehlo": 5, "starttls": 5, "mail": 5, "rcpt": 5,
        "data": 2, "block": 3, "dot": 10, "quit": pytest.approx(1 / 12),
    }  # fmt: skip
    steps = set(Phase) - {Phase.RESOLVE}
    assert {step: Timeouts().of(step) / 60 for step in steps} == {
        step: minutes[step.value] for step in steps
    }


async def test_small_writes_go_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """TCP_NODELAY is set before the first octet."""
    made: list[bool] = []
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def connected(sock: socket.socket, address: Any) -> None:
        made.append(bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        await connect(sock, address)

    async with ScriptedPeer() as peer:
        monkeypatch.setattr(loop, "sock_connect", connected)
        (await opened(peer)).abort()
    assert made == [True]
