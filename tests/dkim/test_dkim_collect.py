"""Which questions DKIM asks, and in how many rounds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import dkim_key, txt

from sendgate.dkim.collect import collect_dkim, enrich_dkim
from sendgate.dkim.facts import DkimFacts
from sendgate.dns.answers import Failed, Reason, Records
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import Desk, RunSource
from sendgate.names import Domain
from sendgate.observed import Absent, Present, Unknown
from sendgate.profile import Profile, Selector

DOMAIN = Domain("news.example.com")
KEY = [txt(f"v=DKIM1; p={dkim_key()}")]


def profile(*named: str, guessed: tuple[str, ...] = (), domain: Domain = DOMAIN) -> Profile:
    selectors = [Selector(n, domain, named=True) for n in named]
    selectors += [Selector(n, domain, named=False) for n in guessed]
    return Profile(DOMAIN, selectors=tuple(selectors), dkim_domains=(domain,))


async def collected(double: DnsDouble, of: Profile) -> DkimFacts:
    return await collect_dkim(of, Desk(RunSource(double)), "probe")


async def test_named_selectors_take_one_round_and_one_question_each() -> None:
    double = DnsDouble({("s1._domainkey.news.example.com", "TXT"): KEY})
    facts = await collected(double, profile("s1", "s2"))
    assert len(double.rounds) == 1
    assert sorted(q.name.labels[0] for q in double.log) == ["_adsp", "s1", "s2"]
    assert isinstance(facts.keys[0].observed, Present)
    assert isinstance(facts.keys[1].observed, Absent)
    assert [key.usable for key in facts.keys] == [True, False]


async def test_guesses_come_after_the_probe_and_not_at_all_where_there_is_nothing() -> None:
    guesses = tuple(f"g{n}" for n in range(16))
    empty = DnsDouble({("news.example.com", "TXT"): [txt("x")]})
    facts = await collected(empty, profile(guessed=guesses))
    assert len(empty.log) == 2
    assert facts.keys == ()
    assert facts.proven_none(DOMAIN)
    some = DnsDouble({("g3._domainkey.news.example.com", "TXT"): KEY})
    facts = await collected(some, profile(guessed=guesses))
    assert len(some.rounds) == 2
    assert len(some.log) == 18
    assert [key.selector.name for key in facts.guessed_found] == ["g3"]
    assert not facts.proven_none(DOMAIN)


async def test_a_failed_domainkey_answer_proves_nothing() -> None:
    double = DnsDouble({("_domainkey.news.example.com", "TXT"): Reason.SERVFAIL})
    facts = await collected(double, profile(guessed=("g",)))
    assert not facts.proven_none(DOMAIN)
    assert len(facts.keys) == 1


async def test_a_found_key_outweighs_a_server_that_denies_the_name_above_it() -> None:
    double = DnsDouble({("s1._domainkey.news.example.com", "TXT"): KEY})
    facts = await collected(double, profile("s1"))
    known = facts.domains[0]
    other = DnsDouble({})
    denied = await collected(other, profile(guessed=("s1",)))
    wrong = replace(facts, domains=(replace(known, subtree=denied.domains[0].subtree),))
    assert wrong.domains[0].has_none
    assert not wrong.proven_none(DOMAIN)


async def test_many_signing_domains_do_not_use_up_the_audit() -> None:
    domains = tuple(Domain(f"d{n}.example.com") for n in range(9))
    of = Profile(
        DOMAIN,
        selectors=tuple(Selector("s1", domain, named=True) for domain in domains),
        dkim_domains=domains,
    )
    double = DnsDouble({})
    facts = await collected(double, of)
    assert len(double.log) == 9 + 3
    left_out = facts.domains[-1].probe
    assert isinstance(left_out, Failed)
    assert left_out.reason is Reason.ALLOWANCE


async def test_the_name_above_named_selectors_is_asked_for_where_there_is_room() -> None:
    """It only tells of policies that nobody reads any more."""
    double = DnsDouble({("_domainkey.news.example.com", "TXT"): [txt("o=-")]})
    desk = Desk(RunSource(double))
    facts = await enrich_dkim(await collect_dkim(profile("s1"), desk, "probe"), desk)
    assert isinstance(facts.domains[0].subtree, Records)
    full = Desk(RunSource(double), limit=1)
    facts = await enrich_dkim(await collect_dkim(profile("s1"), full, "probe"), full)
    assert isinstance(facts.domains[0].subtree, Failed)


async def test_a_selector_for_which_no_name_fits_is_unknown() -> None:
    long = Domain.parse(".".join(["a" * 60] * 4))
    facts = await collected(DnsDouble({}), profile("s" * 40, domain=long))
    assert isinstance(facts.keys[0].observed, Unknown)


async def test_adsp_is_asked_for_where_a_random_label_was_the_probe() -> None:
    table = {("_adsp._domainkey.news.example.com", "TXT"): [txt("dkim=all")]}
    double = DnsDouble(dict(table))
    desk = Desk(RunSource(double))
    facts = await collect_dkim(profile(guessed=("g",)), desk, "probe")
    assert facts.domains[0].policy is None
    facts = await enrich_dkim(facts, desk)
    assert facts.domains[0].holds_adsp
    # Where it was the probe itself, it is no wildcard.
    facts = await collected(DnsDouble(dict(table)), profile("s1"))
    assert facts.domains[0].holds_adsp
    assert facts.domains[0].has_wildcard is False


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        (f"v=DKIM1; p={dkim_key()}", True),
        (f"v=DKIM1; p={dkim_key(1024)}", True),
        (f"v=DKIM1; p={dkim_key(1023)}", False),
        (f"v=DKIM1; h=sha1; p={dkim_key()}", False),
        (f"v=DKIM1; s=tlsrpt; p={dkim_key()}", False),
        (f"v=DKIM1; t=y; p={dkim_key()}", True),
        ("v=DKIM1; p=", False),
        ("host.example.net", False),
    ],
)
async def test_what_makes_a_key_usable(text: str, usable: bool) -> None:
    double = DnsDouble({("s1._domainkey.news.example.com", "TXT"): [txt(text)]})
    assert (await collected(double, profile("s1"))).keys[0].usable is usable
