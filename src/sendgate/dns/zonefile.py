"""Master files (RFC 1035 section 5) read into records that know their file and line.

    text ──► entries (`master`) ──► records (this module) ──► `ZoneSource`

Nothing is judged here: a CNAME beside other data, or two of them at one name, is kept for
the rules to see. What cannot be a record at all ends as a `SourceError` that names file
and line and says what to write instead.

**Relative names** belong to the `$ORIGIN` in force. Before the first one: to the owner of
the file's SOA where that is absolute, else to the zone that the file is named after
(``db.example.com``, ``example.com.zone``).

**The zone of a record** is the deepest SOA owner of the file at or above its name. A name
under no SOA owner belongs to the `$ORIGIN` under which it stands; and where there is none
(or it is the root or a top-level name, for which a few lines cannot speak), the record
is loose: it stands for its own name and what lies below, where nothing else is known of it.

**An include** may not leave the directory of the zone file or the working directory (or
`root`, where one is given), nor lead back to a file that is being read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sendgate.dns.answers import Address, Origin, Rdata, Target
from sendgate.dns.master import Entry, EntryError, Token, entries, generate
from sendgate.dns.rdata import read_rdata, read_ttl
from sendgate.dns.zonetext import DiskFiles, ZoneFiles, named_zone
from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain, printable

__all__ = [
    "ZoneRecord",
    "ZoneWatch",
    "read_watched",
    "read_zone_file",
    "topmost",
]

MAX_INCLUDES = 1000  # of one zone file, so that files which include each other twice end
MAX_DEPTH = 50  # of includes in includes

# How Cloudflare's exports mark what its proxy answers for, with addresses of its own.
_PROXIED = re.compile(r";.*\bcf_tags=(?:\S*,)?cf-proxied:true\b")
_CLASSES = {"IN", "CH", "HS", "CS", "ANY", "NONE"}


@dataclass(frozen=True)
class ZoneRecord:
    """One record of a repository: owner, type, TTL in seconds, data, file and line.

    `zone` is the apex of the zone that the record is published in, which need not be the
    deepest one above its name: a parent's delegation and glue are the parent's. `view` tells
    zones of one name apart, where a repository has several. `is_loose`: its file says of no
    zone that it is in it.
    """

    name: Domain
    rdtype: str
    ttl: int
    data: Rdata
    origin: Origin
    zone: Domain
    view: str = ""
    is_loose: bool = False


class ZoneWatch(Protocol):
    """Who is told of each entry while it is read, and goes on behind a broken one."""

    def seen(
        self, record: ZoneRecord, entry: Entry, data: Sequence[Token], base: Domain | None
    ) -> None:
        """Take a record, its entry, the tokens of its data, and the `$ORIGIN` in force."""
        ...

    def broken(self, error: SourceError) -> None:
        """Take what is wrong with an entry; the reader goes on behind it."""
        ...


def read_watched(
    where: str, files: ZoneFiles, watch: ZoneWatch, zone: Domain | None = None, most: int = 0
) -> list[ZoneRecord]:
    """Read one master file and what it includes, as `read_zone_file`, with a watcher.

    `zone` is the name that a server's configuration gives the file; None: its own text or
    its name says it. A character-string that is too long is cut into pieces of 255 octets,
    and an ALIAS, ANAME, DYNA or DYNC is an address nobody sees. More than `most` records
    (0: any number), or a file that cannot be cut into entries, raise `SourceError`.
    """
    reader = _Reader(files, watch, most)
    reader.read(where, zone)
    return _with_zones(reader.records, reader.bases)


def read_zone_file(path: str | Path, root: Path | None = None) -> list[ZoneRecord]:
    """Read one master file and what it includes, in the order of the text.

    `root` is the directory that includes may not leave. Raises `SourceError` with the file
    as given and the line.
    """
    where = str(path)
    allowed = [root] if root else [Path(where).parent, Path()]
    try:
        disk = DiskFiles([os.path.realpath(directory) for directory in allowed])
    except FileNotFoundError:  # the working directory is gone; nothing can be included from it
        disk = DiskFiles([os.path.realpath(allowed[0])] if allowed[0].is_absolute() else [])
    reader = _Reader(disk)
    reader.read(where, None)
    return _with_zones(reader.records, reader.bases)


def topmost(names: Iterable[Domain]) -> set[Domain]:
    """Those of the names that lie under no other one of them."""
    given = set(names)
    return {name for name in given if not any(above in given for above in name.ancestors)}


class _Reader:
    """The state that RFC 1035 section 5.1 carries from one entry to the next."""

    def __init__(self, files: ZoneFiles, watch: ZoneWatch | None = None, most: int = 0) -> None:
        self.records: list[ZoneRecord] = []
        self.bases: list[Domain | None] = []  # the $ORIGIN of each record, None: not stated
        self._files = files
        self._watch = watch
        self._most = most
        self._open: list[str] = []
        self._includes = 0
        self._base: Domain | None = None
        self._owner: Domain | None = None
        self._default_ttl: int | None = None
        self._last_ttl: int | None = None
        self._soa_ttl: int | None = None
        self._names: dict[tuple[str, Domain | None], Domain] = {}

    def read(self, where: str, base: Domain | None) -> None:
        """Read one file from its first line to its last, with `base` as its `$ORIGIN`.

        Raises `SourceError` at the first wrong entry, unless a watcher is told of them.
        """
        text = self._files.text(where)
        if not self._open and base is None:
            base = named_zone(text, where)
        self._open.append(self._files.identity(where))
        self._base = base
        for entry in entries(text, where):
            try:
                self._entry(entry, where)
            except (DomainError, EntryError) as error:
                wrong = SourceError(str(error), where, entry.line)
                if self._watch is None:
                    raise wrong from None
                self._watch.broken(wrong)
            if self._most and len(self.records) > self._most:
                raise SourceError(f"the zone has more than {self._most} records", where)
        self._open.pop()

    def _entry(self, entry: Entry, where: str) -> None:
        first = entry.tokens[0]
        if entry.blank_owner or first.quoted or not first.raw.startswith("$"):
            self._record(entry, where)
            return
        arguments = entry.tokens[1:]
        match first.raw.upper():
            case "$ORIGIN":
                self._base = self._name(_only(arguments, "$ORIGIN", "example.com."))
            case "$TTL":
                self._default_ttl = read_ttl(_only(arguments, "$TTL", "3600").raw)
            case "$INCLUDE":
                self._include(arguments, where)
            case "$GENERATE":
                for made in generate(entry, where):
                    self._record(made, where)
            case _:
                raise EntryError(
                    f"{printable(first.raw)} is not a directive of master files; "
                    "they are $ORIGIN, $TTL, $INCLUDE and $GENERATE"
                )

    def _include(self, arguments: tuple[Token, ...], where: str) -> None:
        if not 1 <= len(arguments) <= 2 or "\0" in arguments[0].text:
            raise EntryError("$INCLUDE takes a file, and a domain name if you like")
        given = printable(arguments[0].text)
        try:
            target = self._files.included(where, arguments[0].text)
        except EntryError as error:
            between = " " if str(error).startswith("leads") else ": "
            raise EntryError(f"$INCLUDE {given}{between}{error}") from None
        if self._files.identity(target) in self._open:
            raise EntryError(f"$INCLUDE {given} leads back to a file that is being read")
        self._includes += 1
        if self._includes > MAX_INCLUDES or len(self._open) > MAX_DEPTH:
            raise EntryError(
                f"$INCLUDE {given}: at most {MAX_INCLUDES} files are included, {MAX_DEPTH} deep"
            )
        before = self._base, self._owner
        base = self._name(arguments[1]) if len(arguments) == 2 else self._base
        self.read(target, base)
        # RFC 1035 section 5.1: an include never changes the origin of the file it is in.
        self._base, self._owner = before

    def _record(self, entry: Entry, where: str) -> None:
        tokens = list(entry.tokens)
        if not entry.blank_owner:
            self._owner = self._name(tokens.pop(0))
        if self._owner is None:
            raise EntryError("the first record has no name; start its line with one, or with @")
        ttl = _take_ttl_and_class(tokens)
        if not tokens:
            raise EntryError("the line ends before the record type")
        kind = tokens.pop(0)
        if kind.quoted:
            raise EntryError(f"{printable(kind.raw)} stands where the record type is expected")
        rdtype, data = read_rdata(
            kind.raw, tokens, self._name, self._base, lenient=self._watch is not None
        )
        if rdtype == "SOA":
            self._soa_ttl = getattr(data, "minimum", None)
        ttl = self._ttl(ttl)
        origin = Origin("file", where, entry.line)
        record = ZoneRecord(self._owner, rdtype, ttl, data, origin, self._owner)
        for shown in _shown(record, entry):
            self.records.append(shown)
            self.bases.append(self._base)
        if self._watch is not None:
            self._watch.seen(record, entry, tokens, self._base)

    def _ttl(self, stated: int | None) -> int:
        """RFC 2308 section 4: the record's own TTL, `$TTL`, the last stated, the SOA's minimum."""
        if stated is not None:
            self._last_ttl = stated
            return stated
        for ttl in (self._default_ttl, self._last_ttl, self._soa_ttl):
            if ttl is not None:
                return ttl
        raise EntryError("the record has no TTL; put a line such as $TTL 3600 at the top")

    def _name(self, token: Token) -> Domain:
        key = (token.raw, self._base)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._absolute(token)
        return name

    def _absolute(self, token: Token) -> Domain:
        text = token.raw
        if token.quoted:
            raise DomainError(f"{printable(text)} is quoted, where a domain name is expected")
        if text.endswith(".") and not re.search(r"(?<!\\)(?:\\\\)*\\\.$", text):
            return Domain.parse(text)
        if self._base is None:
            raise DomainError(
                f"{printable(text)} is a relative name and the file does not say to what; "
                "put a line such as $ORIGIN example.com. at the top"
            )
        return self._base if text == "@" else self._base.child(text)


def _shown(record: ZoneRecord, entry: Entry) -> Iterator[ZoneRecord]:
    """Give the record; of one that a proxy answers for, both kinds of address."""
    remark = entry.cut[1].lstrip() if entry.cut else ""
    if record.rdtype not in {"A", "AAAA", "CNAME"} or not _PROXIED.match(remark):
        yield record
        return
    behind = record.data.name if isinstance(record.data, Target) else None
    for rdtype in ("A", "AAAA"):
        yield replace(record, rdtype=rdtype, data=Address(None, behind))


def _take_ttl_and_class(tokens: list[Token]) -> int | None:
    """Take `[TTL] [class]` or `[class] [TTL]` off the front; the TTL, or None."""
    ttl, seen = None, False
    while tokens and not tokens[0].quoted:
        word = tokens[0].raw
        if ttl is None and word[0].isdigit():
            ttl = read_ttl(word)
        elif not seen and (word.upper() in _CLASSES or re.fullmatch(r"(?i)CLASS\d+", word)):
            if word.upper() not in {"IN", "CLASS1"}:
                raise EntryError(f"class {word}: only records of class IN are read")
            seen = True
        else:
            break
        tokens.pop(0)
    return ttl


def _only(arguments: tuple[Token, ...], directive: str, example: str) -> Token:
    if len(arguments) != 1:
        raise EntryError(f"{directive} takes one value, such as {directive} {example}")
    return arguments[0]


def _with_zones(records: list[ZoneRecord], bases: list[Domain | None]) -> list[ZoneRecord]:
    """Give each record its zone (see the top of this module)."""
    apexes = {record.name.text: record.name for record in records if record.rdtype == "SOA"}
    zones = {record.name.text: _deepest(record.name, apexes) for record in records}
    stray = [
        (record, base)
        for record, base in zip(records, bases, strict=True)
        if zones[record.name.text] is None
    ]
    loose = {record.name.text for record, base in stray if not _is_base(base, record.name)}
    if stray:
        apexes |= {name.text: name for name in topmost(_home(r.name, base) for r, base in stray)}
        zones = {record.name.text: _deepest(record.name, apexes) for record in records}
    return [
        replace(r, zone=zones[r.name.text] or r.name, is_loose=r.name.text in loose)
        for r in records
    ]


def _deepest(name: Domain, apexes: dict[str, Domain]) -> Domain | None:
    """Find the deepest of the apexes that is the name or lies above it."""
    if "\\" in name.text:  # an escaped dot ends no label
        return next((apexes[n.text] for n in _upwards(name) if n.text in apexes), None)
    text = name.text
    while text not in apexes:
        _, dot, text = text.partition(".")
        if not dot:
            return apexes.get(".")
    return apexes[text]


def _home(name: Domain, base: Domain | None) -> Domain:
    if base is not None and _is_base(base, name):
        return base
    return name.parent if name.labels[:1] == ("*",) else name


def _is_base(base: Domain | None, name: Domain) -> bool:
    """Whether an `$ORIGIN` can speak for a name as its zone."""
    return base is not None and len(base.labels) > 1 and name.is_under(base)


def _upwards(name: Domain) -> Iterator[Domain]:
    """List the name and all above it, the root last."""
    yield name
    yield from name.ancestors
    yield Domain(".")
