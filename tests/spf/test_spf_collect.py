"""Collecting SPF: what is asked, in how many rounds, and what the tree's facts say."""

from __future__ import annotations

from worlds import Table, address, cname, mx, txt

from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import Desk, RunSource
from sendgate.names import Domain
from sendgate.observed import Absent, Evidence, Malformed, Present, Unknown
from sendgate.spf.collect import collect_spf, complete_spf, enrich_spf
from sendgate.spf.facts import Family, SpfFacts

ROOT = Domain("example.com")


async def collect(table: Table, limit: int = 24) -> tuple[SpfFacts, DnsDouble, Desk]:
    double = DnsDouble(table)
    desk = Desk(RunSource(double), limit)
    found = await collect_spf(ROOT, desk)
    assert isinstance(found, Present)
    return await complete_spf(found.value, desk), double, desk


def spf(text: str, name: str = "example.com") -> Table:
    return {(name, "TXT"): [txt(text)]}


async def test_absent_and_unknown_are_told_apart() -> None:
    """No record, no name, and no answer are three things."""
    desk = Desk(RunSource(DnsDouble({("example.com", "TXT"): [txt("v=spf10 -all")]})))
    assert await collect_spf(ROOT, desk) == Absent(False, (await _evidence(desk)))
    nowhere = await collect_spf(ROOT, Desk(RunSource(DnsDouble({}))))
    assert isinstance(nowhere, Absent)
    assert nowhere.nxdomain
    failed = Desk(RunSource(DnsDouble({("example.com", "TXT"): Reason.SERVFAIL})))
    assert isinstance(await collect_spf(ROOT, failed), Unknown)


async def _evidence(desk: Desk) -> tuple[Evidence, ...]:
    found = await collect_spf(ROOT, desk)
    assert isinstance(found, Absent)
    (evidence,) = found.evidence
    assert evidence.values == ("v=spf10 -all",)
    return found.evidence


async def test_a_tree_costs_its_depth_in_rounds() -> None:
    """All records of one level are asked for together, and then the addresses of all terms."""
    table = (
        spf("v=spf1 a:h.example.net mx include:one.example.net include:two.example.net -all")
        | spf("v=spf1 include:three.example.net a -all", "one.example.net")
        | spf("v=spf1 exists:e.example.net ~all", "two.example.net")
        | spf("v=spf1 ip4:192.0.2.1 ~all", "three.example.net")
        | {("example.com", "MX"): [mx(1, "m1.example.net"), mx(2, "m2.example.net")]}
    )
    facts, double, _ = await collect(table)
    assert [sorted(str(q) for q in batch) for batch in double.rounds] == [
        ["example.com TXT"],
        ["one.example.net TXT", "two.example.net TXT"],
        ["three.example.net TXT"],
        ["e.example.net A", "example.com MX", "h.example.net A", "one.example.net A"],
        ["m1.example.net A", "m2.example.net A"],
    ]
    assert facts.lookups == 7
    assert facts.exact
    assert [str(term) for _, term in facts.tree.lookup_terms] == [
        "a:h.example.net",
        "mx",
        "include:one.example.net",
        "include:three.example.net",
        "a",
        "include:two.example.net",
        "exists:e.example.net",
    ]


async def test_what_is_not_evaluated_is_not_asked() -> None:
    """Terms behind all, a redirect beside all, and records below a broken one cost nothing."""
    facts, double, _ = await collect(
        spf("v=spf1 ~all a include:x.example.net redirect=y.example.net")
    )
    assert len(double.log) == 1
    assert facts.lookups == 0
    broken, double, _ = await collect(spf("v=spf1 include:x.example.net nclude:y.example.net"))
    assert len(double.log) == 1
    assert broken.broken is not None
    several, double, _ = await collect(
        {("example.com", "TXT"): [txt("v=spf1 a"), txt("v=spf1 mx"), txt("other")]}
    )
    assert len(double.log) == 1
    assert len(several.candidates) == 2
    assert several.record is None
    assert isinstance(several.tree.observed, Malformed)


async def test_identical_records_are_one() -> None:
    """DNS cannot hold the same record twice, so a file that repeats one has it once."""
    facts, _, _ = await collect({("example.com", "TXT"): [txt("v=spf1 -all"), txt("v=spf1 -all")]})
    assert facts.valid is not None


async def test_counts_are_lower_bounds() -> None:
    """What could not be read or depends on the message adds what is certain."""
    table = spf("v=spf1 include:%{i}.example.net include:x.example.net a:%{l}.example.net -all") | {
        ("x.example.net", "TXT"): Reason.TIMEOUT
    }
    facts, double, _ = await collect(table)
    assert facts.lookups == 3
    assert not facts.exact
    assert [str(unknown.question) for unknown in facts.unread] == ["x.example.net TXT"]
    assert len(double.log) == 2, "names made of the message are not asked for"
    assert facts.permerror is None


async def test_the_domain_macro_is_no_secret() -> None:
    """%{d} is the same in every evaluation, so such a name is followed."""
    facts, _, _ = await collect(
        spf("v=spf1 redirect=%{d2}.spf.example.net")
        | spf("v=spf1 -all", "example.com.spf.example.net")
    )
    assert facts.exact
    assert facts.is_deny_all


async def test_loops_end() -> None:
    """A loop is followed once and told as a path; the same record on two branches is none."""
    facts, double, _ = await collect(
        spf("v=spf1 include:a.example.net -all")
        | spf("v=spf1 include:b.example.net -all", "a.example.net")
        | spf("v=spf1 redirect=a.example.net", "b.example.net")
    )
    assert [[name.text for name in loop] for loop in facts.loops] == [
        ["a.example.net", "b.example.net", "a.example.net"]
    ]
    assert len(double.log) == 3
    assert facts.permerror is not None
    assert "loop" in facts.permerror
    twice, double, _ = await collect(
        spf("v=spf1 include:a.example.net include:b.example.net -all")
        | spf("v=spf1 include:c.example.net -all", "a.example.net")
        | spf("v=spf1 include:c.example.net -all", "b.example.net")
        | spf("v=spf1 mx:m.example.net -all", "c.example.net")
    )
    assert not twice.loops
    assert twice.lookups == 6
    assert len(set(double.log)) == len(double.log)


async def test_a_hostile_tree_is_not_read_whole() -> None:
    """Wide records that include wide records, and endless chains, cost a bounded number."""
    wide: Table = {}
    for n in range(3):
        terms = " ".join(f"include:n{m}.l{n + 1}.example.net" for m in range(40))
        for m in range(40):
            wide |= spf(f"v=spf1 {terms} -all", f"n{m}.l{n}.example.net")
    root = " ".join(f"include:n{m}.l0.example.net" for m in range(40))
    facts, double, _ = await collect(spf(f"v=spf1 {root} -all") | wide)
    assert len(double.log) <= 70
    assert facts.lookups > 10
    assert not facts.exact
    hosts: Table = {}
    for n in range(10):
        terms = " ".join(f"a:h{m}.n{n}.example.net" for m in range(40))
        hosts |= spf(f"v=spf1 {terms} -all", f"n{n}.example.net")
    root = " ".join(f"include:n{n}.example.net" for n in range(10))
    _, double, _ = await collect(spf(f"v=spf1 {root} -all") | hosts)
    assert len(double.log) <= 80
    chain = spf("v=spf1 include:c0.example.net -all")
    for n in range(40):
        chain |= spf(f"v=spf1 include:c{n + 1}.example.net -all", f"c{n}.example.net")
    facts, double, _ = await collect(chain)
    assert facts.lookups == 11
    assert len(double.rounds) <= 12


async def test_voids_depend_on_the_client() -> None:
    """A is asked for IPv4 clients, AAAA for IPv6 clients, and A alone for exists."""
    table = spf(
        "v=spf1 a:four.example.net mx:m.example.net a:gone.example.net exists:e.gone.example.net"
        " -all"
    ) | {
        ("four.example.net", "A"): [address("192.0.2.1")],
        ("m.example.net", "MX"): [mx(0, "four.example.net"), mx(1, "six.example.net")],
        ("six.example.net", "AAAA"): [address("2001:db8::1")],
    }
    facts, _, desk = await collect(table)
    assert facts.void_lookups == 3
    assert facts.voids(Family.IPV6) == 2, "a name that does not exist has no AAAA either"
    facts = await enrich_spf(facts, desk)
    assert facts.void_lookups == 3
    assert facts.voids(Family.IPV6) == 4
    assert facts.permerror == "more than 2 lookups find nothing"


async def test_enriching_keeps_to_the_allowance() -> None:
    """Spare questions are asked while the allowance lasts, and fail as such beyond it."""
    facts, double, desk = await collect(spf("v=spf1 a:a.example.net a:b.example.net -all"), limit=4)
    asked = len(double.log)
    facts = await enrich_spf(facts, desk)
    assert len(double.log) == asked + 1
    assert facts.type99 is not None
    assert all(lookup.failures(Family.IPV6) for lookup in facts.addresses)


async def test_a_null_mx_and_a_crowd_are_not_looked_up() -> None:
    """A null MX has no host; with eleven hosts the term is a permerror before the first."""
    facts, double, _ = await collect(
        spf("v=spf1 mx mx:many.example.net -all")
        | {
            ("example.com", "MX"): [mx(0, ".")],
            ("many.example.net", "MX"): [mx(n, f"m{n}.example.net") for n in range(11)],
        }
    )
    assert len(double.log) == 3
    assert facts.permerror == "mx:many.example.net has more than 10 MX hosts"


async def test_who_is_denied() -> None:
    """A record authorises nobody where no reachable term passes anybody and the end is -all."""
    deny = [
        "v=spf1 -all",
        "v=spf1 -ip4:192.0.2.1 ?a -all",
        "v=spf1 include:no.example.net -all",
        "v=spf1 redirect=no.example.net",
        "v=spf1 -all +a",
    ]
    allow = [
        "v=spf1",
        "v=spf1 ~all",
        "v=spf1 a -all",
        "v=spf1 +all",
        "v=spf1 redirect=x.example.net",
        "v=spf1 include:%{i}.example.net -all",
        "v=spf1 nclude:x -all",
    ]
    for text in deny + allow:
        facts, _, _ = await collect(spf(text) | spf("v=spf1 -all", "no.example.net"))
        assert facts.is_deny_all == (text in deny), text


async def test_aliases_stay_in_the_evidence() -> None:
    """A record behind a CNAME is read, and the alias is shown before it."""
    double = DnsDouble(
        {("example.com", "CNAME"): [cname("r.example.net")]} | spf("v=spf1 -all", "r.example.net")
    )
    found = await collect_spf(ROOT, Desk(RunSource(double)))
    assert isinstance(found, Present)
    assert [(e.name.text, e.rdtype) for e in found.evidence] == [
        ("example.com", "CNAME"),
        ("r.example.net", "TXT"),
    ]


async def test_clients_with_ipv6_are_asked_for_together() -> None:
    """AAAA goes out beside A where an IPv6 client is to be checked, so no round is added."""
    table = spf("v=spf1 a mx -all") | {("example.com", "MX"): [mx(0, "m.example.net")]}
    double = DnsDouble(table)
    desk = Desk(RunSource(double))
    found = await collect_spf(ROOT, desk)
    assert isinstance(found, Present)
    facts = await complete_spf(found.value, desk, [Family.IPV4, Family.IPV6])
    assert len(double.rounds) == 3
    assert facts.voids(Family.IPV6) == 2
