"""The DNS of the real peers: knot with the sender's and the recipients' zones, behind unbound.

unbound stands where ``/etc/resolv.conf`` points, validates, and has the key of the one zone
that is signed; all else is in one unsigned zone, the root.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dns.dnssec
import dns.dnssectypes
import dns.zone
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dns_servers import knot_server, knot_zone, program, quoted
from send.peers.cases import CASES, HOSTS, SIGNED, Case, Host
from send.peers.island import Island

SENDER, SENDER_6 = "198.51.100.25", "2001:db8::25"
POLICIES = "192.88.99.80"  # of nobody (RFC 7526), but of the Internet: policies are had from there
RESOLVER = "127.0.0.1:53"
_KNOT = "127.0.0.1:5300"
_HEAD = "$TTL 300\n@ SOA ns.example.net. hostmaster.example.net. 1 3600 600 86400 300\n"


@dataclass(frozen=True)
class Keys:
    """What the DNS says of keys: DKIM records by selector; by a mail host's name its own
    certificate, and that of the authority above it.
    """

    dkim: Mapping[str, str]
    hosts: Mapping[str, x509.Certificate]
    authorities: Mapping[str, x509.Certificate]


def _sender(keys: Keys) -> list[str]:
    """The sender's names, and the reverse DNS of its host."""
    spf = f"v=spf1 ip4:{SENDER} ip6:{SENDER_6} -all"
    return [
        "$ORIGIN example.com.",
        f"@ A {SENDER}",
        "@ MX 10 mail",
        '@ TXT "v=spf1 -all"',
        f"www A {SENDER}",
        f"mail A {SENDER}",
        f"mail AAAA {SENDER_6}",
        f'mail TXT "{spf}"',
        "news MX 10 mail",
        f"news A {SENDER}",
        f'news TXT "{spf}"',
        "bounce.news MX 10 mail",
        f'bounce.news TXT "{spf}"',
        *(f"{name}._domainkey.news TXT {quoted(text)}" for name, text in keys.dkim.items()),
        '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"',
        "$ORIGIN .",
        *(f"{_reverse(address)}. PTR mail.example.com." for address in (SENDER, SENDER_6)),
    ]


def _reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


def _case(case: Case) -> list[str]:
    lines = [f"{case.domain}. MX {at}0 {host.name}." for at, host in enumerate(case.hosts, 1)]
    if case.policy:
        lines.append(f'_mta-sts.{case.domain}. TXT "v=STSv1; id=20261123;"')
        lines.append(f"mta-sts.{case.domain}. A {POLICIES}")
    return lines


def _host(host: Host, keys: Keys) -> list[str]:
    lines = [f"{host.name}. {'AAAA' if ':' in host.address else 'A'} {host.address}"]
    if host.tlsa:
        usage, certificates = 3, keys.hosts
        if host.tlsa == "authority":
            usage, certificates = 2, keys.authorities
        key = certificates[host.name].public_key()
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = hashlib.sha256(b"another key" if host.tlsa == "wrong" else octets).hexdigest()
        lines.append(f"_25._tcp.{host.name}. TLSA {usage} 1 1 {digest}")
    return lines


def _zones(keys: Keys) -> tuple[str, str]:
    """The unsigned root with everything in it but the signed zone, and that zone."""
    root = _sender(keys)
    signed: list[str] = []
    for case in CASES.values():
        (signed if case.domain.endswith(SIGNED) else root).extend(_case(case))
    for host in HOSTS.values():
        (signed if host.name.endswith(SIGNED) else root).extend(_host(host, keys))
    start = "@ NS ns.example.net.\n"
    return (
        f"$ORIGIN .\n{_HEAD}{start}ns.example.net. A 127.0.0.1\n" + "\n".join(root) + "\n",
        f"$ORIGIN {SIGNED}.\n{_HEAD}{start}" + "\n".join(signed) + "\n",
    )


def _sign(text: str) -> tuple[str, str]:
    """Sign a zone; give it with its signatures, and the key to trust."""
    zone = dns.zone.from_text(text, SIGNED, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256)
    dns.dnssec.sign_zone(zone, keys=[(private, key)], lifetime=86_400, dnskey_ttl=300)
    return zone.to_text(), f"{SIGNED}. DNSKEY {key.to_text()}"


def serve_names(island: Island, keys: Keys) -> dict[str, str]:
    """Start knot and unbound; where they will listen, by who does."""
    folder = island.folder / "dns"
    folder.mkdir()
    root, plain = _zones(keys)
    signed, anchor = _sign(plain)
    (folder / "root.zone").write_text(root, "ascii")
    (folder / "signed.zone").write_text(signed, "ascii")
    (folder / "knot.conf").write_text(_knot(folder), "utf-8")
    (folder / "unbound.conf").write_text(_unbound(folder, anchor), "utf-8")
    island.start("knot", [program("knotd"), "-c", str(folder / "knot.conf")])
    island.start("unbound", [program("unbound"), "-d", "-p", "-c", str(folder / "unbound.conf")])
    return {_KNOT: "knot", RESOLVER: "unbound"}


def _knot(folder: Path) -> str:
    zones = {".": "root.zone", SIGNED: "signed.zone"}
    lines = [*knot_server(folder, _KNOT.replace(":", "@")), "zone:"]
    for name, file in zones.items():
        lines += knot_zone(name, folder / file)
    return "\n".join(lines) + "\n"


def _unbound(folder: Path, anchor: str) -> str:
    stubs = [
        f'stub-zone:\n  name: "{name}"\n  stub-addr: {_KNOT.replace(":", "@")}'
        for name in (".", SIGNED)
    ]
    return "\n".join(
        [
            "server:",
            f"  interface: {RESOLVER.replace(':', '@')}",
            '  username: ""',
            '  chroot: ""',
            '  pidfile: ""',
            f'  directory: "{folder}"',
            "  use-syslog: no",
            "  num-threads: 1",
            "  do-ip6: no",
            "  do-not-query-localhost: no",
            '  local-zone: "100.51.198.in-addr.arpa." nodefault',
            '  local-zone: "8.b.d.0.1.0.0.2.ip6.arpa." nodefault',
            '  module-config: "validator iterator"',
            f'  trust-anchor: "{anchor}"',
            "remote-control:",
            "  control-enable: no",
            *stubs,
            "",
        ]
    )
