"""DEMANDS of all receivers, and their RULES, in the order of their ids."""

from __future__ import annotations

from sendgate.receivers import (
    apple_rules,
    google_rules,
    laposte_rules,
    microsoft_rules,
    yahoo_rules,
)
from sendgate.receivers.demand import Demand
from sendgate.vocabulary import Rule

__all__ = ["DEMANDS", "RULES"]

DEMANDS: tuple[Demand, ...] = (
    *google_rules.DEMANDS,
    *yahoo_rules.DEMANDS,
    *microsoft_rules.DEMANDS,
    *apple_rules.DEMANDS,
    *laposte_rules.DEMANDS,
)
RULES: tuple[Rule, ...] = tuple(demand.rule for demand in DEMANDS)
