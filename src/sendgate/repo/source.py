"""A repository's zones as a source of DNS answers that never takes "not shown" for "not there".

    Reading ──► RepositorySource ──► Answer, or outside: `Failed(NOT_ASKED)`, or another source

| the name                                           | the answer                            |
|----------------------------------------------------|---------------------------------------|
| in a zone of which something could not be read     | `Failed(UNREADABLE)`, file and line    |
| with a record whose data is not shown              | `Failed(HIDDEN)`                      |
| not there, in a zone that has further records      | `Failed(INCOMPLETE)`; live, if wanted |
| not there, and left to others by a pattern         | the same                              |
| below a delegation that leads out, or in no zone   | `Failed(NOT_ASKED)`; live, if wanted  |
| anything else                                      | as an authoritative server would say  |
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from sendgate.dns.answers import Answer, Failed, Origin, Question, Reason
from sendgate.dns.zonefile import ZoneRecord
from sendgate.dns.zones import Elsewhere, Step, ZoneSource
from sendgate.repo.reading import DeclaredZone, Hidden, Place, Reading, Unread

__all__ = ["RepositorySource", "joined", "public_view", "views_of"]

_EVERY_NAME = re.compile("")
_COSTLY = re.compile(r"\)[*+?{]|\\[1-9]|\(\?P=")  # a group repeated, or referred back to
_UNBOUNDED = re.compile(r"[*+{]")
_MAX_UNBOUNDED = 3  # the time a match takes grows with the name's length to this power
_NOT_LISTED = {"SOA", "NS"}  # a provider makes them at the apex; files seldom list them


def views_of(reading: Reading) -> tuple[str, ...]:
    """Give the views that zones of one name are told apart by; one nameless one if there are none.

    A zone without a view belongs to each of them.
    """
    return tuple(dict.fromkeys(zone.view for zone in reading.zones if zone.view)) or ("",)


def public_view(reading: Reading) -> str:
    """Choose the view that the world sees, as far as the names of the views tell."""
    views = views_of(reading)
    words = ("untagged", "outside", "external", "public")
    return next((view for word in words for view in views if view == word), views[0])


class RepositorySource(ZoneSource):
    """The zones of one reading, in one view.

    With `open_ended`, what another source of a zone may hold is left to the source that this
    one is laid over, instead of being `Failed(INCOMPLETE)`.
    """

    def __init__(self, reading: Reading, view: str = "", *, open_ended: bool = False) -> None:
        zones = [zone for zone in reading.zones if zone.view in ("", view)]
        unread = [item for item in reading.unread if item.zones]
        apexes = [zone.apex for zone in zones]
        apexes += [apex for item in unread for apex in item.zones]
        records = [record for record in reading.records if record.view in ("", view)]
        stray = {record.zone.text for record in records if not record.name.is_under(record.zone)}
        super().__init__((r for r in records if r.name.is_under(r.zone)), apexes)
        self._open_ended = open_ended
        self._incomplete = dict.fromkeys(stray, "a record of the zone lies outside of it")
        self._incomplete |= {z.apex.text: z.incomplete for z in zones if z.incomplete}
        self._ignored = _patterns(zones)
        self._unread: dict[str, Unread] = {}
        for item in unread:
            for apex in item.zones:
                self._unread.setdefault(apex.text, item)
        self._hidden: dict[str, dict[str, Hidden]] = {}
        for hidden in reading.hidden:
            self._hide(hidden)
        for zone in zones:
            if zone.place.path == ".":
                continue  # known by its records alone
            self._zones[zone.apex.text].origin = Origin("file", zone.place.path, zone.place.line)

    def _hide(self, hidden: Hidden) -> None:
        """Let a record that cannot be shown exist."""
        zone = self._zones.get(hidden.zone.text)
        if zone is None or not hidden.name.is_under(zone.apex):
            return
        self._hidden.setdefault(hidden.name.text, {})[hidden.rdtype] = hidden
        if hidden.rdtype == "NS" and hidden.name != zone.apex:
            zone.cuts.add(hidden.name.text)
        zone.exists.update(name.text for name in zone.inner(hidden.name))

    def unseen(self, step: Step) -> Failed | Elsewhere | None:
        """Say why the repository cannot tell what stands at the name, where it cannot."""
        question, name = step.question, step.name
        unread = self._unread.get(step.zone.text)
        if unread is not None:
            return self._failed(step, Reason.UNREADABLE, str(unread))
        at_name = self._hidden.get(name.text, {})
        hidden = at_name.get(question.rdtype) or at_name.get("CNAME")
        if hidden is not None:
            detail = f"{hidden.place}: {hidden.why}"
            return self._failed(step, Reason.HIDDEN, detail)
        if step.wildcard is None and step.rrsets is not None and self._is_told(question, step):
            return None
        why = self._others(step)
        if why is None:
            return None
        if self._open_ended:
            return Elsewhere(name, step.aliases, None)
        return self._failed(step, Reason.INCOMPLETE, f"{name}: {why}")

    @staticmethod
    def _is_told(question: Question, step: Step) -> bool:
        rrsets = step.rrsets or {}
        listed = question.rdtype in rrsets or "CNAME" in rrsets
        return listed or (step.name == step.zone and question.rdtype in _NOT_LISTED)

    def _others(self, step: Step) -> str | None:
        """Why something may stand at the name that the repository does not show."""
        for pattern in self._ignored.get(step.zone.text, ()):
            if pattern.search(step.name.text):
                return "the repository leaves this name to others"
        return self._incomplete.get(step.zone.text)

    @staticmethod
    def _failed(step: Step, reason: Reason, detail: str) -> Failed:
        return Failed(step.question, reason, detail, aliases=step.aliases)

    async def ask(self, question: Question) -> Answer:
        """Answer from the repository alone."""
        found = self.look_up(question)
        if not isinstance(found, Elsewhere):
            return found
        detail = f"{found.name} is outside the repository's zones"
        return Failed(question, Reason.NOT_ASKED, detail, aliases=found.aliases)


def _patterns(zones: Iterable[DeclaredZone]) -> dict[str, tuple[re.Pattern[str], ...]]:
    """Compile the patterns of names that are left to others.

    They are foreign text: one that is no pattern, or could take long to match, is taken to
    match every name, which leaves more unknown and nothing wrongly missing.
    """
    found: dict[str, tuple[re.Pattern[str], ...]] = {}
    for zone in zones:
        for text in zone.ignored:
            pattern = _EVERY_NAME
            if not _COSTLY.search(text) and len(_UNBOUNDED.findall(text)) <= _MAX_UNBOUNDED:
                with contextlib.suppress(re.error, OverflowError):
                    pattern = re.compile(text)
            found[zone.apex.text] = (*found.get(zone.apex.text, ()), pattern)
    return found


def joined(readings: Iterable[tuple[str, Reading]], records: Iterable[ZoneRecord] = ()) -> Reading:
    """Make one reading of several, and of records read elsewhere, for a source of them all.

    Each reading comes with the folder that its places are relative to; they then begin there.
    """
    taken = list(records)
    zones = [DeclaredZone(apex, Place(".")) for apex in dict.fromkeys(r.zone for r in taken)]
    unread: list[Unread] = []
    hidden: list[Hidden] = []
    for folder, reading in readings:
        for record in reading.records:
            where = _below(folder, record.origin.where)
            taken.append(replace(record, origin=replace(record.origin, where=where)))
        zones += [replace(zone, place=_placed(folder, zone.place)) for zone in reading.zones]
        unread += [replace(item, place=_placed(folder, item.place)) for item in reading.unread]
        hidden += [replace(item, place=_placed(folder, item.place)) for item in reading.hidden]
    return Reading(
        "zones", "as given", tuple(taken), tuple(zones), unread=tuple(unread), hidden=tuple(hidden)
    )


def _below(folder: str, path: str) -> str:
    return (PurePosixPath(folder) / path).as_posix()


def _placed(folder: str, place: Place) -> Place:
    return replace(place, path=_below(folder, place.path))
