"""What a TXT record was meant to be, as far as its text tells: SPF, DMARC, a DKIM key.

A near miss is a text that no receiver takes for what it was meant to be.
"""

from __future__ import annotations

import re
from enum import StrEnum

from sendgate.dkim.record import is_key_text
from sendgate.dmarc import record as dmarc
from sendgate.spf import record as spf

__all__ = ["Kind", "is_doubled", "is_near_miss", "kind_of", "place_of"]


class Kind(StrEnum):
    """The protocols whose records are TXT texts that begin with their version."""

    SPF = "SPF"
    DMARC = "DMARC"
    DKIM = "DKIM"


_OPENING = 24  # characters in which a version stands, whatever went wrong before it
# `v=DMARC1`, whatever was lost or put before the name of the version.
_DMARC_LIKE = re.compile(r"^\W*(?:[a-z]{0,3}\s*[=:]?\s*)dmarc1\b")
_DKIM_LIKE = re.compile(r"^\W*(?:[a-z]{0,3}\s*[=:]?\s*)dkim1\b")
# A version with something missing, doubled or put before it, and a term that only SPF has.
_SPF_LIKE = re.compile(r"^[^a-z0-9]*(?:[a-z]{0,3}\s*[=:]\s*spf\s*1?|spf\s*1)(?![0-9.])")
_SPF_TERM = re.compile(r"(?:n?cl?ude|ip4|ip6|redirect|exists)\s*[:=]|[-~?+]all\b|\b(?:mx|a|all)\b")


def kind_of(text: str) -> Kind | None:
    """Tell what a text is, or was meant to be; None where nothing suggests mail."""
    start = text[:_OPENING].lower()
    if spf.is_spf(text):
        return Kind.SPF
    if _DMARC_LIKE.search(start):
        return Kind.DMARC
    if _DKIM_LIKE.search(start) or is_key_text(text.encode("latin-1", "replace")):
        return Kind.DKIM
    if _SPF_LIKE.search(start) and _SPF_TERM.search(text.lower()):
        return Kind.SPF
    return None


def is_near_miss(text: str) -> bool:
    """Tell whether the text is meant for mail and no receiver reads it so."""
    match kind_of(text):
        case Kind.SPF:
            return not spf.is_spf(text)
        case Kind.DMARC:
            return dmarc.parse(text) is None
        case Kind.DKIM:
            return not is_key_text(text.encode("latin-1", "replace"))
    return False


def place_of(labels: tuple[str, ...]) -> Kind | None:
    """Tell what a receiver would look for at a name with these labels; None: SPF at most."""
    if "_domainkey" in labels[1:]:
        return Kind.DKIM
    return Kind.DMARC if labels[:1] == ("_dmarc",) else None


def is_doubled(name: tuple[str, ...], zone: tuple[str, ...]) -> bool:
    """Tell whether a name repeats the zone it lies in: ``_dmarc.example.com.example.com``."""
    twice = zone + zone
    return len(zone) > 0 and len(name) >= len(twice) and name[-len(twice) :] == twice
