"""EVERY_RULE: the rules of an audit, of a repository's text, of a message, of a campaign."""

from __future__ import annotations

from sendgate.audit import catalogue as audit
from sendgate.message import rules as message
from sendgate.repo import rules as text
from sendgate.send import gate_rules
from sendgate.vocabulary import AnyRule

__all__ = ["EVERY_RULE"]

EVERY_RULE: tuple[AnyRule, ...] = (
    *audit.RULES,
    *text.RULES,
    *message.RULES,
    *gate_rules.RULES,
)
