"""Plan: how a campaign's recipients spread over receivers, and how long they will take.

    recipients by domain + routes + provider table ─► a line a site ─► time to finish

An estimate from the limits alone: what receivers reply may make it longer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sendgate.send.deliver.parts import NoRoute, Route
from sendgate.send.shaping import Shaping, Site

__all__ = ["Plan", "SitePlan", "make_plan"]


@dataclass(frozen=True)
class SitePlan:
    """What goes to one site: `rate` in messages a second, None where it has no limit known."""

    site: Site
    recipients: int
    connections: int
    rate: float | None

    @property
    def seconds(self) -> float | None:
        """The least time that the site's rate allows."""
        return None if self.rate is None else self.recipients / self.rate


@dataclass(frozen=True)
class Plan:
    """The whole: sites, the largest first; recipients of domains that have no way, by reason."""

    sites: tuple[SitePlan, ...]
    unreachable: Mapping[str, int]
    rate: float | None

    @property
    def recipients(self) -> int:
        """All who are mailed, those without a way too."""
        return sum(site.recipients for site in self.sites) + sum(self.unreachable.values())

    @property
    def seconds(self) -> float | None:
        """The least time that all limits allow; None where there is none."""
        times = [site.seconds for site in self.sites if site.seconds is not None]
        if self.rate is not None:
            times.append(sum(site.recipients for site in self.sites) / self.rate)
        return max(times, default=None)


def make_plan(
    domains: Mapping[str, int],
    routes: Mapping[str, Route | NoRoute],
    table: Shaping,
    rate: float | None,
    sources: int = 1,
) -> Plan:
    """Sum recipients by domain up by site, for so many source addresses.

    `rate` is the campaign's own limit.
    """
    sites: Counter[Site] = Counter()
    unreachable: Counter[str] = Counter()
    for domain, number in domains.items():
        found = routes[domain]
        if isinstance(found, Route):
            sites[found.site] += number
        else:
            unreachable[str(found.why)] += number
    lines = []
    for site, number in sorted(sites.items(), key=lambda item: (-item[1], item[0].key)):
        lines.append(SitePlan(site, number, *table.limits(site).of_all(sources)))
    return Plan(tuple(lines), dict(sorted(unreachable.items())), rate)
