"""SPF records: what is one, what is wrong with one, and that it prints itself back."""

from __future__ import annotations

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.spf.macro import to_domain
from sendgate.spf.record import (
    A,
    All,
    Exists,
    Exp,
    Include,
    Ip4,
    Ip6,
    Mx,
    ProblemKind,
    Ptr,
    Qualifier,
    Redirect,
    SpfRecord,
    UnknownModifier,
    is_spf,
    parse,
)


@pytest.mark.parametrize("text", ["v=spf1", "v=spf1 -all", "V=SPF1 ", "v=SpF1 x"])
def test_what_is_a_record(text: str) -> None:
    """The version tag alone, or with a space behind it, in any case."""
    assert is_spf(text)


@pytest.mark.parametrize("text", ["", "v=spf10", "v=spf1;", "spf2.0/pra", " v=spf1", "v=spf1\tmx"])
def test_what_is_no_record(text: str) -> None:
    """Anything glued to the version tag makes it another text."""
    assert not is_spf(text)


def test_every_term_is_read() -> None:
    """Each mechanism and modifier becomes its own type, and keeps its source text."""
    text = (
        "v=spf1 +a -mx:m.example.com/24//64 ~PTR ?ip4:192.0.2.1/24 ip6:2001:db8::/32"
        " include:%{d2}.example.com exists:%{ir}.e.example.com exp=x.example.com foo=bar"
        " redirect=r.example.com all"
    )
    record = parse(text.encode())
    assert not record.problems
    kinds = [A, Mx, Ptr, Ip4, Ip6, Include, Exists, Exp, UnknownModifier, Redirect, All]
    assert [type(term) for term in record.terms] == kinds
    assert [term.text for term in record.terms] == text.split()[1:]
    mx = record.terms[1]
    assert isinstance(mx, Mx)
    assert (mx.qualifier, mx.prefix4, mx.prefix6) == (Qualifier.FAIL, 24, 64)
    ip4 = record.terms[3]
    assert isinstance(ip4, Ip4)
    assert ip4.network == ipaddress.ip_network("192.0.2.0/24")
    assert record.active_redirect is None, "all makes a redirect idle"


@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("nclude:x.example.com", "no mechanism 'nclude'"),
        ("a:", "domain is missing"),
        ("include", "needs a domain"),
        ("include:", "domain is missing"),
        ("exists:e.example.com/24", "takes no prefix length"),
        ("-all.", "no mechanism 'all.'"),
        ("all:x", "takes no argument"),
        ("ip4:192.0.2.1/33", "0 to 32"),
        ("ip4:192.0.2.1/024", "leading zeros"),
        ("ip4:192.0.2.1/", "is missing"),
        ("ip4:192.0.2.300", "no IPv4 address"),
        ("ip4:192.0.2", "no IPv4 address"),
        ("ip4:192.0.2.01", "no IPv4 address"),
        ("ip4", "needs an address"),
        ("ip6:2001:db8::1/129", "0 to 128"),
        ("ip6:fe80::1%eth0", "no IPv6 address"),
        ("192.0.2.1", "needs ip4: or ip6:"),
        ("2001:db8::/32", "needs ip4: or ip6:"),
        ("a/24/64", "in this order"),
        ("a:mail", "single label"),
        ("a:192.0.2.1", "ip4: takes addresses"),
        ("mx:abc.123", "all digits"),
        ("a:example.-com", "cannot be a top-level domain"),
        ("a:mail..example.com", "empty label"),
        (f"a:{'x' * 64}.example.com", "64 octets"),
        ("redirect:x.example.com", "written redirect="),
        ("redirect=", "domain is missing"),
        ("exp=-all", "single label"),
        ("-redirect=x.example.com", "takes no qualifier"),
        ("exists:%{z}.example.com", "no macro letter"),
        ("exists:%{c}.example.com", "outside an explanation"),
        ("exists:%{d0}.example.com", "0 parts"),
        ("exists:50%.example.com", "must begin"),
        ("foo=%x", "must begin"),
        ("a:x.example.com\rptr", "control character"),
        ("=x", "takes no qualifier"),
        ("-", "missing"),
    ],
)
def test_each_syntax_error_is_named(term: str, why: str) -> None:
    """A bad term is kept as written, with the reason."""
    (problem,) = parse(f"v=spf1 mx {term} -all".encode()).problems
    assert problem.term == term
    assert problem.kind is ProblemKind.SYNTAX
    assert why in problem.why


def test_all_problems_are_kept() -> None:
    """One error does not hide the next, nor the terms that could be read."""
    record = parse(b"v=spf1 mx foo ip4:x exp=e.example.com exp=e.example.com \x96all a")
    assert [(p.term, p.kind) for p in record.problems] == [
        ("foo", ProblemKind.SYNTAX),
        ("ip4:x", ProblemKind.SYNTAX),
        ("exp=e.example.com", ProblemKind.REPEATED),
        ("\x96all", ProblemKind.NON_ASCII),
    ]
    assert [type(term) for term in record.terms] == [Mx, Exp, Exp, A]
    assert str(record) == record.text, "what is broken is printed as it was"


@pytest.mark.parametrize(
    "term", ["a:foo:bar/baz.example.com", "a:%{h}", "default=+", "moo.cow-far_out=man:dog/cat"]
)
def test_odd_but_legal(term: str) -> None:
    """The grammar allows more than one expects."""
    assert not parse(f"v=spf1 {term}".encode()).problems


def test_terms_behind_all_are_not_reached() -> None:
    """Evaluation ends at the first all."""
    record = parse(b"v=spf1 a ~all mx all")
    assert [term.text for term in record.reached] == ["a", "~all"]


LABELS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
MACROS = st.from_regex(r"%\{[slodipvhSLODIPVH](?:[1-9][0-9]?)?r?[.\-+,/_=]{0,3}\}", fullmatch=True)
PARTS = st.one_of(LABELS, MACROS, st.sampled_from(["%%", "%_", "%-"]))
SPECS = st.lists(PARTS, min_size=1, max_size=4).map(lambda x: ".".join([*x, "example", "com"]))
SIGNS = st.sampled_from(["", "-", "~", "?"])
FOUR = st.one_of(st.just(""), st.integers(0, 32).map(lambda n: f"/{n}"))
SIX = st.one_of(st.just(""), st.integers(0, 128).map(lambda n: f"/{n}"))
HOSTS = st.tuples(st.sampled_from(["a", "mx"]), st.one_of(st.just(""), SPECS.map(":{}".format)))
TERMS = st.one_of(
    st.just("all"),
    st.tuples(HOSTS, FOUR, st.one_of(st.just(""), SIX.filter(bool).map("/{}".format))).map(
        lambda x: "".join(x[0]) + x[1] + x[2]
    ),
    SPECS.map("include:{}".format),
    SPECS.map("exists:{}".format),
    st.one_of(st.just("ptr"), SPECS.map("ptr:{}".format)),
    st.tuples(st.ip_addresses(v=4), FOUR).map(lambda x: f"ip4:{x[0]}{x[1]}"),
    st.tuples(st.ip_addresses(v=6), SIX).map(lambda x: f"ip6:{x[0]}{x[1]}"),
)
RECORDS = st.tuples(
    st.lists(st.tuples(SIGNS, TERMS).map("".join), max_size=8),
    st.one_of(st.just([]), SPECS.map(lambda s: [f"redirect={s}"])),
    st.one_of(st.just([]), SPECS.map(lambda s: [f"exp={s}", "x-foo=%{d}bar"])),
).map(lambda x: " ".join(["v=spf1", *x[0], *x[1], *x[2]]))


@given(RECORDS)
def test_a_canonical_record_prints_itself_back(text: str) -> None:
    """What is written in the usual way is printed exactly so, and reads as the same record."""
    record = parse(text.encode())
    assert not record.problems
    assert str(record) == text
    assert parse(str(record).encode()) == record


@given(st.binary(max_size=80))
def test_any_octets_can_be_read(octets: bytes) -> None:
    """Reading never raises, and what reads without problem reads the same when printed."""
    record = parse(b"v=spf1 " + octets)
    assert isinstance(record, SpfRecord)
    if not record.problems:
        assert parse(str(record).encode("latin-1")) == record


HOSTILE = {
    "a long last label": "a:b." + "a" * 60_000 + "!",
    "hyphens": "a:b." + "a-" * 30_000,
    "slashes": "a" + "/1" * 30_000,
    "macros": "%{d}" * 16_000,
    "macros in a name": "exists:" + "%{s}" * 16_000,
    "a long modifier": "x" * 60_000 + "=",
    "labels": "a:" + "b." * 30_000 + "com",
    "digits": "mx/" + "9" * 60_000,
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_costs_little(hostile: str) -> None:
    """The largest TXT record there can be is read in a moment, whatever it holds."""
    start = time.perf_counter()
    for term in parse(f"v=spf1 {HOSTILE[hostile]}".encode()).terms:
        if isinstance(term, Exists):
            to_domain(term.target.expand({"s": "postmaster@" + "x." * 100 + "example.com"}))
    assert time.perf_counter() - start < 1.0
