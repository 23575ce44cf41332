"""A message as it goes over the wire, in two parts: all but the last block, and that block.

    message ─► Payload.of ─► head │ last ──► … CRLF . CRLF
                                  └ here the caller writes down that it is about to send

Nothing is repaired: the message was signed byte for byte, so one that SMTP cannot carry as
it is raises `Unsendable`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LAST_BLOCK_OCTETS", "Envelope", "Payload", "Unsendable"]

# The last block is what a lost connection leaves in doubt: small enough to go out at once.
LAST_BLOCK_OCTETS = 16384
# RFC 5321 section 4.5.3.1.6, without the line's end.
MAX_LINE_OCTETS = 998

_END = b".\r\n"
# What would end the path or the line, or is no text (RFC 5321 section 4.1.2).
_NO_ADDRESS = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")


class Unsendable(Exception):  # noqa: N818 - it says what the message is
    """A message or an address that SMTP cannot carry; the text says why."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The sender's and the one recipient's address; an empty sender is the null path.

    Domains are A-labels already; a local part that is not ASCII asks for SMTPUTF8.
    """

    mail_from: str
    rcpt_to: str

    def check(self) -> None:
        """Raise `Unsendable` for what could end the path or the command line early."""
        if not self.rcpt_to or _NO_ADDRESS.search(self.rcpt_to):
            raise Unsendable(f"{self.rcpt_to!r} cannot stand in a RCPT command")
        if _NO_ADDRESS.search(self.mail_from):
            raise Unsendable(f"{self.mail_from!r} cannot stand in a MAIL command")

    @property
    def is_ascii(self) -> bool:
        """Whether both addresses go without SMTPUTF8 (RFC 6531)."""
        return self.mail_from.isascii() and self.rcpt_to.isascii()


@dataclass(frozen=True, slots=True)
class Payload:
    """A message made ready: dots stuffed, cut before its last block, the final dot in place.

    `size` is the message's own octets (RFC 1870 section 4: no dots that were added, no
    final dot). `is_ascii` is False where it asks for 8BITMIME, `has_ascii_header` False
    where it asks for SMTPUTF8 as well (RFC 6532).
    """

    head: bytes
    last: bytes
    size: int
    is_ascii: bool
    has_ascii_header: bool

    @classmethod
    def of(cls, message: bytes) -> Payload:
        """Make `message` ready: CRLF line ends, lines of at most 998 octets, no NUL.

        A missing last line end is added. Raises `Unsendable`.
        """
        _check(message)
        if not message.endswith(b"\r\n"):
            message += b"\r\n"
        is_ascii = message.isascii()
        header_end = len(message) if is_ascii else message.find(b"\r\n\r\n")
        header = message[:header_end] if header_end >= 0 else message
        body = stuff(message)
        cut = max(0, len(body) + len(_END) - LAST_BLOCK_OCTETS)
        return cls(
            head=body[:cut],
            last=body[cut:] + _END,
            size=len(message),
            is_ascii=is_ascii,
            has_ascii_header=is_ascii or header.isascii(),
        )


def stuff(message: bytes) -> bytes:
    """Double the dot that begins a line (RFC 5321 section 4.5.2)."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _check(message: bytes) -> None:
    ends = message.count(b"\r\n")
    # A bare CR or LF before a dot can end the message early at a lax receiver, and what
    # follows would be read as commands.
    if message.count(b"\n") != ends or message.count(b"\r") != ends:
        raise Unsendable("the message has a bare CR or LF; lines end with CRLF")
    if b"\0" in message:
        raise Unsendable("the message has a NUL octet")
    if message and max(map(len, message.split(b"\r\n"))) > MAX_LINE_OCTETS:
        raise Unsendable(f"the message has a line of more than {MAX_LINE_OCTETS} octets")
