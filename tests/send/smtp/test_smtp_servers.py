"""The client against real receivers: Postfix, Exim, and Postfix's smtp-sink."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from send.certificates import Authority
from send.mail_servers import DOMAIN, HOST, MailServer, exim, postfix, smtp_sink

from sendgate.dane.record import Tlsa
from sendgate.send.outcome import Delivered, Phase, Unknown
from sendgate.send.smtp.client import Endpoint, Session, Timeouts, connect
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.result import Broken, Fault, Refused
from sendgate.send.smtp.tls import TlsPolicy, Trust

ENVELOPE = Envelope("b+1@m.example.com", f"a@{DOMAIN}")
REFUSED = Envelope("b+2@m.example.com", f"refused@{DOMAIN}")


def message(number: int, lines: int = 1) -> bytes:
    head = (
        f"Message-ID: <{number}@example.com>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
        "From: a@example.com\r\nSubject: grüße\r\n\r\n"
    )
    return head.encode() + b".dot\r\n..\r\n" + b"line of text\r\n" * lines


async def commit() -> None:
    """Nothing is written down here."""


class Receiver:
    """A server with STARTTLS, the trust it is judged by, and its TLSA record."""

    def __init__(self, server: MailServer, folder: Path, authority: Authority, key: bytes) -> None:
        self.server = server
        file = folder / "authorities.pem"
        file.write_bytes(authority.pem)
        self.trust = Trust(str(file))
        self.tlsa = Tlsa(3, 1, 1, hashlib.sha256(key).digest())

    async def call(self, policy: TlsPolicy, mx: str = HOST) -> Session | Refused | Broken:
        endpoint = Endpoint(mx, "127.0.0.1", self.server.port)
        return await connect(endpoint, "mail.example.com", trust=self.trust, policy=policy)


@pytest.fixture(scope="module", params=[postfix, exim], ids=["postfix", "exim"])
def receiver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    authority = Authority()
    chain, certificate = authority.issue(folder, [HOST])
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    start: Callable[[Path], AbstractContextManager[MailServer]] = request.param
    with start(chain) as server:
        yield Receiver(server, folder, authority, key)


async def test_mail_arrives_as_it_was_given(receiver: Receiver) -> None:
    """Several messages over one connection in the clear, a refusal among them, octet for octet."""
    before = len(receiver.server.messages(0, 0))
    session = await receiver.call(TlsPolicy.clear())
    assert isinstance(session, Session)
    offered = session.capabilities
    assert offered.pipelining
    assert offered.eight_bit
    assert offered.starttls
    sent = [message(number, lines) for number, lines in ((1, 1), (2, 3000), (3, 1))]
    for one in sent:
        attempt = await session.deliver(ENVELOPE, one, commit)
        assert isinstance(attempt, Delivered), attempt
        attempt = await session.deliver(REFUSED, one, commit)
        assert isinstance(attempt, Refused), attempt
        assert (attempt.phase, attempt.reply.code) == (Phase.RCPT, 550)
        assert attempt.reply.enhanced == "5.1.1"
    await session.quit()
    arrived = receiver.server.messages(before + 3)
    assert len(arrived) == before + 3
    for one in sent:
        assert any(text.endswith(one.replace(b"\r\n", b"\n")) for text in arrived)


@pytest.mark.parametrize("level", ["required", "verified", "dane"])
async def test_mail_arrives_over_tls(receiver: Receiver, level: str) -> None:
    """With any certificate, with a verified one, with the one that its TLSA record names."""
    policy = {
        "required": TlsPolicy.required(),
        "verified": TlsPolicy.verified([HOST]),
        "dane": TlsPolicy.dane([receiver.tlsa], [HOST]),
    }[level]
    session = await receiver.call(policy)
    assert isinstance(session, Session), session
    for number in (11, 12):
        attempt = await session.deliver(ENVELOPE, message(number, 3000), commit)
        assert isinstance(attempt, Delivered)
        assert attempt.peer.tls == f"TLSv1.3 ({'unverified' if level == 'required' else level})"
    await session.quit()


async def test_a_wrong_certificate_gets_no_mail(receiver: Receiver) -> None:
    """Another name, another key: nothing is said over that TLS."""
    wrong = Tlsa(3, 1, 1, bytes(32))
    for policy in (TlsPolicy.verified(["mx.example.org"]), TlsPolicy.dane([wrong], [HOST])):
        failure = await receiver.call(policy)
        assert isinstance(failure, Broken)
        assert (failure.phase, failure.fault) == (Phase.STARTTLS, Fault.TLS_POLICY)


async def call_sink(port: int, dot: float = 20.0) -> Session | Refused | Broken:
    return await connect(
        Endpoint(HOST, "127.0.0.1", port), "h.example", trust=Trust(), timeouts=Timeouts(dot=dot)
    )


@pytest.mark.parametrize("options", [(), ("-p", "-8", "-E"), ("-e",)])
async def test_a_sink_with_more_or_fewer_extensions(options: tuple[str, ...]) -> None:
    """With PIPELINING, without, and with nothing but HELO."""
    with smtp_sink(*options) as port:
        session = await call_sink(port)
        assert isinstance(session, Session)
        for _ in range(3):
            one = b"Message-ID: <1@example.com>\r\n\r\nhello\r\n"
            assert isinstance(await session.deliver(ENVELOPE, one, commit), Delivered)
        await session.quit()


@pytest.mark.parametrize(
    ("options", "kind", "phase"),
    [
        (("-q", "."), Unknown, None),
        (("-t", "30", "-W", ".:20"), Unknown, None),
        (("-q", "DATA"), Broken, Phase.DATA),
        (("-q", "RCPT"), Broken, Phase.RCPT),
        (("-Q", "."), Refused, Phase.DOT),
        (("-Q", "MAIL"), Refused, Phase.MAIL),
        (("-f", "."), Refused, Phase.DOT),
        (("-r", "RCPT"), Refused, Phase.RCPT),
        (("-A", "0"), Refused, None),  # it says no after its 354, before or after our dot
    ],
)
async def test_a_sink_that_fails(options: tuple[str, ...], kind: type, phase: Phase | None) -> None:
    """What smtp-sink can do to a client ends as what it is; only after the dot is it unknown."""
    with smtp_sink(*options) as port:
        session = await call_sink(port, dot=0.5 if "-W" in options else 20.0)
        assert isinstance(session, Session)
        one = b"Message-ID: <1@example.com>\r\n\r\nhello\r\n"
        attempt = await session.deliver(ENVELOPE, one, commit)
        session.abort()
        assert isinstance(attempt, kind), attempt
        if phase is not None:
            assert attempt.phase is phase
