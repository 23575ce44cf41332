"""TXT values as each provider takes them: what is published, and which slips show."""

from __future__ import annotations

import ipaddress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import result_or

from sendgate.dns.answers import Address, Raw, Target
from sendgate.names import Domain
from sendgate.repo.readers import texts
from sendgate.repo.readers.values import ValueProblem, chunks, other_data, ttl_of, words
from sendgate.repo.reading import SlipKind

LONG = "p=" + "A" * 300
READERS = (
    texts.route53, texts.route53_by_terraform, texts.cloud_dns, texts.cloudflare, texts.azure,
)  # fmt: skip


def split(published: str) -> dict[SlipKind, str | None]:
    return {SlipKind.SPLIT_BY_SPACE: published}


@pytest.mark.parametrize(
    ("reader", "value", "strings", "slips"),
    [
        (texts.route53, '"v=spf1 -all"', ["v=spf1 -all"], {}),
        (texts.route53, '"a" "b""c"', ["a", "b", "c"], {}),
        (texts.route53, '""', [""], {}),
        (texts.route53, r'"\"q\" \\ \101;"', ['"q" \\ A;'], {}),
        (texts.route53, f'"{LONG}"', [LONG[:255], LONG[255:]], {SlipKind.TOO_LONG: None}),
        (texts.route53_by_terraform, "v=DMARC1; p=none", ["v=DMARC1; p=none"], {}),
        (texts.route53_by_terraform, 'a""b', ["a", "b"], {}),
        (texts.route53_by_terraform, 'a" "b', ["a", "b"], {}),
        (texts.route53_by_terraform, LONG, [LONG[:255], LONG[255:]], {SlipKind.TOO_LONG: None}),
        (texts.route53_by_terraform, '"v=spf1 -all"', ["v=spf1 -all"], {SlipKind.WRAPPED: None}),
        (texts.route53_by_terraform, '"a" "b"', ["a", "b"], {SlipKind.WRAPPED: None}),
        (texts.route53_by_terraform, 'a"b"c', ["a", "b", "c"], {SlipKind.QUOTED: None}),
        (texts.cloud_dns, '"v=spf1 -all"', ["v=spf1 -all"], {}),
        (texts.cloud_dns, '"a" "b"', ["a", "b"], {}),
        (texts.cloud_dns, "one", ["one"], {}),
        (texts.cloud_dns, "v=spf1 -all", ["v=spf1", "-all"], split("v=spf1-all")),
        (texts.cloud_dns, "v=DMARC1; p=none", ["v=DMARC1;", "p=none"], split("v=DMARC1;p=none")),
        (texts.cloud_dns, f'"{LONG}"', [LONG[:255], LONG[255:]], {SlipKind.TOO_LONG: None}),
        (texts.cloudflare, "v=spf1 -all", ["v=spf1 -all"], {}),
        (texts.cloudflare, '"v=spf1 -all"', ["v=spf1 -all"], {}),
        (texts.cloudflare, '"a" "b"', ["a", "b"], {}),
        (texts.cloudflare, LONG, [LONG[:255], LONG[255:]], {}),
        (texts.cloudflare, f'"{LONG}"', [LONG[:255], LONG[255:]], {SlipKind.TOO_LONG: None}),
        (texts.cloudflare, 'p=a" "b', ['p=a" "b'], {SlipKind.QUOTED: 'p=a" "b'}),
        (texts.cloudflare, '"half', ['"half'], {SlipKind.QUOTED: '"half'}),
        (texts.azure, "v=spf1 -all", ["v=spf1 -all"], {}),
        (texts.azure, LONG, [LONG[:255], LONG[255:]], {}),
        (texts.azure, '"v=spf1 -all"', ["v=spf1 -all"], {SlipKind.WRAPPED: '"v=spf1 -all"'}),
        (texts.azure, 'a" "b', ['a" "b'], {SlipKind.QUOTED: 'a" "b'}),
    ],
)  # fmt: skip
def test_each_provider_reads_text_its_own_way(
    reader: object, value: str, strings: list[str], slips: dict[SlipKind, str | None]
) -> None:
    """The strings that are judged, and the slips with what is then published."""
    assert callable(reader)
    text = reader(value)
    assert [string.decode() for string in text.data.strings] == strings
    assert dict(text.slips) == slips


@pytest.mark.parametrize("value", ["v=spf1 -all", '"v=spf1', '"a" b', "", r'"\400"', '"\\'])
def test_route_53_refuses_what_stands_in_no_quotes(value: str) -> None:
    """And quotes without an end, and escapes of no octet."""
    with pytest.raises(ValueProblem):
        texts.route53(value)


@given(st.text(alphabet='"\\ ;a019\n\u00e9', max_size=12))
def test_any_text_is_read_or_refused(value: str) -> None:
    """Whatever is written, each reader gives a record or says why not."""
    for reader in READERS:
        read = result_or(ValueProblem, partial(reader, value))
        assert str(read) if isinstance(read, ValueProblem) else read.data.strings


@given(st.binary(max_size=2000))
def test_cutting_a_text_loses_nothing(octets: bytes) -> None:
    """And no string is longer than DNS allows."""
    txt = chunks(octets)
    assert txt.octets == octets
    assert max(map(len, txt.strings)) <= 255


def test_words_know_whether_they_stood_in_quotes() -> None:
    """Bare words end at white space; a semicolon is one of their letters."""
    found = words('a;b "c d"e')
    assert [bytes(word) for word in found] == [b"a;b", b"c d", b"e"]
    assert [word.quoted for word in found] == [False, True, False]


def test_other_data_is_absolute_or_below_a_name() -> None:
    """Without a final dot a name is absolute, unless it is said what it lies below."""
    zone = Domain("example.com")
    assert other_data("cname", "a.example.net") == ("CNAME", Target(Domain("a.example.net")))
    assert other_data("CNAME", "a", zone) == ("CNAME", Target(Domain("a.example.com")))
    assert other_data("CNAME", "@", zone) == ("CNAME", Target(zone))
    assert other_data("CNAME", "a.example.net.", zone)[1] == Target(Domain("a.example.net"))
    assert other_data("A", "192.0.2.1")[1] == Address(ipaddress.IPv4Address("192.0.2.1"))


def test_data_that_nobody_judges_is_kept_as_it_stands() -> None:
    """A type that is unknown, or data that is not well formed, is no reason to stop."""
    assert other_data("NOSUCH", "some  thing") == ("NOSUCH", Raw("some thing"))
    assert other_data("CAA", "x y") == ("CAA", Raw("x y"))
    with pytest.raises(ValueProblem, match="is not an IPv4 address"):
        other_data("A", "x")
    with pytest.raises(ValueProblem, match="preference"):
        other_data("MX", "mx.example.net")


@given(
    st.sampled_from(["A", "MX", "CNAME", "SOA", "CAA", "TLSA", "NSEC3", "", "é", "TYPE9"]),
    st.text(),
)
def test_any_data_is_read_or_refused(rdtype: str, text: str) -> None:
    """Of any type, with any text."""
    read = result_or(ValueProblem, lambda: other_data(rdtype, text))
    if isinstance(read, ValueProblem):
        assert str(read), "it says why"
    else:
        assert read[0] == rdtype.upper()


def test_ttls_stay_within_the_bounds_of_dns() -> None:
    """Absent, negative or absurd ones are no reason to stop either."""
    assert [ttl_of(x) for x in (None, -5, 0, 60, 2**40)] == [300, 0, 0, 60, 2**31 - 1]
