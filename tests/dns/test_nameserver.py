"""The name servers that a user may write."""

from __future__ import annotations

import pytest

from sendgate.dns.nameserver import Nameserver, parse_nameserver
from sendgate.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Nameserver("dns", "192.0.2.1", 53)),
        (" 192.0.2.1:5353 ", Nameserver("dns", "192.0.2.1", 5353)),
        ("2001:DB8::1", Nameserver("dns", "2001:db8::1", 53)),
        ("[2001:db8::1]", Nameserver("dns", "2001:db8::1", 53)),
        ("[2001:db8::1]:5353", Nameserver("dns", "2001:db8::1", 5353)),
        ("fe80::1%eth0", Nameserver("dns", "fe80::1%eth0", 53)),
        ("tls://192.0.2.1", Nameserver("tls", "192.0.2.1", 853)),
        ("TLS://192.0.2.1:8853", Nameserver("tls", "192.0.2.1", 8853)),
        ("tls://[2001:db8::1]:853", Nameserver("tls", "2001:db8::1", 853)),
        (
            "tls://192.0.2.1#DNS.example.net",
            Nameserver("tls", "192.0.2.1", 853, hostname="dns.example.net"),
        ),
        (
            "https://dns.example.net/dns-query",
            Nameserver("https", "dns.example.net", 443, url="https://dns.example.net/dns-query"),
        ),
        (
            "https://192.0.2.1:8443/dns-query",
            Nameserver("https", "192.0.2.1", 8443, url="https://192.0.2.1:8443/dns-query"),
        ),
    ],
)
def test_a_name_server_is_read_and_prints_itself_back(text: str, expected: Nameserver) -> None:
    """Reading what a name server prints gives the same name server."""
    assert parse_nameserver(text) == expected
    assert parse_nameserver(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "holds no IP address"),
        ("dns.example.net", "give the server's IP address"),
        ("dns.example.net:53", "give the server's IP address"),
        ("192.0.2.256", "holds no IP address"),
        ("192.0.2.1:", "port after the colon is missing"),
        ("192.0.2.1:0", "1 to 65535"),
        ("192.0.2.1:65536", "1 to 65535"),
        ("192.0.2.1:5 3", "1 to 65535"),
        ("192.0.2.1:+53", "1 to 65535"),
        ("192.0.2.1:٥٣", "1 to 65535"),
        ("[2001:db8::1", r"\[2001:db8::1\]:53"),
        ("[2001:db8::1]53", r"\[2001:db8::1\]:53"),
        ("[2001:db8::1]:", "port after the colon is missing"),
        ("tls://dns.example.net", "give the server's IP address"),
        ("tls://192.0.2.1/", "has no path"),
        ("tls://192.0.2.1#", "the name in the server's certificate"),
        ("tls://192.0.2.1#a b", "the name in the server's certificate"),
        ("http://dns.example.net/dns-query", "https://"),
        ("https://dns.example.net", "https://dns.example.net/dns-query"),
        ("https://dns.example.net/", "https://dns.example.net/dns-query"),
        ("https:///dns-query", "https://host/dns-query"),
        ("https://user@dns.example.net/dns-query", "https://host/dns-query"),
        ("https://dns.example.net/dns-query{?dns}", "https://dns.example.net/dns-query"),
        ("https://dns.example.net/dns query", "https://dns.example.net/dns-query"),
        ("https://dns.example.net:99999/dns-query", "not a URL"),
        ("https://[::1/dns-query", "not a URL"),
        ("udp://192.0.2.1", "without a scheme"),
        ("quic://192.0.2.1", "no transport"),
        ("192.0.2.1\x1b[31m", r"\\x1b"),
    ],
)
def test_what_is_no_name_server_is_refused_with_a_hint(text: str, hint: str) -> None:
    """The error says what to write instead, and shows control characters harmlessly."""
    with pytest.raises(ConfigError, match=hint) as caught:
        parse_nameserver(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "trusted"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53", True),
        ("::1", True),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("tls://192.0.2.1", True),
        ("https://dns.example.net/dns-query", True),
    ],
)
def test_only_loopback_and_authenticated_channels_are_trusted(text: str, trusted: bool) -> None:
    """The AD bit of any other server could be anybody's."""
    assert parse_nameserver(text).trusted is trusted
