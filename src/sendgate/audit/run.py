"""One audit from a profile to a report: the function that commands, tests and the gate call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sendgate.audit.collect import collect
from sendgate.audit.judge import Policy, judge
from sendgate.audit.report import DnsCost, Report
from sendgate.bimi.certificate import packaged_roots
from sendgate.bimi.fetch import AssetReader
from sendgate.dane.probe import MailHosts
from sendgate.dns.probe import new_seed, probe_label
from sendgate.dns.source import Desk, DnsSource
from sendgate.profile import Profile
from sendgate.vocabulary import Rule
from sendgate.web import Web

__all__ = ["audit"]


async def audit(
    profile: Profile,
    source: DnsSource,
    *,
    policy: Policy | None = None,
    rules: Sequence[Rule] | None = None,
    time: datetime | None = None,
    seed: str | None = None,
    web: Web | None = None,
    brand: AssetReader | None = None,
    mail: MailHosts | None = None,
) -> Report:
    """Ask, note and judge: the report of one sender.

    `source` should be a `RunSource` where several audits share one run. `time` (aware,
    default now) dates the report and decides on waivers; `seed` (of `dns.probe`) is given
    where a recording is to be replayed exactly. `web` fetches the files that records name;
    without it they are not checked. `brand` reads the logo and its certificate; by default
    from the `web`, with the mark roots of the package. `mail` calls mail hosts for their
    certificates; without it these are not checked.
    """
    from sendgate.audit.catalogue import RULES

    desk = Desk(source)
    now = time or datetime.now(UTC)
    if brand is None and web is not None:
        brand = AssetReader(web, packaged_roots(), now)
    label = probe_label(profile.sending, seed or new_seed())
    facts = await collect(profile, desk, label, web=web, brand=brand, mail=mail)
    cost = DnsCost(desk.questions, desk.failed, round(desk.seconds, 3))
    return judge(
        facts,
        RULES if rules is None else rules,
        policy or Policy(),
        now,
        cost,
    )
