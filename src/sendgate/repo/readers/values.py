r"""The data of a record as providers write it, made into what DNS publishes.

    text ──► `words` ──► `text_data` (TXT) or `other_data` (any other type)

Providers write TXT in presentation form (RFC 1035 section 5.1), but no `;` begins a comment
there, and Route 53 counts `\DDD` in octal. A target without a final dot is absolute.
"""

from __future__ import annotations

import re

from sendgate.dns.answers import Address, Raw, Rdata, Txt
from sendgate.dns.master import EntryError, Token, entries
from sendgate.dns.rdata import read_rdata
from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain

__all__ = [
    "DEFAULT_TTL", "HIDDEN_ADDRESS", "MAX_STRING", "ValueProblem", "Word", "address_before",
    "chunks", "is_wrapped", "join", "name_of", "other_data", "ttl_of", "words",
]  # fmt: skip

DEFAULT_TTL = 300  # seconds, where a file leaves it to the provider
MAX_TTL = 2**31 - 1  # RFC 2181 section 8
MAX_STRING = 255  # RFC 1035 section 3.3: octets of one character-string
HIDDEN_ADDRESS = Address(None)

_WORD = re.compile(r'\s+|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>(?:[^\s"\\]|\\.)+)', re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-9]{3}|.)", re.DOTALL)
_JUDGED = {"A", "AAAA", "CNAME", "DNAME", "NS", "PTR", "MX", "TXT", "SPF", "SOA"}


class ValueProblem(Exception):  # noqa: N818 - it is told of, and never raised to a user
    """A value cannot be published; the text says why, for people."""


class Word(bytes):
    """One character-string, its escapes read; `quoted` where it stood in quotes."""

    quoted = False


def address_before(target: str) -> Address:
    """Give the address that a provider answers with in place of a CNAME to `target`."""
    try:
        return Address(None, Domain.parse(target))
    except DomainError:
        return HIDDEN_ADDRESS


def words(text: str, *, octal: bool = False) -> list[Word]:
    """Cut TXT data in presentation form into its character-strings.

    Raises `ValueProblem` for a quote without its other half, or an escape of no octet.
    """
    found: list[Word] = []
    position = 0
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            what = "a backslash" if text[position] == "\\" else "a quote"
            raise ValueProblem(f"{what} in it has no other half")
        position = match.end()
        if match.lastgroup:
            word = Word(_octets(match[match.lastgroup], 8 if octal else 10))
            word.quoted = match.lastgroup == "quoted"
            found.append(word)
    return found


def chunks(octets: bytes) -> Txt:
    """Make a TXT record of one text, cut every 255 octets, as providers do that cut it."""
    pieces = [octets[i : i + MAX_STRING] for i in range(0, len(octets), MAX_STRING)]
    return Txt(tuple(pieces) or (b"",))


def join(strings: list[Word]) -> Txt:
    """Make a TXT record of character-strings; one that is too long for DNS is cut."""
    pieces = [piece for string in strings for piece in chunks(bytes(string)).strings]
    return Txt(tuple(pieces) or (b"",))


def is_wrapped(text: str) -> bool:
    """Whether a text stands as a whole in one pair of quotes."""
    return len(text) >= 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]


def other_data(rdtype: str, text: str, relative_to: Domain | None = None) -> tuple[str, Rdata]:
    """Read the data of any record but TXT; the type in upper case, and the data.

    Names without a final dot are absolute, or lie below `relative_to` where that is given.
    Data of a type that no rule judges is kept as it stands. Raises `ValueProblem`.
    """

    def name(token: Token) -> Domain:
        return name_of(token.raw, relative_to)

    # A line end would start a new entry, and none of these types holds one.
    flat = " ".join(text.split())
    kind = rdtype.upper()
    try:
        tokens = [token for entry in entries(flat, "") for token in entry.tokens]
        return read_rdata(kind, tokens, name, relative_to or Domain("."))
    except (EntryError, DomainError, SourceError) as error:
        if kind not in _JUDGED:
            return kind, Raw(flat)
        raise ValueProblem(re.sub(r"^:[0-9]*:? ", "", str(error))) from None


def name_of(text: str, relative_to: Domain | None = None) -> Domain:
    """Read a name: absolute with its final dot or without `relative_to`; raise `DomainError`."""
    if relative_to is None or (text.endswith(".") and not text.endswith("\\.")):
        return Domain.parse(text)
    return relative_to if text == "@" else relative_to.child(text)


def ttl_of(seconds: int | None) -> int:
    """Give the TTL in seconds: the one stated, within the bounds of DNS, or the default."""
    return DEFAULT_TTL if seconds is None else min(max(seconds, 0), MAX_TTL)


def _octets(raw: str, base: int) -> bytes:
    def octet(match: re.Match[bytes]) -> bytes:
        digits = match[1]
        if not digits.isdigit():
            return digits
        try:
            return bytes([int(digits, base)])
        except ValueError:
            problem = f"\\{digits.decode()} in it is no octet"
            raise ValueProblem(problem) from None

    return _ESCAPE.sub(octet, raw.encode("utf-8"))
