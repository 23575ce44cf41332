"""A run that another process ends: it says so in a sentence, and exits 4."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from send_world import Worlds, ended

SLOW = '[limits]\nrate = "4/s"\n'
MANY = [f"user{number}@example.net" for number in range(30)]


async def test_a_cancel_is_told(world: Worlds) -> None:
    """Who still waited gets nothing, and whoever started the run reads it."""
    async with world(toml=SLOW) as w:
        w.setup.contacts(MANY)
        process = await w.start(*w.setup.arguments)
        await w.until_accepted()
        assert w.campaign("cancel").code == 0
        done = await ended(process)
        assert done.code == 4, done.err
        assert "the campaign was cancelled: who still waited gets nothing" in done.err


async def test_any_other_end_is_told_with_its_reason(world: Worlds, tmp_path: Path) -> None:
    """A state that is not to be sent, brought about by whoever may write to the store."""
    async with world(toml=SLOW) as w:
        w.setup.contacts(MANY)
        process = await w.start(*w.setup.arguments)
        await w.until_accepted()
        db = sqlite3.connect(tmp_path / "store.db", timeout=20)
        with db:
            db.execute("UPDATE campaign SET state = 'held', reason = 'DNS is down'")
        db.close()
        done = await ended(process)
        assert done.code == 4, done.err
        said = "stopped: another process has brought the campaign to held because 'DNS is down'"
        assert said in done.err
