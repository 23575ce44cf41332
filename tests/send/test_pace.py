"""The pace in numbers, by a clock that the test holds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.send.classify import Classification, Scope
from sendgate.send.pace import Bucket, Pace, Path
from sendgate.send.shaping import Site, read_shaping

TABLE = read_shaping(
    """
[default]
connections = 8
messages = 100
failures = 3
source = "x"
date = 2026-01-01
[[reaction]]
categories = ["throttled"]
slow = true
count = 3
within = "10m"
pause = "30m"
[[reaction]]
categories = ["ip_reputation"]
count = 1
within = "1h"
pause = "2h"
[[provider]]
id = "brisk"
mx = ["brisk.example"]
rate = "10/s"
source = "x"
date = 2026-01-01
"""
)
FREE = Path("192.0.2.1", Site("mx.example.net"))
BRISK = Path("192.0.2.1", Site("brisk", "brisk"))


def said(category: str, scope: Scope = Scope.TRANSIENT, again: int | None = None) -> Classification:
    return Classification(category, scope, False, None, "r", retry_after=again)


THROTTLED = said("throttled")
REPUTATION = said("ip_reputation", Scope.SENDER)


def sent(pace: Pace, path: Path, start: float, seconds: float) -> int:
    """How many messages leave when each is asked for as soon as it may be."""
    now, count = start, 0
    while now < start + seconds:
        wait = pace.take(path, now)
        if wait == 0.0:
            count += 1
        else:
            now += wait
    return count


@pytest.mark.parametrize("rate", [0.5, 3.0, 100.0])
def test_a_campaign_keeps_its_rate(rate: float) -> None:
    """One message at once, then the rate, over any number of sites."""
    pace = Pace(TABLE, rate)
    assert sent(pace, FREE, 0.0, 60.0) == pytest.approx(60 * rate, abs=1.01)


def test_a_site_keeps_its_rate_over_all_source_addresses() -> None:
    """The limit is the site's, so a second address does not double it."""
    pace, other = Pace(TABLE), Path("192.0.2.2", BRISK.site)
    now, count = 0.0, 0
    while now < 30.0:
        waits = [pace.take(path, now) for path in (BRISK, other)]
        count += waits.count(0.0)
        now += max(waits)
    assert count == pytest.approx(300, abs=2)


def test_a_standstill_is_made_up_for_by_one_second_at_most() -> None:
    """After an hour's pause of the process nobody gets an hour's mail at once."""
    pace = Pace(TABLE, 50.0)
    sent(pace, FREE, 0.0, 1.0)
    at_once = 0
    while pace.take(FREE, 3600.0) == 0.0:
        at_once += 1
    assert at_once == 50


@given(st.lists(st.floats(0, 5), max_size=60), st.floats(0.1, 50))
def test_no_order_of_asking_beats_the_rate(steps: list[float], rate: float) -> None:
    """Whenever it is asked, a bucket gives at most a second's worth above the rate."""
    bucket, now, taken = Bucket(rate, 0.0), 0.0, 0
    for step in steps:
        now += step
        while bucket.wait(now) == 0.0:
            bucket.take(now)
            taken += 1
    assert taken <= rate * now + max(1.0, rate) + 1e-6


def test_connections_are_counted_per_site() -> None:
    """A slot that is full says nothing of when; a closed connection makes room."""
    pace, other = Pace(TABLE), Path("192.0.2.2", FREE.site)
    assert [pace.open(FREE, 0.0) for _ in range(9)] == [0.0] * 8 + [math.inf]
    assert pace.open(other, 0.0) == math.inf
    assert pace.open(BRISK, 0.0) == 0.0
    pace.close(FREE)
    assert pace.open(other, 0.0) == 0.0


def test_asking_for_less_halves_connections_and_rate_once_in_ten_seconds() -> None:
    """What was under way says the same once more and does not count again."""
    pace = Pace(TABLE)
    for _ in range(8):
        pace.open(BRISK, 0.0)
    sent(pace, BRISK, 0.0, 60.0)  # ten a second
    assert pace.heard(BRISK, THROTTLED, 60.0) is None
    assert pace.heard(BRISK, THROTTLED, 61.0) is None
    assert pace.connections_of(BRISK, 61.0) == 4
    assert pace.rate_of(BRISK, 61.0) == pytest.approx(5.0, rel=0.05)
    assert not pace.has_room(BRISK, 61.0)


def test_recovery_is_even_and_takes_ninety_minutes_of_delivery() -> None:
    """Additive increase: from half to full in half of that; idle time does not count."""
    pace = Pace(TABLE)
    for _ in range(8):
        pace.open(BRISK, 0.0)
    sent(pace, BRISK, 0.0, 60.0)
    pace.heard(BRISK, THROTTLED, 60.0)
    for minute in range(1, 46):
        pace.delivered(BRISK, 60.0 + 60 * minute)
        if minute == 22:
            assert pace.connections_of(BRISK, 60.0 + 60 * minute) == 5
            assert pace.rate_of(BRISK, 60.0 + 60 * minute) == pytest.approx(7.5, abs=0.3)
    assert pace.connections_of(BRISK, 2800.0) == 8
    pace.delivered(BRISK, 2900.0)
    assert pace.rate_of(BRISK, 2900.0) == 10.0

    pace.heard(BRISK, THROTTLED, 3000.0)
    pace.delivered(BRISK, 9000.0)  # a hundred minutes of silence count as one
    assert pace.connections_of(BRISK, 9000.0) == 4


def test_a_path_never_stops_for_being_slowed() -> None:
    """One message a minute and one connection are the least."""
    pace = Pace(TABLE)
    for minute in range(40):
        pace.heard(FREE, THROTTLED, 700.0 * minute)
    now = 700.0 * 40
    assert pace.connections_of(FREE, now) == 1
    assert sent(pace, FREE, now, 600.0) == pytest.approx(10, abs=1)


def test_repeated_throttling_pauses_the_path_and_no_other() -> None:
    """The third reply within ten minutes; another address goes on, as does another site."""
    pace, other = Pace(TABLE), Path("192.0.2.2", FREE.site)
    assert pace.heard(FREE, THROTTLED, 0.0) is None
    assert pace.heard(FREE, THROTTLED, 300.0) is None
    held = pace.heard(FREE, THROTTLED, 600.0)
    assert held is not None
    assert (held.until, held.why) == (2400.0, "throttled")
    assert pace.take(FREE, 600.0) == pace.open(FREE, 600.0) == 1800.0
    assert pace.open(other, 600.0) == pace.open(BRISK, 600.0) == 0.0
    assert [one.path for one in pace.held(600.0)] == [FREE]
    assert pace.open(FREE, 2400.0) == 0.0
    assert pace.open(FREE, 2400.0) == math.inf  # it starts slowly


def test_throttling_now_and_then_pauses_nothing() -> None:
    """Three replies in more than ten minutes are within what is usual."""
    pace = Pace(TABLE)
    assert [pace.heard(FREE, THROTTLED, 301.0 * number) for number in range(9)] == [None] * 9


def test_the_wait_that_a_reply_names_is_kept() -> None:
    """ "Try again in 5 minutes", said of the rate, holds the path for five minutes."""
    pace = Pace(TABLE)
    held = pace.heard(FREE, said("throttled", again=300), 10.0)
    assert held is not None
    assert held.until == 310.0


def test_what_is_said_of_a_recipient_or_a_message_does_not_slow_the_path() -> None:
    """An unknown user is no reason to go slower, nor is greylisting."""
    pace = Pace(TABLE)
    for category in ("unknown_user", "greylisted", "spam", "mailbox_full"):
        assert pace.heard(FREE, said(category, Scope.RECIPIENT, again=300), 1.0) is None
    assert pace.connections_of(FREE, 1.0) == 8
    assert pace.rate_of(FREE, 1.0) is None


def test_a_longer_pause_is_not_cut_short() -> None:
    """A new reason never makes a path free earlier."""
    pace = Pace(TABLE)
    pace.heard(FREE, REPUTATION, 0.0)
    assert pace.hold(FREE, 60.0, 0.0, "x").until == 7200.0
    assert pace.hold(FREE, math.inf, 0.0, "auth_dmarc").until == math.inf


def test_after_a_passing_audit_one_message_is_tried() -> None:
    """Nothing else leaves over the path until the receiver took it."""
    pace = Pace(TABLE)
    pace.hold(FREE, math.inf, 0.0, "auth_dmarc")
    pace.release(FREE, 100.0, trial=True)
    assert pace.open(FREE, 100.0) == 0.0
    assert pace.open(FREE, 100.0) == math.inf
    assert pace.take(FREE, 100.0) == 0.0
    assert pace.take(FREE, 101.0) > 0.0
    pace.delivered(FREE, 102.0)
    assert pace.take(FREE, 102.0) == 0.0


def test_a_trial_that_is_refused_pauses_again_and_one_that_is_lost_is_made_anew() -> None:
    """A broken connection says nothing of the audit; a reply about the recipient says enough."""
    pace = Pace(TABLE)
    pace.release(FREE, 0.0, trial=True)
    assert pace.take(FREE, 0.0) == 0.0
    pace.unreached(FREE, 1.0)
    assert pace.take(FREE, 1.0) == 0.0
    assert pace.heard(FREE, REPUTATION, 2.0) is not None
    pace.release(FREE, 3.0, trial=True)
    pace.take(FREE, 3.0)
    pace.heard(FREE, said("unknown_user", Scope.RECIPIENT), 4.0)
    assert pace.take(FREE, 4.0) == 0.0


def test_a_trial_without_an_outcome_does_not_block_for_ever() -> None:
    """Its reply may be lost, which is nobody's verdict."""
    pace = Pace(TABLE)
    pace.release(FREE, 0.0, trial=True)
    pace.take(FREE, 0.0)
    assert pace.take(FREE, 10.0) == 890.0
    assert pace.take(FREE, 900.0) == 0.0


def test_a_site_that_cannot_be_reached_is_left_alone_for_longer_and_longer() -> None:
    """From the third failure: 5, 10, 20, 40, 60, 60 minutes; any answer ends it."""
    pace, now, pauses = Pace(TABLE), 0.0, []
    for _ in range(8):
        held = pace.unreached(FREE, now)
        pauses.append(None if held is None else (held.until - now) / 60)
        now = now if held is None else held.until
    assert pauses == [None, None, 5, 10, 20, 40, 60, 60]
    pace.heard(FREE, said("unknown_user", Scope.RECIPIENT), now)
    assert pace.unreached(FREE, now) is None


def test_failures_during_a_pause_do_not_lengthen_it() -> None:
    """Connections that were under way fail together, once."""
    pace = Pace(TABLE)
    first = [pace.unreached(FREE, 0.0) for _ in range(8)]
    assert [one.until for one in first if one is not None] == [300.0]


def test_what_is_known_of_paths_at_rest_is_bounded() -> None:
    """A hundred thousand sites pass; a paused one is not forgotten."""
    pace = Pace(TABLE, capacity=100)
    pace.heard(FREE, REPUTATION, 0.0)
    for number in range(2000):
        path = Path("", Site(f"mx{number}.example.org"))
        assert pace.open(path, 1.0) == 0.0
        assert pace.take(path, 1.0) == 0.0
        pace.close(path)
    assert len(pace._lanes) <= 101
    assert len(pace._places) <= 101
    assert pace.open(FREE, 1.0) > 0.0


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    """Such a clock is a fault elsewhere; the rate holds all the same."""
    pace = Pace(TABLE, 1.0)
    assert pace.take(FREE, 100.0) == 0.0
    assert pace.take(FREE, 50.0) == 1.0
    assert pace.take(FREE, 101.0) == 0.0


def test_a_receiver_with_a_limit_of_its_own_is_nearly_filled_and_rarely_annoyed() -> None:
    """Six hours to one that takes a message a second: most of that, few refusals, one pause."""
    pace, now, last, credit = Pace(TABLE, 100.0), 0.0, 0.0, 1.0
    taken = refused = pauses = 0
    while now < 6 * 3600:
        if (wait := pace.take(FREE, now)) > 0.0:
            now += wait
            continue
        credit, last = min(10.0, credit + now - last), now
        if credit >= 1.0:
            credit, taken = credit - 1.0, taken + 1
            pace.delivered(FREE, now)
        else:
            refused += 1
            pauses += pace.heard(FREE, THROTTLED, now) is not None
        now += 0.001
    assert taken > 0.6 * 6 * 3600
    assert refused < 30
    assert pauses <= 2


SHARED = read_shaping(
    """
[default]
connections = 8
messages = 100
source = "x"
date = 2026-01-01
[[reaction]]
categories = ["temporary", "protocol"]
share = "20%"
slow = true
count = 5
within = "10m"
pause = "10m"
[[provider]]
id = "brisk"
mx = ["brisk.example"]
rate = "10/s"
per = "source"
source = "x"
date = 2026-01-01
"""
)
TEMPORARY = said("temporary", again=300)


def test_one_recipient_that_is_unwell_does_not_slow_its_site() -> None:
    """One temporary reply in ten, for as long as it may be, changes nothing; nor do two alone."""
    pace, now = Pace(SHARED), 0.0
    for number in range(300):
        now += 1.0
        if number % 10 == 5:
            assert pace.heard(FREE, TEMPORARY, now) is None
        else:
            pace.delivered(FREE, now)
    assert pace.connections_of(FREE, now) == 8
    assert pace.rate_of(FREE, now) is None
    young = Path("", Site("mx.example.org"))
    assert pace.heard(young, TEMPORARY, now) is None
    assert pace.heard(young, TEMPORARY, now) is None
    assert pace.connections_of(young, now) == 8


def test_a_site_that_is_unwell_is_slowed_and_then_paused() -> None:
    """Of a fifth of the last replies on, whichever of its categories they are of."""
    pace, now = Pace(SHARED), 0.0
    for _ in range(8):
        now += 1.0
        pace.delivered(FREE, now)
    assert pace.heard(FREE, said("temporary"), now) is None
    assert pace.heard(FREE, said("protocol", Scope.SENDER), now) is None
    assert pace.connections_of(FREE, now) == 8
    assert pace.heard(FREE, said("temporary"), now) is None  # three of eleven
    assert pace.connections_of(FREE, now) < 8
    replies = [pace.heard(FREE, said("temporary"), now) for _ in range(4)]
    assert replies[:3] == [None] * 3
    assert replies[3] is not None
    assert replies[3].until == now + 600.0


def test_what_was_said_long_ago_is_no_share_of_now() -> None:
    """Only the last replies of the time in question count, at most fifty of them."""
    pace = Pace(SHARED)
    for _ in range(2):
        pace.heard(FREE, said("temporary"), 0.0)
    pace.heard(FREE, said("temporary"), 700.0)
    assert pace.connections_of(FREE, 700.0) == 8
    for _ in range(1000):
        pace.delivered(FREE, 700.0)
    for _ in range(9):
        pace.heard(FREE, said("temporary"), 701.0)
    assert pace.connections_of(FREE, 701.0) == 8
    pace.heard(FREE, said("temporary"), 701.0)  # ten of the last fifty
    assert pace.connections_of(FREE, 701.0) < 8


def test_where_the_limit_is_each_addresss_own_they_do_not_share_it() -> None:
    """Connections and rate are those of a path; another one has its own, and its own pause."""
    pace, other = Pace(SHARED), Path("192.0.2.2", BRISK.site)
    assert [pace.open(path, 0.0) for path in (BRISK, other) for _ in range(8)] == [0.0] * 16
    assert pace.open(BRISK, 0.0) == math.inf
    assert sent(pace, BRISK, 0.0, 10.0) == pytest.approx(100, abs=1)
    assert sent(pace, other, 0.0, 10.0) == pytest.approx(100, abs=1)
    pace.hold(BRISK, 60.0, 10.0, "ip_reputation")
    assert pace.is_held(BRISK, 10.0)
    assert not pace.is_held(other, 10.0)
    assert pace.take(other, 11.0) == 0.0
    pace.close(BRISK)
    pace.close(other)
    assert pace.open(other, 11.0) == 0.0
