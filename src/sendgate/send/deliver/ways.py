"""The routes of `sendgate.send.route` as the engine takes them: one hop an address."""

from __future__ import annotations

from collections.abc import Sequence

from sendgate.names import Domain
from sendgate.send import route
from sendgate.send.deliver.parts import Hop, NoRoute, Route, Router, WhyNoRoute

__all__ = ["as_way", "unreachable", "ways"]

_WHY = {
    route.Why.NULL_MX: WhyNoRoute.NULL_MX,
    route.Why.NO_SUCH_DOMAIN: WhyNoRoute.NO_SUCH_DOMAIN,
}


def ways(router: route.Router, port: int = 25, sources: Sequence[str] = ()) -> Router:
    """The engine's way to ask `router`; hosts are called at `port`, from `sources`."""

    async def way(domain: str) -> Route | NoRoute:
        found = as_way(await router.route(Domain(domain)), port)
        if isinstance(found, Route):
            return unreachable(found, sources) or found
        return found

    return way


def unreachable(found: Route, sources: Sequence[str]) -> NoRoute | None:
    """Why none of our addresses can call any host of a route; None where one can.

    IPv6 reaches no host that has but IPv4, nor the other way round. No `sources`: any can.
    """
    ours = {_family(source) for source in sources}
    theirs = {_family(hop.address): hop.mx for hop in found.hops}
    if not ours or not theirs or not ours.isdisjoint(theirs):
        return None
    ((family, host),) = theirs.items()
    detail = f"{host} has no {ours.pop()} address, only {family}, and mail leaves from "
    return NoRoute(WhyNoRoute.NO_ADDRESS, detail + ", ".join(sources))


def _family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def as_way(found: route.Routing, port: int = 25) -> Route | NoRoute:
    """A route with a hop for each address of each host, or why there is none."""
    match found:
        case route.Route():
            hops = tuple(
                Hop(host.name.text, str(address), host.preference, port, host.tls)
                for host in found.hosts
                for address in host.addresses
            )
            return Route(found.site, hops)
        case route.NoRoute():
            return NoRoute(_WHY[found.code], found.detail)
        case route.Unresolved():
            return NoRoute(WhyNoRoute.UNRESOLVED, found.detail)
        case route.Unmet():
            return NoRoute(WhyNoRoute.TLS_POLICY, found.detail)
