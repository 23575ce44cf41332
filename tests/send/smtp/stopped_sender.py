"""A process that sends one message with a second's patience; a test stops it meanwhile."""

from __future__ import annotations

import asyncio
import sys

from sendgate.send.smtp.client import Endpoint, Session, Timeouts, connect
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.tls import Trust


async def _commit() -> None:
    print("committed", flush=True)


async def _main(port: int) -> None:
    endpoint = Endpoint("mx.example.com", "127.0.0.1", port)
    session = await connect(endpoint, "h.example", trust=Trust(), timeouts=Timeouts(dot=1.0))
    assert isinstance(session, Session)
    envelope = Envelope("b@m.example.com", "a@example.net")
    attempt = await session.deliver(envelope, b"Message-ID: <1@example.com>\r\n\r\n", _commit)
    print(type(attempt).__name__)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
