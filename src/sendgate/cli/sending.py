"""A campaign from its file to its end: gate, contacts, store, engine, put together.

file ─► job ─► gate ─► contacts into the store ─► engine ─► exit code
                │                                   ▲
                └── again every `recheck`, and when a receiver rejects us
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendgate.cli.command import EXIT_STOPPED, Run
from sendgate.cli.gatekeeper import Gatekeeper
from sendgate.cli.job import Job, Spotter, helo_of, now
from sendgate.cli.stop import Stop
from sendgate.errors import InputError
from sendgate.names import printable

if TYPE_CHECKING:
    from sendgate.cli.sendwatch import Watch
    from sendgate.dns.source import DnsSource
    from sendgate.send.campaign import Campaign
    from sendgate.send.compose import Composer
    from sendgate.send.deliver import Ended, Engine
    from sendgate.send.deliver.workshop import Workshop
    from sendgate.send.gate_audit import GateAudit
    from sendgate.send.store import Campaign as Entered
    from sendgate.send.store import NewRecipient, Store

__all__ = ["Sending"]

_FEW = 200  # messages that are made without processes of their own
_PROBLEMS = 20  # bad rows that are named one by one


class _NotAllowedError(Exception):
    """A message of the list does not pass the gate; what was loaded of it does not count."""


@dataclass
class Sending:
    """One campaign in an open store, sent until it ends or is stopped."""

    run: Run
    job: Job
    source: DnsSource
    store: Store
    stop: Stop
    wait: bool = True
    recipients: tuple[NewRecipient, ...] = ()
    """Who gets it instead of the contacts, for a trial."""
    gate: GateAudit | None = field(default=None, init=False)
    """The first audit of this run."""
    entered: Entered | None = field(default=None, init=False)
    """The campaign in the store, as it stood when this run began, then as it stands at its end."""

    @property
    def campaign(self) -> Campaign:
        """What is sent."""
        return self.job.campaign

    async def through(self) -> int:
        """Do it all; give the exit code."""
        from sendgate.send.gate import Allow
        from sendgate.send.state import CampaignState

        entered, _ = await self.store.enter(
            self.campaign.name, self.campaign.fingerprint, self._config(), now()
        )
        self.entered = entered
        code = await self._standing_code(entered)
        if code is None:
            await self._check_samples(entered)
            keeper = Gatekeeper(self.job, self.source, self.store, entered.key)
            self.gate = await keeper.audit()
            if isinstance(self.gate.decision, Allow) and await self._load(entered, keeper):
                code = await self._send(entered, keeper)
            else:
                code = await self._refuse(entered)
        self.entered = await self.store.campaign(entered.key)
        if self.entered.state is CampaignState.PAUSED and code == EXIT_STOPPED:
            self.run.console.note(
                "the campaign is paused; take the pause back with: sendgate campaign resume"
            )
        return code

    def _config(self) -> str:
        import json

        campaign = self.campaign
        shown = {
            "file": campaign.path, "kind": str(campaign.kind), "from": str(campaign.sending),
            "return_path": str(campaign.return_path), "contacts": str(campaign.contacts),
        }  # fmt: skip
        return json.dumps(shown)

    async def _standing_code(self, entered: Entered) -> int | None:
        """The exit code of a campaign that is not to be sent now; None where it is."""
        from sendgate.send.state import CampaignState

        match entered.state:
            case CampaignState.CANCELLED:
                raise InputError(f"the campaign {printable(entered.name)} is cancelled")
            case CampaignState.PAUSED:
                return EXIT_STOPPED
            case CampaignState.FINISHED:
                return await self._finished_code(entered)
            case _:
                return None

    async def _finished_code(self, entered: Entered) -> int:
        return 3 if (await self.store.standing(entered.key)).unknown else 0

    async def _check_samples(self, entered: Entered) -> None:
        """Send nothing of which no message can be audited, and nothing to nobody.

        A campaign whose contacts are not in yet leaves its name free for other content.
        """
        nobody = self.job.nobody()
        if nobody is not None and not entered.loaded:
            raise nobody
        standing = await self.store.standing(entered.key)
        if nobody is not None and standing.due is not None:
            raise InputError(
                f"{self.campaign.contacts}: nobody in it may be mailed any more, so there is no "
                "message to audit, though some still wait; cancel the campaign"
            )

    async def _refuse(self, entered: Entered) -> int:
        from sendgate.render.gate import reason
        from sendgate.send.gate import Refuse
        from sendgate.send.state import CampaignState

        assert self.gate is not None
        refused = isinstance(self.gate.decision, Refuse)
        to = CampaignState.REFUSED if refused else CampaignState.HELD
        # A pause that came during the audit stands: only its maker takes it back.
        standing = set(CampaignState) - {CampaignState.PAUSED}
        await self.store.change(
            entered.key, to, now(), only_from=standing, reason=reason(self.gate)
        )
        return self.gate.decision.exit_code

    def _composer(self, entered: Entered) -> Composer:
        from sendgate.send.compose import Composer
        from sendgate.send.tokens import Tokens

        return Composer(self.campaign, Tokens(self.store.secret), entered.key)

    async def _load(self, entered: Entered, keeper: Gatekeeper) -> bool:
        """Take the contacts in, once; False where a message of theirs does not pass the gate."""
        if entered.loaded:
            return True
        if self.recipients:
            async with self.store.loading(entered, now()) as loader:
                for one in self.recipients:
                    await loader.add(one)
            return True
        try:
            await self._enlist(entered, keeper)
        except _NotAllowedError:
            return False
        return True

    async def _enlist(self, entered: Entered, keeper: Gatekeeper) -> None:
        """Take in the list; say how many, and why others are left out."""
        from sendgate.send.contacts import Problem
        from sendgate.send.enlist import enlist
        from sendgate.send.store import NewRecipient

        say = self.run.console.note
        spotter = Spotter(self.job.sampler, now())
        with enlist(self.campaign, self._composer(entered), now()) as enlisting:
            async with self.store.loading(entered, now()) as loader:
                for row in enlisting:
                    if isinstance(row, NewRecipient):
                        spotter.look(row)
                    if not isinstance(row, Problem):
                        await loader.add(row)
                    elif enlisting.tally.problems <= _PROBLEMS:
                        say(f"{self.campaign.contacts}: {row}")
                await asyncio.to_thread(self.campaign.check_contacts)
                await self._judge(spotter, keeper)
            tally = enlisting.tally
        counts = await self.store.counts(entered.key)
        parts = [f"{counts.eligible:,} to be mailed", f"{counts.excluded:,} left out"]
        if tally.problems:
            parts.append(f"rows that cannot be read: {tally.problems:,}")
        if tally.unengaged:
            parts.append(f"{tally.unengaged:,} of them showed no interest for long")
        say("contacts: " + ", ".join(parts))

    async def _judge(self, spotter: Spotter, keeper: Gatekeeper) -> None:
        """Have the odd messages judged, before the list is in and anybody may be mailed."""
        from sendgate.send.gate import Allow

        if spotter.odd:
            self.gate = await keeper.audit(spotter.odd)
            if not isinstance(self.gate.decision, Allow):
                raise _NotAllowedError

    async def _send(self, entered: Entered, keeper: Gatekeeper) -> int:
        """Deliver; what can be wrong with a key meanwhile stops it, and loses nothing."""
        from sendgate.send.state import CampaignState

        try:
            ended = await self._deliver(entered, keeper)
        except InputError as error:
            await self.store.change(
                entered.key,
                CampaignState.QUEUED,
                now(),
                only_from={CampaignState.SENDING},
                reason=str(error),
            )
            self.run.console.error(f"{error}; what was done is kept")
            return EXIT_STOPPED
        return EXIT_STOPPED if ended is None else await self._code(entered, ended)

    async def _deliver(self, entered: Entered, keeper: Gatekeeper) -> Ended | None:
        """Run the engine; None where another process has paused or cancelled meanwhile."""
        from sendgate.cli.sendwatch import Watch
        from sendgate.send.deliver.workshop import Workshop
        from sendgate.send.state import CampaignState

        counts = await self.store.counts(entered.key)
        processes = 0 if counts.eligible <= _FEW else None
        watch = Watch(self.run.console, self.store, entered.key)
        audited = tuple(self.job.keys[key].public for key in self.campaign.dkim_keys)
        workshop = Workshop(self.campaign, self.store.secret, entered.key, processes, audited)
        startable = {CampaignState.QUEUED, CampaignState.REFUSED, CampaignState.HELD}
        async with workshop, watch:
            engine = self._engine(entered, keeper, workshop, watch)
            self.stop.engine = engine  # from here on a signal ends the engine in good order
            started = await self.store.change(
                entered.key, CampaignState.SENDING, now(), only_from=startable
            )
            if not started:
                return None
            guard = asyncio.ensure_future(keeper.keep_watch(engine))
            guard.add_done_callback(lambda task: _fail_with(engine, task))
            try:
                return await engine.run(wait=self.wait)
            finally:
                guard.cancel()
                await asyncio.gather(guard, return_exceptions=True)

    def _engine(
        self, entered: Entered, keeper: Gatekeeper, workshop: Workshop, watch: Watch
    ) -> Engine:
        from sendgate.mtasts.fetch import HttpsFetcher
        from sendgate.mtasts.policies import Policies
        from sendgate.names import Domain
        from sendgate.send.campaign import TlsPolicy
        from sendgate.send.deliver import Caller, Desk, Engine
        from sendgate.send.deliver.timekeeper import since_boot
        from sendgate.send.deliver.ways import ways
        from sendgate.send.pace import Pace
        from sendgate.send.route import Router
        from sendgate.send.shaping import load_shaping
        from sendgate.send.smtp.tls import Trust
        from sendgate.send.store import PolicyShelf

        transport, table, dice = self.campaign.transport, load_shaping(), random.SystemRandom()
        fetcher, shelf = HttpsFetcher(self.source), PolicyShelf(self.store)
        router = Router(
            self.source,
            table,
            clock=now,
            dice=dice,
            policies=Policies(self.source, fetcher, clock=now, shelf=shelf),
            tls_required=transport.tls is TlsPolicy.REQUIRED,
        )
        sources = tuple(str(address) for address in transport.source_addresses)
        desk = Desk(
            store=self.store,
            key=entered.key,
            router=ways(router, transport.port),
            maker=workshop,
            pace=Pace(table, self.campaign.rate),
            table=table,
            caller=Caller(helo_of(self.campaign), Trust(), sources),
            on_auth_rejection=keeper.is_passed,
            on_news=watch.heard,
            forget=lambda domain: router.forget(Domain(domain)),
            clock=now,
            steady=since_boot,
            dice=dice,
        )
        return Engine(desk)

    async def _code(self, entered: Entered, ended: Ended) -> int:
        from sendgate.render.json import rfc3339
        from sendgate.send.deliver import Why

        say = self.run.console.note
        if ended.why is Why.FINISHED:
            return await self._finished_code(entered)
        if self.recipients:
            return EXIT_STOPPED
        if ended.why is Why.IDLE and ended.due is not None:
            say(f"nothing is due now; the next attempt is at {rfc3339(ended.due)}: run this again")
        elif ended.why is Why.STOPPED:
            say("stopped; all that was done is kept, and running this again goes on")
        elif ended.why is Why.CANCELLED:
            say("the campaign was cancelled: who still waited gets nothing")
        elif ended.why is Why.NOT_SENDING:
            state = (await self.store.campaign(entered.key)).state
            because = f" because {printable(ended.reason)}" if ended.reason else ""
            say(f"stopped: another process has brought the campaign to {state}{because}")
        return EXIT_STOPPED


def _fail_with(engine: Engine, task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        engine.fail(error)
