"""DNS over TLS and HTTPS: against unbound, and against a server that counts connections."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import dns.flags
import dns.message
import dns.rrset
import pytest
from dns_servers import Authority, Scripted, Server

from sendgate.dns.answers import Answer, Failed, NxDomain, Question, Reason, Records, Txt
from sendgate.dns.live import LiveSource, parse_nameserver
from sendgate.names import Domain

TIMEOUT = 3.0
SIGNED = Question(Domain("signed.example"), "TXT")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names would not reach this machine's loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def reason(answer: Answer) -> Reason:
    assert isinstance(answer, Failed), answer
    return answer.reason


@pytest.fixture(params=["tls", "https"])
def place(request: pytest.FixtureRequest, unbound_server: Server) -> str:
    """unbound's TLS and HTTPS services in turn."""
    port = unbound_server.ports[request.param]
    path = "/dns-query" if request.param == "https" else ""
    return f"{request.param}://127.0.0.1:{port}{path}"


async def test_answers_over_a_verified_channel_are_authentic(
    place: str, authority: Authority
) -> None:
    """The AD bit counts, big answers need no TCP, and failures are failures."""
    context = authority.client_context()
    async with LiveSource([parse_nameserver(place)], TIMEOUT, tls_context=context) as source:
        signed = await source.ask(SIGNED)
        big = await source.ask(Question(Domain("big.example.com"), "TXT"))
        missing = await source.ask(Question(Domain("nothing.example.com"), "TXT"))
        broken = await source.ask(Question(Domain("broken.example"), "TXT"))
    assert isinstance(signed, Records)
    assert signed.authentic
    assert signed.origin.where == place
    assert isinstance(big, Records)
    assert len(next(big.of(Txt)).octets) == 5000
    assert isinstance(missing, NxDomain)
    assert reason(broken) is Reason.SERVFAIL


async def test_a_certificate_of_an_unknown_authority_is_refused(place: str) -> None:
    """The system's authorities do not know this one: nothing is asked over the channel."""
    async with LiveSource([parse_nameserver(place)], TIMEOUT) as source:
        answer = await source.ask(SIGNED)
    assert reason(answer) is Reason.UNREACHABLE
    assert isinstance(answer, Failed)
    assert "certificate" in answer.detail


async def test_the_certificate_must_carry_the_name_given(
    unbound_server: Server, authority: Authority
) -> None:
    """After # stands the name that is expected, and only that one will do."""
    port = unbound_server.ports["tls"]
    context = authority.client_context()
    right = parse_nameserver(f"tls://127.0.0.1:{port}#dns.example.net")
    wrong = parse_nameserver(f"tls://127.0.0.1:{port}#dns.example.org")
    async with LiveSource([right], TIMEOUT, tls_context=context) as source:
        assert isinstance(await source.ask(SIGNED), Records)
    async with LiveSource([wrong], TIMEOUT, tls_context=context) as source:
        answer = await source.ask(SIGNED)
    assert reason(answer) is Reason.UNREACHABLE
    assert isinstance(answer, Failed)
    assert "certificate" in answer.detail


def response_to(wire: bytes) -> bytes:
    query = dns.message.from_wire(wire)
    response = dns.message.make_response(query, recursion_available=True)
    name = query.question[0].name
    response.answer = [dns.rrset.from_text(name, 300, "IN", "TXT", f'"{name}"')]
    return response.to_wire()


async def test_one_tls_connection_carries_all_questions_in_any_order(
    authority: Authority, tmp_path: Path
) -> None:
    """Twenty questions at once share a connection; late answers find their question."""

    async def reply(wire: bytes, kind: str) -> list[bytes]:
        await asyncio.sleep(0.001 * (20 - len(server.queries)))
        return [response_to(wire)]

    server = Scripted(reply)
    context = authority.server_context(tmp_path, ["127.0.0.1"])
    async with server.serve(context):
        nameserver = parse_nameserver(f"tls://{server.place}")
        async with LiveSource(
            [nameserver], TIMEOUT, tls_context=authority.client_context()
        ) as source:
            names = [Domain(f"n{i}.example.com") for i in range(20)]
            answers = await asyncio.gather(*(source.ask(Question(n, "TXT")) for n in names))
    texts = [next(a.of(Txt)).text for a in answers if isinstance(a, Records)]
    assert texts == [f"{name}." for name in names]
    assert server.connections == 1


async def test_a_closed_tls_connection_is_opened_again(
    authority: Authority, tmp_path: Path
) -> None:
    """Servers close idle connections; the next question does not fail for that."""

    async def reply(wire: bytes, kind: str) -> list[bytes]:
        return [response_to(wire)]

    server = Scripted(reply)
    context = authority.server_context(tmp_path, ["127.0.0.1"])
    nameserver = parse_nameserver(f"tls://{server.place}")
    async with LiveSource([nameserver], TIMEOUT, tls_context=authority.client_context()) as source:
        for number in range(2):
            async with server.serve(context):
                answer = await source.ask(Question(Domain(f"n{number}.example.com"), "TXT"))
                server.hang_up()
                await asyncio.sleep(0.05)
            assert isinstance(answer, Records)
    assert server.connections == 2


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ("503 Unavailable\r\ncontent-type: text/plain", b"no", Reason.UNREACHABLE),
        ("302 Found\r\nlocation: https://192.0.2.1/", b"", Reason.UNREACHABLE),
        ("200 OK\r\ncontent-type: text/html", b"<h1>hello</h1>", Reason.MALFORMED),
        ("200 OK\r\ncontent-type: application/dns-message", b"garbage", Reason.MALFORMED),
        ("200 OK\r\ncontent-type: application/dns-message", bytes(70_000), Reason.MALFORMED),
    ],
)
async def test_what_an_https_server_says_instead_of_dns_is_a_failure(
    authority: Authority, tmp_path: Path, head: str, body: bytes, expected: Reason
) -> None:
    """An error page, a redirect, another type, garbage and too much are no answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 {head}\r\n{length}".encode("ascii") + body)
        writer.close()

    context = authority.server_context(tmp_path, ["127.0.0.1"])
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = listener.sockets[0].getsockname()[1]
    nameserver = parse_nameserver(f"https://127.0.0.1:{port}/dns-query")
    async with LiveSource([nameserver], TIMEOUT, tls_context=authority.client_context()) as source:
        answer = await source.ask(SIGNED)
    listener.close()
    await asyncio.sleep(0.05)
    assert reason(answer) is expected


async def test_plain_text_on_a_tls_port_is_unreachable(unbound_server: Server) -> None:
    """A server that does not speak TLS there."""
    nameserver = parse_nameserver(f"tls://{unbound_server.place}")
    context = ssl.create_default_context()
    async with LiveSource([nameserver], 1.0, tls_context=context) as source:
        answer = await source.ask(SIGNED)
    assert reason(answer) in {Reason.UNREACHABLE, Reason.TIMEOUT}
