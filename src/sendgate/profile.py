"""What is declared about a sender: the roles, how it sends, and what was only assumed.

Everything an option or a `[[sender]]` can say ends here, once, as frozen values. Whether
a thing was *declared* or *assumed* decides what rules may conclude from its absence.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from sendgate.names import Domain

__all__ = ["IpAddress", "Profile", "Receiver", "Role", "Selector", "SenderKind"]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class SenderKind(StrEnum):
    """Whose addresses send."""

    SHARED = "shared"  # the provider's addresses and return path
    DEDICATED = "dedicated"  # own addresses at a provider, return path of one's own
    OWN = "own"  # own mail server; From and return path may share a name


class Receiver(StrEnum):
    """The mailbox providers whose demands are known; `*-bulk` declares volume."""

    GOOGLE = "google"
    GOOGLE_BULK = "google-bulk"
    YAHOO = "yahoo"
    YAHOO_BULK = "yahoo-bulk"
    MICROSOFT = "microsoft"
    MICROSOFT_BULK = "microsoft-bulk"
    APPLE = "apple"
    LAPOSTE = "laposte"

    @property
    def is_bulk(self) -> bool:
        """Whether naming this receiver declares bulk volume."""
        return self.value.endswith("-bulk")


@dataclass(frozen=True)
class Role:
    """A name in one of the three roles; `assumed` where nobody declared it."""

    name: Domain
    assumed: bool = False


@dataclass(frozen=True)
class Selector:
    """A DKIM selector to look at under `domain` (the `d=` it signs for).

    `named`: declared, or the named provider's own; a key missing there is a fault.
    A guessed selector (`named` false) proves nothing by its absence.
    """

    name: str
    domain: Domain
    named: bool

    @property
    def owner(self) -> Domain:
        """Where the key record lives (RFC 6376 section 3.6.2.1)."""
        return self.domain.child(f"{self.name}._domainkey")


@dataclass(frozen=True)
class Profile:
    """One sender as declared.

    `return_path` is None where it is not known; then SPF at the sending domain is read
    and judged as text only. `provider_return_path` marks a return path that is the
    provider's own name, whose records are not this sender's business.
    `declared` is true where anything says that the domain is meant to send.
    `authoritative`: ask each of the zone's own servers too, to compare them. `blocklists`: the
    zones of lists (RFC 5782) to ask about the addresses.
    """

    sending: Domain
    content: tuple[Role, ...] = ()
    return_path: Role | None = None
    provider_return_path: bool = False
    sender: SenderKind | None = None
    provider: str | None = None
    selectors: tuple[Selector, ...] = ()
    dkim_domains: tuple[Domain, ...] = ()
    ips: tuple[IpAddress, ...] = ()
    helo: Domain | None = None
    bimi_selector: str = "default"
    bimi_declared: bool = False
    receivers: tuple[Receiver, ...] = ()
    declared: bool = False
    authoritative: bool = False
    blocklists: tuple[Domain, ...] = ()

    @property
    def is_bulk(self) -> bool:
        """Whether any declared receiver declares bulk volume."""
        return any(receiver.is_bulk for receiver in self.receivers)

    @property
    def mail_names(self) -> tuple[Domain, ...]:
        """The sending domain and, where it is the sender's own and another, the return path."""
        return tuple(dict.fromkeys(x for x in (self.sending, self.envelope) if x is not None))

    @property
    def operates_hosts(self) -> bool:
        """Whether the declared addresses and the HELO name are the sender's own to set up.

        Those of a shared sender, or behind the provider's return path, are the provider's.
        """
        if self.sender is None:
            return not self.provider_return_path
        return self.sender is not SenderKind.SHARED

    @property
    def declared_content(self) -> frozenset[Domain]:
        """The content hosts that were declared; assumed ones make no fault."""
        return frozenset(role.name for role in self.content if not role.assumed)

    @property
    def envelope(self) -> Domain | None:
        """The return path whose records this sender answers for, or None."""
        if self.return_path is None or self.provider_return_path:
            return None
        return self.return_path.name
