"""What is said while a campaign is sent: on a terminal, elsewhere, and from another one."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import sys
from typing import Any

import pytest
from send_world import Worlds

from sendgate.cli import sendwatch
from sendgate.cli.console import Console
from sendgate.cli.sendwatch import Watch
from sendgate.send.state import State
from sendgate.send.store import Counts


class _Store:
    """Ten more are delivered at each look."""

    def __init__(self) -> None:
        self.delivered = 0
        self.seen = asyncio.Event()

    async def counts(self, _: int) -> Counts:
        self.delivered += 10
        if self.delivered >= 60:
            self.seen.set()
        waiting = 5000 - self.delivered
        return Counts(
            {State.QUEUED: waiting, State.DELIVERED: self.delivered, State.DEFERRED: 3,
             State.BOUNCED: 2, State.UNKNOWN: 1}
        )  # fmt: skip


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def said(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> str:
    """What a run of some looks writes to stderr."""
    monkeypatch.setattr(sendwatch, "_PACE", 0.02)
    monkeypatch.setattr(sendwatch, "_PLAIN_PACE", 0.02)
    monkeypatch.setattr(sys, "stderr", stream)
    store: Any = _Store()
    async with Watch(Console(), store, 1), asyncio.timeout(20):
        await store.seen.wait()
    return stream.getvalue()


LINE = re.compile(
    r"(\d+) of 5,006 delivered, 3 deferred, 2 bounced, 1 unknown; \d+/s(, \d+ \w+ left)?"
)


async def test_a_terminal_has_one_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Per outcome, rate and time left, written over itself, and gone at the end."""
    text = await said(monkeypatch, _Terminal())
    *lines, blank, end = text.split("\r")[1:]
    assert "\n" not in text
    assert (blank.strip(), end) == ("", "")
    found = [LINE.fullmatch(line.rstrip()) for line in lines]
    assert all(found)
    assert [int(line[1]) for line in found if line][:3] == [20, 30, 40]
    assert all(line is not None and line[2] for line in found)


async def test_elsewhere_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each time, with nothing that moves a cursor; none with --quiet."""
    text = await said(monkeypatch, io.StringIO())
    lines = text.splitlines()
    assert len(lines) >= 3
    assert "\r" not in text
    for line in lines:
        found = LINE.fullmatch(line.removeprefix("sendgate: "))
        assert found is not None
        assert found[2], "the first one knows a rate, too"
    silent = io.StringIO()
    monkeypatch.setattr(sys, "stderr", silent)
    store: Any = _Store()
    async with Watch(Console(quiet=True), store, 1):
        await asyncio.sleep(0.1)
    assert (silent.getvalue(), store.delivered) == ("", 0)


async def test_a_campaign_is_watched_until_it_ends(world: Worlds) -> None:
    """`campaign status --watch` on a terminal: it shows the state, and ends with it."""
    async with world() as w:
        first = await w.send("--no-wait")
        assert first.code == 0, first.err
        ours, theirs = pty.openpty()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sendgate", "campaign", "status", "--watch",
                "--store", w.setup.store, stdout=theirs, stderr=theirs,
            )  # fmt: skip
            async with asyncio.timeout(40):
                assert await process.wait() == 0
            shown = os.read(ours, 100_000).decode()
        finally:
            os.close(ours)
            os.close(theirs)
    assert "november-news" in shown
    assert "finished" in shown
