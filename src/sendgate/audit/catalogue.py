"""RULES: the one list of rules, in the order of the report."""

from __future__ import annotations

from sendgate.bimi import rules as bimi
from sendgate.dkim import rules as dkim
from sendgate.dmarc import alignment_rules
from sendgate.dmarc import rules as dmarc
from sendgate.hosts import rules as hosts
from sendgate.mx import rules as mx
from sendgate.receivers import rules as receivers
from sendgate.spf import rules as spf
from sendgate.topology import dns_rules as dns
from sendgate.topology import rules as topology
from sendgate.vocabulary import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *spf.RULES,
    *dkim.RULES,
    *dmarc.RULES,
    *alignment_rules.RULES,
    *bimi.RULES,
    *mx.RULES,
    *dns.RULES,
    *hosts.RULES,
    *topology.RULES,
    *receivers.RULES,
)
