"""Visit: what every process but the sending one may see of a store, and do to it.

Reads go on beside the owner. What may be written is little: pause, resume, cancel, resolve,
and the suppression list; the owner meets it at its next lease.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sendgate.errors import StoreError, StoreOpenError
from sendgate.names import printable
from sendgate.send.state import CampaignState, State
from sendgate.send.store import aftermath, campaigns, log, suppressed
from sendgate.send.store.place import is_there, own, prepare, store_path
from sendgate.send.store.rows import (
    Campaign,
    Counts,
    Entry,
    Recipient,
    Resolution,
    Standing,
    StoredAudit,
    Suppression,
    UnknownRecipient,
    Unmatched,
)
from sendgate.send.store.schema import (
    READER_CACHE_KIB,
    connect,
    once,
    ready,
    transaction,
    wait_until_ready,
)
from sendgate.send.store.writer import Work

__all__ = ["Visit", "visit_store"]

T = TypeVar("T")

_PART = 20_000  # recipients cancelled in one transaction


class Visit:
    """A store seen by a process that does not send; works while another one does."""

    def __init__(self, path: Path, connection: sqlite3.Connection, owned: bool) -> None:
        self.path = path
        self.is_owned = owned
        """Whether some process was sending from it when this visit began."""
        self._db = connection

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _write(self, work: Work[T]) -> T:
        try:
            with transaction(self._db):
                return work(self._db)
        except sqlite3.Error as error:
            raise StoreError(
                f"the store {printable(str(self.path))} cannot be written: {error}"
            ) from None

    def campaigns(self) -> list[Campaign]:
        """Every campaign, the oldest first."""
        return campaigns.all_campaigns(self._db)

    def campaign(self, name: str) -> Campaign:
        """The campaign of this name or id; raises `InputError` that names the nearest."""
        return campaigns.by_name(self._db, name)

    def counts(self, campaign: Campaign) -> Counts:
        """How many recipients stand where."""
        return campaigns.counts(self._db, campaign.key)

    def standing(self, campaign: Campaign) -> Standing:
        """What is left to do."""
        return campaigns.standing(self._db, campaign.key)

    def log(self, campaign: Campaign) -> Iterator[Entry]:
        """Every attempt and exclusion, in the order in which they began."""
        return log.entries(self._db, campaign.key)

    def recipients(
        self, campaign: Campaign, state: State | None = None, category: str | None = None
    ) -> Iterator[Recipient]:
        """The recipients, all or those in a state or of a category."""
        return log.recipients(self._db, campaign.key, state, category)

    def unknown(self, campaign: Campaign) -> list[UnknownRecipient]:
        """Those whose message may or may not have arrived."""
        return log.unknown(self._db, campaign.key)

    def unmatched(self, campaign: Campaign) -> list[Unmatched]:
        """The replies that no rule knew, the most frequent first."""
        return log.unmatched(self._db, campaign.key)

    def last_audit(self, campaign: Campaign, decision: str | None = None) -> StoredAudit | None:
        """The latest audit of a campaign (that was so decided)."""
        return campaigns.last_audit(self._db, campaign.key, decision)

    def pause(self, campaign: Campaign, now: datetime, reason: str | None = None) -> bool:
        """Ask for a pause: nothing more is leased, what is under way comes to its end."""
        return self._write(
            lambda db: campaigns.change(db, campaign.key, CampaignState.PAUSED, now, reason=reason)
        )

    def resume(self, campaign: Campaign, now: datetime) -> bool:
        """Take a pause back: the campaign may be sent again; False where it is not paused."""
        return self._write(
            lambda db: campaigns.change(
                db, campaign.key, CampaignState.QUEUED, now, only_from={CampaignState.PAUSED}
            )
        )

    def cancel(self, campaign: Campaign, now: datetime, reason: str | None = None) -> bool:
        """End a campaign: who waits is cancelled, what is under way comes to its end."""
        if not self._write(lambda db: campaigns.cancel(db, campaign.key, now, reason)):
            return False
        while self._write(lambda db: campaigns.cancel_waiting(db, _PART)):
            pass
        return True

    def resolve(
        self, campaign: Campaign, how: Resolution, now: datetime, address: str | None = None
    ) -> int:
        """Decide about one unknown recipient, or all of them; return how many."""
        return self._write(lambda db: aftermath.resolve(db, campaign.key, how, now, address))

    def suppress(self, kind: str, value: str, reason: str, now: datetime) -> bool:
        """Put an address, a domain or a hash on the suppression list; False if it is on it."""
        return self._write(lambda db: suppressed.add(db, kind, value, reason, now))

    def unsuppress(self, kind: str, value: str) -> bool:
        """Take one off the suppression list; False where it is not on it."""
        return self._write(lambda db: suppressed.remove(db, kind, value))

    def suppressions(self) -> Iterator[Suppression]:
        """The suppression list, by kind and value."""
        return suppressed.iterate(self._db)


def visit_store(
    where: str | Path,
    *,
    base: Path | None = None,
    create: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Visit:
    """Open a store beside its owner, or without one.

    Where no process owns it, what a dead one left is put in order first, so that what was
    in its hands shows as due or unknown. Raises `StoreOpenError` where there is no store
    (unless `create`), or it cannot be used.
    """
    path = store_path(where, base)
    if not create and not is_there(path):
        raise StoreOpenError(f"there is no store at {printable(str(path))}: nothing was sent yet")
    prepare(path)
    with contextlib.ExitStack() as undo:
        connection = connect(path, READER_CACHE_KIB)
        undo.callback(connection.close)
        try:
            ownership = own(path, patience=0)
        except StoreOpenError:
            owned = True
            wait_until_ready(connection, path)
        else:
            owned = False
            with ownership:
                ready(connection, path)
                now = clock()
                with contextlib.suppress(StoreOpenError):  # a full disk can still be read
                    once(connection, path, lambda db: aftermath.recover(db, now))
        undo.pop_all()
    return Visit(path, connection, owned)
