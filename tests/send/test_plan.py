"""A plan: recipients by receiver, and the least time that the limits allow."""

from __future__ import annotations

import pytest

from sendgate.send.deliver import Hop, NoRoute, Route, WhyNoRoute
from sendgate.send.plan import make_plan
from sendgate.send.shaping import Site, read_shaping

TABLE = read_shaping(
    """
[default]
connections = 3
messages = 10
source = "https://example.net"
date = 2026-01-01
[[provider]]
id = "slow"
mx = ["slow.example.net"]
rate = "2/s"
source = "https://example.net"
date = 2026-01-01
"""
)
SLOW = Route(Site("slow", "slow"), (Hop("mx.slow.example.net", "192.0.2.1"),))
OTHER = Route(Site("mx.example.org"), (Hop("mx.example.org", "192.0.2.2"),))
NOBODY = NoRoute(WhyNoRoute.NULL_MX, "takes no mail")


def test_domains_of_one_site_are_summed_up() -> None:
    """The largest site first; who cannot be called is counted by reason."""
    domains = {"a.example": 30, "b.example": 10, "c.example": 5, "d.example": 2}
    routes = {"a.example": SLOW, "b.example": SLOW, "c.example": OTHER, "d.example": NOBODY}
    plan = make_plan(domains, routes, TABLE, None)
    assert [(str(s.site), s.recipients, s.rate) for s in plan.sites] == [
        ("slow", 40, 2.0),
        ("mx.example.org", 5, None),
    ]
    assert plan.sites[1].connections == 3
    assert plan.unreachable == {"null_mx_domain": 2}
    assert plan.recipients == 47


@pytest.mark.parametrize(("rate", "seconds"), [(None, 20.0), (1.0, 45.0), (100.0, 20.0)])
def test_the_tightest_limit_tells_the_time(rate: float | None, seconds: float) -> None:
    """40 at 2 a second, or all 45 at the campaign's own rate."""
    plan = make_plan({"a": 40, "b": 5}, {"a": SLOW, "b": OTHER}, TABLE, rate)
    assert plan.seconds == seconds


def test_without_limits_no_time_is_told() -> None:
    """None, not nought."""
    assert make_plan({"b": 5}, {"b": OTHER}, TABLE, None).seconds is None


def test_several_source_addresses_are_faster_where_each_has_its_own_limit() -> None:
    """A site that all share is as slow as with one."""
    table = read_shaping(
        """
[default]
connections = 3
messages = 10
source = "https://example.net"
date = 2026-01-01
[[provider]]
id = "slow"
mx = ["slow.example.net"]
rate = "2/s"
per = "source"
source = "https://example.net"
date = 2026-01-01
"""
    )
    plan = make_plan({"a": 40, "b": 5}, {"a": SLOW, "b": OTHER}, table, None, 4)
    assert [(s.connections, s.rate) for s in plan.sites] == [(12, 8.0), (3, None)]
    assert plan.seconds == 5.0
