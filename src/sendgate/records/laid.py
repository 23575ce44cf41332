"""Edits laid over DNS: what would be answered if they were published."""

from __future__ import annotations

from collections.abc import Iterable

from sendgate.dns.answers import Origin, Record
from sendgate.dns.laid import LaidSource
from sendgate.dns.source import DnsSource
from sendgate.records.plan import DEFAULT_TTL, Edit

__all__ = ["laid_over"]


def laid_over(below: DnsSource, edits: Iterable[Edit]) -> DnsSource:
    """`below` with the records of `edits` in the place of those of the same name and type."""
    origin = Origin("file", "(proposed)")
    sets = {
        edit.key: tuple(Record(data, DEFAULT_TTL, origin) for data in edit.data) for edit in edits
    }
    return LaidSource(sets, below, origin)
