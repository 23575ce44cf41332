"""What one attempt over one connection can come to, in the terms of SMTP alone.

    Attempt = Delivered | Refused | Broken | Unfit | Unknown

`Delivered` and `Unknown` are final and those of `sendgate.send.outcome`. The others are
definite: the receiver did not take the message. What follows from them (another mail
exchanger, a later try, a bounce) is for the caller, who knows the schedule and the
classifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sendgate.send.outcome import Delivered, Peer, Phase, Reply, Unknown

__all__ = ["Attempt", "Broken", "Fault", "Refused", "Unfit", "Unfitness"]


class Fault(StrEnum):
    """Why a connection came to nothing without the receiver saying no."""

    LOCAL = "local"  # this machine: the source address is not ours, no socket is left
    UNREACHABLE = "unreachable"  # refused, or no way there
    TIMEOUT = "timeout"
    CLOSED = "closed"  # ended or reset by the peer
    PROTOCOL = "protocol"  # what came is not SMTP, or makes no sense here
    TLS = "tls"  # opportunistic TLS failed: another connection in the clear may succeed
    TLS_POLICY = "tls_policy"  # TLS as demanded cannot be had: not offered, or not theirs


class Unfitness(StrEnum):
    """Why this receiver cannot be given this message, found out without asking."""

    UNSENDABLE = "unsendable"  # no receiver can: SMTP cannot carry the message or an address
    TOO_LARGE = "too_large"  # more than its SIZE (RFC 1870)
    NEEDS_8BITMIME = "needs_8bitmime"  # RFC 6152
    NEEDS_SMTPUTF8 = "needs_smtputf8"  # RFC 6531


@dataclass(frozen=True)
class Refused:
    """The receiver answered with a 4xx or 5xx reply."""

    phase: Phase
    reply: Reply
    peer: Peer


@dataclass(frozen=True)
class Broken:
    """The connection failed while provably nothing of the last block had left.

    `reply` is there where a reply was the reason, such as one to STARTTLS.
    """

    phase: Phase
    fault: Fault
    detail: str
    peer: Peer
    reply: Reply | None = None


@dataclass(frozen=True)
class Unfit:
    """Nothing was sent, and the connection stays usable: message and receiver do not fit."""

    why: Unfitness
    detail: str
    peer: Peer


Attempt = Delivered | Refused | Broken | Unfit | Unknown
