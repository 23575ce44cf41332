"""The check of a repository as text and as JSON.

dns: fail  (octodns, 405 zones, 407 mail domains)
  read as   octodns: octodns.yaml names the folder of the zones
  verdicts  12 fail, 3 unknown, 392 pass
  found     16 errors, 120 warnings, 800 notes, 2 waived

error SPF003 unknown-mechanism  example.com
  ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sendgate import __version__
from sendgate.audit.report import Verdict
from sendgate.names import Domain
from sendgate.render import json
from sendgate.render.batch import Batch, Totals
from sendgate.render.entry import Entry, located
from sendgate.render.page import Page
from sendgate.render.safe import safe
from sendgate.render.text import counted, finding_on, some_of, stale_on, verdict_word
from sendgate.repo.reading import Unread
from sendgate.repo.report import RepositoryReport
from sendgate.vocabulary import Severity

__all__ = ["document", "lines", "text"]

_MAX_UNREAD = 50  # places named on a page
_MAX_RULES = 12  # rules named for one question
_COLUMN = 12  # where the values of the opening lines begin


def text(page: Page, report: RepositoryReport) -> None:
    """Put the check of a repository on the page.

    Errors and warnings come in full, each fault once however many domains it reaches;
    notes are counted by rule. With a base, what is new comes first, and what stood there
    before is only counted. Places are relative to the root that was read.
    """
    batch = Batch.of_repository(report)
    _head_on(page, batch)
    _unread_on(page, batch)
    if batch.change is not None:
        _change_on(page, batch)
    else:
        _findings_on(page, batch, batch.current)
    _unknown_on(page, batch)
    _waived_on(page, batch)
    stale_on(page, batch.stale)


def _head_on(page: Page, batch: Batch) -> None:
    reading = batch.reading
    if reading is None:
        return
    word, style = verdict_word(batch.verdict)
    records = counted(len(reading.records), "record")
    what = f"{counted(len(reading.zones), 'zone')}, {records}, "
    what += counted(len({report.domain for report in batch.reports}), "mail domain")
    page.line(("repository: ", "strong"), (word, style), f"  ({what})")
    page.blank()

    def say(label: str, words: str) -> None:
        page.entry(label, words, column=_COLUMN)

    say("read as", safe(f"{reading.source}: {reading.why}", letters=True))
    for note in reading.notes:
        say("remark", safe(note, letters=True))
    verdicts = [report.verdict for report in batch.reports]
    told = [
        f"{verdicts.count(verdict)} {str(verdict).replace('_', ' ')}"
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)
        if verdict in verdicts
    ]
    say("verdicts", ", ".join(told) or "none: no name of the repository sends or receives mail")
    waived = f", {len(batch.waived)} waived" if batch.waived else ""
    left = sum(report.left_out for report in batch.reports)
    left_out = f", {left} left out" if left else ""
    known = f", {batch.known} known to the baseline" if batch.known else ""
    say("found", Totals.of(batch.findings).text + waived + known + left_out)
    if batch.change is not None:
        say("base", safe(batch.change.base, letters=True))
        say("new", Totals.of(batch.current).text)
        say("fixed", Totals.of(batch.fixed).text)


def _change_on(page: Page, batch: Batch) -> None:
    for title, entries in (("new", batch.current), ("fixed", batch.fixed)):
        if entries:
            page.blank()
            page.line((title, "strong"))
            _findings_on(page, batch, entries)
    if batch.still:
        page.blank()
        page.line(("still there", "strong"), f"  {Totals.of(batch.still).text}")


def _findings_on(page: Page, batch: Batch, entries: Sequence[Entry]) -> None:
    weighty = [entry for entry in entries if entry.severity is not Severity.NOTE]
    for group in batch.grouped(weighty):
        finding_on(page, group.first.finding, group.others)
    notes: dict[tuple[str, str], list[Domain]] = {}
    for entry in entries:
        if entry.severity is Severity.NOTE:
            notes.setdefault((entry.rule.id, entry.rule.name), []).append(entry.subject)
    if notes:
        page.blank()
        page.line(("notes", "note"))
        for (rule, name), subjects in sorted(notes.items()):
            page.entry(f"{rule} {name}", some_of(list(dict.fromkeys(subjects))))


def _unread_on(page: Page, batch: Batch) -> None:
    if not batch.unread:
        return
    page.blank()
    page.line(("could not be read", "error"))
    for item in batch.unread[:_MAX_UNREAD]:
        zones = f" ({', '.join(map(str, item.zones))} is unknown)" if item.zones else ""
        page.entry("", f"{located(item.place)}: {safe(item.problem + zones, letters=True)}")
    rest = len(batch.unread) - _MAX_UNREAD
    if rest > 0:
        page.entry("", f"and {rest} more")


def _unknown_on(page: Page, batch: Batch) -> None:
    decisive = batch.decisive
    if decisive:
        page.blank()
        page.line(("could not be determined", "strong"))
    for item in decisive:
        page.entry("", f"{item.question}: {item.reason}", style="open")
        rest = len(item.rules) - _MAX_RULES
        more = f" and {rest} more" if rest > 0 else ""
        rules = " ".join(item.rules[:_MAX_RULES]) + more
        page.entry("decides", f"{rules} at {some_of(item.domains)}", indent=4)
    open_ones = len(batch.unknown) - len(decisive)
    if open_ones:
        page.blank()
        page.entry("not checked", f"{counted(open_ones, 'question')} that would decide nothing")


def _waived_on(page: Page, batch: Batch) -> None:
    if not batch.waived:
        return
    page.blank()
    page.line(("waived", "strong"))
    for entry in batch.waived:
        if entry.waiver is not None:
            reason = safe(entry.waiver.reason, letters=True)
            label = f"{entry.rule.id} {entry.rule.name}"
            domain = safe(str(entry.finding.domain))
            page.entry(label, f"{domain} until {entry.waiver.expires}: {reason}")


def document(report: RepositoryReport) -> dict[str, Any]:
    """Give the check as ``sendgate.repo/1``; places are relative to the root that was read.

    Without a base, `base` is null, and `new`, `fixed` and `still` are empty.
    """
    return _document(report) | {"domains": [json.audit(one) for one in report.reports]}


def lines(report: RepositoryReport) -> Iterator[dict[str, Any]]:
    """Give the audits one by one, then the check, whose `domains` are those before it."""
    for one in report.reports:
        yield json.audit(one)
    yield _document(report)


def _document(report: RepositoryReport) -> dict[str, Any]:
    reading, change = report.reading, report.change
    times = [one.time for one in report.reports]
    return {
        "format": "sendgate.repo/1",
        "tool": {"name": "sendgate", "version": __version__},
        "time": json.rfc3339(max(times)) if times else None,
        "verdict": str(report.verdict),
        "source": {"name": reading.source, "why": json.whole(reading.why)},
        "prefix": json.whole(report.prefix),
        "zones": [
            {
                "name": str(zone.apex),
                "path": json.whole(zone.place.path),
                "line": zone.place.line,
                "view": zone.view or None,
                "incomplete": None if zone.incomplete is None else json.whole(zone.incomplete),
            }
            for zone in reading.zones
        ],
        "domains": [],
        "base": None if change is None else change.base,
        "new": [json.finding(found) for found in change.new] if change else [],
        "fixed": [json.finding(found) for found in change.fixed] if change else [],
        "still": [json.finding(found) for found in change.still] if change else [],
        "known": [json.finding(found) for found in report.known],
        "unread": [_unread(item) for item in report.unread],
        "newly_unread": [_unread(item) for item in change.gone_unread] if change else [],
        "stale_waivers": [
            {
                "rule": stale.waiver.rule,
                "domain": stale.waiver.domain,
                "reason": stale.waiver.reason,
                "expires": stale.waiver.expires.isoformat(),
                "expired": stale.expired,
            }
            for stale in report.stale
        ],
        "notes": [json.whole(note) for note in reading.notes],
        "remarks": [json.whole(remark) for remark in report.remarks],
    }


def _unread(item: Unread) -> dict[str, Any]:
    return {
        "path": json.whole(item.place.path),
        "line": item.place.line,
        "end": item.place.end,
        "problem": json.whole(item.problem),
        "zones": [str(zone) for zone in item.zones],
    }
