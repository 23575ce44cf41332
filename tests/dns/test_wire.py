"""Reading responses agrees with dnspython, whatever the message holds."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    Mx,
    NoData,
    NxDomain,
    Origin,
    Question,
    Raw,
    Reason,
    Records,
    Soa,
    Target,
    Txt,
)
from sendgate.dns.transport import TransportError, TruncatedError, match_response
from sendgate.dns.wire import Heard, Onward, domain_of, make_query, rdata_of, read_answer
from sendgate.errors import DomainError
from sendgate.names import Domain

HEARD = Heard(Origin("resolver", "192.0.2.53"))

labels = st.binary(min_size=1, max_size=63)
wire_names = st.lists(labels, min_size=0, max_size=4).filter(
    lambda found: sum(len(label) + 1 for label in found) < 255
)
few_names = st.sampled_from([f"n{i}.example.com." for i in range(6)])
ttls = st.integers(0, 2**31 - 1)
texts = st.lists(st.binary(max_size=255), min_size=1, max_size=5)


@given(wire_names)
def test_every_wire_name_becomes_a_domain_and_goes_back(found: list[bytes]) -> None:
    """Any octets in any label: the same labels in lower case, and one spelling of each."""
    name = dns.name.Name([*found, b""])
    domain = domain_of(name)
    assert domain.wire_labels == tuple(label.lower() for label in found)
    assert Domain.parse(domain.text) == domain
    query = make_query(domain, Question(domain, "TXT"))
    assert query.question[0].name == name


@given(texts)
def test_every_txt_string_survives(strings: list[bytes]) -> None:
    """Strings come out as they went in: octets, number and order."""
    import dns.rdtypes.ANY.TXT

    rdata = dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
    assert rdata_of(rdata) == Txt(tuple(strings))


@pytest.mark.parametrize(
    ("rdtype", "text", "expected"),
    [
        ("MX", "10 Mail.Example.com.", Mx(10, Domain("mail.example.com"))),
        ("MX", "0 .", Mx(0, Domain("."))),
        ("NS", "ns1.example.com.", Target(Domain("ns1.example.com"))),
        ("CNAME", "a\\.b.example.com.", Target(Domain("a\\.b.example.com"))),
        ("PTR", "mail.example.com.", Target(Domain("mail.example.com"))),
        ("SPF", '"v=spf1 " "-all"', Txt((b"v=spf1 ", b"-all"))),
        (
            "SOA",
            "ns1.example.com. host.example.com. 4294967295 1 2 3 300",
            Soa(Domain("ns1.example.com"), Domain("host.example.com"), 4294967295, 300),
        ),
        ("CAA", '0 issue "ca.example.net"', Raw('0 issue "ca.example.net"')),
        ("DS", "1 13 2 " + "ab" * 32, Raw("1 13 2 " + "ab" * 32)),
        ("TYPE65280", "\\# 2 abcd", Raw("\\# 2 abcd")),
    ],
)
def test_each_type_has_its_value(rdtype: str, text: str, expected: object) -> None:
    """Types that rules read are typed; every other keeps its presentation form."""
    import dns.rdata

    rdata = dns.rdata.from_text("IN", rdtype, text)
    assert rdata_of(rdata) == expected


@st.composite
def responses(draw: st.DrawFn) -> tuple[Question, bytes]:
    """A resolver's response to a TXT question: aliases, data, strangers, in any order."""
    question = Question(Domain.parse(draw(few_names)), "TXT")
    query = make_query(question.name, question)
    response = dns.message.make_response(query, recursion_available=True)
    aliases = draw(st.dictionaries(few_names, few_names, max_size=5))
    rows = [dns.rrset.from_text(n, draw(ttls), "IN", "CNAME", t) for n, t in aliases.items()]
    for name in draw(st.lists(few_names, max_size=3, unique=True)):
        if name not in aliases:
            ttl = draw(ttls)
            found = draw(st.lists(st.sampled_from(["one", "two", "three"]), min_size=1))
            rows += [dns.rrset.from_text(name, ttl, "IN", "TXT", f'"{t}"') for t in set(found)]
    for name in draw(st.lists(few_names, max_size=2)):
        rows.append(dns.rrset.from_text(name, draw(ttls), "IN", "A", "192.0.2.1"))
    response.answer = draw(st.permutations(rows))
    if draw(st.booleans()):
        soa = "ns1.example.com. host.example.com. 1 2 3 4 300"
        response.authority = [dns.rrset.from_text("example.com.", 300, "IN", "SOA", soa)]
    if draw(st.booleans()):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return question, response.to_wire()


def chained(wire: bytes) -> dns.message.ChainingResult | None:
    """What dnspython makes of the chain; None where it finds a contradiction or no end."""
    message = dns.message.from_wire(wire)
    assert isinstance(message, dns.message.QueryMessage)
    try:
        return message.resolve_chaining()
    except (dns.message.AnswerForNXDOMAIN, dns.message.ChainTooLong):
        return None


def read(question: Question, wire: bytes) -> Answer | Onward:
    message = dns.message.from_wire(wire, one_rr_per_rrset=True)
    return read_answer(message, question, HEARD)


@given(responses())
def test_aliases_and_data_agree_with_dnspython(drawn: tuple[Question, bytes]) -> None:
    """The chain's end, its data, the number of its aliases: what dnspython finds, we find."""
    question, wire = drawn
    expected, step = chained(wire), read(question, wire)
    nxdomain = dns.message.from_wire(wire).rcode() == dns.rcode.NXDOMAIN
    if expected is None or isinstance(step, Failed):
        assert isinstance(step, Failed)
        assert step.reason in {Reason.MALFORMED, Reason.ALIAS_LOOP}
        # dnspython counts a loop's hops only where nothing stops it earlier.
        assert expected is None or step.reason is Reason.ALIAS_LOOP
        return
    end = step.aliases[-1].target if step.aliases else question.name
    assert end == domain_of(expected.canonical_name)
    assert len(step.aliases) == len(expected.cnames)
    if expected.answer is not None:
        assert isinstance(step, Records)
        wanted = [Txt(tuple(rdata.strings)) for rdata in expected.answer]
        assert sorted(map(str, step.of(Txt))) == sorted(map(str, wanted))
        assert step.ttl == expected.minimum_ttl
    elif nxdomain:
        assert isinstance(step, NxDomain)
    else:
        assert isinstance(step, (NoData, Onward))
        assert isinstance(step, Onward) is (
            bool(step.aliases) and not dns.message.from_wire(wire).authority
        )


@given(responses(), st.data())
def test_damaged_responses_never_raise_anything_else(
    drawn: tuple[Question, bytes], data: st.DataObject
) -> None:
    """A response with flipped, cut or added octets is read, ignored, or refused by name."""
    question, wire = drawn
    query = make_query(question.name, question)
    query.id = int.from_bytes(wire[:2], "big")
    damaged = bytearray(wire)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(2, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    damaged += data.draw(st.binary(max_size=3))
    try:
        message = match_response(bytes(damaged), query)
    except (TransportError, TruncatedError):
        return
    if message is not None:
        dns.message.from_wire(bytes(damaged))  # what we take, dnspython takes
        assert isinstance(read_answer(message, question, HEARD), (Answer, Onward))


@given(st.binary(max_size=200), st.integers(0, 65535))
def test_arbitrary_datagrams_never_raise_anything_else(wire: bytes, number: int) -> None:
    """Anybody can send anything to a port."""
    query = make_query(Domain("example.com"), Question(Domain("example.com"), "TXT"))
    query.id = number
    for datagram in (wire, number.to_bytes(2, "big") + wire):
        try:
            taken = match_response(datagram, query)
        except (TransportError, TruncatedError):
            continue
        assert taken is None or taken.id == number


def test_a_query_carries_what_was_asked_for() -> None:
    """RD, AD, CD and EDNS as told; ids differ from query to query."""
    name = Domain("example.com")
    plain = make_query(name, Question(name, "MX"))
    assert plain.flags == dns.flags.RD
    assert (plain.edns, plain.payload) == (0, 1232)
    assert not plain.ednsflags
    full = make_query(
        name,
        Question(name, "MX", checking_disabled=True),
        recursive=False,
        want_ad=True,
        edns=False,
    )
    assert full.flags == dns.flags.AD | dns.flags.CD
    assert full.edns < 0
    assert len({make_query(name, Question(name, "MX")).id for _ in range(20)}) > 15


@pytest.mark.parametrize("text", ["EXAMPLE.com", "a..b", "x" * 64, "example.com."])
def test_a_name_past_the_parser_is_refused(text: str) -> None:
    """What `Domain.parse` would not give cannot be asked."""
    with pytest.raises(DomainError):
        make_query(Domain(text), Question(Domain(text), "TXT"))


def test_addresses_of_both_families_are_read() -> None:
    """A and AAAA become addresses."""
    import dns.rdata

    for rdtype, text in [("A", "192.0.2.1"), ("AAAA", "2001:db8::1")]:
        found = rdata_of(dns.rdata.from_text("IN", rdtype, text))
        assert isinstance(found, Address)
        assert str(found) == text
