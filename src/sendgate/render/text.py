"""The report as text: the verdict, then the sender in a few lines, then what was found.

    news.example.com: fail, 1 error, 2 warnings
      sending      news.example.com
      ...
    error SPF004 too-many-lookups  news.example.com
      needs 11 DNS lookups; receivers stop at 10
      at zones/example.com.yaml:14  news.example.com TXT
         "v=spf1 include:..."
      fix  Drop includes that no longer send.
      see  RFC 7208 section 4.6.4

Readable without colour and at 80 columns; every foreign text has gone through `safe`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sendgate.audit.receivers import receiver_verdicts
from sendgate.audit.report import Finding, Report, StaleWaiver, UnknownItem, Verdict
from sendgate.dmarc.alignment import DkimAlignment
from sendgate.names import Domain
from sendgate.observed import Evidence, Malformed, Present, Unknown
from sendgate.profile import Profile, Role
from sendgate.receivers.data import HIDDEN
from sendgate.render.opinion import opinion_on
from sendgate.render.page import Page, Word
from sendgate.render.safe import safe, shorten
from sendgate.render.summaries import state_of
from sendgate.vocabulary import Severity

__all__ = [
    "counted",
    "evidence_on",
    "finding_on",
    "findings_on",
    "report_on",
    "shown_name",
    "some_of",
    "stale_on",
    "summary",
    "unknown_on",
    "verdict_word",
]

_COLUMN = 15  # where the values of the sender's lines begin
_MAX_VALUES = 6  # values shown of one piece of evidence
_MAX_EVIDENCE = 6
_FILES = {"SVG", "PEM"}  # what is no record: the file itself is the subject
_VERDICTS = {
    Verdict.PASS: ("pass", "good"),
    Verdict.FAIL: ("fail", "bad"),
    Verdict.UNKNOWN: ("unknown", "open"),
    Verdict.NOT_APPLICABLE: ("not applicable", "open"),
}


def counted(number: int, noun: str) -> str:
    """Count things in words: ``1 error``, ``2 errors``, ``no errors``."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def shown_name(name: Domain) -> str:
    """Show a name as it is asked, and beside it as it reads where the two differ."""
    shown, reads = safe(str(name)), name.unicode
    return shown if reads == str(name) else f"{shown} ({safe(reads, letters=True)})"


def summary(report: Report) -> str:
    """Sum a report up in a phrase: ``1 error, 2 warnings, 1 unknown``."""
    parts = []
    for severity in reversed(Severity):
        number = sum(finding.severity is severity for finding in report.findings)
        if number or severity is Severity.ERROR:
            parts.append(counted(number, str(severity)))
    if report.unknown:
        parts.append(f"{len(report.unknown)} unknown")
    if report.waived:
        parts.append(f"{len(report.waived)} waived")
    return ", ".join(parts)


def verdict_word(verdict: Verdict) -> Word:
    """Give the verdict as a styled word."""
    return _VERDICTS[verdict]


def report_on(page: Page, report: Report, *, keys_only: bool = False) -> None:
    """Put one report on the page; with `keys_only` its DKIM keys stand for the whole sender."""
    word, style = verdict_word(report.verdict)
    page.blank()
    page.line((f"{shown_name(report.domain)}: ", "strong"), (word, style), f"  ({summary(report)})")
    if report.verdict is Verdict.NOT_APPLICABLE:
        page.entry("", "by its records the name neither sends nor receives mail")
    if keys_only:
        _keys_on(page, report)
    else:
        _sender_on(page, report)
    findings_on(page, report.findings)
    unknown_on(page, report.unknown)
    _waived_on(page, report)
    if report.cross_check is not None:
        opinion_on(page, report.cross_check)
    page.blank()
    page.line((_closing(report), "dim"))


def stale_on(page: Page, waivers: Sequence[StaleWaiver]) -> None:
    """Put the waivers that did nothing on the page."""
    if not waivers:
        return
    page.blank()
    page.line(("waivers without effect", "strong"))
    for stale in waivers:
        waiver = stale.waiver
        why = f"expired on {waiver.expires}" if stale.expired else "nothing matched it"
        page.entry(safe(waiver.rule), f"{safe(waiver.domain, letters=True)}: {why}")


def _closing(report: Report) -> str:
    cost = report.dns
    asked = f"{counted(cost.questions, 'DNS question')} in {cost.seconds:.2f} s"
    failed = f", {cost.failed} not answered" if cost.failed else ""
    left = f"; {counted(report.left_out, 'finding')} left out" if report.left_out else ""
    return f"{summary(report)}; {asked}{failed}{left}"


def _sender_on(page: Page, report: Report) -> None:
    facts, profile = report.facts, report.facts.profile
    page.blank()

    def say(label: str, text: str) -> None:
        page.entry(label, text, column=_COLUMN)

    say("content", ", ".join(map(_role, profile.content)) or "not known")
    say("sending", shown_name(profile.sending))
    say("return path", _return_path(profile))
    if profile.sender or facts.provider:
        seen = "" if profile.provider else " (seen in DNS)"
        parts = [profile.sender, facts.provider and f"provider {safe(facts.provider)}{seen}"]
        say("sender", ", ".join(str(part) for part in parts if part))
    say("layout", f"{facts.topology.outcome}: {safe(facts.topology.why)}")
    alignment = facts.alignment
    say("spf", _spf_line(report))
    say("dkim", _dkim_line(alignment.dkim))
    say("dmarc", _dmarc_line(report))
    for number, line in enumerate(_receiver_lines(report)):
        say("" if number else "receivers", line)


def _keys_on(page: Page, report: Report) -> None:
    page.blank()
    for key in report.facts.dkim.keys:
        record = key.record
        if record is None:
            states = {"unknown": "not known", "absent": "no key"}
            what = states.get(state_of(key.observed), "no single key record")
        else:
            usable = {True: "usable", False: "not usable", None: "not proven"}[key.usable]
            kind = "revoked" if record.revoked else str(record.key or record.key_type)
            what = f"{kind}, {usable}"
        page.entry(safe(str(key.selector.owner)), safe(what))


def _role(role: Role) -> str:
    return shown_name(role.name) + (" (assumed)" if role.assumed else "")


def _return_path(profile: Profile) -> str:
    if profile.return_path is None:
        return "not known"
    owner = ", the provider's" if profile.provider_return_path else ""
    return _role(profile.return_path) + owner


def _spf_line(report: Report) -> str:
    spf = report.facts.alignment.spf
    word = {True: "aligned", False: "not aligned", None: "alignment not known"}[spf.possible]
    checks = ", ".join(f"{check.ip} {check.result.result}" for check in report.facts.spf_checks)
    return f"{word} ({spf.mode}): {safe(spf.why)}" + (f"; {checks}" if checks else "")


def _dkim_line(keys: Sequence[DkimAlignment]) -> str:
    named = [key for key in keys if key.selector.named]
    seen = named or [key for key in keys if key.can_pass]
    if not seen:
        return "no selector is declared, and no likely one answers"
    words = {True: "aligned", False: "not aligned", None: "alignment not known"}
    return ", ".join(
        f"{safe(key.selector.name)} of {safe(str(key.selector.domain))} {words[key.aligned]}"
        + ({True: "", False: ", cannot pass", None: ", not proven"}[key.can_pass])
        + ("" if key.selector.named else " (assumed)")
        for key in seen
    )


def _dmarc_line(report: Report) -> str:
    facts = report.facts.dmarc
    expected = f"mail is expected to {report.facts.alignment.result}"
    if report.facts.alignment.result == "unknown":
        expected = "whether mail passes cannot be told from what was declared"
    match facts.policy:
        case Present(applied):
            at = safe(str(applied.domain))
            if applied.effective_policy is None:
                return f"the record at {at} counts for nothing; {expected}"
            return f"policy {applied.effective_policy} of {at}; {expected}"
        case Unknown():
            return f"the policy could not be read; {expected}"
        case Malformed():
            return f"the record is broken; {expected}"
        case _:
            return f"no policy; {expected}"


def _receiver_lines(report: Report) -> Iterator[str]:
    """Say how the mail fares at each receiver; of the declared ones also what DNS does not show."""
    others: dict[str, list[str]] = {}
    hidden: dict[str, None] = {}
    unseen: dict[str, None] = {}
    for entry in receiver_verdicts(report.facts):
        word, _ = _VERDICTS[entry.verdict]
        why = entry.failed or (entry.unknown if entry.verdict is Verdict.UNKNOWN else ())
        verdict = word + (f" ({', '.join(why)})" if why else "")
        if not entry.declared:
            if entry.verdict is not Verdict.NOT_APPLICABLE:
                others.setdefault(verdict, []).append(str(entry.receiver))
            continue
        yield f"{entry.receiver} {verdict}"
        hidden |= dict.fromkeys(HIDDEN[i].what for i in entry.not_observable if i in HIDDEN)
        unseen |= dict.fromkeys(i for i in entry.not_observable if i not in HIDDEN)
    if unseen:
        yield f"not shown by what was declared or given: {', '.join(unseen)}"
    if hidden:
        yield f"not shown by DNS: {', '.join(hidden)}"
    if others:
        told = (f"{', '.join(names)} {verdict}" for verdict, names in others.items())
        yield f"not declared: {'; '.join(told)}"


def findings_on(page: Page, findings: Sequence[Finding]) -> None:
    """Put findings on the page, the gravest first."""
    for severity in reversed(Severity):
        for finding in findings:
            if finding.severity is severity:
                finding_on(page, finding)


def finding_on(page: Page, finding: Finding, also: Sequence[Domain] = ()) -> None:
    """Put one finding on the page; `also` are further audited domains that share its record."""
    severity = str(finding.severity)
    first = finding.evidence[0] if finding.evidence else None
    subject = safe(str(finding.domain if first is None else first.name))
    if first is not None and first.rdtype in _FILES:
        subject = safe(first.origin.where, letters=True)
    page.blank()
    page.line((severity, severity), " ", (f"{finding.rule.id} {finding.rule.name}", "strong"),
              f"  {subject}")  # fmt: skip
    page.entry("", safe(finding.message))
    if finding.rule.area != "RCV":  # a receiver's demand rests on what other findings show
        _all_evidence_on(page, finding.evidence)
    if also:
        page.entry("for", f"{safe(str(finding.domain))}, {some_of(also)}")
    page.entry("fix", safe(finding.rule.remedy))
    page.entry("see", safe(finding.rule.citation.text))


def some_of(domains: Sequence[Domain], shown: int = 3) -> str:
    """Name the first few of many domains: ``a.example, b.example and 40 more``."""
    rest = len(domains) - shown
    named = ", ".join(safe(str(domain)) for domain in domains[:shown])
    return named if rest <= 0 else f"{named} and {rest} more"


def _all_evidence_on(page: Page, evidence: Sequence[Evidence]) -> None:
    for piece in evidence[:_MAX_EVIDENCE]:
        evidence_on(page, piece)
    rest = len(evidence) - _MAX_EVIDENCE
    if rest > 0:
        page.entry("", f"and {rest} more")


def evidence_on(page: Page, piece: Evidence) -> None:
    """Put one piece of evidence on the page: where it was read, and its values."""
    where = safe(str(piece.origin), letters=True)
    if piece.rdtype in _FILES:
        page.entry("at", where)
        return
    if not piece.values:
        page.entry("at", f"{where}  {safe(str(piece.name))} {piece.rdtype} (none)")
        return
    page.entry("at", f"{where}  {safe(str(piece.name))} {piece.rdtype}")
    for value in piece.values[:_MAX_VALUES]:
        # Quotes keep a value from being read as the report's own words.
        shown = shorten(safe(value), page.width - 8, len(value))
        page.line("     ", (f'"{shown}"', "dim"))
    rest = len(piece.values) - _MAX_VALUES
    if rest > 0:
        page.line("     ", (f"and {rest} more", "dim"))


def unknown_on(page: Page, unknown: Sequence[UnknownItem]) -> None:
    """Group what could not be told by the question that failed, decisive ones first."""
    if not unknown:
        return
    page.blank()
    page.line(("could not be determined", "strong"))
    groups: dict[tuple[str, str], list[UnknownItem]] = {}
    for item in sorted(unknown, key=lambda item: not item.decisive):
        groups.setdefault((str(item.unknown.question), item.unknown.text), []).append(item)
    for (question, reason), items in groups.items():
        told = [item for item in items if item.decisive] or items
        ids = list(dict.fromkeys(item.rule.id for item in told))
        rest = len({item.rule.id for item in items}.difference(ids))
        more = f", and {counted(rest, 'rule')} that would not decide" if rest else ""
        decisive = items[0].decisive
        page.entry("", f"{safe(question)}: {safe(reason)}", style="open" if decisive else "")
        page.entry("decides" if decisive else "for", " ".join(ids) + more, indent=4)


def _waived_on(page: Page, report: Report) -> None:
    if not report.waived:
        return
    page.blank()
    page.line(("waived", "strong"))
    for item in report.waived:
        rule = item.finding.rule
        reason = safe(item.waiver.reason, letters=True)
        page.entry(f"{rule.id} {rule.name}", f"until {item.waiver.expires}: {reason}")
        page.entry("", safe(item.finding.message), indent=4)
