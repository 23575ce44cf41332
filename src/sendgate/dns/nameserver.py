"""Which server is asked, and by what transport.

192.0.2.1  192.0.2.1:5353  2001:db8::1  [2001:db8::1]:5353     UDP, TCP on truncation
tls://192.0.2.1  tls://192.0.2.1:8853#dns.example.net          DNS over TLS (RFC 7858)
https://dns.example.net/dns-query                              DNS over HTTPS (RFC 8484)
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from sendgate.errors import ConfigError, InputError
from sendgate.names import printable

__all__ = ["DNS_PORT", "Nameserver", "parse_nameserver", "system_nameservers"]

DNS_PORT = 53
_TLS_PORT = 853  # RFC 7858 section 3.1
_HTTPS_PORT = 443
_FORMS = "write 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53, tls://192.0.2.1#name or https://host/dns-query"


@dataclass(frozen=True)
class Nameserver:
    """One server: `host` is an IP address, or for ``https`` the URL's host.

    `hostname` is the name that a TLS certificate must carry; None means the address
    itself. `url` is set for ``https`` alone.
    """

    transport: Literal["dns", "tls", "https"]
    host: str
    port: int = DNS_PORT
    hostname: str | None = None
    url: str | None = None

    @property
    def trusted(self) -> bool:
        """Whether its AD bit may be believed: loopback, or an authenticated channel.

        RFC 6840 section 5.8 and RFC 4035 section 4.9.3 ask for a secure path to the resolver.
        """
        if self.transport != "dns":
            return True
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        if self.url is not None:
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.transport == "tls":
            port = "" if self.port == _TLS_PORT else f":{self.port}"
            name = f"#{self.hostname}" if self.hostname else ""
            return f"tls://{host}{port}{name}"
        return self.host if self.port == DNS_PORT else f"{host}:{self.port}"


def parse_nameserver(text: str) -> Nameserver:
    """Read one ``--nameserver`` value; raise `ConfigError` saying what to write instead."""
    given = text.strip()
    scheme, separator, rest = given.partition("://")
    if not separator:
        host, port = _address(given, DNS_PORT, text)
        return Nameserver("dns", host, port)
    match scheme.lower():
        case "tls":
            return _tls(rest, text)
        case "https":
            return _https(given, text)
        case "http":
            raise _wrong(text, "it is not encrypted; use https://")
        case "udp" | "tcp" | "dns":
            raise _wrong(text, "write the address without a scheme")
    raise _wrong(text, f"{printable(scheme)} is no transport; {_FORMS}")


def system_nameservers() -> tuple[Nameserver, ...]:
    """List the system's resolvers (``/etc/resolv.conf`` where there is one), in their order.

    Raises `InputError` where the system names none.
    """
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        raise InputError(
            "the system names no DNS resolver (/etc/resolv.conf is missing or lists none); "
            "give one with --nameserver"
        ) from None
    found = [str(server) for server in resolver.nameservers]
    return tuple(parse_nameserver(server) for server in dict.fromkeys(found))


def _tls(rest: str, text: str) -> Nameserver:
    place, _, name = rest.partition("#")
    if place.endswith("/"):
        raise _wrong(text, "a tls:// server has no path; write tls://192.0.2.1#name")
    host, port = _address(place, _TLS_PORT, text)
    if "#" in rest and not _is_hostname(name):
        raise _wrong(text, "after # stands the name in the server's certificate")
    return Nameserver("tls", host, port, hostname=name.lower() or None)


def _https(given: str, text: str) -> Nameserver:
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _wrong(text, f"it is not a URL; {_FORMS}") from None
    if not host or parts.username is not None or parts.fragment or not given.isprintable():
        raise _wrong(text, "write https://host/dns-query")
    if parts.path in {"", "/"} or parts.query or " " in given:
        raise _wrong(text, f"write the path of its DNS service, such as https://{host}/dns-query")
    return Nameserver("https", host, port or _HTTPS_PORT, url=_normal(parts))


def _normal(parts: SplitResult) -> str:
    return f"https://{parts.netloc.lower()}{parts.path}"


def _address(place: str, default: int, text: str) -> tuple[str, int]:
    """Split ADDR[:PORT]; a bare IPv6 address has no port."""
    host, port = place, ""
    if place.startswith("["):
        host, bracket, tail = place[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise _wrong(text, "an IPv6 address with a port is written [2001:db8::1]:53")
        port = tail[1:] if tail else ""
        if tail == ":":
            raise _wrong(text, "the port after the colon is missing")
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
        if not port:
            raise _wrong(text, "the port after the colon is missing")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if _is_hostname(host):
            raise _wrong(text, "it is a name; give the server's IP address") from None
        raise _wrong(text, f"it holds no IP address; {_FORMS}") from None
    return str(address), _port(port, default, text)


def _port(port: str, default: int, text: str) -> int:
    if not port:
        return default
    if port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536:
        return int(port)
    raise _wrong(text, "a port is a number from 1 to 65535")


def _is_hostname(text: str) -> bool:
    from sendgate.errors import DomainError
    from sendgate.names import Domain

    try:
        name = Domain.parse(text)
    except DomainError:
        return False
    return name.is_hostname and not name.labels[-1].isdigit()


def _wrong(text: str, why: str) -> ConfigError:
    return ConfigError(f"{printable(text)} is not a name server: {why}")
