"""DMARC001 to DMARC030, in the order of the report."""

from __future__ import annotations

from sendgate.dmarc import (
    alignment_rules,
    discovery_rules,
    record_rules,
    report_rules,
    tree_rules,
)
from sendgate.vocabulary import Rule

__all__ = ["RULES"]

_PARTS = (
    discovery_rules.RULES,
    record_rules.RULES,
    report_rules.RULES,
    tree_rules.RULES,
    alignment_rules.DMARC_RULES,
)
RULES: tuple[Rule, ...] = tuple(sorted((r for part in _PARTS for r in part), key=lambda r: r.id))
