"""GitHub annotations: workflow commands that a runner shows beside the lines of a change.

    ::error file=zones/example.com.yaml,line=14,title=SPF004 too-many-lookups::needs 11 ...

Of each kind a runner shows ten a step, so the gravest come first and the tenth says how
many more there are; all of them are in the summary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sendgate.audit.report import Verdict
from sendgate.render.batch import Batch, Group, Open, Totals
from sendgate.render.entry import said
from sendgate.render.safe import safe
from sendgate.repo.reading import Place, Unread
from sendgate.vocabulary import Severity

__all__ = ["SHOWN", "text"]

SHOWN = 10  # annotations of each kind that one step may have
_TITLE = 200  # characters; GitHub takes 255
_NAMED = 3  # domains named where several share a fault
_KINDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def text(batch: Batch) -> str:
    """Write the annotations, then one line of plain words."""
    told: dict[str, list[str]] = {kind: [] for kind in _KINDS.values()}
    for kind, line in _all(batch):
        told[kind].append(line)
    lines = [line for kind, found in told.items() for line in _at_most_ten(kind, found)]
    return "".join(line + "\n" for line in [*lines, _closing(batch)])


def _all(batch: Batch) -> Iterator[tuple[str, str]]:
    yield from (_unread(item, batch) for item in _unread_now(batch))
    groups = batch.grouped(batch.current)
    yield from (_finding(group) for group in groups if group.first.severity is Severity.ERROR)
    yield from (_open(item) for item in batch.decisive)
    yield from (_finding(group) for group in groups if group.first.severity is not Severity.ERROR)


def _unread_now(batch: Batch) -> tuple[Unread, ...]:
    """What could not be read; with a base only what could be read there."""
    return batch.unread if batch.change is None else batch.change.gone_unread


def _at_most_ten(kind: str, lines: list[str]) -> list[str]:
    if len(lines) <= SHOWN:
        return lines
    rest = len(lines) - SHOWN + 1
    more = f"and {rest} more of this kind: see the summary of the job, or the report"
    return [*lines[: SHOWN - 1], _command(kind, None, f"sendgate: {rest} more", more)]


def _finding(group: Group) -> tuple[str, str]:
    entry, kind = group.first, _KINDS[group.first.severity]
    lines = [f"{entry.about}: {entry.message}"]
    if group.others:
        named = ", ".join(str(domain) for domain in group.others[:_NAMED])
        rest = len(group.others) - _NAMED
        lines.append(f"also at {named}" + (f" and {rest} more" if rest > 0 else ""))
    lines.append(f"fix: {entry.rule.remedy}")
    lines.append(f"see: {entry.rule.citation.text}, {entry.rule.citation.url}")
    title = f"{entry.rule.id} {entry.rule.name}"
    return kind, _command(kind, entry.place, title, *lines)


def _open(item: Open) -> tuple[str, str]:
    title = f"{item.rules[0]} could not be determined"
    if len(item.rules) > 1:
        title = f"{len(item.rules)} rules could not be determined"
    why = f"{item.question}: {item.reason}; {', '.join(item.rules)} cannot tell"
    return "warning", _command("warning", item.place, title, why)


def _unread(item: Unread, batch: Batch) -> tuple[str, str]:
    place = replace(item.place, path=batch.path(item.place.path))
    zones = ", ".join(str(zone) for zone in item.zones)
    what = f"; unknown for it: {zones}" if zones else ""
    return "error", _command("error", place, "not read", f"{item.problem}{what}")


def _closing(batch: Batch) -> str:
    verdict = str(batch.verdict).replace("_", " ")
    new = " new" if batch.change is not None else ""
    words = f"sendgate: {verdict}, {Totals.of(batch.current).text}{new}"
    if batch.change is not None:
        words += f", {len(batch.fixed)} fixed, {len(batch.still)} still there"
    if batch.verdict is Verdict.UNKNOWN:
        words += ", something decisive could not be determined"
    return words


def _command(kind: str, place: Place | None, title: str, *lines: str) -> str:
    properties = {"title": said(title, _TITLE)}
    shown = list(lines)
    if place is not None and place.path == safe(place.path, letters=True):
        at = {"file": place.path}
        if place.line is not None:
            at["line"] = str(place.line)
            if place.end is not None and place.end > place.line:
                at["endLine"] = str(place.end)
        properties = at | properties
    elif place is not None:  # no runner finds such a file, and its name could be anything
        shown.append(f"in {place.path}")
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {written}::" + "%0A".join(_data(said(line)) for line in shown)


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
