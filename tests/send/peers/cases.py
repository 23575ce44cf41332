"""The recipients' side of the real peers: domains, their mail hosts, and what each host shows.

A host stands at an address of its own. Its certificate is *right* (the test authority's, for
its name), *another's* (the authority's, for another name), a *stranger's* (for its name, by an
authority that nobody knows), or there is none and so no STARTTLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "HOSTS", "SIGNED", "Case", "Host"]

Server = Literal["postfix", "exim", "nobody"]
Shown = Literal["right", "another's", "stranger's", "nothing"]
Refusal = Literal["", "banner", "mail", "full", "dot"]
Named = Literal["", "right", "wrong", "authority"]

SIGNED = "example.org"  # the zone that DNSSEC vouches for
_PLAIN = "example.net"


@dataclass(frozen=True)
class Host:
    """A mail exchanger.

    `refuses`: at which step it takes no mail, or that its disk is full. `tlsa`: whether the
    key that its TLSA record names is its own, or that of the authority above its certificate;
    empty where it has no such record.
    """

    name: str
    address: str
    server: Server
    shows: Shown = "right"
    refuses: Refusal = ""
    tlsa: Named = ""


@dataclass(frozen=True)
class Case:
    """A recipients' domain: its MX in the order of preference, and its MTA-STS policy's."""

    domain: str
    hosts: tuple[Host, ...]
    policy: tuple[str, ...] = ()
    person: str = "joe"

    @property
    def recipient(self) -> str:
        return f"{self.person}@{self.domain}"


_SECOND = Host("mx.second.example.net", "203.0.113.2", "exim")


def _alone(label: str, address: str, shows: Shown = "right", person: str = "joe") -> Case:
    """A domain with one host and no policy."""
    domain = f"{label}.{_PLAIN}"
    return Case(domain, (Host(f"mx.{domain}", address, "postfix", shows),), person=person)


def _sts(number: int, label: str, server: Server = "postfix", shows: Shown = "right") -> Case:
    """A domain with one host, which its policy names."""
    domain = f"{label}.{_PLAIN}"
    host = Host(f"mx.{domain}", f"203.0.113.{number}", server, shows)
    return Case(domain, (host,), (host.name,))


def _dane(number: int, label: str, server: Server, shows: Shown, tlsa: Named) -> Case:
    """A signed domain with one host, whose TLSA record names a key."""
    domain = f"{label}.{SIGNED}"
    return Case(domain, (Host(f"mx.{domain}", f"203.0.113.{number}", server, shows, tlsa=tlsa),))


def _refusing(number: int, label: str, refuses: Refusal, server: Server = "postfix") -> Case:
    """A domain whose first host does not take mail; its second one is Exim."""
    domain = f"{label}.{_PLAIN}"
    first = Host(f"mx.{domain}", f"203.0.113.{number}", server, refuses=refuses)
    return Case(domain, (first, _SECOND))


CASES = {
    case.domain.partition(".")[0]: case
    for case in (
        _alone("plain", "203.0.113.1"),
        _alone("stranger", "203.0.113.3", shows="stranger's"),
        _alone("clear", "203.0.113.4", shows="nothing"),
        _alone("utf8", "203.0.113.5", person="jörg"),
        _alone("six", "2001:db8::6"),
        _refusing(10, "down", "", "nobody"),
        _refusing(11, "banner", "banner"),
        _refusing(12, "closing", "mail"),
        _refusing(13, "full", "full"),
        _refusing(14, "dot", "dot"),
        _sts(20, "sts-right"),
        _sts(21, "sts-right-exim", "exim"),
        _sts(22, "sts-name", shows="another's"),
        _sts(23, "sts-name-exim", "exim", "another's"),
        _sts(28, "sts-mended-exim", "exim", "another's"),
        _sts(24, "sts-stranger", shows="stranger's"),
        _sts(25, "sts-clear", shows="nothing"),
        Case(
            "sts-unlisted.example.net",
            (Host("mx.sts-unlisted.example.net", "203.0.113.26", "postfix"),),
            ("mx.other.example.net",),
        ),
        Case(
            "sts-second.example.net",
            (Host("mx.sts-second.example.net", "203.0.113.27", "postfix", "another's"), _SECOND),
            ("mx.sts-second.example.net", _SECOND.name),
        ),
        # The right one here would do for nobody else, and the wrong one for everybody else.
        _dane(30, "dane-right", "postfix", "stranger's", "right"),
        _dane(31, "dane-right-exim", "exim", "stranger's", "right"),
        _dane(32, "dane-wrong", "postfix", "right", "wrong"),
        _dane(33, "dane-wrong-exim", "exim", "right", "wrong"),
        _dane(34, "dane-clear", "postfix", "nothing", "right"),
        _dane(35, "dane-anchor", "postfix", "stranger's", "authority"),
        _dane(36, "dane-anchor-exim", "exim", "stranger's", "authority"),
        _dane(37, "dane-anchor-name", "postfix", "another's", "authority"),
    )
}
HOSTS = {host.name: host for case in CASES.values() for host in case.hosts}
