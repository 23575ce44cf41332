"""Where mail goes: every kind of DNS answer, by a clock and dice that the test holds."""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sendgate.dane.record import Tlsa, read_tlsa
from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    Mx,
    Question,
    Raw,
    Rdata,
    Reason,
    Target,
)
from sendgate.dns.double import DnsDouble
from sendgate.mtasts.record import Mode, Policy
from sendgate.names import Domain
from sendgate.send.route import NoRoute, Route, Router, Routing, Unmet, Unresolved, Why
from sendgate.send.shaping import load_shaping
from sendgate.send.smtp.tls import TlsLevel, TlsPolicy

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOMAIN = Domain("example.com")
Table = Mapping[tuple[str, str], list[Rdata] | Reason]
DIGEST = "ab" * 32


def ip(*texts: str) -> list[Rdata]:
    return [Address(ipaddress.ip_address(text)) for text in texts]


def mx(*rows: tuple[int, str]) -> list[Rdata]:
    return [Mx(preference, Domain.parse(host)) for preference, host in rows]


class World:
    """A DNS double of which all or some is signed, a clock, dice and a policy."""

    def __init__(
        self,
        table: Table,
        policy: Policy | None = None,
        unsigned: tuple[str, ...] | None = None,
        tls_required: bool = False,
        capacity: int = 100,
    ) -> None:
        self.now = START
        self.policy = policy
        self.unsigned = unsigned
        self.double = DnsDouble(table)
        self.router = Router(
            self,
            load_shaping(),
            clock=lambda: self.now,
            dice=random.Random(1),
            policies=self,
            tls_required=tls_required,
            capacity=capacity,
        )

    async def ask(self, question: Question) -> Answer:
        answer = await self.double.ask(question)
        if isinstance(answer, Failed) or self.unsigned is None:
            return answer
        chain = {question.name.text, *(alias.target.text for alias in answer.aliases)}
        return replace(answer, authentic=not chain & set(self.unsigned))

    async def find(self, domain: Domain) -> Policy | None:
        return self.policy

    async def go(self, domain: str = "example.com") -> Routing:
        return await self.router.route(Domain(domain))

    async def route(self) -> Route:
        found = await self.go()
        assert isinstance(found, Route), found
        return found

    @property
    def asked(self) -> list[str]:
        return [str(question) for question in self.double.log]


ONE: Table = {
    ("example.com", "MX"): mx((10, "mx.example.com")),
    ("mx.example.com", "A"): ip("192.0.2.1"),
}


async def test_hosts_by_preference_and_equal_ones_shuffled() -> None:
    """RFC 5321 section 5.1; each caller gets an order of its own from one set of questions."""
    world = World(
        {
            ("example.com", "MX"): mx(
                (20, "c.example.net"), (10, "a.example.net"), (10, "b.example.net")
            ),
            **{(f"{x}.example.net", "A"): ip("192.0.2.1") for x in "abc"},
        }
    )
    orders = set()
    for _ in range(20):
        route = await world.route()
        orders.add(tuple(host.name.labels[0] for host in route.hosts))
    assert orders == {("a", "b", "c"), ("b", "a", "c")}
    assert len(world.asked) == 7
    assert route.site.key == "a.example.net,b.example.net"


async def test_addresses_of_both_kinds_ipv4_first() -> None:
    """All of a host's addresses, shuffled within their kind."""
    table = {
        **ONE,
        ("mx.example.com", "A"): ip("192.0.2.1", "192.0.2.2", "0.0.0.0", "255.255.255.255"),
        ("mx.example.com", "AAAA"): ip("2001:db8::1", "ff02::1", "::"),
    }
    orders = set()
    world = World(table)
    for _ in range(20):
        (host,) = (await world.route()).hosts
        orders.add(tuple(map(str, host.addresses)))
    assert orders == {
        ("192.0.2.1", "192.0.2.2", "2001:db8::1"),
        ("192.0.2.2", "192.0.2.1", "2001:db8::1"),
    }


async def test_of_many_addresses_some_of_each_kind_are_called() -> None:
    """A sender with one kind alone must find its own among them."""
    many = {
        **ONE,
        ("mx.example.com", "A"): ip(*(f"192.0.2.{n}" for n in range(1, 30))),
        ("mx.example.com", "AAAA"): ip(*(f"2001:db8::{n}" for n in range(1, 30))),
    }
    (host,) = (await World(many).route()).hosts
    assert [address.version for address in host.addresses] == [4] * 4 + [6] * 4


async def test_without_mx_mail_goes_to_the_domain_itself() -> None:
    """The implicit MX."""
    route = await World({("example.com", "AAAA"): ip("2001:db8::1")}).route()
    assert [host.name for host in route.hosts] == [DOMAIN]


async def test_an_alias_has_the_mx_of_its_target() -> None:
    """The domain stays the recipient's, which its policy is about."""
    world = World({**ONE, ("alias.example", "CNAME"): [Target(DOMAIN)]})
    route = await world.go("alias.example")
    assert isinstance(route, Route)
    assert route.domain == Domain("alias.example")
    assert route.hosts[0].name == Domain("mx.example.com")


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ({("example.com", "MX"): mx((0, "."))}, Why.NULL_MX),
        ({("example.net", "A"): ip("192.0.2.1")}, Why.NO_SUCH_DOMAIN),
    ],
)
async def test_domains_that_take_no_mail(table: Table, code: Why) -> None:
    """By their own word, or because they do not exist; no host is asked about."""
    world = World(table)
    found = await world.go()
    assert isinstance(found, NoRoute)
    assert found.code is code
    assert world.asked == ["example.com MX"]


async def test_a_null_mx_beside_a_host_is_no_null_mx() -> None:
    """RFC 7505 section 3: it must stand alone; a domain that errs here takes mail."""
    world = World({**ONE, ("example.com", "MX"): mx((0, "."), (10, "mx.example.com"))})
    assert len((await world.route()).hosts) == 1


@pytest.mark.parametrize(
    ("table", "detail"),
    [
        ({("example.com", "MX"): Reason.TIMEOUT}, "example.com MX: timeout"),
        ({("example.com", "MX"): Reason.SERVFAIL}, "example.com MX: servfail"),
        ({**ONE, ("mx.example.com", "A"): Reason.SERVFAIL}, "mx.example.com A: servfail"),
        ({**ONE, ("mx.example.com", "A"): []}, "mx.example.com has no address"),
        ({**ONE, ("mx.example.com", "A"): ip("0.0.0.0")}, "mx.example.com has no usable address"),
        ({("example.com", "TXT"): [Raw("x")]}, "example.com has no address"),
        (
            {("example.com", "MX"): mx((10, "192.0.2.1"))},
            "no MX record of example.com names a host",
        ),
    ],
)
async def test_what_nobody_can_tell_is_tried_again(table: Table, detail: str) -> None:
    """Failing DNS and hosts without address are no verdict about the recipient."""
    found = await World(table).go()
    assert isinstance(found, Unresolved)
    assert found.detail == detail


async def test_a_host_that_does_not_resolve_is_passed_over() -> None:
    """Mail goes to the next host, and the site is that of the hosts that are called."""
    world = World(
        {
            ("example.com", "MX"): mx((10, "a.example.net"), (20, "b.example.net")),
            ("a.example.net", "A"): Reason.TIMEOUT,
            ("b.example.net", "A"): ip("192.0.2.2"),
        }
    )
    route = await world.route()
    assert [host.name.text for host in route.hosts] == ["b.example.net"]
    assert route.site.key == "b.example.net"
    assert route.passed_over == ("a.example.net A: timeout",)


async def test_answers_are_kept_for_their_ttl_within_bounds() -> None:
    """TTL 300 in this DNS; a failure is kept for a minute, so that all share it."""
    world = World(ONE)
    assert (await world.route()).until == START + timedelta(seconds=300)
    world.now += timedelta(seconds=299)
    await world.go()
    assert len(world.asked) == 3
    world.now += timedelta(seconds=1)
    await world.go()
    assert len(world.asked) == 6
    broken = World({("example.com", "MX"): Reason.TIMEOUT})
    found = await broken.go()
    assert found.until == START + timedelta(seconds=60)


async def test_a_clock_set_back_keeps_no_answer_for_years() -> None:
    """What is good for longer than it ever can be is asked again."""
    world = World(ONE)
    await world.go()
    world.now -= timedelta(days=1)
    await world.go()
    assert len(world.asked) == 6


async def test_askers_who_come_together_share_the_questions() -> None:
    """Also where the first of them gives up."""
    world = World(ONE)
    first = asyncio.ensure_future(world.go())
    others = [asyncio.ensure_future(world.go()) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    routes = await asyncio.gather(*others)
    assert all(isinstance(route, Route) for route in routes)
    assert len(world.asked) == 3


async def test_what_is_kept_is_bounded() -> None:
    """The domain asked for longest ago is forgotten first."""
    world = World({(f"d{x}.example", "MX"): mx((0, ".")) for x in range(4)}, capacity=2)
    for name in ("d0.example", "d1.example", "d0.example", "d2.example", "d0.example"):
        await world.go(name)
    assert world.asked == ["d0.example MX", "d1.example MX", "d2.example MX"]


async def test_tls_as_the_table_and_the_campaign_want_it() -> None:
    """Google's hosts must offer TLS; others where the campaign says so."""
    google: Table = {
        ("example.com", "MX"): mx((1, "aspmx.l.google.com")),
        ("aspmx.l.google.com", "A"): ip("192.0.2.1"),
    }
    route = await World(google).route()
    assert (route.site.key, route.hosts[0].tls) == ("google", TlsPolicy.required())
    assert (await World(ONE).route()).hosts[0].tls == TlsPolicy.opportunistic()
    assert (await World(ONE, tls_required=True).route()).hosts[0].tls == TlsPolicy.required()


TWO: Table = {
    **ONE,
    ("example.com", "MX"): mx((10, "mx.example.com"), (20, "mx.example.net")),
    ("mx.example.net", "A"): ip("192.0.2.2"),
}
ENFORCE = Policy(Mode.ENFORCE, 86400, ("*.example.com",))


async def test_an_enforced_policy_chooses_hosts_and_demands_certificates() -> None:
    """RFC 8461 section 5: hosts that it does not name are not called."""
    route = await World(TWO, ENFORCE).route()
    assert [host.name.text for host in route.hosts] == ["mx.example.com"]
    assert route.hosts[0].tls == TlsPolicy.verified(("mx.example.com",))
    assert route.passed_over == ("the MTA-STS policy of example.com does not name mx.example.net",)


async def test_a_policy_that_names_no_host_cannot_be_met() -> None:
    """Whoever changed the MX did not change the policy: the mail waits."""
    found = await World(TWO, replace(ENFORCE, mx=("mx.example.org",))).go()
    assert isinstance(found, Unmet)
    assert "mx.example.com; the MTA-STS policy" in found.detail


async def test_a_policy_in_testing_demands_nothing() -> None:
    """Its domain asks for reports only."""
    policy = Policy(Mode.TESTING, 86400, ("mx.example.org",))
    route = await World(TWO, policy).route()
    assert [host.tls for host in route.hosts] == [TlsPolicy.opportunistic()] * 2


def tlsa(*texts: str, host: str = "mx.example.com") -> dict[tuple[str, str], list[Rdata] | Reason]:
    return {(f"_25._tcp.{host}", "TLSA"): [Raw(text) for text in texts]}


async def test_authentic_tlsa_records_are_dane() -> None:
    """Their names are the host and, for an authority's record, the domain."""
    world = World({**ONE, **tlsa(f"3 1 1 {DIGEST}", f"0 0 1 {DIGEST}")}, unsigned=())
    (host,) = (await world.route()).hosts
    record = Tlsa(3, 1, 1, bytes.fromhex(DIGEST))
    assert host.tls == TlsPolicy(TlsLevel.DANE, ("mx.example.com", "example.com"), (record,))


@pytest.mark.parametrize(
    "unsigned",
    ["example.com", "mx.example.com", "_25._tcp.mx.example.com"],
    ids=["MX", "address", "TLSA"],
)
async def test_dane_needs_every_answer_to_be_authentic(unsigned: str) -> None:
    """Where one is not, anybody could have made it up; unsigned zones are not asked."""
    world = World({**ONE, **tlsa(f"3 1 1 {DIGEST}")}, unsigned=(unsigned,))
    assert (await world.route()).hosts[0].tls == TlsPolicy.opportunistic()
    assert any("TLSA" in one for one in world.asked) is unsigned.startswith("_25")


async def test_a_failing_tlsa_answer_closes_the_host() -> None:
    """RFC 7672 section 2.1.2: else it would be enough to suppress the answer."""
    closed = {("_25._tcp.mx.example.com", "TLSA"): Reason.SERVFAIL}
    route = await World({**TWO, **closed}, unsigned=()).route()
    assert [host.name.text for host in route.hosts] == ["mx.example.net"]
    found = await World({**ONE, **closed}, unsigned=()).go()
    assert isinstance(found, Unresolved)
    assert "TLSA: servfail, so mx.example.com is not called" in found.detail


async def test_unusable_tlsa_records_demand_encryption_alone() -> None:
    """Usages 0 and 1, and what cannot be read (RFC 7672 sections 2.2 and 3.1.3)."""
    for record in (f"1 1 1 {DIGEST}", f"3 1 9 {DIGEST}"):
        world = World({**ONE, **tlsa(record)}, unsigned=())
        assert (await world.route()).hosts[0].tls == TlsPolicy.required()


async def test_dane_comes_before_mta_sts() -> None:
    """RFC 8461 section 2; where DANE cannot authenticate, the policy does."""
    names = {**TWO, **tlsa(f"3 1 1 {DIGEST}", host="mx.example.net")}
    route = await World(names, ENFORCE, unsigned=()).route()
    levels = [host.tls.level for host in route.hosts]
    assert levels == [TlsLevel.VERIFIED, TlsLevel.DANE]
    world = World({**ONE, **tlsa(f"1 1 1 {DIGEST}")}, ENFORCE, unsigned=())
    assert (await world.route()).hosts[0].tls.level is TlsLevel.VERIFIED


async def test_an_implicit_mx_may_have_dane_as_well() -> None:
    """The authentic absence of MX stands for the record."""
    table = {("example.com", "A"): ip("192.0.2.1"), **tlsa(f"3 1 1 {DIGEST}", host="example.com")}
    (host,) = (await World(table, unsigned=()).route()).hosts
    assert host.tls.names == ("example.com",)


async def test_tlsa_of_an_alias_stands_at_its_target_or_at_itself() -> None:
    """The target first where the whole chain is signed, the alias where it alone is."""
    table: dict[tuple[str, str], list[Rdata] | Reason] = {
        ("example.com", "MX"): mx((10, "mx.example.com")),
        ("mx.example.com", "CNAME"): [Target(Domain("host.example.net"))],
        ("host.example.net", "A"): ip("192.0.2.1"),
        **tlsa(f"3 1 1 {DIGEST}"),
    }
    at_alias = await World(table, unsigned=("host.example.net",)).route()
    assert at_alias.hosts[0].tls.names == ("mx.example.com", "example.com")
    table |= tlsa(f"3 1 1 {DIGEST}", host="host.example.net")
    at_target = await World(table, unsigned=()).route()
    expected = ("host.example.net", "mx.example.com", "example.com")
    assert at_target.hosts[0].tls.names == expected


@pytest.mark.parametrize("text", ["", "3 1 1 xyz", "3 1", "a b c dd", "3 1 1 abc"])
def test_what_is_no_tlsa_record_is_none(text: str) -> None:
    """Such data names no certificate."""
    record = read_tlsa(text)
    assert record is None or record.data == b""


async def test_a_policy_is_asked_for_anew_after_it_was_not_met() -> None:
    """RFC 8461 section 5.1: the domain may have changed it meanwhile."""
    world = World(TWO, ENFORCE)
    await world.go()
    world.policy = None
    assert len((await world.route()).hosts) == 1
    world.router.forget(DOMAIN)
    assert len((await world.route()).hosts) == 2
