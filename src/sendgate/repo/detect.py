"""Which format a repository has, and its reading.

The formats are tried in a fixed order, those that name themselves before master files,
which any text may resemble.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from sendgate.errors import InputError, SourceError
from sendgate.names import printable
from sendgate.repo.reading import Reading
from sendgate.repo.tree import Tree
from sendgate.spelling import nearest

__all__ = ["FORMATS", "read_repository"]

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


def read_repository(tree: Tree, source: str = "auto", where: str = ".") -> Reading:
    """Read a tree in the format that is named, or in the first one that it is recognised as.

    Raises `SourceError` where nothing of it can be read, saying what was looked for; `where`
    is the repository as the user named it.
    """
    if source != "auto":
        if source not in FORMATS:
            raise InputError(
                f"--source: {printable(source)} is no format{nearest(source, FORMATS)}"
            )
        return _reader(source).read(tree)
    refused: SourceError | None = None
    found = list(_recognised(tree))
    for place, reader in enumerate(found):
        try:
            reading = reader.read(tree)
        except SourceError as error:
            refused = refused or error
            continue
        others = [other.NAME for other in found[place + 1 :]]
        if others:
            also = " and ".join(others)
            note = f"read as {reading.source}; it also looks like {also}: --source chooses"
            reading = replace(reading, notes=(*reading.notes, note))
        return reading
    raise refused or SourceError(
        f"holds no DNS records that can be read; looked for {_LOOKED_FOR}", where
    )


def _recognised(tree: Tree) -> Iterator[_Reader]:
    for name in FORMATS:
        reader = _reader(name)
        if reader.detect(tree) is not None:
            yield reader


def _reader(name: str) -> _Reader:
    return cast("_Reader", import_module(f"sendgate.repo.readers.{name}"))
