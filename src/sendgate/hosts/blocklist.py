"""What DNS lists of addresses (RFC 5782) say of those that send, and whether they can be believed.

    2.0.0.127.ZONE  must be there   ┐
    1.0.0.127.ZONE  must not be     ┴─► 10.2.0.192.ZONE A ─► codes in 127.0.0.0/8 ─► its TXT

A list that has nothing to say to the asker (a public resolver, too many questions), or that is
no list any more, often answers for every address. So its test addresses come first, and no
address of a list that fails them counts as listed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from sendgate.dns.answers import Address, Answer, Failed, Question, Reason, Records, Txt
from sendgate.names import Domain
from sendgate.observed import Evidence, Unknown, evidence_of
from sendgate.profile import IpAddress

__all__ = ["LONGEST_PREFIX", "Blocklist", "ListEntry", "known_addresses", "name_in"]

_CODES = IPv4Network("127.0.0.0/8")  # RFC 5782 section 2.1
_REFUSALS = IPv4Network("127.255.255.0/24")  # of Spamhaus, taken over by others
_NOBODY = IPv4Address("127.0.0.1")  # of others for the same: no list may hold it
LONGEST_PREFIX = ".".join("0" * 32)  # what stands before a zone for an IPv6 address


def name_in(zone: Domain, ip: IpAddress) -> Domain:
    """The name that a list has an address at (RFC 5782 sections 2.1 and 2.4)."""
    labels = ip.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return zone.child(labels)


def known_addresses(version: int) -> tuple[IpAddress, IpAddress]:
    """The address that every list holds, and the one that none does (RFC 5782 section 5)."""
    texts = ("127.0.0.2", "127.0.0.1") if version == 4 else ("::ffff:7f00:2", "::ffff:7f00:1")
    return ipaddress.ip_address(texts[0]), ipaddress.ip_address(texts[1])


@dataclass(frozen=True)
class ListEntry:
    """One sending address at one list; `why` answers for TXT where an A record is there."""

    ip: IpAddress
    answer: Answer
    why: Answer | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes under which the address is listed; empty where none is known."""
        return () if self.unknown is not None else tuple(map(str, _codes(self.answer)))

    @property
    def texts(self) -> tuple[str, ...]:
        """What the list says of it in words."""
        return tuple(x.text for x in self.why.of(Txt)) if isinstance(self.why, Records) else ()

    @property
    def unknown(self) -> Unknown | None:
        """Why it is not known whether the address is listed."""
        return _unread(self.answer)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The codes, then the words."""
        return tuple(x for a in (self.answer, self.why) if a is not None for x in evidence_of(a))


@dataclass(frozen=True)
class Blocklist:
    """A list, as asked about addresses of one family (`version` 4 or 6).

    `held` answers for the test address that every list holds, `free` for the one that none
    does. `entries` is empty where the list failed these tests.
    """

    zone: Domain
    version: int
    held: Answer
    free: Answer
    entries: tuple[ListEntry, ...] = ()

    @property
    def unknown(self) -> Unknown | None:
        """Why the list cannot be read; None: it can."""
        held, free = known_addresses(self.version)
        unread = _unread(self.held) or _unread(self.free)
        if unread is not None:
            return unread
        if not _codes(self.held):
            detail = f"it does not hold the test address {held}, as every list does"
            return Unknown(self.held.question, Reason.MALFORMED, detail)
        if _codes(self.free):
            detail = f"it holds {free}, which no list may: its answers mean nothing"
            return Unknown(self.free.question, Reason.MALFORMED, detail)
        return None

    @property
    def is_asked(self) -> bool:
        """Whether anybody was asked; not where only given zones or a recording answer."""
        return not any(
            isinstance(x, Failed) and x.reason is Reason.NOT_ASKED for x in (self.held, self.free)
        )


def _found(answer: Answer) -> list[IpAddress]:
    return [x.ip for x in answer.of(Address) if x.ip] if isinstance(answer, Records) else []


def _codes(answer: Answer) -> list[IpAddress]:
    return [ip for ip in _found(answer) if ip in _CODES and not _refuses(ip)]


def _refuses(ip: IpAddress) -> bool:
    return ip in _REFUSALS or ip == _NOBODY


def _unread(answer: Answer) -> Unknown | None:
    """Why an answer says nothing of the address: none came, it is refused, or it is no code."""
    if isinstance(answer, Failed):
        return Unknown.of(answer)
    found = _found(answer)
    refusals = [ip for ip in found if _refuses(ip)]
    if refusals:
        return _not(answer.question, Reason.REFUSED, refusals[0], "by which lists refuse to answer")
    if found and not _codes(answer):
        return _not(answer.question, Reason.MALFORMED, found[0], "which is no code of a list")
    return None


def _not(question: Question, reason: Reason, ip: IpAddress, what: str) -> Unknown:
    return Unknown(question, reason, f"the list answers {ip}, {what}")
