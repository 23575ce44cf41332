"""What the gate decided, on a page and in a line; texts from DNS are shown, never obeyed."""

from __future__ import annotations

from types import MappingProxyType

from sendgate.render.gate import in_time, plan_on
from sendgate.render.page import Page
from sendgate.send.eligibility import Exclusion, Tally
from sendgate.send.plan import Plan, SitePlan
from sendgate.send.shaping import Site

EVIL = "::error::x\x1b[2J\r\n \u202e\x00"


def test_a_plan_to_read() -> None:
    """Counts, the receivers with their limits, and the least time."""
    tally = Tally(eligible=1200, unengaged=7, problems=2)
    tally.excluded[Exclusion.NO_CONSENT] = 30
    sites = (
        SitePlan(Site("google"), 1000, 20, 5.0),
        SitePlan(Site("mx.example.net"), 190, 1, None),
    )
    page = Page()
    plan_on(page, Plan(sites, MappingProxyType({"unresolved": 10}), None), tally)
    assert page.text() == (
        "  eligible        1,200\n"
        "  no_consent                30 excluded\n"
        "  unengaged       7 of the eligible showed no interest for long\n"
        "  unreadable      2 rows\n"
        "\n"
        "plan by receiver\n"
        "      1,000  google  (20 connections at most, 5/s)\n"
        "        190  mx.example.net  (1 connection at most)\n"
        "         10  cannot be called: unresolved\n"
        "\n"
        "  time to finish  at least 3 min; receivers that ask for less make it longer\n"
    )


def test_many_receivers_are_summed_up() -> None:
    """Twenty lines, then one for the rest; a receiver's name obeys nobody."""
    sites = tuple(SitePlan(Site(EVIL), 2, 1, None) for _ in range(25))
    page = Page()
    plan_on(page, Plan(sites, {}, None), Tally(eligible=50))
    shown = page.text()
    assert shown.count(" 2  ") == 20
    assert "       10  at 5 other receivers" in shown
    assert all(c == "\n" or c.isprintable() for c in shown)
    assert "::error::" not in shown


def test_times_in_words() -> None:
    """Seconds, minutes, hours; never less than nothing."""
    assert [in_time(s) for s in (-1, 40, 720, 11100)] == ["0 s", "40 s", "12 min", "3 h 5 min"]
