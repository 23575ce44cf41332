"""One TCP connection, later with TLS, whose owner knows how many octets have left.

`asyncio`'s transports keep what they are given in buffers of their own, so that after a
failure nobody can say whether any of it went out. Here `send` hands octets to the kernel
itself and counts them (`sent`); TLS runs over two memory buffers above that.

Works on loops with `add_reader` and `add_writer`: all of Unix, uvloop included.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import ssl
from datetime import UTC, datetime

from sendgate.send.smtp.result import Fault
from sendgate.send.smtp.tls import TlsError, TlsPolicy, Trust

__all__ = ["Wire", "WireError", "open_wire"]

_CHUNK = 65536

_FAULTS = {
    errno.EADDRNOTAVAIL: Fault.LOCAL,
    errno.EMFILE: Fault.LOCAL,
    errno.ENFILE: Fault.LOCAL,
    errno.ENOBUFS: Fault.LOCAL,
    errno.ENOMEM: Fault.LOCAL,
    errno.ETIMEDOUT: Fault.TIMEOUT,
}


class WireError(Exception):
    """The connection cannot be had or has failed; says in which way and in words."""

    def __init__(self, fault: Fault, detail: str) -> None:
        self.fault = fault
        self.detail = detail
        super().__init__(detail)


async def open_wire(address: str, port: int, source: str | None, seconds: float) -> Wire:
    """Connect to an IP address from `source`, None for any of ours; raises `WireError`."""
    version = ipaddress.ip_address(address).version
    if source is not None and ipaddress.ip_address(source).version != version:
        raise WireError(Fault.LOCAL, f"{address} cannot be reached from {source}")
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    loop = asyncio.get_running_loop()
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _failure(error, Fault.UNREACHABLE) from None
    try:
        sock.setblocking(False)
        # Else each small write waits for the acknowledgement of the one before.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source is not None:
            sock.bind((source, 0))
        async with asyncio.timeout(seconds):
            await loop.sock_connect(sock, (address, port))
    except TimeoutError as error:
        sock.close()
        if error.errno is not None:  # the kernel gave up first
            raise _failure(error, Fault.TIMEOUT) from None
        raise WireError(Fault.TIMEOUT, f"no connection within {seconds:g} s") from None
    except OSError as error:
        sock.close()
        raise _failure(error, Fault.UNREACHABLE) from None
    except BaseException:
        sock.close()
        raise
    return Wire(sock, loop)


class Wire:
    """A connected socket. Deadlines are times of the event loop's clock."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.sent = 0  # octets of the latest `send` that the kernel has taken
        self._sock = sock
        self._loop = loop
        self._tls: ssl.SSLObject | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._watched = False  # the loop tells of octets that come
        self._arrived: bytes | WireError | None = None  # taken by the loop, not yet by us
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0  # of the waiter
        self._ended = False  # the peer has ended TLS, though not yet the connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    @property
    def source(self) -> str:
        """The address that the connection comes from."""
        return str(self._sock.getsockname()[0])

    @property
    def has_news(self) -> bool:
        """Whether there may be something to `poll`: the loop knows of it, or does not look."""
        return not self._watched or self._ended or self._arrived is not None

    async def send(self, data: bytes, seconds: float) -> None:
        """Give all of `data` to the kernel; raises `WireError`, and `sent` tells how far it got."""
        self.sent = 0
        if self._tls is not None:
            data = self._seal(data)
        await self._push(data, self._loop.time() + seconds)

    async def receive(self, deadline: float) -> bytes:
        """Wait for the next octets; none at all mean that the peer has ended the connection.

        Raises `WireError`.
        """
        while True:
            if self._arrived is None:
                if not self._watched:
                    self._loop.add_reader(self._sock, self._readable)
                    self._watched = True
                await self._wait(deadline)
            if (data := self.poll()) is not None:
                return data
            if self._loop.time() >= deadline:
                raise WireError(Fault.TIMEOUT, "no answer in time")

    def poll(self) -> bytes | None:
        """Take what has come already: octets, none for the end, or None for nothing yet.

        Raises `WireError`.
        """
        while not self._ended:
            if (data := self._taken()) is None or self._tls is None or not data:
                return data
            self._incoming.write(data)
            if (plain := self._unseal()) is not None:
                return plain
        return b""

    async def start_tls(self, policy: TlsPolicy, trust: Trust, host: str, seconds: float) -> str:
        """Shake hands and judge the certificate; returns TLS in words.

        Raises `WireError` for the connection, `TlsError` and `ssl.SSLError` for TLS.
        """
        deadline = self._loop.time() + seconds
        tls = trust.wrap(policy, host, self._incoming, self._outgoing)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._push(self._outgoing.read(), deadline)
                if not (data := await self.receive(deadline)):
                    raise WireError(Fault.CLOSED, "the peer ended the TLS handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # the alert that tells the peer why
                    self._sock.send(self._outgoing.read())
                raise
            else:
                break
        words = trust.check(policy, tls, datetime.now(UTC))
        await self._push(self._outgoing.read(), deadline)
        self._tls = tls
        return words

    def close(self) -> None:
        """End the connection at once; who waits for it, fails."""
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._sock)
        if self._timer is not None:
            self._timer.cancel()
        if self._waiter is not None:
            self._loop.remove_writer(self._sock)
            _wake(self._waiter)
        self._sock.close()

    async def _push(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            try:
                count = self._sock.send(view)
            except (BlockingIOError, InterruptedError):
                if self._loop.time() >= deadline:
                    raise WireError(Fault.TIMEOUT, "the peer took no more octets") from None
                await self._writable(deadline)
            except OSError as error:
                raise _failure(error, Fault.CLOSED) from None
            else:
                self.sent += count
                view = view[count:]

    async def _writable(self, deadline: float) -> None:
        number = self._sock.fileno()
        self._loop.add_writer(number, self._may_write)
        try:
            await self._wait(deadline)
        finally:
            if self._sock.fileno() == number:  # else it was closed, and may be another's by now
                self._loop.remove_writer(number)

    def _may_write(self) -> None:
        if self._waiter is not None:
            _wake(self._waiter)

    def _readable(self) -> None:
        """Take what has come for whoever waits; for nobody, watch no longer."""
        if self._waiter is None or self._arrived is not None:
            self._watched = False
            self._loop.remove_reader(self._sock)
            return
        try:
            self._arrived = self._received()
        except WireError as error:
            self._arrived = error
        _wake(self._waiter)

    async def _wait(self, deadline: float) -> None:
        """Wait until the loop has news or the deadline is there, whichever is first.

        The deadline only wakes: what came at the same moment is still read by the caller.
        The timer is set anew only where it would come too late; one for each wait would
        cost more than the wait.
        """
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._ring)
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() >= self._deadline:
            _wake(self._waiter)
        else:
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _taken(self) -> bytes | None:
        arrived, self._arrived = self._arrived, None
        if isinstance(arrived, WireError):
            raise arrived
        return self._received() if arrived is None else arrived

    def _received(self) -> bytes | None:
        try:
            return self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise _failure(error, Fault.CLOSED) from None

    def _seal(self, data: bytes) -> bytes:
        assert self._tls is not None
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise WireError(Fault.CLOSED, f"TLS failed: {tls_reason(error)}") from None
        return self._outgoing.read()

    def _unseal(self) -> bytes | None:
        assert self._tls is not None
        parts = []
        try:
            while data := self._tls.read(_CHUNK):
                parts.append(data)
            self._ended = True
        except ssl.SSLWantReadError:
            return b"".join(parts) or None
        except ssl.SSLError as error:
            self._ended = True
            if not parts:  # what came before it still counts
                raise WireError(Fault.CLOSED, f"TLS failed: {tls_reason(error)}") from None
        return b"".join(parts)


def tls_reason(error: ssl.SSLError | TlsError | ValueError) -> str:
    """The error in a few words, without OpenSSL's file and line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _failure(error: OSError, fault: Fault) -> WireError:
    if error.errno == errno.EBADF:
        return WireError(Fault.CLOSED, "the connection was closed by us")
    return WireError(_FAULTS.get(error.errno or 0, fault), error.strerror or str(error))
