"""STARTTLS and its policies against a receiver with a local authority's certificate."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from send.certificates import Authority, server_context
from send.peer import Act, ScriptedPeer

from sendgate.dane.record import Tlsa
from sendgate.send.outcome import Delivered, Phase, Unknown
from sendgate.send.smtp.client import Endpoint, Session, Timeouts, connect
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.result import Broken, Fault, Refused
from sendgate.send.smtp.tls import TlsLevel, TlsPolicy, Trust

ENVELOPE = Envelope("b@m.example.com", "a@example.net")
MESSAGE = b"Message-ID: <1@example.com>\r\n\r\nhello\r\n"
PATIENT = Timeouts(*[20.0] * 9, quit=0.3)
NAME = "mx.example.com"
OTHER = "mx.example.org"


async def commit() -> None:
    """Nothing is written down here."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def called(
    peer: ScriptedPeer,
    policy: TlsPolicy,
    trust: Trust | None = None,
    timeouts: Timeouts = PATIENT,
) -> Session | Refused | Broken:
    endpoint = Endpoint(NAME, "127.0.0.1", peer.port)
    return await connect(
        endpoint, "h.example", trust=trust or Trust(), policy=policy, timeouts=timeouts
    )


async def tried(
    certificate: Path, policy: TlsPolicy, trust: Trust | None = None
) -> str | Broken | None:
    """TLS in words after a delivery over it, or how the connection broke."""
    async with ScriptedPeer(tls=server_context(certificate)) as peer:
        session = await called(peer, policy, trust)
        if not isinstance(session, Session):
            assert isinstance(session, Broken)
            assert not [line for line in peer.commands if line.startswith("MAIL")]
            return session
        attempt = await session.deliver(ENVELOPE, MESSAGE, commit)
        assert isinstance(attempt, Delivered)
        assert attempt.peer.tls == session.peer.tls
        assert peer.commands.count("EHLO h.example") == (2 if attempt.peer.tls else 1)
        await session.quit()
        return attempt.peer.tls


def trusting(authority: Authority, folder: Path) -> Trust:
    file = folder / "authorities.pem"
    file.write_bytes(authority.pem)
    return Trust(str(file))


@pytest.mark.parametrize("policy", [TlsPolicy.opportunistic(), TlsPolicy.required()])
async def test_any_certificate_encrypts(
    policy: TlsPolicy, authority: Authority, tmp_path: Path
) -> None:
    """Wrong name, expired, unknown authority: better than in the clear, and called unverified."""
    file, _ = authority.issue(tmp_path, [OTHER], days=-1)
    assert await tried(file, policy) == "TLSv1.3 (unverified)"


async def test_in_the_clear_by_choice(authority: Authority, tmp_path: Path) -> None:
    """STARTTLS is offered and not taken."""
    file, _ = authority.issue(tmp_path, [NAME])
    assert await tried(file, TlsPolicy.clear()) is None


async def test_a_long_message_over_tls(authority: Authority, tmp_path: Path) -> None:
    """6 MB arrive whole, through back-pressure and many records."""
    file, _ = authority.issue(tmp_path, [NAME])
    message = MESSAGE + (b"y" * 98 + b"\r\n") * 60_000
    async with ScriptedPeer(tls=server_context(file)) as peer:
        session = await called(peer, TlsPolicy.required())
        assert isinstance(session, Session)
        assert isinstance(await session.deliver(ENVELOPE, message, commit), Delivered)
        assert peer.bodies == [message]
        await session.quit()


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ([NAME], [NAME]),
        (["MX.Example.com"], [NAME]),
        (["*.example.com"], [NAME]),
        ([OTHER, NAME], ["mx.example.com."]),
        ([OTHER], [NAME, OTHER]),
    ],
)
async def test_a_verified_certificate(
    names: list[str], wanted: list[str], authority: Authority, tmp_path: Path
) -> None:
    """From a trusted authority, for one of the names."""
    file, _ = authority.issue(tmp_path, names)
    policy = TlsPolicy.verified(wanted)
    assert await tried(file, policy, trusting(authority, tmp_path)) == "TLSv1.3 (verified)"


@pytest.mark.parametrize(
    ("names", "days", "known", "word"),
    [
        ([OTHER], 30, True, "not for mx.example.com"),
        (["*.com", "*", "x.mx.example.com", "*x.example.com"], 30, True, "not for"),
        (["*.mx.example.com"], 30, True, "not for"),
        (["127.0.0.1"], 30, True, "not for"),
        ([NAME], -1, True, "expired"),
        ([NAME], 30, False, "self-signed"),
    ],
)
async def test_a_certificate_that_does_not_verify(
    names: list[str], days: int, known: bool, word: str, authority: Authority, tmp_path: Path
) -> None:
    """Wrong name, expired, unknown authority: no mail, and the detail says which."""
    file, _ = authority.issue(tmp_path, names, days=days)
    trust = trusting(authority if known else Authority(), tmp_path)
    failure = await tried(file, TlsPolicy.verified([NAME]), trust)
    assert isinstance(failure, Broken)
    assert (failure.phase, failure.fault) == (Phase.STARTTLS, Fault.TLS_POLICY)
    assert word in failure.detail


def whole(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("selector", "matching", "octets"),
    [
        (1, 1, lambda c: hashlib.sha256(key(c)).digest()),
        (0, 1, lambda c: hashlib.sha256(whole(c)).digest()),
        (1, 2, lambda c: hashlib.sha512(key(c)).digest()),
        (0, 2, lambda c: hashlib.sha512(whole(c)).digest()),
        (1, 0, key),
        (0, 0, whole),
    ],
)
async def test_dane_ee(
    selector: int,
    matching: int,
    octets: Callable[[x509.Certificate], bytes],
    authority: Authority,
    tmp_path: Path,
) -> None:
    """3 x x: the certificate or its key is the named one; its name and dates do not count."""
    file, certificate = authority.issue(tmp_path, [OTHER], days=-1)
    record = Tlsa(3, selector, matching, octets(certificate))
    assert await tried(file, TlsPolicy.dane([record], [NAME])) == "TLSv1.3 (dane)"
    wrong = Tlsa(3, selector, matching, octets(authority.issue(tmp_path, [NAME])[1]))
    both = TlsPolicy.dane([wrong, record], [NAME])
    file, _ = authority.issue(tmp_path, [NAME], file="other.pem")
    failure = await tried(file, both)
    assert isinstance(failure, Broken)
    assert failure.fault is Fault.TLS_POLICY


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("anchored_at", ["root", "middle"])
async def test_dane_ta(selector: int, anchored_at: str, tmp_path: Path) -> None:
    """2 x 1: a path leads to the named authority, and the name and dates count."""
    root = Authority("root")
    middle = Authority("middle", above=root)
    anchor = {"root": root, "middle": middle}[anchored_at].certificate
    octets = whole(anchor) if selector == 0 else key(anchor)
    policy = TlsPolicy.dane([Tlsa(2, selector, 1, hashlib.sha256(octets).digest())], [NAME])
    file, _ = middle.issue(tmp_path, [NAME])
    assert await tried(file, policy) == "TLSv1.3 (dane)"
    for names, days in (([OTHER], 30), ([NAME], -1)):
        file, _ = middle.issue(tmp_path, names, days=days)
        assert isinstance(await tried(file, policy), Broken)
    stranger = Authority("stranger")
    file, _ = stranger.issue(tmp_path, [NAME])
    assert isinstance(await tried(file, policy), Broken)


async def test_dane_ta_whose_anchor_is_only_in_the_record(
    authority: Authority, tmp_path: Path
) -> None:
    """2 0 0 brings the authority's certificate along; a receiver may leave it out."""
    file, _ = authority.issue(tmp_path, [NAME])
    pem = file.read_bytes()
    file.write_bytes(pem.replace(authority.pem, b""))
    record = Tlsa(2, 0, 0, whole(authority.certificate))
    assert await tried(file, TlsPolicy.dane([record], [NAME])) == "TLSv1.3 (dane)"
    assert isinstance(await tried(file, TlsPolicy.dane([record], [OTHER])), Broken)
    junk = TlsPolicy.dane([Tlsa(2, 0, 0, b"junk")], [NAME])
    assert isinstance(await tried(file, junk), Broken)


def test_what_dane_cannot_use_only_requires_tls() -> None:
    """PKIX usages and unknown digests are unusable (RFC 7672 sections 2.2 and 3.1.3)."""
    useless = [Tlsa(0, 0, 1, b""), Tlsa(1, 1, 1, b""), Tlsa(3, 2, 1, b""), Tlsa(3, 1, 9, b"")]
    assert TlsPolicy.dane(useless, [NAME]).level is TlsLevel.REQUIRED
    usable = Tlsa(3, 1, 1, b"x")
    assert TlsPolicy.dane([*useless, usable], [NAME]).tlsa == (usable,)


@pytest.mark.parametrize(
    ("act", "script"),
    [
        (Act("drop"), "handshake"),
        (Act("reset"), "handshake"),
        (Act("silent"), "handshake"),
        (Act("hangup", reply="raw:garbage instead of TLS\r\n"), "handshake"),
    ],
)
async def test_a_handshake_that_fails(
    act: Act, script: str, authority: Authority, tmp_path: Path
) -> None:
    """Opportunistic: the caller may call again in the clear. Demanded: it may not."""
    file, _ = authority.issue(tmp_path, [NAME])
    async with ScriptedPeer(tls=server_context(file), script={script: act}) as peer:
        timeouts = replace(PATIENT, starttls=0.3) if act.end == "silent" else PATIENT
        failure = await called(peer, TlsPolicy.opportunistic(), timeouts=timeouts)
        assert isinstance(failure, Broken)
        assert (failure.phase, failure.fault) == (Phase.STARTTLS, Fault.TLS)
        failure = await called(peer, TlsPolicy.required(), timeouts=timeouts)
        assert isinstance(failure, Broken)
        assert failure.fault is not Fault.TLS
        session = await called(peer, TlsPolicy.clear())
        assert isinstance(session, Session)
        session.abort()


@pytest.mark.parametrize(("names", "asked"), [((OTHER, NAME), OTHER), ((NAME,), NAME), ((), NAME)])
async def test_dane_asks_for_the_certificate_of_the_name_that_its_records_stand_for(
    names: tuple[str, ...], asked: str, authority: Authority, tmp_path: Path
) -> None:
    """A host that is an alias may have certificates of several names (RFC 7672)."""
    file, certificate = authority.issue(tmp_path, [OTHER])
    heard: list[str | None] = []
    context = server_context(file)
    context.sni_callback = lambda _socket, name, _context: heard.append(name)
    policy = TlsPolicy.dane([Tlsa(3, 0, 0, whole(certificate))], names)
    async with ScriptedPeer(tls=context) as peer:
        session = await called(peer, policy)
        assert isinstance(session, Session)
        await session.quit()
    assert heard == [asked]


async def test_tls_that_is_demanded_and_not_offered(authority: Authority, tmp_path: Path) -> None:
    """Not offered or refused: QUIT and no mail for a demand, mail in the clear without one."""
    file, _ = authority.issue(tmp_path, [NAME])
    refusing = {"starttls": Act(reply="454 4.7.0 no TLS now")}
    for peer in (ScriptedPeer(), ScriptedPeer(tls=server_context(file), script=refusing)):
        async with peer:
            failure = await called(peer, TlsPolicy.required())
            assert isinstance(failure, Broken)
            assert failure.fault is Fault.TLS_POLICY
            for _ in range(500):
                if "QUIT" in peer.commands:
                    break
                await asyncio.sleep(0.01)
            assert peer.commands[-1] == "QUIT"
            session = await called(peer, TlsPolicy.opportunistic())
            assert isinstance(session, Session)
            assert session.peer.tls is None
            assert isinstance(await session.deliver(ENVELOPE, MESSAGE, commit), Delivered)
            session.abort()


async def test_what_is_injected_before_tls_is_forgotten(
    authority: Authority, tmp_path: Path
) -> None:
    """Replies that somebody put behind the 220 in the clear never answer a command."""
    file, _ = authority.issue(tmp_path, [NAME])
    injected = "raw:220 go\r\n250-evil.example\r\n250 SIZE 1\r\n550 5.7.1 injected\r\n250-half"
    script = {"starttls": Act(reply=injected)}
    async with ScriptedPeer(tls=server_context(file), script=script, size=5000) as peer:
        session = await called(peer, TlsPolicy.required())
        assert isinstance(session, Session)
        assert session.capabilities.size == 5000
        assert isinstance(await session.deliver(ENVELOPE, MESSAGE, commit), Delivered)
        await session.quit()


@pytest.mark.parametrize("act", [Act("drop"), Act("reset"), Act("half"), Act("silent")])
async def test_no_reply_to_the_dot_over_tls_is_unknown(
    act: Act, authority: Authority, tmp_path: Path
) -> None:
    """As in the clear: the receiver has it, and we do not know."""
    file, _ = authority.issue(tmp_path, [NAME])
    async with ScriptedPeer(tls=server_context(file), script={"accepted": act}) as peer:
        timeouts = replace(PATIENT, dot=0.3) if act.end == "silent" else PATIENT
        session = await called(peer, TlsPolicy.required(), timeouts=timeouts)
        assert isinstance(session, Session)
        assert isinstance(await session.deliver(ENVELOPE, MESSAGE, commit), Unknown)
        assert peer.accepted == ["<1@example.com>"]


async def test_a_connection_that_ends_during_the_commit_over_tls_is_definite(
    authority: Authority, tmp_path: Path
) -> None:
    """Nothing of the last block had been encrypted, let alone sent."""
    file, _ = authority.issue(tmp_path, [NAME])
    async with ScriptedPeer(tls=server_context(file), script={"data": Act("hangup")}) as peer:
        session = await called(peer, TlsPolicy.required())
        assert isinstance(session, Session)
        attempt = await session.deliver(ENVELOPE, MESSAGE, lambda: asyncio.sleep(0.1))
        assert isinstance(attempt, Broken)
        assert attempt.phase is Phase.DATA
        assert not session.in_doubt
