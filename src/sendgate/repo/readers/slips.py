"""Mistakes of writing that several formats share: how a reader knows one when it meets it.

Each function looks at text alone and says yes only where the text would otherwise make no
sense: a comment that holds what the record lacks, a list whose items are one record's parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from sendgate.dns.answers import Txt
from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain
from sendgate.repo.reading import Place, Slip, SlipKind

__all__ = ["cut_by_comment", "glued", "is_doubled", "is_spread", "spread_slips"]

# What a record of each version cannot be without.
_NEEDS = {
    "v=spf1": re.compile(r"(?:^|\s)(?:[-+~?]?all\b|redirect\s*=)", re.IGNORECASE),
    "v=dmarc1": re.compile(r"\bp\s*=", re.IGNORECASE),
    "v=dkim1": re.compile(r"\bp\s*=", re.IGNORECASE),
    "v=bimi1": re.compile(r"\b[la]\s*=", re.IGNORECASE),
    "v=stsv1": re.compile(r"\bid\s*=", re.IGNORECASE),
    "v=tlsrptv1": re.compile(r"\brua\s*=", re.IGNORECASE),
}
_TAG = re.compile(r"[a-z]{1,12}\s*=", re.IGNORECASE)
_KEY_PART = re.compile(r"\s*(?:[vkhstnpg]\s*=|[A-Za-z0-9+/]{16}[A-Za-z0-9+/=;\s]*\Z)")
_WHOLE_KEY = re.compile(r"(?is)\s*v\s*=\s*dkim1\b.*\bp\s*=")
_DMARC_PART = re.compile(r"\s*(?:p|sp|np|rua|ruf|adkim|aspf|pct|fo|psd|t|ri|rf)\s*=", re.IGNORECASE)
_SPF_TERM = r"(?:include:|ip[46]:|exists:|redirect=|exp=|[-+~?]all\b|(?:a|mx)[:/])"
_SPF_PART = re.compile(rf"\s*[-+~?]?{_SPF_TERM}", re.IGNORECASE)
_SPF_START = re.compile(_SPF_TERM, re.IGNORECASE)


def cut_by_comment(published: str, comment: str) -> bool:
    """Tell whether a comment behind an unquoted text holds the rest of the record.

    `comment` runs from the end of the text to the end of the line, white space in front
    included.
    """
    mark, body = comment.lstrip()[:1], comment.lstrip()[1:]
    if body.lstrip().startswith("sendgate:"):
        return False
    start = "".join(published[:16].lower().split()).rstrip(";\\")
    for version, needs in _NEEDS.items():
        if start.startswith(version):
            return bool(needs.search(body)) and not needs.search(published)
    # `v = x;y=z`: a comment that nobody would write so close to the text.
    return mark == ";" and not comment[:1].isspace() and _TAG.match(body.lstrip()) is not None


def is_doubled(name: Domain, zone: Domain) -> bool:
    """Tell whether a name ends in its zone's name twice: ``_dmarc.example.com.example.com``."""
    twice = f"{zone}.{zone}"
    return len(zone.labels) > 1 and (name.text == twice or name.text.endswith(f".{twice}"))


def glued(strings: Sequence[str]) -> bool:
    """Tell whether strings of an SPF record are joined where a space is missing."""
    if not strings or not strings[0].lower().startswith("v=spf1"):
        return False
    return any(
        not before[-1:].isspace() and before[-1:] not in "-+~?:=" and _SPF_START.match(after)
        for before, after in pairwise(strings)
    )


def is_spread(name: Domain, texts: Sequence[str]) -> bool:
    """Tell whether TXT records of one name are the parts of one text."""
    if len(set(texts)) < 2:
        return False
    if "_domainkey" in name.labels[1:]:
        parts = [text for text in texts if not _WHOLE_KEY.match(text)]
        return bool(parts) and all(_KEY_PART.match(part) for part in parts)
    for version, part in (("v=spf1", _SPF_PART), ("v=dmarc1", _DMARC_PART)):
        heads = [text for text in texts if text.lstrip().lower().startswith(version)]
        if len(heads) == 1 and any(part.match(text) for text in texts if text not in heads):
            return True
    return False


def spread_slips(records: Iterable[ZoneRecord]) -> Iterator[Slip]:
    """Give a slip for each name whose TXT records are the parts of one text."""
    found: dict[tuple[str, str, str, str], list[ZoneRecord]] = {}
    for record in records:
        if record.rdtype == "TXT":
            key = record.zone.text, record.view, record.name.text, record.origin.where
            found.setdefault(key, []).append(record)
    for (_, _, _, path), group in found.items():
        if len(group) < 2:
            continue
        name, zone = group[0].name, group[0].zone
        texts = [record.data.text for record in group if isinstance(record.data, Txt)]
        if is_spread(name, texts):
            lines = [record.origin.line or 1 for record in group]
            place = Place(path, min(lines), max(lines))
            yield Slip(SlipKind.SPREAD, name, "TXT", place, zone, "\n".join(texts), texts[0])
