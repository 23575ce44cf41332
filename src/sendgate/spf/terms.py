"""The terms of an SPF record (RFC 7208 sections 4.6, 5 and 6), each a frozen value."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum

from sendgate.spf.macro import MacroString

__all__ = [
    "BITS4",
    "BITS6",
    "A",
    "All",
    "Exists",
    "Exp",
    "Include",
    "Ip4",
    "Ip6",
    "Mechanism",
    "Modifier",
    "Mx",
    "Ptr",
    "Qualifier",
    "Redirect",
    "Term",
    "UnknownModifier",
]

BITS4, BITS6 = 32, 128


class Qualifier(StrEnum):
    """What a match of the mechanism means (RFC 7208 section 4.6.2)."""

    PASS = "+"
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


@dataclass(frozen=True)
class Term:
    """One term; `text` is how the record writes it and does not count for equality."""

    text: str = field(compare=False)


@dataclass(frozen=True)
class Mechanism(Term):
    """A term that matches or does not."""

    qualifier: Qualifier

    @property
    def sign(self) -> str:
        """The qualifier as printed; ``+`` is left out."""
        return "" if self.qualifier is Qualifier.PASS else str(self.qualifier)


@dataclass(frozen=True)
class All(Mechanism):
    """Matches always (section 5.1)."""

    def __str__(self) -> str:
        return f"{self.sign}all"


@dataclass(frozen=True)
class Include(Mechanism):
    """Matches where the target's own record gives pass (section 5.2)."""

    target: MacroString

    def __str__(self) -> str:
        return f"{self.sign}include:{self.target}"


@dataclass(frozen=True)
class _Hosts(Mechanism):
    """What `a` and `mx` share: a name (None: the current domain) and two prefix lengths."""

    target: MacroString | None
    cidr4: int | None = None
    cidr6: int | None = None

    @property
    def prefix4(self) -> int:
        """The IPv4 prefix length that applies."""
        return BITS4 if self.cidr4 is None else self.cidr4

    @property
    def prefix6(self) -> int:
        """The IPv6 prefix length that applies."""
        return BITS6 if self.cidr6 is None else self.cidr6

    @property
    def _tail(self) -> str:
        target = "" if self.target is None else f":{self.target}"
        four = "" if self.cidr4 is None else f"/{self.cidr4}"
        six = "" if self.cidr6 is None else f"//{self.cidr6}"
        return target + four + six


@dataclass(frozen=True)
class A(_Hosts):
    """Matches the addresses of a name (section 5.3)."""

    def __str__(self) -> str:
        return f"{self.sign}a{self._tail}"


@dataclass(frozen=True)
class Mx(_Hosts):
    """Matches the addresses of a name's MX hosts (section 5.4)."""

    def __str__(self) -> str:
        return f"{self.sign}mx{self._tail}"


@dataclass(frozen=True)
class Ptr(Mechanism):
    """Matches by the client's validated reverse name (section 5.5)."""

    target: MacroString | None

    def __str__(self) -> str:
        return f"{self.sign}ptr" + ("" if self.target is None else f":{self.target}")


@dataclass(frozen=True)
class Ip4(Mechanism):
    """Matches an IPv4 network (section 5.6); `prefix` is None where none is written."""

    address: ipaddress.IPv4Address
    prefix: int | None = None

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The network, host bits cleared."""
        length = BITS4 if self.prefix is None else self.prefix
        return ipaddress.IPv4Network((self.address, length), strict=False)

    def __str__(self) -> str:
        return f"{self.sign}ip4:{self.address}" + ("" if self.prefix is None else f"/{self.prefix}")


@dataclass(frozen=True)
class Ip6(Mechanism):
    """Matches an IPv6 network (section 5.6); `prefix` is None where none is written."""

    address: ipaddress.IPv6Address
    prefix: int | None = None

    @property
    def network(self) -> ipaddress.IPv6Network:
        """The network, host bits cleared."""
        length = BITS6 if self.prefix is None else self.prefix
        return ipaddress.IPv6Network((self.address, length), strict=False)

    def __str__(self) -> str:
        return f"{self.sign}ip6:{self.address}" + ("" if self.prefix is None else f"/{self.prefix}")


@dataclass(frozen=True)
class Exists(Mechanism):
    """Matches where the name has an A record (section 5.7)."""

    target: MacroString

    def __str__(self) -> str:
        return f"{self.sign}exists:{self.target}"


@dataclass(frozen=True)
class Modifier(Term):
    """A ``name=value`` term (section 6)."""


@dataclass(frozen=True)
class Redirect(Modifier):
    """The record to use where nothing here matches (section 6.1)."""

    target: MacroString

    def __str__(self) -> str:
        return f"redirect={self.target}"


@dataclass(frozen=True)
class Exp(Modifier):
    """Where the explanation of a fail is published (section 6.2)."""

    target: MacroString

    def __str__(self) -> str:
        return f"exp={self.target}"


@dataclass(frozen=True)
class UnknownModifier(Modifier):
    """A modifier that RFC 7208 does not define: legal and ignored (section 6)."""

    name: str
    value: MacroString

    def __str__(self) -> str:
        return f"{self.name}={self.value}"
