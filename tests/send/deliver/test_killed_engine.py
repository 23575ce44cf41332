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
