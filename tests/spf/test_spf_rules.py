"""The SPF rules' guards: what lowers a finding, what silences it, and what ends unknown."""

from __future__ import annotations

from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, healthy, mx, txt

from sendgate.audit.report import Report
from sendgate.dns.answers import Rdata, Reason, Txt
from sendgate.dns.double import DnsDouble

RETURN_PATH = "12345m.example.com"
DKIM_KEY = ("s1._domainkey.news.example.com", "TXT")


def spf(text: str, name: str = RETURN_PATH) -> Table:
    return {(name, "TXT"): [txt(text)]}


def cut(*strings: str) -> Table:
    return {(RETURN_PATH, "TXT"): [Txt(tuple(text.encode() for text in strings))]}


async def judge(
    table: Table, given: dict[str, Any] | None = None, domain: str = "news.example.com"
) -> Report:
    options = SENDER if given is None else given
    return await audit_domain(domain, options, DnsDouble(healthy() | DUAL_STACK | table))


def said(report: Report) -> dict[str, str]:
    """The SPF findings but for the note on -all, with their severities."""
    return {
        f.rule.id: str(f.severity)
        for f in report.findings
        if f.rule.area == "SPF" and f.rule.id != "SPF027"
    }


def open_questions(report: Report) -> dict[str, str]:
    return {u.rule.id: str(u.severity) for u in report.unknown if u.rule.area == "SPF"}


DUAL_STACK: Table = {("mail.example.com", "AAAA"): [address("2001:db8::25")]}
UNDECLARED_IPS = SENDER | {"ips": []}
ELEVEN = " ".join(["a:mail.example.com"] * 11)
TREE_FAULTS = {
    "SPF004": spf(f"v=spf1 ip4:192.0.2.10 {ELEVEN} -all"),
    "SPF005": spf(
        "v=spf1 ip4:192.0.2.10 exists:a.x exists:b.x.example exists:c.x.example"
        " exists:d.x.example -all".replace("a.x ", "a.x.example ")
    ),
    "SPF006": spf("v=spf1 ip4:192.0.2.10 mx:many.example.com -all")
    | {("many.example.com", "MX"): [mx(n, "mail.example.com") for n in range(11)]},
    "SPF008": spf("v=spf1 ip4:192.0.2.10 include:x.example -all"),
    "SPF009": spf("v=spf1 ip4:192.0.2.10 redirect=x.example"),
    "SPF010": spf(f"v=spf1 ip4:192.0.2.10 include:{RETURN_PATH} -all"),
}


@pytest.mark.parametrize("rule", TREE_FAULTS)
async def test_a_worst_case_is_a_warning_where_the_mail_passes(rule: str) -> None:
    """An error for hosts that come to the fault; a warning where each declared one passes."""
    table = TREE_FAULTS[rule]
    assert said(await judge(table)) == {rule: "warning"}
    assert said(await judge(table, UNDECLARED_IPS)) == {rule: "error"}
    both = await judge(table, SENDER | {"ips": ["192.0.2.10", "192.0.2.77"]})
    assert said(both) == {rule: "error", "SPF025": "error"}


async def test_the_return_path_without_a_record() -> None:
    """An error only where it was declared and DKIM does not align either."""
    bare = healthy()
    del bare[RETURN_PATH, "TXT"]

    async def run(table: Table, given: dict[str, Any]) -> dict[str, str]:
        return said(await audit_domain("news.example.com", given, DnsDouble(table)))

    assert await run(bare, SENDER) == {"SPF001": "warning"}
    no_dkim = {k: v for k, v in bare.items() if k != DKIM_KEY}
    assert await run(no_dkim, SENDER) == {"SPF001": "error"}
    undeclared = {k: v for k, v in SENDER.items() if k not in {"return-path", "ips"}}
    assert await run(bare, undeclared) == {}, "the From domain by itself owes no record"


async def test_nothing_is_missing_that_was_not_seen() -> None:
    """A record that cannot be read leaves the rules unknown, and none of them finds a fault."""
    report = await judge({(RETURN_PATH, "TXT"): Reason.SERVFAIL})
    assert said(report) == {}
    assert {"SPF001", "SPF002", "SPF003", "SPF004", "SPF025"} <= set(open_questions(report))


async def test_an_unread_include_is_no_missing_one() -> None:
    """Counts below the limits are unknown then; a count above them is a finding all the same."""
    failed: Table = {("i.example", "TXT"): Reason.TIMEOUT}
    report = await judge(
        spf("v=spf1 ip4:192.0.2.10 include:i.example -all") | failed, UNDECLARED_IPS
    )
    assert said(report) == {}
    assert open_questions(report) == dict.fromkeys(
        ["SPF004", "SPF005", "SPF008", "SPF011"], "error"
    )
    passing = await judge(spf("v=spf1 ip4:192.0.2.10 include:i.example -all") | failed)
    assert open_questions(passing) == {
        "SPF004": "warning",
        "SPF005": "warning",
        "SPF008": "warning",
        "SPF011": "error",
    }
    many = await judge(spf(f"v=spf1 {ELEVEN} include:i.example -all") | failed, UNDECLARED_IPS)
    assert said(many) == {"SPF004": "error"}
    (finding,) = [f for f in many.findings if f.rule.id == "SPF004"]
    assert "at least 12" in finding.message


async def test_a_redirect_that_is_not_read_leaves_the_default_open() -> None:
    """Whether the record ends in all is the target's to say."""
    report = await judge(
        spf("v=spf1 redirect=r.example") | {("r.example", "TXT"): Reason.TIMEOUT}, UNDECLARED_IPS
    )
    assert {"SPF009", "SPF012", "SPF013"} <= set(open_questions(report))
    assert said(report) == {}


async def test_a_failed_address_is_asked_about_only_where_it_could_decide() -> None:
    """One open address beside no void lookup cannot make three."""
    failed: Table = {("a.example", "A"): Reason.TIMEOUT, ("a.example", "AAAA"): Reason.TIMEOUT}
    few = await judge(spf("v=spf1 a:a.example -all") | failed, UNDECLARED_IPS)
    assert "SPF005" not in open_questions(few)
    more = "v=spf1 exists:x.example exists:y.example a:a.example -all"
    assert open_questions(await judge(spf(more) | failed, UNDECLARED_IPS))["SPF005"] == "error"
    assert said(few) == {}, "an address that was not seen is not a missing one"


async def test_voids_of_ipv6_clients_alone_are_a_note() -> None:
    """Three hosts without IPv6 address stop IPv6 clients; IPv4 clients meet no void lookup."""
    hosts: Table = {(f"h{n}.example", "A"): [address("192.0.2.99")] for n in range(3)}
    table = spf("v=spf1 ip4:192.0.2.10 a:h0.example a:h1.example a:h2.example -all")
    report = await judge(table | hosts, UNDECLARED_IPS)
    assert said(report) == {"SPF005": "note"}


async def test_the_same_include_twice_is_a_note() -> None:
    """On two branches it is legal and costs its lookups twice."""
    table = (
        spf("v=spf1 ip4:192.0.2.10 include:a.example include:b.example -all")
        | spf("v=spf1 include:c.example -all", "a.example")
        | spf("v=spf1 include:c.example -all", "b.example")
        | spf("v=spf1 include:d.example -all", "c.example")
        | spf("v=spf1 ip4:192.0.2.1 -all", "d.example")
    )
    report = await judge(table, UNDECLARED_IPS)
    assert said(report) == {"SPF010": "note"}
    (finding,) = [f for f in report.findings if f.rule.id == "SPF010"]
    assert finding.message.startswith("the record of c.example is reached 2 times")


@pytest.mark.parametrize(
    ("text", "inner", "found"),
    [
        ("v=spf1 include:i.example -all", "v=spf1 +all", True),
        ("v=spf1 redirect=i.example", "v=spf1 all", True),
        ("v=spf1 include:i.example -all", "v=spf1 ?all", False),
        ("v=spf1 include:i.example -all", "v=spf1 ~all", False),
        ("v=spf1 ?include:i.example -all", "v=spf1 +all", False),
        ("v=spf1 -include:i.example -all", "v=spf1 +all", False),
        ("v=spf1 -all include:i.example", "v=spf1 +all", False),
        ("v=spf1 +all", "v=spf1 -all", True),
    ],
)
async def test_who_lets_everyone_pass(text: str, inner: str, found: bool) -> None:
    """Only all that is reached with pass, by way of terms that pass."""
    report = await judge(spf(text) | spf(inner, "i.example"), UNDECLARED_IPS)
    assert ("SPF011" in said(report)) is found


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ([txt("v=spf1 nclude:a -all"), txt("v=spf1 a:")], "SPF002"),
        ([txt("v=spf1 ip4:192.0.2.10 nclude:spf.example -all")], "SPF003"),
        ([txt("v=spf1 ip4:192.0.2.10 \x96all")], "SPF016"),
        ([txt("v=spf1 exp=a.example.com exp=b.example.com -all")], "SPF015"),
        ([Txt((b"v=spf1 ip4:192.0.2.10", b"a -all"))], "SPF018"),
        ([Txt((b"v=spf1 a:mail.example.com", b"mx -all"))], "SPF018"),
        ([Txt((b"v=spf1 include:mail.example.com", b"mx -all"))], "SPF018"),
        ([Txt((b"v=spf1", b"mx -all"))], "SPF018"),
    ],
    ids=str,
)
async def test_one_fault_one_finding(record: list[Rdata], rule: str) -> None:
    """Each way to break a record is one rule's, and the record's effect is not judged as well."""
    report = await judge({(RETURN_PATH, "TXT"): record}, UNDECLARED_IPS)
    assert set(said(report)) == {rule}


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ([txt("v=spf1 ip4:192.0.2.10 -all"), txt("v=spf1 mx -all")], "SPF002"),
        ([txt("v=spf1 ip4:192.0.2.10 nclude:spf.example -all")], "SPF003"),
        ([txt("v=spf1 ip4:192.0.2.10 \x96all")], "SPF016"),
        ([Txt((b"v=spf1 ip4:192.0.2.10", b"a -all"))], "SPF018"),
    ],
    ids=str,
)
async def test_a_broken_record_is_no_missing_address(record: list[Rdata], rule: str) -> None:
    """Nobody passes a broken record: to advise another address beside it would mislead."""
    assert set(said(await judge({(RETURN_PATH, "TXT"): record}))) == {rule}


@pytest.mark.parametrize(
    "strings",
    [
        ("v=spf1 ip4:192.0.2.1", "0 -all"),
        ("v=spf1 include:mail.exa", "mple.com -all"),
        ("v=spf1 ip4:192.0.2.10 ", "-all"),
        ("v=spf1 ip4:192.0.2.10 -a", "ll"),
        ("v=sp", "f1 ip4:192.0.2.10 -all"),
        (
            "v=spf1 ip4:192.0.2.10 " + "ip4:192.0.2.10 " * 14 + " " * 6 + "a:mail.example.co",
            "a -all",
        ),
    ],
)
async def test_boundaries_inside_terms_are_right(strings: tuple[str, ...]) -> None:
    """How a record is cut into strings is nobody's business where it joins to what is meant."""
    table = cut(*strings) | spf("v=spf1 -all", "mail.example.com")
    table |= {("mail.example.coa", "A"): [address("192.0.2.1")]}
    assert "SPF018" not in said(await judge(table, UNDECLARED_IPS))


@pytest.mark.parametrize(
    ("term", "severity"),
    [
        ("includ=x", "warning"),
        ("include=x", "warning"),
        ("ip=192.0.2.1", "warning"),
        ("ip4=192.0.2.1", "warning"),
        ("mx=x", "warning"),
        ("a=x", "warning"),
        ("redirct=x", "warning"),
        ("x=y", "note"),
        ("op=auth", "note"),
        ("tracker=1", "note"),
        ("ra=postmaster", None),
        ("rp=100", None),
        ("rr=all", None),
    ],
)
async def test_modifiers_that_look_like_terms(term: str, severity: str | None) -> None:
    """A slip of a known term is a warning, any other unknown modifier a note."""
    report = await judge(spf(f"v=spf1 ip4:192.0.2.10 {term} -all"))
    assert said(report).get("SPF017") == severity


async def test_include_targets_need_no_default() -> None:
    """A name that only others include may lack all; an envelope domain may not."""
    for text in ("v=spf1 ip4:192.0.2.10", "v=spf1 ip4:192.0.2.10 ?all"):
        rule = "SPF013" if "?" in text else "SPF012"
        table = spf(text, "_spf.example.com") | spf(text, "example.com")
        assert said(await judge(table, {}, "_spf.example.com")) == {}
        assert said(await judge(table, {}, "example.com")) == {rule: "warning"}
        envelope = {"return-path": "_spf.example.com"}
        assert said(await judge(table, envelope, "_spf.example.com")) == {rule: "warning"}


async def test_folklore_is_no_finding() -> None:
    """~all, all twice, capitals, ranges of documentation, other organizations' wide ranges."""
    table = spf("V=SPF1 ip4:192.0.2.10 include:p.example ~ALL all") | spf(
        "v=spf1 ip4:10.0.0.0/8 ip4:198.51.0.0/12 ptr exists:%{p}.x.example a:gone.p.example ?all",
        "p.example",
    )
    report = await judge(table)
    assert said(report) == {}
    assert "SPF027" not in {f.rule.id for f in report.findings}


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("ip4:198.51.0.0/15", True),
        ("ip4:198.51.0.0/16", False),
        ("ip6:2001:db8::/31", True),
        ("ip6:2001:db8::/32", False),
        ("ip4:10.1.2.3", True),
        ("ip4:172.16.0.0/20", True),
        ("ip4:169.254.1.1", True),
        ("ip6:fd00::/48", True),
        ("ip6:fe80::1", True),
        ("-ip4:10.0.0.0/8", False),
        ("ip4:0.0.0.0/0", True),
        ("a:mail.example.com/8", True),
        ("a:mail.example.com/24", False),
    ],
)
async def test_ranges(term: str, found: bool) -> None:
    """Larger than a /16 or /32, or where no mail comes from, and authorised."""
    report = await judge(spf(f"v=spf1 ip4:192.0.2.10 {term} -all"))
    assert ("SPF022" in said(report)) is found


async def test_many_ranges_are_one_finding() -> None:
    """A record is told once, however many of its ranges are private: it is its own evidence."""
    terms = " ".join(f"ip4:10.0.{n}.0/24" for n in range(200))
    report = await judge(spf(f"v=spf1 ip4:192.0.2.10 {terms} -all"))
    (found,) = [f for f in report.findings if f.rule.id == "SPF022"]
    assert found.message.startswith("ip4:10.0.0.0/24 in the SPF record of")
    assert found.message.endswith("ip4:10.0.5.0/24 and 194 more")


async def test_a_void_term_needs_both_families() -> None:
    """IPv6 alone is an address; so is an alias's; a null MX and a missing MX are not."""
    hosts: Table = {
        ("six.example", "AAAA"): [address("2001:db8::1")],
        ("alias.example.com", "CNAME"): [cname("six.example")],
        ("null.example", "MX"): [mx(0, ".")],
        ("bad.example", "MX"): [mx(0, "gone.example")],
        ("four.example", "A"): [address("192.0.2.1")],
    }
    for term, found in {
        "a:six.example": False,
        "a:alias.example.com": False,
        "mx:four.example": True,
        "mx:null.example": True,
        "mx:bad.example": True,
        "a:gone.example": True,
        "a:%{i}.example": False,
        "exists:gone.example": False,
    }.items():
        report = await judge(spf(f"v=spf1 ip4:192.0.2.10 {term} -all") | hosts)
        assert ("SPF021" in said(report)) is found, term


@pytest.mark.parametrize(
    ("end", "severity"),
    [("-all", "error"), ("~all", "warning"), ("?all", "warning"), ("include:x.example", "error")],
)
async def test_a_declared_address_that_does_not_pass(end: str, severity: str) -> None:
    """fail and permerror are errors, softfail and neutral warnings."""
    report = await judge(spf(f"v=spf1 ip4:192.0.2.11 {end}"))
    assert said(report)["SPF025"] == severity


async def test_the_helo_name_of_a_provider_is_the_provider_s() -> None:
    """Only one's own mail server answers for its HELO name."""
    own = SENDER | {"helo": "mail.example.com", "sender": "own"}
    assert said(await judge({}, own)) == {"SPF024": "warning"}
    assert said(await judge({}, own | {"sender": "dedicated"})) == {}
    assert said(await judge(spf("v=spf1 ip4:192.0.2.10 -all", "mail.example.com"), own)) == {}
    failed = await judge({("mail.example.com", "TXT"): Reason.TIMEOUT}, own)
    assert open_questions(failed) == {"SPF024": "warning"}


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (None, True),
        ("v=spf1 ~all", True),
        ("v=spf1", True),
        ("v=spf1 -all", False),
        ("v=spf1 redirect=no.example", False),
        ("v=spf1 ip4:192.0.2.1 -all", False),
    ],
)
async def test_a_null_mx_wants_a_record_that_denies_all(record: str | None, found: bool) -> None:
    """No record, or one that names nobody and does not say so; a sender is another matter."""
    table: Table = {("p.example.com", "MX"): [mx(0, ".")]} | spf("v=spf1 -all", "no.example")
    if record:
        table |= spf(record, "p.example.com")
    assert ("SPF026" in said(await judge(table, {}, "p.example.com"))) is found


async def test_a_hard_fail_is_a_note_and_a_parked_name_s_is_none() -> None:
    """-all is remarked on where somebody sends; for a domain that sends nothing it is right."""
    for text, found in {
        "v=spf1 ip4:192.0.2.10 -all": True,
        "v=spf1 -all": False,
        "v=spf1 ip4:192.0.2.10 ~all": False,
        "v=spf1 redirect=r.example": True,
    }.items():
        report = await judge(
            spf(text) | spf("v=spf1 ip4:192.0.2.10 -all", "r.example"), UNDECLARED_IPS
        )
        notes = [str(f.severity) for f in report.findings if f.rule.id == "SPF027"]
        assert notes == (["note"] if found else []), text


async def test_every_finding_has_evidence() -> None:
    """The first evidence names the subject, and none is empty-handed."""
    for table in TREE_FAULTS.values():
        for finding in (await judge(table)).findings:
            assert finding.evidence
