"""What header fields say: mailboxes, encoded words, URIs in angle brackets. Pure, never raises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sendgate.errors import DomainError
from sendgate.names import Domain

__all__ = ["MailboxText", "angle_uris", "decode_words", "mailboxes"]

MAX_TEXT = 20_000  # characters of a field that are read as mailboxes or words
MAX_MAILBOXES = 1_000

_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*"?)|(?P<angle><[^<>]*>?)|(?P<mark>[,;:()])|(?P<text>[^",;:()<]+)'
)
_URI = re.compile(r"<([^<>]*)>")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,40}\?[bBqQ]\?)")


@dataclass(frozen=True)
class MailboxText:
    """One mailbox as a field shows it: the name beside it, decoded, and the address."""

    name: str
    address: str

    @property
    def local(self) -> str:
        """Everything before the last ``@``; the whole text where there is none."""
        return self.address.rpartition("@")[0] if "@" in self.address else self.address

    @property
    def host(self) -> str:
        """Everything after the last ``@``; empty where there is none."""
        return self.address.rpartition("@")[2] if "@" in self.address else ""

    @property
    def domain(self) -> Domain | None:
        """The domain of the address, or None where it has none that can be read."""
        try:
            found = Domain.parse(self.host)
        except DomainError:
            return None
        return found if found.is_hostname else None


def mailboxes(text: str) -> tuple[MailboxText, ...]:
    """Read a list of mailboxes (RFC 5322 section 3.4), groups opened, comments left out."""
    found: list[MailboxText] = []
    for parts in _entries(text[:MAX_TEXT]):
        angle = next((part[1:].rstrip(">") for part in parts if part.startswith("<")), None)
        shown = " ".join(part.strip() for part in parts if not part.startswith("<")).strip()
        if angle is None:
            if shown:
                found.append(MailboxText("", shown.replace(" ", "")))
        else:
            name = " ".join(map(_unquoted, (part.strip() for part in parts if part[0] != "<")))
            # A route before the address is obsolete and means nothing (section 4.4).
            address = angle.rpartition(":")[2] if angle.startswith("@") else angle
            found.append(MailboxText(decode_words(name.strip()), address.strip()))
        if len(found) == MAX_MAILBOXES:
            break
    return tuple(found)


def _entries(text: str) -> Iterator[list[str]]:
    """Cut at commas outside quotes and comments; a group's name and final semicolon go."""
    parts: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if mark == "(":
            depth += 1
        elif mark == ")":
            depth = max(0, depth - 1)
        elif depth:
            continue
        elif mark == ":":
            parts = []  # what stood before it was the name of a group
        elif mark is not None:
            if parts:
                yield parts
            parts = []
        elif token[0].strip():
            parts.append(token[0])
    if parts:
        yield parts


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", r"\1", text[1:].removesuffix('"'))


def decode_words(text: str) -> str:
    """Replace encoded words (RFC 2047) by what they say; one that cannot be read stays."""
    if "=?" not in text:
        return text
    return _ENCODED_WORD.sub(_decoded, _BETWEEN_WORDS.sub(r"\1", text[:MAX_TEXT]))


def _decoded(word: re.Match[str]) -> str:
    import binascii

    charset, encoding, body = word.groups()
    try:
        if encoding in "bB":
            octets = binascii.a2b_base64(body + "=" * (-len(body) % 4))
        else:
            octets = binascii.a2b_qp(body, header=True)
        return octets.decode(charset.partition("*")[0], "replace")
    except (ValueError, LookupError):
        return word[0]


def angle_uris(text: str) -> tuple[str, ...]:
    """Give the URIs between angle brackets (RFC 2369 section 2), white space taken out."""
    return tuple("".join(uri.split()) for uri in _URI.findall(text[:MAX_TEXT]))
