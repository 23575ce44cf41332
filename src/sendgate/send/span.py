"""Spans of time as people write them: ``6 months``, ``1h``, ``100/s``.

A month is a month of the calendar: six months before 31 August is 28 or 29 February.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendgate.errors import ConfigError
from sendgate.names import printable

__all__ = ["Span", "read_duration", "read_rate", "read_span"]

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"([0-9]{1,4})\s*(day|week|month|year)s?\Z")
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*([smhd])\Z")
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*/\s*([smhd])\Z")


@dataclass(frozen=True, slots=True)
class Span:
    """Months of the calendar, or days."""

    months: int = 0
    days: int = 0

    def before(self, moment: datetime) -> datetime:
        """The time of day this long before; the last day of a month where it has no such day."""
        year, month = divmod(moment.year * 12 + moment.month - 1 - self.months, 12)
        if year < 1:
            return datetime.min.replace(tzinfo=moment.tzinfo)
        last = calendar.monthrange(year, month + 1)[1]
        earlier = moment.replace(year=year, month=month + 1, day=min(moment.day, last))
        try:
            return earlier - timedelta(days=self.days)
        except OverflowError:
            return datetime.min.replace(tzinfo=moment.tzinfo)

    def __str__(self) -> str:
        number, word = (self.months, "month") if self.months else (self.days, "day")
        return f"{number} {word}" + ("" if number == 1 else "s")


def read_span(text: str) -> Span:
    """Read ``6 months``, ``90 days``, ``2 weeks`` or ``1 year``; raise `ConfigError`."""
    match = _SPAN.match(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise ConfigError(f"{printable(text)} is not a span such as '6 months' or '90 days'")
    number, unit = int(match[1]), match[2]
    if unit in _MONTHS:
        return Span(months=number * _MONTHS[unit])
    return Span(days=number * _DAYS[unit])


def read_duration(text: str) -> timedelta:
    """Read ``90s``, ``30m``, ``1h`` or ``1d``; raise `ConfigError`."""
    match = _DURATION.match(text.strip().lower())
    if match is None:
        raise ConfigError(f"{printable(text)} is not a duration such as '1h', '30m' or '90s'")
    return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])


def read_rate(text: str) -> float:
    """Read ``100/s``, ``600/m``, ``5000/h`` or ``50000/d`` as messages a second.

    Raises `ConfigError` for anything else, and for none at all.
    """
    match = _RATE.match(text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"{printable(text)} is not a rate such as '100/s' or '5000/h'")
    return float(match[1]) / _SECONDS[match[2]]
