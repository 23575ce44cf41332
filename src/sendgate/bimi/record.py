"""BIMI assertion records: octets of a TXT record -> `BimiRecord` or None ("not ours").

The grammar is the tag list of RFC 6376; the tags are those of section 4.3 of the BIMI
draft. Readers must not mend spelling, so the parser keeps everything as published.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from sendgate.taglist import TagList, parse_tags

__all__ = ["BimiRecord", "location_of", "parse"]

VERSION = "BIMI1"


@dataclass(frozen=True)
class BimiRecord:
    """A text that is meant as an assertion record; ``str()`` gives it back as published."""

    tags: TagList

    @property
    def version(self) -> str | None:
        """The value of v= as published, or None."""
        return self.tags.get("v")

    @property
    def is_bimi(self) -> bool:
        """Whether v=BIMI1, exactly so, is the first tag; else receivers discard the record."""
        first = self.tags.first
        return first is not None and (first.name, first.value) == ("v", VERSION)

    @property
    def location(self) -> str | None:
        """The value of l=, where the logo is; empty declines, None is a fault."""
        return self.tags.get("l")

    @property
    def evidence_location(self) -> str:
        """The value of a=, where the mark certificate is; empty or absent: there is none."""
        return self.tags.get("a") or ""

    @property
    def avatar_preference(self) -> str | None:
        """The value of avp=, ``brand`` or ``personal``, or None."""
        return self.tags.get("avp")

    @property
    def local_part_selectors(self) -> tuple[str, ...]:
        """The comma-separated values of lps=; none where the tag is absent or empty."""
        value = self.tags.get("lps")
        return tuple(part.strip() for part in value.split(",")) if value else ()

    @property
    def declines(self) -> bool:
        """Whether the record says that no logo is to be shown: l= empty, and a= too or absent."""
        return self.location == "" and not self.evidence_location

    def __str__(self) -> str:
        return str(self.tags)


def parse(octets: bytes) -> BimiRecord | None:
    """Read the joined octets of one TXT record; None where nothing in it looks like BIMI.

    A wrong spelling of the version, a version in the wrong place, or l= without any version
    make a record whose `is_bimi` is false: meant as BIMI, and discarded by receivers.
    """
    tags = parse_tags(octets.decode("latin-1"))
    version = tags.get("v") or tags.get("V")
    if version is not None:
        return BimiRecord(tags) if version.lower().startswith("bimi") else None
    return BimiRecord(tags) if "l" in tags else None


def location_of(uri: str) -> SplitResult | None:
    """Split an https URI with a host; None for anything else (section 4.3)."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return None
    spaced = any(c.isspace() or not c.isprintable() for c in uri)
    return parts if parts.scheme == "https" and host and not spaced else None
