"""The forms of one message: ``sendgate.message/1``, and a page of text."""

from __future__ import annotations

from typing import Any

from sendgate import __version__
from sendgate.message.arc import ArcResult
from sendgate.message.dmarc import DmarcResult, MessageDmarc
from sendgate.message.facts import MessageFacts
from sendgate.message.judge import MessageReport
from sendgate.message.results import authentication_results
from sendgate.message.verify import Result, SignatureResult
from sendgate.render import json
from sendgate.render.checks import discovery_json, spf_json
from sendgate.render.entry import Single
from sendgate.render.page import Page
from sendgate.render.safe import safe, shorten
from sendgate.render.summaries import or_null
from sendgate.render.text import counted, findings_on, unknown_on, verdict_word
from sendgate.vocabulary import Severity

__all__ = ["message_json", "message_on", "single"]

SHOWN = 100  # characters of a value of the message
_COLUMN = 12
_STYLES = {"pass": "good", "fail": "bad", "permerror": "bad", "temperror": "open"}


def single(report: MessageReport) -> Single:
    """Give one message as the forms for CI take it."""
    return Single("message", report.facts.domain, report.verdict, report.said, report.time)


def message_json(report: MessageReport) -> dict[str, Any]:
    """Give one message as ``sendgate.message/1``."""
    facts = report.facts
    return {
        "format": "sendgate.message/1",
        "tool": {"name": "sendgate", "version": __version__},
        "time": json.rfc3339(report.time),
        "message": json.whole(facts.where),
        "verdict": str(report.verdict),
        "kind": {"name": str(facts.kind), "assumed": facts.kind_assumed},
        "dkim": [_dkim(one, facts) for one in facts.results],
        "spf": _spf(facts),
        "dmarc": _dmarc(facts.dmarc),
        "arc": _arc(facts.arc),
        "authentication_results": authentication_results(facts),
        **json.judged(report.said),
    }


def _dkim(one: SignatureResult, facts: MessageFacts) -> dict[str, Any]:
    signature = one.signature
    count = len(facts.message.all("From"))
    aligned = None
    if facts.dmarc is not None and signature.domain is not None:
        aligned = facts.dmarc.aligns(signature.domain)
    return {
        "result": str(one.result),
        "domain": or_null(signature.domain),
        "selector": signature.selector or None,
        "reason": one.reason or None,
        "cause": None if one.problem is None else one.problem.cause.name.lower(),
        "algorithm": signature.algorithm or None,
        "key_bits": one.key_bits,
        "testing": one.testing,
        "signed": list(signature.signed),
        "oversigned": signature.signed.count("from") > count,
        "body_length": signature.length,
        "time": signature.time,
        "expires": signature.expires,
        "aligned": aligned,
        "line": signature.field.line,
    }


def _spf(facts: MessageFacts) -> dict[str, Any] | None:
    spf = facts.spf
    if spf is None:
        return None
    connection = spf.connection
    return {
        **spf_json(spf.result),
        "ip": str(connection.ip),
        "mail_from": connection.mail_from,
        "mail_from_assumed": connection.assumed,
        "helo": connection.helo,
        "domain": or_null(spf.domain),
    }


def _dmarc(dmarc: MessageDmarc | None) -> dict[str, Any]:
    assert dmarc is not None  # of a message that was examined
    found = dmarc.discovery
    details: dict[str, Any] = {} if found is None else discovery_json(found)
    details["alignment"] = {"spf": dmarc.spf, "dkim": dmarc.dkim}
    details["unknown"] = [json.unseen(one) for one in dmarc.unknown]
    return {
        "result": str(dmarc.result),
        "reason": dmarc.reason or None,
        "author_domain": or_null(dmarc.author),
        "spf_checked": dmarc.spf_checked,
        **details,
    }


def _arc(arc: ArcResult | None) -> dict[str, Any]:
    assert arc is not None
    return {
        "result": str(arc.state),
        "reason": arc.reason or None,
        "sets": arc.sets,
        "sealer": arc.sealer,
        "unknown": None if arc.unknown is None else json.unseen(arc.unknown),
    }


def message_on(page: Page, report: MessageReport) -> None:
    """Put one message on the page: its results, what was found, and the field to add."""
    facts, said = report.facts, report.said
    word, style = verdict_word(report.verdict)
    where = safe(facts.where, letters=True)
    page.line((f"{where}: ", "strong"), (word, style), f"  ({_counts(report)})")
    page.blank()
    _fields_on(page, facts)
    if not facts.results:
        _result_on(page, "dkim", "none", "the message is not signed")
    for one in facts.results:
        _signature_on(page, one)
    _session_on(page, facts)
    findings_on(page, said.findings)
    unknown_on(page, said.unknown)
    if said.waived:
        page.blank()
        page.line(("waived", "strong"))
    for item in said.waived:
        reason = safe(item.waiver.reason, letters=True)
        page.entry(item.finding.rule.id, f"until {item.waiver.expires}: {reason}")
    page.blank()
    page.line(safe(authentication_results(facts)))


def _counts(report: MessageReport) -> str:
    parts = []
    for severity in reversed(Severity):
        number = sum(finding.severity is severity for finding in report.said.findings)
        if number or severity is Severity.ERROR:
            parts.append(counted(number, str(severity)))
    for number, text in ((len(report.said.unknown), "unknown"), (len(report.said.waived), "waived"),
                         (report.said.left_out, "left out")):  # fmt: skip
        parts += [f"{number} {text}"] if number else []
    return ", ".join(parts)


def _fields_on(page: Page, facts: MessageFacts) -> None:
    field = facts.message.first("From")
    if field is not None:
        page.entry("from", _cut(field.text), column=_COLUMN)
    if facts.message.first("Subject") is not None:
        page.entry("subject", _cut(facts.subject), column=_COLUMN)
    assumed = " (assumed)" if facts.kind_assumed else ""
    page.entry("kind", f"{facts.kind}{assumed}", column=_COLUMN)


def _cut(text: str) -> str:
    return shorten(safe(text[: 4 * SHOWN]), SHOWN, len(text))


def _result_on(page: Page, label: str, word: str, text: str) -> None:
    page.entry(label, word, column=_COLUMN, style=_STYLES.get(word, ""))
    if text:
        page.entry("", safe(text), indent=_COLUMN)


def _signature_on(page: Page, one: SignatureResult) -> None:
    signature = one.signature
    bits = "" if one.key_bits is None else f", {one.key_bits} bits"
    who = f"{signature.domain or 'no domain'}, selector {_cut(signature.selector) or '(none)'}"
    text = f"{who} ({_cut(signature.algorithm) or 'no algorithm'}{bits})"
    if one.result is not Result.PASS:
        text += f": the signature {one.reason}"
    _result_on(page, "dkim", str(one.result), text)


def _session_on(page: Page, facts: MessageFacts) -> None:
    spf, dmarc, arc = facts.spf, facts.dmarc, facts.arc
    if spf is None:
        _result_on(page, "spf", "not checked", "no connection was given: --ip, --mail-from, --helo")
    else:
        said = spf.result
        why = said.problem or (said.mechanism and f"by {said.mechanism}") or ""
        if said.unknown is not None:
            why = f"{said.unknown.question}: {said.unknown.text}"
        assumed = " (from Return-Path)" if spf.connection.assumed else ""
        who = f"{spf.connection.ip} for {_cut(spf.connection.identity)}{assumed}"
        _result_on(page, "spf", str(said.result), f"{who}: {why}" if why else who)
    if dmarc is not None:
        _result_on(page, "dmarc", str(dmarc.result), _dmarc_text(dmarc))
    if arc is not None and (arc.sets or arc.reason):
        text = arc.reason or f"{counted(arc.sets, 'set')}, sealed last by {arc.sealer}"
        _result_on(page, "arc", str(arc.state), text)


def _dmarc_text(dmarc: MessageDmarc) -> str:
    found = dmarc.discovery
    if found is None or dmarc.result in {DmarcResult.NONE, DmarcResult.TEMPERROR}:
        return dmarc.reason
    policy = f"policy {found.effective_policy} of {found.policy_domain}"
    if dmarc.result is DmarcResult.FAIL:
        return f"{dmarc.reason}; {policy}"
    by = [name for name, word in (("SPF", dmarc.spf), ("DKIM", dmarc.dkim)) if word == "aligned"]
    return f"{' and '.join(by)} aligned with {dmarc.author}; {policy}"
