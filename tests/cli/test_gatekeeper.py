"""When a campaign under way is audited again, and when that pauses it: in minutes, by a clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from send_setup import written

from sendgate.cli import gatekeeper
from sendgate.cli.gatekeeper import Gatekeeper
from sendgate.cli.job import Job, prepare
from sendgate.config import load_config
from sendgate.dns.overlay import NowhereSource
from sendgate.send.campaign_file import load_campaign
from sendgate.send.gate import Allow, Decision, Hold, Refuse

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
PASS, FAIL, OPEN = Allow(), Refuse(()), Hold(())


@dataclass
class Clock:
    """Time that passes only where somebody waits."""

    minutes: float = 0.0
    jump: timedelta = timedelta()

    def now(self) -> datetime:
        return START + timedelta(minutes=self.minutes) + self.jump

    async def sleep(self, seconds: float) -> None:
        self.minutes += seconds / 60
        await asyncio.sleep(0)


@dataclass
class Sender:
    """Takes note of a pause."""

    reasons: list[str] = field(default_factory=list)

    async def pause(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(gatekeeper, "now", made.now)
    monkeypatch.setattr(gatekeeper, "asyncio", SimpleNamespace(sleep=made.sleep))
    return made


@pytest.fixture
def job(tmp_path: Path, pem: bytes) -> Job:
    """A campaign that is audited every hour."""
    file = written(tmp_path, 25, pem, '[gate]\nrecheck = "1h"\n')
    return prepare(load_campaign(file, load_config(None, lambda _: None), lambda _: None), print)


async def watched(
    job: Job,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *decisions: Decision,
    set_back: timedelta = timedelta(),
) -> tuple[list[float], list[str]]:
    """The minutes at which it was audited until it was paused, and why it was."""
    times: list[float] = []
    left = list(decisions)

    async def audited(*_: Any, **__: Any) -> Any:
        times.append(clock.minutes)
        clock.jump = -set_back
        return SimpleNamespace(decision=left.pop(0) if len(left) > 1 else left[0], recording="")

    monkeypatch.setattr("sendgate.send.gate_audit.gate_audit", audited)
    keeper = Gatekeeper(job, NowhereSource(lambda _: False), passed=clock.now())
    sender = Sender()
    async with asyncio.timeout(20):
        await keeper.keep_watch(sender)
    return times, sender.reasons


async def test_a_failing_audit_pauses_at_the_next_recheck(
    job: Job, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every hour while it passes; the first that fails is the last."""
    times, reasons = await watched(job, clock, monkeypatch, PASS, PASS, FAIL)
    assert times == [60, 120, 180]
    assert len(reasons) == 1
    assert reasons[0].startswith("the audit fails")


async def test_an_open_audit_is_tried_again_every_five_minutes(
    job: Job, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It pauses when the last pass is older than two hours, twice the recheck."""
    times, reasons = await watched(job, clock, monkeypatch, OPEN)
    assert times == [60 + 5 * again for again in range(14)]  # the last one at 125 minutes
    assert len(reasons) == 1
    assert reasons[0].startswith("the audit could not be completed")


async def test_a_pass_in_between_begins_anew(
    job: Job, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour after that pass it is audited again; two hours after it, it is too old."""
    times, _ = await watched(job, clock, monkeypatch, OPEN, OPEN, PASS, OPEN)
    assert times[:5] == [60, 65, 70, 130, 135]
    assert times[-1] == 70 + 125


async def test_a_clock_that_is_set_back_makes_no_pass_younger(
    job: Job, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that lies ahead of the clock counts for nothing."""
    times, reasons = await watched(job, clock, monkeypatch, OPEN, set_back=timedelta(days=1))
    assert times == [60]
    assert len(reasons) == 1
