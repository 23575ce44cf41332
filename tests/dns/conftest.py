"""The DNS servers that the tests of this folder ask, each started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dns_servers import Authority, Server, bind, dnskeys, knot, unbound

LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 49])  # with .example.com: 255 octets

EXAMPLE_COM = f"""\
$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 127.0.0.1
@ TXT "v=spf1 -all"
@ MX 10 mail
mail A 192.0.2.1
mail AAAA 2001:db8::1
big TXT {" ".join('"' + chr(97 + i % 26) * 250 + '"' for i in range(20))}
forty TXT {" ".join(f'"string {i:02}"' for i in range(40))}
{LONG} TXT "at 255 octets"
octets TXT "\\000\\255\\"quoted\\" \\\\"
one CNAME two
two CNAME mail
dangling CNAME nothing
empty CNAME big
outside CNAME www.example.net.
loop1 CNAME loop2
loop2 CNAME loop1
sub NS ns.sub
ns.sub A 127.0.0.1
*.wild TXT "wild"
a.b.deep TXT "deep"
"""

EXAMPLE_NET = """\
$ORIGIN example.net.
$TTL 600
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 127.0.0.1
www A 198.51.100.1
"""

SIGNED = """\
$ORIGIN signed.example.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 127.0.0.1
@ TXT "v=spf1 -all"
alias CNAME www.example.net.
"""


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A certificate authority of this run."""
    return Authority()


@pytest.fixture(scope="session")
def knot_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An authoritative server: two zones in order, two signed, one that it cannot load."""
    zones = {
        "example.com": EXAMPLE_COM,
        "example.net": EXAMPLE_NET,
        "signed.example": SIGNED,
        "bogus.example": SIGNED.replace("signed.example", "bogus.example"),
        "broken.example": "",
    }
    folder = tmp_path_factory.mktemp("knot")
    with knot(folder, zones, signed=("signed.example", "bogus.example")) as server:
        yield server


@pytest.fixture(scope="session")
def bind_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same two zones at another make of authoritative server."""
    zones = {"example.com": EXAMPLE_COM, "example.net": EXAMPLE_NET}
    with bind(tmp_path_factory.mktemp("bind"), zones) as server:
        yield server


@pytest.fixture(scope="session")
def unbound_server(
    tmp_path_factory: pytest.TempPathFactory, knot_server: Server, authority: Authority
) -> Iterator[Server]:
    """A validating resolver in front of knot; it trusts one signed zone's key and a wrong one."""
    folder: Path = tmp_path_factory.mktemp("unbound")
    keys = dnskeys(knot_server, "signed.example")
    dnskeys(knot_server, "bogus.example")
    wrong = [key.replace("signed.example", "bogus.example") for key in keys]
    stubs = dict.fromkeys(
        (".", "example.com", "example.net", "signed.example", "bogus.example", "broken.example"),
        knot_server.port,
    )
    with unbound(folder, stubs, keys + wrong, authority) as server:
        yield server
