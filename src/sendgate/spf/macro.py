"""Macro strings (RFC 7208 section 7): parsed once into parts, printed back, expanded.

"%{ir}.%{v}.arpa" ──► MacroString(Expand i reversed, Literal ".", Expand v, Literal ".arpa")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from sendgate.errors import DomainError
from sendgate.names import Domain

__all__ = [
    "DomainSpecError",
    "Escape",
    "Expand",
    "Literal",
    "MacroError",
    "MacroString",
    "parse_domain_spec",
    "parse_explanation",
    "parse_macro_string",
    "to_domain",
]

LETTERS = "slodipvh"
EXPLANATION_LETTERS = "crt"  # RFC 7208 section 7.2: in explanation texts only
MAX_EXPANDED = 253  # RFC 7208 section 7.3: a longer name loses labels on its left side

_EXPAND = re.compile(r"%\{([A-Za-z])([0-9]*)([rR]?)([.\-+,/_=]*)\}")
_ESCAPES = {"%%": "%", "%_": " ", "%-": "%20"}
_LABEL = re.compile(r"[A-Za-z0-9-]+\Z")


class MacroError(ValueError):
    """A text breaks the macro syntax; `part` is the faulty piece, the message says why."""

    def __init__(self, part: str, why: str) -> None:
        self.part = part
        super().__init__(why)


class DomainSpecError(MacroError):
    """A macro string is well-formed but cannot stand where a domain is called for."""


@dataclass(frozen=True)
class Literal:
    """Text that stands for itself."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Escape:
    """``%%``, ``%_`` or ``%-``: a percent sign, a space, an escaped space."""

    text: str

    @property
    def value(self) -> str:
        """What it stands for."""
        return _ESCAPES[self.text]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Expand:
    """``%{letter digits r delimiters}``.

    `letter` is in lower case; `escape` says it was written in upper case, which asks for
    URL escaping. `keep` is the number of right-hand parts kept, None for all.
    """

    letter: str
    escape: bool = False
    keep: int | None = None
    reverse: bool = False
    delimiters: str = ""

    def apply(self, value: str) -> str:
        """Give the value after the transformers (RFC 7208 section 7.3)."""
        parts = re.split("[" + re.escape(self.delimiters or ".") + "]", value)
        if self.reverse:
            parts.reverse()
        if self.keep is not None:
            parts = parts[-self.keep :]
        text = ".".join(parts)
        # quote() leaves exactly the unreserved set of RFC 3986: letters, digits, "-._~".
        return quote(text, safe="") if self.escape else text

    def __str__(self) -> str:
        letter = self.letter.upper() if self.escape else self.letter
        keep = "" if self.keep is None else str(self.keep)
        return f"%{{{letter}{keep}{'r' if self.reverse else ''}{self.delimiters}}}"


Part = Literal | Escape | Expand


@dataclass(frozen=True)
class MacroString:
    """A parsed macro string."""

    parts: tuple[Part, ...]

    @cached_property
    def letters(self) -> frozenset[str]:
        """The macro letters it needs values for, in lower case."""
        return frozenset(part.letter for part in self.parts if isinstance(part, Expand))

    def expand(self, values: Mapping[str, str]) -> str:
        """Give the text with every macro replaced; `values` has one text a letter of `letters`."""
        return "".join(
            part.apply(values[part.letter])
            if isinstance(part, Expand)
            else part.value
            if isinstance(part, Escape)
            else part.text
            for part in self.parts
        )

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)


def parse_macro_string(text: str) -> MacroString:
    """Read a macro-string of an unknown modifier; raise `MacroError`."""
    return MacroString(_parts(text, LETTERS))


def parse_explanation(text: str) -> MacroString:
    """Read an explain-string: spaces and the letters c, r, t are allowed; raise `MacroError`."""
    return MacroString(_parts(text, LETTERS + EXPLANATION_LETTERS, space=True))


def parse_domain_spec(text: str) -> MacroString:
    """Read a domain-spec; raise `MacroError`.

    Beyond the grammar, a text without macros must be a name that DNS can carry: what a
    receiver makes of any other is undefined (section 4.8), and many give permerror.
    """
    if not text:
        raise DomainSpecError(text, "the domain is missing")
    spec = MacroString(_parts(text, LETTERS))
    last = spec.parts[-1]
    if isinstance(last, Literal) and not _ends_well(last.text):
        raise DomainSpecError(text, _bad_end(text))
    if all(isinstance(part, Literal) for part in spec.parts):
        try:
            to_domain(text)
        except DomainError as error:
            raise DomainSpecError(text, str(error)) from None
    return spec


def to_domain(expanded: str) -> Domain:
    """Give the name that an expanded domain-spec stands for; raise `DomainError` where it is none.

    One final dot is dropped, and labels on the left go until 253 characters are left
    (RFC 7208 section 7.3). Escapes of master files mean nothing here.
    """
    text = expanded.removesuffix(".")
    if len(text) > MAX_EXPANDED:
        # With the character before it, the tail begins at a whole label behind a dot.
        tail = text[-MAX_EXPANDED - 1 :]
        text = tail.partition(".")[2] or text
    return Domain.from_labels(tuple(label.encode("utf-8") for label in text.split(".")))


def _ends_well(text: str) -> bool:
    """Whether a literal ends in a dot and a toplabel (RFC 7208 section 7.1), and perhaps a dot.

    A toplabel has a letter or an inner hyphen, and no hyphen at its ends.
    """
    _, dot, label = text.removesuffix(".").rpartition(".")
    fit = dot and _LABEL.match(label) and label[0] != "-" and label[-1] != "-"
    return bool(fit) and not label.isdigit()


def _bad_end(text: str) -> str:
    name = text.removesuffix(".")
    if re.fullmatch(r"[0-9.]+", name) and name.count(".") == 3:
        return "an address stands where a domain name is called for; ip4: takes addresses"
    if "." not in name:
        return "a single label is no fully qualified domain name"
    label = name.rpartition(".")[2]
    if label.isdigit():
        return f"the last label {label!r} is all digits, which no top-level domain is"
    return f"the last label {label!r} cannot be a top-level domain"


def _parts(text: str, letters: str, *, space: bool = False) -> tuple[Part, ...]:
    parts: list[Part] = []
    start = i = 0

    def flush() -> None:
        if start < i:
            parts.append(Literal(text[start:i]))

    while i < len(text):
        if text[i] != "%":
            if not ("!" <= text[i] <= "~" or (space and text[i] == " ")):
                raise MacroError(text[i], f"the character {text[i]!a} is not allowed")
            i += 1
            continue
        flush()
        part, width = _macro(text, i, letters)
        parts.append(part)
        i += width
        start = i
    flush()
    return tuple(parts)


def _macro(text: str, at: int, letters: str) -> tuple[Part, int]:
    two = text[at : at + 2]
    if two in _ESCAPES:
        return Escape(two), 2
    found = _EXPAND.match(text, at)
    if found is None:
        piece = text[at : at + 6]
        raise MacroError(piece, "a '%' must begin %{letter}, %%, %_ or %-")
    letter, digits, reverse, delimiters = found.groups()
    if letter.lower() not in letters:
        where = " outside an explanation text" if letter.lower() in EXPLANATION_LETTERS else ""
        raise MacroError(found.group(), f"there is no macro letter {letter!r}{where}")
    # Names have at most 127 labels, so a longer number keeps them all just as 999 does.
    keep = None if not digits else int(digits) if len(digits) <= 3 else 999
    if keep == 0:
        raise MacroError(found.group(), "a macro cannot keep 0 parts")
    part = Expand(letter.lower(), letter.isupper(), keep, bool(reverse), delimiters)
    return part, len(found.group())
