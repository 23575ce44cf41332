"""The text of master files, wherever it is kept, and the zone that it is for.

An include may not leave the directories that are allowed.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Protocol

from sendgate.dns.master import EntryError, entries
from sendgate.errors import DomainError, SourceError
from sendgate.files import is_file, read_file
from sendgate.names import Domain

__all__ = ["DiskFiles", "ZoneFiles", "decode_zone", "named_after", "named_zone"]

MAX_OCTETS = 512 * 1024 * 1024  # of one file; a larger one is not a zone file

_SOA = re.compile(r"\bSOA\b", re.IGNORECASE)
_AFFIX = re.compile(r"^(?:db\.|named\.)|(?:\.(?:zone|db|txt|hosts|signed))$", re.IGNORECASE)


class ZoneFiles(Protocol):
    """Where the text of master files comes from."""

    def text(self, where: str) -> str:
        """Read one file; raise `SourceError` where it is missing or no text."""
        ...

    def included(self, where: str, target: str) -> str:
        """Name the file that ``$INCLUDE target`` means in `where`; raise `EntryError`."""
        ...

    def identity(self, where: str) -> str:
        """Give what is equal for two names of one file, so that an include cannot loop."""
        ...


class DiskFiles:
    """The files of this machine; includes stay inside the directories that are allowed."""

    def __init__(self, allowed: list[str]) -> None:
        self._allowed = allowed

    def text(self, where: str) -> str:
        """Read one file; `SourceError` where it cannot be read, is too large or no text."""
        octets = read_file(where, MAX_OCTETS)
        if len(octets) > MAX_OCTETS:
            raise SourceError(f"has more than {MAX_OCTETS >> 20} MiB; not a zone file", where)
        return decode_zone(octets, where)

    def included(self, where: str, target: str) -> str:
        """Name an included file, relative to the one that includes it."""
        path = str(Path(where).parent / target)
        real = os.path.realpath(path)
        if not any(Path(real).is_relative_to(directory) for directory in self._allowed):
            raise EntryError(
                "leads out of the directory of the zone file and of the "
                "working directory; start in a directory that holds both files"
            )
        if not is_file(real):
            raise EntryError("there is no such file beside this one")
        return path

    def identity(self, where: str) -> str:
        """Give the file behind all links."""
        return os.path.realpath(where)


def decode_zone(octets: bytes, where: str) -> str:
    """Read the octets of a master file as text; raise `SourceError` where it is none."""
    nul = octets.find(b"\0")
    if nul >= 0:
        line = octets.count(b"\n", 0, nul) + 1
        raise SourceError("holds a NUL octet; not a zone file", where, line)
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise SourceError(
            "is not UTF-8 text; save it as UTF-8, or write the octet as \\DDD", where, line
        ) from None


def named_zone(text: str, where: str) -> Domain | None:
    """Tell the zone of a file before any `$ORIGIN`: its absolute SOA owner, or its name."""
    named, begun = named_after(where), False
    for entry in entries(text, where) if _SOA.search(text) else ():
        words = [token.raw.upper() for token in entry.tokens[:4]]
        if not begun and words[0] == "$ORIGIN" and words[-1].endswith("."):
            break  # nothing is relative to anything else
        begun = begun or not words[0].startswith("$")
        if "SOA" not in words[1:] or entry.blank_owner:
            continue
        if words[0].endswith("."):
            with contextlib.suppress(DomainError):  # the entry itself will be refused
                return Domain.parse(entry.tokens[0].raw)
        if named is not None:
            break
    return named


def named_after(where: str) -> Domain | None:
    """Tell the zone that a file is named after: ``db.example.com``, ``example.com.zone``."""
    stem, before = Path(where).name, ""
    while stem != before:
        stem, before = _AFFIX.sub("", stem), stem
    try:
        zone = Domain.parse(stem)
    except DomainError:
        return None
    # A file called `bad.zone` is not the zone `bad`.
    return zone if len(zone.labels) > 1 else None
