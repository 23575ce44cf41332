"""Returned mail: what a delivery status notification says of each recipient (RFC 3464)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sendgate.message.record import Message

__all__ = ["MAX_RETURNED", "Returned", "returned"]

MAX_RETURNED = 10  # recipients of one report that are told
_MAX_PART = 100_000  # octets of a report that are read
_PART = re.compile(
    rb"^content-type:[ \t]*message/(?:global-)?delivery-status\b", re.IGNORECASE | re.MULTILINE
)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_GROUPS = re.compile(r"\n[ \t]*\n")
_FOLD = re.compile(r"\n[ \t]+")
_ENHANCED = re.compile(r"\b[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")


@dataclass(frozen=True)
class Returned:
    """What became of one recipient.

    `code` is the enhanced status code (RFC 3463), that of the reply before that of the
    report, which is often a general one. `host` is the host that said so, and `text` its
    reply; both are empty where the report does not name them. `line` is where the report's
    part begins in the message, from 1.
    """

    recipient: str
    code: str
    host: str
    text: str
    line: int


def returned(message: Message) -> tuple[Returned, ...]:
    """Read what a delivery report says, of those that were not reached or not yet.

    Empty for a message that is no such report. What cannot be read is left out.
    """
    kind = message.first("Content-Type")
    text = "" if kind is None else kind.text.lower()
    if "multipart/report" not in text or "delivery-status" not in text:
        return ()
    body = message.body
    part = _PART.search(body)
    begins = None if part is None else _END_OF_HEADER.search(body, part.end())
    if begins is None:
        return ()
    octets = body[begins.end() : begins.end() + _MAX_PART]
    content = octets.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n--")[0]
    place = message.octets.count(b"\n", 0, message.body_offset + begins.end()) + 1
    found = (_recipient(group, place) for group in _GROUPS.split(content.strip("\n"))[1:])
    return tuple(one for one in found if one is not None)[:MAX_RETURNED]


def _recipient(group: str, line: int) -> Returned | None:
    fields: dict[str, str] = {}
    for entry in _FOLD.sub(" ", group).split("\n"):
        name, colon, value = entry.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    if fields.get("action", "").lower() not in {"failed", "delayed"}:
        return None
    reply = fields.get("diagnostic-code", "")
    code = _ENHANCED.search(reply) or _ENHANCED.search(fields.get("status", ""))
    if code is None:
        return None
    whom = fields.get("original-recipient") or fields.get("final-recipient", "")
    return Returned(
        _value(whom), code[0], _value(fields.get("remote-mta", "")), _value(reply), line
    )


def _value(text: str) -> str:
    """Give what stands behind the type: ``rfc822; ann@example.net``."""
    kind, semicolon, value = text.partition(";")
    return value.strip() if semicolon else kind.strip()
