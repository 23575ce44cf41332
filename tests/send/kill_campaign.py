"""The long form of the kill test.

    python -m tests.send.kill_campaign --recipients 5000 --kills 300

Ends with 0 and its figures where nobody was lost and nobody got two, else with what went wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", default="7")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from send.deliver.killing import Killing

    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        killing = Killing(Path(folder), arguments.recipients, arguments.kills, arguments.seed)
        print(killing.run())
        print(f"in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
