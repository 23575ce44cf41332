"""DNSControl: where the records of the IR stand in the JavaScript, and in the IR itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irs import SOURCE, data, domain, read, record

from sendgate.repo.readers.javascript import calls
from sendgate.repo.reading import Place


def test_lines_of_the_ir_where_the_source_has_none() -> None:
    """Pretty-printed, the value's own line and the record's lines; on one line, that one."""
    reading = read(domain("example.com", record("TXT", "@", "one"), record("TXT", "@", "two")))
    domains = [domain("example.com", record("TXT", "@", "one"), record("TXT", "@", "two"))]
    lines = json.dumps({"registrars": [], "dns_providers": [], "domains": domains}, indent=1)
    wanted = [i for i, line in enumerate(lines.split("\n"), 1) if '"target"' in line]
    assert [r.origin.line for r in reading.records] == wanted
    assert [place.path for place in reading.places] == ["print-ir.json"] * 2
    flat = read(domain("example.com", record("TXT", "@", "one")), indent=None)
    assert str(flat.records[0].origin) == "print-ir.json:1"
    assert not flat.places


def test_records_are_found_in_the_source() -> None:
    """Comments, shared values, macros, joined literals, D_EXTEND, builders; else the IR."""
    reading = read(
        domain(
            "example.com",
            record("TXT", "@", "v=spf1 include:_spf.example.net -all"),
            record("MX", "@", "aspmx.l.google.com.", mxpreference=1),
            record("TXT", "s1._domainkey", "v=DKIM1; p=AAAA"),
            record("TXT", "it's", 'a "b" A'),
            record("A", "www", "192.0.2.1"),
            record("CNAME", "a", "b.example.com."),
            record("TXT", "_dmarc.sub", "v=DMARC1; p=none", subdomain="sub"),
            record("A", "sub", "192.0.2.2", subdomain="sub"),
            record("TXT", "made", "by a loop"),
        ),
        domain(
            "example.org",
            record("TXT", "@", "v=spf1 ip4:192.0.2.0/24 -all"),
            record("TXT", "only", "computed"),
        ),
        dnsconfig__js=SOURCE,
    )
    assert [str(r.origin) for r in reading.records] == [
        "dnsconfig.js:8", "dnsconfig.js:5", "dnsconfig.js:10", "dnsconfig.js:12", "dnsconfig.js:13",
        "dnsconfig.js:14", "dnsconfig.js:16", "dnsconfig.js:16", "print-ir.json:63",
        "dnsconfig.js:18", "dnsconfig.js:17",
    ]  # fmt: skip
    assert Place("dnsconfig.js", 9, 11) in reading.places


@given(st.text(alphabet="'\"`/\\*(){}[],:=\nTXTDab@ "))
def test_whatever_a_program_holds_the_ir_is_read(text: str) -> None:
    """The source only gives lines; broken, it gives fewer."""
    reading = read(domain("example.com", record("TXT", "@", "v=spf1 -all")), dnsconfig__js=text)
    assert data(reading) == [("example.com", "TXT", "v=spf1 -all")]


@pytest.mark.parametrize(
    "text", ['"', '"\\', "`", "`\\", "/*", "(/[", "(/a[", "=/\\", "f(", "a:{", "{a:'"]
)
def test_a_program_full_of_open_ends_takes_one_pass(text: str) -> None:
    """Were each of them looked for up to the end, this would not end today."""
    found = calls(text * (300_000 // len(text)))
    assert all(call.name == "f" for call in found)


def test_many_records_alike_take_no_longer_than_others() -> None:
    """Calls that are all the same are looked through only so far."""
    many = [record("TXT", "@", f"text {n}") for n in range(3000)]
    reading = read(
        domain("example.com", *many), dnsconfig__js='TXT("@", "none of them")\n' * 20_000
    )
    assert len(reading.records) == 3000
