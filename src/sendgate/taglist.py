"""Tag lists, the ``name=value; name=value`` grammar of RFC 6376 section 3.2.

DKIM key records, DMARC records and BIMI records are all written in it. The parser judges
nothing that belongs to one of them: it keeps every part in order, repeated tags and exact
spellings included, so that a record prints itself back as it was published, and names what
is outside the grammar as typed problems from which each protocol picks its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

__all__ = ["Stray", "Tag", "TagFault", "TagList", "TagProblem", "parse_tags", "without_space"]

_SPACE = " \t\r\n"  # FWS of RFC 6376 section 2.8, line ends included
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")  # tag-name
_OUTSIDE = re.compile(r"[^\t\r\n\x20-\x3A\x3C-\x7E]")  # neither VALCHAR nor FWS


class TagFault(Enum):
    """What can be outside the grammar of a tag list."""

    EMPTY = "an empty part between two semicolons"
    NO_EQUALS = "a part without an equals sign"
    BAD_NAME = "a tag name with a character that names cannot hold"
    BAD_VALUE = "a tag value with a character that values cannot hold"
    REPEATED = "a tag that stands twice, which makes the whole list void"


@dataclass(frozen=True)
class Tag:
    """One tag.

    `name` is exact (names are case-sensitive), `value` is exact but for the white space
    around it, `raw` is everything between the two semicolons.
    """

    name: str
    value: str
    raw: str

    def __str__(self) -> str:
        return self.raw


@dataclass(frozen=True)
class Stray:
    """A part that is no tag; `fault` says why, `raw` is everything between the semicolons."""

    fault: TagFault
    raw: str

    def __str__(self) -> str:
        return self.raw


@dataclass(frozen=True)
class TagProblem:
    """One place outside the grammar; `text` is the part or the tag's name."""

    fault: TagFault
    text: str

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.text}" if self.text else self.fault.value


@dataclass(frozen=True)
class TagList:
    """A text cut at its semicolons; ``str()`` gives the text back, character for character."""

    parts: tuple[Tag | Stray, ...]

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags in the order of the text, repeated ones included."""
        return tuple(part for part in self.parts if isinstance(part, Tag))

    @property
    def strays(self) -> tuple[Stray, ...]:
        """The parts that are no tags, without the white space after a final semicolon."""
        last = self.parts[-1] if self.parts else None
        return tuple(
            part
            for part in self.parts
            if isinstance(part, Stray)
            # The final semicolon is optional; white space after it is outside the ABNF,
            # but no verifier is known to mind, so it is not worth a word.
            and not (part is last and part.fault is TagFault.EMPTY)
        )

    @property
    def problems(self) -> tuple[TagProblem, ...]:
        """Everything outside the grammar: strays, bad characters, then repeated tags."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[TagProblem]:
        for stray in self.strays:
            yield TagProblem(stray.fault, stray.raw.strip(_SPACE))
        for tag in self.tags:
            if _OUTSIDE.search(tag.value):
                yield TagProblem(TagFault.BAD_VALUE, tag.name)
        for name in self.repeated:
            yield TagProblem(TagFault.REPEATED, name)

    @property
    def repeated(self) -> tuple[str, ...]:
        """The names that stand more than once, in the order of their first place."""
        names = [tag.name for tag in self.tags]
        return tuple(name for name in dict.fromkeys(names) if names.count(name) > 1)

    @property
    def first(self) -> Tag | None:
        """The first part of the text where that is a tag, else None."""
        first = self.parts[0] if self.parts else None
        return first if isinstance(first, Tag) else None

    def get(self, name: str) -> str | None:
        """Give the value of the first tag of exactly this name, or None; empty is ``""``."""
        return next((tag.value for tag in self.tags if tag.name == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Give the values of every tag of exactly this name."""
        return tuple(tag.value for tag in self.tags if tag.name == name)

    def __contains__(self, name: object) -> bool:
        return any(tag.name == name for tag in self.tags)

    def __str__(self) -> str:
        return ";".join(str(part) for part in self.parts)


def parse_tags(text: str) -> TagList:
    """Cut `text` into tags; never raises: what is no tag is kept as a `Stray`."""
    return TagList(tuple(_part(raw) for raw in text.split(";")))


def without_space(value: str) -> str:
    """Take all folding white space out of a value, as base64 is read (section 3.2)."""
    return "".join(character for character in value if character not in _SPACE)


def _part(raw: str) -> Tag | Stray:
    body = raw.strip(_SPACE)
    if not body:
        return Stray(TagFault.EMPTY, raw)
    name, equals, value = body.partition("=")
    if not equals:
        return Stray(TagFault.NO_EQUALS, raw)
    name = name.rstrip(_SPACE)
    if not _NAME.match(name):
        return Stray(TagFault.BAD_NAME, raw)
    return Tag(name, value.strip(_SPACE), raw)
