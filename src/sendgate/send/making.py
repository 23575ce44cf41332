"""Making messages: what one recipient's order becomes, and the process that does nothing else.

    Order ─► Bench: compose ─► sign ─► Made | Unmade

A process of the workshop's pool loads this module and none of delivery, which keeps it small.
It reads templates and keys once. A private key is never passed on: every process reads its
file itself. It ends with the process that began it, however that ends.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import connection

from sendgate.errors import InputError, InternalError
from sendgate.message.keys import load_key
from sendgate.message.sign import Signer, sign
from sendgate.names import printable
from sendgate.send.address import Address
from sendgate.send.campaign import Campaign
from sendgate.send.compose import Composed, Composer
from sendgate.send.smtp.payload import Envelope
from sendgate.send.tokens import Tokens

__all__ = ["Bench", "Made", "Order", "Unmade", "make_here", "open_here"]


@dataclass(frozen=True, slots=True)
class Made:
    """A message as it is sent: signed, CRLF line ends; `digest` is its SHA-256 in hexadecimal."""

    envelope: Envelope
    message_id: str
    data: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Unmade:
    """A contact whose message cannot be made; `detail` says why."""

    detail: str


@dataclass(frozen=True, slots=True)
class Order:
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

    def make(self, orders: Sequence[Order]) -> list[Made | Unmade]:
        """Make the messages, in the order of the orders.

        All are composed before the first is signed: turn by turn, each of the two pushes the
        other out of the processor's caches, and a message takes a tenth longer.
        """
        composed = [self._composed(order) for order in orders]
        return [
            one if isinstance(one, Unmade) else self._made(one, order.now)
            for one, order in zip(composed, orders, strict=True)
        ]

    def _composed(self, order: Order) -> Composed | Unmade:
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


class _Here:
    """The bench of a process of the pool."""

    bench: Bench | None = None
    error: str = ""


def open_here(
    campaign: Campaign, secret: bytes, number: int, audited: tuple[bytes, ...] | None
) -> None:
    """Make a process of the pool ready, which this one is."""
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


def make_here(orders: Sequence[Order]) -> list[Made | Unmade]:
    """Make messages in a process of the pool; raises what opening its `Bench` raised."""
    if _Here.error:
        raise InputError(_Here.error)
    if _Here.bench is None:
        raise InternalError("a process of the workshop is not ready")
    return _Here.bench.make(orders)
