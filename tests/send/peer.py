"""A scripted SMTP receiver for tests: it keeps what it accepts, and fails where it is told to.

In the test's own process::

    async with ScriptedPeer(journal=file, script={"accepted": Act(end="drop")}) as peer:
        ... connect to 127.0.0.1, peer.port ...
    assert peer.accepted == ["<1@example.com>"]

or as one of its own, to outlive a killed sender::

    python tests/send/peer.py --journal FILE --port-file FILE [--port N] [--script JSON]
                              [--no EXTENSION ...] [--size N] [--certificate PEM] [--seed N]

The port file appears, whole, once the peer listens. SIGTERM ends it.

Journal: one JSON line a message, ``{"message_id", "from", "to", "octets"}``, written and
fsynced *before* the 250 goes out. So what is in the journal was accepted, whatever the
sender learnt; `read_journal` reads it, a torn last line left out.

Script: for each step one `Act` or a list of them (JSON: an object or a list of objects with
the same keys); the first one whose `on`, `every` and `odds` fit is played. Steps, in order:

    connect    before the banner            mail rcpt data   the command has come
    ehlo helo  the command has come         body             in the middle of the message
    starttls   the command has come         dot              the message is whole, not yet accepted
    handshake  before the TLS handshake     accepted         it is in the journal, not yet answered
    rset noop quit

An act waits `delay` seconds, answers with `reply` (lines separated by a newline, without
codes' hyphens: ``"451 4.3.0 busy\\nsecond line"``; raw octets where it begins with ``raw:``)
instead of the usual reply, and ends as `end` says:

    go      as if nothing had been           reset   RST the connection, no reply
    drop    close, no reply                  half    half of the reply, then close
    silent  no reply, for ever               drip    the reply octet by octet, `delay` between
    hangup  the reply, then close

A 421 reply closes. A reply to `dot` that is not 2xx means that the message is not accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "STARTTLS", "SIZE")
_COMMANDS = {"EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"}
_USUAL = {
    "connect": "220 mx.example.com ESMTP",
    "helo": "250 mx.example.com",
    "starttls": "220 2.0.0 go ahead",
    "mail": "250 2.1.0 sender ok",
    "rcpt": "250 2.1.5 recipient ok",
    "data": "354 end with a dot",
    "accepted": "250 2.0.0 accepted",
    "rset": "250 2.0.0 flushed",
    "noop": "250 2.0.0 ok",
    "quit": "221 2.0.0 bye",
}


@dataclass(frozen=True)
class Act:
    """What the peer does at one step, instead of the usual."""

    end: str = "go"
    reply: str | None = None
    delay: float = 0.0
    on: tuple[int, ...] = ()  # only at these occurrences of the step, counted from 1
    every: int = 1  # only at each n-th occurrence
    odds: float = 1.0


Script = Mapping[str, Act | Sequence[Act]]


class _ClosedError(Exception):
    """The connection is over."""


class ScriptedPeer:
    """The server; an asynchronous context manager. See the module's text.

    `commands` holds every command line that came, `bodies` the messages as they stood on
    the wire (only with `keep`), `accepted` the Message-IDs in the journal's order,
    `connections` the number of connections so far.
    """

    def __init__(
        self,
        *,
        journal: Path | None = None,
        script: Script | None = None,
        extensions: Sequence[str] = EXTENSIONS,
        size: int = 50_000_000,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int | None = None,
        keep: bool = True,
    ) -> None:
        self.script: dict[str, Sequence[Act]] = {
            step: [acts] if isinstance(acts, Act) else acts for step, acts in (script or {}).items()
        }
        self.extensions = [name for name in extensions if name != "STARTTLS" or tls]
        self.host, self.port = host, port
        self.size, self.tls, self.keep = size, tls, keep
        self.commands: list[str] = []
        self.bodies: list[bytes] = []
        self.accepted: list[str] = []
        self.connections = 0
        self._journal = (
            os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if journal else None
        )
        self._counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> ScriptedPeer:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._journal is not None:
            os.close(self._journal)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            await _Line(self, reader, writer).talk()
        except (_ClosedError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            # A TLS handshake that broke off is never closed in good order.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                async with asyncio.timeout(0.1):
                    await writer.wait_closed()
            writer.transport.abort()

    def act(self, step: str) -> Act:
        """The act that is due at this occurrence of `step`."""
        self._counts[step] += 1
        count = self._counts[step]
        for act in self.script.get(step, ()):
            if act.on and count not in act.on:
                continue
            if count % act.every == 0 and self._random.random() < act.odds:
                return act
        return Act()

    def accept(self, sender: str, recipient: str, body: bytes) -> None:
        """Write the message to the journal, durably."""
        message_id = _message_id(body)
        if self._journal is not None:
            entry = {
                "message_id": message_id, "from": sender, "to": recipient, "octets": len(body),
            }  # fmt: skip
            os.write(self._journal, json.dumps(entry).encode() + b"\n")
            os.fsync(self._journal)
        self.accepted.append(message_id)
        if self.keep:
            self.bodies.append(body)


class _Line:
    """One connection."""

    def __init__(
        self, peer: ScriptedPeer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.peer, self.reader, self.writer = peer, reader, writer
        self.secure = False
        self.sender: str | None = None
        self.recipient: str | None = None

    async def talk(self) -> None:
        await self.answer("connect")
        while True:
            line = await self.reader.readline()
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.peer.commands.append(text)
            verb = text[:4].upper() if not text.upper().startswith("STARTTLS") else "STARTTLS"
            if verb not in _COMMANDS:
                await self.send(b"500 5.5.2 what?\r\n")
            else:
                await getattr(self, f"do_{verb.lower()}")(text)

    async def do_ehlo(self, text: str) -> None:
        names = [name for name in self.peer.extensions if name != "STARTTLS" or not self.secure]
        lines = [f"SIZE {self.peer.size}" if name == "SIZE" else name for name in names]
        await self.answer("ehlo", "\n".join(["250 mx.example.com", *lines]))

    async def do_helo(self, text: str) -> None:
        await self.answer("helo")

    async def do_starttls(self, text: str) -> None:
        if (await self.answer("starttls")) != 220:
            return
        act = self.peer.act("handshake")
        await asyncio.sleep(act.delay)
        await self.perform(act, (act.reply or "").removeprefix("raw:").encode())
        await self.writer.start_tls(self.peer.tls)
        self.secure, self.sender, self.recipient = True, None, None

    async def do_mail(self, text: str) -> None:
        if self.sender is not None:
            await self.send(b"503 5.5.1 nested MAIL\r\n")
        elif (await self.answer("mail")) == 250:
            self.sender, self.recipient = _path(text), None

    async def do_rcpt(self, text: str) -> None:
        if self.sender is None:
            await self.send(b"503 5.5.1 MAIL first\r\n")
        elif (await self.answer("rcpt")) // 100 == 2:
            self.recipient = _path(text)

    async def do_data(self, text: str) -> None:
        if self.sender is None or self.recipient is None:
            await self.send(b"554 5.5.1 no valid recipients\r\n")
            return
        if (await self.answer("data")) != 354:
            return
        act, begun = self.peer.act("body"), b""
        if act != Act():
            begun = await self.reader.read(1000)
            await asyncio.sleep(act.delay)
            await self.perform(act, _wire(act.reply) if act.reply else b"")
        body = await self.whole(begun)
        act = self.peer.act("dot")
        await asyncio.sleep(act.delay)
        reply = act.reply or _USUAL["accepted"]
        if act.end != "go" or not reply.removeprefix("raw:").startswith("2"):
            await self.perform(act, _wire(reply))
        else:
            self.peer.accept(self.sender, self.recipient, body)
            await self.answer("accepted", reply)
        self.sender = self.recipient = None

    async def whole(self, begun: bytes) -> bytes:
        """The message up to its final dot, as it stands on the wire."""
        parts: list[bytes] = []
        while not begun:
            try:
                return b"".join([*parts, await self.reader.readuntil(b"\r\n.\r\n")])[:-3]
            except asyncio.LimitOverrunError as long:
                parts.append(await self.reader.readexactly(long.consumed))
        while not begun.endswith(b"\r\n.\r\n"):
            more = await self.reader.read(65536)
            if not more:
                raise _ClosedError
            begun += more
        return begun[:-3]

    async def do_rset(self, text: str) -> None:
        self.sender = self.recipient = None
        await self.answer("rset")

    async def do_noop(self, text: str) -> None:
        await self.answer("noop")

    async def do_quit(self, text: str) -> None:
        await self.answer("quit")
        raise _ClosedError

    async def answer(self, step: str, usual: str | None = None) -> int:
        """Play the step's act; the code that was given."""
        act = self.peer.act(step)
        if act.delay and act.end != "drip":
            await asyncio.sleep(act.delay)
        reply = act.reply or usual or _USUAL[step]
        await self.perform(act, _wire(reply))
        code = reply.removeprefix("raw:")[:3]
        return int(code) if code.isdigit() else 0

    async def perform(self, act: Act, reply: bytes) -> None:
        """Send the reply as the act wants it, and end the connection where it wants that."""
        if act.end == "reset":
            sock: socket.socket = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
            raise _ClosedError
        if act.end == "silent":
            await asyncio.Event().wait()
        if act.end == "drop":
            raise _ClosedError
        if act.end == "drip":
            for octet in reply:
                await self.send(bytes([octet]))
                await asyncio.sleep(act.delay)
            return
        await self.send(reply[: len(reply) // 2] if act.end == "half" else reply)
        if act.end in {"half", "hangup"} or reply.startswith(b"421"):
            raise _ClosedError

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


def _wire(reply: str) -> bytes:
    if reply.startswith("raw:"):
        return reply.removeprefix("raw:").encode("latin-1")
    first, *others = reply.split("\n")
    lines = [first, *(f"{first[:3]} {line}" for line in others)]
    lines[:-1] = [f"{line[:3]}-{line[4:]}" for line in lines[:-1]]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _path(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]


def _message_id(body: bytes) -> str:
    header = body.partition(b"\r\n\r\n")[0]
    for line in header.split(b"\r\n"):
        if line[:11].lower() == b"message-id:":
            return line[11:].strip().decode("ascii", "replace")
    return ""


def read_journal(path: Path) -> list[dict[str, Any]]:
    """What the peer has accepted, in order; a line torn by a kill was never answered."""
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines]


def parse_script(text: str) -> dict[str, list[Act]]:
    """Read the JSON form of a script."""
    script = {}
    for step, acts in json.loads(text).items():
        listed = acts if isinstance(acts, list) else [acts]
        script[step] = [Act(**(act | {"on": tuple(act.get("on", ()))})) for act in listed]
    return script


async def _main(arguments: argparse.Namespace) -> None:
    tls = None
    if arguments.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(arguments.certificate)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    peer = ScriptedPeer(
        journal=arguments.journal,
        script=parse_script(arguments.script),
        extensions=[name for name in EXTENSIONS if name not in arguments.no],
        size=arguments.size,
        tls=tls,
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        keep=False,
    )
    async with peer:
        if arguments.port_file:
            draft = arguments.port_file.with_suffix(".draft")
            draft.write_text(str(peer.port))
            draft.replace(arguments.port_file)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="{}")
    parser.add_argument("--no", action="append", default=[])
    parser.add_argument("--size", type=int, default=50_000_000)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--seed", type=int)
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
