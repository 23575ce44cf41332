"""The retry schedule, computed with a clock and dice that the test holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.send.outcome import Bounced, Deferred, NotSent, Phase, Reply
from sendgate.send.schedule import (
    END,
    History,
    Schedule,
    asked_delay,
    deferred,
    expired,
    is_over,
    unanswered,
)

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIDDLE = 0.5  # the draw that leaves a wait as it is


def offsets(draw: float = MIDDLE, category: str = "") -> list[float]:
    """Hours from the first attempt to each, until none follows; every attempt takes no time."""
    found, now = [0.0], START
    while (due := Schedule().next_try(START, now, len(found), draw, category=category)) is not None:
        now = due
        found.append((now - START) / timedelta(hours=1))
    return found


def test_the_schedule_in_numbers() -> None:
    """5, 10, 20, 40, 80, 160 minutes, every 4 hours, the last between 71 and 72 hours."""
    minutes = [0, 5, 15, 35, 75, 155, 315]
    then = [5.25 + 4 * n for n in range(1, 16)]
    assert offsets() == pytest.approx([*(m / 60 for m in minutes), *then, 71.5])
    assert len(offsets()) == 23


def test_a_full_mailbox_is_tried_every_six_hours() -> None:
    """Nobody empties a mailbox in five minutes."""
    assert offsets(category="mailbox_full") == pytest.approx([*range(0, 67, 6), 71.5])


def test_greylisting_is_tried_after_five_and_fifteen_minutes() -> None:
    """A greylisting that goes on for longer follows the usual steps."""
    got = offsets(category="greylisted")[:5]
    assert got == pytest.approx([m / 60 for m in (0, 5, 20, 40, 80)])


@pytest.mark.parametrize("draw", [0.0, 0.25, 0.999999])
def test_jitter_is_fifteen_percent(draw: float) -> None:
    """Each wait is spread, and the last attempt stays in its hour."""
    got = offsets(draw)
    assert got[1] == pytest.approx(5 / 60 * (0.85 + 0.3 * draw))
    assert got[8] - got[7] == pytest.approx(4 * (0.85 + 0.3 * draw))
    assert 71 <= got[-1] < 72


def test_what_the_receiver_asks_for_is_honoured() -> None:
    """Never earlier than asked, little later; a wait of nothing is a minute."""
    plan = Schedule()
    asked = timedelta(minutes=42)
    assert plan.next_try(START, START, 1, 0.0, asked=asked) == START + asked
    late = plan.next_try(START, START, 1, 0.999, category="mailbox_full", asked=asked)
    assert late is not None
    assert START + asked <= late <= START + asked * 1.15
    soon = plan.next_try(START, START, 1, 0.0, asked=timedelta(0))
    assert soon == START + timedelta(minutes=1)
    far = plan.next_try(START, START, 1, MIDDLE, asked=timedelta(hours=100))
    assert far == START + timedelta(hours=71.5)


@given(
    draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=200),
    categories=st.lists(
        st.sampled_from(["", "greylisted", "mailbox_full", "throttled"]), min_size=1, max_size=7
    ),
    asked=st.lists(
        st.none() | st.timedeltas(timedelta(0), timedelta(days=9)), min_size=1, max_size=5
    ),
    lateness=st.timedeltas(timedelta(0), timedelta(hours=9)),
)
def test_every_next_try_is_later_and_within_72_hours(
    draws: list[float],
    categories: list[str],
    asked: list[timedelta | None],
    lateness: timedelta,
) -> None:
    """Whatever receivers say and however late attempts run, the end is the end."""
    now = START
    for failures, draw in enumerate(draws, start=1):
        due = Schedule().next_try(
            START,
            now,
            failures,
            draw,
            category=categories[failures % len(categories)],
            asked=asked[failures % len(asked)],
        )
        if due is None:
            assert now - START >= timedelta(hours=71)
            return
        assert now < due < START + END
        now = due + lateness if failures % 3 == 0 else due


@given(
    jump=st.timedeltas(timedelta(days=-4000), timedelta(days=4000)),
    failures=st.integers(1, 40),
    draw=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
)
def test_a_clock_that_jumps_puts_nothing_off_for_long(
    jump: timedelta, failures: int, draw: float, asked: timedelta | None
) -> None:
    """Back: at most 72 hours from now. Forward: the 72 hours are over, and that is said."""
    now = START + jump
    due = Schedule().next_try(START, now, failures, draw, asked=asked)
    if due is None:
        assert jump >= timedelta(hours=71)
    else:
        assert now < due < min(START, now) + END


def test_the_end_is_a_soft_bounce_or_not_sent() -> None:
    """Deferred by somebody: a soft bounce for that reason. Answered by nobody: no bounce at all."""
    reply = Reply(451, ("later",), "4.3.0")
    late = START + timedelta(hours=71.2)
    first = deferred(History(), START, MIDDLE, category="temporary", phase=Phase.RCPT, reply=reply)
    assert first == Deferred("temporary", START + timedelta(minutes=5), Phase.RCPT, reply)
    put_off = History(START, 22, answered=True, reason="greylisted")
    last = deferred(put_off, late, MIDDLE, category="temporary", phase=Phase.RCPT, reply=reply)
    assert isinstance(last, Bounced)
    assert (last.category, last.hard, last.reply) == ("temporary", False, reply)
    assert unanswered(History(), START, MIDDLE, detail="timeout") == NotSent(
        "timeout", START + timedelta(minutes=5)
    )
    assert unanswered(History(START, 22), late, MIDDLE, detail="timeout") == NotSent(
        "timeout", None
    )
    silent = unanswered(put_off, late, MIDDLE, detail="timeout")
    assert silent == Bounced("greylisted", False, Phase.CONNECT, detail="timeout")
    assert isinstance(expired(History(START, 3)), NotSent)
    assert isinstance(expired(put_off), Bounced)


def test_over_is_72_hours_after_the_first_attempt() -> None:
    """Not a moment before, and never for who was not attempted."""
    assert not is_over(None, START)
    assert not is_over(START, START + END - timedelta(microseconds=1))
    assert is_over(START, START + END)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted, please try again in 5 minutes", 300),
        ("4.7.1 Greylisting in action, please come back in 00:04:57", 297),
        ("Try again in 300 seconds", 300),
        ("temporarily deferred, retry after 2 hours", 7200),
        ("please retry in 4m59s", 299),
        ("You are greylisted for 180s", 180),
        ("try again later", None),
        ("user has 3 messages in 5 folders", None),
        ("please wait and try again", None),
        ("try again in 999999 hours", 259200),
        ("try again in 5 million years", None),
    ],
)
def test_the_wait_that_a_reply_names(text: str, seconds: int | None) -> None:
    """Minutes, seconds, hours, a clock; numbers that are no wait are none."""
    found = asked_delay(text)
    assert (None if found is None else found.total_seconds()) == seconds
