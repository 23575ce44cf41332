"""What is asked about the names of the roles and their zones, and what is left out."""

from __future__ import annotations

from dataclasses import replace

from worlds import Table, address, cname, mx, txt

from sendgate.dns.answers import Answer, Failed, NxDomain, Question, Reason, Records, Soa
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import Desk, RunSource
from sendgate.mx.collect import collect_mx
from sendgate.names import Domain
from sendgate.profile import Profile, Role
from sendgate.topology.collect import collect_names, enrich_zones

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


async def test_few_questions_in_one_round() -> None:
    """Seven questions, all at once, where every mail name has an MX record."""
    double = DnsDouble(BASE)
    names = await collect_names(PROFILE, Desk(RunSource(double)))
    assert set(names) == {NEWS, PATH, WWW}
    assert len(double.log) == 7
    assert len(double.rounds) == 1


async def test_addresses_are_asked_where_no_mx_says_where_mail_goes() -> None:
    """Without MX the return path's addresses count, of both kinds."""
    table = {k: v for k, v in BASE.items() if k != ("12345m.example.com", "MX")}
    double = DnsDouble(table | {("12345m.example.com", "AAAA"): [address("2001:db8::1")]})
    names = await collect_names(PROFILE, Desk(RunSource(double)))
    assert names[PATH].has_address is True
    assert Question(PATH, "A") in double.log
    assert Question(NEWS, "AAAA") not in double.log
    assert len(double.rounds) == 2


async def test_a_name_that_does_not_exist_has_no_address() -> None:
    """NXDOMAIN answers for every type, so nothing more is asked."""
    double = DnsDouble({k: v for k, v in BASE.items() if k[0] != "12345m.example.com"})
    names = await collect_names(PROFILE, Desk(RunSource(double)))
    assert names[PATH].exists is False
    assert Question(PATH, "A") not in double.log


async def test_an_address_that_was_not_asked_for_is_not_known() -> None:
    """One type without data says nothing of the other."""
    double = DnsDouble(BASE)
    names = await collect_names(PROFILE, Desk(RunSource(double)))
    assert names[NEWS].a is not None
    assert names[NEWS].aaaa is None
    assert names[NEWS].has_address is None


async def test_the_providers_own_return_path_is_left_alone() -> None:
    """Its records are the provider's business."""
    double = DnsDouble(BASE)
    profile = replace(PROFILE, provider_return_path=True)
    names = await collect_names(profile, Desk(RunSource(double)))
    assert PATH not in names
    assert not any(question.name == PATH for question in double.log)


async def test_servfail_is_asked_again_without_checking() -> None:
    """Data then, where checking failed, means that validation fails; one question a name."""
    double = CheckingDouble(BASE)
    double.bogus = frozenset({PATH.text})
    names = await collect_names(PROFILE, Desk(RunSource(double)))
    assert isinstance(names[PATH].unchecked, Records)
    assert names[NEWS].unchecked is None
    assert sum(question.checking_disabled for question in double.log) == 1


async def test_a_failure_that_passes_is_not_taken_for_bad_signatures() -> None:
    """One type failed and the next is answered: a resolver's bad moment, not DNSSEC."""
    double = CheckingDouble(BASE)
    double.bogus = frozenset({PATH.text})
    bogus = await collect_names(PROFILE, Desk(RunSource(double)))
    assert isinstance(bogus[PATH].again, Failed)

    class FlappingDouble(CheckingDouble):
        def _answer(self, question: Question) -> Answer:
            flaps = question == Question(PATH, "MX")
            return self._failed(question) if flaps else DnsDouble._answer(self, question)

    flapping = await collect_names(PROFILE, Desk(RunSource(FlappingDouble(BASE))))
    assert isinstance(flapping[PATH].unchecked, Records)
    assert not isinstance(flapping[PATH].again, Failed)


async def test_a_timeout_is_not_asked_again_without_checking() -> None:
    """Only SERVFAIL can come of a failed validation."""
    double = DnsDouble(BASE | {("12345m.example.com", "MX"): Reason.TIMEOUT})
    names = await collect_names(PROFILE, Desk(RunSource(double)))
    assert names[PATH].unchecked is None


async def test_mx_hosts_cost_two_questions_each_and_none_is_asked_for_what_is_no_host() -> None:
    """A and AAAA of each host, once for both names; an address in the place of a host: none."""
    table = BASE | {("news.example.com", "MX"): [mx(5, "192.0.2.7"), mx(10, "mail.example.com")]}
    double = DnsDouble(table)
    desk = Desk(RunSource(double))
    names = await collect_names(PROFILE, desk)
    before = len(double.log)
    found = await collect_mx(PROFILE, names, desk)
    assert len(double.log) - before == 2
    assert [host.resolves for host in found[NEWS].hosts] == [False, True]
    assert found[NEWS].hosts[0].a is None


async def zones(table: Table, profile: Profile = PROFILE) -> tuple[DnsDouble, list]:
    double = DnsDouble(table)
    desk = Desk(RunSource(double))
    names = await collect_names(profile, desk)
    double.log.clear()
    double.rounds.clear()
    return double, list(await enrich_zones(profile, names, desk, "probe"))


async def test_one_probe_settles_that_no_wildcard_answers() -> None:
    """NXDOMAIN below a mail name: neither it nor what lies below is a wildcard's."""
    double, (news, path) = await zones(BASE)
    assert [isinstance(probe, NxDomain) for probe in news.probes] == [True]
    assert path.above is None
    assert {q.name.text for q in double.log} == {
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
