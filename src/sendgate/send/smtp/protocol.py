"""The client's side of SMTP without a socket: replies go in, steps come out (RFC 5321).

    opening:      Read(banner) ─► Write(EHLO) ─► Read … Write(STARTTLS) ─► Read ─► StartTls
                  ─► Write(EHLO) ─► Read
    transaction:  Write(MAIL RCPT DATA) ─► Read Read Read ─► WriteHead ─► Commit
                  ─► WriteLast ─► Read(dot)

Both are generators: they yield the next `Step`, want the reply to each `Read` sent in, and
return how it ended. Whoever drives them decides how bytes travel and how long to wait.
The next transaction begins only when this one has its reply, so a MAIL command never
stands behind a final dot whose outcome is not yet known.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, replace

from sendgate.errors import InputError
from sendgate.send.outcome import Delivered, Peer, Phase, Reply, Unknown
from sendgate.send.smtp.payload import Envelope, Payload
from sendgate.send.smtp.result import Attempt, Broken, Fault, Refused, Unfit, Unfitness

__all__ = [
    "Capabilities",
    "Commit",
    "Conversation",
    "Opening",
    "Read",
    "StartTls",
    "Step",
    "Transaction",
    "Write",
    "WriteHead",
    "WriteLast",
]

_GREETING, _READY_FOR_TLS, _OK, _START_INPUT, _CLOSING = 220, 220, 250, 354, 421
_NO_EHLO = range(500, 600)
_RESET = b"RSET\r\n"
_HELO = re.compile(r"[A-Za-z0-9._:\[\]-]+")  # a name or an address literal


@dataclass(frozen=True, slots=True)
class Read:
    """Wait for the reply that belongs to `phase`, and send it in."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Write:
    """Send commands."""

    data: bytes
    phase: Phase


@dataclass(frozen=True, slots=True)
class WriteHead:
    """Send the message up to its last block."""

    data: bytes
    phase: Phase = Phase.DATA


@dataclass(frozen=True, slots=True)
class Commit:
    """Wait until the caller has written down that the last block is about to leave."""

    phase: Phase = Phase.DATA


@dataclass(frozen=True, slots=True)
class WriteLast:
    """Send the last block, with the final dot: from its first octet on there is no way back."""

    data: bytes
    phase: Phase = Phase.DOT


@dataclass(frozen=True, slots=True)
class StartTls:
    """Forget what has been received, then begin TLS; send in nothing."""

    phase: Phase = Phase.STARTTLS


Step = Read | Write | WriteHead | Commit | WriteLast | StartTls
Opening = Generator[Step, Reply | None, Refused | Broken | None]
Transaction = Generator[Step, Reply | None, Attempt]


@dataclass(frozen=True)
class Capabilities:
    """What the receiver announced in its reply to EHLO; nothing after HELO.

    `size` is its largest message in octets, None where it names no limit.
    """

    pipelining: bool = False
    eight_bit: bool = False
    utf8: bool = False
    starttls: bool = False
    sized: bool = False
    size: int | None = None

    @classmethod
    def read(cls, reply: Reply) -> Capabilities:
        """Read the reply to EHLO (RFC 5321 section 4.1.1.1); unknown keywords are skipped."""
        words: dict[str, str] = {}
        for line in reply.lines[1:]:
            keyword, _, rest = line.strip().partition(" ")
            words.setdefault(keyword.upper(), rest.strip())
        limit = words.get("SIZE", "")
        # RFC 1870 section 4: no number and 0 both mean that no limit is announced.
        known = limit.isascii() and limit.isdigit() and len(limit) <= 20 and int(limit) > 0
        return cls(
            pipelining="PIPELINING" in words,
            eight_bit="8BITMIME" in words,
            utf8="SMTPUTF8" in words,
            starttls="STARTTLS" in words,
            sized="SIZE" in words,
            size=int(limit) if known else None,
        )


class Conversation:
    """One connection's memory: to whom we speak, what it offers, whether it may go on.

    `tls` demands STARTTLS where it is True, takes it where it is offered and `tls` is
    None, and leaves it alone where it is False. Raises `InputError` for a `helo` that is
    neither a host's name nor an address literal.
    """

    def __init__(self, helo: str, peer: Peer, *, tls: bool | None) -> None:
        if not _HELO.fullmatch(helo):
            raise InputError(f"{helo!r} cannot stand in an EHLO command: name this host")
        self.peer = peer
        self.capabilities = Capabilities()
        self.is_over = False
        self._helo = helo.encode("ascii")
        self._tls = tls
        self._open_transaction = False

    def secured(self, words: str) -> None:
        """Note that TLS runs, in words such as ``TLSv1.3 (dane)``."""
        self.peer = replace(self.peer, tls=words)

    def opening(self) -> Opening:
        """Greeting, EHLO, and TLS where it is to be had; None when mail can be given."""
        reply = yield from _ask(Phase.BANNER)
        if reply.code != _GREETING:
            return self._no(Phase.BANNER, reply)
        if failure := (yield from self._hello()):
            return failure
        if self._tls is False:
            return None
        if not self.capabilities.starttls:
            return self._untrusted("STARTTLS is not offered") if self._tls else None
        yield Write(b"STARTTLS\r\n", Phase.STARTTLS)
        reply = yield from _ask(Phase.STARTTLS)
        if reply.code != _READY_FOR_TLS:
            if reply.code == _CLOSING or reply.code < 400:
                return self._no(Phase.STARTTLS, reply)
            return self._untrusted("STARTTLS was refused", reply) if self._tls else None
        yield StartTls()
        # RFC 3207 section 4.2: what was said in the clear counts no more.
        return (yield from self._hello())

    def transaction(self, envelope: Envelope, payload: Payload) -> Transaction:
        """Give one message to one recipient; the answer says whether it was taken."""
        if unfit := self._unfit(envelope, payload):
            return unfit
        refused = yield from self._commands(self._group(envelope, payload))
        if refused is not None:
            return refused
        if payload.head:
            yield WriteHead(payload.head)
        yield Commit()
        yield WriteLast(payload.last)
        reply = yield from _ask(Phase.DOT)
        if reply.is_positive:
            return Delivered(reply, self.peer)
        if reply.code < 400:  # neither yes nor no
            self.is_over = True
            return Unknown(f"the final dot was answered with {reply.code}", self.peer)
        return self._no(Phase.DOT, reply)

    def quitting(self) -> bytes:
        """The command that ends the connection."""
        self.is_over = True
        return b"QUIT\r\n"

    def unasked(self, phase: Phase, reply: Reply) -> Refused | Broken:
        """A reply came while none was due: a refusal in advance, or nonsense."""
        self.is_over = True
        return self._no(phase, reply)

    def lost(self, phase: Phase, fault: Fault, detail: str, *, in_doubt: bool) -> Broken | Unknown:
        """The connection failed; `in_doubt`: an octet of the last block may have left."""
        self.is_over = True
        if in_doubt:
            return Unknown(f"no reply to the final dot: {detail}", self.peer)
        return Broken(phase, fault, detail, self.peer)

    def _hello(self) -> Generator[Step, Reply | None, Refused | Broken | None]:
        self.capabilities = Capabilities()
        yield Write(b"EHLO %b\r\n" % self._helo, Phase.EHLO)
        reply = yield from _ask(Phase.EHLO)
        if reply.code == _OK:
            self.capabilities = Capabilities.read(reply)
            return None
        if reply.code not in _NO_EHLO:
            return self._no(Phase.EHLO, reply)
        yield Write(b"HELO %b\r\n" % self._helo, Phase.EHLO)  # RFC 5321 section 3.2
        reply = yield from _ask(Phase.EHLO)
        return None if reply.code == _OK else self._no(Phase.EHLO, reply)

    def _unfit(self, envelope: Envelope, payload: Payload) -> Unfit | None:
        offered = self.capabilities
        if offered.size is not None and payload.size > offered.size:
            detail = f"the message has {payload.size} octets, the receiver takes {offered.size}"
            return Unfit(Unfitness.TOO_LARGE, detail, self.peer)
        if not (envelope.is_ascii and payload.has_ascii_header) and not offered.utf8:
            what = "a header field" if envelope.is_ascii else "an address"
            detail = f"{what} is not ASCII, and the receiver does not offer SMTPUTF8"
            return Unfit(Unfitness.NEEDS_SMTPUTF8, detail, self.peer)
        if not payload.is_ascii and not offered.eight_bit:
            detail = "the message has 8-bit content, and the receiver does not offer 8BITMIME"
            return Unfit(Unfitness.NEEDS_8BITMIME, detail, self.peer)
        return None

    def _group(self, envelope: Envelope, payload: Payload) -> list[tuple[Phase, bytes]]:
        offered, words = self.capabilities, [b"MAIL FROM:<%b>" % envelope.mail_from.encode()]
        if offered.sized:
            words.append(b"SIZE=%d" % payload.size)
        if not payload.is_ascii:
            words.append(b"BODY=8BITMIME")
        if not (envelope.is_ascii and payload.has_ascii_header):
            words.append(b"SMTPUTF8")
        return [
            (Phase.MAIL, b" ".join(words) + b"\r\n"),
            (Phase.RCPT, b"RCPT TO:<%b>\r\n" % envelope.rcpt_to.encode()),
            (Phase.DATA, b"DATA\r\n"),
        ]

    def _commands(
        self, group: list[tuple[Phase, bytes]]
    ) -> Generator[Step, Reply | None, Refused | Broken | None]:
        """MAIL, RCPT, DATA, together where the receiver offers it (RFC 2920)."""
        if self._open_transaction:
            group = [(Phase.MAIL, _RESET), *group]
        self._open_transaction = True
        if self.capabilities.pipelining:
            yield Write(b"".join(command for _, command in group), Phase.MAIL)
        refused: Refused | Broken | None = None
        for phase, command in group:
            if not self.capabilities.pipelining:
                yield Write(command, phase)
            reply = yield from _ask(phase)
            if command == _RESET and not reply.is_positive and reply.code != _CLOSING:
                # About the connection, not about this recipient: another one will do.
                self.is_over = True
                return Broken(phase, Fault.PROTOCOL, "RSET was refused", self.peer, reply)
            if command != b"DATA\r\n":
                failed = not reply.is_positive
            else:
                failed = reply.code != _START_INPUT
                # It wants input though it refused the sender or the recipient. RFC 2920
                # section 3.1 has a single dot end that; hanging up does too, and sends nobody
                # an empty message.
                self.is_over = self.is_over or (refused is not None and not failed)
            if failed and refused is None:
                refused = self._no(phase, reply)
            if reply.code == _CLOSING:
                self.is_over = True
            if refused is not None and (self.is_over or not self.capabilities.pipelining):
                break
        if refused is None:
            self._open_transaction = False  # the final dot ends it, whatever the reply
        return refused

    def _no(self, phase: Phase, reply: Reply) -> Refused | Broken:
        if reply.code == _CLOSING or phase in {Phase.BANNER, Phase.EHLO, Phase.STARTTLS}:
            self.is_over = True
        if reply.code >= 400:
            return Refused(phase, reply, self.peer)
        self.is_over = True  # the two sides no longer agree on where they are
        return Broken(phase, Fault.PROTOCOL, "an unexpected reply", self.peer, reply)

    def _untrusted(self, detail: str, reply: Reply | None = None) -> Broken:
        self.is_over = True
        return Broken(Phase.STARTTLS, Fault.TLS_POLICY, detail, self.peer, reply)


def _ask(phase: Phase) -> Generator[Step, Reply | None, Reply]:
    reply = yield Read(phase)
    assert reply is not None, "the reply to a Read is sent in"
    return reply
