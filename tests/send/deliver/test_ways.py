"""Routes as the engine takes them: every result of routing has its counterpart."""

from __future__ import annotations

import ipaddress
import random
from datetime import UTC, datetime

import pytest

from sendgate.dns.answers import Address, Mx, Rdata, Reason
from sendgate.dns.double import DnsDouble
from sendgate.mtasts.record import Mode, Policy
from sendgate.names import Domain
from sendgate.send import route
from sendgate.send.deliver.parts import Hop, NoRoute, Route, WhyNoRoute
from sendgate.send.deliver.ways import ways
from sendgate.send.shaping import Site, load_shaping
from sendgate.send.smtp.tls import TlsPolicy

MX: list[Rdata] = [Mx(10, Domain("a.example.net")), Mx(20, Domain("b.example.net"))]
A: list[Rdata] = [Address(ipaddress.ip_address("192.0.2.1"))]
AAAA: list[Rdata] = [Address(ipaddress.ip_address("2001:db8::1"))]
TABLE: dict[tuple[str, str], list[Rdata] | Reason] = {
    ("example.com", "MX"): MX,
    ("a.example.net", "A"): A,
    ("a.example.net", "AAAA"): AAAA,
    ("b.example.net", "A"): A,
    ("null.example", "MX"): [Mx(0, Domain("."))],
    ("broken.example", "MX"): Reason.SERVFAIL,
    ("strict.example", "MX"): MX,
    ("four.example", "MX"): [Mx(10, Domain("b.example.net"))],
}


class Strict:
    """Only ``strict.example`` has a policy, and it names no host of its MX."""

    async def find(self, domain: Domain) -> Policy | None:
        is_strict = domain == Domain("strict.example")
        return Policy(Mode.ENFORCE, 60, ("mx.example.org",)) if is_strict else None


async def found(domain: str, sources: tuple[str, ...] = ()) -> Route | NoRoute:
    router = route.Router(
        DnsDouble(TABLE),
        load_shaping(),
        clock=lambda: datetime(2026, 11, 23, tzinfo=UTC),
        dice=random.Random(1),
        policies=Strict(),
    )
    return await ways(router, 2525, sources)(domain)


async def test_each_address_of_each_host_is_a_hop() -> None:
    """With its preference, the port and the TLS that its host must have."""
    tls = TlsPolicy.opportunistic()
    assert await found("example.com") == Route(
        Site("a.example.net"),
        (
            Hop("a.example.net", "192.0.2.1", 10, 2525, tls),
            Hop("a.example.net", "2001:db8::1", 10, 2525, tls),
            Hop("b.example.net", "192.0.2.1", 20, 2525, tls),
        ),
    )


async def test_a_plan_knows_what_our_addresses_cannot_reach() -> None:
    """A domain with IPv4 hosts alone has no way for a sender on IPv6, and one for the other."""
    answer = await found("four.example", ("2001:db8::25",))
    assert answer == NoRoute(
        WhyNoRoute.NO_ADDRESS,
        "b.example.net has no IPv6 address, only IPv4, and mail leaves from 2001:db8::25",
    )
    assert isinstance(await found("four.example", ("2001:db8::25", "192.0.2.25")), Route)
    assert isinstance(await found("example.com", ("2001:db8::25",)), Route)


@pytest.mark.parametrize(
    ("domain", "why"),
    [
        ("null.example", WhyNoRoute.NULL_MX),
        ("nowhere.example", WhyNoRoute.NO_SUCH_DOMAIN),
        ("broken.example", WhyNoRoute.UNRESOLVED),
        ("strict.example", WhyNoRoute.TLS_POLICY),
    ],
)
async def test_each_reason_keeps_its_name(domain: str, why: WhyNoRoute) -> None:
    """The reason decides whether a contact is excluded, tried again or deferred."""
    answer = await found(domain)
    assert isinstance(answer, NoRoute)
    assert answer.why is why
    assert answer.detail
