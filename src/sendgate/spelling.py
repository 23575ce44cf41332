"""What a misspelt word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable

from sendgate.names import printable

__all__ = ["nearest"]


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the known word most like this one, or an empty text."""
    import difflib

    spelt = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(spelt), n=1, cutoff=0.6)
    return f"; did you mean {printable(spelt[close[0]])}?" if close else ""
