"""The routes of `sendgate.send.route` as the engine takes them: one hop an address."""

from __future__ import annotations

from sendgate.names import Domain
from sendgate.send import route
from sendgate.send.deliver.parts import Hop, NoRoute, Route, Router, WhyNoRoute

__all__ = ["as_way", "ways"]

_WHY = {
    route.Why.NULL_MX: WhyNoRoute.NULL_MX,
    route.Why.NO_SUCH_DOMAIN: WhyNoRoute.NO_SUCH_DOMAIN,
}


def ways(router: route.Router, port: int = 25) -> Router:
    """The engine's way to ask `router`; hosts are called at `port`."""

    async def way(domain: str) -> Route | NoRoute:
        return as_way(await router.route(Domain(domain)), port)

    return way


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
