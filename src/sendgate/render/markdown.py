"""Markdown for a job's summary or a comment: tables of findings, in which no value is markup.

Whatever is not a plain word of letters, or a short number, stands in a code span. In code
nothing is a link, an image, a mention, an issue's number, an emoji or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sendgate.audit.opinion import Outcome
from sendgate.names import Domain
from sendgate.render.batch import Batch, Group, Totals
from sendgate.render.entry import Entry, Single, located, said
from sendgate.render.opinion import headline
from sendgate.repo.reading import Place
from sendgate.vocabulary import Severity

__all__ = ["SUMMARY_OCTETS", "code", "marked", "summary", "text"]

SUMMARY_OCTETS = 1024 * 1024 - 1024  # GitHub drops a step's summary above 1 MiB
_WIDTH = 300  # characters of a sentence in a table
_SHOWN = 5  # domains named where several share a fault
_ROOM = 400  # octets kept for the words that say what was left out

# A hexadecimal word may be a commit, one with digits an issue of some tracker.
_PLAIN = re.compile(r"(\(?)([A-Za-z]+(?:['-][A-Za-z]+)*|[0-9]{1,6})([,;:.)?]*)")
_HEX = re.compile(r"[0-9a-f]{7,}", re.IGNORECASE)
_ENDS = re.compile(r"(\(?)(.+?)([,;:.)]*)", re.DOTALL)


def code(value: str, width: int = 120) -> str:
    """Put a foreign text into a code span that it cannot leave, in tables neither."""
    shown = said(value, width).replace("|", r"\x7c")
    if not shown.strip():
        return "(empty)"
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def marked(words: str, width: int = 4000) -> str:
    """Write a sentence with all in code that is no plain word."""
    return " ".join(_word(word) for word in said(words, width).split(" ") if word)


def _word(word: str) -> str:
    plain = _PLAIN.fullmatch(word)
    if plain and not _HEX.fullmatch(plain[2]):
        return word
    ends = _ENDS.fullmatch(word)
    if ends is None:
        return code(word)
    return ends[1] + code(ends[2], len(word)) + ends[3]


def text(batch: Batch) -> str:
    """Write the whole batch as GitHub-flavoured markdown, in ASCII."""
    return "".join(_pieces(batch))


def summary(batch: Batch, limit: int = SUMMARY_OCTETS) -> str:
    """Write the batch for ``$GITHUB_STEP_SUMMARY``: at most `limit` octets, saying what is cut."""
    if limit <= _ROOM:
        return ""
    pieces: list[str] = []
    room = limit - _ROOM
    left_out = 0
    for piece in _pieces(batch):
        if left_out or len(piece) > room:
            left_out += piece.startswith("| ")
            continue
        room -= len(piece)
        pieces.append(piece)
    if left_out:
        if pieces and _is_open(pieces):
            pieces.append("\n</details>\n")
        pieces.append(f"\n{left_out} more lines do not fit into a summary.\n")
    return "".join(pieces)


def _is_open(pieces: Sequence[str]) -> bool:
    written = "".join(pieces)
    return written.count("<details>") > written.count("</details>")


def _pieces(batch: Batch) -> Iterator[str]:
    """The text in pieces; a row of a table is one, so that a cut falls between rows."""
    yield from _head(batch)
    changed = batch.change is not None
    weighty = [e for e in batch.current if e.severity is not Severity.NOTE]
    notes = [e for e in batch.current if e.severity is Severity.NOTE]
    if weighty:
        yield f"\n### {'New' if changed else 'Findings'}\n\n"
        yield from _table(batch.grouped(weighty))
    yield from _unread(batch)
    yield from _open(batch)
    yield from _folded("New notes" if changed else "Notes", batch, notes)
    yield from _folded("Fixed", batch, batch.fixed)
    yield from _folded("Still there", batch, batch.still)
    yield from _waived(batch)
    yield from _opinions(batch)
    yield from _remarks(batch)
    yield from _verdicts(batch)


def _head(batch: Batch) -> Iterator[str]:
    verdict = str(batch.verdict).replace("_", " ")
    yield f"## sendgate: {verdict}\n\n"
    nouns = {r.what if isinstance(r, Single) else "domain" for r in batch.reports} or {"domain"}
    noun = f"{min(nouns)}{'' if len(batch.reports) == 1 else 's'}"
    audited = f"{len(batch.reports)} {noun} audited"
    if batch.change is not None:
        base = code(batch.change.base)
        yield (
            f"Against {base}: {Totals.of(batch.current).text} new; "
            f"{len(batch.fixed)} fixed; {len(batch.still)} still there. {audited}.\n"
        )
    else:
        yield f"{Totals.of(batch.current).text}; {audited}.\n"


def _table(groups: Iterable[Group]) -> Iterator[str]:
    yield "| severity | rule | name | place | finding |\n|---|---|---|---|---|\n"
    for group in groups:
        first = group.first
        cells = (
            f"**{first.severity}**" if first.severity is Severity.ERROR else str(first.severity),
            f"[{first.rule.id}]({first.rule.citation.url}) {first.rule.name}",
            code(first.about),
            _place(first.place),
            marked(first.finding.message, _WIDTH) + _others(group.others),
        )
        yield "| " + " | ".join(cells) + " |\n"


def _others(domains: Sequence[Domain]) -> str:
    if not domains:
        return ""
    return f" (and at {_listed(domains)})"


def _listed(domains: Sequence[Domain]) -> str:
    shown = ", ".join(code(str(domain)) for domain in domains[:_SHOWN])
    rest = len(domains) - _SHOWN
    return shown if rest <= 0 else f"{shown} and {rest} more"


def _place(place: Place | None) -> str:
    return "" if place is None else code(located(place), 200)


def _folded(title: str, batch: Batch, entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        return
    yield f"\n<details><summary>{title}: {len(entries)}</summary>\n\n"
    yield from _table(batch.grouped(entries))
    yield "\n</details>\n"


def _unread(batch: Batch) -> Iterator[str]:
    if not batch.unread:
        return
    yield "\n### Could not be read\n\n| place | zones | why |\n|---|---|---|\n"
    for item in batch.unread:
        place = Place(batch.path(item.place.path), item.place.line)
        yield f"| {_place(place)} | {_listed(item.zones)} | {marked(item.problem, _WIDTH)} |\n"


def _open(batch: Batch) -> Iterator[str]:
    if not batch.decisive:
        return
    yield "\n### Could not be determined\n\n| question | why | decides | at |\n|---|---|---|---|\n"
    for item in batch.decisive:
        rules = " ".join(item.rules)
        yield (
            f"| {code(item.question)} | {marked(item.reason, _WIDTH)} | {rules} | "
            f"{_listed(item.domains)} |\n"
        )


def _waived(batch: Batch) -> Iterator[str]:
    if not batch.waived and not batch.stale:
        return
    yield f"\n<details><summary>Waivers: {len(batch.waived) + len(batch.stale)}</summary>\n\n"
    yield "| rule | domain | until | reason |\n|---|---|---|---|\n"
    for entry in batch.waived:
        if entry.waiver is not None:
            yield (
                f"| {entry.rule.id} | {code(str(entry.finding.domain))} | "
                f"{entry.waiver.expires} | {marked(entry.waiver.reason, _WIDTH)} |\n"
            )
    for stale in batch.stale:
        waiver = stale.waiver
        why = "expired" if stale.expired else "nothing matched it"
        rule = code(waiver.rule)
        yield f"| {rule} | {code(waiver.domain)} | {waiver.expires} | without effect: {why} |\n"
    yield "\n</details>\n"


def _opinions(batch: Batch) -> Iterator[str]:
    """The second opinions: what does not agree, and how much does."""
    given = [(report.domain, report.cross_check) for report in batch.reports if report.cross_check]
    if not given:
        return
    differing = sum(any(opinion.with_outcome(Outcome.DIFFERS)) for _, opinion in given)
    yield f"\n<details><summary>Second opinion: {differing} of {len(given)} differ</summary>\n\n"
    yield "| domain | topic | outcome | sendgate | the other | why |\n|---|---|---|---|---|---|\n"
    for domain, opinion in given:
        yield f"| {code(str(domain))} | | {marked(headline(opinion), _WIDTH)} | | | |\n"
        for entry in opinion.comparisons:
            if entry.outcome is Outcome.AGREES:
                continue
            told = (entry.ours, entry.theirs, entry.why)
            cells = (f"{entry.topic} | {entry.outcome.words}", *(marked(t, _WIDTH) for t in told))
            yield f"| {code(str(domain))} | {' | '.join(cells)} |\n"
    yield "\n</details>\n"


def _remarks(batch: Batch) -> Iterator[str]:
    notes = batch.reading.notes if batch.reading else ()
    told = [*batch.remarks, *notes]
    if batch.known:
        told.append(f"{batch.known} findings are known to the baseline")
    if told:
        yield f"\n<details><summary>Remarks: {len(told)}</summary>\n\n| remark |\n|---|\n"
        yield from (f"| {marked(remark, _WIDTH)} |\n" for remark in told)
        yield "\n</details>\n"


def _verdicts(batch: Batch) -> Iterator[str]:
    """The audited domains; with a base only those it changed are worth a line, and stand above."""
    reports = [report for report in batch.reports if not isinstance(report, Single)]
    if batch.change is not None or not reports:
        return
    yield f"\n<details><summary>Domains: {len(reports)}</summary>\n\n"
    yield "| domain | verdict | findings |\n|---|---|---|\n"
    of: dict[int, list[Entry]] = {}
    for entry in batch.findings:
        of.setdefault(id(entry.report), []).append(entry)
    for report in reports:
        verdict = str(report.verdict).replace("_", " ")
        totals = Totals.of(of.get(id(report), ())).text
        yield f"| {code(str(report.domain))} | {verdict} | {totals} |\n"
    yield "\n</details>\n"
