"""The rules about the three roles and the names they use, in id order."""

from __future__ import annotations

from sendgate.topology import path_rules, role_rules
from sendgate.vocabulary import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*role_rules.RULES, *path_rules.RULES)
