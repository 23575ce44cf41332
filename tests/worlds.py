"""A healthy sender as a table for the test double; tests change one thing at a time.

news.example.com sends from 192.0.2.10, return path 12345m.example.com, selector s1.
"""

from __future__ import annotations

import base64
import functools
import ipaddress

from sendgate.dns.answers import Address, Mx, Rdata, Reason, Target, Txt
from sendgate.names import Domain

Table = dict[tuple[str, str], "list[Rdata] | Reason"]

SENDER = {
    "return-path": "12345m.example.com",
    "content": ["www.example.com"],
    "sender": "dedicated",
    "selectors": ["s1"],
    "ips": ["192.0.2.10"],
}


@functools.cache
def dkim_key(bits: int = 2048) -> str:
    """A public key as a DKIM record carries it; the private half is thrown away."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if bits < 1024:  # the library makes none so short; any odd number serves as a modulus
        key = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1).public_key()
    else:
        key = rsa.generate_private_key(65537, bits).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def txt(text: str) -> Txt:
    """A TXT record, cut into strings as DNS needs it."""
    octets = text.encode("latin-1")
    return Txt(tuple(octets[i : i + 255] for i in range(0, len(octets), 255)) or (b"",))


def mx(preference: int, exchange: str) -> Mx:
    """An MX record; the exchange ``.`` makes it a null MX."""
    return Mx(preference, Domain.parse(exchange))


def address(text: str) -> Address:
    """An A or AAAA record."""
    return Address(ipaddress.ip_address(text))


def cname(target: str) -> Target:
    """A CNAME record."""
    return Target(Domain.parse(target))


def ptr(target: str) -> Target:
    """A PTR record."""
    return Target(Domain.parse(target))


def healthy() -> Table:
    """The healthy sender's records, and those of the names they point to."""
    return {
        ("example.com", "MX"): [mx(10, "mail.example.com")],
        ("example.com", "A"): [address("192.0.2.80")],
        ("example.com", "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
        ("www.example.com", "A"): [address("192.0.2.80")],
        ("mail.example.com", "A"): [address("192.0.2.25")],
        ("news.example.com", "MX"): [mx(10, "mail.example.com")],
        ("12345m.example.com", "MX"): [mx(10, "bounce.example.com")],
        ("12345m.example.com", "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
        ("bounce.example.com", "A"): [address("192.0.2.26")],
        ("10.2.0.192.in-addr.arpa", "PTR"): [ptr("out.example.com")],
        ("out.example.com", "A"): [address("192.0.2.10")],
        ("s1._domainkey.news.example.com", "TXT"): [txt(f"v=DKIM1; k=rsa; p={dkim_key()}")],
        ("_dmarc.example.com", "TXT"): [txt("v=DMARC1; p=reject; rua=mailto:d@example.com")],
    }
