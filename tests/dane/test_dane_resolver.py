"""Whole audits by a validating resolver: unbound in front of knot, which signs the zones.

The root and one zone are signed and trusted; one is not signed, one is signed with a key that the
resolver does not trust, and of one only what lies below its mail host is so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns_servers
import pytest
from audits import audit_domain
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dns_servers import Server
from send.certificates import Authority
from send.mail_servers import postfix
from worlds import dkim_key

from sendgate.audit.report import Report
from sendgate.dane.probe import MailHosts
from sendgate.dns.live import LiveSource, parse_nameserver
from sendgate.dns.nameserver import Nameserver
from sendgate.render.json import audit as as_json
from sendgate.send.probe import SmtpCaller
from sendgate.web import anywhere

SECURE, UNSIGNED, BOGUS, HALF = (
    "signed.example",
    "unsigned.example",
    "bogus.example",
    "half.example",
)
LOST = f"_tcp.mx.{HALF}"  # a zone whose DS is another key's
GIVEN = {"sender": "own", "selectors": ["s1"]}
HEAD = """\
$ORIGIN {zone}.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 127.0.0.1
"""
SENDER = """\
@ A 127.0.0.1
@ MX 10 mx
mx A 127.0.0.1
@ TXT "v=spf1 a -all"
www A 127.0.0.1
s1._domainkey TXT {key}
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@{zone}"
_mta-sts TXT "v=STSv1; id=1;"
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:t@{zone}"
"""
TLSA = "_25._tcp.mx TLSA 3 1 1 {digest}\n"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@dataclass(frozen=True)
class Shown:
    """The mail host's certificate with its key, and the digest that the zones name."""

    chain: Path
    digest: str


@pytest.fixture(scope="module")
def shown(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    chain, made = authority.issue(tmp_path_factory.mktemp("mx"), ["other.example"])
    return Shown(chain, digest_of(made))


def digest_of(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(octets).hexdigest()


def zones(digest: str) -> dict[str, str]:
    text = f"v=DKIM1; k=rsa; p={dkim_key()}"
    key = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
    made = {
        zone: (HEAD + SENDER + ("" if zone == HALF else TLSA)).format(
            zone=zone, key=key, digest=digest
        )
        for zone in (SECURE, UNSIGNED, BOGUS, HALF)
    }
    made[HALF] += f"_tcp.mx NS ns1\n_tcp.mx DS 12345 13 2 {'ab' * 32}\n"
    made[LOST] = HEAD.format(zone=LOST) + f"_25 TLSA 3 1 1 {digest}\n"
    children = (SECURE, UNSIGNED, BOGUS, HALF)
    below = "".join(f"{zone}. NS ns1.{zone}.\nns1.{zone}. A 127.0.0.1\n" for zone in children)
    return made | {".": HEAD.format(zone="") + below}


@pytest.fixture(scope="module")
def channel() -> dns_servers.Authority:
    """Who vouches for the resolver's own TLS."""
    return dns_servers.Authority()


@pytest.fixture(scope="module")
def resolver(
    shown: Shown, channel: dns_servers.Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("dns")
    texts = zones(shown.digest)
    signed = (".", SECURE, BOGUS, HALF, LOST)
    with dns_servers.knot(folder, texts, signed=signed) as knot:
        keys = {zone: dns_servers.dnskeys(knot, zone) for zone in signed}
        anchors = [key.replace("..", ".", 1) for key in keys["."]] + keys[SECURE] + keys[HALF]
        anchors += [key.replace(SECURE, BOGUS) for key in keys[SECURE]]
        stubs = dict.fromkeys(texts, knot.port)
        with dns_servers.unbound(folder, stubs, anchors, channel) as server:
            yield server


async def audited(
    zone: str, server: Nameserver, mail: MailHosts | None = None, **options: Any
) -> Report:
    async with LiveSource([server], 5.0, **options) as source:
        return await audit_domain(zone, GIVEN | {"return-path": zone}, source, mail=mail)


def said(report: Report, *areas: str) -> list[tuple[str, str]]:
    found = (f for f in report.findings if not areas or f.rule.area in areas)
    return [(f.rule.id, str(f.severity)) for f in found]


def dane(report: Report) -> Any:
    return as_json(report)["facts"]["dane"]


async def test_a_secure_domain_is_told_by_the_resolvers_word(resolver: Server) -> None:
    """AD on loopback: DANE is in force, and nothing is wrong but that the host is on loopback."""
    report = await audited(SECURE, parse_nameserver(resolver.place))
    assert dane(report)["state"] == "secure"
    assert said(report, "DANE") == []
    assert report.verdict == "pass", report.findings
    assert report.unknown == ()


async def test_over_authenticated_tls_the_word_counts_too(
    resolver: Server, channel: dns_servers.Authority
) -> None:
    """``tls://`` with a certificate that is verified."""
    place = parse_nameserver(f"tls://127.0.0.1:{resolver.ports['tls']}")
    report = await audited(SECURE, place, tls_context=channel.client_context())
    assert dane(report)["state"] == "secure"


@dataclass(frozen=True)
class Faraway(Nameserver):
    """A server as if it were not on this machine."""

    @property
    def trusted(self) -> bool:
        return False


@pytest.mark.parametrize("zone", [SECURE, UNSIGNED, HALF])
async def test_a_resolver_elsewhere_is_not_believed(resolver: Server, zone: str) -> None:
    """Its AD bit may be anybody's: DANE is not checked, nothing is claimed, no host is called."""
    near = parse_nameserver(resolver.place)
    report = await audited(zone, Faraway("dns", near.host, near.port), NobodyCalls())
    assert dane(report)["state"] == "not_checked"
    assert dane(report)["mx_secure"] is None
    assert said(report, "DANE") == []
    assert not [item for item in report.unknown if item.rule.area == "DANE"]


class NobodyCalls:
    """Mail hosts that must not be called."""

    async def call(self, *_: object) -> Any:
        raise AssertionError("a mail host was called")


async def test_an_unsigned_domain_is_insecure_and_not_called(resolver: Server) -> None:
    """The signed root says that the zone is not: its TLSA record is ignored by senders."""
    report = await audited(UNSIGNED, parse_nameserver(resolver.place), NobodyCalls())
    assert dane(report)["state"] == "insecure"
    assert said(report, "DANE", "DNS") == [("DANE001", "warning")]
    assert report.verdict == "pass"


async def test_a_bogus_domain_is_told_as_such_and_nothing_is_missing(resolver: Server) -> None:
    """SERVFAIL that goes away without validation: one finding, and all the rest is unknown."""
    report = await audited(BOGUS, parse_nameserver(resolver.place), NobodyCalls())
    errors = [pair for pair in said(report) if pair[1] == "error"]
    assert errors == [("DNS007", "error")]
    assert {"SPF001", "DKIM001", "MX001"} & {item.rule.id for item in report.unknown}
    assert not {"SPF001", "DMARC001", "MX001"} & {f.rule.id for f in report.findings}
    assert report.verdict == "fail"


async def test_a_bogus_tlsa_answer_holds_mail_back(resolver: Server) -> None:
    """The host is secure and its TLSA records do not validate: senders skip it."""
    report = await audited(HALF, parse_nameserver(resolver.place), NobodyCalls())
    assert (dane(report)["state"], said(report, "DANE")) == ("failing", [("DANE004", "error")])


@pytest.mark.parametrize("right", [True, False])
async def test_from_the_signed_zone_to_the_certificate(
    resolver: Server, shown: Shown, authority: Authority, tmp_path: Path, right: bool
) -> None:
    """Postfix shows the named key, under a certificate for no name at all; or another key."""
    chain = shown.chain if right else authority.issue(tmp_path, [f"mx.{SECURE}"])[0]
    with postfix(chain) as server:
        caller = SmtpCaller(allowed=anywhere, port=server.port)
        report = await audited(SECURE, parse_nameserver(resolver.place), caller)
    assert said(report, "DANE") == ([] if right else [("DANE003", "error")])
    assert report.verdict == ("pass" if right else "fail")
