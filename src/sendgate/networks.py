"""Networks that the Internet does not route, so that no mail comes from them or reaches them."""

from __future__ import annotations

import ipaddress

__all__ = ["IpNetwork", "unrouted"]

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 1122 section 3.2.1.3, RFC 1918, RFC 3927, RFC 6598, RFC 1112 (multicast and reserved),
# RFC 4193, RFC 4291. The documentation networks are left out, being examples.
_UNROUTED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)


def unrouted(network: IpNetwork) -> IpNetwork | None:
    """Give the unrouted network that overlaps `network`, or None."""
    return next(
        (each for each in _UNROUTED if each.version == network.version and each.overlaps(network)),
        None,
    )
