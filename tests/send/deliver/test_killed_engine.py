"""Killed at the worst moment, over SMTP: nobody is lost, and nobody gets two.

The long form: ``python -m tests.send.kill_campaign --recipients 5000 --kills 300``.
"""

from __future__ import annotations

from pathlib import Path

from send.deliver.killing import STEPS, Killing


def test_nobody_is_lost_and_nobody_gets_two(tmp_path: Path) -> None:
    """Whenever the sender dies, and however the receiver fails."""
    killing = Killing(tmp_path, recipients=200, kills=18, seed="7")
    print(killing.run())
    assert set(killing.died) == {*STEPS, "any"}


def test_a_full_disk_stops_before_the_dot(tmp_path: Path) -> None:
    """The engine ends with an error; with room again, nobody was lost and nobody gets two."""
    killing = Killing(tmp_path, recipients=150, kills=0, seed="7")
    print(killing.run_on_a_full_disk([150_000, 250_000, 350_000, 450_000]))
    assert killing.died["exit 5"] >= 2
    assert set(killing.died) <= {"exit 0", "exit 2", "exit 5"}
