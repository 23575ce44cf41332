"""One audit from a profile to a report: the function that commands, tests and the gate call."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sendgate.audit.collect import collect
from sendgate.audit.judge import Policy, judge
from sendgate.audit.profile import Profile
from sendgate.audit.report import DnsCost, Report
from sendgate.audit.vocabulary import Rule
from sendgate.dns.source import Desk, DnsSource

__all__ = ["audit", "new_probe_label"]


def new_probe_label() -> str:
    """A label that nobody publishes, to find out whether a wildcard answers for it."""
    return f"sendgate-probe-{secrets.token_hex(8)}"


async def audit(
    profile: Profile,
    source: DnsSource,
    *,
    policy: Policy | None = None,
    rules: Sequence[Rule] | None = None,
    time: datetime | None = None,
    probe_label: str | None = None,
) -> Report:
    """Ask, note and judge: the report of one sender.

    `source` should be a `RunSource` where several audits share one run. `time` (aware,
    default now) dates the report and decides on waivers; `probe_label` is given where a
    recording is to be replayed exactly.
    """
    from sendgate.audit.catalogue import RULES

    desk = Desk(source)
    facts = await collect(profile, desk, probe_label or new_probe_label())
    cost = DnsCost(desk.questions, desk.failed, round(desk.seconds, 3))
    return judge(
        facts,
        RULES if rules is None else rules,
        policy or Policy(),
        time or datetime.now(UTC),
        cost,
    )
