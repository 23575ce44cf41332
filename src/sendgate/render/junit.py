"""JUnit XML: a suite for each zone or domain, a case for each rule at a name.

A finding at or above ``--fail-on`` is a failure, a lesser one a case that passed with the
finding in its output; a decisive unknown is an error, and so is a file that could not be
read. With a base only what is new fails. Every text is made of characters that XML 1.0 has.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from sendgate.names import Domain
from sendgate.render.batch import Batch
from sendgate.render.entry import Entry, State, Told, located, said
from sendgate.render.json import rfc3339
from sendgate.render.safe import safe

__all__ = ["text"]


def text(batch: Batch) -> str:
    """Write the batch as one `testsuites` document, in ASCII."""
    root = ET.Element("testsuites", name="sendgate")
    suites: dict[Domain, list[Told]] = {}
    for report in batch.reports:
        suites.setdefault(_zone_of(report.domain, batch), []).append(report)
    of: dict[int, list[Entry]] = {}
    for entry in (*batch.findings, *batch.waived):
        of.setdefault(id(entry.report), []).append(entry)
    for zone, reports in suites.items():
        _suite(root, str(zone), reports, of, batch)
    _unread_suite(root, batch)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _zone_of(domain: Domain, batch: Batch) -> Domain:
    """The deepest zone of the repository that holds the name; outside them the name itself."""
    apexes = {zone.apex for zone in batch.reading.zones} if batch.reading else set()
    return next((name for name in (domain, *domain.ancestors) if name in apexes), domain)


def _suite(
    root: ET.Element,
    name: str,
    reports: Iterable[Told],
    of: dict[int, list[Entry]],
    batch: Batch,
) -> None:
    suite = ET.SubElement(root, "testsuite", name=safe(name))
    seconds = 0.0
    for report in reports:
        seconds += report.dns.seconds
        suite.set("timestamp", rfc3339(report.time).removesuffix("Z"))
        _cases(suite, report, of.get(id(report), []), batch)
    suite.set("time", f"{seconds:.3f}")
    _count(suite)


def _cases(suite: ET.Element, report: Told, entries: list[Entry], batch: Batch) -> None:
    cases: dict[str, list[Entry]] = {}
    for entry in entries:
        cases.setdefault(f"{entry.rule.id} {entry.rule.name} {entry.about}", []).append(entry)
    for name, told in cases.items():
        _finding_case(_case(suite, name, report.domain, told[0]), told, batch)
    for item in report.unknown:
        question = said(str(item.unknown.question))
        case = _case(suite, f"{item.rule.id} {item.rule.name} {question}", report.domain)
        words = f"could not be determined: {question}: {said(item.unknown.text)}"
        ET.SubElement(case, "error" if item.decisive else "skipped", message=words)
    if not cases and not report.unknown:
        _case(suite, "audit", report.domain)


def _case(suite: ET.Element, name: str, domain: Domain, entry: Entry | None = None) -> ET.Element:
    case = ET.SubElement(suite, "testcase", name=said(name), classname=safe(str(domain)), time="0")
    if entry is not None and entry.place is not None:
        case.set("file", safe(entry.place.path, letters=True))
        if entry.place.line is not None:
            case.set("line", str(entry.place.line))
    return case


def _finding_case(case: ET.Element, told: list[Entry], batch: Batch) -> None:
    words = "\n".join(_words(entry) for entry in told)
    first = max(told, key=lambda entry: entry.severity.rank)
    failing = [e for e in told if e.waiver is None and batch.fail_on <= e.severity]
    if failing and any(entry.state is not State.STILL for entry in failing):
        element = ET.SubElement(case, "failure", message=failing[0].message)
        element.set("type", str(failing[0].severity))
        element.text = words
    elif first.waiver is not None:
        reason = said(first.waiver.reason)
        ET.SubElement(case, "skipped", message=f"waived until {first.waiver.expires}: {reason}")
    elif failing:
        ET.SubElement(case, "skipped", message=f"stands in the base too: {first.message}")
    else:
        ET.SubElement(case, "system-out").text = words


def _words(entry: Entry) -> str:
    lines = [f"{entry.severity}: {entry.message}"]
    if entry.place is not None:
        lines.append(f"at {located(entry.place)}")
    for piece in entry.finding.evidence[:1]:
        lines += [f'  "{said(value)}"' for value in piece.values[:6]]
    lines += [f"fix: {entry.rule.remedy}", f"see: {entry.rule.citation.text}"]
    return "\n".join(lines)


def _unread_suite(root: ET.Element, batch: Batch) -> None:
    if not batch.unread:
        return
    suite = ET.SubElement(root, "testsuite", name="files that could not be read")
    for item in batch.unread:
        path = safe(batch.path(item.place.path), letters=True)
        case = ET.SubElement(suite, "testcase", name=path, classname="files", time="0", file=path)
        if item.place.line is not None:
            case.set("line", str(item.place.line))
        ET.SubElement(case, "error", message=said(item.problem))
    _count(suite)


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
