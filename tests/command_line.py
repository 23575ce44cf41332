"""Run sendgate as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def process(arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, in an environment without variables of ours."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SENDGATE_") and name not in {"NO_COLOR", "COLUMNS"}
    }
    return subprocess.run(
        [sys.executable, "-m", "sendgate", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env=environment | options.pop("env", {}), **options,
    )  # fmt: skip
