"""EVERY_RULE: the rules of a domain's audit, of a message, and of a campaign."""

from __future__ import annotations

from sendgate.audit import catalogue as audit
from sendgate.message import rules as message
from sendgate.send import gate_rules
from sendgate.vocabulary import AnyRule

__all__ = ["EVERY_RULE"]

EVERY_RULE: tuple[AnyRule, ...] = (*audit.SENDING_RULES, *message.RULES, *gate_rules.RULES)
