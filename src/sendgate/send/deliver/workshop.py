"""The workshop: composes and signs, in processes of its own, because both keep a core busy.

    leases ─► process: compose ─► sign ─► Made | Unmade

Each process reads templates and keys once. A private key is never passed on: every process
reads its file itself. They end with the process that began them, however that ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import connection
from types import TracebackType

from sendgate.errors import InputError, InternalError
from sendgate.message.keys import load_key
from sendgate.message.sign import Signer, sign
from sendgate.names import printable
from sendgate.send.address import Address
from sendgate.send.campaign import Campaign
from sendgate.send.compose import Composed, Composer
from sendgate.send.deliver.parts import Made, Unmade
from sendgate.send.smtp.payload import Envelope
from sendgate.send.store import Lease
from sendgate.send.tokens import Tokens

__all__ = ["Bench", "Workshop"]


@dataclass(frozen=True, slots=True)
class _Order:
    """What a message is made of. `date` is the first attempt's, `now` this one's."""

    recipient: int
    address: str
    fields: Mapping[str, object]
    date: datetime
    now: datetime


class Bench:
    """Makes messages, in the process that it is in; `number` is the campaign's in the store.

    `audited` are the public halves of the keys that the gate has seen, None where it saw
    none. Raises `SourceError` where a key or a template cannot be read, `InputError` where
    a key is another one than was audited.
    """

    def __init__(
        self,
        campaign: Campaign,
        secret: bytes,
        number: int,
        audited: tuple[bytes, ...] | None = None,
    ) -> None:
        self._composer = Composer(campaign, Tokens(secret), number)
        keys = [load_key(key.file) for key in campaign.dkim_keys]
        for index, (named, key) in enumerate(zip(campaign.dkim_keys, keys, strict=True)):
            if audited is not None and key.public != audited[index]:
                raise InputError(
                    f"{printable(str(named.file))}: the key has changed since it was audited; "
                    "run this again"
                )
        self._signers = [
            Signer(named.domain, named.selector, key)
            for named, key in zip(campaign.dkim_keys, keys, strict=True)
        ]

    def make(self, orders: Sequence[_Order]) -> list[Made | Unmade]:
        """Make the messages, in the order of the orders.

        All are composed before the first is signed: turn by turn, each of the two pushes the
        other out of the processor's caches, and a message takes a tenth longer.
        """
        composed = [self._composed(order) for order in orders]
        return [
            one if isinstance(one, Unmade) else self._made(one, order.now)
            for one, order in zip(composed, orders, strict=True)
        ]

    def _composed(self, order: _Order) -> Composed | Unmade:
        try:
            address = Address.parse(order.address)
            return self._composer.compose(order.recipient, address, order.fields, order.date)
        except InputError as error:
            return Unmade(str(error))

    def _made(self, composed: Composed, now: datetime) -> Made | Unmade:
        data = composed.data
        try:
            if self._signers:
                data = sign(data, self._signers, now)
        except InputError as error:
            return Unmade(str(error))
        envelope = Envelope(composed.return_path, str(composed.recipient))
        return Made(envelope, composed.message_id, data, hashlib.sha256(data).hexdigest())


def _beside_the_engine() -> int:
    return max(1, (os.cpu_count() or 1) - 1)


class Workshop:
    """A maker for the engine; an asynchronous context manager.

    `processes` 0 makes the messages on a thread of this process, which suits few of them;
    None takes every core but the one that the engine keeps busy.
    Entering raises what a `Bench` raises; so does `make` where that comes to pass later.
    """

    def __init__(
        self,
        campaign: Campaign,
        secret: bytes,
        number: int,
        processes: int | None = None,
        audited: tuple[bytes, ...] | None = None,
    ) -> None:
        self._with = campaign, secret, number, audited
        self.processes = _beside_the_engine() if processes is None else processes
        self._bench: Bench | None = None
        self._pool: ProcessPoolExecutor | None = None

    async def __aenter__(self) -> Workshop:
        self._bench = await asyncio.to_thread(Bench, *self._with)
        if self.processes:
            self._pool = ProcessPoolExecutor(
                self.processes,
                multiprocessing.get_context("spawn"),
                initializer=_open,
                initargs=self._with,
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def make(self, leases: Sequence[Lease]) -> Sequence[Made | Unmade]:
        """Make one message for each lease, in their order."""
        orders = [
            _Order(one.recipient, one.address, one.fields, one.history.first or one.time, one.time)
            for one in leases
        ]
        if self._bench is None:
            raise InternalError("the workshop is not open")
        if self._pool is None:
            return await asyncio.to_thread(self._bench.make, orders)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, _make, orders)
        except BrokenExecutor as error:
            raise InternalError(f"a process that makes messages has died: {error}") from None


class _Here:
    """The bench of a process of the pool."""

    bench: Bench | None = None
    error: str = ""


def _open(
    campaign: Campaign, secret: bytes, number: int, audited: tuple[bytes, ...] | None
) -> None:
    """Make a process of the pool ready; runs in it."""
    # Ctrl-C goes to all processes of a terminal, and the first one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _Here.bench = Bench(campaign, secret, number, audited)
    except InputError as error:
        _Here.error = str(error)  # an initializer that raises would break the pool unsaid


def _end_with_parent() -> None:
    """Wait until the sender is gone: a pool that it did not close would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        with suppress(OSError):
            connection.wait([parent.sentinel])
        os._exit(0)


def _make(orders: Sequence[_Order]) -> list[Made | Unmade]:
    if _Here.error:
        raise InputError(_Here.error)
    if _Here.bench is None:
        raise InternalError("a process of the workshop is not ready")
    return _Here.bench.make(orders)
