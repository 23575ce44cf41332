"""RULES: the one list of rules, in the order of the report.

Those of the receivers speak only where their receiver was declared.
"""

from __future__ import annotations

from sendgate.bimi import rules as bimi
from sendgate.dane import rules as dane
from sendgate.dkim import rules as dkim
from sendgate.dmarc import alignment_rules
from sendgate.dmarc import rules as dmarc
from sendgate.hosts import rules as hosts
from sendgate.mtasts import rules as mtasts
from sendgate.mx import rules as mx
from sendgate.receivers import rules as receivers
from sendgate.spf import rules as spf
from sendgate.tlsrpt import rules as tlsrpt
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
    *mtasts.RULES,
    *tlsrpt.RULES,
    *dane.RULES,
    *dns.RULES,
    *topology.RULES,
    *hosts.RULES,
    *receivers.RULES,
)
