"""The tree walk: names asked, where it stops, what is chosen, and what a failure leaves open."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.dmarc.collect import read_walks
from sendgate.dmarc.discover import discover
from sendgate.dmarc.facts import DmarcFacts
from sendgate.dmarc.walk import MAX_QUERIES, Walk, policy_name, read_step, walk_names
from sendgate.dns.answers import (
    Answer,
    Failed,
    NoData,
    Origin,
    Question,
    Reason,
    Record,
    Records,
    Txt,
)
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.observed import Absent, Present, Unknown
from sendgate.render.checks import discovery_json


def world(**records: Any) -> DnsDouble:
    """A DNS with DMARC texts by domain (`__` for a dot); a Reason makes the question fail."""
    table: dict[tuple[str, str], Any] = {}
    for name, value in records.items():
        domain = name.replace("__", ".")
        texts = value if isinstance(value, list) else [value]
        table[f"_dmarc.{domain}", "TXT"] = (
            value if isinstance(value, Reason) else [Txt((text.encode(),)) for text in texts]
        )
    return DnsDouble(table)


async def facts_of(author: str, double: DnsDouble, *identifiers: str) -> DmarcFacts:
    return await read_walks(Domain.parse(author), [Domain.parse(i) for i in identifiers], double)


@pytest.mark.parametrize("labels", range(1, 14))
def test_walk_asks_at_most_eight_names_and_ends_at_the_tld(labels: int) -> None:
    """From eight labels on, the second query goes to the last seven."""
    start = Domain.parse(".".join([*(f"l{i}" for i in range(labels - 1)), "com"]))
    names = walk_names(start)
    assert names[0] == start
    assert names[-1].text == "com"
    assert len(names) == min(labels, MAX_QUERIES)
    assert [len(n.labels) for n in names[1:]] == list(range(min(labels - 1, 7), 0, -1))


def test_names_too_long_for_the_prefix_are_left_out() -> None:
    """No record can stand where _dmarc. makes the name longer than 255 octets."""
    start = Domain.parse(".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 57, "com"]))
    assert walk_names(start)[0] == start.parent


async def test_all_names_are_asked_in_one_round() -> None:
    """The walk costs one round trip, whatever it finds."""
    double = world(example__com="v=DMARC1; p=none")
    await facts_of("a.b.example.com", double)
    assert len(double.rounds) == 1


async def test_identifiers_outside_cost_nothing_and_inside_no_further_round() -> None:
    """Only a name under the organizational domain can align, so only that is walked."""
    double = world(example__com="v=DMARC1; p=none")
    facts = await facts_of("news.example.com", double, "bounce.example.net", "12m.example.com")
    assert len(double.rounds) == 1
    asked = {q.name.text for q in double.log if q.name.labels[0] == "_dmarc"}
    assert "_dmarc.12m.example.com" in asked
    assert "_dmarc.bounce.example.net" not in asked
    assert facts.aligns(Domain("12m.example.com")) is True
    assert facts.aligns(Domain("bounce.example.net")) is False


async def test_wider_organization_than_the_list_has_it_costs_one_more_round() -> None:
    """Where a record at a registry without psd makes it the organization, its names can align."""
    double = world(com="v=DMARC1; p=none")
    facts = await facts_of("news.example.com", double, "other.com")
    assert [q.name.text for q in double.rounds[1]] == ["_dmarc.other.com"]
    assert facts.aligns(Domain("other.com")) is True


async def test_answers_beyond_the_stop_are_not_part_of_the_walk() -> None:
    """psd=n ends the walk, so the record above it is neither asked for nor used."""
    facts = await facts_of(
        "a.b.example.com",
        world(b__example__com="v=DMARC1; p=reject; psd=n", example__com="v=DMARC1; p=none"),
    )
    assert [q.text for q in facts.walk.queries] == [
        "_dmarc.a.b.example.com",
        "_dmarc.b.example.com",
    ]
    assert facts.organizational == Domain("b.example.com")


async def test_failure_beyond_the_stop_does_not_matter() -> None:
    """A name that a receiver never asks for may fail."""
    facts = await facts_of(
        "a.b.example.com",
        world(b__example__com="v=DMARC1; p=reject; psd=n", example__com=Reason.SERVFAIL),
    )
    assert facts.organizational == Domain("b.example.com")
    assert isinstance(facts.policy, Present)


async def test_failure_on_the_path_leaves_organizational_domain_and_policy_open() -> None:
    """The name that failed may hold psd=n, so nothing can be said."""
    facts = await facts_of(
        "a.b.example.com",
        world(b__example__com=Reason.TIMEOUT, example__com="v=DMARC1; p=none"),
    )
    assert facts.organizational is None
    assert facts.organizational_unknown == facts.steps[Domain("b.example.com")].seen
    assert isinstance(facts.policy, Unknown)
    assert facts.policy.question.name.text == "_dmarc.b.example.com"


async def test_own_record_governs_whatever_failed_above() -> None:
    """The author's own record is the policy even if its organizational domain is open."""
    facts = await facts_of(
        "news.example.com",
        world(news__example__com="v=DMARC1; p=reject", example__com=Reason.SERVFAIL),
    )
    assert facts.organizational is None
    assert isinstance(facts.policy, Present)
    assert facts.policy.value.policy == "reject"


async def test_own_failure_with_nothing_above_leaves_only_the_policy_open() -> None:
    """Whatever the author's own name holds, it is its own organizational domain then."""
    facts = await facts_of("example.com", world(example__com=Reason.SERVFAIL))
    assert facts.organizational == Domain("example.com")
    assert isinstance(facts.policy, Unknown)


async def test_several_records_are_all_discarded_and_the_walk_goes_on() -> None:
    """RFC 9989 section 4.10 step 2; the public suffix domain's record then applies."""
    facts = await facts_of(
        "example.com",
        world(
            example__com=["v=DMARC1; p=reject", "v=DMARC1; p=none"],
            com="v=DMARC1; p=quarantine; psd=y",
        ),
    )
    assert isinstance(facts.policy, Present)
    assert facts.policy.value.domain == Domain("com")
    assert facts.organizational == Domain("example.com")


async def test_foreign_text_beside_a_record_is_set_aside() -> None:
    """Only DMARC records count; the rest is kept for the rules."""
    facts = await facts_of(
        "example.com", world(example__com=["v=spf1 -all", "v=DMARC1; p=none", "v=dmarc1"])
    )
    step = facts.steps[Domain("example.com")]
    assert isinstance(step.seen, Present)
    assert [len(step.records), len(step.void), len(step.others)] == [1, 1, 1]


async def test_no_record_anywhere_makes_the_author_its_own_organizational_domain() -> None:
    """RFC 9989 section 4.10.2, last rule."""
    facts = await facts_of("a.example.com", world())
    assert facts.organizational == Domain("a.example.com")
    assert isinstance(facts.policy, Absent)
    assert facts.policy.nxdomain


async def test_unknown_existence_matters_only_where_sp_and_np_differ() -> None:
    """An inherited policy needs the author's existence only to choose between sp and np."""
    failing = {("a.example.com", t): Reason.TIMEOUT for t in ("TXT", "MX", "A")}

    async def policy(text: str) -> object:
        double = DnsDouble(failing | {("_dmarc.example.com", "TXT"): [Txt((text.encode(),))]})
        return (await facts_of("a.example.com", double)).policy

    same = await policy("v=DMARC1; p=reject; sp=none")
    assert isinstance(same, Present)
    assert same.value.policy == "none"
    assert isinstance(await policy("v=DMARC1; p=reject; np=none"), Unknown)


async def test_failed_identifier_walk_leaves_its_alignment_open() -> None:
    """The identifier's own name may hold psd=n, which would part it from the author."""
    facts = await facts_of(
        "example.com",
        world(example__com="v=DMARC1; p=none", m__example__com=Reason.TIMEOUT),
        "m.example.com",
    )
    name = Domain("m.example.com")
    assert facts.aligns(name) is None
    assert facts.aligns(name, strict=True) is False
    assert facts.unknown_of(name) is not None


async def test_discovery_tells_alignment_and_what_failed() -> None:
    """An identifier that cannot be compared is null, and its question is listed."""
    double = world(example__com="v=DMARC1; p=reject; t=y", m__example__com=Reason.TIMEOUT)
    found = await discover(
        Domain("example.com"), Domain("m.example.com"), Domain("example.com"), double
    )
    assert discovery_json(found) == {
        "queries": ["_dmarc.example.com", "_dmarc.com"],
        "record": "v=DMARC1; p=reject; t=y",
        "policy_domain": "example.com",
        "organizational_domain": "example.com",
        "applies": "p",
        "policy": "reject",
        "effective_policy": "quarantine",
        "testing": True,
        "alignment": {"spf": None, "dkim": "aligned"},
        "unknown": [{"question": "_dmarc.m.example.com TXT", "reason": "timeout", "detail": None}],
    }


HERE = Origin("resolver", "test")
KINDS = {
    "none": None,
    "u": "v=DMARC1; p=none",
    "n": "v=DMARC1; p=none; psd=n",
    "y": "v=DMARC1; p=none; psd=y",
}


def walk_of(start: Domain, kinds: tuple[str, ...]) -> Walk:
    """The walk whose steps hold nothing, a record of one kind, or could not be read."""

    def answer(domain: Domain, kind: str) -> Answer:
        question = Question(policy_name(domain) or domain, "TXT")
        text = KINDS.get(kind)
        if kind == "failed":
            return Failed(question, Reason.TIMEOUT)
        if text is None:
            return NoData(question, HERE)
        return Records(question, (Record(Txt((text.encode(),)), 300, HERE),), HERE)

    pairs = zip(walk_names(start), kinds, strict=True)
    walk = Walk.over(start, {d: read_step(d, answer(d, kind)) for d, kind in pairs})
    assert walk is not None
    return walk


@given(st.lists(st.sampled_from([*KINDS, "failed"]), min_size=1, max_size=5))
def test_failures_leave_open_exactly_what_their_answers_could_make(kinds: list[str]) -> None:
    """The possible organizational domains are those of every way to fill in what failed."""
    start = Domain(".".join([*(f"l{i}" for i in range(len(kinds) - 1)), "com"]))
    filled = product(*([*KINDS] if kind == "failed" else [kind] for kind in kinds))
    outcomes = {walk_of(start, tuple(one)).organizational for one in filled}
    walk = walk_of(start, tuple(kinds))
    assert walk.possible_organizational == outcomes
    assert walk.organizational == (outcomes.pop() if len(outcomes) == 1 else None)
