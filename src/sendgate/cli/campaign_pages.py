"""What the campaign commands print of a store: the status, and the forms of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sendgate.cli.destination import Destination
    from sendgate.render.page import Page
    from sendgate.send.store import Campaign, Recipient, UnknownRecipient, Visit

__all__ = ["REPORTS", "pieces", "put_status", "utc_now"]

_LINES = 500  # written at a time


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
    held: _Held,
    ended: Iterable[Recipient],
) -> None:
    from sendgate.render.campaign import audit_on, recipient_text, unknown_on

    page = destination.page()
    put_status(page, visit, chosen)
    audit_on(page, visit.last_audit(chosen))
    page.blank()
    unknown_on(page, held)
    destination.print(page)
    for piece in pieces(recipient_text(one) + "\n" for one in ended):
        destination.write(piece)


def _html(
    destination: Destination,
    visit: Visit,
    chosen: Campaign,
    held: _Held,
    ended: Iterable[Recipient],
) -> None:
    from sendgate.render.campaign_html import (
        recipients_html,
        report_head,
        report_tail,
        unknown_html,
    )

    now = visit.campaign(chosen.id)
    audit = visit.last_audit(now)
    destination.write(report_head(now, visit.counts(now), visit.standing(now), audit, utc_now()))
    destination.write(unknown_html(held))
    for piece in pieces(recipients_html(ended)):
        destination.write(piece)
    destination.write(report_tail())


def _csv(
    destination: Destination,
    _visit: Visit,
    _chosen: Campaign,
    held: _Held,
    ended: Iterable[Recipient],
) -> None:
    from sendgate.render.campaign_csv import report_csv

    for piece in pieces(report_csv(held, ended)):
        destination.write(piece)


_Held: TypeAlias = "Sequence[UnknownRecipient]"
_Form: TypeAlias = "Callable[[Destination, Visit, Campaign, _Held, Iterable[Recipient]], None]"

REPORTS: dict[str, _Form] = {"text": _text, "html": _html, "csv": _csv}
"""How a report is written in each form: those that wait for a decision, then others."""
