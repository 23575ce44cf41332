"""What can become of one attempt to deliver one message to one recipient.

    attempt ─► Delivered | Deferred | Bounced | NotSent | Unknown

`Unknown` is the outcome that other mail systems do not have: the final dot may have
reached the receiver and its reply never came (RFC 1047). Such a message is held and never
sent again by itself, because a second copy cannot be told from a first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

__all__ = [
    "Bounced",
    "Deferred",
    "Delivered",
    "NotSent",
    "Outcome",
    "Peer",
    "Phase",
    "Reply",
    "Unknown",
]


class Phase(StrEnum):
    """The step of an SMTP session that a reply, or its absence, belongs to."""

    RESOLVE = "resolve"  # MX, address and policy look-ups, before any connection
    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the DATA command and the message up to its last block
    DOT = "dot"  # the last block, with the final dot, and the reply to it


@dataclass(frozen=True)
class Reply:
    """An SMTP reply (RFC 5321 section 4.2): its code and its lines without code and ends.

    `enhanced` is the status code of RFC 3463 (``5.1.1``) where the reply has one, cut off
    the lines.
    """

    code: int
    lines: tuple[str, ...]
    enhanced: str | None = None

    @property
    def text(self) -> str:
        """The lines joined by single spaces."""
        return " ".join(line.strip() for line in self.lines if line.strip())

    @property
    def is_positive(self) -> bool:
        """Whether the code is 2xx."""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.code, self.enhanced, self.text) if part)


@dataclass(frozen=True)
class Peer:
    """The host that was spoken to: MX name, its IP address, our source address, TLS in words.

    `tls` is None for a connection in the clear, else such as ``TLSv1.3 (dane)``.
    """

    mx: str
    address: str
    source: str | None = None
    tls: str | None = None


@dataclass(frozen=True)
class Delivered:
    """The receiver took the message over. Where it puts it, nobody but the receiver knows."""

    reply: Reply
    peer: Peer


@dataclass(frozen=True)
class Deferred:
    """Not now: the receiver said so, or a policy could not be met.

    `category` is the classifier's, or ``tls_policy``. `next` is the time of the next try.
    """

    category: str
    next: datetime
    phase: Phase
    reply: Reply | None = None
    peer: Peer | None = None
    detail: str = ""


@dataclass(frozen=True)
class Bounced:
    """The receiver refuses the message, or 72 hours of deferral are over (`hard` False)."""

    category: str
    hard: bool
    phase: Phase
    reply: Reply | None = None
    peer: Peer | None = None
    detail: str = ""


@dataclass(frozen=True)
class NotSent:
    """No mail exchanger answered. Not a bounce: the contact stays eligible.

    `next` is the time of the next try, None when the 72 hours are over and this is final.
    """

    detail: str
    next: datetime | None
    phase: Phase = Phase.CONNECT


@dataclass(frozen=True)
class Unknown:
    """The final dot may have arrived and no reply came: held until somebody resolves it."""

    detail: str
    peer: Peer | None


Outcome = Delivered | Deferred | Bounced | NotSent | Unknown
