"""What is read, or refused: tests of texts that nobody vouches for look at either."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def result_or(refusal: type[E], call: Callable[[], T]) -> T | E:
    """Give what a call comes to, or its refusal; any other exception is a fault and is raised."""
    try:
        return call()
    except refusal as refused:
        return refused
