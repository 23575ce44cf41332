"""What `send` can do short of sending: plan a campaign, or send one message of it to oneself."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.cli.command import Run
from sendgate.cli.gatekeeper import Gatekeeper
from sendgate.cli.job import Job, now, usual_store
from sendgate.cli.sending import Sending
from sendgate.cli.sources import open_live
from sendgate.cli.stop import Stop
from sendgate.errors import InputError

if TYPE_CHECKING:
    from sendgate.cli.destination import Destination
    from sendgate.dns.source import DnsSource
    from sendgate.send.campaign import Campaign
    from sendgate.send.compose import Composer
    from sendgate.send.deliver import NoRoute, Route
    from sendgate.send.eligibility import Known, Tally
    from sendgate.send.plan import Plan
    from sendgate.send.store import NewRecipient

__all__ = ["rehearse", "send_test"]

_TOGETHER = 100  # domains whose routes are looked for at a time


def _composer(campaign: Campaign) -> Composer:
    """A composer whose tokens no store knows: a click on them unsubscribes nobody."""
    from sendgate.send.compose import Composer
    from sendgate.send.tokens import Tokens

    return Composer(campaign, Tokens(secrets.token_bytes(32)), 1)


async def rehearse(
    run: Run,
    job: Job,
    destination: Destination,
) -> int:
    """Audit, count who may be mailed, and plan; exit as the gate decides. Nothing is kept."""
    from sendgate.render.gate import gate_on, plan_on

    campaign = job.campaign
    async with open_live(run.options) as source:
        gate = await Gatekeeper(job, source).audit()
        tally, domains = _counted(campaign)
        plan = await _plan(campaign, source, domains)
    page = destination.page()
    gate_on(page, campaign.name, gate)
    plan_on(page, plan, tally)
    destination.print(page)
    return gate.decision.exit_code


def _known(campaign: Campaign) -> Known:
    """The suppression list of the campaign's store, where there is one."""
    from sendgate.send.address import Address, suppression_keys
    from sendgate.send.eligibility import Known
    from sendgate.send.store import visit_store

    path = campaign.store or usual_store()
    if not path.exists():
        return Known()
    with visit_store(path) as visit:
        barred = {(entry.kind, entry.value) for entry in visit.suppressions()}

    def is_suppressed(address: Address) -> bool:
        return not barred.isdisjoint(suppression_keys(address))

    return Known(suppressed=is_suppressed)


def _counted(campaign: Campaign) -> tuple[Tally, Counter[str]]:
    from sendgate.send.enlist import enlist
    from sendgate.send.store import NewRecipient

    domains: Counter[str] = Counter()
    with enlist(campaign, _composer(campaign), now(), _known(campaign)) as enlisting:
        for row in enlisting:
            if isinstance(row, NewRecipient):
                domains[row.domain] += 1
        return enlisting.tally, domains


async def _plan(campaign: Campaign, source: DnsSource, domains: Counter[str]) -> Plan:
    import random

    from sendgate.send.deliver.ways import ways
    from sendgate.send.plan import make_plan
    from sendgate.send.route import Router
    from sendgate.send.shaping import load_shaping

    table = load_shaping()
    # MTA-STS policies are left alone: nothing but DNS is asked.
    router = ways(Router(source, table, clock=now, dice=random.SystemRandom()))
    routes: dict[str, Route | NoRoute] = {}
    names = list(domains)
    for start in range(0, len(names), _TOGETHER):
        group = names[start : start + _TOGETHER]
        found = await asyncio.gather(*(router(name) for name in group))
        routes |= dict(zip(group, found, strict=True))
    sources = len(campaign.transport.source_addresses)
    return make_plan(domains, routes, table, campaign.rate, sources)


async def send_test(
    run: Run,
    job: Job,
    destination: Destination,
    to: str,
) -> int:
    """Send what the first recipient would get to one address, through the gate and the engine.

    It goes through a store of its own that is gone afterwards: the campaign is not begun by it.
    """
    from sendgate.render.campaign import log_text
    from sendgate.render.gate import gate_on
    from sendgate.send.address import Address
    from sendgate.send.gate import Allow
    from sendgate.send.store import open_store, visit_store

    address, campaign = Address.parse(to), job.campaign
    row = _first(campaign)
    trial = replace(row, address=str(address), domain=address.domain.text)
    stop = Stop()
    with tempfile.TemporaryDirectory(prefix="sendgate-") as folder:
        path = Path(folder) / "test.db"
        async with (
            stop.listening(),
            open_live(run.options) as source,
            open_store(path) as store,
        ):
            sending = Sending(run, job, source, store, stop, wait=False, recipients=(trial,))
            code = await sending.through()
        page = destination.page()
        if sending.gate is not None and not isinstance(sending.gate.decision, Allow):
            gate_on(page, campaign.name, sending.gate)
        else:
            with visit_store(path) as visit:
                (entered,) = visit.campaigns()
                for entry in visit.log(entered):
                    page.line(log_text(entry))
        destination.print(page)
    return code


def _first(campaign: Campaign) -> NewRecipient:
    from sendgate.send.enlist import enlist
    from sendgate.send.store import NewRecipient

    with enlist(campaign, _composer(campaign), now()) as enlisting:
        for row in enlisting:
            if isinstance(row, NewRecipient):
                return row
    raise InputError(f"{campaign.contacts}: nobody in it may be mailed, so there is no message")
