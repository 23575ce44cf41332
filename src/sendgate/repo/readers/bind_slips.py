"""What only a master file's text shows, found while its records are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sendgate.dns.master import Entry, Token, unescape
from sendgate.dns.zonefile import ZoneRecord
from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain
from sendgate.repo.readers.slips import cut_by_comment, glued, spread_slips
from sendgate.repo.reading import Place, Slip, SlipKind

__all__ = ["Watcher"]

MAX_STRING = 255  # RFC 1035 section 3.3
MAX_PROBLEMS = 20  # of one file that are told of one by one
_TEXTS = {"TXT", "SPF"}
_TARGETS = {"CNAME", "DNAME", "MX", "NS", "PTR", "SRV"}
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
# Of names that are elsewhere: three labels, the last of which is hardly ever a host's.
_ELSEWHERE = re.compile(r"(?:[\w-]+\.){2,}(?:com|net|org|edu|gov|io|info)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Relative:
    """A relative name with dots in it, which may have been meant to be whole."""

    owner: Domain
    rdtype: str
    place: Place
    written: str
    name: Domain
    is_owner: bool


class Watcher:
    """Follows the reading of one file: its slips, its entries' lines, what is broken in it."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.broken_at: list[SourceError] = []
        self.owners: set[Domain] = set()  # of SOA records, in whatever state the file is
        self._slips: list[tuple[SlipKind, Domain, str, Place, str, str | None]] = []
        self._relative: list[_Relative] = []

    def broken(self, error: SourceError) -> None:
        """Take what is wrong with an entry."""
        if len(self.broken_at) < MAX_PROBLEMS:
            self.broken_at.append(error)

    def seen(
        self, record: ZoneRecord, entry: Entry, data: Sequence[Token], base: Domain | None
    ) -> None:
        """Look at a record as it is written."""
        where = record.origin.where
        if entry.end > entry.line:
            self.places.append(Place(where, entry.line, entry.end))
        if record.rdtype in _TEXTS:
            self._text(record, entry, data)
        elif record.rdtype == "SOA":
            self.owners.add(record.name)
        elif record.rdtype in _TARGETS and data:
            self._note(record, entry, data[-1], is_owner=False, base=base)
        if not entry.blank_owner:
            self._note(record, entry, entry.tokens[0], is_owner=True, base=base)

    def _note(
        self, record: ZoneRecord, entry: Entry, token: Token, *, is_owner: bool, base: Domain | None
    ) -> None:
        raw = token.raw
        if base is None or base.text == "." or "." not in raw or raw[-1] == ".":
            return
        name = record.name
        if not is_owner:
            try:
                name = base.child(raw)
            except DomainError:
                return
        place = Place(record.origin.where, entry.line)
        self._relative.append(_Relative(record.name, record.rdtype, place, raw, name, is_owner))

    def _text(self, record: ZoneRecord, entry: Entry, data: Sequence[Token]) -> None:
        strings = [unescape(token.raw) for token in data]
        published = b"".join(strings).decode("utf-8", "replace")
        written = " ".join(map(str, data))
        place = Place(record.origin.where, entry.line, entry.end)

        def slip(kind: SlipKind, text: str, result: str | None) -> None:
            self._slips.append((kind, record.name, record.rdtype, place, text, result))

        if entry.cut is not None:
            before, comment = entry.cut
            if before > len(entry.tokens) - len(data) and cut_by_comment(published, comment):
                slip(SlipKind.CUT_BY_COMMENT, written + comment, published)
        split = len(data) > 1 and any(not token.quoted for token in data)
        if split or glued([string.decode("utf-8", "replace") for string in strings]):
            slip(SlipKind.SPLIT_BY_SPACE, written, published)
        if any(len(string) > MAX_STRING for string in strings):
            slip(SlipKind.TOO_LONG, written, None)
        if len(published) > 1 and published[0] == published[-1] and published[0] in "\"'":
            slip(SlipKind.WRAPPED, written, published)
        elif '"' in published or "\\" in published:
            slip(SlipKind.QUOTED, written, published)

    def slips(self, records: Sequence[ZoneRecord], only: frozenset[Domain]) -> Iterator[Slip]:
        """Give the slips, each in its zone; `only` are the zones that are published."""
        zones = {record.name: record.zone for record in records}
        for kind, name, rdtype, place, written, published in self._slips:
            zone = zones.get(name)
            if zone in only:
                yield Slip(kind, name, rdtype, place, zone, written, published)
        yield from self._doubled(zones, only)
        yield from spread_slips(record for record in records if record.zone in only)

    def _doubled(self, zones: dict[Domain, Domain], only: frozenset[Domain]) -> Iterator[Slip]:
        """Find names that were written whole, and got their zone's name appended."""
        told: set[tuple[Domain, str, str, Place]] = set()
        for item in self._relative:
            zone = zones.get(item.owner)
            if zone is None or zone not in only:
                continue
            text = item.written.lower()
            whole = len(zone.labels) > 1 and (text == zone.text or text.endswith(f".{zone.text}"))
            if not whole and not item.is_owner and item.name not in zones:
                whole = bool(_ELSEWHERE.fullmatch(text) or _ADDRESS.fullmatch(text))
            key = item.owner, item.rdtype, text, item.place
            if whole and key not in told:
                told.add(key)
                yield Slip(
                    SlipKind.DOUBLED_ORIGIN,
                    item.owner,
                    item.rdtype,
                    item.place,
                    zone,
                    item.written,
                    item.name.text,
                )
