"""What `send` can do short of sending: plan a campaign, or send one message of it to oneself."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.cli.command import EXIT_REFUSED, EXIT_STOPPED, Run
from sendgate.cli.gatekeeper import Gatekeeper
from sendgate.cli.job import Job, Spotter, now, usual_store
from sendgate.cli.sending import Sending
from sendgate.cli.sources import open_live
from sendgate.cli.stop import Stop, run_whole
from sendgate.errors import InputError, RenderError

if TYPE_CHECKING:
    from sendgate.cli.destination import Destination
    from sendgate.dns.source import DnsSource
    from sendgate.render.page import Page
    from sendgate.send.campaign import Campaign
    from sendgate.send.deliver import NoRoute, Route
    from sendgate.send.eligibility import Known, Tally
    from sendgate.send.gate_audit import Sample
    from sendgate.send.plan import Plan
    from sendgate.send.store import NewRecipient, Visit

__all__ = ["rehearse", "send_test"]

_TOGETHER = 100  # domains whose routes are looked for at a time


def rehearse(run: Run, job: Job, destination: Destination) -> int:
    """Audit, count who may be mailed, and plan; exit as the gate decides. Nothing is kept."""
    if (nobody := job.nobody()) is not None:
        raise nobody
    spotter = Spotter(job.sampler, now())
    counted = _counted(job.campaign, spotter)
    return run_whole(_audited(run, job, destination, counted, spotter.odd))


@dataclass
class _Counted:
    """How the rows of a list end, as far as that shows before anybody is called."""

    tally: Tally
    domains: Counter[str] = field(default_factory=Counter)  # of those who may be mailed
    unmade: Counter[str] = field(default_factory=Counter)  # of these, without a message

    def exclude(self, routes: Mapping[str, Route | NoRoute]) -> None:
        """Count those as excluded whom the engine would exclude, in its order."""
        from sendgate.send.deliver import NoRoute, WhyNoRoute
        from sendgate.send.eligibility import Exclusion

        never = {WhyNoRoute.NULL_MX, WhyNoRoute.NO_SUCH_DOMAIN}
        for domain, found in routes.items():
            if isinstance(found, NoRoute) and found.why in never:
                self.tally.exclude(Exclusion(found.why.value), self.domains[domain])
            elif isinstance(found, NoRoute):
                continue  # nothing is known of its messages before one can leave
            else:
                self.tally.exclude(Exclusion.RENDER_ERROR, self.unmade[domain])
                self.domains[domain] -= self.unmade[domain]


async def _audited(
    run: Run,
    job: Job,
    destination: Destination,
    counted: _Counted,
    odd: Sequence[Sample],
) -> int:
    from sendgate.render.gate import gate_on, plan_on

    stop = Stop()
    async with stop.listening(), open_live(run.options) as source:
        gate = await Gatekeeper(job, source).audit(odd)
        plan = await _plan(job.campaign, source, counted)
    page = destination.page()
    gate_on(page, job.campaign.name, gate)
    plan_on(page, plan, counted.tally)
    destination.print(page)
    return gate.decision.exit_code


def _known(campaign: Campaign) -> Known:
    """The suppression list of the campaign's store, where there is one."""
    from sendgate.send.address import Address, suppression_keys
    from sendgate.send.eligibility import Known
    from sendgate.send.store import visit_store
    from sendgate.send.store.place import is_there

    path = campaign.store or usual_store()
    if not is_there(path):
        return Known()
    with visit_store(path) as visit:
        barred = {(entry.kind, entry.value) for entry in visit.suppressions()}

    def is_suppressed(address: Address) -> bool:
        return not barred.isdisjoint(suppression_keys(address))

    return Known(suppressed=is_suppressed)


def _counted(campaign: Campaign, spotter: Spotter) -> _Counted:
    from sendgate.send.enlist import enlist
    from sendgate.send.store import NewRecipient

    known = _known(campaign)
    with enlist(campaign, spotter.sampler.composer, spotter.date, known) as enlisting:
        counted = _Counted(enlisting.tally)
        for row in enlisting:
            if isinstance(row, NewRecipient):
                counted.domains[row.domain] += 1
                spotter.look(row)
                if not _can_be_made(row, spotter):
                    counted.unmade[row.domain] += 1
        return counted


def _can_be_made(row: NewRecipient, spotter: Spotter) -> bool:
    """Whether a recipient's message can be made and carried; signing it changes nothing in that."""
    from sendgate.send.address import Address
    from sendgate.send.smtp.payload import Envelope, Payload

    composer = spotter.sampler.composer
    try:
        made = composer.compose(0, Address.parse(row.address), row.fields, spotter.date)
        Envelope(made.return_path, row.address).check()
        Payload.of(made.data)
    except InputError:
        return False
    return True


async def _plan(campaign: Campaign, source: DnsSource, counted: _Counted) -> Plan:
    import random

    from sendgate.send.deliver.ways import ways
    from sendgate.send.plan import make_plan
    from sendgate.send.route import Router
    from sendgate.send.shaping import load_shaping

    table = load_shaping()
    # MTA-STS policies are left alone: nothing but DNS is asked.
    sources = [str(address) for address in campaign.transport.source_addresses]
    port = campaign.transport.port
    router = ways(Router(source, table, clock=now, dice=random.SystemRandom()), port, sources)
    routes: dict[str, Route | NoRoute] = {}
    names = list(counted.domains)
    for start in range(0, len(names), _TOGETHER):
        group = names[start : start + _TOGETHER]
        found = await asyncio.gather(*(router(name) for name in group))
        routes |= dict(zip(group, found, strict=True))
    counted.exclude(routes)
    return make_plan(counted.domains, routes, table, campaign.rate, len(sources))


async def send_test(
    run: Run,
    job: Job,
    destination: Destination,
    to: str,
) -> int:
    """Send what the first recipient would get to one address, through the gate and the engine.

    It goes through a store of its own that is gone afterwards: the campaign is not begun by it.
    Exit 0 where it was delivered, 1 where it was refused, by the gate or by a receiver, 3
    where the gate held it or nobody knows, 4 where it is yet to be taken.
    """
    from sendgate.render.gate import gate_on
    from sendgate.send.address import Address
    from sendgate.send.gate import Allow
    from sendgate.send.store import open_store, visit_store

    address = Address.parse(to)
    trial = replace(_first(job), address=str(address), domain=address.domain.text)
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
            gate_on(page, job.campaign.name, sending.gate)
        else:
            with visit_store(path) as visit:
                code = _came_to(page, visit, code)
        destination.print(page)
    return code


def _came_to(page: Page, visit: Visit, code: int) -> int:
    """Put on the page what became of the one message, and give the exit code."""
    from sendgate.render.campaign import log_text
    from sendgate.send.state import State

    (entered,) = visit.campaigns()
    for entry in visit.log(entered):
        page.line(log_text(entry))
    counts = visit.counts(entered)
    if counts.of(State.DELIVERED):
        return 0
    if counts.of(State.BOUNCED):
        page.line("the message was not delivered: it bounced")
    elif counts.excluded:
        page.line("the message was not sent: the address is excluded")
    elif counts.of(State.UNKNOWN):
        page.line("whether the message was delivered is not known: the reply to it was lost")
        return code
    else:
        page.line("the message is not delivered yet, and this was its only attempt")
        return EXIT_STOPPED
    return EXIT_REFUSED


def _first(job: Job) -> NewRecipient:
    """The first recipient for whom a message can be made."""
    from sendgate.send.enlist import enlist
    from sendgate.send.store import NewRecipient

    if (nobody := job.nobody()) is not None:
        raise nobody
    date = now()
    with enlist(job.campaign, job.sampler.composer, date) as enlisting:
        for row in enlisting:
            if isinstance(row, NewRecipient):
                with suppress(RenderError):
                    job.sampler.sample(row, date)
                    return row
    raise InputError(f"{job.campaign.contacts}: the contacts changed while they were read")
