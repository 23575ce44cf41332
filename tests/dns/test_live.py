"""Live DNS against real servers on loopback: knot and BIND as authorities, unbound as resolver."""

from __future__ import annotations

import pytest
from dns_servers import Server

from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    Mx,
    NoData,
    NxDomain,
    Question,
    Reason,
    Records,
    Soa,
    Target,
    Txt,
)
from sendgate.dns.live import LiveSource, parse_nameserver
from sendgate.names import Domain

LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 49, "example.com"])
TIMEOUT = 3.0  # seconds; loopback answers in milliseconds


@pytest.fixture(params=["knot", "bind", "unbound"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each make of server in turn; all hold or resolve the same two zones."""
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(params=["knot", "bind"])
def authoritative(request: pytest.FixtureRequest) -> Server:
    """Each authoritative server in turn."""
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


async def ask(asked: Server, name: str, rdtype: str, **more: object) -> Answer:
    """Ask one question of a fresh source."""
    question = Question(Domain.parse(name), rdtype, **more)  # type: ignore[arg-type]
    nameserver = parse_nameserver(asked.place)
    async with LiveSource([nameserver], TIMEOUT, direct_port=asked.port) as source:
        return await source.ask(question)


def records(answer: Answer) -> list[object]:
    assert isinstance(answer, Records), answer
    return [record.data for record in answer.records]


async def test_records_come_with_ttl_and_the_resolver_as_origin(server: Server) -> None:
    """A positive answer keeps data, TTL and where it was read."""
    answer = await ask(server, "example.com", "MX")
    assert records(answer) == [Mx(10, Domain("mail.example.com"))]
    assert isinstance(answer, Records)
    assert 0 < answer.ttl <= 300
    assert answer.origin.kind == "resolver"
    assert answer.origin.where == server.place


async def test_addresses_and_soa_are_typed(server: Server) -> None:
    """AAAA and SOA data become values of their own types."""
    [address] = records(await ask(server, "mail.example.com", "AAAA"))
    assert isinstance(address, Address)
    assert str(address) == "2001:db8::1"
    [soa] = records(await ask(server, "example.com", "SOA"))
    assert soa == Soa(Domain("ns1.example.com"), Domain("hostmaster.example.com"), 1, 300)


async def test_an_answer_too_big_for_udp_is_fetched_over_tcp(server: Server) -> None:
    """Five thousand octets of TXT do not fit 1232; TCP brings all of them."""
    [txt] = records(await ask(server, "big.example.com", "TXT"))
    assert isinstance(txt, Txt)
    assert [len(s) for s in txt.strings] == [250] * 20
    assert txt.octets.startswith(b"a" * 250 + b"b" * 250)


async def test_a_txt_record_of_forty_strings_keeps_their_boundaries(server: Server) -> None:
    """Strings are neither joined nor reordered."""
    [txt] = records(await ask(server, "forty.example.com", "TXT"))
    assert txt == Txt(tuple(b"string %02d" % i for i in range(40)))


async def test_txt_octets_survive_whatever_they_are(server: Server) -> None:
    """A NUL, an octet above 127, quotes and a backslash come through as sent."""
    [txt] = records(await ask(server, "octets.example.com", "TXT"))
    assert txt == Txt((b'\x00\xff"quoted" \\',))


async def test_a_name_of_255_octets_is_asked_and_found(server: Server) -> None:
    """The longest name that DNS carries is an ordinary name."""
    assert sum(len(label) + 1 for label in LONG.split(".")) + 1 == 255
    assert records(await ask(server, LONG, "TXT")) == [Txt((b"at 255 octets",))]


async def test_nodata_and_nxdomain_stay_apart_and_name_their_zone(server: Server) -> None:
    """A name without such data, an empty non-terminal, and a name that is not there."""
    nodata = await ask(server, "mail.example.com", "TXT")
    assert isinstance(nodata, NoData)
    assert nodata.zone == Domain("example.com")
    assert isinstance(await ask(server, "b.deep.example.com", "TXT"), NoData)
    missing = await ask(server, "nothing.example.com", "TXT")
    assert isinstance(missing, NxDomain)
    assert missing.zone == Domain("example.com")


async def test_aliases_are_followed_and_kept(server: Server) -> None:
    """A chain of two ends at the data, and both aliases stay visible."""
    answer = await ask(server, "one.example.com", "A")
    assert [str(data) for data in records(answer)] == ["192.0.2.1"]
    assert [(str(a.name), str(a.target)) for a in answer.aliases] == [
        ("one.example.com", "two.example.com"),
        ("two.example.com", "mail.example.com"),
    ]


async def test_a_cname_question_is_not_followed(server: Server) -> None:
    """Asked for the alias itself, the alias is the data."""
    answer = await ask(server, "one.example.com", "CNAME")
    assert [str(data) for data in records(answer)] == ["two.example.com"]
    assert answer.aliases == ()


async def test_an_alias_into_another_zone_ends_at_its_data(server: Server) -> None:
    """The address behind the alias is found, whichever server has to be asked again."""
    answer = await ask(server, "outside.example.com", "A")
    assert [str(data) for data in records(answer)] == ["198.51.100.1"]
    assert [str(a.target) for a in answer.aliases] == ["www.example.net"]


async def test_a_dangling_alias_is_nxdomain_with_the_alias_kept(server: Server) -> None:
    """The alias exists and its target does not: both facts stay."""
    answer = await ask(server, "dangling.example.com", "A")
    assert isinstance(answer, NxDomain)
    assert [str(a.target) for a in answer.aliases] == ["nothing.example.com"]


async def test_an_alias_to_a_name_without_such_data_is_nodata(server: Server) -> None:
    """The target exists and has another type only."""
    answer = await ask(server, "empty.example.com", "MX")
    assert isinstance(answer, NoData)
    assert [str(a.target) for a in answer.aliases] == ["big.example.com"]


async def test_an_alias_loop_is_named_even_where_the_server_says_servfail(server: Server) -> None:
    """knot shows the loop; BIND and unbound say SERVFAIL, and the CNAMEs tell why."""
    answer = await ask(server, "loop1.example.com", "TXT")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.ALIAS_LOOP
    assert [str(a.target) for a in answer.aliases] == ["loop2.example.com", "loop1.example.com"]


async def test_refused_is_a_failure_and_not_an_absence(authoritative: Server) -> None:
    """An authoritative server refuses a zone that it does not have."""
    answer = await ask(authoritative, "example.org", "TXT")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.REFUSED
    assert answer.text.startswith(f"refused ({authoritative.place}")


async def test_a_referral_without_answer_is_lame(authoritative: Server) -> None:
    """A server that only points to the servers of a zone below has not answered."""
    answer = await ask(authoritative, "host.sub.example.com", "TXT")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.LAME
    assert "ns.sub.example.com" in answer.detail


@pytest.mark.parametrize("kind", ["knot", "unbound"])
async def test_servfail_is_a_failure(request: pytest.FixtureRequest, kind: str) -> None:
    """A zone that its server cannot load fails, at the server and through a resolver."""
    answer = await ask(request.getfixturevalue(f"{kind}_server"), "broken.example", "TXT")
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.SERVFAIL


async def test_the_next_server_is_asked_after_servfail_and_refused(
    knot_server: Server, bind_server: Server
) -> None:
    """One server's SERVFAIL or REFUSED does not hide what the next one knows."""
    first, second = parse_nameserver(bind_server.place), parse_nameserver(knot_server.place)
    async with LiveSource([first, second], TIMEOUT) as source:
        answer = await source.ask(Question(Domain("signed.example"), "TXT"))
        assert records(answer) == [Txt((b"v=spf1 -all",))]
        assert isinstance(answer, Records)
        assert answer.origin.where == knot_server.place
        nowhere = await source.ask(Question(Domain("broken.example"), "TXT"))
    assert isinstance(nowhere, Failed)
    assert nowhere.reason is Reason.SERVFAIL  # the graver of SERVFAIL and REFUSED


async def test_a_validating_resolver_on_loopback_makes_answers_authentic(
    unbound_server: Server,
) -> None:
    """The AD bit of a signed zone is kept, for data and for its absence."""
    present = await ask(unbound_server, "signed.example", "TXT")
    assert isinstance(present, Records)
    assert present.authentic
    absent = await ask(unbound_server, "nothing.signed.example", "TXT")
    assert isinstance(absent, NxDomain)
    assert absent.authentic
    unsigned = await ask(unbound_server, "example.com", "TXT")
    assert isinstance(unsigned, Records)
    assert not unsigned.authentic


async def test_an_authentic_alias_into_an_unsigned_zone_is_not_authentic(
    unbound_server: Server,
) -> None:
    """A chain is as trustworthy as its weakest part."""
    answer = await ask(unbound_server, "alias.signed.example", "A")
    assert isinstance(answer, Records)
    assert not answer.authentic


async def test_checking_disabled_tells_bogus_from_broken(unbound_server: Server) -> None:
    """A bogus zone is SERVFAIL, and readable with the CD bit; never authentic."""
    bogus = await ask(unbound_server, "bogus.example", "TXT")
    assert isinstance(bogus, Failed)
    assert bogus.reason is Reason.SERVFAIL
    unchecked = await ask(unbound_server, "bogus.example", "TXT", checking_disabled=True)
    assert records(unchecked) == [Txt((b"v=spf1 -all",))]
    assert isinstance(unchecked, Records)
    assert not unchecked.authentic


async def test_a_server_asked_directly_must_speak_with_authority(
    authoritative: Server, unbound_server: Server
) -> None:
    """A zone's own server answers; one that refers onward is lame."""
    answer = await ask(authoritative, "example.com", "TXT", server="127.0.0.1")
    assert records(answer) == [Txt((b"v=spf1 -all",))]
    referred = await ask(authoritative, "sub.example.com", "TXT", server="127.0.0.1")
    assert isinstance(referred, Failed)
    assert referred.reason is Reason.LAME


async def test_the_servers_of_a_delegation_are_told_by_the_zone_above(
    authoritative: Server,
) -> None:
    """Asked for NS at the delegated name itself, a referral is the answer; below it is none."""
    told = await ask(authoritative, "sub.example.com", "NS", server="127.0.0.1")
    assert isinstance(told, Records)
    assert all(isinstance(record.data, Target) for record in told.records)
    below = await ask(authoritative, "host.sub.example.com", "NS", server="127.0.0.1")
    assert isinstance(below, Failed)
    assert below.reason is Reason.LAME


async def test_a_resolver_asked_directly_is_no_authority(unbound_server: Server) -> None:
    """A resolver that has the answer in its cache is still not the zone's server."""
    await ask(unbound_server, "example.com", "TXT")
    answer = await ask(unbound_server, "example.com", "TXT", server="127.0.0.1")
    assert isinstance(answer, Failed)
    assert answer.reason in {Reason.LAME, Reason.REFUSED}
