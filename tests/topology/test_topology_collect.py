"""What is asked about the names of the roles and their zones, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from worlds import Table, address, cname, mx, txt

from sendgate.dns.answers import Answer, Failed, NxDomain, Question, Reason, Records, Soa
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import Desk, RunSource
from sendgate.mx.collect import collect_mx
from sendgate.names import Domain
from sendgate.profile import Profile, Role
from sendgate.topology.collect import collect_names, complete_names, enrich_zones
from sendgate.topology.facts import NameFacts

NEWS = Domain.parse("news.example.com")
PATH = Domain.parse("12345m.example.com")
WWW = Domain.parse("www.example.com")
PROFILE = Profile(sending=NEWS, content=(Role(WWW),), return_path=Role(PATH))
SOA = Soa(Domain.parse("ns1.example.com"), Domain.parse("h.example.com"), 1, 300)

BASE: Table = {
    ("example.com", "SOA"): [SOA],
    ("news.example.com", "MX"): [mx(10, "mail.example.com")],
    ("12345m.example.com", "MX"): [mx(10, "mail.example.com")],
    ("12345m.example.com", "TXT"): [txt("v=spf1 -all")],
    ("mail.example.com", "A"): [address("192.0.2.25")],
    ("www.example.com", "A"): [address("192.0.2.80")],
}


class CheckingDouble(DnsDouble):
    """A resolver that validates: it fails for the names in `bogus` unless told not to check."""

    bogus: frozenset[str] = frozenset()

    def _answer(self, question: Question) -> Answer:
        if question.name.text in self.bogus and not question.checking_disabled:
            return self._failed(question)
        return super()._answer(question)

    def _failed(self, question: Question) -> Answer:
        table: Table = {(question.name.text, question.rdtype): Reason.SERVFAIL}
        return DnsDouble(table)._answer(question)


async def read_names(
    double: DnsDouble, profile: Profile = PROFILE, desk: Desk | None = None
) -> Mapping[Domain, NameFacts]:
    desk = desk or Desk(RunSource(double))
    return await complete_names(profile, await collect_names(profile, desk), desk)


async def test_few_questions_in_one_round() -> None:
    """Six questions, all at once, where every mail name has an MX record."""
    double = DnsDouble(BASE)
    names = await read_names(double)
    assert set(names) == {NEWS, PATH, WWW}
    assert len(double.log) == 6
    assert len(double.rounds) == 1


async def test_the_zone_is_asked_for_only_where_no_answer_tells_it() -> None:
    """Every negative answer names its zone; SOA tells it of a name that has all there is."""
    full = BASE | {
        ("news.example.com", "TXT"): [txt("v=spf1 -all")],
        ("news.example.com", "A"): [address("192.0.2.1")],
    }
    for table, asked in ((BASE, False), (full, True)):
        double = DnsDouble(table)
        await read_names(double)
        assert (Question(NEWS, "SOA") in double.log) is asked


async def test_further_content_names_are_asked_for_where_there_is_room() -> None:
    """The first one always; the others wait for what the mail names need."""
    shop, blog = Domain.parse("shop.example.com"), Domain.parse("blog.example.com")
    profile = replace(PROFILE, content=(Role(WWW), Role(shop), Role(blog)))
    double = DnsDouble(BASE)
    names = await read_names(double, profile, Desk(RunSource(double), limit=7))
    assert isinstance(names[WWW].a, Records)
    assert isinstance(names[shop].a, NxDomain)
    assert isinstance(names[blog].a, Failed)
    assert names[blog].a.reason is Reason.ALLOWANCE


async def test_a_return_path_that_is_a_content_name_too_is_asked_for_its_address() -> None:
    """Its MX record tells of mail only."""
    profile = replace(PROFILE, content=(Role(WWW), Role(PATH)))
    names = await read_names(DnsDouble(BASE), profile)
    assert names[PATH].a is not None
    assert names[PATH].aaaa is None


async def test_addresses_are_asked_where_no_mx_says_where_mail_goes() -> None:
    """Without MX the return path's addresses count, of both kinds."""
    table = {k: v for k, v in BASE.items() if k != ("12345m.example.com", "MX")}
    double = DnsDouble(table | {("12345m.example.com", "AAAA"): [address("2001:db8::1")]})
    names = await read_names(double)
    assert names[PATH].has_address is True
    assert Question(PATH, "A") in double.log
    assert Question(NEWS, "AAAA") not in double.log
    assert len(double.rounds) == 2


async def test_a_name_that_does_not_exist_has_no_address() -> None:
    """NXDOMAIN answers for every type, so nothing more is asked."""
    double = DnsDouble({k: v for k, v in BASE.items() if k[0] != "12345m.example.com"})
    names = await read_names(double)
    assert names[PATH].exists is False
    assert Question(PATH, "A") not in double.log


async def test_an_address_that_was_not_asked_for_is_not_known() -> None:
    """One type without data says nothing of the other."""
    double = DnsDouble(BASE)
    names = await read_names(double)
    assert names[NEWS].a is not None
    assert names[NEWS].aaaa is None
    assert names[NEWS].has_address is None


async def test_the_providers_own_return_path_is_left_alone() -> None:
    """Its records are the provider's business."""
    double = DnsDouble(BASE)
    profile = replace(PROFILE, provider_return_path=True)
    names = await read_names(double, profile)
    assert PATH not in names
    assert not any(question.name == PATH for question in double.log)


async def test_servfail_is_asked_again_without_checking() -> None:
    """Data then, where checking failed, means that validation fails; one question a name."""
    double = CheckingDouble(BASE)
    double.bogus = frozenset({PATH.text})
    names = await read_names(double)
    assert isinstance(names[PATH].unchecked, Records)
    assert names[NEWS].unchecked is None
    assert sum(question.checking_disabled for question in double.log) == 1


async def test_a_failure_that_passes_is_not_taken_for_bad_signatures() -> None:
    """One type failed and the next is answered: a resolver's bad moment, not DNSSEC."""
    double = CheckingDouble(BASE)
    double.bogus = frozenset({PATH.text})
    bogus = await read_names(double)
    assert isinstance(bogus[PATH].again, Failed)

    class FlappingDouble(CheckingDouble):
        def _answer(self, question: Question) -> Answer:
            flaps = question == Question(PATH, "MX")
            return self._failed(question) if flaps else DnsDouble._answer(self, question)

    flapping = await read_names(FlappingDouble(BASE))
    assert isinstance(flapping[PATH].unchecked, Records)
    assert not isinstance(flapping[PATH].again, Failed)


async def test_a_timeout_is_not_asked_again_without_checking() -> None:
    """Only SERVFAIL can come of a failed validation."""
    double = DnsDouble(BASE | {("12345m.example.com", "MX"): Reason.TIMEOUT})
    names = await read_names(double)
    assert names[PATH].unchecked is None


async def test_mx_hosts_cost_two_questions_each_and_none_is_asked_for_what_is_no_host() -> None:
    """A and AAAA of each host, once for both names; an address in the place of a host: none."""
    table = BASE | {("news.example.com", "MX"): [mx(5, "192.0.2.7"), mx(10, "mail.example.com")]}
    double = DnsDouble(table)
    desk = Desk(RunSource(double))
    names = await read_names(double, PROFILE, desk)
    before = len(double.log)
    found = await collect_mx(PROFILE, names, desk)
    assert len(double.log) - before == 2
    assert [host.resolves for host in found[NEWS].hosts] == [False, True]
    assert found[NEWS].hosts[0].a is None


async def zones(table: Table, profile: Profile = PROFILE) -> tuple[DnsDouble, list]:
    double = DnsDouble(table)
    desk = Desk(RunSource(double))
    names = await read_names(double, profile, desk)
    double.log.clear()
    double.rounds.clear()
    return double, list(await enrich_zones(profile, names, desk, "probe"))


async def test_one_probe_settles_that_no_wildcard_answers() -> None:
    """NXDOMAIN below a mail name: neither it nor what lies below is a wildcard's."""
    double, (news, path) = await zones(BASE)
    assert [isinstance(probe, NxDomain) for probe in news.probes] == [True]
    assert path.above is None
    assert {q.name.text for q in double.log if q.rdtype != "NS"} == {
        "probe.news.example.com",
        "probe.12345m.example.com",
    }


async def test_a_wildcard_is_looked_at_more_closely() -> None:
    """Where the probe got an answer, its other types and the wildcard beside are asked."""
    wild: Table = {
        ("probe.news.example.com", "MX"): [mx(10, "mail.example.com")],
        ("*.example.com", "MX"): [mx(10, "mail.example.com")],
    }
    double, (news, _) = await zones(BASE | wild)
    assert [probe.question.rdtype for probe in news.probes] == ["TXT", "MX"]
    assert news.above is not None
    assert news.above.question == Question(Domain.parse("*.example.com"), "MX")
    assert len(double.rounds) <= 2


async def test_the_zones_own_servers_are_asked_only_when_wanted() -> None:
    """With `authoritative` each server says what it has for MX and TXT."""
    apex = Domain.parse("example.com")
    table = BASE | {
        ("example.com", "MX"): [mx(10, "mail.example.com")],
        ("example.com", "NS"): [cname("ns1.example.com"), cname("ns2.example.com")],
        ("ns1.example.com", "A"): [address("192.0.2.53")],
        ("ns2.example.com", "A"): [address("198.51.100.53")],
    }
    profile = Profile(sending=apex)
    double, (zone,) = await zones(table, profile)
    assert zone.is_apex
    assert zone.servers == ()
    assert not any(question.server for question in double.log)
    double, (zone,) = await zones(table, replace(profile, authoritative=True))
    assert [told.address for told in zone.servers] == ["192.0.2.53", "198.51.100.53"]
    assert {q.server for q in double.log if q.server} == {"192.0.2.53", "198.51.100.53"}
