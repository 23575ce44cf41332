"""Store: what the sending process owns. Visit: what every other process may see and do.

send      ─ open_store ─► Store   one owner; every write through one thread, in groups
campaign  ─ visit_store ─► Visit  reads beside the owner; pause, cancel, resolve, suppress
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sendgate.errors import ConfigError, InternalError, StoreError
from sendgate.names import printable
from sendgate.send.outcome import Bounced, Delivered, Outcome, Peer
from sendgate.send.state import CampaignState, State
from sendgate.send.store import (
    aftermath,
    campaigns,
    leases,
    loading,
    strikes,
    suppressed,
    together,
)
from sendgate.send.store.place import own, prepare, store_path
from sendgate.send.store.rows import (
    Campaign,
    Counts,
    Exclusion,
    Lease,
    Leased,
    NewRecipient,
    Standing,
    StoredAudit,
)
from sendgate.send.store.schema import READER_CACHE_KIB, connect, once, ready
from sendgate.send.store.together import Committing, Settling
from sendgate.send.store.writer import Work, Writer

__all__ = ["Loader", "Store", "open_store"]

T = TypeVar("T")

_BATCH = 20_000  # contacts in one transaction: the fewer, the less often an index is rewritten
_MIN_SECRET = 16


class Store:
    """A store that this process owns.

    Every method that writes returns once its write is durable. `StoreError` from any of
    them means: send no further final dot.
    """

    def __init__(
        self,
        path: Path,
        writer: Writer,
        reader: sqlite3.Connection,
        release: Callable[[], None],
        secret: bytes,
        recovered: tuple[int, int],
    ) -> None:
        self.path = path
        self.secret = secret
        """The key that tokens and return paths are signed with."""
        self.recovered = recovered
        """How many a dead process had left: those due again, those now unknown."""
        self._writer = writer
        self._reader = reader
        self._readers = ThreadPoolExecutor(1, "sendgate-store-reader")
        self._release = release

    @property
    def commits(self) -> int:
        """Transactions written so far; see `writes`."""
        return self._writer.commits

    @property
    def writes(self) -> int:
        """Writes that these transactions carried: many to one under load."""
        return self._writer.writes

    async def write(self, work: Work[T]) -> T:
        """Run a function of a connection in the next transaction; return when it is durable."""
        return await self._writer.run(work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function of a connection that reads; nothing that is written waits for it.

        Raises `StoreError` where the store cannot be read any more.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, work, self._reader)
        except sqlite3.Error as error:
            raise StoreError(
                f"the store {printable(str(self.path))} cannot be read: {error}"
            ) from None

    async def enter(
        self, name: str, content: str, config: str, now: datetime
    ) -> tuple[Campaign, bool]:
        """Find the campaign, or make it; True where it is new.

        `content` is a hash of all that decides what is sent to whom. Raises `InputError`
        where a campaign of this name has other content.
        """
        return await self.write(lambda db: campaigns.enter(db, name, content, config, now))

    @asynccontextmanager
    async def loading(self, campaign: Campaign, now: datetime) -> AsyncIterator[Loader]:
        """Take contacts in; an exception leaves the campaign unloaded, to be loaded anew."""
        await self.write(lambda db: loading.start_load(db, campaign.key))
        loader = Loader(self, campaign.key, now)
        yield loader
        await loader.flush()
        await self.write(lambda db: loading.finish_load(db, campaign.key))

    async def campaign(self, key: int) -> Campaign:
        """The campaign as it stands now; another process may have paused or cancelled it."""
        return await self.read(lambda db: campaigns.by_key(db, key))

    async def state(self, key: int) -> CampaignState:
        """The campaign's state alone."""
        return (await self.glance(key))[0]

    async def glance(self, key: int) -> tuple[CampaignState, int]:
        """The campaign's state, and a number: cheap enough to look at every second.

        The number is another one once somebody has had recipients sent to again.
        """
        return await self.read(lambda db: campaigns.glance(db, key))

    async def change(
        self,
        key: int,
        to: CampaignState,
        now: datetime,
        *,
        only_from: Collection[CampaignState] = tuple(CampaignState),
        reason: str | None = None,
    ) -> bool:
        """Bring a campaign into a state; False where it stands where that shall or cannot be."""
        return await self.write(
            lambda db: campaigns.change(db, key, to, now, only_from=only_from, reason=reason)
        )

    async def due_domains(
        self, key: int, after: str = "", limit: int = 1000
    ) -> list[tuple[str, datetime]]:
        """Domains behind `after` in order that have waiting recipients, with the earliest due."""
        return await self.read(lambda db: leases.due_domains(db, key, after, limit))

    async def lease(
        self,
        key: int,
        now: datetime,
        limit: int,
        domain: str | None = None,
        *,
        since: datetime | None = None,
        hard_after: Callable[[str], int | None] = lambda _: None,
    ) -> Leased:
        """Lease up to `limit` due recipients, of one domain or of all, earliest first.

        Nothing is leased unless the campaign is sending. Who was suppressed since is
        excluded, and whose 72 hours are over is ended, instead of being leased: where
        either happened, there may be more to lease though few or none came back.

        Those whose 72 hours were over at `since` already, when this run began, waited while
        nobody sent, or the clock was set forward: they are leased once more. `hard_after`
        says by category in how many campaigns a soft bounce makes a hard one.
        """
        terms = leases.Terms(since, hard_after)
        return await self.write(lambda db: leases.lease(db, key, now, limit, domain, terms))

    async def shift(self, key: int, jump: timedelta, now: datetime) -> None:
        """Move all that waits or is under way with a clock that jumped and now says `now`."""
        await self.write(lambda db: leases.shift(db, key, jump, now))

    async def release(self, held: Lease, now: datetime) -> None:
        """Give a lease back before the dot: due at once, as if it had not been leased."""
        await self.write(lambda db: leases.release(db, held, now))

    async def exclude(self, held: Lease, code: str, detail: str, now: datetime) -> None:
        """End a leased recipient that must not be mailed after all (``render_error`` …)."""
        await self.write(lambda db: leases.exclude(db, held, code, detail, now))

    async def commit(
        self, held: Lease, peer: Peer, message_id: str, digest: str, now: datetime
    ) -> None:
        """Write the commit record. Only after this has returned may the final dot leave.

        A caller that is cancelled while it waits must take the record as written.
        """
        record = Committing(held, peer, message_id, digest, now)
        await self._writer.run_with_others(together.commit, record, held.recipient)

    async def settle(
        self,
        held: Lease,
        outcome: Outcome,
        now: datetime,
        *,
        suppress: str = "",
        pause: str = "",
        hard_after: int | None = None,
        message_id: str | None = None,
    ) -> State:
        """Write an attempt's outcome; return where the recipient stands then.

        `suppress` is the reason for which the address is put on the suppression list in the
        same transaction. A soft bounce with `hard_after` is a hard one, and suppressed, once
        the address has bounced so in that many campaigns, nothing delivered to it between.
        `pause` is the reason to pause the campaign with it, where it is being sent.
        `message_id` is the message's, where one was made. Is tried also when the store could
        not be written before: an outcome that is on the disk is one unknown recipient less.
        """
        if isinstance(outcome, Delivered) and not suppress:
            delivery = Settling(held, outcome, now, message_id)
            return await self._writer.run_with_others(
                together.deliver, delivery, held.recipient, even_if_broken=True
            )

        def work(db: sqlite3.Connection) -> State:
            came_to, reason = outcome, suppress
            if isinstance(outcome, Delivered):
                strikes.absolve(db, held.address)
            else:
                came_to, again = strikes.weigh(
                    db, held.address, outcome, held.campaign, now, hard_after
                )
                reason = reason or again
            if reason:
                suppressed.add(db, "address", held.address, reason, now)
            if pause:
                sending, paused = {CampaignState.SENDING}, CampaignState.PAUSED
                campaigns.change(db, held.campaign, paused, now, only_from=sending, reason=pause)
            return leases.settle(db, held, came_to, now, message_id)

        return await self._writer.run(work, even_if_broken=True)

    async def refused_by(
        self, key: int, categories: Collection[str], is_refusal: Callable[[Bounced], bool]
    ) -> set[str]:
        """The hosts one of whose bounces is a refusal, in one of these categories."""
        return await self.read(lambda db: campaigns.refused_by(db, key, categories, is_refusal))

    async def suppress(self, kind: str, value: str, reason: str, now: datetime) -> bool:
        """Put an address, a domain or a hash on the suppression list; False if it is on it."""
        return await self.write(lambda db: suppressed.add(db, kind, value, reason, now))

    async def standing(self, key: int) -> Standing:
        """What is left to do; cheap."""
        return await self.read(lambda db: campaigns.standing(db, key))

    async def counts(self, key: int) -> Counts:
        """How many recipients stand where; cheap."""
        return await self.read(lambda db: campaigns.counts(db, key))

    async def keep_audit(
        self, key: int, now: datetime, decision: str, report: str, recording: str
    ) -> None:
        """Keep an audit with the DNS answers that it rests on; JSON texts."""
        await self.write(lambda db: campaigns.keep_audit(db, key, now, decision, report, recording))

    async def last_audit(self, key: int, decision: str | None = None) -> StoredAudit | None:
        """The latest audit of a campaign (that was so decided), None where there is none."""
        return await self.read(lambda db: campaigns.last_audit(db, key, decision))

    def close(self) -> None:
        """Write what waits, close the files, let go of the store; blocks until that is done."""
        self._readers.shutdown()
        self._reader.close()
        self._writer.close()
        self._release()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)


class Loader:
    """Takes contacts one by one and writes them in large transactions."""

    def __init__(self, store: Store, key: int, now: datetime) -> None:
        self._store, self._key, self._now = store, key, now
        self._rows: list[NewRecipient | Exclusion] = []

    async def add(self, row: NewRecipient | Exclusion) -> None:
        """Take one contact in, or note one that is left out."""
        self._rows.append(row)
        if len(self._rows) >= _BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Write what has been taken in so far."""
        rows, self._rows = self._rows, []
        if rows:
            await self._store.write(lambda db: loading.load(db, self._key, rows, self._now))


def open_store(
    where: str | Path,
    *,
    base: Path | None = None,
    secret: str | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Store:
    """Open a store as its one owner, make it where there is none, and put in order what was left.

    `where` is ``sqlite:///PATH`` or a path, `base` what a relative one is relative to,
    `secret` a key that is used instead of the store's own. Raises `StoreOpenError` where
    another process owns it, where it is from a newer version, or cannot be used.
    """
    path = store_path(where, base)
    given = None if secret is None else _given(secret)
    with contextlib.ExitStack() as undo:
        prepare(path)
        ownership = own(path)
        undo.callback(ownership.release)
        connection = connect(path)
        undo.callback(connection.close)
        reader = connect(path, READER_CACHE_KIB)
        undo.callback(reader.close)
        ready(connection, path)
        now = clock()
        recovered = once(connection, path, lambda db: aftermath.recover(db, now))
        key = given or once(connection, path, _secret)
        undo.pop_all()

    def release() -> None:
        connection.close()
        ownership.release()

    writer = Writer(connection, printable(str(path)))
    return Store(path, writer, reader, release, key, recovered)


def _given(secret: str) -> bytes:
    if len(secret) < _MIN_SECRET:
        raise ConfigError(f"SENDGATE_SECRET is too short: give at least {_MIN_SECRET} characters")
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _secret(db: sqlite3.Connection) -> bytes:
    """The store's own key, made once."""
    db.execute("INSERT OR IGNORE INTO secret (id, key) VALUES (1, ?)", (secrets.token_bytes(32),))
    row = db.execute("SELECT key FROM secret").fetchone()
    if row is None:
        raise InternalError("the store has no key")
    return bytes(row[0])
