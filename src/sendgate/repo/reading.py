"""What a reader gives of a repository: records, zones, texts as written, what it could not read.

A reader is a module with `NAME`, `detect` and `read`:

    def detect(tree: Tree) -> str | None     why this format is recognised, in words; None: not
    def read(tree: Tree) -> Reading

It never raises for one bad file: that becomes an `Unread`, and its zone is unknown. It
raises `SourceError` only where nothing of the repository can be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain, printable

__all__ = ["DeclaredZone", "Hidden", "Place", "Reading", "Slip", "SlipKind", "Unread", "entry_of"]


@dataclass(frozen=True)
class Place:
    """Lines of a file: `path` relative to the tree's root, POSIX form; lines count from 1.

    `line` is where the value or entry begins, `end` where it ends (the same line if None).
    """

    path: str
    line: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        path = printable(self.path)
        return path if self.line is None else f"{path}:{self.line}"


@dataclass(frozen=True)
class DeclaredZone:
    """A zone that the repository publishes.

    `incomplete` says why a name that is not in the repository may exist all the same (other
    sources feed the zone, a plan shows only its own resources); None: absence is proof.
    `ignored` holds the patterns of names that the repository leaves to others, as Python
    regular expressions over the name's text without the final dot. `view` tells two zones
    of one name apart (``inside``, ``outside``), and their records carry it too; only one of
    them is audited at a time.
    """

    apex: Domain
    place: Place
    incomplete: str | None = None
    ignored: tuple[str, ...] = ()
    view: str = ""


@dataclass(frozen=True)
class Hidden:
    """A record that is published, and whose data the repository does not show.

    `why` says so in words (``known after apply``). Addresses behind a provider's alias are
    a `ZoneRecord` with `Address(None)` instead.
    """

    name: Domain
    rdtype: str
    zone: Domain
    place: Place
    why: str


class SlipKind(StrEnum):
    """What only the file shows: the published record no longer tells that it was a mistake."""

    CUT_BY_COMMENT = "cut-by-comment"  # an unquoted `;` or ` #` ended the value
    SPLIT_BY_SPACE = "split-by-space"  # unquoted words became strings that are joined
    SPREAD = "spread-over-values"  # one text stands in several list items, each a record
    QUOTED = "quotes-in-value"  # quotes or backslashes of the format became data
    TOO_LONG = "string-too-long"  # a character-string over 255 octets as written
    DOUBLED_ORIGIN = "doubled-origin"  # a name written whole where the zone is appended
    DUPLICATE_KEY = "duplicate-key"  # a later entry of the file replaces this one silently
    WRAPPED = "wrapped-in-quotes"  # the whole value in one more pair of quotes


@dataclass(frozen=True)
class Slip:
    """One mistake of writing, as the reader met it; the rules of area REPO judge it.

    `written` is the text as the file has it (hostile: data), `published` what the zone then
    holds, None where nothing is published.
    """

    kind: SlipKind
    name: Domain
    rdtype: str
    place: Place
    zone: Domain
    written: str
    published: str | None = None


@dataclass(frozen=True)
class Unread:
    """A file, or a place in one, that could not be read, and the zone that is unknown for it.

    `zones` is empty where it cannot be told which zone the file would have been.
    """

    place: Place
    problem: str
    zones: tuple[Domain, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True)
class Reading:
    """All that one reader made of one tree.

    `source` names the format (``octodns``), `why` says what it was recognised by. Records
    carry `Origin("file", path, line)` with the path relative to the tree's root. `places`
    gives, for the line of a record, the lines of the entry it belongs to, where the entry
    is longer than that line. `notes` are remarks for the user that no record stands for.
    `hidden` are records whose data cannot be seen.
    """

    source: str
    why: str
    records: tuple[ZoneRecord, ...]
    zones: tuple[DeclaredZone, ...]
    slips: tuple[Slip, ...] = ()
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    hidden: tuple[Hidden, ...] = ()

    @property
    def unread_zones(self) -> frozenset[Domain]:
        """The apexes of zones of which something could not be read."""
        return frozenset(zone for item in self.unread for zone in item.zones)


def entry_of(places: Iterable[Place], path: str, line: int) -> Place:
    """Give the smallest of the places that holds a line, or the line itself."""
    holding = [
        place
        for place in places
        if place.path == path
        and place.line is not None
        and place.line <= line <= (place.end or place.line)
    ]
    return min(holding, key=lambda p: (p.end or 0) - (p.line or 0), default=Place(path, line))
