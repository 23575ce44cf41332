"""Live DNS against servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns_servers import Scripted, free_port, scripted

from sendgate.dns.answers import Answer, Failed, NoData, NxDomain, Question, Reason, Records, Txt
from sendgate.dns.live import LiveSource, parse_nameserver
from sendgate.errors import InputError
from sendgate.names import Domain

NAME = Domain("example.com")
QUICK = 0.4  # seconds for a question that nobody will answer
TIMEOUT = 3.0
OPEN_FILES = Path("/proc/self/fd")

Messages = list[dns.message.Message | bytes]
Reply = Callable[[dns.message.Message, str], Messages]


def answer_to(query: dns.message.Message, *records: str) -> dns.message.Message:
    """A resolver's response with the given records in its answer section."""
    response = dns.message.make_response(query, recursion_available=True)
    response.answer = [dns.rrset.from_text(*record.split(None, 4)) for record in records]
    return response


def txt(query: dns.message.Message, text: str = "found") -> dns.message.Message:
    return answer_to(query, f'{query.question[0].name} 300 IN TXT "{text}"')


def with_code(query: dns.message.Message, rcode: dns.rcode.Rcode) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    return response


async def ask(
    *servers: Scripted, within: float = TIMEOUT, rdtype: str = "TXT", name: Domain = NAME
) -> Answer:
    nameservers = [parse_nameserver(server.place) for server in servers]
    async with LiveSource(nameservers, within) as source:
        return await source.ask(Question(name, rdtype))


def reason(answer: Answer) -> Reason:
    assert isinstance(answer, Failed), answer
    return answer.reason


async def test_a_silent_server_is_a_timeout_after_several_tries() -> None:
    """Each try has its own id and port, and the wait ends when the question's time is up."""
    async with scripted(lambda query, kind: []).serve() as server:
        began = time.monotonic()
        answer = await ask(server, within=QUICK)
        took = time.monotonic() - began
    assert reason(answer) is Reason.TIMEOUT
    assert isinstance(answer, Failed)
    assert answer.detail == f"no answer from {server.place} within 0.4 s"
    assert QUICK <= took < QUICK + 0.5
    assert len(server.queries) == 3
    assert len({wire[:2] for _, wire in server.queries}) == 3
    assert len({port for _, port in server.sources}) == 3


async def test_the_next_server_is_asked_while_the_first_stays_silent() -> None:
    """A dead first resolver costs a part of the time, not the answer."""
    async with (
        scripted(lambda query, kind: []).serve() as dead,
        scripted(lambda query, kind: [txt(query)]).serve() as alive,
    ):
        answer = await ask(dead, alive, within=1.0)
    assert isinstance(answer, Records)
    assert answer.origin.where == alive.place


async def test_a_slow_answer_counts_although_the_next_try_is_out() -> None:
    """A try is not given up when the next one starts."""

    async def slowly(wire: bytes, kind: str) -> list[bytes]:
        query = dns.message.from_wire(wire)
        await asyncio.sleep(0.5 if len(server.queries) == 1 else 60)
        return [txt(query, "slow").to_wire()]

    server = Scripted(slowly)
    async with server.serve():
        answer = await ask(server, within=1.2)
    assert isinstance(answer, Records)
    assert next(answer.of(Txt)).text == "slow"
    assert len(server.queries) >= 2


async def test_a_lost_datagram_is_sent_again() -> None:
    """The second try is answered."""
    async with scripted(
        lambda q, kind: [txt(q)] if len(server.queries) > 1 else []
    ).serve() as server:
        answer = await ask(server, within=1.0)
    assert isinstance(answer, Records)


def wrong_id(query: dns.message.Message) -> dns.message.Message:
    response = txt(query, "forged")
    response.id = query.id ^ 1
    return response


def wrong_question(query: dns.message.Message) -> dns.message.Message:
    other = dns.message.make_query("example.net.", "TXT", id=query.id)
    return txt(other, "forged")


def not_a_response(query: dns.message.Message) -> dns.message.Message:
    response = txt(query, "forged")
    response.flags &= ~dns.flags.QR
    return response


def truncated_for_another(query: dns.message.Message) -> dns.message.Message:
    response = wrong_question(query)
    response.flags |= dns.flags.TC
    return response


@pytest.mark.parametrize("forge", [wrong_id, wrong_question, not_a_response, truncated_for_another])
async def test_what_does_not_match_is_ignored_and_waiting_goes_on(
    forge: Callable[[dns.message.Message], dns.message.Message],
) -> None:
    """Forged answers come first and change nothing; the true one after them counts."""
    async with scripted(lambda q, kind: [forge(q), b"\x00", txt(q)]).serve() as server:
        answer = await ask(server)
    assert isinstance(answer, Records)
    assert next(answer.of(Txt)).text == "found"
    assert len(server.queries) == 1


@pytest.mark.parametrize("forge", [wrong_id, wrong_question])
async def test_only_answers_that_do_not_match_are_a_timeout(
    forge: Callable[[dns.message.Message], dns.message.Message],
) -> None:
    """Nobody has answered the question that was asked."""
    async with scripted(lambda query, kind: [forge(query)]).serve() as server:
        assert reason(await ask(server, within=QUICK)) is Reason.TIMEOUT


async def test_an_answer_from_another_address_is_ignored() -> None:
    """The right id from the wrong port is not the server's answer."""
    loop = asyncio.get_running_loop()
    other, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )

    def forge(query: dns.message.Message, kind: str) -> Messages:
        other.sendto(txt(query, "forged").to_wire(), server.sources[-1])
        return []

    async with scripted(forge).serve() as server:
        answer = await ask(server, within=QUICK)
    other.close()
    assert reason(answer) is Reason.TIMEOUT


async def test_garbage_is_tried_again_and_then_malformed() -> None:
    """The right id with an unreadable rest: three tries, then the failure says so."""
    async with scripted(lambda q, kind: [txt(q).to_wire()[:-3]]).serve() as server:
        answer = await ask(server)
    assert reason(answer) is Reason.MALFORMED
    assert len(server.queries) == 3
    async with scripted(
        lambda q, kind: [txt(q) if len(server.queries) > 1 else txt(q).to_wire()[:-3]]
    ).serve() as server:
        assert isinstance(await ask(server), Records)


@pytest.mark.parametrize(
    ("rcode", "expected"),
    [
        (dns.rcode.SERVFAIL, Reason.SERVFAIL),
        (dns.rcode.REFUSED, Reason.REFUSED),
        (dns.rcode.NOTAUTH, Reason.REFUSED),
        (dns.rcode.YXDOMAIN, Reason.MALFORMED),
        (dns.rcode.NOTIMP, Reason.MALFORMED),
        (dns.rcode.FORMERR, Reason.MALFORMED),
    ],
)
async def test_every_error_code_is_a_failure(rcode: dns.rcode.Rcode, expected: Reason) -> None:
    """No error code is ever an absence."""
    async with scripted(lambda query, kind: [with_code(query, rcode)]).serve() as server:
        answer = await ask(server)
    assert reason(answer) is expected
    assert isinstance(answer, Failed)
    named = "" if rcode.name.lower() == str(expected) else f": {rcode.name}"
    assert answer.detail == f"{server.place}{named}"


async def test_the_extended_error_is_named_without_its_free_text() -> None:
    """RFC 8914: the code is a fact, the text beside it is whatever the server wrote."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        response = with_code(query, dns.rcode.SERVFAIL)
        response.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "<b>")])
        return [response]

    async with scripted(reply).serve() as server:
        answer = await ask(server)
    assert isinstance(answer, Failed)
    assert answer.detail == f"{server.place}: dnssec bogus"


async def test_edns_is_offered_with_1232_octets_and_dropped_after_formerr() -> None:
    """A server that does not know EDNS is asked again without it."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        return [txt(query) if query.edns < 0 else with_code(query, dns.rcode.FORMERR)]

    async with scripted(reply).serve() as server:
        answer = await ask(server)
    assert isinstance(answer, Records)
    first, second = (dns.message.from_wire(wire) for _, wire in server.queries)
    assert (first.edns, first.payload) == (0, 1232)
    assert second.edns < 0


async def test_a_formerr_without_question_section_is_understood() -> None:
    """Old servers echo the header alone."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        if query.edns < 0:
            return [txt(query)]
        return [query.id.to_bytes(2, "big") + b"\x80\x01" + bytes(8)]

    async with scripted(reply).serve() as server:
        assert isinstance(await ask(server), Records)


async def test_recursion_is_asked_for_and_authenticity_on_loopback() -> None:
    """RD and AD are set, CD only where the question says so."""
    server = scripted(lambda query, kind: [txt(query)])
    async with server.serve(), LiveSource([parse_nameserver(server.place)]) as source:
        await source.ask(Question(NAME, "TXT"))
        await source.ask(Question(NAME, "TXT", checking_disabled=True))
    plain, unchecked = (dns.message.from_wire(wire).flags for _, wire in server.queries)
    assert plain & dns.flags.RD
    assert plain & dns.flags.AD
    assert not plain & dns.flags.CD
    assert unchecked & dns.flags.CD


async def test_a_direct_question_has_no_recursion_and_needs_authority() -> None:
    """RD is clear; an answer without AA is lame, one with AA counts and is never authentic."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        response = txt(query)
        response.flags |= dns.flags.AD
        if len(server.queries) > 1:
            response.flags |= dns.flags.AA
        return [response]

    async with scripted(reply).serve() as server:
        nameserver = parse_nameserver("192.0.2.53")
        async with LiveSource([nameserver], TIMEOUT, direct_port=server.port) as source:
            lame = await source.ask(Question(NAME, "TXT", server="127.0.0.1"))
            good = await source.ask(Question(NAME, "TXT", server="127.0.0.1"))
            nonsense = await source.ask(Question(NAME, "TXT", server="ns1.example.com"))
    assert reason(lame) is Reason.LAME
    assert isinstance(good, Records)
    assert not good.authentic
    assert not dns.message.from_wire(server.queries[0][1]).flags & dns.flags.RD
    assert reason(nonsense) is Reason.UNREACHABLE


async def test_neither_answer_nor_authority_is_nodata() -> None:
    """RFC 2308 section 2.2, type 3."""
    async with scripted(lambda query, kind: [answer_to(query)]).serve() as server:
        answer = await ask(server)
    assert isinstance(answer, NoData)
    assert answer.zone is None


def refer(query: dns.message.Message, *, authoritative: bool) -> dns.message.Message:
    response = answer_to(query)
    response.authority = [dns.rrset.from_text("com.", 300, "IN", "NS", "a.gtld.example.")]
    if authoritative:
        response.flags |= dns.flags.AA
    return response


async def test_a_referral_is_lame_unless_it_comes_with_authority() -> None:
    """Name servers alone: "go and ask there" from a passer-by, "nothing here" from the owner."""
    async with scripted(lambda q, kind: [refer(q, authoritative=False)]).serve() as server:
        assert reason(await ask(server)) is Reason.LAME
    async with scripted(lambda q, kind: [refer(q, authoritative=True)]).serve() as server:
        assert isinstance(await ask(server), NoData)


async def test_an_alias_without_its_target_is_asked_on() -> None:
    """The answer stops at an alias; the target is asked for, and the alias stays visible."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        if query.question[0].name.to_text() == "example.com.":
            return [answer_to(query, "example.com. 60 IN CNAME target.example.net.")]
        return [txt(query)]

    async with scripted(reply).serve() as server:
        answer = await ask(server)
    assert isinstance(answer, Records)
    assert [str(alias.target) for alias in answer.aliases] == ["target.example.net"]
    assert answer.ttl == 60


async def test_an_alias_to_nothing_at_another_server_keeps_the_alias() -> None:
    """NXDOMAIN of the target, in an answer of its own."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        if query.question[0].name.to_text() == "example.com.":
            return [answer_to(query, "example.com. 60 IN CNAME gone.example.net.")]
        return [with_code(query, dns.rcode.NXDOMAIN)]

    async with scripted(reply).serve() as server:
        answer = await ask(server)
    assert isinstance(answer, NxDomain)
    assert [str(alias.target) for alias in answer.aliases] == ["gone.example.net"]


async def test_an_alias_chain_without_end_is_cut_at_sixteen() -> None:
    """Every name is an alias of a new one: asked on sixteen times, then it is a loop."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        number = len(server.queries)
        return [answer_to(query, f"{query.question[0].name} 60 IN CNAME n{number}.example.com.")]

    async with scripted(reply).serve() as server:
        answer = await ask(server)
    assert reason(answer) is Reason.ALIAS_LOOP
    assert len(answer.aliases) == 17
    assert len(server.queries) == 17


async def test_data_beside_an_alias_is_seen() -> None:
    """RFC 1034 section 3.6.2 forbids it; a server that does it is shown doing it."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        return [
            answer_to(
                query,
                "example.com. 60 IN CNAME a.example.net.",
                "example.com. 60 IN CNAME b.example.net.",
                'example.com. 60 IN TXT "beside"',
                'a.example.net. 60 IN TXT "behind"',
            )
        ]

    async with scripted(reply).serve() as server:
        answer = await ask(server)
    assert isinstance(answer, Records)
    [alias] = answer.aliases
    assert alias.beside == ("TXT",)
    assert alias.others == (Domain("b.example.net"),)
    assert next(answer.of(Txt)).text == "behind"


async def test_nxdomain_with_data_is_malformed() -> None:
    """The code and the section contradict each other: nobody could tell."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        response = txt(query)
        response.set_rcode(dns.rcode.NXDOMAIN)
        return [response]

    async with scripted(reply).serve() as server:
        assert reason(await ask(server)) is Reason.MALFORMED


async def test_a_closed_port_is_unreachable() -> None:
    """ICMP says so; there is no need to wait for the time to pass."""
    nameserver = parse_nameserver(f"127.0.0.1:{free_port()}")
    began = time.monotonic()
    async with LiveSource([nameserver], 30.0) as source:
        answer = await source.ask(Question(NAME, "TXT"))
    assert reason(answer) is Reason.UNREACHABLE
    assert time.monotonic() - began < 5


def truncated(query: dns.message.Message, _kind: str) -> Messages:
    response = txt(query)
    response.flags |= dns.flags.TC
    return [response]


async def test_a_truncated_answer_is_never_taken_for_the_whole() -> None:
    """With TCP closed it is unreachable; truncated over TCP as well, it is malformed."""
    async with scripted(truncated).serve(streams=False) as server:
        assert reason(await ask(server)) is Reason.UNREACHABLE
    async with scripted(truncated).serve() as server:
        assert reason(await ask(server)) is Reason.MALFORMED
    assert {kind for kind, _ in server.queries} == {"udp", "tcp"}


async def test_tcp_that_closes_without_an_answer_is_unreachable() -> None:
    """The connection opens and ends; nobody has answered."""
    hung_up: list[int] = []

    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hung_up.append(1)
        writer.close()

    async with scripted(truncated).serve(streams=False) as server:
        listener = await asyncio.start_server(hang_up, "127.0.0.1", server.port)
        answer = await ask(server)
        listener.close()
        await asyncio.sleep(0.01)
    assert reason(answer) is Reason.UNREACHABLE
    assert len(hung_up) == 3


@pytest.mark.parametrize("text", ["a..b", "x" * 64 + ".example.com", "\\300.example.com"])
async def test_a_name_that_cannot_go_on_the_wire_is_a_failure(text: str) -> None:
    """Such a name can only be made past the parser; nothing is sent and nothing is raised."""
    async with scripted(lambda query, kind: [txt(query)]).serve() as server:
        answer = await ask(server, name=Domain(text))
    assert reason(answer) is Reason.MALFORMED
    assert server.queries == []


@pytest.mark.parametrize("rdtype", ["NONSENSE", "ANY", "AXFR", "OPT", ""])
async def test_a_type_that_cannot_be_asked_is_a_failure(rdtype: str) -> None:
    """Unknown and meta types are answered without asking."""
    async with scripted(lambda query, kind: [txt(query)]).serve() as server:
        answer = await ask(server, rdtype=rdtype)
    assert reason(answer) is Reason.MALFORMED
    assert server.queries == []


async def test_no_more_questions_are_out_than_allowed() -> None:
    """Twelve questions at a concurrency of three: never four at once, and all answered."""

    async def slowly(wire: bytes, kind: str) -> list[bytes]:
        await asyncio.sleep(0.02)
        return [txt(dns.message.from_wire(wire)).to_wire()]

    server = Scripted(slowly)
    async with server.serve():
        nameserver = parse_nameserver(server.place)
        async with LiveSource([nameserver], TIMEOUT, concurrency=3) as source:
            questions = [Question(NAME.child(f"n{i}"), "TXT") for i in range(12)]
            answers = await asyncio.gather(*map(source.ask, questions))
    assert all(isinstance(answer, Records) for answer in answers)
    assert server.most == 3


async def test_waiting_for_a_turn_costs_no_time_of_the_question() -> None:
    """A question's time starts when it is its turn, however long the queue was."""

    async def slowly(wire: bytes, kind: str) -> list[bytes]:
        await asyncio.sleep(0.15)
        return [txt(dns.message.from_wire(wire)).to_wire()]

    server = Scripted(slowly)
    queue = LiveSource([parse_nameserver(server.place)], 0.4, concurrency=1)
    async with server.serve(), queue as source:
        questions = [Question(NAME.child(f"n{i}"), "TXT") for i in range(5)]
        answers = await asyncio.gather(*map(source.ask, questions))
    assert all(isinstance(answer, Records) for answer in answers)


def open_sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for descriptor in OPEN_FILES.iterdir():
        with contextlib.suppress(OSError):  # the listing's own descriptor is gone by now
            count += str(descriptor.readlink()).startswith("socket:")
    return count


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="needs /proc to count sockets")
async def test_no_socket_is_left_open() -> None:
    """Answered, silent, truncated and cancelled questions all close what they opened."""

    def reply(query: dns.message.Message, kind: str) -> Messages:
        response = txt(query)
        match query.question[0].name.labels[0]:
            case b"silent":
                return []
            case b"big" if kind == "udp":
                response.flags |= dns.flags.TC
        return [response]

    async with scripted(reply).serve() as server:
        before = open_sockets()
        async with LiveSource([parse_nameserver(server.place)], QUICK) as source:
            names = ["silent", "big", *(f"n{i}" for i in range(5))]
            questions = [Question(NAME.child(n), "TXT") for n in names]
            answers = await asyncio.gather(*map(source.ask, questions))
            waiting = asyncio.ensure_future(source.ask(Question(NAME.child("silent"), "MX")))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        for _ in range(10):
            await asyncio.sleep(0.01)
        gc.collect()
        assert open_sockets() == before
    assert [type(answer) for answer in answers] == [Failed, Records, *[Records] * 5]


def test_a_system_without_resolver_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """No /etc/resolv.conf and no --nameserver: the message says what to give."""
    import dns.resolver

    def missing(self: object, name: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", missing)
    with pytest.raises(InputError, match="--nameserver"):
        LiveSource()
