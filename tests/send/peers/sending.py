"""One campaign, sent by the command line to one recipient of each domain in `cases`.

All servers are in one `island`; whatever a test asks of the run is read once, when all is
done: the attempts, the mailboxes, and what the servers have written down.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from send.certificates import Authority
from send.peers.cases import CASES, HOSTS, Host
from send.peers.island import Island, island
from send.peers.names import POLICIES, SENDER, SENDER_6, Keys, serve_names
from send.peers.receivers import serve_exim, serve_policies, serve_postfix
from send_setup import rsa_key, write_contacts, written

from sendgate.message.keys import read_private_key


@dataclass(frozen=True)
class Sent:
    """What a run of `sendgate send` came to, and what the receivers have of it."""

    island: Island
    done: subprocess.CompletedProcess[str]
    log: Mapping[str, dict[str, Any]]  # the attempts, by the label of the recipient's domain
    mail: Mapping[Path, bytes]  # all that was in any mailbox of any server, when all was done
    authority: Authority  # that the sender knows
    words: Mapping[str, str]  # what each host's server had written down then, by its name

    def mails(self, label: str, server: str) -> list[EmailMessage]:
        """What was in the mailbox of a domain at one of the servers."""
        box = self.island.folder / server / "mail" / CASES[label].domain / "new"
        return [read(octets) for path, octets in self.mail.items() if path.parent == box]


def words(world: Island, host: Host) -> str:
    """What a host's server has written down of connections to it."""
    if host.server == "exim":
        log, mark = world.folder / "exim/log/mainlog", f"I=[{host.address}]:25"
    else:
        log, mark = world.log("postfix"), f" {host.name}/smtpd["
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


def settle(world: Island) -> None:
    """Wait until the servers have delivered what they have accepted."""
    end = time.monotonic() + 10
    while queued(world) and time.monotonic() < end:
        time.sleep(0.05)


@contextlib.contextmanager
def sending() -> Iterator[Sent]:
    """Start everything, and send the campaign."""
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
            settle(world)
            labels = {case.recipient: label for label, case in CASES.items()}
            by_label = {labels[entry["recipient"]]: entry for entry in entries}
            stored = {path: path.read_bytes() for path in files(world, "*/mail")}
            said = {host.name: words(world, host) for host in HOSTS.values()}
            yield Sent(world, done, by_label, stored, shown.known, said)
