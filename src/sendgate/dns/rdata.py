"""The data of one record, from the tokens of a master file to its type.

The types that rules judge are read here, with errors for people; all others go through
dnspython, which knows them all, and are kept in presentation form.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

from sendgate.dns.answers import Address, Mx, Raw, Rdata, Soa, Target, Txt
from sendgate.dns.master import EntryError, Token, entries, unescape
from sendgate.names import Domain, printable

__all__ = ["read_rdata", "read_ttl"]

MAX_STRING = 255  # RFC 1035 section 3.3: octets of one character-string
MAX_TTL = 2**31 - 1  # RFC 2181 section 8
MAX_U16 = 2**16 - 1
MAX_U32 = 2**32 - 1

# Names that have an address only the server knows: PowerDNS and others; gdnsd.
ADDRESS_LIKE = {"ALIAS", "ANAME", "DYNA", "DYNC"}

_TTL = re.compile(r"(?:[0-9]+[smhdw])+", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FORMS = {
    "CAA": '0 issue "ca.example.net"',
    "SRV": "10 5 5060 sip.example.com.",
    "TLSA": "3 1 1 followed by 64 hexadecimal digits",
    "DS": "12345 13 2 followed by 64 hexadecimal digits",
}


Names = Callable[[Token], Domain]


def read_rdata(
    kind: str, tokens: Sequence[Token], name: Names, base: Domain | None, *, lenient: bool = False
) -> tuple[str, Rdata]:
    """Read the data of a record of type `kind`; the type in upper case, and the data.

    `name` makes a token an absolute name. `lenient` cuts a string that is too long into
    pieces, as some servers do, and takes the address types of some servers for what they
    are. Raises `EntryError` or `DomainError`.
    """
    rdtype = kind.upper()
    if lenient and rdtype in ADDRESS_LIKE and tokens:
        return rdtype, Address(None)
    if lenient and rdtype in {"TXT", "SPF"} and tokens and tokens[0].raw != "\\#":
        return rdtype, Txt(tuple(piece for token in tokens for piece in _pieces(token)))
    if rdtype in _READERS and not (tokens and tokens[0].raw == "\\#"):
        if not tokens:
            raise EntryError(f"the {rdtype} record has no data")
        return rdtype, _READERS[rdtype](rdtype, tokens, name)
    return _read_other(rdtype, tokens, base)


def read_ttl(text: str) -> int:
    """Seconds from ``3600`` or ``1h30m``; raise `EntryError`."""
    if text.isascii() and text.isdigit():
        seconds = int(text[:20])
    elif _TTL.fullmatch(text):
        parts = re.findall(r"([0-9]{1,20})([smhdw])", text.lower())
        seconds = sum(int(count) * _SECONDS[unit] for count, unit in parts)
    else:
        raise EntryError(f"{printable(text)} is not a TTL; write seconds, or 1h30m")
    if seconds > MAX_TTL:
        raise EntryError(f"a TTL of {text} is too long; at most {MAX_TTL} seconds")
    return seconds


def _pieces(token: Token) -> list[bytes]:
    octets = unescape(token.raw)
    return [octets[i : i + MAX_STRING] for i in range(0, len(octets), MAX_STRING)] or [b""]


def _txt(rdtype: str, tokens: Sequence[Token], _: Names) -> Txt:
    strings = tuple(unescape(token.raw) for token in tokens)
    for string in strings:
        if len(string) > MAX_STRING:
            raise EntryError(
                f"a string of this {rdtype} record has {len(string)} octets; at most "
                f'{MAX_STRING} are allowed: cut it in pieces, "first" "second"'
            )
    return Txt(strings)


def _address4(rdtype: str, tokens: Sequence[Token], _: Names) -> Address:
    text = _fields(rdtype, tokens, 1)[0].raw
    try:
        return Address(ipaddress.IPv4Address(text))
    except ValueError:
        raise EntryError(f"{printable(text)} is not an IPv4 address") from None


def _address6(rdtype: str, tokens: Sequence[Token], _: Names) -> Address:
    text = _fields(rdtype, tokens, 1)[0].raw
    try:
        if "%" in text:
            raise ValueError
        return Address(ipaddress.IPv6Address(text))
    except ValueError:
        raise EntryError(f"{printable(text)} is not an IPv6 address") from None


def _target(rdtype: str, tokens: Sequence[Token], name: Names) -> Target:
    return Target(name(_fields(rdtype, tokens, 1)[0]))


def _mx(rdtype: str, tokens: Sequence[Token], name: Names) -> Mx:
    preference, exchange = _fields(rdtype, tokens, 2, "a preference and a host: 10 mx.example.com.")
    return Mx(_number(preference, "preference", MAX_U16), name(exchange))


def _soa(rdtype: str, tokens: Sequence[Token], name: Names) -> Soa:
    form = "a server, a mailbox, a serial and four times"
    mname, rname, serial, *times = _fields(rdtype, tokens, 7, form)
    seconds = [read_ttl(token.raw) for token in times]
    return Soa(name(mname), name(rname), _number(serial, "serial", MAX_U32), seconds[3])


def _fields(rdtype: str, tokens: Sequence[Token], count: int, form: str = "") -> Sequence[Token]:
    if len(tokens) > count:
        raise EntryError(
            f"{printable(tokens[count].raw)} follows the data of the {rdtype} record; "
            "put a comment behind ;"
        )
    if len(tokens) < count:
        raise EntryError(f"the data of the {rdtype} record ends too early; it has {form}")
    return tokens


def _number(token: Token, what: str, most: int) -> int:
    text = token.raw
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most):
        raise EntryError(f"{printable(text)} is not a {what}: a number from 0 to {most}")
    return int(text)


_READERS: dict[str, Callable[[str, Sequence[Token], Names], Rdata]] = {
    "A": _address4,
    "AAAA": _address6,
    "CNAME": _target,
    "DNAME": _target,
    "NS": _target,
    "PTR": _target,
    "MX": _mx,
    "TXT": _txt,
    "SPF": _txt,
    "SOA": _soa,
}


def _read_other(rdtype: str, tokens: Sequence[Token], base: Domain | None) -> tuple[str, Rdata]:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
    import dns.tokenizer

    try:
        number = dns.rdatatype.from_text(rdtype)
    except (dns.exception.DNSException, ValueError):
        raise EntryError(f"{printable(rdtype)} is not a record type") from None
    if dns.rdatatype.is_metatype(number):
        raise EntryError(f"{rdtype} is a type for questions, not for records")
    origin = dns.name.Name((*base.wire_labels, b"")) if base else None
    text = " ".join(map(str, tokens))
    try:
        data = dns.rdata.from_text(dns.rdataclass.IN, number, text, origin, relativize=False)
    except (dns.exception.DNSException, ValueError, ArithmeticError):
        form = _FORMS.get(rdtype)
        hint = f"; it looks like {form}" if form else ""
        raise EntryError(
            f"the data of the {rdtype} record is not well formed: {printable(text[:80])}{hint}"
        ) from None
    known = dns.rdatatype.to_text(number)
    if known in _READERS:  # written as TYPE16, or in the generic form of RFC 3597 section 5
        made = next(entries(data.to_text(), "")).tokens
        return known, _READERS[known](known, made, lambda token: Domain.parse(token.raw))
    return known, Raw(data.to_text())
