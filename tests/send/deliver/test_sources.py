"""Source addresses: each with its own pace at a site, each calling what it can reach."""

from __future__ import annotations

import pathlib
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from send.deliver.engines import Bench, bench, route
from send.peer import Act, ScriptedPeer

from sendgate.send.deliver import Bounds, Caller, Hop, NoRoute, Route, Why, WhyNoRoute
from sendgate.send.deliver.attempt import MOST_HOPS, dial_order
from sendgate.send.deliver.lanes import Lanes
from sendgate.send.deliver.ways import unreachable
from sendgate.send.deliver.worker import Worker
from sendgate.send.outcome import Bounced, Deferred, Delivered, NotSent
from sendgate.send.pace import Path
from sendgate.send.shaping import Site, read_shaping
from sendgate.send.smtp.tls import Trust
from sendgate.send.state import State

ONE, TWO, SIX = "127.0.0.1", "127.0.0.2", "::1"
PEOPLE = [f"u{n}@example.net" for n in range(60)]
LISTED = "550 5.7.1 Your IP is listed in a DNSBL"
DMARC = "550 5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy"
NARROW = Bounds(connections=1, poll=0.05, linger=0.02, rest=0.2)
TABLE = read_shaping(
    """
[default]
connections = 2
messages = 100
per = "source"
source = "x"
date = 2026-01-01
[[reaction]]
categories = ["ip_reputation", "auth_dmarc"]
count = 1
within = "1h"
pause = "2h"
"""
)


def used(made: Bench) -> Counter[str | None]:
    """How many messages were delivered from which address."""
    return Counter(one.peer.source for one in made.outcomes if isinstance(one, Delivered))


async def test_all_addresses_send_each_with_its_own_connections(tmp_path: pathlib.Path) -> None:
    """Two a source where the limit is each one's own: four together, never more."""
    script = {"accepted": Act(delay=0.02)}
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, sources=(ONE, TWO), table=TABLE) as made,
    ):
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert used(made).keys() == {ONE, TWO}
        assert min(used(made).values()) >= 10
        assert peer.connections == 4


async def test_a_paused_address_does_not_stop_the_others(tmp_path: pathlib.Path) -> None:
    """A site that lists one address gets all the rest from the other, at once."""
    async with (
        ScriptedPeer(script={"mail": Act(reply=LISTED, on=(1,))}) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=NARROW, sources=(ONE, TWO)) as made,
    ):
        assert (await made.run(wait=True)).why is Why.FINISHED
        first, *others = made.outcomes
        assert isinstance(first, Bounced)
        assert first.peer is not None
        assert {type(one) for one in others} == {Delivered}
        assert used(made) == {TWO if first.peer.source == ONE else ONE: 59}


async def test_when_all_addresses_are_paused_everybody_waits(tmp_path: pathlib.Path) -> None:
    """Who is not sent to stays queued, and the run says when something is due."""
    async with (
        ScriptedPeer(script={"mail": Act(reply=LISTED)}) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=NARROW, sources=(ONE, TWO)) as made,
    ):
        ended = await made.run()
        assert ended.why is Why.IDLE
        assert ended.due is not None
        assert ended.due - made.clock() > timedelta(hours=1, minutes=50)
        assert await made.states() == {State.BOUNCED: 2, State.QUEUED: 58}
        sources = [
            one.peer.source for one in made.outcomes if isinstance(one, Bounced) and one.peer
        ]
        assert sorted(str(one) for one in sources) == [ONE, TWO]


async def test_a_rejected_address_is_audited_while_the_other_goes_on(
    tmp_path: pathlib.Path,
) -> None:
    """What was rejected is one path; after the audit it is tried with one message."""
    async with (
        ScriptedPeer(script={"dot": Act(reply=DMARC, on=(1,))}) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, sources=(ONE, TWO), passes=[True]) as made,
    ):
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert len(made.audits) == 1
        assert await made.states() == {State.BOUNCED: 1, State.DELIVERED: 59}


async def test_mail_leaves_from_an_ipv6_address(tmp_path: pathlib.Path) -> None:
    """Bound to it, and told in the outcome."""
    async with (
        ScriptedPeer(host=SIX) as peer,
        bench(tmp_path, route(peer.port, address=SIX), PEOPLE, sources=(SIX,)) as made,
    ):
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert used(made) == {SIX: 60}
        assert len(peer.accepted) == 60


async def test_what_ipv6_cannot_reach_another_address_does(tmp_path: pathlib.Path) -> None:
    """Hosts with IPv4 addresses alone are called from an IPv4 address, where there is one."""
    async with (
        ScriptedPeer() as four,
        ScriptedPeer(host=SIX) as six,
        bench(tmp_path, route(four.port), PEOPLE[:3], sources=(SIX, ONE)) as made,
    ):
        both = route(four.port).hops + route(six.port, address=SIX).hops
        made.routes["example.net"] = route(four.port)
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert used(made) == {ONE: 3}
        assert Caller("x", Trust(), (SIX, ONE)).groups(Route(Site("s"), both)) == [[ONE], [SIX]]
        assert six.connections == 0


async def test_what_no_address_reaches_is_not_sent_and_said(tmp_path: pathlib.Path) -> None:
    """No bounce: the contact stays eligible, and the log names both sides' families."""
    async with (
        ScriptedPeer() as peer,
        bench(tmp_path, route(peer.port), PEOPLE[:2], sources=(SIX,)) as made,
    ):
        assert (await made.run()).why is Why.IDLE
        assert peer.connections == 0
        (one, _) = made.outcomes
        assert isinstance(one, NotSent)
        assert one.detail == (
            "mx0.example.net has no IPv6 address, only IPv4, and mail leaves from ::1"
        )
        made.ahead = timedelta(hours=73)
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert await made.states() == {State.NOT_SENT: 2}


async def test_a_host_of_the_other_family_is_the_next_one(tmp_path: pathlib.Path) -> None:
    """The preferred host is dead on IPv6; the next one is called from the IPv4 address."""
    async with ScriptedPeer(host=SIX) as gone:
        dead = gone.port
    async with (
        ScriptedPeer() as peer,
        bench(tmp_path, route(peer.port), PEOPLE[:4], sources=(SIX, ONE)) as made,
    ):
        first = replace(made.routes["example.net"].hops[0], mx="a", address=SIX, port=dead)
        last = replace(first, mx="b", address=ONE, port=peer.port, preference=10)
        made.routes["example.net"] = Route(Site("mx.example.net"), (first, last))
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert used(made) == {ONE: 4}


async def test_what_waits_for_a_full_lane_is_not_leased_over_and_over(
    tmp_path: pathlib.Path,
) -> None:
    """Hosts of both families: that nothing waits for the other one makes no room in this one."""
    people = [f"u{n}@d{n % 20}.example.net" for n in range(120)]
    slow = {"accepted": Act(delay=0.03)}
    full = Bounds(hold=40, poll=0.05, linger=0.02, rest=0.2)
    async with (
        ScriptedPeer(script=slow) as four,
        ScriptedPeer(host=SIX, script=slow) as six,
    ):
        both = replace(
            route(four.port),
            hops=route(four.port).hops + route(six.port, address=SIX).hops,
        )
        async with bench(
            tmp_path, both, people, sources=(ONE, SIX), table=TABLE, bounds=full
        ) as made:
            assert (await made.run(wait=True)).why is Why.FINISHED
            assert used(made) == {ONE: 120}
            assert made.store.writes < 3000  # 8,000 and more where they are leased in vain


async def test_hosts_out_of_reach_do_not_use_up_the_hosts_that_are_called(
    tmp_path: pathlib.Path,
) -> None:
    """Ten preferred addresses that IPv4 cannot reach, then one that it can."""
    async with (
        ScriptedPeer() as peer,
        bench(tmp_path, route(peer.port), PEOPLE[:2], sources=(ONE,)) as made,
    ):
        six = [Hop(f"mx{n}", f"2001:db8::{n}", 1, 25) for n in range(MOST_HOPS + 2)]
        hops = (*six, *(replace(hop, preference=9) for hop in route(peer.port).hops))
        made.routes["example.net"] = Route(Site("mx.example.net"), hops)
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert used(made) == {ONE: 2}


async def test_a_throttled_address_alone_is_slowed(tmp_path: pathlib.Path) -> None:
    """A receiver that speaks of the rate of one address says nothing of the other's."""
    reply = "421 4.7.28 unusual rate of mail from your address"
    async with (
        ScriptedPeer(script={"rcpt": Act(reply=reply, on=(1,))}) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=NARROW, sources=(ONE, TWO)) as made,
    ):
        made.bounds = replace(NARROW, patience=0.05)
        await made.run()
        (slowed,) = [one for one in made.outcomes if isinstance(one, Deferred)]
        assert slowed.category == "throttled"
        assert slowed.peer is not None
        other = TWO if slowed.peer.source == ONE else ONE
        assert used(made)[other] >= 57


def test_of_equal_hosts_the_lanes_own_family_comes_first() -> None:
    """Preference is kept; without a declared address nothing is left out."""
    a4, a6 = Hop("a", "192.0.2.1", 10), Hop("a", "2001:db8::1", 10)
    b4, c6 = Hop("b", "192.0.2.2", 10), Hop("c", "2001:db8::3", 5)
    dice = random.Random(1)
    hops = [a4, a6, b4, c6]
    assert dial_order(hops, dice, (SIX, ONE))[:2] == [c6, a6]
    assert dial_order(hops, dice, (ONE, SIX))[0] == c6
    assert set(dial_order(hops, dice, (ONE,))) == {a4, b4}
    assert set(dial_order(hops, dice)) == set(hops)


@pytest.mark.parametrize(
    ("sources", "groups"),
    [
        ((), [[None]]),
        ((ONE,), [[ONE]]),
        ((SIX,), []),
        ((SIX, ONE, TWO), [[ONE, TWO]]),
    ],
)
def test_which_addresses_a_route_is_for(
    sources: tuple[str, ...], groups: list[list[str | None]]
) -> None:
    """By family; where none is of the hosts' family, a route is none."""
    found = route(25)
    caller = Caller("x", Trust(), sources)
    assert [sorted(group, key=str) for group in caller.groups(found)] == groups
    cause = unreachable(found, sources)
    assert (cause is None) == bool(groups)
    if cause is not None:
        assert isinstance(cause, NoRoute)
        assert cause.why is WhyNoRoute.NO_ADDRESS


async def test_an_address_under_audit_serves_no_other_lane() -> None:
    """What stands between a rejection and the one message of its trial is used by no other."""
    site = Site("mx.example.net")
    lanes = Lanes(4)
    four, six = (lanes.choose([[Path(source, site)]], 0.0) for source in (ONE, SIX))
    assert four is not None
    assert six is not None
    pace = SimpleNamespace(is_held=lambda path, now: False)
    caller = SimpleNamespace(sources=(ONE, SIX))
    worker = SimpleNamespace(desk=SimpleNamespace(pace=pace, caller=caller), foreman=lanes)
    assert Worker._sources(worker, four) == (ONE, SIX)
    for six.auditing, six.trial in ((True, False), (False, True)):
        assert Worker._sources(worker, four) == (ONE,)
        assert Worker._sources(worker, six) == (SIX, ONE)
