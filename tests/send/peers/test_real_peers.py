"""Campaigns to real receivers, by the real command line, in a network where nothing is bent.

Postfix with opendkim, policyd-spf and opendmarc, Exim, knot, unbound and an HTTPS host of
MTA-STS policies stand at addresses of their own and at the ports where they belong. One run
of `sendgate send` mails one recipient of each domain in `cases`; nothing but the authority of
the receivers' certificates is told to it.
"""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from send.certificates import Authority
from send.peers.cases import CASES, HOSTS, Host
from send.peers.island import Island, island
from send.peers.names import POLICIES, SENDER, SENDER_6, Keys, serve_names
from send.peers.receivers import NAME, serve_exim, serve_policies, serve_postfix
from send_setup import rsa_key, write_contacts, written

from sendgate.message.keys import read_private_key

VERIFIED = "TLSv1.3 (verified)"
BY_DANE = "TLSv1.3 (dane)"
ANY = "TLSv1.3 (unverified)"
DELIVERED = {  # by which server, and over what
    "plain": ("postfix", ANY),
    "stranger": ("postfix", ANY),
    "clear": ("postfix", None),
    "utf8": ("postfix", ANY),
    "six": ("postfix", ANY),
    "down": ("exim", ANY),
    "banner": ("exim", ANY),
    "closing": ("exim", ANY),
    "full": ("exim", ANY),
    "sts-right": ("postfix", VERIFIED),
    "sts-right-exim": ("exim", VERIFIED),
    "sts-second": ("exim", VERIFIED),
    "dane-right": ("postfix", BY_DANE),
    "dane-right-exim": ("exim", BY_DANE),
    "dane-anchor": ("postfix", BY_DANE),
    "dane-anchor-exim": ("exim", BY_DANE),
}
UNMET = {  # and why
    "sts-name": "the certificate is not for mx.sts-name.example.net",
    "sts-name-exim": "the certificate is not for mx.sts-name-exim.example.net",
    "sts-stranger": "self-signed certificate in certificate chain",
    "sts-clear": "STARTTLS is not offered",
    "sts-unlisted": "does not name mx.sts-unlisted.example.net",
    "dane-wrong": "no TLSA record matches the certificate",
    "dane-wrong-exim": "no TLSA record matches the certificate",
    "dane-clear": "STARTTLS is not offered",
    "dane-anchor-name": "no TLSA record matches the certificate",
}


@dataclass(frozen=True)
class Sent:
    """What a run of `sendgate send` came to, and what the receivers have of it."""

    island: Island
    done: subprocess.CompletedProcess[str]
    log: Mapping[str, dict[str, Any]]  # the attempts, by the label of the recipient's domain
    mail: Mapping[Path, bytes]  # all that was in any mailbox of any server, when all was done

    def mails(self, label: str, server: str) -> list[EmailMessage]:
        """What was in the mailbox of a domain at one of the servers."""
        box = self.island.folder / server / "mail" / CASES[label].domain / "new"
        return [read(octets) for path, octets in self.mail.items() if path.parent == box]

    def words(self, host: Host) -> str:
        """What a host's server has written down of connections to it."""
        if host.server == "exim":
            log, mark = self.island.folder / "exim/log/mainlog", f"I=[{host.address}]:25"
        else:
            log, mark = self.island.log("postfix"), f" {host.name}/smtpd["
        return "\n".join(line for line in log.read_text().splitlines() if mark in line)


def read(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=email.policy.default)


def files(world: Island, place: str) -> list[Path]:
    """The files in a folder, or in all that a pattern names."""
    folders = world.folder.glob(place)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def queued(world: Island) -> list[Path]:
    """What the servers have accepted and not yet delivered, given up or thrown away."""
    queues = [f"postfix/spool/{name}" for name in ("incoming", "active", "deferred", "hold")]
    return [path for name in (*queues, "exim/spool/input") for path in files(world, name)]


@dataclass
class Shown:
    """The certificates of all hosts: files to be shown, and what there is in them, by name."""

    known: Authority
    chains: dict[str, Path] = field(default_factory=dict)
    hosts: dict[str, x509.Certificate] = field(default_factory=dict)
    authorities: dict[str, x509.Certificate] = field(default_factory=dict)


def certificates(folder: Path) -> Shown:
    """Have the hosts' certificates issued by an authority that the sender knows, or another."""
    shown, stranger = Shown(Authority()), Authority("an authority that nobody knows")
    for host in HOSTS.values():
        authority = stranger if host.shows == "stranger's" else shown.known
        name = "elsewhere.example.net" if host.shows == "another's" else host.name
        file, shown.hosts[host.name] = authority.issue(folder, [name], file=f"{host.name}.pem")
        shown.authorities[host.name] = authority.certificate
        if host.shows != "nothing":
            shown.chains[host.name] = file
    return shown


def make_campaign(folder: Path) -> dict[str, str]:
    """Write a campaign with two keys to one recipient of each domain; the keys' records."""
    rsa = rsa_key()
    ed = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    file = written(folder, 25, rsa)
    (folder / "s2.pem").write_bytes(ed)
    (folder / "s2.pem").chmod(0o600)
    second = '{ domain = "news.example.com", selector = "s2", file = "s2.pem" }'
    text = file.read_text("utf-8").replace('file = "s1.pem" }]', f'file = "s1.pem" }}, {second}]')
    file.write_text(text.replace('"127.0.0.1"', f'"{SENDER}", "{SENDER_6}"'), "utf-8")
    write_contacts(folder, [case.recipient for case in CASES.values()])
    contacts = folder / "contacts.csv"
    contacts.write_text(contacts.read_text("utf-8").replace(",Joe,", ",Zoë,"), "utf-8")
    return {
        name: read_private_key(pem, name).record_text for name, pem in (("s1", rsa), ("s2", ed))
    }


def sendgate(island: Island, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SENDGATE_")
    }
    environment["SSL_CERT_FILE"] = str(island.folder / "authorities.pem")
    return island.run([sys.executable, "-m", "sendgate", *arguments], environment)


def logged(island: Island, store: str) -> list[dict[str, Any]]:
    """The attempts of the one campaign in a store."""
    place = f"sqlite:///{island.folder / store}"
    done = sendgate(island, "campaign", "log", "--format", "jsonl", "--store", place)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def sent() -> Iterator[Sent]:
    """Everything is started, and the campaign is sent, once for all tests."""
    addresses = [SENDER, SENDER_6, POLICIES, *(host.address for host in HOSTS.values())]
    with tempfile.TemporaryDirectory(prefix="sendgate-peers-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with island(folder, addresses) as world:
            records = make_campaign(folder)
            (folder / "tls").mkdir()
            shown = certificates(folder / "tls")
            (folder / "authorities.pem").write_bytes(shown.known.pem)
            hosts = [f"mta-sts.{case.domain}" for case in CASES.values() if case.policy]
            policy_chain, _ = shown.known.issue(folder / "tls", hosts, file="policies.pem")
            world.wait_for(
                serve_names(world, Keys(records, shown.hosts, shown.authorities))
                | serve_postfix(world, shown.chains)
                | serve_exim(world, shown.chains)
                | serve_policies(world, policy_chain)
            )
            done = sendgate(world, "send", "campaign.toml", "--no-wait", "--format", "json")
            entries = logged(world, "store.db")
            assert len(entries) == len(CASES), done.stderr
            end = time.monotonic() + 10
            while queued(world) and time.monotonic() < end:
                time.sleep(0.05)
            labels = {case.recipient: label for label, case in CASES.items()}
            by_label = {labels[entry["recipient"]]: entry for entry in entries}
            stored = {path: path.read_bytes() for path in files(world, "*/mail")}
            yield Sent(world, done, by_label, stored)


def test_every_recipient_has_its_outcome(sent: Sent) -> None:
    """The gate passes on what the resolver says; what is not delivered waits: exit code 4."""
    status = json.loads(sent.done.stdout)
    counts = {key: number for key, number in status["counts"].items() if number}
    assert counts == {
        "eligible": len(CASES),
        "delivered": len(DELIVERED),
        "deferred": len(UNMET) + 1,
    }
    assert sent.done.returncode == 4, sent.done.stderr
    assert set(DELIVERED) | set(UNMET) | {"dot"} == set(CASES)


def test_nothing_arrives_twice_or_elsewhere(sent: Sent) -> None:
    """One message for each that was delivered, and no other in any mailbox or queue."""
    found = sorted(str(read(octets)["Message-ID"]) for octets in sent.mail.values())
    told = (entry for entry in sent.log.values() if entry["event"] == "delivered")
    assert found == sorted(entry["message_id"] for entry in told)
    assert len(set(found)) == len(DELIVERED)
    assert queued(sent.island) == []


def calls(log: Path) -> int:
    """How many connections a server has written down."""
    return len(re.findall("connect(?:ion)? from", log.read_text()))


def test_run_again_it_calls_nobody(sent: Sent) -> None:
    """What was delivered is done, and what was deferred is not due yet."""
    logs = [sent.island.log("postfix"), sent.island.folder / "exim/log/mainlog"]
    before = [calls(log) for log in logs]
    again = sendgate(sent.island, "send", "campaign.toml", "--no-wait", "--format", "json")
    assert again.returncode == 4, again.stderr
    assert json.loads(again.stdout)["counts"] == json.loads(sent.done.stdout)["counts"]
    assert [calls(log) for log in logs] == before


def test_tls_that_the_campaign_requires(sent: Sent) -> None:
    """With ``tls = "required"`` any certificate will do, but in the clear there is no mail."""
    folder, people = sent.island.folder, [CASES[name].recipient for name in ("stranger", "clear")]
    text = (folder / "campaign.toml").read_text("utf-8")
    for old, new in (
        ("november-news", "december-news"),
        ("contacts.csv", "few.csv"),
        ("[transport]", '[transport]\ntls = "required"'),
        ("store.db", "another.db"),
    ):
        text = text.replace(old, new)
    (folder / "few.toml").write_text(text, "utf-8")
    head, *rows = (folder / "contacts.csv").read_text("utf-8").splitlines(keepends=True)
    few = [row for row in rows if row.partition(",")[0] in people]
    (folder / "few.csv").write_text("".join([head, *few]), "utf-8")
    clear = CASES["clear"].hosts[0]
    before = sent.words(clear).count(": client=")
    done = sendgate(sent.island, "send", "few.toml", "--no-wait", "--format", "json")
    counts = {key: one for key, one in json.loads(done.stdout)["counts"].items() if one}
    assert counts == {"eligible": 2, "delivered": 1, "deferred": 1}, done.stderr
    assert sent.words(clear).count(": client=") == before == 1
    entries = {entry["recipient"]: entry for entry in logged(sent.island, "another.db")}
    waiting, delivered = entries[CASES["clear"].recipient], entries[CASES["stranger"].recipient]
    assert (waiting["category"], waiting["text"]) == ("tls_policy", "STARTTLS is not offered")
    assert delivered["tls"] == ANY


@pytest.mark.parametrize("label", DELIVERED)
def test_what_may_be_delivered_is(sent: Sent, label: str) -> None:
    """To the host that takes it, over TLS, of the strength that its domain demands."""
    server, tls = DELIVERED[label]
    entry, host = sent.log[label], CASES[label].hosts[-1]
    assert (entry["event"], entry["tls"]) == ("delivered", tls)
    assert (entry["mx"], entry["address"]) == (host.name, host.address)
    (mail,) = sent.mails(label, server)
    assert mail["Message-ID"] == entry["message_id"]
    received = " ".join(str(mail["Received"]).split())
    assert "mail.example.com" in received
    assert (f"[IPv6:{SENDER_6}]" if label == "six" else f"[{SENDER}]") in received
    assert bool(re.search(r"TLSv?1\.3", received)) is (tls is not None)
    assert mail["Subject"] == "Hello Zoë"
    assert mail.get_content().startswith("Hello Zoë\n\nTo stop: https://www.example.com/u/")


@pytest.mark.parametrize("label", UNMET)
def test_what_the_recipients_policy_forbids_waits(sent: Sent, label: str) -> None:
    """Deferred for the policy's sake; the host was called, and heard of no message."""
    entry, (host,) = sent.log[label], CASES[label].hosts
    assert (entry["event"], entry["category"]) == ("deferred", "tls_policy")
    assert UNMET[label] in entry["text"]
    words = sent.words(host)
    if label == "sts-unlisted":
        assert words == ""  # a host that the policy does not name is not even called
    else:
        assert "connect" in words
    if "clear" in label:
        assert " quit=1 " in words
    assert not re.search(r" mail=|: client=| <= |NOQUEUE", words)
    assert sent.mails(label, host.server) == []


@pytest.mark.parametrize("label", ["banner", "closing", "full", "sts-second"])
def test_the_first_host_was_called_first(sent: Sent, label: str) -> None:
    """It is no accident that Exim has it: the other one turned it away."""
    first, _ = CASES[label].hosts
    turned_away = {
        "banner": "554 5.7.1", "closing": "421 4.3.2", "full": "452 4.3.1",
        "sts-second": "SSL_accept error",
    }  # fmt: skip
    assert turned_away[label] in sent.words(first)


def test_a_host_that_has_seen_the_dot_is_the_last_one(sent: Sent) -> None:
    """Refused for now after the final dot: deferred, and the second host is not called."""
    entry, (first, _) = sent.log["dot"], CASES["dot"].hosts
    assert (entry["event"], entry["code"], entry["mx"]) == ("deferred", "450", first.name)
    assert "END-OF-MESSAGE" in sent.words(first)
    assert sent.mails("dot", "exim") == sent.mails("dot", "postfix") == []


@pytest.mark.parametrize(
    "label", [label for label, how in DELIVERED.items() if how[0] == "postfix"]
)
def test_what_postfix_stores_is_authenticated(sent: Sent, label: str) -> None:
    """Both signatures are good, the path is the sender's, and DMARC passes."""
    (mail,) = sent.mails(label, "postfix")
    found = results(mail)
    assert sorted(found) == ["dkim", "dmarc", "spf"]
    assert re.findall(r"dkim=(\w+)", found["dkim"]) == ["pass", "pass"]
    assert re.findall(r"header\.a=(\S+)", found["dkim"]) == ["rsa-sha256", "ed25519-sha256"]
    assert re.findall(r"header\.d=(\S+)", found["dkim"]) == ["news.example.com"] * 2
    assert "(2048-bit key;" in found["dkim"]
    assert found["spf"].startswith("spf=pass ")
    assert " smtp.mailfrom=bounce.news.example.com " in found["spf"]
    assert f"client-ip={SENDER_6 if label == 'six' else SENDER};" in found["spf"]
    assert found["dmarc"] == "dmarc=pass (p=reject dis=none) header.from=news.example.com"


def results(mail: EmailMessage) -> dict[str, str]:
    """The Authentication-Results of a message by method."""
    texts = [" ".join(str(one).split()) for one in mail.get_all("Authentication-Results", [])]
    assert all(text.startswith(f"{NAME}; ") for text in texts)
    return {
        text.partition("=")[0]: text for text in (text.removeprefix(f"{NAME}; ") for text in texts)
    }


@pytest.mark.parametrize("label", [label for label, how in DELIVERED.items() if how[0] == "exim"])
def test_exim_verifies_both_signatures(sent: Sent, label: str) -> None:
    """Another verifier, of another library, with the same result."""
    (mail,) = sent.mails(label, "exim")
    log = (sent.island.folder / "exim/log/mainlog").read_text()
    number = re.search(r"\bid (\S+)", str(mail["Received"]))
    assert number is not None
    lines = [line for line in log.splitlines() if f" {number[1]} DKIM: d=news.example.com " in line]
    assert all("[verification succeeded]" in line for line in lines)
    assert sorted(re.findall(r" a=(\S+)", "".join(lines))) == ["ed25519-sha256", "rsa-sha256"]


FORGER = """\
import json, smtplib, sys
host, source, message = sys.argv[1:]
data = open(message, "rb").read()
for sender, text in (
    ("a@bounce.news.example.com", data),
    ("a@forger.example.net", data),
    ("a@forger.example.net", data.replace(b"To stop", b"To halt")),
):
    with smtplib.SMTP(host, 25, "mx.other.example.net", source_address=(source, 0)) as client:
        try:
            client.sendmail(sender, ["joe@plain.example.net"], text)
            print("taken")
        except smtplib.SMTPRecipientsRefused as error:
            print(*error.recipients.values())
        except smtplib.SMTPDataError as error:
            print((error.smtp_code, error.smtp_error))
"""


def test_the_receiver_would_have_refused_a_forgery(sent: Sent) -> None:
    """From elsewhere: not our path; forwarded as it was, it is good; altered, it is refused."""
    (octets,) = (text for path, text in sent.mail.items() if "plain.example.net" in path.parts)
    copy = sent.island.folder / "copy.eml"
    copy.write_bytes(octets[octets.index(b"DKIM-Signature:") :])
    host, elsewhere = CASES["plain"].hosts[0].address, CASES["down"].hosts[0].address
    arguments = [sys.executable, "-c", FORGER, host, elsewhere, str(copy)]
    done = sent.island.run(arguments, dict(os.environ))
    path, taken, altered = done.stdout.splitlines()
    assert "SPF fail - not authorized" in path, done.stderr
    assert taken == "taken"
    assert "rejected by DMARC policy" in altered
