"""DANE001, DANE002 and DANE004: only where the resolver's word on DNSSEC can be relied on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, healthy, mx

from sendgate.audit.report import Report
from sendgate.dane.record import Tlsa, read_tlsa
from sendgate.dns.answers import Answer, Failed, NoData, Origin, Question, Raw, Reason, Target
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.render.json import audit as as_json

DIGEST = "0123456789abcdef" * 4
TLSA = ("_25._tcp.mail.example.com", "TLSA")
GOOD: Table = {TLSA: [Raw(f"3 1 1 {DIGEST}")]}
ROOT: Table = {(".", "NS"): [Target(Domain("a.root-servers.net"))]}


class Validating(DnsDouble):
    """A resolver on loopback that validates; names under `unsigned` are insecure."""

    def __init__(self, table: Table, *unsigned: str, bogus: bool = True) -> None:
        super().__init__(table)
        self._unsigned = unsigned
        self._bogus = bogus

    async def ask(self, question: Question) -> Answer:
        answer = await super().ask(question)
        if isinstance(answer, Failed):
            if question.checking_disabled and self._bogus:
                return NoData(question, Origin("resolver", "127.0.0.1"))
            return answer
        secure = not any(question.name.text.endswith(name) for name in self._unsigned)
        return replace(answer, authentic=secure)


async def report_of(source: DnsDouble) -> Report:
    return await audit_domain("news.example.com", SENDER, source)


def said(report: Report) -> list[tuple[str, str]]:
    found = (f for f in report.findings if f.rule.area == "DANE")
    return [(f.rule.id, str(f.severity)) for f in found]


def state(report: Report) -> object:
    return as_json(report)["facts"]["dane"]["state"]


async def test_secure_records_are_in_force() -> None:
    """Nothing is wrong, MTA-STS is not missed, and reports are."""
    report = await report_of(Validating(healthy() | GOOD))
    assert (said(report), state(report)) == ([], "secure")
    ids = {f.rule.id: str(f.severity) for f in report.findings}
    assert "STS001" not in ids
    assert ids["TLSRPT001"] == "warning"


@pytest.mark.parametrize(
    "unsigned", ["news.example.com", "mail.example.com", "_tcp.mail.example.com"]
)
async def test_an_insecure_link_makes_the_records_ignored(unsigned: str) -> None:
    """MX, address or TLSA: each of them must be vouched for."""
    report = await report_of(Validating(healthy() | GOOD | ROOT, unsigned))
    assert (said(report), state(report)) == ([("DANE001", "warning")], "insecure")


async def test_an_unsigned_domain_is_told_by_the_signed_root() -> None:
    """A resolver that vouches for nothing else vouches for the root, where it validates."""
    report = await report_of(Validating(healthy() | GOOD | ROOT, "example.com"))
    assert said(report) == [("DANE001", "warning")]


async def test_without_a_trusted_resolver_security_is_not_checked() -> None:
    """No AD bit anywhere, not even for the root: nothing is claimed of DNSSEC."""
    report = await report_of(DnsDouble(healthy() | GOOD | ROOT))
    assert (said(report), state(report)) == ([], "not_checked")
    assert as_json(report)["facts"]["dane"]["mx_secure"] is None


async def test_records_of_a_provider_are_a_note() -> None:
    """A signed mail host of somebody else does not help a domain that is not signed."""
    table = healthy() | {
        ("news.example.com", "MX"): [mx(10, "mx.example.net")],
        ("mx.example.net", "A"): [address("192.0.2.40")],
        ("_25._tcp.mx.example.net", "TLSA"): [Raw(f"3 1 1 {DIGEST}")],
    }
    assert said(await report_of(Validating(table, "example.com"))) == [("DANE001", "note")]


async def test_hosts_of_strangers_in_unsigned_zones_are_left_in_peace() -> None:
    """Their name servers may fail at TLSA, so they are not asked."""
    table = healthy() | {
        ("news.example.com", "MX"): [mx(10, "mx.example.net")],
        ("mx.example.net", "A"): [address("192.0.2.40")],
    }
    source = Validating(table, "example.net", "example.com")
    await report_of(source)
    assert not [question for question in source.log if question.rdtype == "TLSA"]


@pytest.mark.parametrize(
    ("texts", "severity"),
    [
        ([f"3 1 1 {DIGEST}"], None),
        ([f"2 0 1 {DIGEST}", "3 0 0 30820122"], None),
        ([f"1 1 1 {DIGEST}"], "error"),
        ([f"0 0 1 {DIGEST}"], "error"),
        (["3 1 1 0123"], "error"),
        ([f"3 1 7 {DIGEST}"], "error"),
        ([f"3 1 1 {DIGEST}", f"1 1 1 {DIGEST}"], "warning"),
    ],
)
async def test_usages_of_the_web_are_of_no_use(texts: list[str], severity: str | None) -> None:
    """Where none is usable the records are void; a useless one beside others is a warning."""
    report = await report_of(Validating(healthy() | {TLSA: [Raw(text) for text in texts]}))
    assert said(report) == ([] if severity is None else [("DANE002", severity)])


@pytest.mark.parametrize("bogus", [True, False])
async def test_a_lookup_that_fails_for_everybody_is_an_error(bogus: bool) -> None:
    """A signed host whose TLSA records are bogus, or whose servers fail at the type."""
    report = await report_of(Validating(healthy() | {TLSA: Reason.SERVFAIL}, bogus=bogus))
    assert (said(report), state(report)) == ([("DANE004", "error")], "failing")


async def test_a_lookup_without_answer_is_unknown() -> None:
    """A timeout may be our own; where DNSSEC does not secure the host it is nobody's business."""
    timeout: Table = {TLSA: Reason.TIMEOUT}
    report = await report_of(Validating(healthy() | timeout))
    assert [(u.rule.id, u.decisive) for u in report.unknown] == [("DANE004", True)]
    report = await report_of(DnsDouble(healthy() | timeout | ROOT))
    assert (said(report), report.unknown) == ([], ())


def test_a_record_is_read_from_its_text() -> None:
    """Hex may come in pieces; what is no such record is none."""
    assert read_tlsa("3 1 1 ab cd") == Tlsa(3, 1, 1, b"\xab\xcd")
    assert read_tlsa("3 1 xy") is None
