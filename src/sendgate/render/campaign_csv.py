"""campaign_csv: a campaign's log and its report as CSV; columns are added behind, none moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sendgate.render.campaign import log_line
from sendgate.render.cells import row
from sendgate.render.json import rfc3339
from sendgate.send.state import State
from sendgate.send.store.rows import Entry, Recipient, UnknownRecipient

__all__ = ["LOG", "REPORT", "log_csv", "report_csv"]

LOG = (
    "time", "recipient", "event", "code", "enhanced", "text", "category", "hard", "mx", "address",
    "tls", "attempt", "message_id", "next",
)  # fmt: skip
"""The columns of a log: the keys of its JSON."""

REPORT = ("recipient", "state", "hard", "category", "attempts", "next", "message_id")


def log_csv(entries: Iterable[Entry]) -> Iterator[str]:
    """Give a log, row by row, its header first."""
    yield row(LOG)
    for entry in entries:
        line = log_line(entry) | {"hard": _yes_or_no(entry.hard)}
        yield row([line[column] for column in LOG])


def report_csv(held: Iterable[UnknownRecipient], ended: Iterable[Recipient]) -> Iterator[str]:
    """Give where recipients stand, those that wait for a decision first."""
    yield row(REPORT)
    for one in held:
        yield row([one.address, State.UNKNOWN, None, None, None, None, one.message_id])
    for other in ended:
        due = None if other.due is None else rfc3339(other.due)
        hard = _yes_or_no(other.hard)
        yield row(
            [
                other.address, other.state, hard, other.category, other.attempts, due,
                other.message_id,
            ]
        )  # fmt: skip


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"
