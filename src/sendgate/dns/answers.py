"""What is asked of DNS and what comes back, as frozen values.

    Question(name, rdtype) ──► DnsSource.ask ──► Records | NoData | NxDomain | Failed

The four kinds of answer call for four different sentences and are never folded together:
the data is there; the name exists without such data (RFC 2308 section 2.2); the name does
not exist and nothing below it does (RFC 8020); nobody could tell.

Every answer keeps the aliases that were followed on the way, because an alias at a mail
name is itself a fact that rules judge.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar

from sendgate.names import Domain

__all__ = [
    "MAX_ALIASES",
    "Address",
    "Alias",
    "Answer",
    "Failed",
    "Mx",
    "NoData",
    "NxDomain",
    "Origin",
    "Question",
    "Raw",
    "Rdata",
    "Reason",
    "Record",
    "Records",
    "Soa",
    "Target",
    "Txt",
]


# CNAMEs followed for one question, as BIND does; resolvers stop between 8 and 17, and RFC 1034
# section 3.6.2 only asks that loops be detected.
MAX_ALIASES = 16


@dataclass(frozen=True, order=True)
class Question:
    """One question: a name and a record type such as ``TXT``.

    `checking_disabled` sets the CD bit (RFC 4035 section 3.2.2), which tells bogus from
    broken. `server` is an IP address to ask directly and without recursion, so that a
    zone's own servers can be compared; None asks the source's usual way.
    """

    name: Domain
    rdtype: str
    checking_disabled: bool = False
    server: str | None = None

    def __str__(self) -> str:
        at = f" at {self.server}" if self.server else ""
        return f"{self.name} {self.rdtype}{at}"


@dataclass(frozen=True)
class Origin:
    """Where an answer was read: a resolver's address, a file with its line, a recording."""

    kind: Literal["resolver", "file", "recording"]
    where: str
    line: int | None = None

    def __str__(self) -> str:
        return self.where if self.line is None else f"{self.where}:{self.line}"


@dataclass(frozen=True)
class Txt:
    """A TXT record: its character-strings, each at most 255 octets (RFC 1035 3.3.14)."""

    strings: tuple[bytes, ...]

    @property
    def octets(self) -> bytes:
        """The strings joined without separator (RFC 7208 section 3.3, RFC 6376 3.6.2.2)."""
        return b"".join(self.strings)

    @property
    def text(self) -> str:
        """The joined strings, one character an octet above 127 (latin-1), so none is lost."""
        return self.octets.decode("latin-1")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Mx:
    """A mail exchanger; the exchange `.` with nothing beside it is a null MX (RFC 7505)."""

    preference: int
    exchange: Domain

    @property
    def is_null(self) -> bool:
        """Whether this is the null MX of RFC 7505 section 3."""
        return self.exchange.text == "."

    def __str__(self) -> str:
        return f"{self.preference} {self.exchange}"


@dataclass(frozen=True)
class Address:
    """An A or AAAA record.

    `ip` is None for an ALIAS, ANAME or provider alias in a repository: the name has an
    address, and which one cannot be told from the file. `behind` is then the target of the
    CNAME that the provider answers for instead of showing it (Cloudflare's proxy and
    flattening), where there is one.
    """

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address | None
    behind: Domain | None = None

    def __str__(self) -> str:
        return "(an address known only to the DNS provider)" if self.ip is None else str(self.ip)


@dataclass(frozen=True)
class Target:
    """A record that names another name: CNAME, NS, PTR."""

    name: Domain

    def __str__(self) -> str:
        return str(self.name)


@dataclass(frozen=True)
class Soa:
    """The start of a zone's authority (RFC 1035 section 3.3.13), as far as rules need it."""

    mname: Domain
    rname: Domain
    serial: int
    minimum: int

    def __str__(self) -> str:
        return f"{self.mname} {self.rname} {self.serial} (minimum {self.minimum})"


@dataclass(frozen=True)
class Raw:
    """Any other record, in presentation form."""

    text: str

    def __str__(self) -> str:
        return self.text


Rdata = Txt | Mx | Address | Target | Soa | Raw
T = TypeVar("T", Txt, Mx, Address, Target, Soa, Raw)


@dataclass(frozen=True)
class Record:
    """One record's data, its TTL in seconds, and where it was read."""

    data: Rdata
    ttl: int
    origin: Origin


@dataclass(frozen=True)
class Alias:
    """One CNAME that was followed.

    `beside` are the types that the same name also carries against RFC 1034 section 3.6.2,
    `others` the targets of further CNAMEs there: both are seen only in zone files and at
    authoritative servers, and are empty through a resolver.
    """

    name: Domain
    target: Domain
    ttl: int
    origin: Origin
    beside: tuple[str, ...] = ()
    others: tuple[Domain, ...] = ()


@dataclass(frozen=True)
class Records:
    """The data is there.

    `authentic` is the AD bit, kept only where the path to the resolver can be trusted
    (loopback, or authenticated TLS). `wildcard` is the `*` name the answer was made from
    (RFC 4592), or None where none was, or where a resolver cannot tell.
    """

    question: Question
    records: tuple[Record, ...]
    origin: Origin
    aliases: tuple[Alias, ...] = ()
    authentic: bool = False
    wildcard: Domain | None = None

    @property
    def ttl(self) -> int:
        """The smallest TTL in seconds of the records and of the aliases before them."""
        return min([r.ttl for r in self.records] + [a.ttl for a in self.aliases], default=0)

    @property
    def owner(self) -> Domain:
        """The name that owns the data: the end of the alias chain."""
        return self.aliases[-1].target if self.aliases else self.question.name

    def of(self, kind: type[T]) -> Iterator[T]:
        """The data of one kind, in the order of the answer."""
        for _, data in self.holding(kind):
            yield data

    def holding(self, kind: type[T]) -> Iterator[tuple[Record, T]]:
        """The records that hold data of one kind, each with that data, in their order."""
        for record in self.records:
            if isinstance(record.data, kind):
                yield record, record.data


@dataclass(frozen=True)
class NoData:
    """The name exists and has no such record (RFC 2308 section 2.2), or is an empty non-terminal.

    `zone` is the owner of the SOA in the authority section, where there was one.
    `assumed` marks an absence that the offline rule supplies, not one that was read.
    """

    question: Question
    origin: Origin
    aliases: tuple[Alias, ...] = ()
    authentic: bool = False
    zone: Domain | None = None
    wildcard: Domain | None = None
    assumed: bool = False


@dataclass(frozen=True)
class NxDomain:
    """The name, or the last alias target, does not exist, nor does anything below it (RFC 8020)."""

    question: Question
    origin: Origin
    aliases: tuple[Alias, ...] = ()
    authentic: bool = False
    zone: Domain | None = None
    assumed: bool = False


class Reason(StrEnum):
    """Why nobody could tell."""

    TIMEOUT = "timeout"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    LAME = "lame"  # a server that should know the zone does not, or refers elsewhere
    MALFORMED = "malformed"  # an answer that cannot be read, or another error code
    UNREACHABLE = "unreachable"  # no route, connection refused, TLS failure
    ALIAS_LOOP = "alias-loop"  # a CNAME chain that returns to itself or has no end
    NOT_ASKED = "not-asked"  # outside the given zones or recording, with --offline or --replay
    HIDDEN = "hidden"  # there, but only the DNS provider knows the value
    UNREADABLE = "unreadable"  # its zone stands in a file that could not be read
    INCOMPLETE = "incomplete"  # the zone has further records that its repository does not show
    ALLOWANCE = "allowance"  # an optional question left out to keep the audit small

    @property
    def was_asked(self) -> bool:
        """Whether anybody was asked; False where the question was left out on purpose."""
        return self not in {Reason.NOT_ASKED, Reason.ALLOWANCE}


@dataclass(frozen=True)
class Failed:
    """Nobody could tell. Never evidence of absence."""

    question: Question
    reason: Reason
    detail: str = ""
    origin: Origin | None = None
    aliases: tuple[Alias, ...] = ()

    @property
    def text(self) -> str:
        """The reason in words: ``timeout``, ``servfail (192.0.2.1 after 3 tries)``."""
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)


Answer = Records | NoData | NxDomain | Failed
