"""JSON (RFC 8259) whose values know their lines, read from files that nobody vouches for.

An object is an `Obj`, an array an `Arr`: a dict and a list that also tell the line on which
each of their values begins. Numbers, strings, booleans and null are Python's own. What is
no JSON (a file that ends half-way, NaN, a control character in a string, nesting without
end) is a `SourceError` with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias, Union

from sendgate.errors import SourceError
from sendgate.names import printable

__all__ = [
    "MAX_OCTETS", "Arr", "Json", "Obj", "line_of", "lines_of", "number_of", "objects", "read_json",
    "text_of",
]  # fmt: skip

MAX_OCTETS = 64 * 1024 * 1024  # of one file: far above any plan, and it fits in memory
MAX_DEPTH = 200  # of arrays and objects in each other; plans come to about 30

Json: TypeAlias = Union["Obj", "Arr", str, int, float, bool, None]


class Obj(dict[str, Json]):
    """An object: `line` is that of its brace, `lines` those of its values, by key.

    A value that begins on the line of the brace is not in `lines`: many a file is one line.
    Where a key stands twice, the last value counts, as for the tools that read the file.
    """

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] | None = None

    def line_at(self, key: str) -> int:
        """Give the line on which a value begins; that of the object where it has none."""
        return self.line if self.lines is None else self.lines.get(key, self.line)


class Arr(list[Json]):
    """An array: `line` is that of its bracket, `lines` those of its items."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


_TOKEN = re.compile(
    r"""(?P<mark>[{}\[\],:])
      | "(?P<string>[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*)"
      | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.+-])
      | (?P<word>true|false|null)(?!\w)""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\r\n]*")
# A whole member, or a whole item, at one go: five times as fast as token by token.
_VALUE = r"""(?:"([^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*)"
  |(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.+-])|(true|false|null)(?!\w)
  |([{\[]))"""
_MEMBER = re.compile(
    r"""[ \t\r\n]*+(,?)[ \t\r\n]*+"([^"\\\x00-\x1f]*)"[ \t\r\n]*:[ \t\r\n]*""" + _VALUE,
    re.VERBOSE,
)
_ITEM = re.compile(r"[ \t\r\n]*+(,?)[ \t\r\n]*+()" + _VALUE, re.VERBOSE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {"true": True, "false": False, "null": None}
_WIDE = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # as PowerShell's `>` writes


def read_json(octets: bytes, where: str) -> Json:
    """Read one JSON text in UTF-8 (or UTF-16 with a mark); raise `SourceError` with the line."""
    if len(octets) > MAX_OCTETS:
        raise SourceError(f"has more than {MAX_OCTETS >> 20} MiB of JSON", where)
    coding = next((name for mark, name in _WIDE if octets.startswith(mark)), "utf-8-sig")
    try:
        text = octets.decode(coding)
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise SourceError("is no JSON: not text in UTF-8", where, line) from None
    return _Parser(text, where).whole()


def objects(value: Json) -> Iterator[Obj]:
    """List the objects that an array holds; none where the value is no array."""
    if isinstance(value, Arr):
        yield from (item for item in value if isinstance(item, Obj))


def text_of(holder: Json, *keys: str) -> str | None:
    """Give the first of the values at `keys` that is a text; None where none is."""
    if isinstance(holder, Obj):
        for key in keys:
            value = holder.get(key)
            if isinstance(value, str):
                return value
    return None


def number_of(holder: Json, key: str) -> int | None:
    """Give the whole number at a key, also where it is written as a text or as ``10.0``."""
    value = holder.get(key) if isinstance(holder, Obj) else None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 and abs(value) < 1 << 53 else None


def line_of(holder: Obj, *keys: str) -> int:
    """Give the line of the first of the values that is there, else that of the object."""
    return next((holder.line_at(key) for key in keys if key in holder), holder.line)


def lines_of(value: Obj) -> tuple[int, int]:
    """Give the first line of an object and the last on which one of its values begins."""
    last = value.line
    pending: list[Json] = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, Obj):
            last = max(last, here.line, *(here.lines or {}).values())
            pending += here.values()
        elif isinstance(here, Arr):
            last = max(last, here.line, *here.lines)
            pending += here
    return value.line, last


class _Parser:
    """One pass over the text, without recursion: the open containers are a list."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where
        self.position = 0
        self.line = 1
        self.open: list[Obj | Arr] = []
        self.keys: list[str] = []
        self.known: dict[str, str] = {}  # keys, each kept once: they repeat without end

    def whole(self) -> Json:
        """Read the only value of the text."""
        top = Arr(1)
        self.open.append(top)
        self.value(self.token("a value"))
        while len(self.open) > 1:
            inner = self.open[-1]
            if self.quick(inner):
                continue
            if isinstance(inner, Obj):
                self.member(inner)
            else:
                self.item(inner)
        self.skip()
        if self.position < len(self.text):
            raise self.error("goes on after the end of its value")
        return top[0]

    def quick(self, holder: Obj | Arr) -> bool:
        """Read one more member or item where it is written as nearly all of them are."""
        pattern = _MEMBER if isinstance(holder, Obj) else _ITEM
        match = pattern.match(self.text, self.position)
        if match is None or bool(match[1]) != bool(holder):
            return False
        kind = match.lastindex or 0
        self.line += self.text.count("\n", self.position, match.start(kind))
        self.position = match.end()
        if isinstance(holder, Obj):
            self.keys.append(match[2])
        raw = match[kind]
        if kind == 3:
            self.put(self.string(raw))
        elif kind == 4:
            self.put(_number(raw))
        elif kind == 5:
            self.put(_WORDS[raw])
        else:
            self.enter(raw)
        return True

    def member(self, holder: Obj) -> None:
        """Read what follows in an object: one more member, or its end."""
        token = self.token("a key or }")
        if token["mark"] == "}":
            self.close()
            return
        if holder:
            if token["mark"] != ",":
                raise self.error("a comma or } is expected")
            token = self.token("a key")
        if token["string"] is None:
            raise self.error("a key in quotes is expected")
        key = self.string(token["string"])
        if self.token("a colon")["mark"] != ":":
            raise self.error("a colon is expected")
        self.keys.append(key)
        self.value(self.token("a value"))

    def item(self, holder: Arr) -> None:
        """Read what follows in an array: one more item, or its end."""
        token = self.token("a value or ]")
        if token["mark"] == "]":
            self.close()
            return
        if holder:
            if token["mark"] != ",":
                raise self.error("a comma or ] is expected")
            token = self.token("a value")
        self.value(token)

    def value(self, token: re.Match[str]) -> None:
        """Put one value into the innermost container, and open it where it is one itself."""
        if token["mark"] in ("{", "["):
            self.enter(token["mark"])
        elif token["mark"]:
            raise self.error("a value is expected")
        elif token["string"] is not None:
            self.put(self.string(token["string"]))
        elif token["number"]:
            self.put(_number(token["number"]))
        else:
            self.put(_WORDS[token["word"]])

    def enter(self, mark: str) -> None:
        """Open a container and put it into the one around it."""
        made = Obj(self.line) if mark == "{" else Arr(self.line)
        self.put(made)
        if len(self.open) > MAX_DEPTH:
            raise self.error(f"is nested more than {MAX_DEPTH} deep")
        self.open.append(made)

    def put(self, value: Json) -> None:
        """Put one value into the innermost container, with its line."""
        holder = self.open[-1]
        if isinstance(holder, Obj):
            key = self.keys.pop()
            key = self.known.setdefault(key, key)
            holder[key] = value
            if holder.lines is not None or self.line != holder.line:
                holder.lines = {} if holder.lines is None else holder.lines
                holder.lines[key] = self.line
        else:
            holder.append(value)
            holder.lines.append(self.line)

    def close(self) -> None:
        """Leave the innermost container."""
        self.open.pop()

    def token(self, wanted: str) -> re.Match[str]:
        """Read one token, behind white space; `wanted` says what may stand there."""
        self.skip()
        found = _TOKEN.match(self.text, self.position)
        if found is None:
            if self.position == len(self.text):
                raise self.error(f"ends half-way, where {wanted} is expected")
            rest = self.text[self.position : self.position + 20].split("\n")[0]
            half = rest.startswith('"') and '"' not in self.text[self.position + 1 :]
            problem = "ends in the middle of a string" if half else f"{printable(rest)} is no JSON"
            raise self.error(problem)
        self.position = found.end()
        return found

    def skip(self) -> None:
        """Go on behind white space."""
        match = _SPACE.match(self.text, self.position)
        end = match.end() if match else self.position
        self.line += self.text.count("\n", self.position, end)
        self.position = end

    def string(self, raw: str) -> str:
        """Read what stands between two quotes."""
        if "\\" not in raw:
            return raw
        try:
            read = json.loads(f'"{raw}"')
        except ValueError:
            raise self.error("a string has a broken escape") from None
        # Half of a surrogate pair is no character; Go's readers put U+FFFD in its place too.
        return _SURROGATE.sub("\ufffd", str(read))

    def error(self, problem: str) -> SourceError:
        """Make the error of this place."""
        return SourceError(problem, self.where, self.line)


def _number(text: str) -> int | float:
    whole = text.removeprefix("-").isdigit() and len(text) < 19
    return int(text) if whole else float(text)
