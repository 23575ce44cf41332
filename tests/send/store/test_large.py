"""A large campaign in little memory: its contacts are never in memory together.

By default a small one. SENDGATE_CONTACTS=1000000 measures the million, with
``pytest -s tests/send/store/test_large.py`` to see the figures.
"""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from store_large import run

CONTACTS = int(os.environ.get("SENDGATE_CONTACTS", "30000"))
MOST_MEGABYTES = 150  # half of what a whole campaign may take, building messages included


def test_a_large_campaign_takes_little_memory(tmp_path: Path) -> None:
    """In a process of its own, as memory once taken is not given back."""
    mine, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=run, args=(str(tmp_path / "s.db"), CONTACTS, theirs))
    process.start()
    process.join(600)
    assert process.exitcode == 0
    figures = mine.recv()
    print(f"\n{CONTACTS} contacts:", {name: round(n, 3) for name, n in figures.items()})
    assert figures["megabytes"] < MOST_MEGABYTES
    assert figures["count"] < 0.5
