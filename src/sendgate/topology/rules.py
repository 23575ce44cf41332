"""The rules about the three roles and the names they use, in id order."""

from __future__ import annotations

from sendgate.topology import (
    account_rules,
    bounce_rules,
    delegation_rules,
    hubspot_rules,
    path_rules,
    proxy_rules,
    role_rules,
    ses_rules,
)
from sendgate.vocabulary import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *role_rules.RULES,
            *bounce_rules.RULES,
            *delegation_rules.RULES,
            *ses_rules.RULES,
            *hubspot_rules.RULES,
            *path_rules.RULES,
            *proxy_rules.RULES,
            *account_rules.RULES,
        ),
        key=lambda rule: rule.id,
    )
)
