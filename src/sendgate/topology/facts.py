"""What DNS shows at the names of the roles, whatever the protocol."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.dns.answers import Alias, Answer, Failed, NxDomain, Records
from sendgate.names import Domain

__all__ = ["NameFacts", "ZoneFacts"]


@dataclass(frozen=True)
class NameFacts:
    """The answers at one name. A type that the name's role does not call for is None."""

    name: Domain
    txt: Answer | None = None
    mx: Answer | None = None
    a: Answer | None = None
    aaaa: Answer | None = None
    soa: Answer | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Every answer that was asked for."""
        return tuple(
            x for x in (self.txt, self.mx, self.a, self.aaaa, self.soa) if x is not None
        )

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """The CNAMEs met at the name, first one first; empty where it is no alias."""
        return next((x.aliases for x in self.answers if x.aliases), ())

    @property
    def exists(self) -> bool | None:
        """Whether the name exists (RFC 8020); None where no answer tells."""
        told = [x for x in self.answers if not isinstance(x, Failed)]
        if not told:
            return None
        return any(x.aliases or not isinstance(x, NxDomain) for x in told)

    @property
    def has_address(self) -> bool | None:
        """Whether the name has an A or AAAA record; None where that is not known."""
        asked = [x for x in (self.a, self.aaaa) if x is not None]
        if any(isinstance(x, Records) for x in asked):
            return True
        return None if not asked or any(isinstance(x, Failed) for x in asked) else False


@dataclass(frozen=True)
class ZoneFacts:
    """What is known of the zone that a mail name lies in."""

    name: Domain
