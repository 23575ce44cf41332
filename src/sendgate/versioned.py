"""Records of which a name may hold one, told from other texts by their version.

MTA-STS (RFC 8461 section 3.1) and TLS-RPT (RFC 8460 section 3) are written and found alike:
a version, then ``name=value`` fields. Texts of another version are left aside before records
are counted; several count as none, and so does one that breaks the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from sendgate import observed
from sendgate.dns.answers import Answer, Failed, Record, Records, Txt
from sendgate.observed import Observed, Present, Unknown, absent, evidence_of

__all__ = ["FIELD_NAME", "FIELD_VALUE", "Malformed", "choose", "read_answer"]

FIELD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
FIELD_VALUE = re.compile(r"[\x21-\x3a\x3c\x3e-\x7e]+\Z")  # neither = nor ;

R = TypeVar("R")


@dataclass(frozen=True)
class Malformed:
    """A text that is meant as a record and breaks its grammar; `why` in words."""

    text: str
    why: str


def choose(
    texts: Iterable[str], parse: Callable[[str], R | Malformed | None]
) -> R | Malformed | None:
    """Find the one record among the TXT records at a name; None: there is none.

    `parse` gives None for a text of no or another version, which does not count.
    """
    ours = [record for record in map(parse, texts) if record is not None]
    if len(ours) > 1:
        return Malformed("", f"{len(ours)} records; there must be one")
    return ours[0] if ours else None


def read_answer(
    answer: Answer,
    version: str,
    parse: Callable[[str], R | Malformed | None],
    is_meant: Callable[[str], bool],
) -> tuple[Observed[R], tuple[Record, ...]]:
    """Tell what an answer shows of the record, and by which of its TXT records.

    These are the texts that begin with `version`, which `parse` tells; where none does, those
    that look meant to. Texts of other protocols are left aside.
    """
    if isinstance(answer, Failed):
        return Unknown.of(answer), ()
    found = list(answer.holding(Txt)) if isinstance(answer, Records) else []
    ours = tuple(record for record, txt in found if parse(txt.text) is not None)
    meant = ours or tuple(record for record, txt in found if is_meant(txt.text))
    if not meant:
        return absent(answer), ()
    evidence = evidence_of(answer, *meant)
    chosen = choose((txt.text for _, txt in found), parse)
    if chosen is None:
        return observed.Malformed(f"it does not begin with {version}", evidence), meant
    if isinstance(chosen, Malformed):
        return observed.Malformed(chosen.why, evidence), meant
    return Present(chosen, evidence), meant
