"""The SMTP session that brought a message, as far as its file does not tell."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.names import Domain
from sendgate.profile import IpAddress
from sendgate.spf.facts import CheckResult, Result
from sendgate.spf.identity import identity_domain

__all__ = ["Connection", "ReceivedSpf"]


@dataclass(frozen=True)
class Connection:
    """The client's address, MAIL FROM as it was given (empty: the null sender), and HELO.

    Without `mail_from` (None) postmaster at the HELO name is checked. `assumed`: MAIL FROM
    was not given but read from the message's Return-Path field.
    """

    ip: IpAddress
    mail_from: str | None
    helo: str | None
    assumed: bool = False

    @property
    def by_helo(self) -> bool:
        """Whether the identity is the HELO name: no MAIL FROM, or the null sender."""
        return not self.mail_from

    @property
    def identity(self) -> str:
        """The identity's domain as it was given."""
        return (self.helo or "") if not self.mail_from else self.mail_from.rpartition("@")[2]

    @property
    def domain(self) -> Domain | None:
        """The identity's domain, or None where it is none (RFC 7208 section 4.3)."""
        return identity_domain(self.identity)


@dataclass(frozen=True)
class ReceivedSpf:
    """SPF for a message: the session, and what check_host returned."""

    connection: Connection
    result: CheckResult

    @property
    def domain(self) -> Domain | None:
        """The domain that was checked, None where the identity has none."""
        return self.connection.domain

    @property
    def passed(self) -> bool:
        """Whether the identity is authenticated."""
        return self.result.result is Result.PASS
