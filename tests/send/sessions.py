"""What the tests of the SMTP client share: a message, time limits, and sessions with a peer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from send.peer import Act, ScriptedPeer

from sendgate.send.outcome import Phase
from sendgate.send.smtp.client import Endpoint, Reuse, Session, Timeouts, connect
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.result import Broken, Refused
from sendgate.send.smtp.tls import Trust

ENVELOPE = Envelope("b@m.example.com", "a@example.net")
MESSAGE = b"Message-ID: <1@example.com>\r\nSubject: hello\r\n\r\n.dot\r\n"
PATIENT = Timeouts(*[20.0] * 9, quit=0.3)  # a busy machine is slow, not silent


def quick(phase: Phase | str, act: Act | None = None) -> Timeouts:
    """A short time for the phase that a test lets run out; for any other act all the time."""
    if act is not None and not (act.end in {"silent", "drip"} or act.delay):
        return PATIENT
    return replace(PATIENT, **{str(phase): 0.3})


class Commit:
    """A commit hook that counts, and can fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self.error = error

    async def __call__(self) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


async def called(
    peer: ScriptedPeer, timeouts: Timeouts = PATIENT, reuse: Reuse | None = None
) -> Session | Refused | Broken:
    return await connect(
        Endpoint("mx.example.com", "127.0.0.1", peer.port),
        "mail.example.com",
        trust=Trust(),
        timeouts=timeouts,
        reuse=reuse,
    )


async def opened(
    peer: ScriptedPeer, timeouts: Timeouts = PATIENT, reuse: Reuse | None = None
) -> Session:
    session = await called(peer, timeouts, reuse)
    assert isinstance(session, Session)
    return session
