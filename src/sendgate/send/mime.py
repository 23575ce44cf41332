"""MIME: texts as header fields and bodies that every mail system carries unchanged. Pure.

Everything comes out as ASCII (but for an address that has no ASCII form), in lines of at
most 76 characters where it can be, ended by CRLF. So no relay needs to convert a message,
which would break its signature, and 8BITMIME is never asked for the content's sake.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from sendgate.errors import RenderError
from sendgate.send.address import Mailbox

__all__ = ["Part", "encode_part", "field", "mailbox_field", "multipart", "text_field"]

LINE = 76  # RFC 2047 section 2 and RFC 2045 section 6.7; RFC 5322 section 2.1.1 allows 78
WORD = 75  # RFC 2047 section 2: an encoded word
# Quoting keeps text of Latin script readable to people and filters; beyond this growth the
# text is of another script, and base64, which grows it by a third, is the better choice.
READABLE = 2.25

_PLAIN = re.compile(r"[\x20-\x7e]*\Z")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
# What stands for itself in a Q-encoded word wherever one may stand (RFC 2047 section 5).
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = tuple(chr(b) if b in _Q_SAFE else "_" if b == 0x20 else f"={b:02X}" for b in range(256))
_FRAME = len("=?utf-8?q??=")  # what an encoded word has around its text
# A body that may travel as it is: short lines of visible ASCII without blanks at their ends.
# `=_` is kept for boundaries.
_SEVEN_BIT = re.compile(r"(?:(?:(?!=_)[\t\x20-\x7e]){0,76}(?<![\t ])\n)*\Z")


def field(name: str, value: str) -> str:
    """A header field that has one place to fold, after its name."""
    gap = " " if len(name) + 2 + len(value) <= LINE else "\r\n "
    return f"{name}:{gap}{value}\r\n"


def text_field(name: str, value: str) -> str:
    """A field of free text (RFC 5322 section 2.2.1), encoded where it must be (RFC 2047).

    Raises `RenderError` for a line break, NUL or another control character: what is
    personal may be in a field, but never make one.
    """
    bad = _FORBIDDEN.search(value)
    if bad:
        raise RenderError(f"{name} holds a control character (U+{ord(bad[0]):04X})")
    value = value.strip()
    if _PLAIN.match(value) and "=?" not in value:
        if len(name) + 2 + len(value) <= LINE:
            return f"{name}: {value}\r\n"
        folded = _folded(value.split(" "), len(name) + 2)
        if folded is not None:
            return f"{name}: {folded}\r\n"
    words = _encoded_words(value, LINE - len(name) - 2)
    return f"{name}: " + "\r\n ".join(words) + "\r\n"


def mailbox_field(name: str, mailbox: Mailbox) -> str:
    """A field of one mailbox, its name quoted or encoded as it must be."""
    address = f"<{mailbox.address}>"
    if not mailbox.name:
        return field(name, str(mailbox.address))
    if _ATOMS.match(mailbox.name) and "=?" not in mailbox.name:
        shown = [mailbox.name]
    elif _PLAIN.match(mailbox.name) and "=?" not in mailbox.name:
        escaped = mailbox.name.replace("\\", "\\\\").replace('"', '\\"')
        shown = [f'"{escaped}"']
    else:
        shown = _encoded_words(mailbox.name, LINE - len(name) - 2)
    if len(shown) == 1 and len(name) + 3 + len(shown[0]) + len(address) <= LINE:
        return f"{name}: {shown[0]} {address}\r\n"
    return f"{name}: " + "\r\n ".join([*shown, address]) + "\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A body with the fields that say what it is; lines end in CRLF, the last one too."""

    fields: str
    body: bytes


def encode_part(text: str, subtype: str) -> Part:
    """A text as 7bit where that fits, else quoted-printable, or base64 for other scripts.

    Line breaks of any kind become CRLF. Raises `RenderError` for NUL, which no message
    may hold (RFC 5322 section 3.5), and for what is no text.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.endswith("\n"):
        text += "\n"
    if "\0" in text:
        raise RenderError("the message holds a NUL character")
    if text.isascii() and _SEVEN_BIT.match(text):
        return _part(subtype, "us-ascii", "7bit", text.encode("ascii"))
    charset = "us-ascii" if text.isascii() else "utf-8"
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise RenderError("the message holds half a character (a lone surrogate)") from None
    quoted = binascii.b2a_qp(octets)
    if len(quoted) <= len(octets) * READABLE:
        return _part(subtype, charset, "quoted-printable", quoted)
    # The canonical form of text has CRLF line ends before base64 (RFC 2045 section 6.8).
    raw = octets.replace(b"\n", b"\r\n")
    step = LINE // 4 * 3
    lines = [binascii.b2a_base64(raw[i : i + step]) for i in range(0, len(raw), step)]
    return _part(subtype, charset, "base64", b"".join(lines))


def multipart(parts: tuple[Part, ...], boundary: str) -> Part:
    """The parts as alternatives, the preferred one last (RFC 2046 section 5.1.4).

    `boundary` must begin with ``=_``, which no body of `encode_part` contains.
    """
    chunks = []
    for part in parts:
        chunks += [f"--{boundary}\r\n{part.fields}\r\n".encode(), part.body]
    chunks.append(f"--{boundary}--\r\n".encode())
    fields = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
    return Part(fields, b"".join(chunks))


def _part(subtype: str, charset: str, encoding: str, body: bytes) -> Part:
    fields = (
        f"Content-Type: text/{subtype}; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
    )
    return Part(fields, body.replace(b"\n", b"\r\n"))


def _folded(words: list[str], used: int) -> str | None:
    """Fold between words; None where a word is too long, or a fold would touch other blanks."""
    lines, current, room = [], "", LINE - used
    for word in words:
        if not word or len(word) > LINE - 1:
            return None
        if not current:
            current = word
        elif len(current) + 1 + len(word) <= room:
            current += " " + word
        else:
            lines.append(current)
            current, room = word, LINE - 1
    if len(words[0]) > LINE - used:
        return None
    return "\r\n ".join([*lines, current])


def _encoded_words(text: str, first: int) -> list[str]:
    """Encoded words of RFC 2047, in Q or, for other scripts, B; `first`: room on line one."""
    octets = text.encode()
    encode = _q_text if len(_q_text(octets)) <= len(octets) * READABLE else _b_text
    words: list[str] = []
    start, room = 0, min(first, WORD) - _FRAME
    while start < len(text):
        size = _fitting(text[start : start + room], encode, room)
        words.append(encode(text[start : start + size].encode()))
        start, room = start + size, WORD - _FRAME
    kind = "q" if encode is _q_text else "b"
    return [f"=?utf-8?{kind}?{word}?=" for word in words]


def _fitting(text: str, encode: Callable[[bytes], str], room: int) -> int:
    """How many of the first characters fit, one at least; a word has whole ones (section 5)."""
    if len(encode(text.encode())) <= room:
        return len(text)
    sizes = range(1, len(text))
    return max(1, bisect_right(sizes, room, key=lambda n: len(encode(text[:n].encode()))))


def _q_text(octets: bytes) -> str:
    return "".join(map(_Q.__getitem__, octets))


def _b_text(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode()
