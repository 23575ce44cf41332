"""checkdmarc over what audits heard: agreement, known disagreements, and what cannot be told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from audits import SEED, TIME, audit_domain, offline

from sendgate.audit.opinion import Comparison, CrossCheck, Outcome
from sendgate.crosscheck.worker import SecondReader
from sendgate.dns.answers import Answer, Failed, Question, Reason
from sendgate.dns.recorded import RecordingSource
from sendgate.dns.source import DnsSource

ZONE = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
ns1 A 192.0.2.53
mx A 192.0.2.25
"""
HEALTHY = """news TXT "v=spf1 mx include:_spf.example.com -all"
news MX 10 mx
_spf TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"
_mta-sts.news TXT "v=STSv1; id=20261123"
_smtp._tls.news TXT "v=TLSRPTv1; rua=mailto:t@example.com"
"""


class Failing:
    """A source that fails for some names."""

    def __init__(self, source: DnsSource, *names: str) -> None:
        self.source, self.names = source, names

    async def ask(self, question: Question) -> Answer:
        if question.name.text in self.names:
            return Failed(question, Reason.SERVFAIL)
        return await self.source.ask(question)


@pytest.fixture
async def reader() -> AsyncIterator[SecondReader]:
    """The other reader; its process ends with the test."""
    found = SecondReader()
    try:
        yield found
    finally:
        await found.aclose()


class Opinions:
    """Second opinions on zones."""

    def __init__(self, reader: SecondReader, folder: Path) -> None:
        self.reader, self.folder = reader, folder

    async def on(
        self,
        records: str,
        domain: str = "news.example.com",
        failing: tuple[str, ...] = (),
        given: Mapping[str, Any] | None = None,
    ) -> CrossCheck:
        path = self.folder / "x.zone"
        path.write_text(ZONE + records, encoding="latin-1")
        source: DnsSource = Failing(offline(path), *failing)
        heard = RecordingSource(source, TIME, SEED)
        report = await audit_domain(domain, given or {}, heard)
        return await self.reader.on(report.facts, heard.answers)


@pytest.fixture
def opinions(reader: SecondReader, tmp_path: Path) -> Opinions:
    return Opinions(reader, tmp_path)


def topic(opinion: CrossCheck, name: str) -> Comparison:
    assert opinion.problem is None
    (found,) = [entry for entry in opinion.comparisons if entry.topic == name]
    return found


async def test_on_a_healthy_sender_both_agree_on_everything(opinions: Opinions) -> None:
    """Six topics, read alike; the other reader is named with its version."""
    opinion = await opinions.on(HEALTHY)
    assert opinion.by.startswith("checkdmarc 6.")
    found = {entry.topic: entry.outcome for entry in opinion.comparisons}
    topics = ("spf", "dmarc", "mx", "bimi", "mta-sts", "tls-rpt")
    assert found == dict.fromkeys(topics, Outcome.AGREES)
    assert topic(opinion, "spf").theirs == "valid, 2 DNS lookups"
    assert topic(opinion, "dmarc").ours == topic(opinion, "dmarc").theirs
    assert opinion.tally == "6 agree"


MANY = "a:mx.example.com " * 9 + '" "' + "mx:news.example.com " * 8
KNOWN = {
    "void exists": (
        'news TXT "v=spf1 exists:a.example.com exists:b.example.com exists:c.example.com -all"',
        "spf",
        "no exists term",
    ),
    "void mx hosts": (
        'news TXT "v=spf1 mx -all"\nnews MX 10 a\nnews MX 20 b\nnews MX 30 c',
        "spf",
        "no MX host without an address",
    ),
    "totals above the limit": (
        f'news TXT "v=spf1 include:_s.example.com -all"\n_s TXT "v=spf1 {MANY}-all"\nnews MX 1 mx',
        "spf",
        "stops counting at the limit",
    ),
    "a record that is not UTF-8": (
        'news TXT "v=spf1 a:m\\252x.example.com -all"',
        "spf",
        "not UTF-8",
    ),
    "a version in capitals": ('news TXT "V=SPF1 -all"', "spf", "any case"),
    "a name made of a macro": (
        'news TXT "v=spf1 include:_spf.%{d2} -all"\n_spf TXT "v=spf1 a:mx.example.com -all"',
        "spf",
        "holds a macro",
    ),
    "several records": (
        '_dmarc.news TXT "v=DMARC1; p=none" \n_dmarc.news TXT "v=DMARC1; p=reject"',
        "dmarc",
        "discards them",
    ),
    "white space before the version": (
        '_dmarc.news TXT " v=DMARC1; p=none"\n_dmarc TXT "v=DMARC1; p=reject"',
        "dmarc",
        "begins with white space",
    ),
    "a record at the domain itself": (
        'news TXT "v=DMARC1; p=none"\n_x._dmarc.news A 192.0.2.1\n_dmarc TXT "v=DMARC1; p=reject"',
        "dmarc",
        "at the domain itself",
    ),
    "a policy that is none": (
        'news A 192.0.2.1\n_dmarc TXT "v=DMARC1; p=bogus; rua=mailto:d@example.com"',
        "dmarc",
        "for one invalid value",
    ),
    "a report address that is none": (
        'news A 192.0.2.1\n_dmarc TXT "v=DMARC1; p=reject; rua=d@example.com"',
        "dmarc",
        "pass over the address",
    ),
    "no policy and nowhere to report": (
        'news A 192.0.2.1\n_dmarc TXT "v=DMARC1; adkim=s"',
        "dmarc",
        "a missing p for none",
    ),
    "a null MX with a preference": ("news MX 10 .", "mx", "preference 0"),
    "a wildcard over _mta-sts": (
        'news MX 10 mx\n*.news TXT "v=spf1 -all"',
        "mta-sts",
        "pass it over",
    ),
}


@pytest.mark.parametrize("case", KNOWN)
async def test_a_known_disagreement_is_explained_and_no_alarm(
    opinions: Opinions, case: str
) -> None:
    """Both readings are told, with the reason why the other one is not a receiver's."""
    records, name, reason = KNOWN[case]
    opinion = await opinions.on(records + "\n")
    found = topic(opinion, name)
    assert found.outcome is Outcome.EXPLAINED, found
    assert reason in found.why
    assert found.ours
    assert found.theirs
    assert not list(opinion.with_outcome(Outcome.DIFFERS))


async def test_a_domain_that_does_not_exist_is_walked_by_one_of_them(opinions: Opinions) -> None:
    """The policy for names that do not exist (np) is a receiver's, and not checkdmarc's."""
    opinion = await opinions.on(
        '_dmarc TXT "v=DMARC1; p=none; np=reject"\n', domain="ghost.example.com"
    )
    found = topic(opinion, "dmarc")
    assert found.outcome is Outcome.EXPLAINED
    assert "makes no walk" in found.why
    assert "np=reject" in found.ours
    assert found.theirs == "no record: The domain does not exist."


async def test_an_early_match_is_judged_alike(opinions: Opinions) -> None:
    """Both judge the worst path, so that mail which passes before it changes neither reading."""
    opinion = await opinions.on(
        'news TXT "v=spf1 ip4:192.0.2.10 a:a.example.com a:b.example.com a:c.example.com -all"\n',
        given={"ips": ["192.0.2.10"], "return-path": "news.example.com"},
    )
    assert topic(opinion, "spf").outcome is Outcome.AGREES
    assert topic(opinion, "spf").ours.startswith("permerror")


async def test_a_true_disagreement_is_told_with_both_readings(opinions: Opinions) -> None:
    """RFC 7208 lets an exists take no prefix length; checkdmarc does not notice one."""
    opinion = await opinions.on('news TXT "v=spf1 exists:mx.example.com/24 -all"\n')
    found = topic(opinion, "spf")
    assert found.outcome is Outcome.DIFFERS
    assert "exists takes no prefix length" in found.ours
    assert found.theirs == "valid, 1 DNS lookup"
    assert "1 differs" in opinion.tally


@pytest.mark.parametrize(
    ("failing", "name", "asked"),
    [
        ("_dmarc.news.example.com", "dmarc", "_dmarc.news.example.com TXT"),
        ("_spf.example.com", "spf", "_spf.example.com TXT"),
        ("news.example.com", "mx", "news.example.com MX"),
        ("default._bimi.news.example.com", "bimi", "default._bimi.news.example.com TXT"),
        ("_mta-sts.news.example.com", "mta-sts", "_mta-sts.news.example.com TXT"),
        ("_smtp._tls.news.example.com", "tls-rpt", "_smtp._tls.news.example.com TXT"),
    ],
)
async def test_what_nobody_answered_is_not_comparable(
    opinions: Opinions, failing: str, name: str, asked: str
) -> None:
    """checkdmarc takes a SERVFAIL for a fault of the record; that is no disagreement."""
    opinion = await opinions.on(HEALTHY, failing=(failing,))
    found = topic(opinion, name)
    assert found.outcome is Outcome.NOT_COMPARABLE
    assert asked in found.ours or asked in found.why
    assert not list(opinion.with_outcome(Outcome.DIFFERS))


async def test_what_the_audit_never_asked_is_not_comparable(opinions: Opinions) -> None:
    """A ptr term has checkdmarc ask for addresses that no audit asks for."""
    opinion = await opinions.on(
        'news TXT "v=spf1 ptr:elsewhere.example.com -all"\nelsewhere A 192.0.2.1\n'
    )
    found = topic(opinion, "spf")
    assert found.outcome is Outcome.NOT_COMPARABLE
    assert "elsewhere.example.com A" in found.why


async def test_opinions_of_one_process_know_nothing_of_each_other(opinions: Opinions) -> None:
    """The second domain's answers replace the first one's, in spite of checkdmarc's caches."""
    first = await opinions.on('news MX 10 mx\n_dmarc TXT "v=DMARC1; p=none"\n')
    second = await opinions.on('news MX 20 mx\n_dmarc TXT "v=DMARC1; p=reject"\n')
    assert topic(first, "mx").theirs == "10 mx.example.com"
    assert topic(second, "mx").theirs == "20 mx.example.com"
    assert "p=reject" in topic(second, "dmarc").theirs
    assert not list(second.with_outcome(Outcome.DIFFERS))


HOSTILE = [
    'news TXT "v=spf1 ' + "include:news.example.com " * 9 + '-all"',
    'news TXT "v=spf1 redirect=news.example.com"',
    'news TXT "v=spf1 exists:%{" "%{{{" "\\000\\001\\255" " a:\\\\..x -all"',
    'news TXT "' + '" "'.join("(" * 250 for _ in range(40)) + '"',
    'news TXT "v=spf1 ' + '" "'.join("a" * 240 for _ in range(40)) + ' -all"',
    '_dmarc.news TXT "v=DMARC1; p=reject; rua=mailto:' + "!" * 150 + '" ";;;;====" "\\255\\000"',
    '_dmarc.news TXT "v=DMARC1; ' + '" "'.join("x=" + "y" * 200 + ";" for _ in range(40)) + '"',
    'default._bimi.news TXT "v=BIMI1; l=https://[::1/; a=\\"><svg onload=1>"',
    "news MX 0 \\000\\255\\046.example.com.\nnews MX 65535 .\nnews MX 1 192.0.2.1.",
    '_mta-sts.news TXT "v=STSv1; id=' + "z" * 200 + '"\nnews MX 1 mx',
    '_smtp._tls.news TXT "v=TLSRPTv1; rua=https://[/,mailto:"\nnews MX 1 mx',
    "news CNAME news2\nnews2 CNAME news",
]


@pytest.mark.parametrize("records", HOSTILE)
async def test_hostile_data_breaks_nothing(opinions: Opinions, records: str) -> None:
    """Whatever checkdmarc makes of it, each topic is compared, and the next domain too."""
    opinion = await opinions.on(records + "\n")
    assert opinion.problem is None
    assert len(opinion.comparisons) >= 4
    assert (await opinions.on(HEALTHY)).tally == "6 agree"
