"""An SPF record: its text read once into frozen terms, with every syntax error kept.

    b"v=spf1 ip4:192.0.2.0/24 include:_spf.example.net -all"
        ──► SpfRecord(terms=(Ip4, Include, All), problems=())

A receiver gives permerror for a record with any error anywhere (RFC 7208 section 4.6), so
a record with `problems` authorises nobody; what could be read is kept all the same.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from sendgate.spf.macro import MacroError, MacroString, parse_domain_spec, parse_macro_string
from sendgate.spf.terms import (
    BITS4,
    BITS6,
    A,
    All,
    Exists,
    Exp,
    Include,
    Ip4,
    Ip6,
    Mechanism,
    Modifier,
    Mx,
    Ptr,
    Qualifier,
    Redirect,
    Term,
    UnknownModifier,
)

__all__ = [
    "A",
    "All",
    "Exists",
    "Exp",
    "Include",
    "Ip4",
    "Ip6",
    "Mechanism",
    "Modifier",
    "Mx",
    "Problem",
    "ProblemKind",
    "Ptr",
    "Qualifier",
    "Redirect",
    "SpfRecord",
    "Term",
    "UnknownModifier",
    "is_spf",
    "is_term",
    "parse",
]

VERSION = "v=spf1"

_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)\Z", re.DOTALL)
_DIRECTIVE = re.compile(r"([+\-?~]?)([^:/]*)(.*)\Z", re.DOTALL)
_CIDR = re.compile(r"(.*?)(?:/([0-9]*))?(?://([0-9]*))?\Z", re.DOTALL)
_LENGTH = re.compile(r"(?:0|[1-9][0-9]{0,2})\Z")


class ProblemKind(Enum):
    """What is wrong with a term; each kind is another rule's business."""

    SYNTAX = "syntax"
    REPEATED = "repeated"  # redirect or exp a second time (section 6)
    NON_ASCII = "non-ascii"  # section 3.1


@dataclass(frozen=True)
class Problem:
    """One syntax error: the faulty piece, the whole term as written, and why it is wrong."""

    text: str
    term: str
    why: str
    kind: ProblemKind = ProblemKind.SYNTAX

    def __str__(self) -> str:
        return f"{self.term!a}: {self.why}"


@dataclass(frozen=True)
class SpfRecord:
    """A record: what could be read, in order, and what could not.

    `text` is the joined text as published, one character an octet.
    """

    terms: tuple[Term, ...]
    problems: tuple[Problem, ...] = ()
    text: str = field(default="", compare=False)

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        """All mechanisms, in order."""
        return tuple(term for term in self.terms if isinstance(term, Mechanism))

    @property
    def all(self) -> All | None:
        """The first `all`, the only one that is ever evaluated."""
        return next((term for term in self.terms if isinstance(term, All)), None)

    @property
    def reached(self) -> tuple[Mechanism, ...]:
        """The mechanisms that can be evaluated: up to the first `all`, that one included."""
        found = self.mechanisms
        for index, term in enumerate(found):
            if isinstance(term, All):
                return found[: index + 1]
        return found

    @property
    def redirect(self) -> Redirect | None:
        """The redirect, whether or not an `all` makes it idle."""
        return next((term for term in self.terms if isinstance(term, Redirect)), None)

    @property
    def active_redirect(self) -> Redirect | None:
        """The redirect where it has an effect: only without `all` (section 6.1)."""
        return None if self.all is not None else self.redirect

    @property
    def exp(self) -> Exp | None:
        """The explanation modifier."""
        return next((term for term in self.terms if isinstance(term, Exp)), None)

    def __str__(self) -> str:
        if self.problems:
            return self.text
        return " ".join([VERSION, *(str(term) for term in self.terms)])


def is_spf(text: str) -> bool:
    """Whether a TXT record's joined text is an SPF record (RFC 7208 section 4.5)."""
    return text[: len(VERSION) + 1].lower() in {VERSION, VERSION + " "}


def parse(octets: bytes) -> SpfRecord:
    """Read a record for which `is_spf` holds; syntax errors end in its `problems`."""
    text = octets.decode("latin-1")
    terms: list[Term] = []
    problems: list[Problem] = []
    seen: set[type[Term]] = set()
    for word in text[len(VERSION) :].split(" "):
        if not word:
            continue
        found = _read_term(word)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        if isinstance(found, (Redirect, Exp)) and type(found) in seen:
            name = word.partition("=")[0].lower()
            why = f"{name}= stands in the record more than once"
            problems.append(Problem(word, word, why, ProblemKind.REPEATED))
        seen.add(type(found))
        terms.append(found)
    return SpfRecord(tuple(terms), tuple(problems), text)


def is_term(word: str) -> bool:
    """Whether a word by itself is a term that RFC 7208 defines."""
    found = _read_term(word)
    return not isinstance(found, (Problem, UnknownModifier))


class _TermError(Exception):
    """A term cannot be read: the faulty piece, and why."""

    def __init__(self, piece: str, why: str) -> None:
        self.piece = piece
        super().__init__(why)


def _read_term(word: str) -> Term | Problem:
    if not word.isascii():
        bad = next(c for c in word if not c.isascii())
        why = f"the octet 0x{ord(bad):02x} is not ASCII"
        return Problem(bad, word, why, ProblemKind.NON_ASCII)
    control = next((c for c in word if not c.isprintable()), None)
    if control is not None:
        return Problem(control, word, f"the control character {control!a} is not allowed")
    try:
        modifier = _MODIFIER.match(word)
        if modifier is not None:
            return _read_modifier(word, modifier[1], modifier[2])
        return _read_mechanism(word)
    except _TermError as bad_term:
        return Problem(bad_term.piece, word, str(bad_term))
    except MacroError as error:
        return Problem(error.part, word, str(error))


def _read_modifier(word: str, name: str, value: str) -> Term:
    match name.lower():
        case "redirect":
            return Redirect(word, parse_domain_spec(value))
        case "exp":
            return Exp(word, parse_domain_spec(value))
        case _:
            return UnknownModifier(word, name, parse_macro_string(value))


def _read_mechanism(word: str) -> Mechanism:
    parts = _DIRECTIVE.match(word)
    assert parts is not None  # every part of the pattern may be empty
    sign, name, rest = parts.groups()
    reader = _READERS.get(name.lower())
    if reader is None:
        raise _TermError(name or word, _unknown(name, word))
    return reader(word, Qualifier(sign or "+"), rest)


def _unknown(name: str, word: str) -> str:
    if "=" in name:
        return "a modifier takes no qualifier, and its name is letters, digits, '-', '_' and '.'"
    if name.lower() in {"redirect", "exp"}:
        return f"{name} is a modifier and is written {name}=, not {name}:"
    if not name:
        return "a mechanism is missing"
    if re.fullmatch(r"[0-9.]+|[0-9a-fA-F]*:[0-9a-fA-F:.]*", word.lstrip("+-?~").partition("/")[0]):
        return "an address needs ip4: or ip6: before it"
    return f"there is no mechanism {name!r}"


Reader = Callable[[str, Qualifier, str], Mechanism]


def _read_all(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    if rest:
        raise _TermError(rest, "all takes no argument")
    return All(word, qualifier)


def _read_include(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    return Include(word, qualifier, _target("include", rest))


def _read_exists(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    return Exists(word, qualifier, _target("exists", rest))


def _read_ptr(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    return Ptr(word, qualifier, _target("ptr", rest) if rest else None)


def _read_a(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    return A(word, qualifier, *_hosts(rest))


def _read_mx(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    return Mx(word, qualifier, *_hosts(rest))


def _target(name: str, rest: str) -> MacroString:
    if not rest:
        raise _TermError(name, f"{name} needs a domain: {name}:example.com")
    if re.search(r"/[0-9]+\Z", rest):
        raise _TermError(rest, f"{name} takes no prefix length")
    return parse_domain_spec(rest[1:])


def _hosts(rest: str) -> tuple[MacroString | None, int | None, int | None]:
    parts = _CIDR.match(rest)
    assert parts is not None  # every part of the pattern may be empty
    spec, four, six = parts.groups()
    if spec and not spec.startswith(":"):
        raise _TermError(rest, "a prefix length is /n for IPv4 and //n for IPv6, in this order")
    target = parse_domain_spec(spec[1:]) if spec else None
    return target, _length(four, BITS4), _length(six, BITS6)


def _length(digits: str | None, most: int) -> int | None:
    if digits is None:
        return None
    if not digits:
        raise _TermError("/", "the prefix length is missing")
    if not _LENGTH.match(digits) or int(digits) > most:
        more = " without leading zeros" if digits.startswith("0") else ""
        raise _TermError(f"/{digits}", f"a prefix length here is 0 to {most}{more}, not {digits}")
    return int(digits)


def _network(rest: str, name: str, most: int) -> tuple[str, int | None]:
    if not rest.startswith(":") or rest == ":":
        raise _TermError(rest or name, f"{name} needs an address: {name}:ADDRESS")
    address, slash, digits = rest[1:].partition("/")
    return address, _length(digits, most) if slash else None


def _read_ip4(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    text, prefix = _network(rest, "ip4", BITS4)
    try:
        return Ip4(word, qualifier, ipaddress.IPv4Address(text), prefix)
    except ValueError:
        raise _TermError(text, f"{text!r} is no IPv4 address") from None


def _read_ip6(word: str, qualifier: Qualifier, rest: str) -> Mechanism:
    text, prefix = _network(rest, "ip6", BITS6)
    try:
        if "%" in text:  # a scope means nothing in DNS, and the library would accept it
            raise ValueError(text)
        return Ip6(word, qualifier, ipaddress.IPv6Address(text), prefix)
    except ValueError:
        raise _TermError(text, f"{text!r} is no IPv6 address") from None


_READERS: dict[str, Reader] = {
    "all": _read_all,
    "include": _read_include,
    "a": _read_a,
    "mx": _read_mx,
    "ptr": _read_ptr,
    "ip4": _read_ip4,
    "ip6": _read_ip6,
    "exists": _read_exists,
}
