"""check_host beyond the suite: identities, paths, temperrors, and that it never raises."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Table, address, mx, txt

from sendgate.dns.answers import Address, Reason
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.spf.evaluate import check_host, check_identity
from sendgate.spf.facts import CheckResult, Result

FOUR = ipaddress.ip_address("192.0.2.10")
SIX = ipaddress.ip_address("2001:db8::10")
ROOT = Domain("example.com")


async def check(
    table: Table, ip: ipaddress.IPv4Address | ipaddress.IPv6Address = FOUR
) -> CheckResult:
    return await check_host(ip, ROOT, "me@example.com", "helo.example.com", DnsDouble(table))


def spf(text: str, name: str = "example.com") -> Table:
    return {(name, "TXT"): [txt(text)]}


async def test_the_path_is_told() -> None:
    """Each term that was evaluated is named with what came of it, an include before its terms."""
    found = await check(
        spf("v=spf1 ip4:192.0.2.99 include:i.example.net -all")
        | spf("v=spf1 a:h.example.net ip4:192.0.2.0/24 -all", "i.example.net")
    )
    assert found.result is Result.PASS
    assert found.mechanism == "include:i.example.net"
    assert (found.lookups, found.void_lookups) == (2, 1)
    assert [(s.depth, str(s.domain), s.term, s.outcome) for s in found.path] == [
        (0, "example.com", "ip4:192.0.2.99", "no match"),
        (0, "example.com", "include:i.example.net", "pass"),
        (1, "i.example.net", "a:h.example.net", "no match"),
        (1, "i.example.net", "ip4:192.0.2.0/24", "pass"),
    ]


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.SERVFAIL, Reason.REFUSED])
@pytest.mark.parametrize(
    "question", [("example.com", "TXT"), ("i.example.net", "TXT"), ("h.example.net", "A")]
)
async def test_a_failed_question_is_a_temperror(question: tuple[str, str], reason: Reason) -> None:
    """Whatever fails on the way, the result is temperror and names the question."""
    table = spf("v=spf1 include:i.example.net a:h.example.net -all") | spf(
        "v=spf1 ?all", "i.example.net"
    )
    found = await check(table | {question: reason})
    assert found.result is Result.TEMPERROR
    assert found.unknown is not None
    assert str(found.unknown.question) == " ".join(question)
    assert found.unknown.reason is reason


async def test_a_failure_behind_a_match_decides_nothing() -> None:
    """Evaluation ends at the first match; what stands behind it is not needed."""
    found = await check(
        spf("v=spf1 ip4:192.0.2.10 a:h.example.net -all") | {("h.example.net", "A"): Reason.TIMEOUT}
    )
    assert found.result is Result.PASS
    hosts: Table = {
        ("example.com", "MX"): [mx(1, "one.example.net"), mx(2, "two.example.net")],
        ("one.example.net", "A"): [address("192.0.2.10")],
        ("two.example.net", "A"): Reason.TIMEOUT,
    }
    assert (await check(spf("v=spf1 mx -all") | hosts)).result is Result.PASS


async def test_an_address_that_only_the_provider_knows() -> None:
    """An alias record in a repository has an address that the file does not tell: temperror."""
    table = spf("v=spf1 a -all") | {("example.com", "A"): [Address(None)]}
    assert (await check(table)).result is Result.TEMPERROR
    known = table | {("example.com", "A"): [Address(None), address("192.0.2.10")]}
    assert (await check(known)).result is Result.PASS


async def test_every_void_counts() -> None:
    """The third lookup without data is a permerror, hosts of an mx term and repeats included."""
    hosts: Table = {("example.com", "MX"): [mx(n, f"m{n}.example.net") for n in range(3)]}
    assert (await check(spf("v=spf1 mx -all") | hosts)).result is Result.PERMERROR
    repeated = await check(
        spf("v=spf1 exists:x.example.net exists:x.example.net exists:x.example.net -all")
    )
    assert repeated.result is Result.PERMERROR
    assert repeated.void_lookups == 3
    four_only = hosts | {(f"m{n}.example.net", "A"): [address("192.0.2.1")] for n in range(3)}
    assert (await check(spf("v=spf1 mx -all") | four_only)).result is Result.FAIL
    assert (await check(spf("v=spf1 mx -all") | four_only, SIX)).result is Result.PERMERROR


async def test_redirect_brings_the_other_domain() -> None:
    """After a redirect the current domain, the explanation and the mechanism are the target's."""
    found = await check(
        spf("v=spf1 redirect=r.example.net exp=a.example.net")
        | spf("v=spf1 a -all exp=why.%{d}", "r.example.net")
        | {("r.example.net", "A"): [address("192.0.2.99")]}
        | {("why.r.example.net", "TXT"): [txt("%{i} is not of %{d}, said %{r} at %{t}")]}
    )
    assert found.result is Result.FAIL
    assert found.mechanism == "-all"
    assert found.explanation is not None
    assert found.explanation.startswith("192.0.2.10 is not of r.example.net, said unknown at ")


async def test_the_clock_is_injected() -> None:
    """The macro t is the given time, in seconds since 1970."""
    table = spf("v=spf1 -all exp=why.example.com") | {("why.example.com", "TXT"): [txt("%{t}")]}
    found = await check_host(
        FOUR,
        ROOT,
        "a@example.com",
        "h.example.com",
        DnsDouble(table),
        now=datetime(2026, 11, 23, tzinfo=UTC),
    )
    assert found.explanation == "1795392000"


@pytest.mark.parametrize(
    ("mail_from", "helo", "domain", "checked"),
    [
        ("me@example.com", "h.example.net", None, "example.com"),
        ("me@EXAMPLE.com.", None, None, "example.com"),
        ("", "h.example.net", None, "h.example.net"),
        (None, "h.example.net", None, "h.example.net"),
        (None, None, "d.example.org", "d.example.org"),
        (None, "h.example.net", "d.example.org", "d.example.org"),
        ("me@example.com", None, "d.example.org", "d.example.org"),
        ('"a@b"@example.com', None, None, "example.com"),
        ("me@bücher.example", None, None, "xn--bcher-kva.example"),
        ("me@_x.example.com", None, None, "_x.example.com"),
    ],
)
async def test_which_domain_is_checked(
    mail_from: str | None, helo: str | None, domain: str | None, checked: str
) -> None:
    """MAIL FROM first, the HELO name for the null sender, a domain by itself as its postmaster."""
    double = DnsDouble({})
    given_domain = None if domain is None else Domain(domain)
    found = await check_identity(FOUR, mail_from, helo, given_domain, double)
    assert found.result is Result.NONE
    assert [str(q) for q in double.log] == [f"{checked} TXT"]


@pytest.mark.parametrize(
    "mail_from",
    [
        "me@localhost",
        "me@[192.0.2.1]",
        "me@a..example.com",
        "me",
        "me@",
        f"me@{'x' * 64}.com",
        "me@exa mple.com",
        "me@-",
        "",
    ],
)
async def test_an_ill_formed_identity_is_none(mail_from: str) -> None:
    """Nothing is asked for what is no domain name (RFC 7208 section 4.3)."""
    double = DnsDouble({})
    found = await check_identity(FOUR, mail_from, None, None, double)
    assert found.result is Result.NONE
    assert found.problem
    assert not double.log


WORDS = st.one_of(
    st.sampled_from(
        [
            "a",
            "mx",
            "ptr",
            "all",
            "-all",
            "include:example.com",
            "include:b.example.com",
            "exists:%{i}.b.example.com",
            "redirect=b.example.com",
            "exp=%{p}.example.com",
            "exists:%{l-}%{o}",
            "a:%{h}",
            "ip4:192.0.2.0/28",
            "ip6:2001:db8::/32",
            "mx:b.example.com//64",
            "ptr:%{d}",
            "a:%{s}.%{S}",
            "include:%{h}",
            "foo=%{d}",
        ]
    ),
    st.text(max_size=12),
)
TEXTS = st.lists(WORDS, max_size=12).map(lambda words: " ".join(["v=spf1", *words]))


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, st.text(max_size=20), st.text(max_size=20), st.sampled_from([FOUR, SIX]))
def test_it_never_raises(
    one: str, two: str, local: str, helo: str, ip: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    """Whatever records, senders and HELO names hold, there is a result within the limits."""
    table: Table = {
        ("example.com", "TXT"): [txt(one.encode("utf-8").decode("latin-1"))],
        ("b.example.com", "TXT"): [txt(two.encode("utf-8").decode("latin-1"))],
        ("example.com", "MX"): [mx(0, "example.com"), mx(1, "b.example.com")],
        ("example.com", "A"): [address("192.0.2.99")],
    }

    async def run() -> CheckResult:
        return await check_identity(ip, f"{local}@example.com", helo, None, DnsDouble(table))

    found = asyncio.run(run())
    assert found.lookups <= 11
    assert found.void_lookups <= 3
    assert (found.result is Result.TEMPERROR) == (found.unknown is not None)
