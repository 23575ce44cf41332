"""A label that nobody has published, to see whether a wildcard answers for any name.

The label is drawn from a seed that one run makes by chance, so no zone can foresee it; a
recording keeps the seed, so a replay asks the very same names.
"""

from __future__ import annotations

import hashlib
import secrets

from sendgate.names import Domain

__all__ = ["new_seed", "probe_label"]

_DIGITS = 20  # hex digits of the label: 80 bits, far from any selector that people choose


def new_seed() -> str:
    """Draw a fresh seed for one run: 128 random bits as hex digits."""
    return secrets.token_hex(16)


def probe_label(name: Domain, seed: str) -> str:
    """Give the label to put before `name`: a letter and hex digits, the same for one seed.

    Two names get different labels, so that an answer cached for one says nothing of the
    other.
    """
    digest = hashlib.sha256(f"{seed}\x00{name.text}".encode()).hexdigest()
    return f"p{digest[:_DIGITS]}"
