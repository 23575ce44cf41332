"""A campaign that can be sent on this machine: its zones in a knot, its keys, its contacts.

Everything is on loopback: the sender's address is 127.0.0.1, which its zones vouch for, and
so are the recipients' mail exchangers.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dns_servers import knot, quoted

from sendgate.message.keys import read_private_key

HEADER = "email,first_name,consent_at,consent_source,consent_proof,direct"
SENDER = """
[sender]
return-path = "bounce.news.example.com"
sender = "own"
content = ["www.example.com"]
"""
SOA = "IN SOA ns.example.com. hostmaster.example.com. 1 3600 900 604800 300"


@dataclass(frozen=True)
class Setup:
    """Where a campaign is, and the name server that knows its world."""

    folder: Path
    file: Path
    nameserver: str
    reload: Callable[[], None]

    def break_spf(self) -> None:
        """Serve an SPF record from now on that does not know the sender's address."""
        zone = self.folder / "dns" / "..zone"
        text = zone.read_text("ascii").replace(" 1 3600 ", " 2 3600 ")
        text = text.replace("ip4:127.0.0.1", "ip4:192.0.2.1").replace("v=DKIM1", "v=DKIM9")
        zone.write_text(text, "ascii")
        self.reload()

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'store.db'}"

    @property
    def arguments(self) -> list[str]:
        return ["send", str(self.file), "--nameserver", self.nameserver]

    def contacts(self, addresses: Sequence[str]) -> None:
        write_contacts(self.folder, addresses)


def rsa_key() -> bytes:
    """A new private key in PEM."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def world(key_record: str, *, spf: str, dmarc: str, others: str = "") -> str:
    """The whole of the DNS as one zone: the sender's names, the recipients', reverse DNS."""
    return (
        "\n".join(
            [
                "$ORIGIN .",
                "$TTL 300",
                f". {SOA}",
                ". NS ns.example.com.",
                "$ORIGIN example.com.",
                "ns A 127.0.0.1",
                "@ A 127.0.0.1",
                "@ MX 10 mail",
                '@ TXT "v=spf1 -all"',
                "www A 127.0.0.1",
                "mail A 127.0.0.1",
                'mail TXT "v=spf1 ip4:127.0.0.1 -all"',
                "news MX 10 mail",
                "news A 127.0.0.1",
                f'news TXT "{spf}"',
                "bounce.news MX 10 mail",
                f'bounce.news TXT "{spf}"',
                f"s1._domainkey.news TXT {quoted(key_record)}",
                f'_dmarc TXT "{dmarc}"',
                "$ORIGIN example.net.",
                "@ MX 10 mx",
                "mx A 127.0.0.1",
                "$ORIGIN example.org.",
                "@ MX 0 .",
                "1.0.0.127.in-addr.arpa. PTR mail.example.com.",
                others,
            ]
        )
        + "\n"
    )


def campaign_toml(port: int, folder: Path) -> str:
    return f"""
name = "november-news"
kind = "marketing"
store = "sqlite:///{folder}/store.db"
{SENDER}
[message]
from = "Example News <hello@news.example.com>"
reply-to = "support@news.example.com"
subject = "Hello {{{{ first_name }}}}"
text = "news.txt.j2"
[contacts]
file = "contacts.csv"
[unsubscribe]
url = "https://www.example.com/u/{{token}}"
[dkim]
keys = [{{ domain = "news.example.com", selector = "s1", file = "s1.pem" }}]
[transport]
port = {port}
helo = "mail.example.com"
source-addresses = ["127.0.0.1"]
"""


def written(folder: Path, port: int, pem: bytes, toml: str = "") -> Path:
    """Write a campaign to one contact whose hosts listen on `port`."""
    (folder / "s1.pem").write_bytes(pem)
    (folder / "s1.pem").chmod(0o600)
    (folder / "news.txt.j2").write_text(
        "Hello {{ first_name }}\n\nTo stop: {{ unsubscribe_url }}\n", "utf-8"
    )
    file = folder / "campaign.toml"
    file.write_text(campaign_toml(port, folder) + toml, "utf-8")
    write_contacts(folder, ["joe@example.net"])
    return file


def write_contacts(folder: Path, addresses: Sequence[str]) -> None:
    """Write the list; everybody in it has consented."""
    rows = [f"{a},Joe,2026-11-01,form,https://crm.example/1,yes" for a in addresses]
    (folder / "contacts.csv").write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")


@contextlib.contextmanager
def served(
    folder: Path,
    port: int,
    pem: bytes,
    *,
    spf: str = "v=spf1 ip4:127.0.0.1 -all",
    dmarc: str = "v=DMARC1; p=reject; rua=mailto:dmarc@example.com",
    toml: str = "",
    others: str = "",
) -> Iterator[Setup]:
    """Write a campaign, and serve its world."""
    file = written(folder, port, pem, toml)
    record = read_private_key(pem, "s1.pem").record_text
    place = folder / "dns"
    place.mkdir()
    with knot(place, {".": world(record, spf=spf, dmarc=dmarc, others=others)}) as server:
        yield Setup(folder, file, server.place, lambda: os.kill(server.pid, signal.SIGHUP))
