"""Many domains and many sites: nobody takes the room of the others, nobody is forgotten."""

from __future__ import annotations

from pathlib import Path

from send.deliver.engines import bench, route
from send.peer import Act, ScriptedPeer

from sendgate.send.deliver import Bounds, Why
from sendgate.send.state import State

CRAMPED = Bounds(connections=6, hold=40, batch=10, poll=0.05, linger=0.02, rest=0.2)


async def test_a_slow_site_does_not_take_the_room_of_the_others(tmp_path: Path) -> None:
    """A site with most of the domains answers slowly; the others get their mail meanwhile."""
    slow = [f"u@a{n}.example.net" for n in range(120)]
    quick = [f"u@b{n}.example.net" for n in range(30)]
    async with (
        ScriptedPeer(script={"accepted": Act(delay=0.4)}) as late,
        ScriptedPeer() as soon,
        bench(tmp_path, route(late.port), slow + quick, bounds=CRAMPED) as made,
    ):
        for address in quick:
            domain = address.partition("@")[2]
            made.routes[domain] = route(soon.port, site=f"mx.{domain}")
        made.bounds = Bounds(connections=26, hold=40, batch=10, poll=0.05, linger=0.02, rest=0.2)
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert await made.states() == {State.DELIVERED: 150}
        assert len(set(late.accepted)) == len(late.accepted) == 120
        order = [one.address[2] for one in made.news]
        before = order[: len(order) - order[::-1].index("b")]
        assert before.count("a") < 60


async def test_more_sites_than_connections(tmp_path: Path) -> None:
    """Each gets its turn, also beside one with more mail than one connection carries."""
    people = [f"u{n}@big.example.net" for n in range(150)]
    people += [f"u@c{n}.example.net" for n in range(400)]
    async with ScriptedPeer() as peer, bench(tmp_path, route(peer.port), people) as made:
        for domain in made.routes:
            made.routes[domain] = route(peer.port, site=f"mx.{domain}")
        made.bounds = CRAMPED
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert await made.states() == {State.DELIVERED: 550}
        assert len(set(peer.accepted)) == len(peer.accepted) == 550


async def test_one_site_of_many_domains_shares_its_connections(tmp_path: Path) -> None:
    """A connection serves all domains of a site, whatever each prefers."""
    people = [f"u@d{n}.example.net" for n in range(100)]
    async with ScriptedPeer() as peer, bench(tmp_path, route(peer.port), people) as made:
        for at, domain in enumerate(made.routes):
            made.routes[domain] = route(peer.port, preference=at)
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert len(peer.accepted) == 100
        assert peer.connections <= 40
