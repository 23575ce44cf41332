"""Which format a repository has, and its reading.

The formats are tried in a fixed order, those that name themselves before master files,
which any text may resemble.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol, cast

from sendgate.errors import InputError, SourceError
from sendgate.names import printable
from sendgate.repo.reading import Reading
from sendgate.repo.tree import Tree
from sendgate.spelling import nearest

__all__ = ["FORMATS", "Detected", "detect", "read_before", "read_repository"]

FORMATS = ("octodns", "dnscontrol", "terraform", "route53", "bind")
_LOOKED_FOR = (
    "octoDNS zones (*.yaml), what dnscontrol print-ir wrote (*.json), what terraform show -json "
    "wrote (*.json), Route 53 record sets (*.json), master files (*.zone, db.*, any file with "
    "an SOA)"
)


class _Reader(Protocol):
    """A module of `readers`."""

    NAME: str

    def detect(self, tree: Tree) -> str | None: ...

    def read(self, tree: Tree) -> Reading: ...


@dataclass(frozen=True)
class Detected:
    """A format that a tree is recognised as, and by what, in words."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def detect(tree: Tree) -> tuple[Detected, ...]:
    """Tell which formats a tree is recognised as, the one to be read first."""
    found = ((name, _reader(name).detect(tree)) for name in FORMATS)
    return tuple(Detected(name, why) for name, why in found if why is not None)


def read_repository(tree: Tree, source: str = "auto", where: str = ".") -> Reading:
    """Read a tree in the format that is named, or in the first one that it is recognised as.

    Where it looks like several, the reading's notes say which was read and what else was
    seen. Raises `SourceError` where nothing of it can be read, saying what was looked for;
    `where` is the repository as the user named it.
    """
    if source != "auto":
        if source not in FORMATS:
            raise InputError(
                f"--source: {printable(source)} is no format{nearest(source, FORMATS)}"
            )
        return _read(source, tree, where)
    refused: list[tuple[Detected, SourceError]] = []
    found = detect(tree)
    for place, seen in enumerate(found):
        try:
            reading = _read(seen.name, tree, where)
        except SourceError as error:
            refused.append((seen, error))
            continue
        return replace(reading, notes=(*reading.notes, *_told(seen, found[place + 1 :], refused)))
    if refused:
        raise refused[0][1]
    raise SourceError(f"holds no DNS records that can be read; looked for {_LOOKED_FOR}", where)


def read_before(tree: Tree, source: str) -> Reading | None:
    """Read what a tree itself tells of the records before its change, as a plan does.

    None where the format tells nothing of it.
    """
    if source != "terraform":
        return None
    from sendgate.repo.readers import terraform

    return terraform.before(tree)


def _told(
    seen: Detected, others: tuple[Detected, ...], refused: list[tuple[Detected, SourceError]]
) -> list[str]:
    """Say what was decided where it was not the only choice."""
    notes = [f"not read as {other.name}: {error}" for other, error in refused]
    if others:
        also = " and ".join(map(str, others))
        notes.append(f"read as {seen}; it also looks like {also}: --source chooses")
    return notes


def _read(name: str, tree: Tree, where: str) -> Reading:
    """Read a tree in one format; what is wrong with the whole of it is wrong with `where`."""
    try:
        reading = _reader(name).read(tree)
    except SourceError as error:
        if error.where != ".":
            raise
        raise SourceError(str(error).removeprefix(".: "), where) from None
    if _is_of_no_zone(reading):
        first, *more = reading.unread
        also = f"; {len(more)} more problems, and nothing else could be read" if more else ""
        raise SourceError(f"{first.problem}{also}", first.place.path, first.place.line)
    return reading


def _is_of_no_zone(reading: Reading) -> bool:
    """Whether nothing was read, and it is not even known which zones are unknown for it."""
    return bool(reading.unread) and not reading.zones and not reading.unread_zones


def _reader(name: str) -> _Reader:
    return cast("_Reader", import_module(f"sendgate.repo.readers.{name}"))
