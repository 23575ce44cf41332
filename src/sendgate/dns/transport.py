"""How one query reaches one server: UDP with TCP on truncation, TLS, HTTPS.

Each way returns the response that matches the query, or raises `TransportError`. Nothing
here retries, and nothing here limits the time: the caller cancels what it no longer waits
for, and every socket is closed on the way out.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from typing import TYPE_CHECKING, cast

from sendgate.dns.answers import Reason
from sendgate.dns.nameserver import Nameserver

if TYPE_CHECKING:
    import dns.message
    import httpx2

__all__ = ["Exchange", "TransportError", "TruncatedError", "match_response"]

_HEADER = 12  # octets, RFC 1035 section 4.1.1
_MAX_MESSAGE = 65535  # octets; the length field of RFC 1035 section 4.2.2
_DNS_MESSAGE = "application/dns-message"  # RFC 8484 section 6
_CLOSE_SECONDS = 1.0  # how long a peer may take to close its side


class TransportError(Exception):
    """The server could not be reached or what it sent cannot be read; says which and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


class TruncatedError(Exception):
    """The response fits only a stream (the TC bit, RFC 2181 section 9)."""


def match_response(wire: bytes, query: dns.message.Message) -> dns.message.Message | None:
    """Return the response in `wire`, or None where it answers something else.

    A wrong id or question is not an error: anybody can send such a datagram, and the true
    answer may still be on its way (RFC 5452 section 9.1). Raises `TruncatedError`, and
    `TransportError` where the id is right and the rest cannot be read.
    """
    import dns.exception
    import dns.message

    if len(wire) < _HEADER or int.from_bytes(wire[:2], "big") != query.id or not wire[2] & 0x80:
        return None
    try:
        message = dns.message.from_wire(wire, one_rr_per_rrset=True, raise_on_truncation=True)
    except dns.message.Truncated as error:
        if query.is_response(error.kwargs["message"]):
            raise TruncatedError from None
        return None
    except (dns.exception.DNSException, ValueError) as error:
        raise TransportError(Reason.MALFORMED, f"unreadable answer: {error}") from None
    return message if query.is_response(message) else None


class Exchange:
    """The ways to the servers, and the connections kept open between questions.

    `tls_context` verifies servers asked over TLS or HTTPS; None takes the system's
    certificate authorities. One object belongs to one event loop; `aclose` ends it.
    """

    def __init__(self, tls_context: ssl.SSLContext | None = None) -> None:
        self._tls_context = tls_context
        self._streams: dict[Nameserver, _Stream] = {}
        self._opening: dict[Nameserver, asyncio.Lock] = {}
        self._http: httpx2.AsyncClient | None = None

    async def ask(self, server: Nameserver, query: dns.message.Message) -> dns.message.Message:
        """Put `query` to `server` and return the matching response; raise `TransportError`."""
        try:
            match server.transport:
                case "tls":
                    return await self._ask_tls(server, query)
                case "https":
                    return await self._ask_https(server, query)
            try:
                return await _ask_udp(server, query)
            except TruncatedError:
                return await _ask_tcp(server, query)
        except ssl.SSLError as error:
            why = error.reason or str(error)
            if isinstance(error, ssl.SSLCertVerificationError):
                why = f"certificate not valid: {error.verify_message}"
            raise TransportError(Reason.UNREACHABLE, f"TLS: {why}") from None
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise TransportError(Reason.UNREACHABLE, why.lower()) from None

    async def aclose(self) -> None:
        """Close every connection that is still open."""
        streams, self._streams = list(self._streams.values()), {}
        http, self._http = self._http, None
        await asyncio.gather(*(stream.aclose() for stream in streams))
        if http is not None:
            await http.aclose()

    def _context(self) -> ssl.SSLContext:
        if self._tls_context is None:
            self._tls_context = ssl.create_default_context()
        return self._tls_context

    async def _ask_tls(self, server: Nameserver, query: dns.message.Message) -> dns.message.Message:
        """Share one connection among all questions (RFC 7858 section 3.4)."""
        async with self._opening.setdefault(server, asyncio.Lock()):
            stream = self._streams.get(server)
            if stream is None or stream.broken:
                if stream is not None:
                    await stream.aclose()
                stream = await _Stream.open(server, self._context())
                self._streams[server] = stream
        return await stream.ask(query)

    async def _ask_https(
        self, server: Nameserver, query: dns.message.Message
    ) -> dns.message.Message:
        import httpx2

        if self._http is None:
            self._http = httpx2.AsyncClient(http2=True, verify=self._context(), timeout=None)
        query.id = 0  # RFC 8484 section 4.1: caches on the way see one request, not many
        try:
            wire = await _post(self._http, cast("str", server.url), query.to_wire())
        except httpx2.HTTPError as error:
            why = str(error) or type(error).__name__
            raise TransportError(Reason.UNREACHABLE, f"HTTPS: {why}") from None
        try:
            message = match_response(wire, query)
        except TruncatedError:
            raise TransportError(Reason.MALFORMED, "truncated answer over HTTPS") from None
        if message is None:
            raise TransportError(Reason.MALFORMED, "the answer is to another question")
        return message


async def _post(client: httpx2.AsyncClient, url: str, wire: bytes) -> bytes:
    """POST one query (RFC 8484 section 4.1), reading no more than a message can hold."""
    headers = {"accept": _DNS_MESSAGE, "content-type": _DNS_MESSAGE}
    async with client.stream("POST", url, headers=headers, content=wire) as response:
        if response.status_code != 200:
            raise TransportError(Reason.UNREACHABLE, f"HTTP status {response.status_code}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _DNS_MESSAGE:
            raise TransportError(Reason.MALFORMED, "the server's answer is not a DNS message")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_MESSAGE:
                raise TransportError(Reason.MALFORMED, "the server's answer is too long")
    return bytes(body)


class _Datagrams(asyncio.DatagramProtocol):
    """Waits on one connected UDP socket for the response to one query."""

    def __init__(self, query: dns.message.Message) -> None:
        self._query = query
        loop = asyncio.get_running_loop()
        self.response: asyncio.Future[dns.message.Message] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """Take the first datagram that matches; all others leave the wait as it is."""
        if self.response.done():
            return
        try:
            message = match_response(data, self._query)
        except (TruncatedError, TransportError) as error:
            self.response.set_exception(error)
            return
        if message is not None:
            self.response.set_result(message)

    def error_received(self, exc: Exception) -> None:
        """End the wait on what ICMP reports, such as a closed port."""
        if not self.response.done():
            self.response.set_exception(exc)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell that the socket is closed, if anybody still waits for it."""
        if not self.closed.done():
            self.closed.set_result(None)


async def _ask_udp(server: Nameserver, query: dns.message.Message) -> dns.message.Message:
    """Ask over a socket of its own, so that each query has a port that nobody can foresee.

    The socket is connected: the kernel drops what comes from any other address and port
    (RFC 5452 section 9.1), and reports ICMP errors.
    """
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Datagrams(query), remote_addr=(server.host, server.port)
    )
    try:
        transport.sendto(query.to_wire())
        return await protocol.response
    finally:
        transport.abort()
        if protocol.response.done() and not protocol.response.cancelled():
            protocol.response.exception()  # seen; else asyncio would log it as forgotten
        await protocol.closed


async def _ask_tcp(server: Nameserver, query: dns.message.Message) -> dns.message.Message:
    stream = await _Stream.open(server)
    try:
        return await stream.ask(query)
    finally:
        await stream.aclose()


class _Stream:
    """One TCP or TLS connection, with any number of questions out on it.

    Responses may come in any order (RFC 7766 section 7) and find their query by its id.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[
            int, tuple[dns.message.Message, asyncio.Future[dns.message.Message]]
        ] = {}
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, server: Nameserver, tls: ssl.SSLContext | None = None) -> _Stream:
        """Connect; raise `OSError` where that fails."""
        if tls is None:
            reader, writer = await asyncio.open_connection(server.host, server.port)
        else:
            reader, writer = await asyncio.open_connection(
                server.host, server.port, ssl=tls, server_hostname=server.hostname or server.host
            )
        return cls(reader, writer)

    @property
    def broken(self) -> bool:
        """Whether the connection has ended, so that nothing more can be asked on it."""
        return self._reading.done()

    async def ask(self, query: dns.message.Message) -> dns.message.Message:
        """Send the query under an id that is free on this connection; return its response."""
        while query.id in self._waiting:
            query.id = secrets.randbits(16)
        response: asyncio.Future[dns.message.Message]
        response = asyncio.get_running_loop().create_future()
        number = query.id
        self._waiting[number] = (query, response)
        try:
            if self.broken:
                raise ConnectionResetError("the server closed the connection")
            self._writer.write(query.to_wire(prepend_length=True))
            return await response
        finally:
            del self._waiting[number]

    async def aclose(self) -> None:
        """Close the connection and wait until its socket is gone."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    async def _read(self) -> None:
        """Hand out responses until the connection ends; then fail whoever still waits."""
        end: Exception = ConnectionResetError("the server closed the connection")
        try:
            with contextlib.suppress(asyncio.IncompleteReadError):
                while True:
                    length = int.from_bytes(await self._reader.readexactly(2), "big")
                    self._deliver(await self._reader.readexactly(length))
        except OSError as error:
            end = error
        finally:
            for _, response in self._waiting.values():
                if not response.done():
                    response.set_exception(end)

    def _deliver(self, wire: bytes) -> None:
        query, response = self._waiting.get(int.from_bytes(wire[:2], "big"), (None, None))
        if query is None or response is None or response.done():
            return
        try:
            message = match_response(wire, query)
        except TruncatedError:
            response.set_exception(TransportError(Reason.MALFORMED, "truncated answer over TCP"))
        except TransportError as error:
            response.set_exception(error)
        else:
            if message is None:
                response.set_exception(
                    TransportError(Reason.MALFORMED, "the answer is to another question")
                )
            else:
                response.set_result(message)
