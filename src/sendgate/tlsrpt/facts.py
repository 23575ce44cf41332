"""What was seen of a domain's wish for reports on TLS."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.dns.answers import Answer, Record
from sendgate.names import Domain
from sendgate.observed import Observed
from sendgate.tlsrpt.record import TlsrptRecord

__all__ = ["TlsrptFacts"]


@dataclass(frozen=True)
class TlsrptFacts:
    """The record at ``_smtp._tls`` of a domain that receives mail.

    `meant` are the TXT records there that are, or were meant as, a record of TLS-RPT; texts
    of other protocols are left aside.
    """

    domain: Domain
    answer: Answer
    observed: Observed[TlsrptRecord]
    meant: tuple[Record, ...] = ()
