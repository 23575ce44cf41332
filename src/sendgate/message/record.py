"""A message as it lies on the wire: octets -> `Message`, nothing changed, nothing lost.

    octets ──► parse ──► Message (fields with their raw octets, where the body begins, problems)

Whatever the octets are, there is a `Message`; what is wrong with them is in `problems`,
typed. A message is never written again from its parts: what is signed, verified and sent
is `octets` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

__all__ = [
    "MAX_FIELDS",
    "MAX_LINE",
    "MAX_OCTETS",
    "Field",
    "Flaw",
    "Message",
    "MessageProblem",
    "parse",
]

MAX_OCTETS = 50_000_000  # large mail systems stop at half of this
MAX_FIELDS = 10_000
MAX_LINE = 998  # RFC 5322 section 2.1.1, without its CRLF

_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")  # RFC 5322 section 3.6.8, 4.5.8
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_LONG_LINE = re.compile(rb"[^\n]{%d,}" % (MAX_LINE + 1))
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_BARE_LF = re.compile(rb"(?<!\r)\n")


class Flaw(Enum):
    """What can be wrong with the octets of a message; the value says it in words."""

    TOO_BIG = "is larger than what is read"
    TOO_MANY_FIELDS = "has more header fields than are read"
    NOT_A_FIELD = "has a header line that is no field"
    CUT_OFF = "ends within its header: the empty line after it is missing"
    NUL_IN_HEADER = "has a NUL in its header"
    BREAK_IN_HEADER = "has a lone CR or LF in its header"
    NUL_IN_BODY = "has a NUL in its body"
    BREAK_IN_BODY = "has a lone CR or LF in its body"
    LONG_LINE = "has a line that is too long"
    NOT_UTF8 = "has a header field that is neither ASCII nor UTF-8"


@dataclass(frozen=True)
class MessageProblem:
    """One kind of flaw: on how many places, and the first one's line, counted from 1."""

    flaw: Flaw
    count: int
    line: int
    detail: str = ""


@dataclass(frozen=True)
class Field:
    """One header field: its name as written, all its octets, and the line it begins on.

    `raw` holds the name, the colon, the value with its folds, and the line end.
    """

    name: str
    raw: bytes
    line: int

    @property
    def key(self) -> str:
        """The name in lower case; names are compared without case."""
        return self.name.lower()  # cheaper than what keeps a property

    @property
    def value(self) -> bytes:
        """Everything after the colon, folds and line end included."""
        return self.raw.partition(b":")[2]

    @cached_property
    def text(self) -> str:
        """The value, unfolded (RFC 5322 section 2.2.3), without white space at its ends.

        UTF-8 is read as such; octets that are not become the replacement character.
        """
        return _FOLD.sub("", self.value.decode("utf-8", "replace")).strip(" \t\r\n")

    @property
    def is_ascii(self) -> bool:
        """Whether the field holds ASCII alone."""
        return self.raw.isascii()


@dataclass(frozen=True)
class Message:
    """A message: its octets, its header fields in order, and the offset of its body.

    `local_lines`: every line ends in LF alone, as in a file kept on Unix; then the line
    ends are read as CRLF, and are no flaw.
    """

    octets: bytes
    fields: tuple[Field, ...]
    body_offset: int
    problems: tuple[MessageProblem, ...]
    local_lines: bool = False

    @property
    def body(self) -> bytes:
        """Everything after the empty line."""
        return self.octets[self.body_offset :]

    @cached_property
    def _by_key(self) -> dict[str, tuple[Field, ...]]:
        found: dict[str, list[Field]] = {}
        for field in self.fields:
            found.setdefault(field.key, []).append(field)
        return {key: tuple(fields) for key, fields in found.items()}

    def all(self, name: str) -> tuple[Field, ...]:
        """Every field of this name, in the order of the message."""
        return self._by_key.get(name.lower(), ())

    def first(self, name: str) -> Field | None:
        """The first field of this name, or None."""
        return next(iter(self.all(name)), None)

    def problem(self, flaw: Flaw) -> MessageProblem | None:
        """The problem of this kind, or None."""
        return next((problem for problem in self.problems if problem.flaw is flaw), None)


def parse(octets: bytes) -> Message:
    """Read a message; never raises.

    At most `MAX_FIELDS` fields are kept, and of octets beyond `MAX_OCTETS` the header
    alone is looked at. Line ends are CRLF or LF; a lone one of either is a problem.
    """
    local = b"\r" not in octets[:MAX_OCTETS]
    fields, body_offset, problems = _header(octets)
    header = octets[:body_offset]
    found = [*problems, *_header_flaws(header, fields, local=local)]
    if len(octets) > MAX_OCTETS:
        found.append(MessageProblem(Flaw.TOO_BIG, 1, 1, f"{len(octets)} octets"))
    else:
        found += _body_flaws(octets, body_offset, local=local)
    return Message(octets, fields, body_offset, tuple(found), local)


def _header(octets: bytes) -> tuple[tuple[Field, ...], int, list[MessageProblem]]:
    fields: list[Field] = []
    problems: list[MessageProblem] = []
    strange: list[int] = []
    start, line = 0, 1
    end = min(len(octets), MAX_OCTETS)
    while start < end:
        stop = _line_end(octets, start, end)
        if octets[start:stop] in (b"\n", b"\r\n"):
            start = stop
            break
        next_line = line + 1
        while stop < end and octets[stop] in b" \t":
            stop = _line_end(octets, stop, end)
            next_line += 1
        raw = octets[start:stop]
        match = _NAME.match(raw)
        if match is None:
            strange.append(line)
        elif len(fields) == MAX_FIELDS:
            problems.append(MessageProblem(Flaw.TOO_MANY_FIELDS, 1, line, f"over {MAX_FIELDS}"))
            empty = _EMPTY_LINE.search(octets, start, end)
            start = end if empty is None else empty.end()
            break
        else:
            fields.append(Field(match[0][:-1].decode("ascii").rstrip(), raw, line))
        start, line = stop, next_line
    else:
        problems.append(MessageProblem(Flaw.CUT_OFF, 1, line))
    if strange:
        problems.append(MessageProblem(Flaw.NOT_A_FIELD, len(strange), strange[0]))
    return tuple(fields), start, problems


def _line_end(octets: bytes, start: int, end: int) -> int:
    found = octets.find(b"\n", start, end)
    return end if found < 0 else found + 1


def _header_flaws(
    header: bytes, fields: tuple[Field, ...], *, local: bool
) -> Iterator[MessageProblem]:
    yield from _nuls(header, Flaw.NUL_IN_HEADER, 1)
    yield from _lone_breaks(header, Flaw.BREAK_IN_HEADER, 1, local=local)
    if not header.isascii():
        broken = [field for field in fields if not _is_utf8(field.raw)]
        if broken:
            yield MessageProblem(Flaw.NOT_UTF8, len(broken), broken[0].line, broken[0].name)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _body_flaws(octets: bytes, body_offset: int, *, local: bool) -> Iterator[MessageProblem]:
    body = octets[body_offset:]
    first = octets.count(b"\n", 0, body_offset) + 1
    yield from _nuls(body, Flaw.NUL_IN_BODY, first)
    yield from _lone_breaks(body, Flaw.BREAK_IN_BODY, first, local=local)
    long = [] if _is_short_lined(octets) else _long_lines(octets)
    if long:
        longest = max(_length(m[0]) for m in long)
        line = octets.count(b"\n", 0, long[0].start()) + 1
        yield MessageProblem(Flaw.LONG_LINE, len(long), line, f"{longest} octets")


def _is_short_lined(octets: bytes) -> bool:
    """Tell at little cost, for a message of common size, that no line is too long."""
    return len(octets) < 1_000_000 and max(map(len, octets.split(b"\n"))) <= MAX_LINE


def _long_lines(octets: bytes) -> list[re.Match[bytes]]:
    return [m for m in _LONG_LINE.finditer(octets) if _length(m[0]) > MAX_LINE]


def _length(line: bytes) -> int:
    return len(line) - line.endswith(b"\r")


def _nuls(octets: bytes, flaw: Flaw, first_line: int) -> Iterator[MessageProblem]:
    count = octets.count(b"\0")
    if count:
        line = first_line + octets.count(b"\n", 0, octets.find(b"\0"))
        yield MessageProblem(flaw, count, line, "NUL")


def _lone_breaks(
    octets: bytes, flaw: Flaw, first_line: int, *, local: bool
) -> Iterator[MessageProblem]:
    lone_cr = octets.count(b"\r") - octets.count(b"\r\n")
    lone_lf = 0 if local else octets.count(b"\n") - octets.count(b"\r\n")
    if not lone_cr and not lone_lf:
        return
    places = [_BARE_CR.search(octets) if lone_cr else None]
    places.append(_BARE_LF.search(octets) if lone_lf else None)
    start = min(place.start() for place in places if place is not None)
    kinds = [name for name, count in (("CR", lone_cr), ("LF", lone_lf)) if count]
    line = first_line + octets.count(b"\n", 0, start)
    yield MessageProblem(flaw, lone_cr + lone_lf, line, " and ".join(kinds))
