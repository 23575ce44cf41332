"""What a proposal is made of: edits of record sets, needs that nobody can guess, changes.

A set of records (RFC 2181 section 5) is what is edited: all records of one name and type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sendgate.audit.report import Finding, Report
from sendgate.dns.answers import Rdata, Txt
from sendgate.names import Domain
from sendgate.observed import Unknown
from sendgate.topology.providers import Provider
from sendgate.vocabulary import Severity

__all__ = [
    "DEFAULT_TTL",
    "MAX_STRING",
    "Area",
    "Change",
    "Edit",
    "Key",
    "Need",
    "Proposal",
    "RecordSet",
    "Shown",
    "Supplied",
    "is_plain",
    "text_data",
]

DEFAULT_TTL = 3600  # seconds, of a set that is new or whose TTL only its own servers know
MAX_STRING = 255  # RFC 1035 section 3.3: octets of one character-string

Area = Literal["dkim", "path", "spf", "dmarc", "mx", "shown", "kept"]
Key = tuple[Domain, str]  # a name and a type

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.*")


def is_plain(name: Domain) -> bool:
    """Whether a name has only letters, digits, hyphens, underscores and a wildcard's star.

    Nothing else is ever proposed: it could not be written alike in every form.
    """
    return name.text != "." and set(name.text) <= _PLAIN


def text_data(text: str | bytes) -> Txt:
    """Make a TXT record of one text, cut every 255 octets."""
    octets = text.encode("latin-1") if isinstance(text, str) else text
    pieces = [octets[i : i + MAX_STRING] for i in range(0, len(octets), MAX_STRING)]
    return Txt(tuple(pieces) or (b"",))


@dataclass(frozen=True)
class Edit:
    """What the records of one name and type should be; none of them: they are to be removed.

    A CNAME stands alone at its name, so an edit to one removes what else is there, and an
    edit to anything else removes a CNAME (RFC 1034 section 3.6.2). `why` is a sentence
    without a final stop. `unconfirmed`: it rests on a row of the provider catalogue that its
    sources do not confirm.
    """

    name: Domain
    rdtype: str
    data: tuple[Rdata, ...]
    why: str
    area: Area
    unconfirmed: bool = False

    @property
    def key(self) -> Key:
        """The name and the type."""
        return self.name, self.rdtype


@dataclass(frozen=True)
class Need:
    """What has to be known before a record can be written; `where` says who knows it.

    `name` and `rdtype` are those of the record, as far as they are known; `like` is what it
    looks like, with ``*`` for what belongs to the account; `option` supplies it.
    """

    what: str
    where: str
    option: str | None
    name: Domain | None = None
    rdtype: str | None = None
    like: str | None = None


@dataclass(frozen=True)
class Shown:
    """A record that the provider's own page shows for this account."""

    name: Domain
    rdtype: str
    data: Rdata

    def __str__(self) -> str:
        return f"{self.name} {self.rdtype} {self.data}"


@dataclass(frozen=True)
class Supplied:
    """What the user gave beside the roles: records as shown, key records by selector, reports.

    `keys` holds the texts of key records; the selector None stands for the only declared one.
    """

    shown: tuple[Shown, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    rua: tuple[str, ...] = ()

    def at(self, name: Domain, rdtype: str) -> tuple[Rdata, ...]:
        """Give what is shown for a name and type."""
        return tuple(s.data for s in self.shown if (s.name, s.rdtype) == (name, rdtype))


@dataclass(frozen=True)
class RecordSet:
    """The records of one name and type; `zone` is the zone that they are published in."""

    name: Domain
    rdtype: str
    ttl: int
    data: tuple[Rdata, ...]
    zone: Domain

    @property
    def key(self) -> Key:
        """The name and the type."""
        return self.name, self.rdtype


@dataclass(frozen=True)
class Change:
    """One set to add (`before` None), to change, or to remove (`after` None).

    `mends` are the ids of the rules whose findings the whole proposal takes away and that
    this set is about. `exact_ttl`: the TTL of `before` is the published one; a resolver
    shows what is left of it.
    """

    before: RecordSet | None
    after: RecordSet | None
    why: tuple[str, ...]
    mends: tuple[str, ...] = ()
    unconfirmed: bool = False
    exact_ttl: bool = True

    @property
    def one(self) -> RecordSet:
        """The set as it will be; of a removal, as it is."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def kind(self) -> Literal["add", "change", "remove"]:
        """What is done."""
        if self.after is None:
            return "remove"
        return "add" if self.before is None else "change"


@dataclass(frozen=True)
class Proposal:
    """What is to be published so that the audit passes, and what it will then say.

    `before` is the audit of what is published, `after` the audit with the changes laid over
    it. `unseen` are answers without which something could not be proposed.
    """

    before: Report
    after: Report
    provider: Provider | None
    changes: tuple[Change, ...]
    needed: tuple[Need, ...]
    unseen: tuple[Unknown, ...]
    notes: tuple[str, ...] = ()
    fail_on: Severity = Severity.ERROR

    @property
    def exit_code(self) -> int:
        """0: the audit then passes; 1: it does not; 3: something was not seen."""
        return self.after.verdict.exit_code or (3 if self.unseen else 0)

    def of(self, kind: str) -> tuple[Change, ...]:
        """Give the changes of one kind."""
        return tuple(change for change in self.changes if change.kind == kind)

    @property
    def records(self) -> tuple[RecordSet, ...]:
        """The sets to publish."""
        return tuple(change.after for change in self.changes if change.after is not None)

    @property
    def left(self) -> tuple[Finding, ...]:
        """What the audit will still find."""
        return self.after.findings
