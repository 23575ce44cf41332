"""campaign_html: a campaign's report as one HTML page that loads nothing and runs nothing.

Names, addresses and the words of receivers are made safe and then escaped: they are text on
the page, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape

from sendgate.render.campaign import status
from sendgate.render.json import rfc3339
from sendgate.render.safe import safe
from sendgate.send.store.rows import (
    Campaign,
    Counts,
    Recipient,
    Standing,
    StoredAudit,
    UnknownRecipient,
    Unmatched,
)

__all__ = [
    "recipients_html",
    "report_head",
    "report_tail",
    "unknown_html",
    "unmatched_html",
]

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;padding:.2rem 1.2rem .2rem 0;border-bottom:1px solid #ddd;"
    "vertical-align:top;overflow-wrap:anywhere}"
    "td.number{text-align:right;font-variant-numeric:tabular-nums}"
)
# Nothing may be loaded or run, also should anything ever slip through the escapes.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _text(text: object) -> str:
    return escape(safe(str(text), letters=True), quote=True)


def report_head(
    campaign: Campaign,
    counts: Counts,
    standing: Standing,
    audit: StoredAudit | None,
    now: datetime,
) -> str:
    """Begin the page: the state, the sums and the audit that they rest on."""
    name = _text(campaign.name)
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{name}</h1>\n<p>{_text(campaign.state)}, as of {rfc3339(now)}</p>\n"
    )
    parts = [head]
    if campaign.reason:
        parts.append(f"<p>Because: {_text(campaign.reason)}</p>\n")
    if audit is not None:
        parts.append(f"<p>Audit: {_text(audit.decision)} at {rfc3339(audit.time)}</p>\n")
    if standing.due is not None:
        due = "now" if standing.due <= now else rfc3339(standing.due)
        parts.append(f"<p>Next attempt: {due}</p>\n")
    numbers = status(campaign, counts)["counts"]
    parts.append(_numbers("Recipients", [(k.replace("_", " "), n) for k, n in numbers.items()]))
    parts.append(_numbers("Excluded by reason", counts.excluded_by.items()))
    parts.append(_numbers("Bounced by reason", counts.bounces_by.items()))
    return "".join(parts)


def _numbers(heading: str, kinds: Iterable[tuple[str, int]]) -> str:
    rows = [
        f'<tr><th scope="row">{_text(kind)}</th><td class="number">{number:,}</td></tr>\n'
        for kind, number in kinds
    ]
    if not rows:
        return ""
    return f"<h2>{heading}</h2>\n<table>\n{''.join(rows)}</table>\n"


def unknown_html(held: Sequence[UnknownRecipient]) -> str:
    """Those whose message may or may not have arrived, and wait for a decision."""
    rows = (
        (one.address, one.mx or "", "" if one.since is None else rfc3339(one.since), one.detail)
        for one in held
    )
    columns = ("Recipient", "Host", "Since", "What is known")
    return "".join(_table("Waiting for a decision", columns, rows))


def unmatched_html(replies: Sequence[Unmatched]) -> str:
    """The replies that no rule knows, and how often each came."""
    rows = (
        (f"{one.number:,}", f"{one.code} {one.enhanced or ''}".strip(), one.text, one.mx or "")
        for one in replies
    )
    columns = ("Times", "Code", "Reply", "Host")
    return "".join(_table("Replies that no rule knows", columns, rows))


def recipients_html(found: Iterable[Recipient]) -> Iterator[str]:
    """Where each of these recipients stands, piece by piece."""
    rows = (
        (
            one.address,
            str(one.state).replace("_", " "),
            "" if one.hard is None else "hard" if one.hard else "soft",
            one.category or "",
            str(one.attempts),
            "" if one.due is None else rfc3339(one.due),
        )
        for one in found
    )
    columns = ("Recipient", "State", "Kind", "Category", "Attempts", "Next attempt")
    return _table("By recipient", columns, rows)


def _table(heading: str, columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A heading and a table; nothing where there is no row."""
    is_open = False
    for row in rows:
        if not is_open:
            head = "".join(f'<th scope="col">{column}</th>' for column in columns)
            yield f"<h2>{heading}</h2>\n<table>\n<tr>{head}</tr>\n"
            is_open = True
        yield "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>\n"
    if is_open:
        yield "</table>\n"


def report_tail() -> str:
    """End the page."""
    return "</body>\n</html>\n"
