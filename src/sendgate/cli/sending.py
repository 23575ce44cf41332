"""A campaign from its file to its end: gate, contacts, store, engine, put together.

file ─► keys, samples ─► gate ─► contacts into the store ─► engine ─► exit code
│                                  ▲
└── again every `recheck`, and when a receiver rejects us
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.cli.command import EXIT_STOPPED, Run
from sendgate.errors import InputError, RenderError
from sendgate.names import printable

if TYPE_CHECKING:
    from sendgate.cli.sendwatch import Watch
    from sendgate.dns.source import DnsSource
    from sendgate.message.keys import SigningKey
    from sendgate.send.campaign import Campaign, DkimKey
    from sendgate.send.compose import Composer
    from sendgate.send.deliver import Ended, Engine
    from sendgate.send.deliver.workshop import Workshop
    from sendgate.send.gate_audit import GateAudit
    from sendgate.send.outcome import Bounced, Deferred
    from sendgate.send.shaping import Site
    from sendgate.send.store import Campaign as Entered
    from sendgate.send.store import NewRecipient, Store

__all__ = ["Gatekeeper", "Job", "Sending", "Stop", "check_sources", "make_samples", "read_keys"]

_SAMPLES = 3  # messages that the gate looks at
_LOOKED_AT = 1000  # messages that cannot be made until none is expected to
_AGAIN = timedelta(minutes=5)  # between two audits that could not be completed
_FEW = 200  # messages that are made without processes of their own
_PROBLEMS = 20  # bad rows that are named one by one


def now() -> datetime:
    """The wall's clock, aware."""
    return datetime.now(UTC)


def read_keys(campaign: Campaign, say: Callable[[str], None]) -> dict[DkimKey, SigningKey]:
    """Read the private keys; raises `SourceError`, and warns of what everybody may read."""
    from sendgate.message.keys import load_key

    keys = {key: load_key(key.file) for key in campaign.dkim_keys}
    for named, key in keys.items():
        if key.world_readable:
            say(f"warning: everybody on this machine can read {named.file}: chmod 600 it")
    return keys


def check_sources(campaign: Campaign) -> None:
    """Find out before anything is asked that mail cannot leave from an address (`InputError`)."""
    for address in campaign.transport.source_addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((str(address), 0))
            except OSError:
                raise InputError(
                    f"{campaign.path}: transport.source-addresses: {address} is no address of "
                    "this machine, so no mail can leave from it"
                ) from None


def make_samples(
    campaign: Campaign, keys: Mapping[DkimKey, SigningKey], date: datetime
) -> list[bytes]:
    """Compose and sign what the first recipients would get; none where nobody may be mailed.

    Their tokens are no store's: a click in one unsubscribes nobody. Raises `InputError`
    where templates and contacts do not fit together, or no message can be made.
    """
    from sendgate.message.sign import Signer, sign
    from sendgate.send.address import Address
    from sendgate.send.compose import Composer
    from sendgate.send.enlist import enlist
    from sendgate.send.store import NewRecipient
    from sendgate.send.tokens import Tokens

    composer = Composer(campaign, Tokens(secrets.token_bytes(32)), 1)
    signers = [Signer(key.domain, key.selector, secret) for key, secret in keys.items()]
    samples: list[bytes] = []
    failed: list[RenderError] = []
    with enlist(campaign, composer, date) as enlisting:
        for row in enlisting:
            if isinstance(row, NewRecipient):
                address = Address.parse(row.address)
                try:
                    data = composer.compose(0, address, row.fields, date).data
                except RenderError as error:
                    failed.append(error)
                else:
                    samples.append(sign(data, signers, date) if signers else data)
            if len(samples) == _SAMPLES or len(failed) == _LOOKED_AT:
                break
    if failed and not samples:
        raise InputError(f"{campaign.path}: no message can be made: {failed[0]}")
    return samples


@dataclass(frozen=True)
class Job:
    """What is to be sent: the campaign, its private keys, and messages of it to be audited."""

    campaign: Campaign
    keys: Mapping[DkimKey, SigningKey]
    samples: Sequence[bytes]


@dataclass
class Stop:
    """What SIGTERM and SIGINT do: the first ends in good order, the second breaks off."""

    engine: Engine | None = None
    asked: int = 0
    _task: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take the signals for as long as this is entered."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def ask(self) -> None:
        """Stop; a second time: at once."""
        self.asked += 1
        if self.engine is None:
            if self._task is not None:
                self._task.cancel()
        elif self.asked == 1:
            self.engine.stop()
        else:
            self.engine.abort()


@dataclass
class Gatekeeper:
    """Audits one campaign, keeps each audit with it, and knows when the last one passed."""

    job: Job
    source: DnsSource
    store: Store | None = None
    key: int = 0
    passed: datetime | None = None

    async def audit(self) -> GateAudit:
        """Audit the campaign now."""
        from sendgate.render.gate import gate_json
        from sendgate.render.json import dumps
        from sendgate.send.gate import Allow
        from sendgate.send.gate_audit import gate_audit

        time = now()
        job = self.job
        found = await gate_audit(
            job.campaign, self.source, keys=job.keys, samples=job.samples, now=time
        )
        if self.store is not None:
            report = dumps(gate_json(found), line=True)
            word = found.decision.word
            await self.store.keep_audit(self.key, time, word, report, found.recording)
        if isinstance(found.decision, Allow):
            self.passed = time
        return found

    async def is_passed(self, _site: Site, _outcome: Bounced | Deferred) -> bool:
        """Audit at once, because a receiver rejects our authentication."""
        from sendgate.send.gate import Allow

        return isinstance((await self.audit()).decision, Allow)

    async def keep_watch(self, engine: Engine) -> None:
        """Audit every `recheck`, and pause the campaign when it no longer passes."""
        from sendgate.render.gate import reason
        from sendgate.send.gate import Hold, Refuse

        recheck = self.job.campaign.recheck
        wait = recheck
        while True:
            await asyncio.sleep(wait.total_seconds())
            found = await self.audit()
            wait = recheck
            if isinstance(found.decision, Refuse):
                await engine.pause(reason(found))
                return
            if isinstance(found.decision, Hold):
                if self.passed is None or now() - self.passed > 2 * recheck:
                    await engine.pause(reason(found))
                    return
                wait = min(_AGAIN, recheck)


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
            if isinstance(self.gate.decision, Allow):
                code = await self._send(entered, keeper)
            else:
                await self._refuse(entered)
                code = self.gate.decision.exit_code
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
        """Send nothing of which no message can be audited."""
        standing = await self.store.standing(entered.key)
        if not self.job.samples and standing.due is not None:
            raise InputError(
                f"{self.campaign.contacts}: nobody in it may be mailed any more, so there is no "
                "message to audit, though some still wait; cancel the campaign"
            )

    async def _refuse(self, entered: Entered) -> None:
        from sendgate.render.gate import reason
        from sendgate.send.gate import Refuse
        from sendgate.send.state import CampaignState

        assert self.gate is not None
        refused = isinstance(self.gate.decision, Refuse)
        to = CampaignState.REFUSED if refused else CampaignState.HELD
        await self.store.change(entered.key, to, now(), reason=reason(self.gate))

    def _composer(self, entered: Entered) -> Composer:
        from sendgate.send.compose import Composer
        from sendgate.send.tokens import Tokens

        return Composer(self.campaign, Tokens(self.store.secret), entered.key)

    async def _load(self, entered: Entered) -> None:
        """Take the contacts in, once; say how many, and why others are left out."""
        from sendgate.send.contacts import Problem
        from sendgate.send.enlist import enlist

        if entered.loaded:
            return
        if self.recipients:
            async with self.store.loading(entered, now()) as loader:
                for one in self.recipients:
                    await loader.add(one)
            return
        say = self.run.console.note
        with enlist(self.campaign, self._composer(entered), now()) as enlisting:
            async with self.store.loading(entered, now()) as loader:
                for row in enlisting:
                    if not isinstance(row, Problem):
                        await loader.add(row)
                    elif enlisting.tally.problems <= _PROBLEMS:
                        say(f"{self.campaign.contacts}: {row}")
            tally = enlisting.tally
        counts = await self.store.counts(entered.key)
        parts = [f"{counts.eligible:,} to be mailed", f"{counts.excluded:,} left out"]
        if tally.problems:
            parts.append(f"rows that cannot be read: {tally.problems:,}")
        if tally.unengaged:
            parts.append(f"{tally.unengaged:,} of them showed no interest for long")
        say("contacts: " + ", ".join(parts))

    async def _send(self, entered: Entered, keeper: Gatekeeper) -> int:
        from sendgate.send.state import CampaignState

        await self._load(entered)
        startable = {CampaignState.QUEUED, CampaignState.REFUSED, CampaignState.HELD}
        started = await self.store.change(
            entered.key, CampaignState.SENDING, now(), only_from=startable
        )
        if not started:
            return EXIT_STOPPED  # another process has paused or cancelled it meanwhile
        ended = await self._deliver(entered, keeper)
        return await self._code(entered, ended)

    async def _deliver(self, entered: Entered, keeper: Gatekeeper) -> Ended:
        from sendgate.cli.sendwatch import Watch
        from sendgate.send.deliver.workshop import Workshop

        counts = await self.store.counts(entered.key)
        processes = 0 if counts.eligible <= _FEW else None
        watch = Watch(self.run.console, self.store, entered.key)
        workshop = Workshop(self.campaign, self.store.secret, entered.key, processes)
        async with workshop, watch:
            engine = self._engine(entered, keeper, workshop, watch)
            guard = asyncio.ensure_future(keeper.keep_watch(engine))
            guard.add_done_callback(lambda task: _fail_with(engine, task))
            self.stop.engine = engine
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
        from sendgate.send.campaign import TlsPolicy
        from sendgate.send.deliver import Caller, Desk, Engine
        from sendgate.send.deliver.ways import ways
        from sendgate.send.pace import Pace
        from sendgate.send.route import Router
        from sendgate.send.shaping import load_shaping
        from sendgate.send.smtp.tls import Trust

        transport, table, dice = self.campaign.transport, load_shaping(), random.SystemRandom()
        router = Router(
            self.source,
            table,
            clock=now,
            dice=dice,
            policies=Policies(self.source, HttpsFetcher(self.source), clock=now),
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
            clock=now,
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
        return EXIT_STOPPED


def helo_of(campaign: Campaign) -> str:
    """The name to say in EHLO; raises `InputError` where none is given."""
    name = campaign.transport.helo or campaign.sender.helo
    if name is None:
        raise InputError(
            f"{campaign.path}: transport.helo is missing: the name of the host that sends"
        )
    return name.text


def _fail_with(engine: Engine, task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        engine.fail(error)


def usual_store() -> Path:
    """The store that is used where none is named."""
    from sendgate.send.store import default_path

    return default_path(os.environ, Path.home())
