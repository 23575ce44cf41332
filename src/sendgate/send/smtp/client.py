"""The driver of one SMTP connection: `Conversation`'s steps over a `Wire`, with time limits.

    connect ─► Session | Refused | Broken
    Session.deliver(envelope, message, commit) ─► Attempt

`commit` is awaited before the last block of the message, the one with the final dot, and
nothing of that block leaves before it has returned; where it raises, no dot is sent. What
goes wrong before that block is definite. After it only a reply is: without one the outcome
is `Unknown`, unless the kernel took not one octet of the block.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TypeVar, cast

from sendgate.errors import InternalError
from sendgate.send.outcome import Peer, Phase, Reply, Unknown
from sendgate.send.smtp.payload import Envelope, Payload, Unsendable
from sendgate.send.smtp.protocol import (
    Capabilities,
    Commit,
    Conversation,
    Read,
    StartTls,
    Step,
    Write,
    WriteHead,
    WriteLast,
)
from sendgate.send.smtp.replies import ReplyError, ReplyReader
from sendgate.send.smtp.result import Attempt, Broken, Fault, Refused, Unfit, Unfitness
from sendgate.send.smtp.tls import TlsError, TlsLevel, TlsPolicy, Trust
from sendgate.send.smtp.wire import Wire, WireError, open_wire, tls_reason

__all__ = ["Endpoint", "Reuse", "Session", "Timeouts", "connect"]

T = TypeVar("T")
CommitHook = Callable[[], Awaitable[None]]
_BLOCK_OCTETS = 65536


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait in each phase; the defaults are RFC 5321 section 4.5.3.2's.

    It names none for `connect`, `starttls` and `quit`. `block` is the time for each 64 kB of
    the message. A short `dot` makes duplicates elsewhere and unknown outcomes here.
    """

    connect: float = 30.0
    banner: float = 300.0
    ehlo: float = 300.0
    starttls: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
    quit: float = 5.0

    def of(self, phase: Phase) -> float:
        """The time for the reply of a phase."""
        return float(getattr(self, phase.value))


@dataclass(frozen=True)
class Reuse:
    """How long one connection may serve: transactions begun, and seconds since it was opened."""

    messages: int = 100
    seconds: float = 300.0


@dataclass(frozen=True)
class Endpoint:
    """Where to connect: the MX's name, one of its addresses, a port, our source address."""

    mx: str
    address: str
    port: int = 25
    source: str | None = None


async def connect(
    endpoint: Endpoint,
    helo: str,
    *,
    trust: Trust,
    policy: TlsPolicy | None = None,
    timeouts: Timeouts | None = None,
    reuse: Reuse | None = None,
) -> Session | Refused | Broken:
    """Connect, greet and secure a connection, until mail can be given.

    `policy` None is opportunistic TLS; where that fails (`Fault.TLS`), it is the caller's
    choice to connect again with `TlsPolicy.clear()`. Failures are values; only a `helo` that
    is none raises (`InputError`), and so does an address that is no IP address (`ValueError`).
    """
    policy, timeouts = policy or TlsPolicy.opportunistic(), timeouts or Timeouts()
    peer = Peer(endpoint.mx, endpoint.address, endpoint.source)
    Conversation(helo, peer, tls=False)  # a wrong name is found before anybody is called
    try:
        wire = await open_wire(endpoint.address, endpoint.port, endpoint.source, timeouts.connect)
    except WireError as error:
        return Broken(Phase.CONNECT, error.fault, error.detail, peer)
    peer = Peer(endpoint.mx, endpoint.address, wire.source)
    conversation = Conversation(helo, peer, tls=policy.starttls)
    session = Session(wire, conversation, policy, trust, timeouts, reuse or Reuse())
    failure = await session.open()
    return session if failure is None else failure


class _HaltedError(Exception):
    """The conversation cannot go on; `attempt` is what it has come to."""

    def __init__(self, attempt: Refused | Broken | Unknown) -> None:
        self.attempt = attempt


class Session:
    """An open connection that mail can be given to, one message at a time.

    Made by `connect`. Whatever ends a call early (cancellation, `commit` raising) closes the
    connection before it goes on its way.
    """

    def __init__(
        self,
        wire: Wire,
        conversation: Conversation,
        policy: TlsPolicy,
        trust: Trust,
        timeouts: Timeouts,
        reuse: Reuse,
    ) -> None:
        self.transactions = 0
        self._wire = wire
        self._conversation = conversation
        self._policy = policy
        self._trust = trust
        self._timeouts = timeouts
        self._reuse = reuse
        self._replies = ReplyReader()
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.time()
        self._busy = False
        self._at_dot = False

    @property
    def peer(self) -> Peer:
        """Whom we speak to, from where, and with which TLS."""
        return self._conversation.peer

    @property
    def capabilities(self) -> Capabilities:
        """What the receiver offers."""
        return self._conversation.capabilities

    @property
    def is_usable(self) -> bool:
        """Whether another message may be given here, as far as is known and by `Reuse`."""
        return (
            not self._conversation.is_over
            and not self._busy
            and self.transactions < self._reuse.messages
            and self._loop.time() - self._opened < self._reuse.seconds
        )

    @property
    def in_doubt(self) -> bool:
        """Whether an octet of the latest message's last block has left without a reply to it.

        For whoever cancels `deliver`: it is what separates an unknown outcome from none.
        """
        return self._at_dot and self._wire.sent > 0

    async def open(self) -> Refused | Broken | None:
        """Greet and secure the connection; once, by `connect`."""
        failure: Refused | Broken | Unknown | None
        is_untrusted = False
        try:
            failure = await self._drive(self._conversation.opening(), None)
            is_untrusted = isinstance(failure, Broken) and failure.fault is Fault.TLS_POLICY
        except _HaltedError as halted:
            failure = halted.attempt
        assert not isinstance(failure, Unknown), "without a message there is no doubt"
        if failure is not None:
            with contextlib.suppress(WireError):
                # RFC 5321 sections 3.1 and 3.8: it awaits our QUIT, and we no TLS any more.
                if isinstance(failure, Refused) or is_untrusted:
                    await self._wire.send(self._conversation.quitting(), self._timeouts.quit)
            self.abort()
        return failure

    async def deliver(self, envelope: Envelope, message: bytes, commit: CommitHook) -> Attempt:
        """Give one message to its recipient; a definite answer, or `Unknown`.

        Raises what `commit` raises. One call at a time.
        """
        if self._busy:
            raise InternalError("a session takes one message at a time")
        self._at_dot = False
        if self._conversation.is_over:
            return Broken(Phase.MAIL, Fault.CLOSED, "the connection is over", self.peer)
        try:
            envelope.check()
            payload = Payload.of(message)
        except Unsendable as error:
            return Unfit(Unfitness.UNSENDABLE, str(error), self.peer)
        self.transactions += 1
        steps = self._conversation.transaction(envelope, payload)
        try:
            return await self._drive(steps, commit)
        except _HaltedError as halted:
            return halted.attempt
        finally:
            if self._conversation.is_over:
                self._wire.close()

    async def quit(self) -> None:
        """End the connection in good order; never fails, and waits `Timeouts.quit` at most."""
        try:
            if not self._conversation.is_over:
                with contextlib.suppress(WireError, ReplyError):
                    await self._wire.send(self._conversation.quitting(), self._timeouts.quit)
                    deadline = self._loop.time() + self._timeouts.quit
                    while self._replies.next() is None and (
                        data := await self._wire.receive(deadline)
                    ):
                        self._replies.feed(data)
        finally:
            self.abort()

    def abort(self) -> None:
        """End the connection at once, without a word."""
        self._conversation.is_over = True
        self._wire.close()

    async def _drive(self, steps: Generator[Step, Reply | None, T], commit: CommitHook | None) -> T:
        """Do the steps to their end; raises `_HaltedError` where the connection fails."""
        self._busy = True
        phase = Phase.BANNER
        reply: Reply | None = None
        try:
            while True:
                try:
                    step = steps.send(reply)
                except StopIteration as end:
                    self._at_dot = False
                    return cast("T", end.value)
                phase = step.phase
                reply = await self._do(step, commit)
        except (WireError, ReplyError) as error:
            raise self._halted(phase, error) from None
        except _HaltedError:
            raise
        except BaseException:
            self.abort()
            raise
        finally:
            self._busy = False

    async def _do(self, step: Step, commit: CommitHook | None) -> Reply | None:
        if isinstance(step, Read):
            return await self._reply(step.phase)
        if isinstance(step, Write):
            if step.phase is Phase.MAIL:
                self._listen(Phase.MAIL)
            await self._send(step.data, step.phase, self._timeouts.of(step.phase))
        elif isinstance(step, WriteLast):
            self._at_dot = True
            await self._send(step.data, step.phase, self._timeouts.block)
        elif isinstance(step, Commit):
            assert commit is not None, "a transaction has a commit hook"
            await commit()
            self._listen(step.phase)  # no dot for a receiver that has given up meanwhile
        elif isinstance(step, WriteHead):
            for start in range(0, len(step.data), _BLOCK_OCTETS):
                block = step.data[start : start + _BLOCK_OCTETS]
                await self._send(block, step.phase, self._timeouts.block)
        else:
            await self._start_tls(step)
        return None

    async def _reply(self, phase: Phase) -> Reply:
        replies = self._replies
        if (reply := replies.next()) is not None:
            return reply
        deadline = self._loop.time() + self._timeouts.of(phase)
        while True:
            data = await self._wire.receive(deadline)
            if not data:
                half = "" if replies.is_empty else " in the middle of a reply"
                raise WireError(Fault.CLOSED, f"the peer closed the connection{half}")
            replies.feed(data)
            if (reply := replies.next()) is not None:
                return reply

    async def _send(self, data: bytes, phase: Phase, seconds: float) -> None:
        try:
            await self._wire.send(data, seconds)
        except WireError:
            # A receiver that hung up on us may have said why.
            with contextlib.suppress(WireError, ReplyError):
                self._hear(phase, self._wire.poll())
            raise

    def _listen(self, phase: Phase) -> None:
        """Find out, without waiting, whether the peer has spoken or gone unasked."""
        if self._wire.has_news or not self._replies.is_empty:
            self._hear(phase, self._wire.poll())

    def _hear(self, phase: Phase, data: bytes | None) -> None:
        if data:
            self._replies.feed(data)
        if not self._replies.is_empty:
            reply = self._replies.next()
            if reply is None:
                raise WireError(Fault.PROTOCOL, "the peer spoke unasked")
            if self.in_doubt and reply.code < 400:
                return  # a yes that came before all was said is none
            self._at_dot = False
            raise _HaltedError(self._conversation.unasked(phase, reply))
        if data is not None and not data:
            raise WireError(Fault.CLOSED, "the peer closed the connection")

    async def _start_tls(self, step: StartTls) -> None:
        self._replies.clear()
        lenient = self._policy.level is TlsLevel.OPPORTUNISTIC
        try:
            words = await self._wire.start_tls(
                self._policy, self._trust, self.peer.mx, self._timeouts.of(step.phase)
            )
        except WireError as error:
            fault = Fault.TLS if lenient else error.fault
            raise WireError(fault, f"TLS handshake: {error.detail}") from None
        except (ssl.SSLError, TlsError, ValueError) as error:
            fault = Fault.TLS if lenient else Fault.TLS_POLICY
            raise WireError(fault, f"TLS handshake: {tls_reason(error)}") from None
        self._conversation.secured(words)

    def _halted(self, phase: Phase, error: WireError | ReplyError) -> _HaltedError:
        fault = error.fault if isinstance(error, WireError) else Fault.PROTOCOL
        in_doubt = self.in_doubt
        return _HaltedError(self._conversation.lost(phase, fault, str(error), in_doubt=in_doubt))
