"""A mail server's side of the milter protocol, as far as a filter needs it to judge one message."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VERSION = 6
ACTIONS = 0x1FF  # all of them: the filter may ask for any change
LEADING_SPACE = 0x100000  # values keep the white space after the colon
_FINAL = b"acdrty4"  # accept, continue, discard, reject, tempfail, reply code, shutdown
_CHUNK = 65_535


@dataclass(frozen=True)
class Verdict:
    """What a filter made of a message: its last word, and the fields it wants on top."""

    word: str
    added: tuple[tuple[str, str], ...]


def judge(
    place: Path, octets: bytes, *, ip: str, helo: str, mail_from: str, recipient: str
) -> Verdict:
    """Show a message to the filter that listens at a Unix socket."""
    header, _, body = octets.partition(b"\r\n\r\n")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(place))
        talk = _Talk(connection)
        talk.send(b"O", struct.pack("!III", VERSION, ACTIONS, LEADING_SPACE))
        talk.receive()
        for macro, value in ((b"C", b"j\0mx.example.net\0"), (b"M", b"i\0QUEUEID\0")):
            talk.send(b"D", macro + value)
        family = b"6" if ":" in ip else b"4"
        port = struct.pack("!H", 45_678)
        steps = [
            (b"C", helo.encode() + b"\0" + family + port + ip.encode() + b"\0"),
            (b"H", helo.encode() + b"\0"),
            (b"M", b"<" + mail_from.encode() + b">\0"),
            (b"R", b"<" + recipient.encode() + b">\0"),
            *((b"L", name + b"\0" + value + b"\0") for name, value in _fields(header)),
            (b"N", b""),
            *((b"B", body[at : at + _CHUNK]) for at in range(0, len(body), _CHUNK)),
        ]
        for command, data in steps:
            talk.send(command, data)
            answer, _ = talk.receive()
            if answer != b"c":
                return Verdict(answer.decode(), ())
        talk.send(b"E")
        return _ending(talk)


def _ending(talk: _Talk) -> Verdict:
    added = []
    while True:
        answer, data = talk.receive()
        if answer in (b"h", b"i"):
            name, value, *_ = (data[4:] if answer == b"i" else data).split(b"\0")
            added.append((name.decode(), value.decode("utf-8", "replace").strip()))
        elif answer in (bytes([one]) for one in _FINAL):
            return Verdict(answer.decode(), tuple(added))


def _fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    name = value = b""
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            value += b"\n" + line
            continue
        if name:
            yield name, value
        name, _, value = line.partition(b":")
    if name:
        yield name, value


@dataclass
class _Talk:
    connection: socket.socket

    def send(self, command: bytes, data: bytes = b"") -> None:
        self.connection.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def receive(self) -> tuple[bytes, bytes]:
        (length,) = struct.unpack("!I", self._exactly(4))
        octets = self._exactly(length)
        return octets[:1], octets[1:]

    def _exactly(self, number: int) -> bytes:
        octets = b""
        while len(octets) < number:
            more = self.connection.recv(number - len(octets))
            assert more, "the filter hung up"
            octets += more
        return octets
