"""The forms of one logo: ``sendgate.bimi/1``, and a page of text."""

from __future__ import annotations

from typing import Any

from sendgate import __version__
from sendgate.audit.brand import BrandReport
from sendgate.bimi.assets import Assets, CertificateSeen, Had, LogoSeen
from sendgate.names import ROOT
from sendgate.render import json
from sendgate.render.entry import Single
from sendgate.render.page import Page
from sendgate.render.safe import safe, shorten
from sendgate.render.summaries import or_null
from sendgate.render.text import findings_on, shown_name, unknown_on, verdict_word

__all__ = ["bimi_json", "bimi_on", "single"]

_COLUMN = 15
_SHOWN = 300  # characters of a record


def single(report: BrandReport) -> Single:
    """Give one logo as the forms for CI take it; files that no record names are at the root."""
    return Single("logo", report.domain or ROOT, report.verdict, report.said, report.time)


def bimi_json(report: BrandReport) -> dict[str, Any]:
    """Give one logo as ``sendgate.bimi/1``."""
    assets = report.assets
    return {
        "format": "sendgate.bimi/1",
        "tool": {"name": "sendgate", "version": __version__},
        "time": json.rfc3339(report.time),
        "domain": or_null(report.domain),
        "selector": report.selector,
        "record": report.record,
        "verdict": str(report.verdict),
        "logo": None if assets is None or assets.logo is None else _logo(assets.logo),
        "certificate": _certificate(assets),
        **json.judged(report.said),
    }


def _had(had: Had) -> dict[str, Any]:
    state = "unknown" if had.unknown else "refused" if had.refused is not None else "read"
    return {
        "where": json.whole(had.where),
        "state": state,
        "redirects": [json.whole(url) for url in had.redirects],
    }


def _logo(seen: LogoSeen) -> dict[str, Any]:
    logo = seen.logo
    return {
        **_had(seen.had),
        "octets": None if logo is None else logo.size,
        "packed": None if logo is None else logo.packed,
    }


def _certificate(assets: Assets | None) -> dict[str, Any] | None:
    if assets is None or assets.certificate is None:
        return None
    found = assets.certificate.certificate
    facts: dict[str, Any] | None = None
    if found is not None:
        facts = {
            "subject": json.whole(found.subject),
            "issuer": json.whole(found.issuer),
            "names": [json.whole(name) for name in found.names],
            "not_before": json.rfc3339(found.not_before),
            "not_after": json.rfc3339(found.not_after),
            "root": None if found.chain.root is None else json.whole(found.chain.root),
        }
    return {**_had(assets.certificate.had), "roots": assets.roots, "certificate": facts}


def bimi_on(page: Page, report: BrandReport) -> None:
    """Put a report on a logo on the page: what was seen, then what was found."""
    assets = report.assets
    word, style = verdict_word(report.verdict)
    where = "logo" if assets is None or assets.logo is None else safe(assets.logo.had.where)
    page.line((where if report.domain is None else shown_name(report.domain), "strong"), ": ",
              (word, style))  # fmt: skip
    page.blank()

    def say(label: str, text: str) -> None:
        page.entry(label, text, column=_COLUMN)

    if report.domain is not None:
        text = report.record or "none to go by"
        say("record", shorten(safe(text), _SHOWN, len(text)))
    if assets is not None and assets.logo is not None:
        say("logo", _logo_line(assets.logo))
    if assets is not None and assets.certificate is not None:
        say("certificate", _certificate_line(assets.certificate))
        if assets.certificate.certificate is not None:
            _chain_on(page, assets)
    findings_on(page, report.said.findings)
    unknown_on(page, report.said.unknown)


def _logo_line(seen: LogoSeen) -> str:
    size = "not had" if seen.logo is None else f"{seen.logo.size} octets"
    return f"{safe(seen.had.where)}, {size}"


def _certificate_line(seen: CertificateSeen) -> str:
    found = seen.certificate
    if found is None:
        return f"{safe(seen.had.where)}, {'not had' if seen.read is None else 'not read'}"
    names = ", ".join(map(safe, found.names[:5])) or "no domain"
    until = found.not_after.date().isoformat()
    return f"{safe(seen.had.where)}: {safe(found.subject)} for {names}, until {until}"


def _chain_on(page: Page, assets: Assets) -> None:
    found = assets.certificate.certificate if assets.certificate else None
    if found is None:
        return
    root = "no mark root" if found.chain.root is None else safe(found.chain.root)
    page.entry("issuer", safe(found.issuer), column=_COLUMN)
    page.entry("root", f"{root} (roots: {safe(assets.roots or 'none')})", column=_COLUMN)
