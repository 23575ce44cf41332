"""What the campaign commands print of a store: the status, and the forms of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sendgate.cli.destination import Destination
    from sendgate.render.page import Page
    from sendgate.send.store import Campaign, Recipient, UnknownRecipient, Unmatched, Visit

__all__ = ["REPORTS", "Shown", "pieces", "put_status", "utc_now"]

_LINES = 500  # written at a time


@dataclass(frozen=True)
class Shown:
    """What a report shows beside the sums: replies, who waits for a decision, then others."""

    unmatched: Sequence[Unmatched]
    held: Sequence[UnknownRecipient]
    ended: Iterable[Recipient]


def utc_now() -> datetime:
    """The wall's clock, aware."""
    return datetime.now(UTC)


def pieces(lines: Iterable[str]) -> Iterator[str]:
    """Join lines into pieces that are worth a write of their own."""
    rest = iter(lines)
    while piece := "".join(islice(rest, _LINES)):
        yield piece


def put_status(page: Page, visit: Visit, chosen: Campaign) -> None:
    """Put on the page where a campaign stands now."""
    from sendgate.render.campaign import status_on

    now = visit.campaign(chosen.id)
    status_on(page, now, visit.counts(now), visit.standing(now), utc_now())


def _text(
    destination: Destination,
    visit: Visit,
    chosen: Campaign,
    shown: Shown,
) -> None:
    from sendgate.render.campaign import (
        audit_on,
        recipient_text,
        unknown_on,
        unmatched_on,
    )

    page = destination.page()
    put_status(page, visit, chosen)
    audit_on(page, visit.last_audit(chosen))
    page.blank()
    unmatched_on(page, shown.unmatched)
    unknown_on(page, shown.held)
    destination.print(page)
    for piece in pieces(recipient_text(one) + "\n" for one in shown.ended):
        destination.write(piece)


def _html(
    destination: Destination,
    visit: Visit,
    chosen: Campaign,
    shown: Shown,
) -> None:
    from sendgate.render.campaign_html import (
        recipients_html,
        report_head,
        report_tail,
        unknown_html,
        unmatched_html,
    )

    now = visit.campaign(chosen.id)
    audit = visit.last_audit(now)
    destination.write(report_head(now, visit.counts(now), visit.standing(now), audit, utc_now()))
    destination.write(unmatched_html(shown.unmatched))
    destination.write(unknown_html(shown.held))
    for piece in pieces(recipients_html(shown.ended)):
        destination.write(piece)
    destination.write(report_tail())


def _csv(
    destination: Destination,
    _visit: Visit,
    _chosen: Campaign,
    shown: Shown,
) -> None:
    from sendgate.render.campaign_csv import report_csv

    for piece in pieces(report_csv(shown.held, shown.ended)):
        destination.write(piece)


_Form: TypeAlias = "Callable[[Destination, Visit, Campaign, Shown], None]"

REPORTS: dict[str, _Form] = {"text": _text, "html": _html, "csv": _csv}
"""How a report is written in each form."""
