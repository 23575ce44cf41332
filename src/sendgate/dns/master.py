"""The text of a master file cut into entries and tokens (RFC 1035 section 5.1), and `$GENERATE`.

An entry is one logical line: parentheses carry it over line ends, a comment runs from `;`
to the end of the line. Tokens keep their escapes, as only the field that a token fills
knows what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sendgate.errors import SourceError
from sendgate.names import printable

__all__ = ["Entry", "EntryError", "Token", "entries", "generate", "unescape"]

MAX_GENERATED = 65_536  # records of one $GENERATE line: a whole IPv4 /16
MAX_TOKENS = 65_536  # of one entry; no record's data has more octets
MAX_WIDTH = 127  # of one $GENERATE number; no label is longer than 63

_PIECE = re.compile(
    r"""[ \t\r\f\v]+
      | (?P<comment>;.*)
      | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<word>(?:[^\s;()"\\]|\\.)+)
      | (?P<bracket>[()])""",
    re.VERBOSE,
)
_SPECIAL = re.compile(r"""[;()"\\]""")
_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})(?:/([0-9]{1,10}))?")
_NUMBER = re.compile(
    r"\\.|\$\$|\$(?:\{([+-]?[0-9]{1,10})(?:,([0-9]{1,3})(?:,([doxXnN]))?)?\}|(?P<wrong>\{))?"
)


class EntryError(Exception):
    """An entry is no record; the text says why, for people. Becomes a `SourceError`."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a quoted string as written, without its quotes, with its escapes."""

    raw: str
    quoted: bool

    @property
    def text(self) -> str:
        """The token as a file name or the like, its escapes read; raises `EntryError`."""
        try:
            return unescape(self.raw).decode("utf-8")
        except UnicodeDecodeError:
            raise EntryError(f"{printable(self.raw)} is not UTF-8 text") from None

    def __str__(self) -> str:
        return f'"{self.raw}"' if self.quoted else self.raw


@dataclass(frozen=True, slots=True)
class Entry:
    """One logical line: the 1-based number of its first physical line, and its tokens.

    `end` is the number of its last physical line. `cut` is the first comment of the entry
    that stands behind an unquoted token: how many tokens stand before it, and its text
    from the end of the last one on, so that white space in front tells ``a ;b`` from
    ``a;b``.
    """

    line: int
    blank_owner: bool
    tokens: tuple[Token, ...]
    end: int = 0
    cut: tuple[int, str] | None = None


def entries(text: str, where: str) -> Iterator[Entry]:
    """Cut a master file into entries; empty ones are left out.

    Raises `SourceError` for a quote or parenthesis without its other half.
    """
    tokens: list[Token] = []
    start = depth = opened = 0
    blank = False
    cut: tuple[int, str] | None = None
    for number, line in enumerate(_lines(text), 1):
        if depth == 0:
            blank = line[:1].isspace()
        before = len(tokens)
        for piece in _pieces(line, where, number):
            if isinstance(piece, Token):
                start = start if tokens else number
                tokens.append(piece)
                if len(tokens) > MAX_TOKENS:
                    raise SourceError(f"an entry of more than {MAX_TOKENS} words", where, start)
            elif piece.lstrip()[0] == ";":
                if cut is None and len(tokens) > before and not tokens[-1].quoted:
                    cut = len(tokens), piece
            else:
                opened = opened if depth else number
                depth += 1 if piece == "(" else -1
                if depth < 0:
                    raise SourceError("a closing parenthesis without an opening one", where, number)
        if tokens and depth == 0:
            yield Entry(start, blank, tuple(tokens), number, cut)
            tokens, cut = [], None
    if depth:
        raise SourceError("the parenthesis opened here is never closed", where, opened)


def _lines(text: str) -> Iterator[str]:
    """List the physical lines one by one; a list of all would double a large zone."""
    begin = 0
    while (end := text.find("\n", begin)) >= 0:
        yield text[begin:end]
        begin = end + 1
    yield text[begin:]


def unescape(raw: str) -> bytes:
    r"""Read a character-string into octets: `\DDD` and `\X` are escapes, other text is UTF-8."""
    if "\\" not in raw:
        return raw.encode("utf-8")

    def octet(match: re.Match[bytes]) -> bytes:
        digits = match[1]
        if not digits.isdigit():
            return digits
        if len(digits) < 3 or int(digits) > 255:
            raise EntryError(f"\\{digits.decode()} is not an octet; write \\000 to \\255")
        return bytes([int(digits)])

    return re.sub(rb"\\(\d{1,3}|.)", octet, raw.encode("utf-8"), flags=re.DOTALL)


def _pieces(line: str, where: str, number: int) -> Iterator[Token | str]:
    """Cut one physical line into tokens, brackets, and a comment with the space before it."""
    if len(line) < MAX_TOKENS and _SPECIAL.search(line) is None:
        for word in line.split():
            yield Token(word, quoted=False)
        return
    position, space = 0, ""
    while position < len(line):
        piece = _PIECE.match(line, position)
        if piece is None:
            raise SourceError(_stray(line[position]), where, number)
        position = piece.end()
        kind = piece.lastgroup
        if kind == "bracket":
            yield piece["bracket"]
        elif kind == "comment":
            yield space + piece["comment"]
        elif kind in {"word", "quoted"}:
            yield Token(piece[kind], quoted=kind == "quoted")
        space = "" if kind else " "


def _stray(character: str) -> str:
    if character == '"':
        return 'a quote is not closed on its line; end the string with ", go on with a new one'
    if character == "\\":
        return "a backslash at the end of the line escapes nothing"
    return f"{printable(character)} cannot stand here"


def generate(entry: Entry, where: str) -> Iterator[Entry]:
    """Write out `$GENERATE start-stop[/step] owner [TTL] [class] type data`.

    Data in quotes may hold several fields. Raises `EntryError`.
    """
    if len(entry.tokens) < 5:
        raise EntryError("$GENERATE takes a range, a name, a type and data: 1-9 host$ A 192.0.2.$")
    _, span, *template = entry.tokens
    match = _RANGE.fullmatch(span.raw)
    if match is None:
        raise EntryError(f"{printable(span.raw)} is not a range such as 1-254 or 0-100/2")
    numbers = range(int(match[1]), int(match[2]) + 1, int(match[3] or 1) or 1)
    if len(numbers) > MAX_GENERATED:
        raise EntryError(f"$GENERATE would make {len(numbers)} records; at most {MAX_GENERATED}")
    *template, data = template
    for number in numbers:
        made = [Token(_numbered(token.raw, number), token.quoted) for token in template]
        text = _numbered(data.raw, number)
        if data.quoted:
            inner = _pieces(re.sub(r'\\(["\\])', r"\1", text), where, entry.line)
            made += [piece for piece in inner if isinstance(piece, Token)]
        else:
            made.append(Token(text, quoted=False))
        yield Entry(entry.line, blank_owner=False, tokens=tuple(made), end=entry.end)


def _numbered(template: str, number: int) -> str:
    r"""`$` and `${offset,width,base}` replaced by the number; `$$` and `\$` are a plain `$`."""

    def made(match: re.Match[str]) -> str:
        if match[0].startswith("\\"):
            return match[0]
        if match[0] == "$$":
            return "\\$"
        if match["wrong"]:
            raise EntryError(f"{printable(template)}: a $ takes {{offset,width,base}} behind it")
        value, width, base = number + int(match[1] or 0), int(match[2] or 0), match[3] or "d"
        if width > MAX_WIDTH:
            raise EntryError(f"a width of {width} in $GENERATE; at most {MAX_WIDTH}")
        if base in "nN":
            return _nibbles(value, width, base)
        return format(value, base).zfill(width)

    return _NUMBER.sub(made, template)


def _nibbles(value: int, width: int, base: str) -> str:
    """Hexadecimal digits, least significant first, with dots; `width` counts the dots too."""
    if value < 0:
        raise EntryError("$GENERATE writes no negative number as nibbles")
    digits = format(value, "x" if base == "n" else "X").zfill((width + 1) // 2)
    return ".".join(reversed(digits))
