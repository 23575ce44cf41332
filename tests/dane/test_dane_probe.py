"""DANE003: what mail hosts show over STARTTLS, held against their TLSA records."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from audits import audit_domain
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mail_hosts import HostsDouble
from send.certificates import Authority, server_context
from send.mail_servers import HOST, postfix
from send.peer import Act, ScriptedPeer
from worlds import SENDER, Table, address, cname, healthy, mx

from sendgate.audit.report import Report
from sendgate.cli.schema import read_schema
from sendgate.cli.sources import open_source
from sendgate.dane.chain import Mismatch, mismatch
from sendgate.dane.probe import Called, Plain, Shown, Unreached
from sendgate.dane.record import Tlsa
from sendgate.dns.answers import Answer, Failed, Question, Raw, Reason
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.profile import IpAddress
from sendgate.render.json import audit as as_json
from sendgate.send.probe import SmtpCaller
from sendgate.settings import Options
from sendgate.web import anywhere

MAIL = "mail.example.com"
TLSA = (f"_25._tcp.{MAIL}", "TLSA")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LOCAL: tuple[IpAddress, ...] = (IPv4Address("127.0.0.1"),)


class Secure(DnsDouble):
    """A resolver on loopback that vouches for every answer."""

    async def ask(self, question: Question) -> Answer:
        answer = await super().ask(question)
        return answer if isinstance(answer, Failed) else replace(answer, authentic=True)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def digest(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(octets).hexdigest()


def named(*texts: str) -> Table:
    """The healthy sender, whose mail host has these TLSA records."""
    return healthy() | {TLSA: [Raw(text) for text in texts]}


async def audited(table: Table, hosts: HostsDouble, source: type[DnsDouble] = Secure) -> Report:
    return await audit_domain("news.example.com", SENDER, source(table), mail=hosts)


def said(report: Report) -> list[tuple[str, str]]:
    return [(str(f.severity), f.message) for f in report.findings if f.rule.id == "DANE003"]


def shown(report: Report) -> Any:
    """What the JSON has of the first host's calls; the whole holds to its schema."""
    document = json.loads(json.dumps(as_json(report)))
    jsonschema.validate(document, json.loads(read_schema("audit")))
    return document["facts"]["dane"]["hosts"][0]["probe"]


async def test_a_certificate_that_the_records_name(authority: Authority, tmp_path: Path) -> None:
    """Usage 3: neither date nor name count. Each address is called once."""
    _, certificate = authority.issue(tmp_path, ["other.example"], days=-1)
    hosts = HostsDouble({MAIL: (der(certificate),)})
    report = await audited(named(f"3 1 1 {digest(certificate)}"), hosts)
    assert (said(report), hosts.called) == ([], [(MAIL, "192.0.2.25")])
    assert shown(report) == [{"address": "192.0.2.25", "result": "match", "detail": None}]


async def test_another_key_is_an_error_that_names_it(authority: Authority, tmp_path: Path) -> None:
    """The finding has the record that would fit, once for all addresses that show the same."""
    _, old = authority.issue(tmp_path, [MAIL])
    _, new = authority.issue(tmp_path, [MAIL])
    table = named(f"3 1 1 {digest(old)}") | {(MAIL, "AAAA"): [address("2001:db8::25")]}
    report = await audited(table, HostsDouble({MAIL: (der(new),)}))
    message = (
        f"no TLSA record of {MAIL} matches the certificate that it shows at 192.0.2.25 and "
        f"2001:db8::25; the key in use there is 3 1 1 {digest(new)}"
    )
    assert said(report) == [("error", message)]
    assert [entry["result"] for entry in shown(report)] == ["mismatch", "mismatch"]
    assert report.verdict == "fail"


async def test_one_address_with_another_certificate(authority: Authority, tmp_path: Path) -> None:
    """Senders take any address of a host, so each must fit."""
    _, right = authority.issue(tmp_path, [MAIL])
    _, wrong = authority.issue(tmp_path, [MAIL])
    table = named(f"3 1 1 {digest(right)}") | {(MAIL, "AAAA"): [address("2001:db8::25")]}
    hosts = HostsDouble({MAIL: (der(right),), "2001:db8::25": (der(wrong),)})
    ((severity, message),) = said(await audited(table, hosts))
    assert (severity, "at 2001:db8::25;" in message) == ("error", True)


async def test_no_starttls_is_a_warning(authority: Authority) -> None:
    """A network on the way may have taken it out."""
    report = await audited(named(f"3 1 1 {'ab' * 32}"), HostsDouble({MAIL: None}))
    ((severity, message),) = said(report)
    assert (severity, "offers no STARTTLS" in message) == ("warning", True)
    assert shown(report)[0]["result"] == "no_starttls"


async def test_a_host_that_cannot_be_called_is_unknown(
    authority: Authority, tmp_path: Path
) -> None:
    """It decides where no address answers; beside one that does, it is a note."""
    _, certificate = authority.issue(tmp_path, [MAIL])
    table = named(f"3 1 1 {digest(certificate)}") | {(MAIL, "AAAA"): [address("2001:db8::25")]}
    report = await audited(table, HostsDouble({}))
    assert said(report) == []
    assert {(u.rule.id, u.unknown.reason, u.decisive) for u in report.unknown} == {
        ("DANE003", Reason.UNREACHABLE, True)
    }
    assert report.verdict == "unknown"
    hosts = HostsDouble({MAIL: (der(certificate),), "2001:db8::25": Reason.TIMEOUT})
    report = await audited(table, hosts)
    assert [(u.rule.id, u.decisive) for u in report.unknown] == [("DANE003", False)]
    assert report.verdict == "pass"


@pytest.mark.parametrize("records", [["1 1 1 " + "ab" * 32], [], ["3 1 1 0123"]])
async def test_hosts_without_usable_records_are_not_called(records: list[str]) -> None:
    """Senders ask such a host for nothing."""
    hosts = HostsDouble({MAIL: None})
    await audited(named(*records), hosts)
    assert hosts.called == []


async def test_without_secure_answers_nobody_is_called() -> None:
    """A resolver that vouches for nothing: DANE is not checked."""
    hosts = HostsDouble({MAIL: None})
    report = await audited(named(f"3 1 1 {'ab' * 32}"), hosts, DnsDouble)
    assert (hosts.called, said(report)) == ([], [])
    assert as_json(report)["facts"]["dane"]["state"] == "not_checked"


async def test_an_alias_is_not_called() -> None:
    """Its records stand at its target; MX003 speaks of it."""
    table = named(f"3 1 1 {'ab' * 32}") | {
        ("news.example.com", "MX"): [mx(10, "alias.example.com")],
        ("alias.example.com", "CNAME"): [cname(MAIL)],
        ("_25._tcp.alias.example.com", "TLSA"): [Raw(f"3 1 1 {'ab' * 32}")],
    }
    hosts = HostsDouble({MAIL: None, "alias.example.com": None})
    report = await audited(table, hosts)
    assert hosts.called == []
    assert "MX003" in {f.rule.id for f in report.findings}


async def test_bounces_have_mail_hosts_too() -> None:
    """The hosts of the return path are called as well, and told of in the JSON."""
    table = healthy() | {("_25._tcp.bounce.example.com", "TLSA"): [Raw(f"3 1 1 {'ab' * 32}")]}
    hosts = HostsDouble({"bounce.example.com": None})
    report = await audited(table, hosts)
    assert hosts.called == [("bounce.example.com", "192.0.2.26")]
    assert "bounce.example.com offers no STARTTLS" in said(report)[0][1]
    path = as_json(report)["facts"]["dane"]["return_path"]
    assert [host["name"] for host in path["hosts"]] == ["bounce.example.com"]


def anchored(authority: Authority, certificate: x509.Certificate) -> tuple[Tlsa, tuple[bytes, ...]]:
    key = bytes.fromhex(digest(authority.certificate))
    return Tlsa(2, 1, 1, key), (der(certificate), der(authority.certificate))


@pytest.mark.parametrize(
    ("names", "days", "why", "certain"),
    [
        ([MAIL], 30, None, True),
        (["news.example.com"], 30, None, True),
        (["*.example.com"], 30, None, True),
        (["other.example"], 30, "is not for mail.example.com or news.example.com", True),
        ([MAIL], -1, "expired on", True),
    ],
)
def test_an_authoritys_record(
    authority: Authority,
    tmp_path: Path,
    names: list[str],
    days: int,
    why: str | None,
    certain: bool,
) -> None:
    """Usage 2: the certificate is for the host or the domain, and in its time."""
    _, certificate = authority.issue(tmp_path, names, days=days)
    record, chain = anchored(authority, certificate)
    fault = mismatch([record], chain, [MAIL, "news.example.com"], datetime.now(UTC))
    assert (fault is None) is (why is None)
    if fault is not None and why is not None:
        assert (why in fault.why, fault.certain) == (True, certain)


def test_what_not_every_verifier_refuses_is_not_certain(
    authority: Authority, tmp_path: Path
) -> None:
    """An authority that the chain holds and that did not sign it: a warning at most."""
    _, certificate = authority.issue(tmp_path, [MAIL])
    record, chain = anchored(Authority("another"), certificate)
    fault = mismatch([record], chain, [MAIL], datetime.now(UTC))
    assert fault is not None
    assert (fault.certain, "no signatures lead" in fault.why) == (False, True)


def test_a_common_name_is_not_enough_for_every_verifier(authority: Authority) -> None:
    """The Web's PKI wants the name among the alternative ones; others take the common name."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, MAIL)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(authority.name)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(authority.key, hashes.SHA256())
    )
    record, chain = anchored(authority, certificate)
    fault = mismatch([record], chain, [MAIL], NOW)
    assert fault is not None
    assert (fault.certain, "rule of the Web's PKI" in fault.why) == (False, True)


def test_a_key_of_an_unknown_kind_is_compared_as_far_as_can_be(
    authority: Authority, tmp_path: Path
) -> None:
    """The certificate itself can be; a record of the key can neither match nor be called wrong."""
    _, certificate = authority.issue(tmp_path, [MAIL])
    elliptic, unknown = b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x7f"
    strange = der(certificate).replace(elliptic, unknown)
    whole = Tlsa(3, 0, 1, hashlib.sha256(strange).digest())
    assert mismatch([whole], [strange], [MAIL], NOW) is None
    fault = mismatch([Tlsa(3, 1, 1, bytes(32))], [strange], [MAIL], NOW)
    assert fault is not None
    assert not fault.certain


@pytest.mark.parametrize("chain", [(), (b"no certificate",), (bytes(70_000),)])
def test_what_is_no_chain_matches_nothing(chain: tuple[bytes, ...]) -> None:
    """Nothing, garbage, zeros: no match, and no exception."""
    assert isinstance(mismatch([Tlsa(3, 1, 1, bytes(32))], chain, [MAIL], NOW), Mismatch)


def caller(peer: ScriptedPeer | int, seconds: float = 20.0) -> SmtpCaller:
    port = peer if isinstance(peer, int) else peer.port
    return SmtpCaller(allowed=anywhere, port=port, seconds=seconds)


async def call_of(made: SmtpCaller) -> Called:
    (called,) = await made.call(Domain(MAIL), LOCAL)
    return called


async def test_a_call_says_hello_takes_tls_and_leaves(authority: Authority, tmp_path: Path) -> None:
    """No mail is given; the name asked for in TLS is the host's; a second call is not made."""
    file, certificate = authority.issue(tmp_path, [MAIL])
    context = server_context(file)
    asked: list[str] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with ScriptedPeer(tls=context) as peer:
        made = caller(peer)
        called = await call_of(made)
        assert isinstance(called, Shown)
        assert called.chain == (der(certificate), der(authority.certificate))
        assert await call_of(made) is called
        assert peer.commands == ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "QUIT"]
    assert asked == [MAIL]


async def test_a_host_without_starttls_is_plain() -> None:
    """It answers EHLO without it."""
    async with ScriptedPeer() as peer:
        assert isinstance(await call_of(caller(peer)), Plain)


@pytest.mark.parametrize(
    ("script", "reason", "words"),
    [
        ({"connect": Act(reply="554 5.7.1 no \x1b[31mmail\x07", end="hangup")}, "refused", "554"),
        ({"connect": Act(reply="raw:" + "x" * 100_000)}, "malformed", "longer than 4096"),
        ({"connect": Act(end="silent")}, "timeout", "no certificate within 1 s"),
        ({"ehlo": Act(end="drip", delay=0.3)}, "timeout", "no certificate within 1 s"),
        ({"ehlo": Act(end="reset")}, "unreachable", "port"),
        ({"starttls": Act(reply="454 4.7.0 not now")}, "refused", "was refused"),
        ({"handshake": Act(end="drop")}, "unreachable", "TLS handshake"),
    ],
)
async def test_what_a_host_does_instead_is_unknown(
    authority: Authority, tmp_path: Path, script: dict[str, Act], reason: str, words: str
) -> None:
    """In bounded time, with its own words made harmless."""
    file, _ = authority.issue(tmp_path, [MAIL])
    async with ScriptedPeer(tls=server_context(file), script=script) as peer:
        async with asyncio.timeout(30):
            called = await call_of(caller(peer, seconds=1.0 if reason == "timeout" else 20.0))
    assert isinstance(called, Unreached), called
    assert (str(called.reason), words in called.detail) == (reason, True), called.detail
    assert "\x1b" not in called.detail


def test_a_plain_install_can_call() -> None:
    """What the extra `send` brings is not needed for it."""
    code = (
        "import sys; sys.modules.update(jinja2=None, css_inline=None); import sendgate.send.probe"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_a_closed_port_may_be_the_networks_doing() -> None:
    """The detail says so."""
    async with ScriptedPeer() as peer:
        port = peer.port
    called = await call_of(caller(port))
    assert isinstance(called, Unreached)
    assert (called.reason, "many networks" in called.detail) == (Reason.UNREACHABLE, True)


async def test_addresses_of_this_machine_and_its_networks_are_not_called() -> None:
    """Unless --allow-private says so, which the detail tells."""
    async with ScriptedPeer() as peer:
        (called,) = await SmtpCaller(port=peer.port).call(Domain(MAIL), LOCAL)
        assert peer.commands == []
    assert isinstance(called, Unreached)
    assert "--allow-private" in called.detail


async def test_two_addresses_of_each_family_are_called() -> None:
    """However many a host has."""
    texts = [f"127.0.0.{n}" for n in range(1, 9)] + [f"::ffff:127.0.0.{n}" for n in range(1, 9)]
    addresses = [ip_address(text) for text in texts]
    calls = await SmtpCaller(port=9).call(Domain(MAIL), addresses)
    assert [str(call.address) for call in calls] == [texts[0], texts[1], *map(str, addresses[8:10])]


@pytest.mark.parametrize("right", [True, False])
async def test_postfix_with_the_named_key_and_with_another(
    authority: Authority, tmp_path: Path, right: bool
) -> None:
    """Debian's Postfix on loopback: the whole audit, from its TLSA record to its certificate."""
    file, certificate = authority.issue(tmp_path, [HOST])
    _, other = authority.issue(tmp_path, [HOST], file="other.pem")
    table = named(f"3 1 1 {digest(certificate if right else other)}") | {
        (MAIL, "A"): [address("127.0.0.1")]
    }
    with postfix(file) as server:
        report = await audit_domain(
            "news.example.com", SENDER, Secure(table), mail=caller(server.port)
        )
    assert [severity for severity, _ in said(report)] == ([] if right else ["error"])
    if not right:
        assert digest(certificate) in said(report)[0][1]


async def test_only_a_live_run_calls_mail_hosts(tmp_path: Path) -> None:
    """And only with --probe-smtp; what hosts show is not in a recording."""
    zone = tmp_path / "x.zone"
    zone.write_text("$ORIGIN example.com.\n@ 60 A 192.0.2.1\n", encoding="utf-8")
    live = replace(Options(), nameserver=("127.0.0.1:9",), probe_smtp=True)
    recording = str(tmp_path / "run.json")
    runs = {
        "live": live,
        "not asked for": replace(live, probe_smtp=False),
        "offline": replace(live, offline=True),
        "zone": replace(live, zone=(str(zone),)),
        "record": replace(live, record=recording),
        "replay": replace(live, replay=recording),
    }
    calls = []
    for name, options in runs.items():
        async with open_source(options) as source:
            calls += [name] if source.mail is not None else []
    assert calls == ["live", "record"]
