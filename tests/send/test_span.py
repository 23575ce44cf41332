"""Spans, durations and rates as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendgate.errors import ConfigError
from sendgate.send.span import Span, read_duration, read_rate, read_span


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "moment", "before"),
    [
        ("6 months", "2026-11-23T10:00", "2026-05-23T10:00"),
        ("6 months", "2026-08-31T10:00", "2026-02-28T10:00"),
        ("12 months", "2028-02-29T00:00", "2027-02-28T00:00"),
        ("1 year", "2026-01-15T00:00", "2025-01-15T00:00"),
        ("1 month", "2026-01-31T00:00", "2025-12-31T00:00"),
        ("90 days", "2026-03-01T00:00", "2025-12-01T00:00"),
        ("2 weeks", "2026-03-01T00:00", "2026-02-15T00:00"),
        ("9999 years", "2026-03-01T00:00", "0001-01-01T00:00"),
    ],
)
def test_a_span_counts_months_of_the_calendar(span: str, moment: str, before: str) -> None:
    """The same day of an earlier month, or that month's last day."""
    assert read_span(span).before(at(moment)) == at(before)


def test_a_span_reads_what_it_prints() -> None:
    """A year is twelve months, a week seven days."""
    assert [str(read_span(t)) for t in ("1 year", "1 month", "1 Day", "2weeks")] == [
        "12 months", "1 month", "1 day", "14 days",
    ]  # fmt: skip
    assert read_span("6 months") == Span(months=6)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h", 3600), ("30m", 1800), ("90s", 90), ("1.5 h", 5400), ("1d", 86400)]
)
def test_a_duration_has_one_unit(text: str, seconds: float) -> None:
    """Seconds, minutes, hours or days."""
    assert read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "rate"), [("100/s", 100), ("600/m", 10), ("1800 / h", 0.5), ("86400/d", 1)]
)
def test_a_rate_is_messages_a_second(text: str, rate: float) -> None:
    """Whatever the unit it is given in."""
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["", "6", "months", "0 months", "-1 days", "6 moons", "1h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ConfigError):
        read_span(text)


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 hour and a bit", "1e9h", "6 months"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ConfigError):
        read_duration(text)


@pytest.mark.parametrize("text", ["", "100", "0/s", "-1/s", "100/y", "fast", "100/ss"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A rate of zero would never end."""
    with pytest.raises(ConfigError):
        read_rate(text)
